//! One leg's ear: frames go in, words come out; decoding happens on the recogniser's own threads.

use std::sync::Arc;
use std::time::Duration;

use asr::{Decoded, DecodeId, Expect, LanguageChoice, Listener, ListenerOutput, Vad};
use call::{AudioFrame, LegId, Moment};

use super::Note;
use crate::ears::{DecodeJob, Ears};

/// Hears one leg of a call.
pub(crate) struct Ear {
    leg: LegId,
    vad: Vad,
    listener: Listener,
    ears: Ears,
    inbox: tokio::sync::mpsc::Sender<Note>,
    choice: LanguageChoice,
    expect: Expect,
}
