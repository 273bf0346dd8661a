//! `hotline user`: makes the entry of a user whose phone may register.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use super::Settings;
use crate::config::{OnlyMd5, User};

/// What to do with users.
#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Read a password from standard input and print a [[user]] section for hotline.toml
    ///
    /// Only hashes of the password are printed and kept. They are made with `sip.registrar.realm`; whoever changes that
    /// adds the users again.
    Add(AddArgs),
}

/// Arguments of `hotline user add`.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The user part of the SIP address
    name: String,
    /// Leave SHA-256 out, for a phone that fails when it is offered
    #[arg(long)]
    only_md5: bool,
}

/// Runs one of the commands.
///
/// # Errors
/// When the name or the password will not do.
pub(super) fn run(command: &UserCommand, settings: &Settings) -> Result<ExitCode> {
    let UserCommand::Add(args) = command;
    if args.name.is_empty() || args.name.contains(|c: char| c.is_whitespace() || c.is_control() || c == ':') {
        bail!("\"{}\" is no user name; leave out spaces and colons", args.name);
    }
    if settings.config.users.iter().any(|user| user.name == args.name) {
        bail!("\"{}\" stands in the configuration already; take its [[user]] out first", args.name);
    }
    if std::io::stdin().is_terminal() {
        writeln!(std::io::stderr(), "Password for {}, then Enter:", args.name)?;
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("cannot read the password")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.chars().count() < PASSWORD_CHARACTERS_MIN {
        bail!("a password has at least {PASSWORD_CHARACTERS_MIN} characters; `openssl rand -hex 12` makes a good one");
    }
    let only_md5 = if args.only_md5 { OnlyMd5::Yes } else { OnlyMd5::No };
    let user = User::with_password(&args.name, &settings.config.sip.registrar.realm, password, only_md5);
    let mut out = std::io::stdout().lock();
    writeln!(out, "[[user]]\nname = {}", toml::Value::String(user.name))?;
    if let Some(ha1) = &user.ha1_sha256 {
        writeln!(out, "ha1_sha256 = \"{}\"", ha1.reveal())?;
    }
    if let Some(ha1) = &user.ha1_md5 {
        writeln!(out, "ha1_md5 = \"{}\"", ha1.reveal())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The door slows guessing down, it does not make it impossible.
const PASSWORD_CHARACTERS_MIN: usize = 8;
