//! `hotline serve`: answers calls until told to stop.

use std::process::ExitCode;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use super::Settings;
use crate::clock::Clock;
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
    wait_for_stop().await?;
    serving.stop().await;
    Ok(ExitCode::SUCCESS)
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
