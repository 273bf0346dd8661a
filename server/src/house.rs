//! The house: everything calls share, put together from the configuration and taken down again in order.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::num::NonZeroU8;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, bail};
use asr::{EmotionModel, VadModel};
use call::{AudioFrame, Language};
use sip_bridge::{Door, DoorConfig, InboundCall};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::call::style::STYLES;
use crate::clock::Clock;
use crate::config::Config;
use crate::desk_room::DeskRoom;
use crate::ears::Ears;
use crate::engines;
use crate::flows::{self, Flows};
use crate::guests::Guests;
use crate::models;
use crate::mouth::Mouth;
use crate::phonebook;
use crate::reception::{Admission, Guest};
use crate::records::Records;
use crate::tools::Tools;
use crate::webrtc::Browsers;
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
    pub(crate) flows: Flows,
    pub(crate) records: Records,
    /// Room for calls, from wherever they come.
    pub(crate) admission: Admission,
    /// Calls from browsers.
    pub(crate) browsers: Browsers,
    pub(crate) hold_music: Arc<[AudioFrame]>,
    /// Cancelled when the server is told to stop.
    pub(crate) stopping: CancellationToken,
    /// Every live call.
    pub(crate) calls: TaskTracker,
}

impl House {
    /// Builds the house. Returns it with the queue of calls that ring at the door.
    ///
    /// # Errors
    /// When a port is taken, a model is missing, or a flow is wrong: the message names it and the way out.
    pub(crate) async fn build(config: Config, clock: Clock, records: Records) -> Result<(Arc<Self>, Arrivals)> {
        let flows = Flows::load(&config)?;
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
        let (door, calls) = Door::open(door_config).await?;
        let admission = Admission::new(config.sip.calls_max.number());
        let (browsers, from_browsers) = Browsers::new(&config, admission.clone(), records.live.clone());
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
            flows,
            records,
            admission,
            browsers,
            hold_music: media::tone::hold_music(),
            stopping: CancellationToken::new(),
            calls: TaskTracker::new(),
        };
        Ok((Arc::new(house), Arrivals { calls, guests: from_browsers }))
    }

    /// Has the clauses that every call says rendered in the background; to be called whenever the flows have changed.
    /// Calls are taken meanwhile.
    pub(crate) fn prepare_prompts(&self) {
        let styles = if self.config.speech.soothe { &STYLES[..] } else { &STYLES[..1] };
        self.mouth.prepare(self.flows.now().prompts(self.config.speech.language, styles));
    }

    /// Reads the flows anew, for the calls to come, and has their prompts rendered; returns their names. Blocks while it
    /// reads.
    ///
    /// # Errors
    /// With every problem of the first flow that has any; the flows stay as they were.
    pub(crate) fn reload_flows(&self) -> Result<Vec<String>> {
        let set = self.flows.reload(&self.config)?;
        self.prepare_prompts();
        Ok(set.names())
    }

    /// What flows see as `config`: the variables of the configuration, and whether callers are to be told that they
    /// are recorded.
    pub(crate) fn flow_config(&self) -> BTreeMap<String, String> {
        flows::flow_config(&self.config)
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

/// Those who want to talk to us.
pub(crate) struct Arrivals {
    /// Calls that ring at the door.
    pub(crate) calls: mpsc::Receiver<InboundCall>,
    /// Callers in browsers.
    pub(crate) guests: mpsc::Receiver<Guest>,
}

/// Which of this machine's addresses faces `peer`. Nothing is sent: connecting a UDP socket only chooses a route.
fn local_address_towards(peer: IpAddr) -> Option<IpAddr> {
    let any: SocketAddr = if peer.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect((peer, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Threads that speak: more than these would take time from the ears.
const VOICE_THREADS_MAX: usize = 2;
