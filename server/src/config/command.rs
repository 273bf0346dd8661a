//! `hotline config check` and `hotline config show`.
//!
//! Operators change a file and want to know before the next start whether it will do; both commands read exactly as
//! `hotline serve` does.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use serde_json::json;

use super::problem::{ConfigError, ConfigProblem};
use super::sections::Config;

/// What to do with the configuration.
#[derive(Clone, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Read hotline.toml and say what is wrong with it: file, line, key and the way out
    ///
    /// Exits with 0 when `hotline serve` would start with it. Flow files must exist; what stands in them is read by
    /// `hotline flow check`.
    Check {
        /// Print one JSON object: ok, file, problems
        #[arg(long)]
        json: bool,
    },
    /// Print the configuration in effect, defaults included; secrets are masked
    Show {
        /// Print JSON instead of TOML
        #[arg(long)]
        json: bool,
    },
}

/// Runs one of the commands on `path`, or on what [`Config::load`] finds without it.
///
/// # Errors
/// When the configuration cannot be used, with every problem; the process should then exit with 1.
pub fn run(command: &ConfigCommand, path: Option<&Path>) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Check { json } => check(path, *json),
        ConfigCommand::Show { json } => show(&Config::load(path)?, *json),
    }
}

fn check(path: Option<&Path>, json: bool) -> anyhow::Result<()> {
    let problems = match Config::load(path) {
        Ok(config) => missing_files(&config, path),
        Err(ConfigError::Invalid(problems)) => problems,
        Err(error @ ConfigError::Unreadable { .. }) => return Err(error.into()),
    };
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", json!({ "ok": problems.is_empty(), "problems": problems }))?;
    } else if problems.is_empty() {
        let named = path.map_or_else(|| "hotline.toml or the defaults".to_owned(), |path| path.display().to_string());
        writeln!(out, "The configuration is good ({named}).")?;
    } else {
        for problem in &problems {
            writeln!(out, "{problem}")?;
        }
    }
    out.flush()?;
    match problems.len() {
        0 => Ok(()),
        1 => bail!("the configuration has 1 problem"),
        count => bail!("the configuration has {count} problems"),
    }
}

/// Files that the configuration names and that are not there.
fn missing_files(config: &Config, path: Option<&Path>) -> Vec<ConfigProblem> {
    let flows = config.flow_names().into_iter().map(|name| ("dialog.flow", config.flow_file(name)));
    let whisper = config.speech.whisper.iter().map(|file| ("speech.whisper", file.clone()));
    let emotion = config.speech.emotion.iter().map(|file| ("speech.emotion", file.clone()));
    let certificate = config.sip.tls_certificate.iter().map(|file| ("sip.tls_certificate", file.clone()));
    let key = config.sip.tls_key.iter().map(|file| ("sip.tls_key", file.clone()));
    flows
        .chain(certificate)
        .chain(key)
        .chain(whisper)
        .chain(emotion)
        .filter(|(_, file)| !file.is_file())
        .map(|(key, file)| ConfigProblem {
            file: path.unwrap_or_else(|| Path::new("hotline.toml")).to_owned(),
            line: None,
            column: None,
            key: key.to_owned(),
            message: format!("{} is not there", file.display()),
            hint: "put the file there, or correct the path; relative paths start at the configuration file".to_owned(),
        })
        .collect()
}

fn show(config: &Config, json: bool) -> anyhow::Result<()> {
    let text = if json {
        serde_json::to_string_pretty(config).context("writing JSON")?
    } else {
        toml::to_string(config).context("writing TOML")?
    };
    writeln!(io::stdout().lock(), "{}", text.trim_end())?;
    Ok(())
}
