//! A bad line between two phones: a UDP relay on 127.0.0.1 with loss, jitter, reordering and duplicates.
//!
//! Kernels without `netem` exist, and tests should not need root; a relay in user space gives the same line anywhere,
//! and with a seed gives it twice.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use call::Moment;
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::weather::{BadLine, DATAGRAM_MAX, LineCount, Weather};

/// A relay between `near` and `far`: what one sends to its end of the line leaves at the other end, if the weather
/// lets it through. Datagrams from strangers are dropped. The line is cut when this is dropped.
#[derive(Debug)]
pub struct LossyLine {
    near_end: SocketAddr,
    far_end: SocketAddr,
    counts: Arc<Mutex<(LineCount, LineCount)>>,
    cut: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl LossyLine {
    /// Lays a line between two addresses on this machine, with the same weather both ways.
    ///
    /// # Errors
    /// The machine's, when no port is free.
    pub async fn lay(near: SocketAddr, far: SocketAddr, weather: Weather) -> io::Result<Self> {
        let near_socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let far_socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (near_end, far_end) = (near_socket.local_addr()?, far_socket.local_addr()?);
        let counts = Arc::new(Mutex::new((LineCount::default(), LineCount::default())));
        let (cut, cut_here) = oneshot::channel();
        let relay = Relay {
            near_socket,
            far_socket,
            near,
            far,
            outward: BadLine::new(weather),
            inward: BadLine::new(Weather { seed: weather.seed.wrapping_add(1), ..weather }),
            start: Instant::now(),
            counts: Arc::clone(&counts),
        };
        let task = tokio::spawn(relay.run(cut_here));
        Ok(Self { near_end, far_end, counts, cut: Some(cut), task })
    }

    /// Where `near` should send.
    pub const fn near_end(&self) -> SocketAddr {
        self.near_end
    }

    /// Where `far` should send.
    pub const fn far_end(&self) -> SocketAddr {
        self.far_end
    }

    /// What happened from near to far, and from far to near.
    pub fn counts(&self) -> (LineCount, LineCount) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts the line and gives its last counts.
    pub async fn cut(mut self) -> (LineCount, LineCount) {
        drop(self.cut.take());
        if let Err(error) = (&mut self.task).await {
            tracing::warn!(%error, "A lossy line ended badly");
        }
        self.counts()
    }
}

/// What the task owns.
struct Relay {
    near_socket: UdpSocket,
    far_socket: UdpSocket,
    near: SocketAddr,
    far: SocketAddr,
    outward: BadLine,
    inward: BadLine,
    start: Instant,
    counts: Arc<Mutex<(LineCount, LineCount)>>,
}

/// What the relay waits for.
enum Wake {
    Due,
    Far(io::Result<(usize, SocketAddr)>),
    Near(io::Result<(usize, SocketAddr)>),
}

impl Relay {
    async fn run(mut self, mut cut: oneshot::Receiver<()>) {
        let mut near_bytes = [0; DATAGRAM_MAX];
        let mut far_bytes = [0; DATAGRAM_MAX];
        loop {
            let due = [self.outward.poll_timeout(), self.inward.poll_timeout()].into_iter().flatten().min();
            let wake = tokio::select! {
                _ = &mut cut => return,
                got = self.near_socket.recv_from(&mut near_bytes) => Wake::Near(got),
                got = self.far_socket.recv_from(&mut far_bytes) => Wake::Far(got),
                () = sleep_until(self.start, due) => Wake::Due,
            };
            let now = Moment::from_micros(self.start.elapsed().as_micros() as u64);
            self.outward.handle_timeout(now);
            self.inward.handle_timeout(now);
            match wake {
                Wake::Near(Ok((length, from))) if from == self.near => {
                    self.outward.handle_datagram(&near_bytes[..length], now);
                }
                Wake::Far(Ok((length, from))) if from == self.far => {
                    self.inward.handle_datagram(&far_bytes[..length], now);
                }
                // A stranger, or an ICMP error of an earlier datagram: the line goes on.
                Wake::Due | Wake::Far(_) | Wake::Near(_) => {}
            }
            self.send_due().await;
        }
    }

    async fn send_due(&mut self) {
        // A datagram the machine cannot send is lost, which is what a line is allowed to do.
        while let Some(datagram) = self.outward.poll_output() {
            let _lost = self.far_socket.send_to(&datagram, self.far).await;
        }
        while let Some(datagram) = self.inward.poll_output() {
            let _lost = self.near_socket.send_to(&datagram, self.near).await;
        }
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = (self.outward.count(), self.inward.count());
    }
}

/// Sleeps until this moment; for ever when there is none.
async fn sleep_until(start: Instant, due: Option<Moment>) {
    match due {
        Some(due) => tokio::time::sleep_until((start + due.since(Moment::START)).into()).await,
        None => std::future::pending().await,
    }
}
