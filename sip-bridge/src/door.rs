//! The door itself: sockets open and closed, calls in and out.
//!
//! A shell around the SIP stack that decides nothing a caller would notice: which calls are taken is the house's, what
//! crossing messages mean is [`crate::Leg`]'s.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tracing::info;

use crate::adapter::gate::{Gate, keep_open};
use crate::adapter::{Bound, Switch, incoming, leg_task, tcp};
use crate::guard::{DoorCounts, GuardConfig};
use crate::handle::{InboundCall, LegHandle};
use crate::registrar::{Contact, RegistrarConfig};
use crate::tls::TlsIdentity;

/// Inbound calls that may wait to be looked at; beyond it callers hear 503.
pub const INBOUND_CALLS_MAX: usize = 256;
/// How long [`Door::close`] waits for the last calls to say goodbye.
pub const CLOSE_WAIT_MAX: Duration = Duration::from_secs(3);

/// How SIP messages travel (RFC 3261 18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Over a stream.
    Tcp,
    /// Over a stream that nobody else can read. Calls go out by it only to phones that have registered by it.
    Tls,
    /// In datagrams.
    Udp,
}

impl Transport {
    /// The name in lower case, as in `;transport=` and in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Udp => "udp",
        }
    }
}

/// Where the door opens, and to whom.
#[derive(Clone, Debug, Default)]
pub struct DoorConfig {
    /// The UDP address; port 0 takes a free one.
    pub udp: Option<SocketAddr>,
    /// The TCP address; port 0 takes a free one.
    pub tcp: Option<SocketAddr>,
    /// The TLS address, and what is shown there; port 0 takes a free one.
    pub tls: Option<(SocketAddr, TlsIdentity)>,
    /// The address peers reach us at, when it is not the one we are bound to. Without it, a door bound to every
    /// address names the one from which the route to each peer leaves.
    pub public_address: Option<IpAddr>,
    /// What one source may ask.
    pub guard: GuardConfig,
    /// Who may register; without it REGISTER is not allowed.
    pub registrar: Option<RegistrarConfig>,
}

/// Why the door did not open, or a call did not go out.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Ours: the target of a call is no SIP address.
    #[error("{target:?} is no SIP address such as sip:1001@192.0.2.10:5060;transport=tcp")]
    BadTarget {
        /// What was given.
        target: String,
    },
    /// Ours: the door is closed.
    #[error("the SIP door is closed")]
    Closed,
    /// Ours: too many legs at once.
    #[error("the SIP door has no room for more than {max} legs")]
    Full {
        /// How many there may be.
        max: usize,
    },
    /// The machine's: the address cannot be opened.
    #[error("cannot open SIP over {} on {addr}: {source}; check `{key}` in the configuration", transport.name())]
    Io {
        /// The address.
        addr: SocketAddr,
        /// The transport.
        transport: Transport,
        /// The configuration key.
        key: &'static str,
        /// What the machine said.
        source: io::Error,
    },
    /// Ours: the door was not opened for this transport.
    #[error("the SIP door is not open for {}", .0.name())]
    NoTransport(Transport),
    /// The machine's: somebody else has the port.
    #[error(
        "cannot open SIP over {} on {addr}: another program uses this port; stop it, or change `{key}` in the \
         configuration",
        transport.name()
    )]
    PortInUse {
        /// The address.
        addr: SocketAddr,
        /// The transport.
        transport: Transport,
        /// The configuration key.
        key: &'static str,
    },
}

/// A call to place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// Whom: a SIP URI, with `;transport=tcp` for TCP.
    pub to: String,
    /// The user part of our From.
    pub from_user: String,
    /// The name to show.
    pub display: Option<String>,
    /// Our offer.
    pub sdp: String,
    /// Further headers as name and value, such as User-to-User.
    pub headers: Vec<(String, String)>,
    /// How long it may ring.
    pub ring_timeout: Duration,
}

/// The open door. Clones are the same door; it stays open until [`Door::close`], even when all are dropped.
#[derive(Clone, Debug)]
pub struct Door {
    switch: Arc<Switch>,
}

