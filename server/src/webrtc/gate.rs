//! The gate between a browser's leg and its media thread: two sockets on this machine's loopback.
//!
//! The media thread reads and writes datagrams of RTP; so what the leg has decrypted is handed over as just that, and
//! the beat needs no second way of receiving. It costs one more copy a packet, some microseconds.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

/// Both ends.
#[derive(Debug)]
pub(super) struct Gate {
    /// The leg's end, which hears nobody but the other.
    pub(super) leg: tokio::net::UdpSocket,
    /// The media thread's end.
    pub(super) media: UdpSocket,
    /// Where the media thread finds the leg.
    pub(super) leg_address: SocketAddr,
}

impl Gate {
    /// Opens a pair on ports that the machine chooses.
    ///
    /// # Errors
    /// When the machine has no socket to give.
    pub(super) fn open() -> io::Result<Self> {
        let here = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
        let (leg, media) = (here()?, here()?);
        leg.connect(media.local_addr()?)?;
        leg.set_nonblocking(true)?;
        media.set_nonblocking(true)?;
        let leg_address = leg.local_addr()?;
        Ok(Self { leg: tokio::net::UdpSocket::from_std(leg)?, media, leg_address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_goes_in_comes_out_and_strangers_stay_out() {
        let gate = Gate::open().unwrap();
        let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        stranger.send_to(b"stranger", gate.leg_address).unwrap();
        gate.media.send_to(b"sound", gate.leg_address).unwrap();
        let mut buffer = [0; 16];
        let length = gate.leg.recv(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"sound");
    }
}
