//! The desk's room: one task owns `desk::Desk`, so that two calls never fight over one agent.

use std::collections::HashMap;

use call::{AgentId, CallId, Language};
use desk::{Desk, DeskConfig};
use tokio::sync::mpsc;

use crate::call::Note;
use crate::clock::Clock;

/// What the desk tells a call that waits for a person.
#[derive(Clone, Debug)]
pub(crate) enum DeskNotice {
    /// The agent who answered has the call.
    Connect { agent: AgentId },
    /// Nobody takes the call.
    NoAgent { reason: String },
    /// Ring this agent's phone.
    Ring { agent: AgentId, address: String },
    /// Stop ringing it.
    StopRinging { agent: AgentId },
}

/// A call that waits for a person.
pub(crate) struct Waiting {
    pub(crate) call: CallId,
    pub(crate) queue: String,
    pub(crate) language: Language,
    pub(crate) notes: mpsc::Sender<Note>,
}
