//! Calls from browsers: a leg that speaks WebRTC, where the door's legs speak SIP.
//!
//! What leaves this folder is the same as what the door hands over: an arrival with a leg and its sound. A call never
//! learns which kind it has (docs/decisions/0010). The leg's task decrypts and encrypts; behind it the sound is plain
//! RTP for the media thread, like that of any phone.

mod gate;
mod leg;
mod page;
mod peer;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use call::Language;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use self::leg::{BrowserLeg, Command, Wishes};
use self::peer::{Peer, Place as Address};
use crate::config::Config;
use crate::http::LiveCalls;
use crate::reception::{Admission, Guest};

/// Why a browser's offer is not taken.
#[derive(Debug, Error)]
pub enum OfferError {
    /// As many calls live as may.
    #[error("all lines are busy")]
    Busy,
    /// There is no such call, or no longer.
    #[error("there is no such call")]
    Gone,
    /// Theirs: the offer is none, or has no sound that we speak.
    #[error("the offer cannot be answered: {0}")]
    Offer(String),
    /// The machine's: no port, no memory, no time.
    #[error("{0}")]
    Machine(String),
}

/// What the page is told in return for its offer.
#[derive(Debug)]
pub struct Answered {
    /// Names the call to whoever placed it, and nobody else can guess it.
    pub id: String,
    /// Our session description.
    pub sdp: String,
}

/// Takes calls from browsers. Cheap to copy; every copy is the same.
#[derive(Clone)]
pub struct Browsers {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    legs: Mutex<HashMap<String, mpsc::Sender<Command>>>,
    next_port: AtomicU32,
    arrivals: mpsc::Sender<Guest>,
    /// Places among all calls, and among those from browsers.
    admissions: [Admission; 2],
    live: LiveCalls,
    tasks: TaskTracker,
    closing: CancellationToken,
}

/// What of the configuration concerns browsers.
struct Settings {
    listen: IpAddr,
    public: Option<IpAddr>,
    ports: RangeInclusive<u16>,
}

impl Browsers {
    /// Ready to take calls, which come out at the second end.
    pub(crate) fn new(config: &Config, admission: Admission, live: LiveCalls) -> (Self, mpsc::Receiver<Guest>) {
        let (arrivals, guests) = mpsc::channel(ARRIVALS_MAX);
        let webrtc = &config.webrtc;
        let settings = Settings {
            listen: webrtc.listen.unwrap_or_else(|| config.media_listen()),
            public: webrtc.public_address.or(config.media.public_address).or(config.sip.public_address),
            ports: webrtc.ports.ports(),
        };
        let inner = Inner {
            settings,
            legs: Mutex::default(),
            next_port: AtomicU32::new(rand::random()),
            arrivals,
            admissions: [admission, Admission::new(webrtc.calls_max.number())],
            live,
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
        };
        (Self { inner: Arc::new(inner) }, guests)
    }

    /// Answers an offer. The call itself begins when the browser has connected.
    ///
    /// # Errors
    /// [`OfferError`]; nothing is left behind then.
    pub async fn offer(&self, sdp: String, language: Option<Language>, to: String) -> Result<Answered, OfferError> {
        let inner = &self.inner;
        if inner.closing.is_cancelled() {
            return Err(OfferError::Busy);
        }
        let places = inner.admissions.iter().map(Admission::admit).collect::<Option<Vec<_>>>();
        let places = places.ok_or(OfferError::Busy)?;
        let address = inner.settings.address(&inner.next_port)?;
        let (peer, sdp) = Peer::answer(address, sdp).await?;
        let id = format!("{:032x}", rand::random::<u128>());
        let (orders, commands) = mpsc::channel(COMMANDS_MAX);
        let leg = BrowserLeg::new(peer, commands, Wishes { language, to }, places, inner.live.clone())
            .map_err(|error| OfferError::Machine(format!("there is no socket for its sound: {error}")))?;
        inner.lock().insert(id.clone(), orders);
        let (kept, name) = (self.clone(), id.clone());
        let task = inner.tasks.spawn(leg.run(inner.arrivals.clone(), inner.closing.clone()));
        inner.tasks.spawn(async move {
            if let Err(error) = task.await {
                warn!(%error, "A browser's leg broke");
            }
            kept.inner.lock().remove(&name);
        });
        info!("A browser's offer is answered");
        Ok(Answered { id, sdp })
    }

    /// Answers a new offer for a call that lives: the browser has another network, or another address (RFC 8445 9).
    ///
    /// # Errors
    /// [`OfferError::Gone`] when there is no such call, [`OfferError::Offer`] when the offer is none; the call goes on.
    pub async fn restart(&self, id: &str, sdp: String) -> Result<String, OfferError> {
        let (reply, answer) = oneshot::channel();
        self.command(id, Command::Restart { sdp, reply }).await?;
        answer.await.map_err(|_| OfferError::Gone)?
    }

    /// The browser hangs up.
    ///
    /// # Errors
    /// [`OfferError::Gone`] when there is no such call.
    pub async fn hang_up(&self, id: &str) -> Result<(), OfferError> {
        self.command(id, Command::HangUp).await
    }

    /// Ends every leg, also those that have not connected yet, and waits a moment for them.
    pub(crate) async fn close(&self) {
        self.inner.closing.cancel();
        self.inner.tasks.close();
        if tokio::time::timeout(CLOSE_WAIT, self.inner.tasks.wait()).await.is_err() {
            warn!(left = self.inner.tasks.len(), "Legs of browsers did not end in time");
        }
    }

    async fn command(&self, id: &str, command: Command) -> Result<(), OfferError> {
        let orders = self.inner.lock().get(id).cloned().ok_or(OfferError::Gone)?;
        orders.send(command).await.map_err(|_| OfferError::Gone)
    }
}

impl fmt::Debug for Browsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Browsers({})", self.inner.lock().len())
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, mpsc::Sender<Command>>> {
        self.legs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Settings {
    /// A free port for one browser; each in its turn, so that one rests as long as possible.
    fn address(&self, next: &AtomicU32) -> Result<Address, OfferError> {
        let (first, count) = (*self.ports.start(), u32::from(self.ports.end() - self.ports.start()) + 1);
        for _ in 0..count {
            let turn = next.fetch_add(1, Ordering::Relaxed) % count;
            let listen = SocketAddr::new(self.listen, first + u16::try_from(turn).unwrap_or(0));
            if UdpSocket::bind(listen).is_ok() {
                return Ok(Address { listen, public: self.public.filter(|public| *public != self.listen) });
            }
        }
        Err(OfferError::Machine(format!(
            "no UDP port is free in webrtc.ports {first}-{} on {}: widen webrtc.ports",
            self.ports.end(),
            self.listen
        )))
    }
}

/// Guests who have connected and wait for the reception.
const ARRIVALS_MAX: usize = 64;
/// Orders of one page that may wait.
const COMMANDS_MAX: usize = 4;
/// How long legs may take to end when the house closes.
const CLOSE_WAIT: Duration = Duration::from_secs(3);
