//! What reaches the mind: words, keys, the ends of prompts, answers of tools and of people.
//!
//! Every result carries the id of what it answers, so that one which comes after the conversation has moved on is
//! recognised as stale and dropped.

use std::collections::BTreeMap;

use call::{Emotion, Language, Pii};
use jiff::civil::Date;

/// What a conversation is told at its beginning.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The language of the greeting. A caller who speaks another language of the flow is answered in that one.
    pub language: Language,
    /// The languages the caller may change to; those of the flow when empty.
    pub languages: Vec<Language>,
    /// The language in which agents are briefed.
    pub agent_language: Language,
    /// The caller's number as the door knew it; empty or `anonymous` when it is withheld.
    pub caller: Pii<String>,
    /// What templates see as `config`, such as `backend`, from the server's configuration.
    pub config: BTreeMap<String, String>,
    /// The date of the call where the business is: "tomorrow" is counted from it.
    pub today: Date,
    /// Chooses among equivalent wordings; the same seed and inputs give the same call.
    pub seed: u64,
}

/// Something that happened, in the order it happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The caller is gone. Nothing is said after it.
    CallerHungUp,
    /// A key was pressed: `0` to `9`, `*`, `#`; others are ignored.
    Digit(Pii<char>),
    /// A finished turn of the caller.
    Heard {
        /// The words.
        text: Pii<String>,
        /// The language the recogniser heard.
        language: Language,
        /// How likely the words are right, 0.0 to 1.0.
        confidence: f32,
        /// How the caller sounded.
        emotion: Option<Emotion>,
    },
    /// A prompt was played to its last sample.
    SayFinished {
        /// Of [`Output::Say`](crate::Output::Say).
        id: u64,
    },
    /// A prompt was cut short or could not be played.
    SayStopped {
        /// Of [`Output::Say`](crate::Output::Say).
        id: u64,
    },
    /// The machine goes down; the caller is told goodbye.
    ShuttingDown,
    /// The caller began to speak.
    SpeechStarted,
    /// Sound goes both ways. Always the first input.
    Started,
    /// A tool could not be asked or did not answer.
    ToolFailed {
        /// Of [`Output::CallTool`](crate::Output::CallTool).
        id: u64,
        /// In a word or two: `timeout`, `refused`, `not json`.
        reason: String,
    },
    /// A tool answered, with whatever status.
    ToolReturned {
        /// Of [`Output::CallTool`](crate::Output::CallTool).
        id: u64,
        /// The HTTP status.
        status: u16,
        /// The body; `null` when it was empty.
        body: serde_json::Value,
    },
    /// A person has the call now. The mind is silent from here on.
    TransferConnected,
    /// No person could be brought in.
    TransferFailed {
        /// In a word or two: `no_answer`, `no_agent`.
        reason: String,
    },
    /// The caller spoke, and no words could be made out.
    Unclear,
}
