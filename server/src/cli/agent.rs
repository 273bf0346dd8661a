//! `hotline agent`: an agent's phone that answers by itself.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Result;
use call::Language;
use clap::Args;
use test_audio::{Agent, AgentPlan, AgentReport};

use super::{Settings, print_json, serve, voices};

/// Arguments of `hotline agent`.
#[derive(Debug, Args)]
pub(super) struct AgentArgs {
    /// Where the phone listens (UDP)
    #[arg(long, default_value = "127.0.0.1:5070")]
    listen: SocketAddr,
    /// The language the agent speaks
    #[arg(long, default_value = "en")]
    lang: Language,
    /// Print one JSON object for each call
    #[arg(long)]
    json: bool,
}

/// Runs `hotline agent` until Ctrl-C.
///
/// # Errors
/// When the port is taken or a model is missing.
pub(super) async fn run(args: AgentArgs, settings: Settings) -> Result<ExitCode> {
    let (mouth, ears) = voices::load(&settings)?;
    let mut agent = Agent::listen(AgentPlan::friendly(args.listen, args.lang), mouth, ears).await?;
    writeln!(std::io::stderr(), "Waiting for calls at {}; Ctrl-C ends.", agent.uri())?;
    loop {
        tokio::select! {
            report = agent.reports.recv() => match report {
                Some(report) => print_call(&report, args.json)?,
                None => break,
            },
            stopped = serve::wait_for_stop() => {
                stopped?;
                break;
            }
        }
    }
    for report in agent.close().await {
        print_call(&report, args.json)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print_call(report: &AgentReport, json: bool) -> Result<()> {
    if json {
        return print_json(report);
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "A call of {:.1} s:", report.duration_ms as f64 / 1e3)?;
    for heard in &report.heard {
        writeln!(out, "  heard: {}", heard.text)?;
    }
    for said in &report.said {
        writeln!(out, "  said:  {said}")?;
    }
    Ok(())
}
