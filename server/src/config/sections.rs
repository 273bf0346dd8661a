//! The sections of `hotline.toml`, each with the defaults that hold where the file says nothing.
//!
//! Defaults are safe before they are handy: everything listens on this machine only, and nothing is sent anywhere. Each
//! field is explained for its users in `hotline.toml` and `docs/configuration.md`; a test holds the three together.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use call::{AgentId, Language};
use serde::{Deserialize, Serialize};

use super::door::{Guard, Registrar, User};
use super::engines::{HttpRecognizer, HttpVoices, Lexicons};
use super::values::{CallsMax, HttpUrl, Listener, Millis, PortRange, Seconds, Secret, SipUri, Site};

/// The whole configuration. Made by [`Config::load`]; `Config::default()` is what holds without a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The front door.
    pub sip: Sip,
    /// Sound on the wire.
    pub media: Media,
    /// The web interface.
    pub http: Http,
    /// Calls from browsers.
    pub webrtc: WebRtc,
    /// Where things are kept.
    pub data: Data,
    /// Recording of calls.
    pub recording: Recording,
    /// Ears and mouth.
    pub speech: Speech,
    /// The mind.
    pub dialog: Dialog,
    /// Handing a caller to a person.
    pub transfer: Transfer,
    /// Bounds on calls and on stopping.
    pub limits: Limits,
    /// What is logged, and how.
    pub log: Log,
    /// Who is told about calls; nobody when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// Called numbers with a flow or language of their own.
    #[serde(rename = "number", skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<Number>,
    /// The people who take calls.
    #[serde(rename = "agent", skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<Agent>,
    /// Whose phones may register.
    #[serde(rename = "user", skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<User>,
}

/// `[sip]`: where calls come in and how many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sip {
    /// SIP over UDP.
    pub udp: Listener,
    /// SIP over TCP.
    pub tcp: Listener,
    /// SIP over TLS.
    pub tls: Listener,
    /// The certificates to show there, PEM, the own one first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_certificate: Option<PathBuf>,
    /// The key of the first, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// The address that others reach us at, where it is not the one we listen on (NAT).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_address: Option<IpAddr>,
    /// Live calls at most; one more is refused with 503 (RFC 3261 21.5.4).
    pub calls_max: CallsMax,
    /// What a refused caller's phone is told to wait, in seconds (Retry-After, RFC 3261 20.33).
    pub retry_after_s: Seconds,
    /// What one source may ask.
    pub guard: Guard,
    /// How phones register.
    pub registrar: Registrar,
}

impl Default for Sip {
    fn default() -> Self {
        let local = Listener::At(SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)));
        Self {
            udp: local,
            tcp: local,
            tls: Listener::Off,
            tls_certificate: None,
            tls_key: None,
            public_address: None,
            calls_max: const { CallsMax::built_in(50) },
            retry_after_s: const { Seconds::built_in(10) },
            guard: Guard::default(),
            registrar: Registrar::default(),
        }
    }
}

/// `[media]`: sound on the wire.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    /// UDP ports for RTP.
    pub ports: PortRange,
    /// Threads that carry sound; 0 lets the house choose by the number of cores.
    pub workers: u16,
    /// The address to listen on for sound; that of `sip.udp`, or else `sip.tcp`, when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<IpAddr>,
    /// The address told to phones in SDP; `sip.public_address` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_address: Option<IpAddr>,
}

impl Default for PortRange {
    fn default() -> Self {
        Self::BUILT_IN
    }
}

/// `[http]`: the web interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What clients must show as `Authorization: Bearer`; required when `listen` is wider than this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)), token: None }
    }
}

/// `[webrtc]`: calls from browsers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebRtc {
    /// Whether browsers may call.
    pub enabled: bool,
    /// UDP ports, one for each call from a browser.
    pub ports: PortRange,
    /// The address to listen on; that of sound in `[media]` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<IpAddr>,
    /// The address told to browsers; `media.public_address` or `sip.public_address` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_address: Option<IpAddr>,
    /// Calls from browsers at most; they count among `sip.calls_max` as well.
    pub calls_max: CallsMax,
    /// What a page must show to call, and all that it may do with it; `http.token` opens too, and alone when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// Web sites that may show the page within theirs.
    pub sites: Vec<Site>,
}

impl Default for WebRtc {
    fn default() -> Self {
        Self {
            enabled: true,
            ports: PortRange::FOR_BROWSERS,
            listen: None,
            public_address: None,
            calls_max: const { CallsMax::built_in(20) },
            token: None,
            sites: Vec::new(),
        }
    }
}

/// `[data]`: where things are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// The folder of the database, the live journals and the recordings. Relative to the configuration file.
    pub folder: PathBuf,
}

impl Default for Data {
    fn default() -> Self {
        Self { folder: PathBuf::from("data") }
    }
}

/// `[recording]`: recording of calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recording {
    /// Whether calls are recorded.
    pub enabled: bool,
    /// Whether the caller is told so before anything else is said.
    pub notice: bool,
    /// Where recordings and finished journals are kept; `recordings` in the data folder when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
}

impl Default for Recording {
    fn default() -> Self {
        Self { enabled: true, notice: true, folder: None }
    }
}

