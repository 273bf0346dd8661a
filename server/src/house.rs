//! The house: everything calls share, put together from the configuration and taken down again in order.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::num::NonZeroU8;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, bail};
use asr::{EmotionModel, VadModel, Vocabulary};
use call::{AudioFrame, Language};
use dialog::{Flow, HOLE};
use sip_bridge::{Door, DoorConfig, InboundCall};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tts::Style;

use crate::call::style::STYLES;
use crate::clock::Clock;
use crate::config::Config;
use crate::desk_room::DeskRoom;
use crate::ears::Ears;
use crate::engines;
use crate::guests::Guests;
use crate::models;
use crate::mouth::{Mouth, Say};
use crate::phonebook;
use crate::records::Records;
use crate::tools::Tools;
use crate::wire::{PortPool, Wire};

/// What every call may use.
pub(crate) struct House {
    pub(crate) clock: Clock,
    pub(crate) config: Config,
    pub(crate) door: Door,
    pub(crate) wire: Wire,
    pub(crate) ears: Ears,
    /// Lends the engines to others.
    pub(crate) guests: Guests,
    pub(crate) vad: VadModel,
    pub(crate) emotion: EmotionModel,
    pub(crate) mouth: Mouth,
    pub(crate) tools: Tools,
    pub(crate) desk: DeskRoom,
    pub(crate) flows: BTreeMap<String, Arc<Flow>>,
    /// The words of all flows, restored where they were heard as others.
    pub(crate) vocabulary: Arc<Vocabulary>,
    pub(crate) records: Records,
    pub(crate) hold_music: Arc<[AudioFrame]>,
    /// Cancelled when the server is told to stop.
    pub(crate) stopping: CancellationToken,
    /// Every live call.
    pub(crate) calls: TaskTracker,
}

/// The words that callers of these flows say.
fn vocabulary(flows: &BTreeMap<String, Arc<Flow>>) -> Vocabulary {
    let flows = || flows.values();
    Vocabulary::new(flows().flat_map(|flow| flow.words()), flows().flat_map(|flow| flow.examples()))
}

impl House {
    /// Builds the house. Returns it with the queue of calls that ring at the door.
    ///
    /// # Errors
    /// When a port is taken, a model is missing, or a flow is wrong: the message names it and the way out.
    pub(crate) async fn build(config: Config, clock: Clock, records: Records) -> Result<(Arc<Self>, Arrivals)> {
        let flows = load_flows(&config)?;
        let folder = config.models_folder();
        check_models(&config, &folder)?;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let decodes = if config.speech.workers == 0 { cores } else { config.speech.workers.into() };
        let decodes = u8::try_from(decodes).ok().and_then(NonZeroU8::new).unwrap_or(NonZeroU8::MAX);
        let recognizer = engines::configured_recognizer(&config, decodes)?;
        let vad = engines::voice_activity(&folder)?;
        let voices = engines::configured_voices(&config)?;
        let emotion = engines::emotion(config.speech.emotion.as_deref())?;
        let ears = Ears::start(recognizer, decodes)?;
        let guests = Guests::start(ears.clone(), &voices, decodes).context("cannot start a thread for guests")?;
        let mouth = Mouth::start(voices, cores.min(VOICE_THREADS_MAX), Some(config.prompts_folder()))?;
        let ports = PortPool::new(config.media_listen(), config.media.ports.ports(), rand::random());
        let workers = if config.media.workers == 0 { cores.div_ceil(2) } else { config.media.workers.into() };
        let wire = Wire::start(workers, ports, clock)?;
        let desk = DeskRoom::start(&config, clock);
        let door_config = DoorConfig {
            udp: config.sip.udp.address(),
            tcp: config.sip.tcp.address(),
            tls: phonebook::tls(&config).context("sip.tls_certificate and sip.tls_key")?,
            public_address: config.sip.public_address,
            guard: phonebook::guard(&config),
            registrar: phonebook::registrar(&config),
        };
        let (door, arrivals) = Door::open(door_config).await?;
        let house = Self {
            clock,
            config,
            door,
            wire,
            ears,
            guests,
            vad,
            emotion,
            mouth,
            tools: Tools::new().context("cannot prepare HTTP for tools")?,
            desk,
            vocabulary: Arc::new(vocabulary(&flows)),
            flows,
            records,
            hold_music: media::tone::hold_music(),
            stopping: CancellationToken::new(),
            calls: TaskTracker::new(),
        };
        Ok((Arc::new(house), arrivals))
    }

    /// Has the clauses that every call says rendered in the background; to be called whenever the flows have changed.
    /// Calls are taken meanwhile.
    pub(crate) fn prepare_prompts(&self) {
        let styles = if self.config.speech.soothe { &STYLES[..] } else { &STYLES[..1] };
        self.mouth.prepare(prompts(self.flows.values().map(AsRef::as_ref), self.config.speech.language, styles));
    }

