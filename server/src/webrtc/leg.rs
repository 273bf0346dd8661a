//! One browser's leg: it waits for the connection, arrives as a guest, and carries sound, keys and words until the end.
//!
//! Towards the call it is a [`LegHandle`] like that of a phone: orders in, events out. An offer is answered before
//! anybody has been asked, and the call begins when sound can flow, so that no first word is lost to the handshake.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use call::{CallId, EventRecord, Language, Pii};
use sip_bridge::{LEG_EVENTS_MAX, LEG_ORDERS_MAX, LegError, LegEvent, LegHandle, Order, Side};
use tokio::net::UdpSocket;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};
use webrtc::data_channel::DataChannel;
use webrtc::media_stream::track_remote::TrackRemote;

use super::OfferError;
use super::gate::Gate;
use super::page::{self, FromPage};
use super::peer::{self, Link, Peer, PeerEvent};
use crate::http::LiveCalls;
use crate::reception::{Arrival, Guest, Place, Sound};

/// An order of the page, by HTTP.
#[derive(Debug)]
pub(super) enum Command {
    /// Hang up.
    HangUp,
    /// Answer a changed offer.
    Restart { sdp: String, reply: oneshot::Sender<Result<String, OfferError>> },
}

/// What the caller has chosen.
#[derive(Debug)]
pub(super) struct Wishes {
    pub(super) language: Option<Language>,
    pub(super) to: String,
}

/// One browser's leg.
pub(super) struct BrowserLeg {
    peer: Peer,
    commands: mpsc::Receiver<Command>,
    live: LiveCalls,
    call: CallId,
    stage: Stage,
    /// What reads the browser's sound and channel.
    readers: JoinSet<()>,
    gate: Arc<UdpSocket>,
    page: Page,
    keys: (mpsc::Sender<FromPage>, mpsc::Receiver<FromPage>),
}

/// How far it has come.
enum Stage {
    /// The call has been told.
    Arrived(House),
    /// The browser has our answer and has not connected.
    Connecting { until: Instant, guest: Option<Box<Guest>>, house: Option<House> },
}

/// The call's side of a leg.
struct House {
    orders: mpsc::Receiver<Order>,
    events: mpsc::Sender<LegEvent>,
    /// What happens in the call, once it is answered.
    news: Option<broadcast::Receiver<Arc<EventRecord>>>,
}

/// What the page is told, in order; kept until its channel is there.
#[derive(Default)]
struct Page {
    channel: Option<Arc<dyn DataChannel>>,
    waiting: VecDeque<String>,
}

/// Something a leg has to act on.
enum Happening {
    Closing,
    Command(Command),
    FromPage(FromPage),
    Late,
    News(Arc<EventRecord>),
    Order(Option<Order>),
    Packet(usize),
    Peer(Option<PeerEvent>),
}

/// Why a leg ends.
struct End {
    by: Side,
    reason: String,
}

impl BrowserLeg {
    /// A leg whose browser has been answered. It holds its places among the calls until it, and its call, is over.
    ///
    /// # Errors
    /// When the machine has no socket for its sound.
    pub(super) fn new(
        peer: Peer,
        commands: mpsc::Receiver<Command>,
        wishes: Wishes,
        places: Vec<Place>,
        live: LiveCalls,
    ) -> io::Result<Self> {
        let gate = Gate::open()?;
        let call = CallId::from_bits(rand::random());
        let (events, leg_events) = mpsc::channel(LEG_EVENTS_MAX);
        let (orders_in, orders) = mpsc::channel(LEG_ORDERS_MAX);
        let sound = Sound::Agreed { socket: gate.media, rtp: peer.rtp_config(gate.leg_address) };
        let arrival = Arrival {
            call,
            leg: LegHandle::new(leg_events, orders_in),
            from: Pii::new(CALLER.to_owned()),
            to: wishes.to,
            language: wishes.language,
            session: None,
            sound,
        };
        let house = House { orders, events, news: None };
        let until = Instant::now() + CONNECT_WAIT;
        Ok(Self {
            peer,
            commands,
            live,
            call,
            stage: Stage::Connecting { until, guest: Some(Box::new(Guest { arrival, places })), house: Some(house) },
            readers: JoinSet::new(),
            gate: Arc::new(gate.leg),
            page: Page::default(),
            keys: mpsc::channel(KEYS_MAX),
        })
    }

