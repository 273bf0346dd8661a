//! Streams: accepted and opened here, cut and judged here, and joined to the stack as its in-memory channels.
//!
//! The stack's own TCP reader ends a connection on the first message it cannot parse, and with it every call on it. It
//! also has no limit on how many connections there are.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rsipstack::sip::SipMessage;
use rsipstack::transport::channel::ChannelConnection;
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, trace, warn};

use super::dialog::stack_transport;
use super::switch::Switch;
use super::wire::{Admission, admit};
use crate::door::Transport;
use crate::frame::{Frame, Framer};
use crate::front::Origin;

/// Most accepted connections at once; more are closed at once.
const CONNECTIONS_MAX: usize = 1024;
/// Messages that may wait to be written to one connection.
const OUTGOING_MAX: usize = 64;
/// How long a new connection may be silent, and how long a message may take once it has begun.
const FIRST_BYTES_WAIT_MAX: Duration = Duration::from_secs(32);
/// How long a peer may refuse to read.
const WRITE_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long agreeing on keys may take.
const HANDSHAKE_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long connecting may take.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(5);
const READ_BYTES: usize = 8 * 1024;

/// Accepts connections until the door closes, and encrypts them where there is something to do so with.
pub(crate) async fn listen(switch: Arc<Switch>, listener: TcpListener, tls: Option<TlsAcceptor>) {
    let stop = switch.stop_token();
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match (accepted, Arc::clone(&room).try_acquire_owned()) {
            (Ok((_, peer)), Ok(_)) if has_enough(&switch, peer) => {
                debug!(%peer, "A source has enough SIP connections, one refused");
                switch.gate.count_refused_connection();
            }
            (Ok((stream, peer)), Ok(permit)) => {
                // Signalling is small and waits for answers.
                let _slower = stream.set_nodelay(true);
                match &tls {
                    None => drop(adopt(&switch, (stream, peer, Transport::Tcp), Some(permit)).await),
                    Some(tls) => {
                        switch.spawn("TLS handshake", shake(switch.clone(), tls.clone(), (stream, peer), permit))
                    }
                }
            }
            (Ok((_, peer)), Err(_)) => {
                warn!(%peer, max = CONNECTIONS_MAX, "Too many SIP connections, one refused");
                switch.gate.count_refused_connection();
            }
            (Err(error), _) => {
                // Such as no file descriptor left: wait for one rather than spin.
                warn!(%error, "Cannot accept a SIP connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Agrees on keys with a peer, within bounded time, and joins the stream to the stack.
async fn shake(
    switch: Arc<Switch>,
    tls: TlsAcceptor,
    (stream, peer): (TcpStream, SocketAddr),
    permit: OwnedSemaphorePermit,
) {
    let stop = switch.stop_token();
    let shaken = tokio::select! {
        () = stop.cancelled() => return,
        shaken = tokio::time::timeout(HANDSHAKE_WAIT_MAX, tls.accept(stream)) => shaken,
    };
    match shaken {
        Ok(Ok(stream)) => drop(adopt(&switch, (stream, peer, Transport::Tls), Some(permit)).await),
        Ok(Err(error)) => debug!(%peer, %error, "No TLS with this peer"),
        Err(_) => debug!(%peer, "A TLS handshake takes too long"),
    }
}

/// Whether a source has as many connections as it may.
fn has_enough(switch: &Switch, peer: SocketAddr) -> bool {
    let max = switch.gate.limits().connections_max as usize;
    switch.connections_of(peer.ip()) >= max && !switch.gate.is_trusted(peer.ip())
}

/// The connection to a peer, opened if there is none. `None` when it cannot be.
pub(super) async fn connect(switch: &Arc<Switch>, peer: SocketAddr) -> Option<SipConnection> {
    if let Some(connection) = switch.connection(peer) {
        return Some(connection);
    }
    match tokio::time::timeout(CONNECT_WAIT_MAX, TcpStream::connect(peer)).await {
        Ok(Ok(stream)) => {
            let _slower = stream.set_nodelay(true);
            adopt(switch, (stream, peer, Transport::Tcp), None).await
        }
        Ok(Err(error)) => {
            debug!(%peer, %error, "Cannot connect");
            None
        }
        Err(_) => {
            debug!(%peer, "Connecting takes too long");
            None
        }
    }
}

/// Joins a stream to the stack and serves it.
async fn adopt(
    switch: &Arc<Switch>,
    (stream, peer, transport): (impl AsyncRead + AsyncWrite + Send + 'static, SocketAddr, Transport),
    permit: Option<OwnedSemaphorePermit>,
) -> Option<SipConnection> {
    let addr = SipAddr::new(stack_transport(transport), peer.into());
    let over = switch.stop_token();
    // The stack only writes to the channel; what is read goes to it directly.
    let (_unused, incoming) = mpsc::unbounded_channel();
    let (outgoing, to_write) = mpsc::channel(OUTGOING_MAX);
    let channel = ChannelConnection::create_connection_bounded(incoming, outgoing, addr, Some(over.clone())).await;
    let connection = SipConnection::Channel(channel.ok()?);
    let (reading, writing) = tokio::io::split(stream);
    let (raw, raw_to_write) = mpsc::channel(OUTGOING_MAX);
    switch.add_connection(peer, connection.clone());
    switch.spawn("TCP writer", write(writing, to_write, raw_to_write, over.clone()));
    let reader = Reader { switch: Arc::clone(switch), peer, transport, connection: connection.clone(), raw, over };
    switch.spawn("TCP reader", reader.run(reading, permit));
    Some(connection)
}

/// The reading half of one connection.
struct Reader {
    switch: Arc<Switch>,
    peer: SocketAddr,
    transport: Transport,
    connection: SipConnection,
    /// What is answered without the stack.
    raw: mpsc::Sender<Vec<u8>>,
    over: CancellationToken,
}

impl Reader {
    async fn run(self, mut stream: impl AsyncRead + Unpin, permit: Option<OwnedSemaphorePermit>) {
        let mut framer = Framer::default();
        let mut buffer = vec![0; READ_BYTES];
        let idle = self.switch.gate.limits().idle;
        let mut until = Instant::now() + FIRST_BYTES_WAIT_MAX.min(idle);
        loop {
            let read = tokio::select! {
                () = self.over.cancelled() => break,
                read = tokio::time::timeout_at(until, stream.read(&mut buffer)) => read,
            };
            let length = match read {
                Ok(Ok(length @ 1..)) => length,
                Ok(_) => break,
                // Silent, and needed for the BYE of a call or for the next call to a phone.
                Err(_) if framer.is_empty() && self.switch.needs(self.peer) => {
                    until = Instant::now() + idle;
                    continue;
                }
                Err(_) => break,
            };
            let had_begun = !framer.is_empty();
            framer.push(&buffer[..length]);
            if self.cut(&mut framer).await.is_err() {
                break;
            }
            // Byte after byte does not keep a connection open, whole messages do.
            until = match (framer.is_empty(), had_begun) {
                (true, _) => Instant::now() + idle,
                (false, false) => Instant::now() + FIRST_BYTES_WAIT_MAX.min(idle),
                (false, true) => until,
            };
        }
        self.switch.remove_connection(self.peer);
        self.over.cancel();
        drop(permit);
    }

    /// Takes every whole message out of the stream.
    async fn cut(&self, framer: &mut Framer) -> Result<(), Broken> {
        loop {
            match framer.next() {
                Frame::Broken(rest) => {
                    if let Admission::Reply { bytes, .. } = self.admit(&rest) {
                        self.answer(bytes).await?;
                    }
                    debug!(peer = %self.peer, "Stream is not SIP, closed");
                    return Err(Broken);
                }
                Frame::KeepAlive => self.answer(b"\r\n".to_vec()).await?,
                Frame::Message(message) => self.take(&message).await?,
                Frame::Partial => return Ok(()),
            }
        }
    }

    fn admit<'a>(&self, message: &'a [u8]) -> Admission<'a> {
        admit(&self.switch.gate, message, Origin { source: self.peer, transport: self.transport })
    }

    async fn take(&self, message: &[u8]) -> Result<(), Broken> {
        match self.admit(message) {
            Admission::Drop => trace!(peer = %self.peer, length = message.len(), "Message dropped"),
            Admission::Pass(message) => self.pass(&message).await,
            Admission::Reply { bytes, .. } => self.answer(bytes).await?,
        }
        Ok(())
    }

    async fn pass(&self, message: &[u8]) {
        let (parsed, kind) = (SipMessage::try_from(message).ok(), stack_transport(self.transport));
        let located = parsed.and_then(|parsed| SipConnection::update_msg_received(parsed, self.peer, kind).ok());
        let Some(message) = located else { return };
        let from = SipAddr::new(kind, self.peer.into());
        let taken = self.switch.endpoint.on_received_message(message, self.connection.clone(), &from).await;
        if taken.is_err() {
            trace!(peer = %self.peer, "Message not taken by the stack");
        }
    }

    async fn answer(&self, bytes: Vec<u8>) -> Result<(), Broken> {
        self.raw.send(bytes).await.map_err(|_| Broken)
    }
}

/// The stream is of no more use.
struct Broken;

/// Writes what the stack and the doorman have to say, until either end is over.
async fn write(
    mut stream: impl AsyncWrite + Unpin,
    mut messages: mpsc::Receiver<TransportEvent>,
    mut raw: mpsc::Receiver<Vec<u8>>,
    over: CancellationToken,
) {
    loop {
        let bytes = tokio::select! {
            biased;
            Some(event) = messages.recv() => match event {
                TransportEvent::Incoming(message, _, _) => message.to_bytes(),
                TransportEvent::New(_) | TransportEvent::Closed(_) => continue,
            },
            Some(bytes) = raw.recv() => bytes,
            () = over.cancelled() => break,
            else => break,
        };
        let sending = async {
            stream.write_all(&bytes).await?;
            // TLS keeps back what is not asked for.
            stream.flush().await
        };
        if !matches!(tokio::time::timeout(WRITE_WAIT_MAX, sending).await, Ok(Ok(()))) {
            break;
        }
    }
    over.cancel();
    // Bytes that cannot be flushed to a peer that has gone are lost either way.
    let _gone = tokio::time::timeout(WRITE_WAIT_MAX, stream.shutdown()).await;
}
