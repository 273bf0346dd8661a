//! What a listener says, and how it is set.

use std::time::Duration;

use call::{Language, Moment, Pii, Span};

use crate::guard::DropReason;
use crate::recognizer::{DecodeId, DecodeKind, DecodeRequest};
use crate::turn_end::TurnEndConfig;

/// How a listener listens.
#[derive(Clone, Debug, PartialEq)]
pub struct ListenerConfig {
    /// A frame with at least this probability of speech may begin or resume speech. 0.5.
    pub speech_begins: f32,
    /// The same while the bot speaks, whose echo may be on the line. 0.7.
    pub speech_begins_over_bot: f32,
    /// A frame with less than this probability ends speech. 0.35.
    pub speech_ends: f32,
    /// Speech must be heard this long to begin. 80 ms.
    pub onset: Duration,
    /// The same while the bot speaks: it only lowers its voice then, so this may be short. 60 ms.
    pub onset_over_bot: Duration,
    /// Speech must be heard this long to go on after a pause. 60 ms.
    pub resume: Duration,
    /// The turn's sound grows by at least this much between two partial decodes. 1 s.
    pub partial_step: Duration,
    /// The same while the bot speaks, and until the first: whoever cuts in is not to wait. 200 ms.
    pub partial_step_over_bot: Duration,
    /// A turn whose words take longer than this is given up. 5 s.
    pub decode_max: Duration,
    /// Without frames for this long the caller counts as silent. 200 ms.
    pub frames_missing_max: Duration,
    /// When a turn is over.
    pub turn_end: TurnEndConfig,
}

impl Default for ListenerConfig {
    fn default() -> Self {
        Self {
            speech_begins: 0.5,
            speech_begins_over_bot: 0.7,
            speech_ends: 0.35,
            onset: Duration::from_millis(80),
            onset_over_bot: Duration::from_millis(60),
            resume: Duration::from_millis(60),
            partial_step: Duration::from_secs(1),
            partial_step_over_bot: Duration::from_millis(200),
            decode_max: Duration::from_secs(5),
            frames_missing_max: Duration::from_millis(200),
            turn_end: TurnEndConfig::default(),
        }
    }
}

/// Whether the bot is heard on the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bot {
    /// It is not.
    #[default]
    Silent,
    /// It is.
    Speaking,
}

/// Whether the decode that was started at the pause gave the turn's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speculation {
    /// No: the words needed a decode after the turn was over.
    Missed,
    /// Yes.
    Used,
}

/// Why there was speech and no words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnclearReason {
    /// The words were not to be believed; [`DropReason::NoSpeech`] is most likely a cough or a noise.
    Dropped(DropReason),
    /// The recogniser failed.
    Failed,
    /// The words did not come in time.
    Timeout,
}

/// What a listener has found, and what it needs.
#[derive(Clone, Debug)]
pub enum ListenerOutput {
    /// Nobody wants this decode any more; its cancel flag is set. Take it from the queue.
    Abandon {
        /// Which.
        id: DecodeId,
    },
    /// Run this decode and give its answer to [`Listener::handle_decoded`](super::Listener::handle_decoded).
    Decode {
        /// Its number.
        id: DecodeId,
        /// Why it is wanted.
        kind: DecodeKind,
        /// The sound and all that is known of it. Threads and deadline are the server's to change.
        request: DecodeRequest,
    },
    /// What a decode of the turn so far made out while the bot speaks. It may still change: good for stopping the bot,
    /// not for showing.
    Guess {
        /// The words.
        text: Pii<String>,
        /// How likely they are right, 0.0 to 1.0.
        confidence: f32,
    },
    /// The caller said this.
    Heard {
        /// The words.
        text: Pii<String>,
        /// How likely they are right, 0.0 to 1.0.
        confidence: f32,
        /// Their language.
        language: Language,
        /// From the first sound to the last.
        span: Span,
        /// From the last sound until the turn was known to be over.
        silence_wait: Duration,
        /// From then to the words; zero when an early decode was there.
        decode: Duration,
        /// Whether an early decode gave the words.
        speculation: Speculation,
    },
    /// Words that will not change, while the caller is still talking; all of the turn so far.
    Partial {
        /// The words.
        text: Pii<String>,
        /// Their language.
        language: Language,
    },
    /// The turn of this speculative decode is over: it is needed now.
    Promote {
        /// Which.
        id: DecodeId,
    },
    /// The caller is heard: once at the beginning of a turn and again after each pause in it.
    SpeechStarted {
        /// When, up to 100 ms ago.
        at: Moment,
    },
    /// The caller has paused. The turn may be over or not.
    SpeechStopped {
        /// The end of their last sound.
        at: Moment,
    },
    /// The turn is over; `Heard` or `Unclear` follows.
    TurnEnded {
        /// When that was certain.
        at: Moment,
    },
    /// There was speech but no usable words.
    Unclear {
        /// From the first sound to the last.
        span: Span,
        /// Why.
        reason: UnclearReason,
    },
}
