//! What a simulated caller or agent tells afterwards, and while it goes on.
//!
//! Everything a measure needs is taken from the sound and the packets that really came, and everything serialises, so
//! that `--json` and a test read the same thing.

use std::path::PathBuf;

use serde::Serialize;

/// Whether the caller got what the scenario says it wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything expected came.
    Helped,
    /// Something did not.
    NotHelped {
        /// Which line of the scenario, and what came instead.
        why: String,
    },
}

/// Who ended a call, seen from this phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The other side.
    Them,
    /// This phone.
    Us,
}

/// One turn of the caller and what it heard in return. The first may be the greeting, with nothing said.
///
/// Times are milliseconds from the answer, which is also the start of the recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TurnReport {
    /// What the caller said, or `[keys 204#]`, or `[file x.wav]`; empty for a turn of listening.
    pub said: String,
    /// What it heard from then until its next turn.
    pub heard: String,
    /// The caller's first sound; the beginning of listening where there is none.
    pub started_ms: u64,
    /// The caller's last sound or the end of its last key; the beginning of listening where there is none.
    pub ended_ms: u64,
    /// From the caller's last sound to the other side's first, both on the recorded sound; `None` without an answer,
    /// and where the answer began before the caller had finished.
    pub gap_ms: Option<u64>,
}

/// What arrived over RTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RtpReport {
    /// Packets received.
    pub received: u64,
    /// Packets sent.
    pub sent: u64,
    /// Packets missing by their sequence numbers.
    pub lost: u64,
    /// The longest time between the arrivals of two packets that followed each other without a pause of the sender, in
    /// milliseconds.
    pub gap_max_ms: f64,
    /// Interarrival jitter (RFC 3550 6.4.1) at the end of the call, in milliseconds.
    pub jitter_ms: f64,
}

/// A whole call as the caller lived it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallReport {
    /// The scenario's name.
    pub scenario: String,
    /// Whether the caller was helped.
    pub outcome: Outcome,
    /// In order.
    pub turns: Vec<TurnReport>,
    /// Who hung up.
    pub ended_by: EndedBy,
    /// The status that answered the INVITE, or ended the call.
    pub sip_code: u16,
    /// From the answer to the end, in milliseconds.
    pub duration_ms: u64,
    /// From the answer to the other side's first sound, in milliseconds.
    pub first_sound_ms: Option<u64>,
    /// The stereo recording: left what the caller said, right what it heard.
    pub recording: Option<PathBuf>,
    /// What arrived.
    pub rtp: RtpReport,
}

/// News of a call that is going on, in the order things became known. Times as in [`TurnReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CallProgress {
    /// They answered.
    Answered,
    /// The call is over.
    Ended {
        /// By whom.
        by: EndedBy,
        /// When.
        at_ms: u64,
    },
    /// The other side said something.
    Heard {
        /// The words.
        text: String,
        /// First sound.
        started_ms: u64,
        /// Last sound.
        ended_ms: u64,
        /// From the caller's last sound to this first one, when this answers a turn of the caller.
        gap_ms: Option<u64>,
    },
    /// Their phone rings.
    Ringing,
    /// The caller begins to say this, or to press these keys.
    Said {
        /// As in [`TurnReport::said`].
        text: String,
        /// When.
        started_ms: u64,
    },
}
