//! What the mind wants done: say, listen, ask a tool, bring in a person, hang up.
//!
//! Outputs are carried out in the order they are polled. An [`Output::Event`] is journalled before the outputs that
//! follow it.

use std::time::Duration;

use call::{CallEvent, Handoff, Language, Pii};

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Ask a system of the business; answered by `ToolReturned` or `ToolFailed` with the same id.
    CallTool {
        /// Counts up from 1 in each conversation.
        id: u64,
        /// The tool's name in the flow.
        tool: String,
        /// What to send.
        request: ToolRequest,
    },
    /// Bring in a person; answered by `TransferConnected` or `TransferFailed`.
    Escalate(Handoff),
    /// Something for the journal. The mind emits `flow.step`, `intent.detected`, `slot.filled`, `emotion.changed`,
    /// `tool.*`, `transfer.requested`, `transfer.failed` and `callback.requested`; all else is the server's to record.
    Event(CallEvent),
    /// What the caller is expected to answer once the prompts said so far are over. Holds until the next one.
    Expect {
        /// What kind of answer.
        expect: Expectation,
        /// In which language.
        language: Language,
        /// How long callers are likely to pause inside it.
        pauses: Pauses,
    },
    /// End the call. Always the last output.
    HangUp {
        /// In a word or two: `completed`, `shutdown`, `no_input`.
        reason: String,
    },
    /// Speak after what is already being said; answered by `SayFinished` or `SayStopped`.
    Say {
        /// Counts up from 1 in each conversation.
        id: u64,
        /// The words.
        text: Pii<String>,
        /// The language they are in.
        language: Language,
        /// Whether they are the same in every call.
        kind: PromptKind,
        /// Whether the caller may talk over them.
        barge_in: BargeIn,
    },
    /// Cut short everything being said or waiting to be said; each is answered by `SayStopped`.
    StopSpeaking,
    /// Keep a promise to call somebody back.
    StoreCallback {
        /// Whom to call, digits with an optional leading `+`.
        number: Pii<String>,
        /// The queue that should do it.
        queue: String,
    },
}

/// A request to a system of the business.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolRequest {
    /// The HTTP method.
    pub method: Method,
    /// The whole address; every value put into it is percent-encoded. Holds private data, so it is never logged.
    pub url: Pii<String>,
    /// The JSON to send, if any.
    pub body: Option<Pii<serde_json::Value>>,
    /// How long to wait for the whole answer.
    pub timeout: Duration,
}

/// What a tool's request does there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Writes; never repeated by itself, because a second request might act twice.
    Post,
}

impl Method {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// Whether a caller may talk over a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BargeIn {
    /// Speech and keys cut it short.
    Allowed,
    /// It is played whole; what is said meanwhile is answered afterwards.
    Forbidden,
}

/// Whether a prompt can be synthesised before any call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptKind {
    /// The same words in every call: comes from the cache.
    Fixed,
    /// Holds values of this call.
    Live,
}

/// How long callers pause inside an answer, so that the ears neither cut them off nor keep them waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pauses {
    /// They look something up or tell a story.
    Long,
    /// As people do.
    #[default]
    Normal,
    /// A word or two without any.
    Short,
}

/// The answer a caller is expected to give, so that the ears can tell when it is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// An open answer.
    Anything,
    /// One of a few options.
    Choice,
    /// A number dictated or keyed digit by digit: earns longer waits between groups.
    Digits {
        /// At least this many.
        min: usize,
        /// At most this many.
        max: usize,
    },
    /// No answer: a tool or a person is being waited for.
    Nothing,
    /// Yes or no: can be taken quickly.
    YesNo,
}
