//! The wire under load: real lines on real media threads, and a task for each call that takes what it is told.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use call::{AudioFrame, Codec, LegId};
use media::{Attention, Clip, Progress, RtpConfig, RtpTime, SeqNo, Ssrc};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::machine::{Crowd, Meter, memory_bytes, workers};
use super::peer::Peer;
use super::{Run, WARM_UP};
use crate::clock::Clock;
use crate::wire::{Line, LineEvents, PortPool, Wire, WireEvent};

/// What the calls do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// Two legs talk, and nobody listens to them.
    Bridge,
    /// A prompt plays, and the caller is heard.
    Ivr,
    /// The same, and it is recorded.
    Recorded,
}

/// So many calls for so long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) job: Job,
    pub(super) calls: usize,
    pub(super) span: Duration,
    /// Whether other threads want every core meanwhile.
    pub(super) busy: bool,
}

/// Puts the load on and measures.
pub(super) async fn run(load: Load) -> Result<Run> {
    let legs = if load.job == Job::Bridge { 2 } else { 1 };
    let mut peer = Peer::start(load.calls * legs, load.busy)?;
    let ports = PortPool::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 20_000..=39_998, rand::random());
    let wire = Wire::start(workers(), ports, Clock::start())?;
    let folder = tempfile::tempdir()?;
    let prompt: Arc<[AudioFrame]> = prompt();
    let before = memory_bytes();
    let mut tasks = JoinSet::new();
    let mut targets = Vec::new();
    for (number, remotes) in peer.addresses.chunks(legs).enumerate() {
        let (line, events) = wire.open()?;
        for (leg, &remote) in (0_u32..).zip(remotes) {
            let socket = wire.ports().reserve()?;
            targets.push(socket.local_addr()?);
            line.add_leg(LegId(leg), socket, config(remote))?;
        }
        begin(&line, load.job, &prompt, (number, &folder))?;
        let prompt = prompt.clone();
        tasks.spawn(async move { attend(line, events, &prompt).await });
    }
    peer.call(&targets)?;
    let crowd = load.busy.then(Crowd::start).transpose()?;
    tokio::time::sleep(WARM_UP).await;
    let meter = Meter::start();
    tokio::time::sleep(load.span).await;
    let spent = meter.read();
    let memory_bytes = memory_bytes().saturating_sub(before);
    let heard = peer.stop()?;
    drop(crowd);
    tasks.shutdown().await;
    Ok(Run { spent, heard, memory_bytes })
}

fn begin(line: &Line, job: Job, prompt: &Arc<[AudioFrame]>, (number, folder): (usize, &TempDir)) -> Result<()> {
    match job {
        Job::Bridge => {
            line.attend(LegId(0), Attention::Unheard)?;
            line.attend(LegId(1), Attention::Unheard)?;
            line.bridge(LegId(0), LegId(1))?;
        }
        Job::Ivr => line.play(LegId::CALLER, Clip { id: 0, frames: prompt.clone() })?,
        Job::Recorded => {
            line.play(LegId::CALLER, Clip { id: 0, frames: prompt.clone() })?;
            // Its outcome comes when the line is closed, when nobody waits for it any more.
            drop(line.record(folder.path().join(format!("{number}.wav")))?);
        }
    }
    Ok(())
}

/// Plays the prompt again and again; frames are taken and let go, as a recogniser would take them.
async fn attend(line: Line, mut events: LineEvents, prompt: &Arc<[AudioFrame]>) {
    while let Some(event) = events.recv().await {
        if let WireEvent::Progress { progress: Progress::Finished { .. }, .. } = event {
            // A full queue ends this call's prompt, which the count of packets would not hide.
            let _ = line.play(LegId::CALLER, Clip { id: 0, frames: prompt.clone() });
        }
    }
}

fn config(remote: SocketAddr) -> RtpConfig {
    RtpConfig {
        codec: Codec::Pcmu,
        payload_type: 0,
        telephone_event: None,
        remote,
        ssrc: Ssrc(rand::random()),
        first_seq: SeqNo(rand::random()),
        first_time: RtpTime(rand::random()),
    }
}

/// Ten seconds that are loud and never silent.
fn prompt() -> Arc<[AudioFrame]> {
    let sample = |n: usize| (6_000.0 * (n as f32 * 0.1).sin() * (n as f32 * 0.001).cos()) as i16;
    (0..500).map(|frame| AudioFrame(std::array::from_fn(|n| sample(frame * AudioFrame::SAMPLES + n)))).collect()
}
