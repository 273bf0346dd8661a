//! The UDP ports for sound, taken in turn so that one rests as long as possible before it is used again.
//!
//! A late packet of an ended call must not reach the next caller; a port that rests does not have that trouble.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use thiserror::Error;

/// No port of the configured range is free.
#[derive(Debug, Error)]
#[error("no UDP port free in media.ports {first}-{last} on {address}: widen media.ports ({source})")]
pub struct PortsExhausted {
    address: IpAddr,
    first: u16,
    last: u16,
    source: io::Error,
}

/// Even ports of a range on one address (RFC 3550 11: the odd one above each is for RTCP).
#[derive(Clone, Debug)]
pub struct PortPool {
    address: IpAddr,
    first: u16,
    pairs: u32,
    next: Arc<AtomicU32>,
}

impl PortPool {
    /// The even ports of `range` on `address`, beginning anywhere: `seed` says where.
    pub fn new(address: IpAddr, range: RangeInclusive<u16>, seed: u32) -> Self {
        let first = range.start().saturating_add(range.start() % 2);
        let pairs = u32::from(range.end().saturating_sub(first)) / 2 + 1;
        Self { address, first, pairs, next: Arc::new(AtomicU32::new(seed % pairs)) }
    }

    /// A bound socket that does not block, on the next free port.
    ///
    /// # Errors
    /// [`PortsExhausted`] when every port of the range is taken.
    pub fn reserve(&self) -> Result<UdpSocket, PortsExhausted> {
        let mut failure = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..self.pairs {
            let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.pairs;
            let port = self.first + u16::try_from(turn * 2).unwrap_or(0);
            match bind(SocketAddr::new(self.address, port)) {
                Ok(socket) => return Ok(socket),
                Err(error) => failure = error,
            }
        }
        let last = self.first + u16::try_from((self.pairs - 1) * 2).unwrap_or(0);
        Err(PortsExhausted { address: self.address, first: self.first, last, source: failure })
    }
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_port_rests_until_all_others_were_used() {
        let pool = PortPool::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 41_001..=41_009, 3);
        let mut seen: Vec<u16> = (0..4).map(|_| pool.reserve().unwrap().local_addr().unwrap().port()).collect();
        seen.sort_unstable();
        assert_eq!(seen, [41_002, 41_004, 41_006, 41_008]);
    }

    #[test]
    fn a_full_range_says_what_to_widen() {
        let pool = PortPool::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 41_012..=41_012, 0);
        let _held = pool.reserve().unwrap();
        let message = pool.reserve().unwrap_err().to_string();
        assert!(message.contains("widen media.ports"), "{message}");
    }
}
