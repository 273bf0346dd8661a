//! A house for the bench, in this very process: real doors on free ports, a folder of its own, and the bench's flow.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use call::{CallEvent, EventRecord, Language};
use tempfile::TempDir;

use crate::cli::Settings;
use crate::clock::Clock;
use crate::config::{Config, Listener, Number};
use crate::journal;
use crate::serving::Serving;

/// The running house.
pub(super) struct BenchHouse {
    serving: Serving,
    folder: TempDir,
    recordings: PathBuf,
}

impl BenchHouse {
    /// Starts a house with the configured ears and voices, and waits until its prompts are rendered.
    ///
    /// # Errors
    /// When it cannot start: the message names what is missing.
    pub(super) async fn start(settings: &Settings) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder for the bench")?;
        std::fs::write(folder.path().join("bench.yaml"), FLOW)?;
        let config = configure(settings.config.clone(), folder.path());
        let recordings = config.recordings_folder();
        let serving = Serving::start(config, Clock::start()).await?;
        serving.ready().await;
        Ok(Self { serving, folder, recordings })
    }

    /// Whom to call for a call in this language.
    pub(super) fn uri(&self, language: Language) -> String {
        format!("sip:{}@{}", called(language), self.serving.sip_address())
    }

    /// Stops, and hands out what happened in each call, by who called.
    ///
    /// # Errors
    /// When a journal cannot be read.
    pub(super) async fn stop(self) -> Result<HashMap<String, Vec<EventRecord>>> {
        self.serving.stop().await;
        let mut journals = Vec::new();
        for folder in [self.folder.path().join("data/live"), self.recordings] {
            find_journals(&folder, &mut journals);
        }
        let mut calls = HashMap::new();
        for path in journals {
            let (_, events) = journal::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let created = |record: &EventRecord| {
                if let CallEvent::Created { from, .. } = &record.event { Some(from.reveal().clone()) } else { None }
            };
            if let Some(caller) = events.iter().find_map(created) {
                calls.insert(caller, events);
            }
        }
        Ok(calls)
    }
}

/// The operator's ears, voices and limits; everything else is the bench's own.
fn configure(mut config: Config, folder: &Path) -> Config {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config.sip.udp = Listener::At(any_port);
    config.sip.tcp = Listener::Off;
    config.sip.public_address = None;
    config.media.listen = None;
    config.media.public_address = None;
    config.http.listen = any_port;
    config.data.folder = folder.join("data");
    config.recording.folder = None;
    config.dialog.flows = folder.to_owned();
    config.dialog.flow = "bench".to_owned();
    config.webhook = None;
    config.agents = Vec::new();
    config.numbers = [Language::En, Language::Zh]
        .map(|language| Number {
            called: called(language).to_owned(),
            flow: None,
            language: Some(language),
            languages: vec![language],
        })
        .to_vec();
    config
}

const fn called(language: Language) -> &'static str {
    match language {
        Language::En => "bench-en",
        Language::Zh => "bench-zh",
    }
}

/// Journals in a folder and those below it. A folder that is not there has none.
fn find_journals(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            find_journals(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "jsonl") {
            found.push(path);
        }
    }
}

/// What the house says to callers of the bench.
const FLOW: &str = include_str!("bench.yaml");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flow_of_the_bench_is_a_good_one() {
        dialog::Flow::load("bench.yaml", FLOW).unwrap();
    }

    #[test]
    fn the_bench_is_a_house_of_its_own() {
        let mut config = Config::default();
        config.speech.workers = 3;
        let own = configure(config, Path::new("somewhere"));
        assert_eq!((own.speech.workers, own.route("bench-zh").language), (3, Language::Zh));
        assert_eq!((own.route("bench-en").flow, own.data.folder.as_path()), ("bench", Path::new("somewhere/data")));
    }
}
