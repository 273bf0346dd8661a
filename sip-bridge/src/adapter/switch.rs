//! What all legs share: the stack, the table of dialogs, the connections, and the end of everything.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket as StdUdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rsipstack::EndpointBuilder;
use rsipstack::platform::net::UdpSocket as StackSocket;
use rsipstack::sip::{Host, HostWithPort};
use rsipstack::transaction::endpoint::{EndpointInnerRef, EndpointOption};
use rsipstack::transaction::{Endpoint, TransactionReceiver};
use rsipstack::transport::transport_layer::DomainResolver;
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipAddr, SipConnection, TransportLayer};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use call::Moment;

use super::gate::Gate;
use super::udp::FrontedSocket;
use super::wire::{Finisher, FromWire};
use crate::door::Transport;
use crate::front::PRODUCT;
use crate::handle::InboundCall;

/// Most legs at once; beyond it callers hear 503 whatever the house would say.
pub(crate) const LEGS_MAX: usize = 4096;

/// Transactions the stack may keep. Each is there for up to 32 s after its answer (RFC 3261 17.2), some 10 kB of memory.
const TRANSACTIONS_MAX: usize = 16_384;

/// Where the door listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    pub(crate) udp: Option<SocketAddr>,
    pub(crate) tcp: Option<SocketAddr>,
    pub(crate) tls: Option<SocketAddr>,
}

impl Bound {
    fn any(self) -> Option<SocketAddr> {
        self.udp.or(self.tcp).or(self.tls)
    }
}

/// The shared half of the adapter.
pub(crate) struct Switch {
    pub(super) endpoint: EndpointInnerRef,
    pub(super) inbound: mpsc::Sender<InboundCall>,
    bound: Bound,
    public_address: Option<IpAddr>,
    table: Mutex<Table>,
    connections: Mutex<HashMap<SocketAddr, SipConnection>>,
    /// The UDP socket, to close it.
    datagrams: OnceLock<Arc<FrontedSocket>>,
    /// Legs hang up and no call is taken.
    closing: CancellationToken,
    /// Sockets close.
    stop: CancellationToken,
    tasks: TaskTracker,
    /// Who looks at every message first.
    pub(super) gate: Arc<Gate>,
}

/// The dialogs, by Call-ID and our tag.
#[derive(Default)]
struct Table {
    legs: HashMap<DialogKey, mpsc::Sender<FromWire>>,
    /// The streams that legs need, and how many need each.
    streams: HashMap<SocketAddr, usize>,
    /// Inbound ones also by Call-ID and their tag, to know a merged request (RFC 3261 8.2.2.2).
    callers: HashSet<DialogKey>,
}

/// Call-ID and one tag.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct DialogKey {
    pub(super) call_id: String,
    pub(super) tag: String,
}

/// A place in the table, left by dropping it, so that no way out of a leg leaks one.
pub(super) struct Place {
    switch: Arc<Switch>,
    ours: DialogKey,
    theirs: Option<DialogKey>,
    stream: Option<SocketAddr>,
}