/// `[speech]`: ears and mouth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Speech {
    /// The folder of the models; see `models::folder` for what holds when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<PathBuf>,
    /// Recognitions at once; 0 means as many as cores.
    pub workers: u16,
    /// The language a call begins in.
    pub language: Language,
    /// The languages a caller may speak.
    pub languages: Vec<Language>,
    /// Emotion weights of one's own, made by `hotline train emotion`, instead of those built in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emotion: Option<PathBuf>,
    /// Another Whisper model in ggml format, instead of the one fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whisper: Option<PathBuf>,
    /// A recogniser reached over HTTP, before the embedded one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recognizer: Option<HttpRecognizer>,
    /// Voices reached over HTTP, before the embedded ones.
    #[serde(skip_serializing_if = "HttpVoices::is_empty")]
    pub voice: HttpVoices,
    /// How words of the business are said by the embedded voices.
    #[serde(skip_serializing_if = "Lexicons::is_empty")]
    pub lexicon: Lexicons,
    /// Whether an angry or sad caller is spoken to slower and softer.
    pub soothe: bool,
}

impl Default for Speech {
    fn default() -> Self {
        Self {
            models: None,
            workers: 0,
            language: Language::En,
            languages: all_languages(),
            whisper: None,
            recognizer: None,
            voice: HttpVoices::default(),
            lexicon: Lexicons::default(),
            soothe: true,
            emotion: None,
        }
    }
}

/// `[dialog]`: the mind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dialog {
    /// The folder of the flows, `NAME.yaml`. Relative to the configuration file.
    pub flows: PathBuf,
    /// The flow of numbers that name no other.
    pub flow: String,
    /// What flows may use as `{{config.NAME}}`.
    pub vars: BTreeMap<String, String>,
}

impl Default for Dialog {
    fn default() -> Self {
        let backend = ("backend".to_owned(), "http://127.0.0.1:8090".to_owned());
        Self { flows: PathBuf::from("flows"), flow: "after-sales".to_owned(), vars: BTreeMap::from([backend]) }
    }
}

/// `[transfer]`: handing a caller to a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Transfer {
    /// How long an agent's phone rings before the next agent is tried, in seconds.
    pub ring_s: Seconds,
    /// How long an agent is left in peace after a call, in seconds.
    pub wrapup_s: Seconds,
}

impl Default for Transfer {
    fn default() -> Self {
        Self { ring_s: const { Seconds::built_in(20) }, wrapup_s: const { Seconds::built_in(5) } }
    }
}

/// `[limits]`: bounds on calls and on stopping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How long a call may last, in seconds; then the caller is told goodbye.
    pub call_s_max: Seconds,
    /// How long a call that is not on hold may go without one RTP packet, in seconds; then the phone is taken for gone.
    pub no_rtp_s_max: Seconds,
    /// How long live calls may go on after the server is told to stop, in seconds.
    pub shutdown_s: Seconds,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call_s_max: const { Seconds::built_in(3_600) },
            no_rtp_s_max: const { Seconds::built_in(60) },
            shutdown_s: const { Seconds::built_in(20) },
        }
    }
}

/// `[log]`: what is logged, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// The least grave level that is written.
    pub level: LogLevel,
    /// For people or for machines.
    pub format: LogFormat,
}

/// How grave a line of the log is, from all to only the gravest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Every decision.
    Debug,
    /// Calls are lost.
    Error,
    /// The states of calls.
    #[default]
    Info,
    /// Every packet.
    Trace,
    /// Worth waking someone.
    Warn,
}

impl LogLevel {
    /// The level's name in a `tracing` filter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Error => "error",
            Self::Info => "info",
            Self::Trace => "trace",
            Self::Warn => "warn",
        }
    }
}

/// How lines of the log are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For reading.
    #[default]
    Text,
}

/// `[webhook]`: who is told about hand-overs and ended calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where to POST.
    pub url: HttpUrl,
    /// The key of the HMAC-SHA256 signature; unsigned when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// How long one attempt may take, in milliseconds.
    #[serde(default = "webhook_timeout")]
    pub timeout_ms: Millis,
}

/// `[[number]]`: a called number with a flow or language of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// The number or user name that is called, exactly as in the request.
    pub called: String,
    /// Its flow; `dialog.flow` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// The language its calls begin in; `speech.language` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// The languages its callers may speak; `speech.languages` when left out, and with a single one nothing is detected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<Language>,
}

/// `[[agent]]`: a person who takes calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// A short name, unique among agents.
    pub id: AgentId,
    /// The name callers may hear; `id` when left out.
    #[serde(default)]
    pub name: String,
    /// The SIP address of the agent's phone; that of the user's phone when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SipUri>,
    /// The user as whom the agent's phone registers; it goes before `address`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The queues this agent serves, by the names that flows use.
    pub queues: Vec<String>,
    /// The languages this agent speaks.
    #[serde(default = "all_languages")]
    pub languages: Vec<Language>,
}

impl PortRange {
    /// Above those of phones.
    const FOR_BROWSERS: Self = match Self::new(30_000, 30_998) {
        Some(range) => range,
        None => unreachable!(),
    };
    /// 5000 legs with sound, away from the ports that machines lend out by themselves.
    const BUILT_IN: Self = match Self::new(20_000, 29_998) {
        Some(range) => range,
        None => unreachable!(),
    };
}

const fn webhook_timeout() -> Millis {
    const { Millis::built_in(5_000) }
}

fn all_languages() -> Vec<Language> {
    vec![Language::En, Language::Zh]
}
