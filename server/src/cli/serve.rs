//! `hotline serve`: answers calls until told to stop.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{info, warn};

use super::Settings;
use crate::clock::Clock;
use crate::mouth::Prepared;
use crate::serving::Serving;
use crate::telemetry;

/// Runs `hotline serve`.
///
/// # Errors
/// When the house cannot be built: a port is taken, a model is missing, a flow is wrong.
pub(super) async fn run(settings: Settings) -> Result<ExitCode> {
    telemetry::init(&settings.config.log)?;
    let serving = Serving::start(settings.config, Clock::start()).await?;
    info!(sip = %serving.sip_address(), http = %serving.http_address(), "Ready for calls");
    let progress = tokio::spawn(show_prompts(serving.prompts()));
    serve_until_stop(&serving).await?;
    progress.abort();
    serving.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Shows in a terminal how far the rendering of the prompts is; a log has its own lines.
async fn show_prompts(mut prompts: watch::Receiver<Prepared>) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    let template = "  prompts {wide_bar} {pos} of {len}, {eta} left; calls are taken";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(0).with_style(style);
    loop {
        let now = *prompts.borrow_and_update();
        bar.set_length(now.total as u64);
        bar.set_position((now.ready + now.failed) as u64);
        if now.is_done() || prompts.changed().await.is_err() {
            bar.finish_and_clear();
            return;
        }
    }
}

/// Waits for the end, and reads the flows anew at each SIGHUP.
async fn serve_until_stop(serving: &Serving) -> Result<()> {
    let mut reload = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            stop = wait_for_stop() => return stop,
            _ = reload.recv() => match tokio::task::block_in_place(|| serving.reload_flows()) {
                Ok(flows) => info!(?flows, "Flows are read anew; calls that live keep theirs"),
                Err(problem) => warn!(problem = format!("{problem:#}"), "Flows stay as they were"),
            },
        }
    }
}

/// Waits for Ctrl-C or SIGTERM.
///
/// # Errors
/// When the machine does not let us hear signals.
pub(super) async fn wait_for_stop() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
