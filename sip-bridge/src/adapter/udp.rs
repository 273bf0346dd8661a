//! The UDP socket as the stack sees it: only what the doorman passes.

use std::borrow::Cow;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use rsipstack::platform::net::UdpSocket as StackSocket;
use tokio::net::UdpSocket;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, trace};

use super::gate::Gate;
use super::switch::lock;
use super::wire::{Admission, admit};
use crate::door::Transport;
use crate::front::Origin;

/// A socket that answers and drops what must not reach the stack, and that can be closed while the stack still holds
/// it for late transactions.
pub(crate) struct FrontedSocket {
    addr: SocketAddr,
    socket: Mutex<Option<Arc<UdpSocket>>>,
    closed: CancellationToken,
    gate: Arc<Gate>,
}

impl FrontedSocket {
    pub(crate) fn new(socket: UdpSocket, gate: Arc<Gate>) -> io::Result<Self> {
        let addr = socket.local_addr()?;
        Ok(Self { addr, socket: Mutex::new(Some(Arc::new(socket))), closed: CancellationToken::new(), gate })
    }

    /// Sends now or not at all: what goes this way is asked for again, or sent again.
    pub(super) fn send_now(&self, bytes: &[u8], to: SocketAddr) {
        if let Some(socket) = self.open() {
            let _lost = socket.try_send_to(bytes, to);
        }
    }

    /// Closes the socket; its port is free when this returns, unless `until` has passed before.
    pub(super) async fn close(&self, until: Instant) {
        self.closed.cancel();
        let Some(socket) = lock(&self.socket).take() else { return };
        // Whoever sends or receives right now lets go at once.
        while Arc::strong_count(&socket) > 1 && Instant::now() < until {
            tokio::time::sleep(CLOSE_PAUSE).await;
        }
    }

    fn open(&self) -> Option<Arc<UdpSocket>> {
        lock(&self.socket).clone()
    }

    /// The next datagram for the stack, or an error of the socket.
    async fn receive(&self, socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        loop {
            let (length, source) = socket.recv_from(buffer).await?;
            let datagram = &buffer[..length];
            // RFC 5626 3.5.1: pings are the stack's.
            if datagram.iter().all(u8::is_ascii_whitespace) {
                return Ok((length, source));
            }
            match admit(&self.gate, datagram, Origin { source, transport: Transport::Udp }) {
                Admission::Drop => trace!(%source, length, "Datagram dropped"),
                Admission::Pass(Cow::Borrowed(whole)) => return Ok((whole.len(), source)),
                Admission::Pass(Cow::Owned(plainer)) => {
                    let Some(room) = buffer.get_mut(..plainer.len()) else { continue };
                    room.copy_from_slice(&plainer);
                    return Ok((plainer.len(), source));
                }
                Admission::Reply { bytes, to } => {
                    // An answer that cannot be sent now is asked for again.
                    let _lost = socket.try_send_to(&bytes, to);
                }
            }
        }
    }
}

#[async_trait]
impl StackSocket for FrontedSocket {
    async fn recv_from(&self, buffer: &mut [u8]) -> rsipstack::Result<(usize, SocketAddr)> {
        while let Some(socket) = self.open() {
            tokio::select! {
                () = self.closed.cancelled() => {}
                received = self.receive(&socket, buffer) => match received {
                    Ok(received) => return Ok(received),
                    Err(error) => {
                        // Such as an ICMP error for something we sent; the socket lives on.
                        debug!(%error, "UDP receive failed");
                        tokio::time::sleep(RECEIVE_PAUSE).await;
                    }
                },
            }
        }
        // Closed: the stack ends its reader by its own token, and an error would only make it try again.
        pending().await
    }

    async fn send_to(&self, buffer: &[u8], addr: SocketAddr) -> rsipstack::Result<usize> {
        let socket = self.open().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?;
        Ok(socket.send_to(buffer, addr).await?)
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.addr)
    }
}

/// Keeps a broken socket from spinning.
const RECEIVE_PAUSE: Duration = Duration::from_millis(10);
const CLOSE_PAUSE: Duration = Duration::from_millis(1);