    /// What flows see as `config`: the variables of the configuration, and whether callers are to be told that they
    /// are recorded.
    pub(crate) fn flow_config(&self) -> BTreeMap<String, String> {
        flow_config(&self.config)
    }

    /// The address that a phone at `peer` reaches our sound at.
    pub(crate) fn media_address(&self, peer: Option<IpAddr>) -> IpAddr {
        self.config
            .media_address()
            .or_else(|| peer.and_then(local_address_towards))
            .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    /// The language in which agents hear the brief.
    pub(crate) fn brief_language(&self) -> Language {
        self.config.speech.language
    }
}

/// The clauses that are the same in every call: in the first manner before the others, and in the language that calls
/// begin in before the other one.
fn prompts<'a>(flows: impl Iterator<Item = &'a Flow>, first: Language, styles: &[Style]) -> Vec<Say> {
    let mut texts: Vec<_> =
        flows.flat_map(|flow| flow.fixed_prompts().into_iter().chain(flow.live_prompts())).collect();
    texts.sort_by_key(|(language, _)| *language != first);
    let clauses = |style: &Style| {
        let of = |(language, text): &(Language, String)| tts::parts(text, *language, *style);
        texts.iter().flat_map(of).filter(|part| !part.clause.text.contains(HOLE)).map(Say::from).collect::<Vec<_>>()
    };
    styles.iter().flat_map(clauses).collect()
}

/// Every model is there and is what the manifest says, unless the operator has one of their own.
fn check_models(config: &Config, folder: &Path) -> Result<()> {
    let mut without = engines::spared(&config.speech.languages).to_vec();
    without.extend(config.speech.whisper.is_some().then_some("whisper"));
    match models::check_without(folder, &without) {
        Ok(()) => Ok(()),
        Err(problems) => {
            let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
            bail!("the speech models are not as they should be:\n{}", problems.join("\n"))
        }
    }
}

/// Calls that ring.
pub(crate) type Arrivals = mpsc::Receiver<InboundCall>;

/// Which of this machine's addresses faces `peer`. Nothing is sent: connecting a UDP socket only chooses a route.
fn local_address_towards(peer: IpAddr) -> Option<IpAddr> {
    let any: SocketAddr = if peer.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect((peer, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

fn flow_config(config: &Config) -> BTreeMap<String, String> {
    let told = config.recording.enabled && config.recording.notice;
    let mut values = config.dialog.vars.clone();
    values.insert("recorded".to_owned(), if told { "yes" } else { "no" }.to_owned());
    values
}

/// Reads every flow the configuration uses.
///
/// # Errors
/// With every problem of the first flow that has any, each with its file and line; or when a flow reads a variable
/// that the configuration does not set.
pub(crate) fn load_flows(config: &Config) -> Result<BTreeMap<String, Arc<Flow>>> {
    let known = flow_config(config);
    let load = |name: &str| {
        let file = config.flow_file(name);
        let flow = load_flow(&file)?;
        if let Some(unset) = flow.config_names().into_iter().find(|name| !known.contains_key(name)) {
            bail!("{} reads config.{unset}: set `{unset}` below [dialog.vars] in the configuration", file.display());
        }
        Ok((name.to_owned(), Arc::new(flow)))
    };
    config.flow_names().into_iter().map(load).collect()
}

/// Reads one flow.
///
/// # Errors
/// With every problem, each with its file and line.
pub(crate) fn load_flow(file: &Path) -> Result<Flow> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the flow {}; see dialog.flows and dialog.flow", file.display()))?;
    Ok(Flow::load(&file.display().to_string(), &text)?)
}

/// Threads that speak: more than these would take time from the ears.
const VOICE_THREADS_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_call_says_is_rendered_in_the_order_in_which_it_is_likely_to_be_needed() {
        let yaml = include_str!("../../flows/after-sales.yaml");
        let flow = Flow::load("flows/after-sales.yaml", yaml).unwrap_or_else(|errors| panic!("{errors}"));
        let says = prompts([&flow].into_iter(), Language::Zh, &STYLES);
        let places: Vec<_> = says.iter().map(|say| (say.style != STYLES[0], say.language != Language::Zh)).collect();
        assert!(places.is_sorted(), "calm before soothing, the first language before the other");
        assert!(says.iter().all(|say| !say.text.reveal().contains([HOLE, '{'])), "no value of a call");
        let fixed = prompts_of_kind(&flow);
        assert!(says.len() > 2 * fixed, "clauses of live texts too");
    }

    fn prompts_of_kind(flow: &Flow) -> usize {
        let parts = |(language, text): (Language, String)| tts::parts(&text, language, Style::default()).len();
        flow.fixed_prompts().into_iter().map(parts).sum()
    }
}
