//! `hotline bench media`: what the wire costs, beside the least possible loop that moves the same packets.
//!
//! The far ends of all calls live in a process of their own, so that only our side's processor time is counted: all of
//! it, with the threads that wake the calls and write recordings. The loop ("floor") makes the same calls to the system
//! in the same run on the same machine, so that the ratio means something where the single times do not.

mod floor;
mod house;
mod machine;
mod peer;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;

pub(super) use self::peer::{PeerArgs, run as run_peer};

use self::house::{Job, Load};
use self::machine::Spent;
use crate::cli::print_json;

/// `hotline bench media`.
#[derive(Debug, Args)]
pub(in crate::cli) struct MediaArgs {
    /// How many calls; half as many bridges of two legs
    #[arg(long, default_value_t = 200)]
    calls: usize,
    /// How long each kind of call is measured, in seconds
    #[arg(long, default_value_t = 20.0)]
    seconds: f64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Report {
    calls: usize,
    bridges: usize,
    seconds: f64,
    workers: usize,
    /// CPU-seconds for a minute of one call: a prompt is played and the caller is heard.
    ivr: f64,
    ivr_floor: f64,
    ivr_ratio: f64,
    /// CPU-seconds for a minute of two bridged legs.
    bridge: f64,
    bridge_floor: f64,
    bridge_ratio: f64,
    /// CPU-seconds that stereo recording adds to a minute of a call.
    recording_added: f64,
    /// Memory of one call in megabytes, recording and recogniser not among it.
    memory_mb: f64,
    /// Milliseconds between packets as they came to the far end, all cores busy.
    spacing: peer::Spacing,
    /// Packets that came to the far ends, of those that were due, over all kinds of calls.
    packets_received: u64,
    packets_due: u64,
}

/// Measures and prints.
///
/// # Errors
/// When the machine gives no sockets, threads or second process.
pub(super) async fn run(args: MediaArgs) -> Result<ExitCode> {
    ensure!((1..=CALLS_MAX).contains(&args.calls), "--calls must lie between 1 and {CALLS_MAX}");
    let span = Duration::try_from_secs_f64(args.seconds).context("--seconds must not be negative")?;
    ensure!(span >= SPAN_MIN, "--seconds must be at least {}", SPAN_MIN.as_secs());
    let report = measure(args.calls, span).await?;
    if args.json {
        print_json(&report)?
    } else {
        print(&report)?
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(calls: usize, span: Duration) -> Result<Report> {
    let bridges = (calls / 2).max(1);
    let load = |job, calls, busy| Load { job, calls, span, busy };
    let floor = floor::run(floor::Kind::Echoless, calls, span).await?;
    let ivr = house::run(load(Job::Ivr, calls, false)).await?;
    let recorded = house::run(load(Job::Recorded, calls, false)).await?;
    let bridge_floor = floor::run(floor::Kind::Crossed, 2 * bridges, span).await?;
    let bridged = house::run(load(Job::Bridge, bridges, false)).await?;
    let crowded = house::run(load(Job::Ivr, calls, true)).await?;
    let per_minute = |spent: &Spent, calls: usize| spent.cpu_s / (calls as f64 * spent.wall_s / 60.0);
    let (ivr_floor, ivr_cost) = (per_minute(&floor.spent, calls), per_minute(&ivr.spent, calls));
    let (crossed, bridge) = (per_minute(&bridge_floor.spent, bridges), per_minute(&bridged.spent, bridges));
    let all = [&floor, &ivr, &recorded, &bridge_floor, &bridged, &crowded];
    Ok(Report {
        calls,
        bridges,
        seconds: span.as_secs_f64(),
        workers: machine::workers(),
        ivr: ivr_cost,
        ivr_floor,
        ivr_ratio: ivr_cost / ivr_floor,
        bridge,
        bridge_floor: crossed,
        bridge_ratio: bridge / crossed,
        recording_added: per_minute(&recorded.spent, calls) - ivr_cost,
        memory_mb: ivr.memory_bytes as f64 / calls as f64 / 1e6,
        spacing: crowded.heard.spacing.clone(),
        packets_received: all.iter().map(|run| run.heard.received).sum(),
        packets_due: all.iter().map(|run| run.heard.sent).sum(),
    })
}

/// One kind of call, measured.
struct Run {
    spent: Spent,
    heard: peer::Heard,
    memory_bytes: u64,
}

fn print(report: &Report) -> Result<()> {
    let Report { calls, bridges, seconds, workers, spacing, .. } = report;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{calls} calls, {bridges} bridges, {seconds:.0} s each, {workers} media threads, G.711, loopback")?;
    writeln!(out, "CPU-seconds per call-minute         ours   floor   ratio   aim")?;
    let line = |name: &str, ours: f64, floor: f64, ratio: f64, aim: &str| {
        format!("  {name:<32} {ours:>7.4} {floor:>7.4} {ratio:>7.2}   {aim}")
    };
    writeln!(
        out,
        "{}",
        line("prompt played, caller heard", report.ivr, report.ivr_floor, report.ivr_ratio, "0.035, 2x")
    )?;
    writeln!(out, "{}", line("bridge of two legs", report.bridge, report.bridge_floor, report.bridge_ratio, "0.045"))?;
    writeln!(out, "  added by stereo recording        {:>7.4}                   0.010", report.recording_added)?;
    writeln!(
        out,
        "spacing sent, all cores busy: median {:.1}, p99 {:.1}, max {:.1} ms of {} (aim 21 / 30 ms)",
        spacing.median_ms, spacing.p99_ms, spacing.max_ms, spacing.count
    )?;
    writeln!(out, "memory per call: {:.3} MB (aim 0.1)", report.memory_mb)?;
    writeln!(out, "packets received: {} of {}", report.packets_received, report.packets_due)?;
    Ok(())
}

/// Each call takes two sockets here and two there.
const CALLS_MAX: usize = 2_000;
const SPAN_MIN: Duration = Duration::from_secs(2);
/// How long calls run before they are measured: jitter buffers settle, every page has been touched.
const WARM_UP: Duration = Duration::from_secs(4);
