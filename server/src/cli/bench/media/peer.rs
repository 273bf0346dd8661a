//! The far ends of all calls: `hotline bench media-peer`, a process of its own that the bench starts.
//!
//! It prints its ports, reads where to send to, and from then on is many telephones until its input ends; then it prints
//! what came. To measure when packets come, all telephones share one port, on which a thread of real-time rank waits:
//! it gets its turn within microseconds of each packet, however busy the machine is. Where that rank is not permitted the
//! spacing it measures is worse than what was sent, never better.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use media::{HEADER_LEN, Marker, PACKET_MAX, RtpHeader, RtpTime, SeqNo, Ssrc};
use serde::{Deserialize, Serialize};

use crate::cli::print_json;
use crate::wire::{Rank, raise};

/// `hotline bench media-peer`.
#[derive(Debug, Args)]
pub(in crate::cli) struct PeerArgs {
    /// How many telephones
    #[arg(long)]
    calls: usize,
    /// Measure the time between packets
    #[arg(long)]
    spacing: bool,
}

/// What came to the telephones.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Heard {
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) spacing: Spacing,
}

/// Time between packets of one stream, over all streams.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Spacing {
    pub(super) count: usize,
    pub(super) median_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
}

/// The running process, seen from the bench.
pub(super) struct Peer {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// Where each telephone listens.
    pub(super) addresses: Vec<SocketAddr>,
}

impl Peer {
    /// Starts a process with so many telephones.
    pub(super) fn start(calls: usize, spacing: bool) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's file")?;
        let mut command = Command::new(program);
        command.args(["bench", "media-peer", "--calls", &calls.to_string()]);
        if spacing {
            command.arg("--spacing");
        }
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start the peer")?;
        let orders = child.stdin.take();
        let mut answers = BufReader::new(child.stdout.take().context("the peer has no output")?);
        let addresses: Vec<SocketAddr> = read_json(&mut answers)?;
        ensure!(addresses.len() == calls, "the peer opened {} of {calls} ports", addresses.len());
        Ok(Self { child, orders, answers, addresses })
    }

    /// Tells each telephone where to send; they begin at once.
    pub(super) fn call(&mut self, targets: &[SocketAddr]) -> Result<()> {
        let orders = self.orders.as_mut().context("the peer has been stopped")?;
        writeln!(orders, "{}", serde_json::to_string(targets)?).context("the peer is gone")
    }

    /// Stops, and tells what came.
    pub(super) fn stop(mut self) -> Result<Heard> {
        drop(self.orders.take());
        read_json(&mut self.answers)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Its input ends with us, so it ends too; killing it only makes that certain.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_json<T: serde::de::DeserializeOwned>(from: &mut impl BufRead) -> Result<T> {
    let mut line = String::new();
    from.read_line(&mut line).context("the peer does not answer")?;
    serde_json::from_str(&line).with_context(|| format!("the peer answers {line:?}"))
}

/// Runs `hotline bench media-peer`.
///
/// # Errors
/// When there are no sockets, or the orders make no sense.
pub(in crate::cli::bench) fn run(args: &PeerArgs) -> Result<()> {
    let shared = args.spacing.then(open).transpose()?;
    let socket = |_| shared.as_ref().map_or_else(open, |shared| Ok(shared.try_clone()?));
    let sockets = (0..args.calls).map(socket).collect::<Result<Vec<_>>>()?;
    let addresses = sockets.iter().map(UdpSocket::local_addr).collect::<Result<Vec<_>, _>>()?;
    print_json(&addresses)?;
    let mut orders = BufReader::new(std::io::stdin());
    let targets: Vec<SocketAddr> = read_json(&mut orders)?;
    ensure!(targets.len() == sockets.len(), "{} targets for {} telephones", targets.len(), sockets.len());
    let over = Arc::new(AtomicBool::new(false));
    let told = over.clone();
    thread::spawn(move || {
        let mut rest = String::new();
        // Its end is what counts, not what it says.
        let _ = orders.read_line(&mut rest);
        told.store(true, Ordering::Relaxed);
    });
    let watch = match shared {
        Some(shared) => Some(watch(shared, targets.clone(), over.clone())?),
        None => None,
    };
    let mut phones: Vec<_> = sockets.into_iter().zip(targets).zip(1..).map(Phone::new).collect();
    let listens = watch.is_none();
    let mut heard = talk(&mut phones, listens, &over);
    if let Some(watch) = watch {
        let (received, spacing) =
            watch.join().map_err(|_| anyhow!("the thread that waits for packets has panicked"))?;
        (heard.received, heard.spacing) = (received, spacing);
    }
    print_json(&heard)
}

fn open() -> Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot open a port; is `ulimit -n` too low?")?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Notes when packets come, by whom they are from.
fn watch(socket: UdpSocket, targets: Vec<SocketAddr>, over: Arc<AtomicBool>) -> Result<JoinHandle<(u64, Spacing)>> {
    // Shared by all clones: those that send do not mind.
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(LOOK_UP))?;
    let run = move || {
        raise(Rank::Beat);
        let mut came: HashMap<SocketAddr, (u64, Instant)> = HashMap::with_capacity(targets.len());
        let (mut gaps, mut received, mut bytes) = (Vec::new(), 0, [0; 1_500]);
        while !over.load(Ordering::Relaxed) {
            let Ok((_, from)) = socket.recv_from(&mut bytes) else { continue };
            let now = Instant::now();
            received += 1;
            let (count, before) = came.entry(from).or_insert((0, now));
            *count += 1;
            // The first second is that of calls beginning one after the other.
            if *count > FIRST_PACKETS {
                gaps.push(now.duration_since(*before).as_secs_f64() * 1e3);
            }
            *before = now;
        }
        (received, Spacing::of(gaps))
    };
    Ok(thread::Builder::new().name("watch".to_owned()).spawn(run)?)
}

