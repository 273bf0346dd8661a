//! What a desk is told and what it decides.

use std::time::Duration;

use call::{AgentId, CallId, Language};

/// A person who answers calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// The name under which they are configured.
    pub id: AgentId,
    /// Where they are rung, such as `sip:alice@192.0.2.7`.
    pub address: String,
    /// The queues they serve.
    pub queues: Vec<String>,
    /// The languages they speak.
    pub languages: Vec<Language>,
}

/// Who works at a desk and how long things may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeskConfig {
    /// The agents; a second one with the same id is left out.
    pub agents: Vec<Agent>,
    /// How long a phone rings before the next agent is tried.
    pub ring_timeout: Duration,
    /// How long a caller may wait for the first free agent.
    pub wait_max: Duration,
    /// How long an agent is left alone after a call.
    pub wrapup: Duration,
}

impl Default for DeskConfig {
    /// Nobody; 20 s of ringing, 120 s of waiting, 5 s of wrap-up.
    fn default() -> Self {
        Self {
            agents: Vec::new(),
            ring_timeout: Duration::from_secs(20),
            wait_max: Duration::from_secs(120),
            wrapup: Duration::from_secs(5),
        }
    }
}

/// What an agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Nothing: can be rung.
    Idle,
    /// Is rung.
    Ringing {
        /// For this call.
        call: CallId,
    },
    /// Talks.
    Talking {
        /// In this call.
        call: CallId,
    },
    /// Rests after a call.
    WrapUp,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// An agent picked up. If the call went to somebody else in the same instant, the answer is `StopRinging`.
    AgentAnswered {
        /// For which call.
        call: CallId,
        /// Who.
        agent: AgentId,
    },
    /// An agent's leg of a connected call is gone; the caller may still be there.
    AgentLeft {
        /// Of which call.
        call: CallId,
        /// Who.
        agent: AgentId,
    },
    /// An agent declined, was busy or could not be reached.
    AgentRefused {
        /// Which call.
        call: CallId,
        /// Who.
        agent: AgentId,
        /// In a word or two, such as `busy`.
        reason: String,
    },
    /// A connected call is over for both.
    CallEnded {
        /// Which.
        call: CallId,
    },
    /// A waiting or connected caller hung up.
    CallerLeft {
        /// Which call.
        call: CallId,
    },
    /// A caller needs a person. A call that is known already is not taken twice.
    CallerWaiting {
        /// Which call.
        call: CallId,
        /// The queue that should take it.
        queue: String,
        /// The caller's language.
        language: Language,
        /// Higher goes first; equal ones in order of arrival.
        priority: u8,
    },
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Join caller and agent.
    Connect {
        /// Which call.
        call: CallId,
        /// Who.
        agent: AgentId,
    },
    /// Tell the caller that nobody can take the call. The desk has forgotten it.
    NoAgent {
        /// Which call.
        call: CallId,
        /// `no_agent`: nobody serves this queue in this language. `no_answer`: all were rung. `all_busy`: waited too long.
        reason: &'static str,
    },
    /// Ring an agent.
    Ring {
        /// For which call.
        call: CallId,
        /// Whom.
        agent: AgentId,
        /// Where.
        address: String,
    },
    /// Stop ringing an agent, or hang up if they picked up in the same instant.
    StopRinging {
        /// For which call.
        call: CallId,
        /// Whom.
        agent: AgentId,
    },
}
