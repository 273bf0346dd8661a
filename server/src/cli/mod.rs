//! The command line of `hotline`. Each command has `--help` that says what it is for.

mod agent;
mod bench;
mod caller;
mod demo;
mod flow;
mod serve;
mod speech;
mod story;
mod talk;
mod train;
mod user;
mod voices;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, Result};
use call::{Language, UnknownLanguage};
use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::config::{Config, ConfigCommand};
use crate::models::ModelsCommand;

/// Answers phone calls: hears, understands, answers, and hands over to people.
#[derive(Debug, Parser)]
#[command(name = "hotline", version, max_term_width = 100)]
pub struct Cli {
    /// The configuration file; hotline.toml in the current folder when there is one, else built-in defaults.
    #[arg(long, global = true, env = "HOTLINE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer a phone like an agent would: for trying out hand-overs
    Agent(agent::AgentArgs),
    /// Measure: turns, calls, speech
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Place a call as a simulated caller, over real SIP and RTP
    Call(caller::CallArgs),
    /// Check or show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Serve, and place one call that shows what the house can do
    Demo(demo::DemoArgs),
    /// Check flows
    #[command(subcommand)]
    Flow(flow::FlowCommand),
    /// Fetch, list or verify the speech models
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Answer calls until told to stop
    Serve,
    /// Speak a text into a WAV file
    Speak(speech::SpeakArgs),
    /// Speak to the bot with this machine's microphone and speaker
    Talk(talk::TalkArgs),
    /// Write down what is said in WAV files
    Transcribe(speech::TranscribeArgs),
    /// Train what can be trained on one's own data
    #[command(subcommand)]
    Train(train::TrainCommand),
    /// Make the entry of a user whose phone may register
    #[command(subcommand)]
    User(user::UserCommand),
    /// Show what the mind makes of a sentence
    Understand(flow::UnderstandArgs),
}

/// Where a command finds its models: the configuration, read only as far as it is needed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder of the models.
    pub models: PathBuf,
    /// The configuration.
    pub config: Config,
}

impl Settings {
    fn load(config: Option<&PathBuf>) -> Result<Self> {
        let config = Config::load(config.map(PathBuf::as_path))?;
        Ok(Self { models: config.models_folder(), config })
    }

    /// The recogniser's model.
    pub fn whisper_file(&self) -> PathBuf {
        crate::engines::whisper_file(&self.models, self.config.speech.whisper.as_deref())
    }
}

/// A language, or the wish to find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LanguageArg {
    /// Found out from the sound.
    Auto,
    /// Given.
    One(Language),
}

impl FromStr for LanguageArg {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::One) }
    }
}

/// Runs a command; errors go to standard error with their causes.
pub fn run(cli: Cli) -> ExitCode {
    match dispatch(cli) {
        Ok(code) => code,
        Err(error) => {
            // Nothing is left to do when standard error is gone.
            let _ = writeln!(std::io::stderr(), "hotline: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(cli: Cli) -> Result<ExitCode> {
    let settings = || Settings::load(cli.config.as_ref());
    match cli.command {
        Command::Agent(args) => block_on(agent::run(args, settings()?)),
        Command::Bench(command) => block_on(bench::run(command, settings()?)),
        Command::Call(args) => block_on(caller::run(args, settings()?)),
        Command::Config(command) => crate::config::run(&command, cli.config.as_deref()).map(|()| ExitCode::SUCCESS),
        Command::Demo(args) => block_on(demo::run(args, settings()?)),
        Command::Flow(command) => flow::run(&command),
        Command::Models(command) => crate::models::run(&command, &settings()?.models).map(|()| ExitCode::SUCCESS),
        Command::Serve => block_on(serve::run(settings()?)),
        Command::Speak(args) => speech::speak(&args, &settings()?).map(|()| ExitCode::SUCCESS),
        Command::Talk(args) => block_on(talk::run(args, settings()?)),
        Command::Transcribe(args) => speech::transcribe(&args, &settings()?).map(|()| ExitCode::SUCCESS),
        Command::Train(command) => train::run(&command).map(|()| ExitCode::SUCCESS),
        Command::User(command) => user::run(&command, &settings()?),
        Command::Understand(args) => flow::understand(&args, &settings()?).map(|()| ExitCode::SUCCESS),
    }
}

fn block_on(work: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    // Both TLS users of the house share one provider; installing it twice is harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    runtime.block_on(work)
}

/// Prints one JSON object on a line of its own.
fn print_json(value: &impl Serialize) -> Result<()> {
    let line = serde_json::to_string(value)?;
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}
