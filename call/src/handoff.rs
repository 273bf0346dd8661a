//! What a person receives with a call: why, what for, what is known, what was tried.

use serde::{Deserialize, Serialize};

use crate::pii::{Pii, revealed};
use crate::speech::{Emotion, Language};

/// Why the bot gives a call to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandoffReason {
    /// The caller asked for a person.
    CallerAsked,
    /// The flow says that this case is for people.
    FlowAsked,
    /// The caller was not understood, or not heard, too often.
    NotUnderstood,
    /// A system of the business did not answer.
    ToolFailed,
    /// Something of ours broke.
    BotFailed,
}

/// Something the caller told us, or we looked up, under its name in the flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotValue {
    /// The slot's name in the flow, such as `order_id`.
    pub name: String,
    /// Its value as text.
    #[serde(with = "revealed")]
    pub value: Pii<String>,
    /// Whether the caller has said that it is right.
    pub confirmed: bool,
}

/// A step the bot took for this caller and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedStep {
    /// The step's name in the flow.
    pub step: String,
    /// How it ended, in a word or two: `done`, `no_match`, `tool_failed`.
    pub outcome: String,
}

/// What an agent receives with the call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Handoff {
    /// Why a person is needed.
    pub reason: HandoffReason,
    /// What the caller wants, under its name in the flow; `None` when that is not known.
    pub intent: Option<String>,
    /// The queue that should take it.
    pub queue: String,
    /// The caller's language.
    pub language: Language,
    /// How the caller sounded last.
    pub emotion: Emotion,
    /// What is known so far.
    pub slots: Vec<SlotValue>,
    /// What the bot has tried, in order.
    pub tried: Vec<TriedStep>,
    /// One or two sentences the agent hears before the caller is connected.
    #[serde(with = "revealed")]
    pub brief: Pii<String>,
}
