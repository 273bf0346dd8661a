//! The sound of one simulated phone: a UDP socket and a thread of its own that keeps the beat of 20 ms.
//!
//! A thread and not a task, because a phone sends on time whatever else a program does, and because arrival times must
//! be those of the packets and not those of a busy runtime.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use call::{AudioFrame, Moment};
use media::{Clip, PACKET_MAX, Playout, Progress, RtpConfig, RtpEvent, RtpSession, RtpTime, SeqNo, SessionError, Ssrc};
use sip_bridge::sdp::{MediaDirection, Negotiated};
use tokio::sync::mpsc;

use crate::arrivals::Arrivals;
use crate::dice::Dice;
use crate::echo::{EchoPath, LineEffects};
use crate::line::Losses;
use crate::report::RtpReport;

/// A port for sound, open before anybody is told its number.
#[derive(Debug)]
pub(crate) struct WirePort {
    socket: UdpSocket,
}

/// Whether anybody wants every frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    Frames,
    Nobody,
}

/// 20 ms of a call.
#[derive(Debug)]
pub(crate) struct Tick {
    /// What we said; an echo that was sent with it is left out.
    pub(crate) said: AudioFrame,
    /// What we heard; silence when nothing came.
    pub(crate) heard: AudioFrame,
    /// A key they pressed.
    pub(crate) digit: Option<char>,
    /// The act ordered last has ended with this frame, or could not be done.
    pub(crate) act: Option<ActEnd>,
}

/// How an act ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ActEnd {
    Done,
    Refused { reason: String },
}

/// What to do.
#[derive(Debug)]
enum Order {
    Keys(String),
    Play(Arc<[AudioFrame]>),
    Renegotiate(Negotiated),
}

/// What a wire has seen when it is closed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WireReport {
    pub(crate) rtp: RtpReport,
    /// Frames that were sound, times 20 ms.
    pub(crate) loud_ms: u64,
    /// The first of them, since the wire opened.
    pub(crate) first_loud_ms: Option<u64>,
}

/// The running sound of one phone. Closed when dropped.
#[derive(Debug)]
pub(crate) struct Wire {
    ticks: mpsc::Receiver<Tick>,
    orders: SyncSender<Order>,
    thread: JoinHandle<WireReport>,
}

impl WirePort {
    pub(crate) fn open(address: IpAddr) -> io::Result<Self> {
        Ok(Self { socket: UdpSocket::bind((address, 0))? })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Starts the beat.
    pub(crate) fn start(self, agreed: &Negotiated, listener: Listener, line: LineEffects) -> Result<Wire, WireError> {
        let entropy = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        let mut dice = Dice::new(entropy ^ (u64::from(self.socket.local_addr()?.port()) << 48));
        let mut session = RtpSession::new(RtpConfig {
            codec: agreed.codec,
            payload_type: agreed.payload_type,
            telephone_event: agreed.telephone_event,
            remote: agreed.remote,
            ssrc: Ssrc(dice.bits() as u32),
            first_seq: SeqNo(dice.bits() as u16),
            first_time: RtpTime(dice.bits() as u32),
        })?;
        session.set_direction(direction(agreed.direction));
        let (ticks, ticks_out) = mpsc::channel(TICKS_MAX);
        let (orders_in, orders) = sync_channel(ORDERS_MAX);
        let beat = Beat {
            socket: self.socket,
            session,
            playout: Playout::new(),
            arrivals: Arrivals::default(),
            keys: VecDeque::new(),
            keying: Keying::Idle,
            echo: line.echo.map(EchoPath::new),
            losses: line.loss.map(|(pattern, seed)| Losses::new(pattern, seed)),
            orders,
            ticks: (listener == Listener::Frames).then_some(ticks),
            report: WireReport::default(),
            beats: 0,
            packet: [0; PACKET_MAX],
        };
        let thread = thread::Builder::new().name("phone".to_owned()).spawn(move || beat.run())?;
        Ok(Wire { ticks: ticks_out, orders: orders_in, thread })
    }
}

/// Why a phone has no sound.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The machine's: no port or no thread.
    #[error("no port or thread for sound: {0}")]
    Io(#[from] io::Error),
    /// Ours: something was agreed on that cannot be carried.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl Wire {
    /// The next 20 ms; `None` when the thread is gone.
    pub(crate) async fn tick(&mut self) -> Option<Tick> {
        self.ticks.recv().await
    }

    /// Says this after what is being said.
    pub(crate) fn play(&self, frames: Arc<[AudioFrame]>) {
        self.order(Order::Play(frames));
    }

    /// Presses these keys.
    pub(crate) fn press(&self, keys: &str) {
        self.order(Order::Keys(keys.to_owned()));
    }

    /// Goes on as agreed anew.
    pub(crate) fn renegotiate(&self, agreed: Negotiated) {
        self.order(Order::Renegotiate(agreed));
    }

    /// Ends the sound and tells what came.
    pub(crate) async fn close(self) -> WireReport {
        let Self { ticks, orders, thread } = self;
        drop((ticks, orders));
        // At most one beat, but a blocking wait all the same.
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        match joined {
            Ok(Ok(report)) => report,
            Ok(Err(_)) | Err(_) => {
                tracing::error!("The thread of a simulated phone panicked");
                WireReport::default()
            }
        }
    }

    fn order(&self, order: Order) {
        // The queue is far longer than a scenario asks for at once; a thread that is gone shows in the ticks.
        if self.orders.try_send(order).is_err() {
            tracing::warn!("A simulated phone could not take an order");
        }
    }
}

/// Whether keys are being pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keying {
    Idle,
    Pressing,
}

