//! `hotline flow check` and `hotline understand`: a flow on its own, without a call.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{Settings, print_json};
use crate::flows::load_flow;

/// `hotline flow`.
#[derive(Debug, Subcommand)]
pub(super) enum FlowCommand {
    /// Say what is wrong with flow files: file, line, column and the way out
    Check {
        /// Flow files (YAML)
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// Runs `hotline flow`. Exits with 1 when any file has a problem.
///
/// # Errors
/// When standard output is gone.
pub(super) fn run(command: &FlowCommand) -> Result<ExitCode> {
    let FlowCommand::Check { files } = command;
    let mut code = ExitCode::SUCCESS;
    for file in files {
        match load_flow(file) {
            Ok(_) => writeln!(std::io::stdout(), "{}: good", file.display())?,
            Err(error) => {
                code = ExitCode::FAILURE;
                writeln!(std::io::stdout(), "{error:#}")?;
            }
        }
    }
    Ok(code)
}

/// Arguments of `hotline understand`.
#[derive(Debug, Args)]
pub(super) struct UnderstandArgs {
    /// What a caller says.
    text: String,
    /// The flow file; that of the configuration when left out.
    #[arg(long)]
    flow: Option<PathBuf>,
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs `hotline understand`.
///
/// # Errors
/// When the flow cannot be read or is wrong.
pub(super) fn understand(args: &UnderstandArgs, settings: &Settings) -> Result<()> {
    let file = args.flow.clone().unwrap_or_else(|| settings.config.flow_file(&settings.config.dialog.flow));
    let flow = load_flow(&file)?;
    let understanding = dialog::understand(&flow, &args.text, jiff::Zoned::now().date());
    if args.json {
        return print_json(&understanding);
    }
    let mut out = std::io::stdout().lock();
    match &understanding.intent {
        Some(intent) => writeln!(out, "intent: {intent} ({:.0} %)", understanding.confidence * 100.0)?,
        None => writeln!(out, "intent: none is likely enough")?,
    }
    for found in &understanding.slots {
        writeln!(out, "{}: {}", found.slot, found.value)?;
    }
    Ok(())
}
