//! The UDP socket as the stack sees it: only what the doorman passes.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use rsipstack::platform::net::UdpSocket as StackSocket;
use tokio::net::UdpSocket;
use tracing::{debug, trace};

use super::wire::readable;
use crate::front::{Verdict, judge, refuse};

/// A socket that answers and drops what must not reach the stack.
pub(crate) struct FrontedSocket {
    socket: UdpSocket,
}

impl FrontedSocket {
    pub(crate) fn new(socket: UdpSocket) -> Self {
        Self { socket }
    }
}

#[async_trait]
impl StackSocket for FrontedSocket {
    async fn recv_from(&self, buffer: &mut [u8]) -> rsipstack::Result<(usize, SocketAddr)> {
        loop {
            let (length, source) = match self.socket.recv_from(buffer).await {
                Ok(received) => received,
                Err(error) => {
                    // Such as an ICMP error for something we sent; the socket lives on.
                    debug!(%error, "UDP receive failed");
                    tokio::time::sleep(RECEIVE_PAUSE).await;
                    continue;
                }
            };
            let datagram = &buffer[..length];
            // RFC 5626 3.5.1: pings are the stack's.
            if datagram.iter().all(u8::is_ascii_whitespace) {
                return Ok((length, source));
            }
            let verdict = match judge(datagram, source) {
                Verdict::Pass if !readable(datagram) => refuse(datagram, source),
                verdict => verdict,
            };
            match verdict {
                Verdict::Drop => trace!(%source, length, "Datagram dropped"),
                Verdict::Pass => return Ok((length, source)),
                Verdict::Reply { bytes, to } => {
                    // An answer that cannot be sent now is asked for again.
                    let _lost = self.socket.try_send_to(&bytes, to);
                }
            }
        }
    }

    async fn send_to(&self, buffer: &[u8], addr: SocketAddr) -> rsipstack::Result<usize> {
        Ok(self.socket.send_to(buffer, addr).await?)
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }
}

/// Keeps a broken socket from spinning.
const RECEIVE_PAUSE: Duration = Duration::from_millis(10);
