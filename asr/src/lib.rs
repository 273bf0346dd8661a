//! The ears: who speaks, what was said, and when the speaker is done.
//!
//! Sound comes in as frames of 20 ms. [`Vad`] tells speech from everything else, [`Listener`] cuts it into turns and
//! asks for decodes, [`DecodeQueue`] puts the decodes of all calls in order, and a [`Recognizer`] turns sound into
//! words. The engines ([`VadModel`], [`Whisper`]) compute and block on the caller's thread; everything else is pure,
//! takes `now` as an argument, and can be replayed.

mod agreement;
mod clean;
mod complete;
pub mod confidence;
mod doubled;
mod echo;
pub mod emotion;
mod expect;
mod gate;
pub mod guard;
mod listener;
mod outside;
mod pieces;
mod queue;
mod recognizer;
pub mod score;
mod scripted;
mod sound_buffer;
mod syllable;
mod turn_end;
mod vad;
mod vocabulary;
mod whisper;
mod wordless;

pub use echo::{EchoGuard, Origin};
pub use emotion::{EmotionError, EmotionModel, Temper};
pub use expect::Expect;
pub use guard::DropReason;
pub use listener::{Bot, Listener, ListenerConfig, ListenerOutput, Speculation, UnclearReason};
pub use outside::{Outside, without_words};
pub use queue::{Abandoned, Admission, DecodeQueue, DecodeQueueConfig, DecodeTicket, QueueDepth, QueueTotals};
pub use recognizer::{
    Cancel, DecodeId, DecodeKind, DecodeRequest, Decoded, LanguageChoice, Recognizer, RecognizerError, Segment, Verdict,
};
pub use scripted::Scripted;
pub use turn_end::{EndReason, Pauses, TurnEnd, TurnEndConfig, TurnInput, TurnOutput};
pub use vad::{Vad, VadError, VadModel};
pub use vocabulary::{ENTRIES_MAX, Vocabulary};
pub use whisper::{Whisper, WhisperConfig};
