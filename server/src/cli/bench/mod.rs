//! `hotline bench`: measures on sound and packets, the same way for everybody.

mod decode;
mod figures;
mod first_audio;
mod house;
mod level;
mod material;
mod media;
mod plan;
mod report;
mod speech;
mod spoken;
mod trial;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use call::{Codec, Language};
use clap::Subcommand;
use serde::Serialize;
use sip_bridge::Transport;
use test_audio::gap::turn_gaps;
use test_audio::{LoadPlan, load};

use super::{Settings, print_json};

/// `hotline bench`.
#[derive(Debug, Subcommand)]
pub(super) enum BenchCommand {
    /// Many calls at once that listen: answered, first sound, largest gap between RTP packets
    Calls {
        /// Whom to call, such as sip:hotline@127.0.0.1:5060
        to: String,
        /// How many calls
        #[arg(long, default_value_t = 50)]
        calls: usize,
        /// Calls begun per second
        #[arg(long, default_value_t = 20.0)]
        rate: f64,
        /// How long each listens, in seconds
        #[arg(long, default_value_t = 8.0)]
        hold: f64,
        /// Call over TCP
        #[arg(long)]
        tcp: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// From a text to its first packet: kept in memory, kept on disk, and live
    FirstAudio {
        /// The language of the texts
        #[arg(long, default_value = "en")]
        lang: Language,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// What the wire costs: prompts, bridges, recordings, the beat on a busy machine, beside a bare loop
    Media(media::MediaArgs),
    /// The far ends of `bench media`
    #[command(hide = true)]
    MediaPeer(media::PeerArgs),
    /// Hearing: words, times, barge-in, on a labelled set through the recogniser and through real calls
    Speech(Box<speech::SpeechArgs>),
    /// Gaps between the caller's last sound and the answer's first, on stereo recordings
    Turns {
        /// Recordings (left caller, right bot)
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Speaking: our voices read sentences with numbers, and our ears write them down
    Voices(spoken::VoicesArgs),
}

/// Runs `hotline bench`.
///
/// # Errors
/// When something to be measured cannot be read or reached.
pub(super) async fn run(command: BenchCommand, settings: Settings) -> Result<ExitCode> {
    match command {
        BenchCommand::Calls { to, calls, rate, hold, tcp, json } => {
            bench_calls(to, calls, rate, hold, if tcp { Transport::Tcp } else { Transport::Udp }, json).await
        }
        BenchCommand::FirstAudio { lang, json } => {
            first_audio::run(lang, json, &settings).await?;
            Ok(ExitCode::SUCCESS)
        }
        BenchCommand::Media(args) => media::run(args).await,
        BenchCommand::MediaPeer(args) => media::run_peer(&args).map(|()| ExitCode::SUCCESS),
        BenchCommand::Speech(args) => speech::run(*args, settings).await,
        BenchCommand::Turns { files, json } => bench_turns(&files, json),
        BenchCommand::Voices(args) => spoken::run(&args, &settings),
    }
}

async fn bench_calls(
    to: String,
    calls: usize,
    rate: f64,
    hold: f64,
    transport: Transport,
    json: bool,
) -> Result<ExitCode> {
    let interval = Duration::try_from_secs_f64(1.0 / rate).context("--rate must be above zero")?;
    let hold = Duration::try_from_secs_f64(hold).context("--hold must not be negative")?;
    let codecs = vec![Codec::Pcmu, Codec::Pcma];
    let plan = LoadPlan { to, from: "bench".to_owned(), transport, calls, interval, hold, codecs };
    let report = load(plan).await?;
    if json {
        print_json(&report)?;
    } else {
        writeln!(
            std::io::stdout(),
            "{} calls, {} answered, {} heard sound; largest gap between packets {:.1} ms, {} of {} packets lost",
            report.calls,
            report.answered,
            report.heard,
            report.gap_max_ms,
            report.lost,
            report.received + report.lost
        )?;
    }
    Ok(if report.answered == report.calls { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Serialize)]
struct TurnGaps {
    file: String,
    gaps_ms: Vec<u64>,
    median_ms: Option<u64>,
}

fn bench_turns(files: &[PathBuf], json: bool) -> Result<ExitCode> {
    let mut all = Vec::new();
    for file in files {
        let sound = ::media::read_wav(file)?;
        let [left, right] = sound.channels.as_slice() else {
            bail!("{}: a recording has two channels, this has {}", file.display(), sound.channels.len());
        };
        let gaps = turn_gaps(left, right, sound.rate);
        if !json {
            for gap in &gaps {
                writeln!(
                    std::io::stdout(),
                    "{}: {:>7.2} s to {:>7.2} s  {:>5} ms",
                    file.display(),
                    gap.caller_end_ms as f64 / 1e3,
                    gap.bot_start_ms as f64 / 1e3,
                    gap.gap_ms
                )?;
            }
        }
        all.extend(gaps.into_iter().map(|gap| gap.gap_ms));
    }
    all.sort_unstable();
    let median_ms = all.get(all.len() / 2).copied();
    if json {
        let file = files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
        print_json(&TurnGaps { file, gaps_ms: all, median_ms })?;
    } else if let Some(median) = median_ms {
        writeln!(std::io::stdout(), "median of {} turns: {median} ms", all.len())?;
    }
    Ok(ExitCode::SUCCESS)
}
