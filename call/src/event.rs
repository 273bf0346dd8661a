//! Everything that happens in a call, as one enum with sequence numbers.
//!
//! The journal, the console, webhooks, metrics and database rows all read this one list. An event is appended to the
//! call's journal before it is acted on, so that a crash loses nothing that was done.

use serde::{Deserialize, Serialize};

use crate::audio::Codec;
use crate::handoff::Handoff;
use crate::id::{AgentId, LegId};
use crate::moment::Moment;
use crate::pii::{Pii, revealed};
use crate::speech::{Emotion, Utterance};

/// One event as the journal holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// 1 for the first event of a call, then one more each: a reader resumes after the last it has seen.
    pub seq: u64,
    /// When it happened, since the server started.
    pub at: Moment,
    /// The same on the wall clock, in milliseconds since 1970 (UTC).
    pub unix_ms: i64,
    /// What happened.
    #[serde(flatten)]
    pub event: CallEvent,
}

/// Which way a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// They called us.
    Inbound,
    /// We called them.
    Outbound,
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HangupBy {
    /// The agent hung up.
    Agent,
    /// The flow came to its end.
    Bot,
    /// The caller hung up.
    Caller,
    /// The machine stopped, crashed, or ran into a limit.
    System,
    /// The call went on elsewhere.
    Transfer,
}

/// Where the time between the caller's last sound and the bot's first went, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnLatency {
    /// Waiting in silence to be sure that the turn was over.
    pub silence_wait_ms: u32,
    /// From then to the final words; 0 when an early decode was already there.
    pub decode_ms: u32,
    /// From the words to the mind's answer, tools included.
    pub mind_ms: u32,
    /// From the answer to its first sound on the wire.
    pub first_audio_ms: u32,
}

impl TurnLatency {
    /// The whole gap.
    pub const fn total_ms(&self) -> u32 {
        self.silence_wait_ms + self.decode_ms + self.mind_ms + self.first_audio_ms
    }
}