    /// Lives until one side hangs up, the browser is gone, or `closing` is cancelled.
    pub(super) async fn run(mut self, arrivals: mpsc::Sender<Guest>, closing: CancellationToken) {
        let mut packet = [0; PACKET_MAX];
        let end = loop {
            let happening = self.next(&mut packet, &closing).await;
            let end = match happening {
                Happening::Closing => Some(End::local("closing")),
                Happening::Command(command) => self.on_command(command).await,
                Happening::FromPage(message) => self.on_page(message),
                Happening::Late => Some(End::remote("never connected")),
                Happening::News(record) => {
                    self.tell(page::told(&record)).await;
                    None
                }
                Happening::Order(order) => self.on_order(order),
                Happening::Packet(length) => {
                    self.peer.send(&packet[..length]).await;
                    None
                }
                Happening::Peer(event) => self.on_peer(event, &arrivals).await,
            };
            if let Some(end) = end {
                break end;
            }
        };
        self.close(end).await;
    }

    async fn next(&mut self, packet: &mut [u8], closing: &CancellationToken) -> Happening {
        tokio::select! {
            event = self.peer.events.recv() => Happening::Peer(event),
            Some(command) = self.commands.recv() => Happening::Command(command),
            Some(message) = self.keys.1.recv() => Happening::FromPage(message),
            happening = self.stage.next(&self.gate, packet) => happening,
            () = closing.cancelled() => Happening::Closing,
        }
    }

    async fn on_command(&mut self, command: Command) -> Option<End> {
        match command {
            Command::HangUp => Some(End::remote("hung up")),
            Command::Restart { sdp, reply } => {
                let answer = self.peer.restart(sdp).await;
                debug!(call_id = %self.call, taken = answer.is_ok(), "A browser came back with a new offer");
                // The page may have given up.
                let _ = reply.send(answer);
                None
            }
        }
    }

    fn on_page(&mut self, message: FromPage) -> Option<End> {
        match message {
            FromPage::Digit { digit } => {
                if let Stage::Arrived(house) = &self.stage {
                    // Keys beyond what a call can take are dropped, as a phone's INFO would be refused.
                    let _ = house.events.try_send(LegEvent::Info { digit: Pii::new(digit) });
                }
                None
            }
            FromPage::HangUp => Some(End::remote("hung up")),
        }
    }

    fn on_order(&mut self, order: Option<Order>) -> Option<End> {
        let Stage::Arrived(house) = &mut self.stage else { return None };
        // Whoever ordered may have gone.
        match order {
            None => return Some(End::local("dropped")),
            Some(Order::Answer { done, .. }) => {
                house.news = self.live.watch(self.call).map(|(_, news)| news);
                let _ = done.send(Ok(()));
            }
            Some(Order::HangUp { reason }) => return Some(End::local(&reason)),
            Some(Order::Reject { status, done, .. }) => {
                let _ = done.send(Ok(()));
                return Some(End::local(if status == BUSY { "busy" } else { "failed" }));
            }
            // The session of a browser is the browser's to change.
            Some(Order::Reoffer { done, .. }) => drop(done.send(Err(LegError::Refused { code: 488 }))),
            Some(Order::Ring { done }) => drop(done.send(Ok(()))),
        }
        None
    }

    async fn on_peer(&mut self, event: Option<PeerEvent>, arrivals: &mpsc::Sender<Guest>) -> Option<End> {
        match event {
            None => return Some(End::remote("the connection broke")),
            Some(PeerEvent::Channel(channel)) => self.listen(channel).await,
            Some(PeerEvent::Link(Link::Lost)) => {
                info!(call_id = %self.call, "A browser is not heard; it may come back")
            }
            Some(PeerEvent::Link(Link::Over)) => return Some(End::remote("the browser is gone")),
            Some(PeerEvent::Link(Link::Up)) => return self.arrive(arrivals),
            Some(PeerEvent::Sound(track)) => self.hear(track),
        }
        None
    }

    /// Sound can flow: the call begins. Nothing, when the browser only has come back.
    fn arrive(&mut self, arrivals: &mpsc::Sender<Guest>) -> Option<End> {
        let Stage::Connecting { guest, house, .. } = &mut self.stage else { return None };
        let (guest, house) = (guest.take()?, house.take()?);
        self.stage = Stage::Arrived(house);
        arrivals.try_send(*guest).is_err().then(|| End::local("busy"))
    }

    /// Hands the browser's sound to the media thread. A page has one microphone.
    fn hear(&mut self, track: Arc<dyn TrackRemote>) {
        if self.readers.len() >= READERS_MAX {
            return;
        }
        let gate = self.gate.clone();
        self.readers.spawn(async move {
            let mut packet = [0; PACKET_MAX];
            while let Some(packet) = peer::next_packet(&track, &mut packet).await {
                // A full socket loses this packet, as any packet may be lost.
                let _ = gate.send(packet).await;
            }
        });
    }

