//! The floor: the least possible loop that moves the same packets by the same calls to the system.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use call::AudioFrame;
use media::HEADER_LEN;

use super::machine::{Meter, workers};
use super::peer::Peer;
use super::{Run, WARM_UP};

/// What the loop does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sends it to the neighbour's telephone, as a bridge does.
    Crossed,
    /// Throws it away, and sends one of its own on every beat.
    Echoless,
}

/// Runs the loop on as many threads as the wire has, with so many sockets.
pub(super) async fn run(kind: Kind, sockets: usize, span: Duration) -> Result<Run> {
    let mut peer = Peer::start(sockets, false)?;
    let legs = peer.addresses.iter().map(|&to| Leg::open(to)).collect::<Result<Vec<_>>>()?;
    let targets = legs.iter().map(|leg| leg.socket.local_addr()).collect::<Result<Vec<_>, _>>()?;
    let over = Arc::new(AtomicBool::new(false));
    // Neighbours stay on one thread.
    let share = legs.len().div_ceil(workers()).next_multiple_of(2);
    let mut threads = Vec::new();
    let mut legs = legs.into_iter().peekable();
    while legs.peek().is_some() {
        let (mine, over): (Vec<_>, _) = (legs.by_ref().take(share).collect(), over.clone());
        threads.push(thread::Builder::new().spawn(move || turn(kind, &mine, &over))?);
    }
    peer.call(&targets)?;
    tokio::time::sleep(WARM_UP).await;
    let meter = Meter::start();
    tokio::time::sleep(span).await;
    let spent = meter.read();
    let heard = peer.stop()?;
    over.store(true, Ordering::Relaxed);
    for thread in threads {
        // A thread that panicked has printed why; the figures would show it too.
        let _ = thread.join();
    }
    Ok(Run { spent, heard, memory_bytes: 0 })
}

struct Leg {
    socket: UdpSocket,
    to: SocketAddr,
}

impl Leg {
    fn open(to: SocketAddr) -> Result<Self> {
        let socket =
            UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot open a port; is `ulimit -n` too low?")?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, to })
    }
}

fn turn(kind: Kind, legs: &[Leg], over: &AtomicBool) {
    let mut bytes = [0; 1_500];
    let own = [0_u8; HEADER_LEN + 160];
    let mut next = Instant::now();
    while !over.load(Ordering::Relaxed) {
        for (place, leg) in legs.iter().enumerate() {
            let neighbour = legs.get(place ^ 1).unwrap_or(leg);
            while let Ok((length, _)) = leg.socket.recv_from(&mut bytes) {
                if kind == Kind::Crossed {
                    // As in the wire: a packet that cannot be sent is a packet lost.
                    let _ = neighbour.socket.send_to(&bytes[..length], neighbour.to);
                }
            }
            if kind == Kind::Echoless {
                let _ = leg.socket.send_to(&own, leg.to);
            }
        }
        next += AudioFrame::DURATION;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}
