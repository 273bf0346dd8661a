//! `hotline call`: a simulated caller on real SIP and RTP.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use call::{Codec, Language};
use clap::Args;
use sip_bridge::Transport;
use test_audio::{CallPlan, CallProgress, CallReport, Caller, Outcome, Scenario};
use tokio::sync::mpsc;

use super::{Settings, print_json, voices};

/// Arguments of `hotline call`.
#[derive(Debug, Args)]
pub(super) struct CallArgs {
    /// Whom to call, such as sip:hotline@127.0.0.1:5060
    to: String,
    /// What to say and press and what to expect (YAML; see test-audio/scenarios)
    #[arg(long, conflicts_with_all = ["say", "file", "keys"])]
    scenario: Option<PathBuf>,
    /// Say this after the greeting
    #[arg(long, conflicts_with_all = ["file", "keys"])]
    say: Option<String>,
    /// Play this WAV file after the greeting
    #[arg(long, conflicts_with = "keys")]
    file: Option<PathBuf>,
    /// Press these keys after the greeting
    #[arg(long)]
    keys: Option<String>,
    /// The language to speak and to hear
    #[arg(long, default_value = "en")]
    lang: Language,
    /// The number to call from
    #[arg(long, default_value = "caller")]
    from: String,
    /// Call over TCP instead of UDP
    #[arg(long)]
    tcp: bool,
    /// Record both sides into this WAV file: left what was said, right what was heard
    #[arg(long)]
    record: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Runs `hotline call`. Exits with 1 when the caller was not helped.
///
/// # Errors
/// When there was no call: nobody there, refused, or the scenario is wrong.
pub(super) async fn run(args: CallArgs, settings: Settings) -> Result<ExitCode> {
    let scenario = scenario(&args)?;
    let (mouth, ears) = voices::load(&settings)?;
    let plan = CallPlan {
        to: args.to,
        from: args.from,
        transport: if args.tcp { Transport::Tcp } else { Transport::Udp },
        scenario,
        record: args.record,
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        line: test_audio::LineEffects::default(),
    };
    let (progress, news) = mpsc::channel(NEWS_MAX);
    let printer = tokio::spawn(print_news(news, !args.json));
    let report = Caller::place(plan, mouth, ears, progress).await?;
    printer.await.context("printing the call failed")??;
    if args.json {
        print_json(&report)?;
    } else {
        print_report(&report)?;
    }
    Ok(if report.outcome == Outcome::Helped { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn scenario(args: &CallArgs) -> Result<Scenario> {
    if let Some(file) = &args.scenario {
        return Ok(Scenario::load(file)?);
    }
    let turn = match (&args.say, &args.file, &args.keys) {
        (Some(text), _, _) => format!("user: {}", serde_json::to_string(text)?),
        (_, Some(file), _) => {
            let file = std::fs::canonicalize(file).with_context(|| format!("cannot find {}", file.display()))?;
            format!("file: {}", serde_json::to_string(&file)?)
        }
        (_, _, Some(keys)) => format!("dtmf: {}", serde_json::to_string(keys)?),
        (None, None, None) => bail!("say what to do: --scenario FILE, --say TEXT, --file WAV or --keys DIGITS"),
    };
    let yaml = format!(
        "name: one-turn\nlanguage: {}\nturns:\n  - expect: {{ event: response }}\n  - {turn}\n    expect: {{ event: \
         response }}\n",
        args.lang
    );
    Ok(Scenario::parse("command line", &yaml)?)
}

async fn print_news(mut news: mpsc::Receiver<CallProgress>, wanted: bool) -> Result<()> {
    while let Some(news) = news.recv().await {
        if wanted {
            print_line(&news)?;
        }
    }
    Ok(())
}

fn print_line(news: &CallProgress) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let seconds = |ms: u64| ms as f64 / 1e3;
    match news {
        CallProgress::Answered => writeln!(out, "{:>7}  answered", "")?,
        CallProgress::Ended { by, at_ms } => writeln!(out, "{:>6.1}s  ended by {by:?}", seconds(*at_ms))?,
        CallProgress::Heard { text, started_ms, gap_ms, .. } => {
            let gap = gap_ms.map(|gap| format!("  (after {gap} ms)")).unwrap_or_default();
            writeln!(out, "{:>6.1}s  heard: {text}{gap}", seconds(*started_ms))?;
        }
        CallProgress::Ringing => writeln!(out, "{:>7}  ringing", "")?,
        CallProgress::Said { text, started_ms } => writeln!(out, "{:>6.1}s  said:  {text}", seconds(*started_ms))?,
    }
    Ok(())
}

fn print_report(report: &CallReport) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match &report.outcome {
        Outcome::Helped => writeln!(out, "The caller was helped.")?,
        Outcome::NotHelped { why } => writeln!(out, "The caller was not helped: {why}")?,
    }
    if let Some(recording) = &report.recording {
        writeln!(out, "Recorded in {}", recording.display())?;
    }
    Ok(())
}

/// News of a call waiting to be printed.
const NEWS_MAX: usize = 256;