impl Spacing {
    fn of(mut gaps: Vec<f64>) -> Self {
        gaps.sort_unstable_by(f64::total_cmp);
        let last = gaps.len().saturating_sub(1);
        let at = |share: f64| gaps.get(((gaps.len() as f64 * share) as usize).min(last)).copied().unwrap_or(0.0);
        Self { count: gaps.len(), median_ms: at(0.5), p99_ms: at(0.99), max_ms: at(1.0) }
    }
}

/// One telephone.
struct Phone {
    socket: UdpSocket,
    target: SocketAddr,
    packet: [u8; PACKET_MAX],
    header: RtpHeader,
}

impl Phone {
    fn new(((socket, target), number): ((UdpSocket, SocketAddr), u32)) -> Self {
        let mut packet = [0; PACKET_MAX];
        for (n, byte) in packet[HEADER_LEN..PACKET_LEN].iter_mut().enumerate() {
            // Loud enough to be speech to whoever unpacks it.
            *byte = media::g711::mu_law_from_linear((6_000.0 * (n as f32 * 0.157_08).sin()) as i16);
        }
        let header =
            RtpHeader { marker: Marker::Clear, payload_type: 0, seq: SeqNo(0), time: RtpTime(0), ssrc: Ssrc(number) };
        Self { socket, target, packet, header }
    }

    fn speak(&mut self) -> bool {
        self.header.write(&mut self.packet);
        self.header.seq = self.header.seq.plus(1);
        self.header.time = self.header.time.plus(TICKS);
        self.socket.send_to(&self.packet[..PACKET_LEN], self.target).is_ok()
    }

    /// Takes what came.
    fn listen(&self) -> u64 {
        let mut bytes = [0; 1_500];
        std::iter::from_fn(|| self.socket.recv_from(&mut bytes).ok()).map(|_| 1).sum()
    }
}

fn talk(phones: &mut [Phone], listens: bool, over: &AtomicBool) -> Heard {
    let mut heard = Heard::default();
    let mut next = Instant::now();
    while !over.load(Ordering::Relaxed) {
        for phone in &mut *phones {
            if listens {
                heard.received += phone.listen();
            }
            heard.sent += u64::from(phone.speak());
        }
        next += call::AudioFrame::DURATION;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    heard
}

/// Ticks of the RTP clock in 20 ms of G.711, and bytes.
const TICKS: u32 = 160;
const PACKET_LEN: usize = HEADER_LEN + TICKS as usize;
/// How often the thread that waits for packets looks whether it is over.
const LOOK_UP: Duration = Duration::from_millis(100);
/// Packets of a call that are not measured.
const FIRST_PACKETS: u64 = 50;