impl Door {
    /// Opens the door. Calls come out of the receiver, at most [`INBOUND_CALLS_MAX`] waiting; when it is dropped,
    /// callers hear 503. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`DoorError::PortInUse`] and [`DoorError::Io`]; nothing is left open then.
    pub async fn open(config: DoorConfig) -> Result<(Self, mpsc::Receiver<InboundCall>), DoorError> {
        let udp = match config.udp {
            Some(addr) => Some(UdpSocket::bind(addr).await.map_err(|error| cannot_open(addr, Transport::Udp, error))?),
            None => None,
        };
        let tcp = listener(config.tcp, Transport::Tcp).await?;
        let (tls, identity) = config.tls.map(|(addr, identity)| (addr, TlsAcceptor::from(identity.0))).unzip();
        let tls = listener(tls, Transport::Tls).await?;
        let udp_addr = udp.as_ref().and_then(|socket| socket.local_addr().ok());
        let tcp_addr = tcp.as_ref().and_then(|listener| listener.local_addr().ok());
        let tls_addr = tls.as_ref().and_then(|listener| listener.local_addr().ok());
        let bound = Bound { udp: udp_addr, tcp: tcp_addr, tls: tls_addr };
        let (inbound, calls) = mpsc::channel(INBOUND_CALLS_MAX);
        let keeps_open = config.registrar.is_some();
        let gate = Gate::new(config.guard, config.registrar);
        let (switch, endpoint, transactions) = Switch::new(bound, config.public_address, gate, inbound);
        if let (Some(socket), Some(addr)) = (udp, udp_addr) {
            let served = switch.serve_datagrams(socket).await;
            served.map_err(|error| cannot_open(addr, Transport::Udp, error))?;
        }
        if let Some(listener) = tcp {
            switch.spawn("TCP listener", tcp::listen(Arc::clone(&switch), listener, None));
        }
        if let Some(listener) = tls {
            switch.spawn("TLS listener", tcp::listen(Arc::clone(&switch), listener, identity));
        }
        switch.spawn("SIP stack", async move { endpoint.serve().await });
        switch.spawn("SIP dispatcher", incoming::dispatch(Arc::clone(&switch), transactions));
        if keeps_open {
            switch.spawn("NAT keeper", keep_open(Arc::clone(&switch)));
        }
        info!(udp = ?udp_addr, tcp = ?tcp_addr, tls = ?tls_addr, "SIP door open");
        Ok((Self { switch }, calls))
    }

    /// The address the door is bound to, with the port that was taken for port 0.
    pub fn local_addr(&self, transport: Transport) -> Option<SocketAddr> {
        self.switch.bound(transport)
    }

    /// The address to name to `peer` for media and signalling: the public one, the bound one, or the one the route to
    /// it leaves from.
    pub fn address_towards(&self, peer: SocketAddr) -> IpAddr {
        self.switch.address_towards(peer)
    }

    /// How many legs are alive.
    pub fn legs(&self) -> usize {
        self.switch.legs()
    }

    /// Places a call. What comes of it is told by the leg's events; a target that cannot be reached ends it with
    /// `Failed { code: 503 }`.
    ///
    /// # Errors
    /// [`DoorError::BadTarget`], [`DoorError::NoTransport`], [`DoorError::Full`] and [`DoorError::Closed`].
    pub async fn dial(&self, dial: Dial) -> Result<LegHandle, DoorError> {
        leg_task::dial(&self.switch, dial, None)
    }

    /// The same to a registered phone, which is reached where it registered from; [`Dial::to`] is not looked at.
    ///
    /// # Errors
    /// As [`Door::dial`].
    pub async fn dial_contact(&self, dial: Dial, contact: &Contact) -> Result<LegHandle, DoorError> {
        leg_task::dial(&self.switch, Dial { to: contact.uri.clone(), ..dial }, Some(contact))
    }

    /// Where a user's phones are now, the latest registered first.
    pub fn contacts(&self, user: &str) -> Vec<Contact> {
        self.switch.gate().contacts(user)
    }

    /// What was refused since the door opened, and how many phones are registered.
    pub fn counts(&self) -> DoorCounts {
        self.switch.gate().counts()
    }

    /// Closes the door: takes no more calls, hangs up those that are left, closes the sockets, and returns when every
    /// task has ended or [`CLOSE_WAIT_MAX`] has passed. Let calls finish before, if they should.
    pub async fn close(&self) {
        self.switch.close(CLOSE_WAIT_MAX).await;
        info!("SIP door closed");
    }
}

async fn listener(addr: Option<SocketAddr>, transport: Transport) -> Result<Option<TcpListener>, DoorError> {
    let Some(addr) = addr else { return Ok(None) };
    TcpListener::bind(addr).await.map(Some).map_err(|error| cannot_open(addr, transport, error))
}

fn cannot_open(addr: SocketAddr, transport: Transport, source: io::Error) -> DoorError {
    let key = match transport {
        Transport::Tcp => "sip.tcp",
        Transport::Tls => "sip.tls",
        Transport::Udp => "sip.udp",
    };
    match source.kind() {
        io::ErrorKind::AddrInUse => DoorError::PortInUse { addr, transport, key },
        _ => DoorError::Io { addr, transport, key, source },
    }
}