    /// The page's channel is there: what waited is told, and its keys are read.
    async fn listen(&mut self, channel: Arc<dyn DataChannel>) {
        if self.readers.len() >= READERS_MAX {
            return;
        }
        let keys = self.keys.0.clone();
        self.page.channel = Some(channel.clone());
        self.readers.spawn(async move {
            while let Some(message) = peer::next_message(&channel).await {
                let Some(message) = FromPage::read(&message) else { continue };
                if keys.send(message).await.is_err() {
                    return;
                }
            }
        });
        self.page.flush().await;
    }

    async fn tell(&mut self, message: Option<String>) {
        let Some(message) = message else { return };
        if self.page.waiting.len() == WAITING_MAX {
            self.page.waiting.pop_front();
        }
        self.page.waiting.push_back(message);
        self.page.flush().await;
    }

    async fn close(mut self, end: End) {
        info!(call_id = %self.call, reason = end.reason, "A browser's leg ends");
        self.tell(page::ended(&end.reason)).await;
        if let Stage::Arrived(house) = &self.stage {
            let ended = LegEvent::Ended { by: end.by, reason: end.reason, code: None };
            // A call that does not listen any more has ended by itself.
            let _ = tokio::time::timeout(TELL_WAIT, house.events.send(ended)).await;
        }
        if end.by == Side::Local {
            sleep(LAST_WORDS_WAIT).await;
        }
        self.peer.close().await;
        self.readers.shutdown().await;
    }
}

impl Stage {
    /// What the call or the clock wants next; what the media thread sends is read into `packet`.
    async fn next(&mut self, gate: &UdpSocket, packet: &mut [u8]) -> Happening {
        match self {
            Self::Arrived(House { orders, news, .. }) => tokio::select! {
                order = orders.recv() => Happening::Order(order),
                record = next_news(news) => Happening::News(record),
                length = next_datagram(gate, packet) => Happening::Packet(length),
            },
            Self::Connecting { until, .. } => {
                sleep_until(*until).await;
                Happening::Late
            }
        }
    }
}

/// The next event of the call; never, before it is answered or when it is over. A page that cannot follow misses some.
async fn next_news(news: &mut Option<broadcast::Receiver<Arc<EventRecord>>>) -> Arc<EventRecord> {
    while let Some(receiver) = news {
        match receiver.recv().await {
            Ok(record) => return record,
            Err(broadcast::error::RecvError::Lagged(missed)) => debug!(missed, "A page could not follow its call"),
            Err(broadcast::error::RecvError::Closed) => *news = None,
        }
    }
    std::future::pending().await
}

/// The next datagram of the media thread. Its socket closes when the call ends, which is told otherwise.
async fn next_datagram(gate: &UdpSocket, packet: &mut [u8]) -> usize {
    loop {
        match gate.recv(packet).await {
            Ok(length) => return length,
            Err(_) => sleep(GATE_PAUSE).await,
        }
    }
}

impl Page {
    /// Sends what waits, as long as the channel takes it.
    async fn flush(&mut self) {
        let Some(channel) = &self.channel else { return };
        while let Some(message) = self.waiting.front() {
            if channel.try_send_text(message).await.is_err() {
                return;
            }
            self.waiting.pop_front();
        }
    }
}

impl End {
    fn local(reason: &str) -> Self {
        Self { by: Side::Local, reason: reason.to_owned() }
    }

    fn remote(reason: &str) -> Self {
        Self { by: Side::Remote, reason: reason.to_owned() }
    }
}

/// Who calls, as far as we can know it.
const CALLER: &str = "browser";
/// The status of a call refused because all lines are busy (RFC 3261 21.5.4).
const BUSY: u16 = 503;
/// How long a browser may take to connect after our answer.
const CONNECT_WAIT: Duration = Duration::from_secs(20);
/// How long the call may take to hear that its leg is over.
const TELL_WAIT: Duration = Duration::from_secs(2);
/// How long the last words to the page may be on their way.
const LAST_WORDS_WAIT: Duration = Duration::from_millis(200);
/// The pause after the media thread's socket was found closed.
const GATE_PAUSE: Duration = Duration::from_millis(20);
/// Packets are shorter than any path's limit.
const PACKET_MAX: usize = 1_500;
/// Messages of the page that may wait.
const KEYS_MAX: usize = 32;
/// Messages to the page that may wait for its channel.
const WAITING_MAX: usize = 128;
/// One microphone and one channel, and as many again after each was opened anew.
const READERS_MAX: usize = 4;
