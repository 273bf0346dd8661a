//! The configuration: what `hotline.toml` says, read into types in which a value that exists is valid.
//!
//! Defaults are built in, so an absent file is a good file. Every mistake is reported with its file, line and key, the
//! nearest known key and a way out, because the person who meets it is usually not the person who wrote this.

mod command;
mod door;
mod engines;
mod load;
mod problem;
mod rules;
mod sections;
mod values;

pub use command::{ConfigCommand, run};
pub use door::{Guard, Ha1, OnlyMd5, Realm, Registrar, User};
pub use engines::{HttpRecognizer, HttpVoice, HttpVoices, Lexicons, SoundFormat, TranscriptFormat};
pub use problem::{ConfigError, ConfigProblem};
pub use rules::Route;
pub use sections::{
    Agent, Config, Data, Dialog, Http, Limits, Log, LogFormat, LogLevel, Media, Number, Recording, Sip, Speech,
    Transfer, WebRtc, Webhook,
};
pub use values::{CallsMax, Count, HttpUrl, Listener, Millis, PortRange, Seconds, Secret, SipUri, Site};
