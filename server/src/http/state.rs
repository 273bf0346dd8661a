//! What the web interface may see of the house.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use call::{AgentId, CallId, Language};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::live::LiveCalls;
use crate::config::{Secret, Site};
use crate::guests::Guests;
use crate::journal::Folders;
use crate::mouth::Prepared;
use crate::store::Store;
use crate::webrtc::Browsers;

/// What the web interface is given. Cheap to copy.
#[derive(Clone)]
pub struct HttpState {
    /// Calls that have ended.
    pub store: Store,
    /// Journals and recordings.
    pub folders: Folders,
    /// Calls that live.
    pub live: LiveCalls,
    /// The people who take calls, kept up to date by the desk.
    pub agents: watch::Receiver<Vec<AgentStatus>>,
    /// How far the rendering of fixed prompts is.
    pub prompts: watch::Receiver<Prepared>,
    /// Whether calls can be taken.
    pub readiness: Readiness,
    /// The speech engines, as far as callers leave them.
    pub guests: Guests,
    /// Reads the flows anew and gives their names, or says what is wrong with one. Blocks while it reads.
    pub reload_flows: Arc<dyn Fn() -> anyhow::Result<Vec<String>> + Send + Sync>,
    /// The counters of the house.
    pub metrics: PrometheusHandle,
    /// What clients must show; `None` lets everybody in who comes from this machine.
    pub token: Option<Secret>,
    /// Calls from browsers, and the page for them; `None` where they are switched off.
    pub browsers: Option<BrowserAccess>,
    /// Cancelled when the interface closes.
    pub closing: CancellationToken,
}

/// How browsers come to us.
#[derive(Clone, Debug)]
pub struct BrowserAccess {
    /// Takes their calls.
    pub browsers: Browsers,
    /// What a page may show instead of the token, to call and nothing else.
    pub token: Option<Secret>,
    /// Sites that may show the page within theirs.
    pub sites: Vec<Site>,
}

/// A person who takes calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentStatus {
    /// The agent's short name.
    #[schema(value_type = String)]
    pub id: AgentId,
    /// What the agent does.
    pub state: AgentState,
    /// Since when, in milliseconds since 1970 (UTC).
    pub since_unix_ms: i64,
    /// The queues the agent serves.
    pub queues: Vec<String>,
    /// The languages the agent speaks.
    #[schema(value_type = Vec<String>)]
    pub languages: Vec<Language>,
    /// The call the agent is rung for or talks in.
    #[schema(value_type = Option<String>)]
    pub call_id: Option<CallId>,
}

/// What an agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AgentState {
    /// Not at the desk.
    Away,
    /// Talks to a caller.
    Busy,
    /// Does not want to be rung.
    Dnd,
    /// Can be rung.
    Idle,
    /// Has no phone with us.
    Offline,
    /// Is being rung.
    Ringing,
    /// Finishes the work of the last call.
    Wrapup,
}

/// What is still missing before calls can be taken. Cheap to copy; every copy is the same list.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    missing: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

impl Readiness {
    /// Everything is there, unless it is said to be missing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that a part of the house is not there, and why, in words for the operator.
    pub fn missing(&self, part: &'static str, reason: impl Into<String>) {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).insert(part, reason.into());
    }

    /// Notes that it is there.
    pub fn present(&self, part: &'static str) {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).remove(part);
    }

    /// Every missing part and why.
    pub fn reasons(&self) -> BTreeMap<&'static str, String> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
