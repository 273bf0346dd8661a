//! `hotline demo`: a whole call to read along, on a server that goes on serving.
//!
//! Everything in it is real: SIP and RTP over sockets, recognition, the flow, the order looked up over HTTP, the voice,
//! and a hand-over to an agent's phone. Only the two people are simulated.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use call::{AgentId, Codec, Language};
use clap::Args;
use sip_bridge::Transport;
use test_audio::shop::{self, Faults, Stock};
use test_audio::{Agent, AgentPlan, CallPlan, CallReport, Caller, Outcome, Scenario};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Settings, serve, story, voices};
use crate::clock::Clock;
use crate::config::{Config, Log, LogLevel};
use crate::serving::Serving;
use crate::telemetry;

/// Arguments of `hotline demo`.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// End after the call instead of serving on
    #[arg(long)]
    once: bool,
    /// What the caller does; by default asks for an order, then for a person
    #[arg(long)]
    scenario: Option<PathBuf>,
}

/// Runs `hotline demo`. Exits with 1 when the caller was not helped.
///
/// # Errors
/// When the server does not start, or there was no call.
pub(super) async fn run(args: DemoArgs, settings: Settings) -> Result<ExitCode> {
    // The story is told on the terminal; of the log only what is worth waking somebody stands between its lines.
    telemetry::init(&Log { level: LogLevel::Warn, ..settings.config.log.clone() })?;
    let mut out = std::io::stdout();
    writeln!(out, "Loading the speech models ...")?;
    let (mouth, ears) = voices::load(&settings)?;
    let mut config = settings.config;
    let closing = CancellationToken::new();
    let backend = open_shop(&mut config, closing.clone()).await?;
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let agent = Agent::listen(AgentPlan::friendly(any_port, Language::En), mouth.clone(), ears.clone()).await?;
    add_agent(&mut config, &agent)?;
    let recordings = config.recordings_folder();
    let serving = Serving::start(config, Clock::start()).await?;
    let sip = format!("sip:hotline@{}", serving.sip_address());
    let http = format!("http://{}", serving.http_address());
    writeln!(out, "Serving: {sip} (UDP and TCP), {http}\n\nA caller dials {sip}:\n")?;
    let plan = CallPlan {
        to: sip.clone(),
        from: "13800138000".to_owned(),
        transport: Transport::Udp,
        scenario: scenario(args.scenario.as_deref())?,
        record: None,
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        line: test_audio::LineEffects::default(),
    };
    let (news, _unread) = mpsc::channel(1);
    let telling = tokio::spawn(story::tell(http.clone(), serving.token(), story::Partials::Hidden));
    let report = Caller::place(plan, mouth, ears, news).await?;
    let told = tokio::time::timeout(STORY_WAIT, telling).await;
    let call_id = told.ok().and_then(Result::ok).transpose()?.flatten();
    print_outcome(&report)?;
    if let Some(call_id) = call_id {
        story::print_places(&http, serving.token(), &call_id, &recordings).await?;
    }
    let helped = report.outcome == Outcome::Helped;
    if !args.once {
        print_invitation(&sip, &http, &backend)?;
        serve::wait_for_stop().await?;
        writeln!(out, "Stopping ...")?;
    }
    serving.stop().await;
    agent.close().await;
    closing.cancel();
    Ok(if helped { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn scenario(file: Option<&std::path::Path>) -> Result<Scenario> {
    Ok(match file {
        Some(file) => Scenario::load(file)?,
        None => Scenario::parse("order-status-then-agent.yaml", DEMO_SCENARIO)?,
    })
}

/// Opens the sample shop, unless something listens where the configuration expects a backend. Returns its address.
///
/// # Errors
/// When no port is free.
pub(super) async fn open_shop_if_needed(config: &mut Config, closing: CancellationToken) -> Result<Option<String>> {
    let backend = config.dialog.vars.get("backend").and_then(|url| url.strip_prefix("http://"));
    // What cannot be told from an address without a lookup is somebody's own.
    let Some(Ok(address)) = backend.map(|address| address.trim_end_matches('/').parse::<SocketAddr>()) else {
        return Ok(None);
    };
    let answers = tokio::time::timeout(BACKEND_WAIT, TcpStream::connect(address)).await;
    if matches!(answers, Ok(Ok(_))) || !address.ip().is_loopback() {
        return Ok(None);
    }
    open_shop(config, closing).await.map(Some)
}

/// Opens the sample shop where the configuration expects a backend, or anywhere when that port is taken.
async fn open_shop(config: &mut Config, closing: CancellationToken) -> Result<String> {
    let configured = config.dialog.vars.get("backend").and_then(|url| url.strip_prefix("http://")?.parse().ok());
    let wanted: SocketAddr = configured.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
    let listener = match TcpListener::bind(wanted).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind((wanted.ip(), 0)).await.context("cannot open the sample shop")?,
    };
    let url = format!("http://{}", listener.local_addr()?);
    config.dialog.vars.insert("backend".to_owned(), url.clone());
    let stock = Stock::new(jiff::Zoned::now().date());
    tokio::spawn(async move { shop::serve(listener, stock, Faults::default(), closing.cancelled_owned()).await });
    Ok(url)
}

/// The simulated agent takes calls beside those who are configured, for every queue.
fn add_agent(config: &mut Config, agent: &Agent) -> Result<()> {
    if config.agents.is_empty() {
        config.agents.push(crate::config::Agent {
            id: AgentId::new("alice"),
            name: "Alice".to_owned(),
            address: Some(agent.uri().parse().map_err(anyhow::Error::msg)?),
            user: None,
            queues: vec!["after_sales".to_owned()],
            languages: vec![Language::En, Language::Zh],
        });
    }
    Ok(())
}

fn print_outcome(report: &CallReport) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match &report.outcome {
        Outcome::Helped => writeln!(out, "\nThe caller was helped.")?,
        Outcome::NotHelped { why } => writeln!(out, "\nThe caller was not helped: {why}")?,
    }
    Ok(())
}

fn print_invitation(sip: &str, http: &str, backend: &str) -> Result<()> {
    let stock = Stock::new(jiff::Zoned::now().date());
    let orders: Vec<_> = stock.orders().iter().take(ORDERS_SHOWN).map(|order| order.id.as_str()).collect();
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nYour turn: dial {sip} with a SIP softphone (no account), and ask for one of these orders:")?;
    writeln!(out, "  {}", orders.join("  "))?;
    writeln!(out, "Or:  target/release/hotline call {sip} --say \"where is my order {}\"", Stock::DEMO_ORDER)?;
    writeln!(out, "Calls are listed at {http}/v1/calls; the sample shop is at {backend}/orders")?;
    writeln!(out, "Ctrl-C stops.")?;
    Ok(())
}

/// What the caller of the demo does.
const DEMO_SCENARIO: &str = include_str!("../../../test-audio/scenarios/order-status-then-agent.yaml");
/// How long a backend may take to take a connection.
const BACKEND_WAIT: Duration = Duration::from_secs(1);
/// How long after the call its last events may take.
const STORY_WAIT: Duration = Duration::from_secs(10);
/// Sample orders named at the end.
const ORDERS_SHOWN: usize = 6;