/// What the thread owns.
struct Beat {
    socket: UdpSocket,
    session: RtpSession,
    playout: Playout,
    arrivals: Arrivals,
    keys: VecDeque<char>,
    keying: Keying,
    echo: Option<EchoPath>,
    losses: Option<Losses>,
    orders: Receiver<Order>,
    ticks: Option<mpsc::Sender<Tick>>,
    report: WireReport,
    /// Frames so far; 2.7 years of them fit.
    beats: u32,
    packet: [u8; PACKET_MAX],
}

impl Beat {
    fn run(mut self) -> WireReport {
        let start = Instant::now();
        loop {
            let due = start + AudioFrame::DURATION * self.beats.saturating_add(1);
            self.receive_until(start, due);
            let mut refused = None;
            loop {
                match self.orders.try_recv() {
                    Ok(order) => refused = self.obey(order).or(refused),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return self.finish(),
                }
            }
            self.beat(moment(start), refused);
        }
    }

    /// Takes datagrams, each at the moment it comes, until the next beat is due.
    fn receive_until(&mut self, start: Instant, due: Instant) {
        let mut bytes = [0; PACKET_MAX];
        // A flood must not stop the beat; what does not fit waits in the socket or is lost there.
        for _ in 0..DATAGRAMS_PER_BEAT_MAX {
            let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else { return };
            if self.socket.set_read_timeout(Some(left)).is_err() {
                return thread::sleep(left);
            }
            match self.socket.recv_from(&mut bytes) {
                Ok((length, from)) => {
                    let now = moment(start);
                    self.arrivals.handle_datagram(&bytes[..length], now);
                    self.session.handle_datagram(from, &bytes[..length], now);
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => return,
                // An ICMP error of a packet we sent, or a signal: neither ends a call.
                Err(_) => {}
            }
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }

    fn obey(&mut self, order: Order) -> Option<ActEnd> {
        match order {
            Order::Keys(keys) => {
                self.keys.extend(keys.chars().take(KEYS_WAITING_MAX));
                self.keying = Keying::Pressing;
                None
            }
            Order::Play(frames) => match self.playout.push(Clip { id: u64::from(self.beats), frames }) {
                Ok(()) => None,
                Err(full) => Some(ActEnd::Refused { reason: full.to_string() }),
            },
            Order::Renegotiate(agreed) => {
                self.session.set_remote(agreed.remote);
                self.session.set_direction(direction(agreed.direction));
                let changed = self.session.set_codec(agreed.codec, agreed.payload_type, agreed.telephone_event);
                if let Err(error) = changed {
                    tracing::warn!(%error, "A simulated phone keeps its codec");
                }
                None
            }
        }
    }

    fn beat(&mut self, now: Moment, refused: Option<ActEnd>) {
        let heard = self.session.next_frame(now).unwrap_or(AudioFrame::SILENCE);
        if crate::gap::rms(&heard.0) > LOUD {
            self.report.loud_ms += AudioFrame::DURATION.as_millis() as u64;
            self.report.first_loud_ms.get_or_insert(now.as_millis());
        }
        let mut digit = None;
        while let Some(event) = self.session.poll_event() {
            match event {
                RtpEvent::Digit(key) => digit = Some(key.into_revealed()),
                RtpEvent::SourceChanged(_) | RtpEvent::SourceLatched(_) => {}
            }
        }
        let keys_done = self.press_keys();
        let said = self.playout.frame().unwrap_or(AudioFrame::SILENCE);
        let sent = self.echo.as_mut().map_or(said, |echo| echo.mix(&heard, &said));
        let is_lost = self.losses.as_mut().is_some_and(Losses::next_is_lost);
        if let Some(out) = self.session.packet(&sent, &mut self.packet)
            && !is_lost
        {
            // A packet the machine cannot send is lost, like any other.
            let _lost = self.socket.send_to(&self.packet[..out.len], out.to);
        }
        let act = refused.or(keys_done).or_else(|| self.clip_done());
        while self.playout.poll_retired().is_some() {}
        self.beats += 1;
        if let Some(ticks) = &self.ticks
            && ticks.try_send(Tick { said, heard, digit, act }).is_err()
        {
            tracing::debug!("A frame of a simulated phone was not taken");
        }
    }

    /// Presses the next key when the last is up; tells when all are done.
    fn press_keys(&mut self) -> Option<ActEnd> {
        if self.keying == Keying::Idle || self.session.is_sending_digits() {
            return None;
        }
        let Some(key) = self.keys.pop_front() else {
            self.keying = Keying::Idle;
            return Some(ActEnd::Done);
        };
        let refused = self.session.send_digit(key).err()?;
        self.keys.clear();
        self.keying = Keying::Idle;
        Some(ActEnd::Refused { reason: refused.to_string() })
    }

    fn clip_done(&mut self) -> Option<ActEnd> {
        let mut done = None;
        while let Some(progress) = self.playout.poll_progress() {
            match progress {
                Progress::Finished { .. } | Progress::Stopped { .. } => done = Some(ActEnd::Done),
                Progress::Started { .. } => {}
            }
        }
        done
    }

    fn finish(self) -> WireReport {
        let stats = self.session.stats();
        let rtp = RtpReport {
            received: self.arrivals.received(),
            sent: stats.sent,
            lost: self.arrivals.missing(),
            gap_max_ms: self.arrivals.gap_max().as_secs_f64() * 1_000.0,
            jitter_ms: f64::from(stats.jitter_ms),
        };
        WireReport { rtp, ..self.report }
    }
}

/// Time on this phone's own clock.
fn moment(start: Instant) -> Moment {
    Moment::START + start.elapsed()
}

const fn direction(agreed: MediaDirection) -> media::MediaDirection {
    match agreed {
        MediaDirection::Inactive => media::MediaDirection::Inactive,
        MediaDirection::RecvOnly => media::MediaDirection::RecvOnly,
        MediaDirection::SendOnly => media::MediaDirection::SendOnly,
        MediaDirection::SendRecv => media::MediaDirection::SendRecv,
    }
}

/// Frames that may wait for the mind of the phone: 20 s.
const TICKS_MAX: usize = 1_000;
/// Orders that may wait for one beat.
const ORDERS_MAX: usize = 32;
/// Keys that may wait.
const KEYS_WAITING_MAX: usize = 256;
/// Datagrams read in one beat.
const DATAGRAMS_PER_BEAT_MAX: usize = 200;
/// Above this a frame is sound: -44 dB of full scale.
const LOUD: f32 = 200.0;
