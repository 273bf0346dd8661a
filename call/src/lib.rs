//! The words every part of the house shares: moments, ids, audio frames, utterances, events.
//!
//! Nothing here does anything. Ears, mouth, mind, wire and door each depend on this crate and on no other of ours, so
//! that each can be understood, tested and replaced alone.

mod audio;
mod event;
mod handoff;
mod id;
pub mod markup;
mod moment;
mod pii;
mod speech;

pub use audio::{AudioFrame, Codec, Pcm, SampleRate, UnknownCodec};
pub use event::{CallEvent, Direction, EventRecord, HangupBy, TurnLatency};
pub use handoff::{Handoff, HandoffReason, SlotValue, TriedStep};
pub use id::{AgentId, CallId, InvalidId, LegId, SessionId};
pub use moment::Moment;
pub use pii::{Pii, revealed};
pub use speech::{Emotion, Language, Mood, Moods, Span, Speaker, Transcript, UnknownLanguage, Utterance};