impl Place {
    /// Notes the stream that the leg needs, so that it is not closed for being silent.
    pub(super) fn hold(&mut self, stream: SocketAddr) {
        if self.stream.replace(stream).is_none() {
            *lock(&self.switch.table).streams.entry(stream).or_default() += 1;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = lock(&self.switch.table);
        table.legs.remove(&self.ours);
        if let Some(theirs) = &self.theirs {
            table.callers.remove(theirs);
        }
        if let Some(stream) = self.stream
            && let Some(count) = table.streams.get_mut(&stream)
        {
            *count -= 1;
            if *count == 0 {
                table.streams.remove(&stream);
            }
        }
    }
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPlace {
    Closed,
    Full,
    Merged,
}

impl Switch {
    pub(crate) fn new(
        bound: Bound,
        public_address: Option<IpAddr>,
        gate: Gate,
        inbound: mpsc::Sender<InboundCall>,
    ) -> (Arc<Self>, Endpoint, Option<TransactionReceiver>) {
        let (stop, gate) = (CancellationToken::new(), Arc::new(gate));
        let layer = TransportLayer::new_with_domain_resolver(stop.child_token(), Box::new(SystemResolver));
        // How long a call may ring is the leg's to say, not the stack's.
        let option = EndpointOption { timerc: RING_MAX, ..EndpointOption::default() };
        let endpoint = EndpointBuilder::new()
            .with_user_agent(PRODUCT)
            .with_cancel_token(stop.child_token())
            .with_transport_layer(layer)
            .with_option(option)
            .with_inspector(Box::new(Finisher { gate: Arc::clone(&gate) }))
            .build();
        let transactions = endpoint.incoming_transactions().ok();
        let switch = Self {
            endpoint: Arc::clone(&endpoint.inner),
            inbound,
            bound,
            public_address,
            table: Mutex::default(),
            connections: Mutex::default(),
            datagrams: OnceLock::new(),
            closing: CancellationToken::new(),
            stop,
            tasks: TaskTracker::new(),
            gate,
        };
        (Arc::new(switch), endpoint, transactions)
    }

    /// Runs a task whose end is waited for, and whose panic is told.
    pub(crate) fn spawn(&self, what: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let running = self.tasks.spawn(task);
        self.tasks.spawn(async move {
            if let Err(panic) = running.await {
                error!(what, error = %panic, "A task of the SIP door broke");
            }
        });
    }

    pub(crate) fn bound(&self, transport: Transport) -> Option<SocketAddr> {
        match transport {
            Transport::Tcp => self.bound.tcp,
            Transport::Tls => self.bound.tls,
            Transport::Udp => self.bound.udp,
        }
    }

    pub(crate) fn address_towards(&self, peer: SocketAddr) -> IpAddr {
        let bound = self.bound.any().map(|addr| addr.ip());
        match (self.public_address, bound) {
            (Some(public), _) => public,
            (None, Some(bound)) if !bound.is_unspecified() => bound,
            (None, _) => route_towards(peer),
        }
    }

    /// The address in our Contact and Via towards `peer`. Without a listener the port is that of a listener to be.
    pub(super) fn advertised(&self, peer: SocketAddr, transport: Transport) -> SocketAddr {
        let port = self.bound(transport).or(self.bound.any()).map_or(SIP_PORT, |addr| addr.port());
        SocketAddr::new(self.address_towards(peer), port)
    }

    pub(crate) fn stop_token(&self) -> CancellationToken {
        self.stop.child_token()
    }

    pub(super) fn closing_token(&self) -> CancellationToken {
        self.closing.clone()
    }

    /// Has the stack read and write datagrams through `socket`.
    pub(crate) async fn serve_datagrams(&self, socket: UdpSocket) -> io::Result<()> {
        let socket = Arc::new(FrontedSocket::new(socket, Arc::clone(&self.gate))?);
        let bound = socket.local_addr().map_err(io::Error::other)?;
        // The stack takes its own address from here; each request and response of ours names the right one itself.
        let external = SocketAddr::new(self.address_towards(bound), bound.port());
        let stack_end = Arc::clone(&socket) as Arc<dyn StackSocket>;
        let connection = UdpConnection::from_socket(stack_end, Some(external), Some(self.stop_token()));
        let connection = connection.await.map_err(io::Error::other)?;
        self.endpoint.transport_layer.add_transport(connection.into());
        // Set once, where the door opens.
        let _first = self.datagrams.set(socket);
        Ok(())
    }

    pub(crate) fn legs(&self) -> usize {
        lock(&self.table).legs.len()
    }

    /// The time as the legs' machines see it; it never leaves this crate.
    pub(super) fn now(&self) -> Moment {
        self.gate.now()
    }

    /// The instant of a moment, for sleeping.
    pub(super) fn instant(&self, moment: Moment) -> tokio::time::Instant {
        self.gate.instant(moment)
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Sends a datagram now or not at all.
    pub(super) fn send_datagram(&self, text: &str, to: SocketAddr) {
        if let Some(socket) = self.datagrams.get() {
            socket.send_now(text.as_bytes(), to);
        }
    }

    /// Whether the stack keeps as much as it may; then calls are refused without keeping anything.
    pub(super) fn is_overloaded(&self) -> bool {
        let stats = self.endpoint.get_stats();
        stats.running_transactions + stats.finished_transactions >= TRANSACTIONS_MAX
    }

    /// Enters a leg into the table.
    pub(super) fn enter(
        self: &Arc<Self>,
        ours: DialogKey,
        theirs: Option<DialogKey>,
        leg: mpsc::Sender<FromWire>,
    ) -> Result<Place, NoPlace> {
        if self.closing.is_cancelled() {
            return Err(NoPlace::Closed);
        }
        let mut table = lock(&self.table);
        if table.legs.len() >= LEGS_MAX {
            return Err(NoPlace::Full);
        }
        if theirs.as_ref().is_some_and(|theirs| !table.callers.insert(theirs.clone())) {
            return Err(NoPlace::Merged);
        }
        table.legs.insert(ours.clone(), leg);
        Ok(Place { switch: Arc::clone(self), ours, theirs, stream: None })
    }

    pub(super) fn find(&self, key: &DialogKey) -> Option<mpsc::Sender<FromWire>> {
        lock(&self.table).legs.get(key).cloned()
    }

    /// Whether a call or a registered phone needs the connection to this peer.
    pub(super) fn needs(&self, peer: SocketAddr) -> bool {
        lock(&self.table).streams.contains_key(&peer) || self.gate.needs(peer)
    }

    /// How many connections a source has open.
    pub(super) fn connections_of(&self, source: IpAddr) -> usize {
        lock(&self.connections).keys().filter(|peer| peer.ip() == source).count()
    }

    pub(super) fn connection(&self, peer: SocketAddr) -> Option<SipConnection> {
        lock(&self.connections).get(&peer).cloned()
    }

    pub(super) fn add_connection(&self, peer: SocketAddr, connection: SipConnection) {
        lock(&self.connections).insert(peer, connection);
    }

    pub(super) fn remove_connection(&self, peer: SocketAddr) {
        lock(&self.connections).remove(&peer);
    }

    pub(crate) async fn close(&self, wait: Duration) {
        self.closing.cancel();
        let until = tokio::time::Instant::now() + wait;
        while self.legs() > 0 && tokio::time::Instant::now() < until {
            tokio::time::sleep(CLOSE_PAUSE).await;
        }
        self.stop.cancel();
        if let Some(socket) = self.datagrams.get() {
            socket.close(until).await;
        }
        self.tasks.close();
        if tokio::time::timeout_at(until, self.tasks.wait()).await.is_err() {
            warn!(tasks = self.tasks.len(), "Tasks of the SIP door outlive it");
        }
    }
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switch").field("bound", &self.bound).finish_non_exhaustive()
    }
}

/// Host names by the system's resolver.
struct SystemResolver;

#[async_trait]
impl DomainResolver for SystemResolver {
    async fn resolve(&self, target: &SipAddr) -> rsipstack::Result<SipAddr> {
        let addr =
            resolve(&target.addr).await.ok_or_else(|| rsipstack::Error::DnsResolutionError(target.to_string()))?;
        Ok(SipAddr { r#type: target.r#type, addr: addr.into() })
    }
}

/// The socket address of a host and port of SIP.
pub(super) async fn resolve(host: &HostWithPort) -> Option<SocketAddr> {
    let port = host.port.as_ref().map_or(SIP_PORT, |port| port.value());
    match &host.host {
        Host::IpAddr(address) => Some(SocketAddr::new(*address, port)),
        Host::Domain(name) => tokio::net::lookup_host((name.0.as_str(), port)).await.ok()?.next(),
    }
}

/// The address of ours from which packets to `peer` leave. Connecting a datagram socket sends nothing.
fn route_towards(peer: SocketAddr) -> IpAddr {
    let any = match peer {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = StdUdpSocket::bind(any).and_then(|socket| socket.connect(peer).map(|()| socket));
    let local = socket.and_then(|socket| socket.local_addr());
    local.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |addr| addr.ip())
}

/// A panic elsewhere leaves the tables usable: every change to them is one call.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The default port of SIP (RFC 3261 19.1.2).
pub(super) const SIP_PORT: u16 = 5060;
const CLOSE_PAUSE: Duration = Duration::from_millis(5);
const RING_MAX: Duration = Duration::from_secs(3_600);