/// Something that happened in a call. Names on the wire are dotted, as in `call.answered`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum CallEvent {
    /// Sound goes both ways.
    #[serde(rename = "call.answered")]
    Answered {
        /// How the caller's sound is packed.
        codec: Codec,
    },
    /// Caller and agent talk to each other.
    #[serde(rename = "call.bridged")]
    Bridged {
        /// Who joined.
        agent: AgentId,
        /// On which leg.
        leg: LegId,
    },
    /// A callback was promised and stored.
    #[serde(rename = "callback.requested")]
    CallbackRequested {
        /// Whom to call back, as dialled.
        #[serde(with = "revealed")]
        number: Pii<String>,
        /// The queue that should do it.
        queue: String,
    },
    /// A call came in or went out. Always the first event.
    #[serde(rename = "call.created")]
    Created {
        /// Which way.
        direction: Direction,
        /// Who calls, as the door knew it.
        #[serde(with = "revealed")]
        from: Pii<String>,
        /// The number or name that was called.
        to: String,
        /// The flow that answers.
        flow: String,
    },
    /// A key was pressed.
    #[serde(rename = "dtmf")]
    Digit {
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        #[serde(with = "revealed")]
        digit: Pii<char>,
    },
    /// How the caller feels has changed.
    #[serde(rename = "emotion.changed")]
    EmotionChanged {
        /// The new state.
        emotion: Emotion,
    },
    /// The call is over. Always the last event.
    #[serde(rename = "call.ended")]
    Ended {
        /// In a word or two: `completed`, `caller_hung_up`, `crash`, `shutdown`, `rejected`.
        reason: String,
        /// Who ended it.
        hangup_by: HangupBy,
        /// The SIP status, where one was given.
        sip_code: Option<u16>,
    },
    /// One side put the call on hold.
    #[serde(rename = "call.held")]
    Held {
        /// Which leg did.
        leg: LegId,
    },
    /// The mind understood what the caller wants.
    #[serde(rename = "intent.detected")]
    IntentDetected {
        /// Its name in the flow.
        intent: String,
        /// How sure, 0.0 to 1.0.
        confidence: f32,
    },
    /// Words so far, while the caller is still talking; `stable` of them will not change.
    #[serde(rename = "transcript.partial")]
    PartialHeard {
        /// The words.
        #[serde(with = "revealed")]
        text: Pii<String>,
    },
    /// What the bot has said so far of what it is still saying, told whenever a clause of it was sent whole. `Said`
    /// takes its place, unless the machine stops before.
    #[serde(rename = "transcript.played")]
    PartialSaid {
        /// Only words whose samples were sent.
        utterance: Utterance,
    },
    /// An agent's phone rings for this call.
    #[serde(rename = "queue.offered")]
    QueueOffered {
        /// Whose.
        agent: AgentId,
    },
    /// An agent took the call.
    #[serde(rename = "queue.connected")]
    QueueConnected {
        /// Who.
        agent: AgentId,
    },
    /// No agent took the call.
    #[serde(rename = "queue.left")]
    QueueLeft {
        /// In a word or two: `no_answer`, `no_agent`, `caller_hung_up`.
        reason: String,
    },
    /// The recording could not be written; the call goes on.
    #[serde(rename = "recording.failed")]
    RecordingFailed {
        /// What the machine said, such as `no space left on device`.
        reason: String,
    },
    /// The recording is whole.
    #[serde(rename = "recording.ready")]
    RecordingReady {
        /// Its place below the recordings folder.
        path: String,
        /// Its length in milliseconds.
        duration_ms: u64,
    },
    /// Sound is being recorded.
    #[serde(rename = "recording.started")]
    RecordingStarted {
        /// Its place below the recordings folder.
        path: String,
    },
    /// Sound goes both ways again after a hold.
    #[serde(rename = "call.resumed")]
    Resumed {
        /// Which leg took it off hold.
        leg: LegId,
    },
    /// Somebody finished saying something. For the bot: only words whose samples were sent.
    #[serde(rename = "transcript.final")]
    Said {
        /// Who said what, when.
        utterance: Utterance,
    },
    /// A slot of the flow was filled.
    #[serde(rename = "slot.filled")]
    SlotFilled {
        /// Its name in the flow.
        slot: String,
        /// Its value as text.
        #[serde(with = "revealed")]
        value: Pii<String>,
    },
    /// The flow went to another step.
    #[serde(rename = "flow.step")]
    StepEntered {
        /// Its name in the flow.
        step: String,
    },
    /// A system of the business was asked.
    #[serde(rename = "tool.called")]
    ToolCalled {
        /// Its name in the flow.
        tool: String,
    },
    /// It did not answer as it should.
    #[serde(rename = "tool.failed")]
    ToolFailed {
        /// Its name in the flow.
        tool: String,
        /// In a word or two: `timeout`, `refused`, `status 500`, `not json`.
        reason: String,
        /// How long we waited, in milliseconds.
        took_ms: u64,
    },
    /// It answered.
    #[serde(rename = "tool.returned")]
    ToolReturned {
        /// Its name in the flow.
        tool: String,
        /// The HTTP status.
        status: u16,
        /// How long it took, in milliseconds.
        took_ms: u64,
    },
    /// A person is asked for, with everything they need to know.
    #[serde(rename = "transfer.requested")]
    TransferRequested {
        /// The context.
        handoff: Handoff,
    },
    /// No person could be brought in.
    #[serde(rename = "transfer.failed")]
    TransferFailed {
        /// In a word or two.
        reason: String,
    },
    /// The bot has answered a turn of the caller.
    #[serde(rename = "turn.completed")]
    TurnCompleted {
        /// 1 for the first turn of the caller.
        turn: u32,
        /// Where the time went.
        latency: TurnLatency,
    },
}

impl CallEvent {
    /// Whether nothing may follow.
    pub const fn is_last(&self) -> bool {
        matches!(self, Self::Ended { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_survives_json_with_its_dotted_name() {
        let record = EventRecord {
            seq: 3,
            at: Moment::from_millis(20),
            unix_ms: 1_700_000_000_000,
            event: CallEvent::Digit { digit: Pii::new('7') },
        };
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(json, r#"{"seq":3,"at":20000,"unix_ms":1700000000000,"type":"dtmf","digit":"7"}"#);
        assert_eq!(serde_json::from_str::<EventRecord>(&json).unwrap(), record);
    }
}
