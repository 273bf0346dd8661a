//! The call detail record: a fold over the events of a call, and nothing else.
//!
//! Live calls, ended calls and calls closed after a crash all get their record from here, so it cannot depend on how
//! they ended. Spans are measured on the machine's steady clock, dates on the wall clock.

use std::time::Duration;

use call::{
    AgentId, CallEvent, CallId, Direction, EventRecord, Handoff, HangupBy, Language, LegId, Moment, Mood, Pii,
    SessionId, Speaker, Utterance, revealed,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::outcome::{Answered, CallStatus};
use crate::journal::Header;

/// What is known of a call as a whole. Of a live call: so far. All `_s` fields are seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cdr {
    /// The call.
    #[schema(value_type = String)]
    pub call_id: CallId,
    /// The caller's whole business, kept across transfers.
    #[schema(value_type = String)]
    pub session_id: SessionId,
    /// Which way; absent when the server died before that was noted.
    #[schema(value_type = Option<String>)]
    pub direction: Option<Direction>,
    /// Who called.
    #[serde(with = "revealed")]
    #[schema(value_type = String)]
    pub from: Pii<String>,
    /// What was called.
    pub to: String,
    /// The flow that answered.
    pub flow: String,
    /// The queue that was asked for a person.
    pub queue: Option<String>,
    /// The person who took the call last.
    #[schema(value_type = Option<String>)]
    pub agent: Option<AgentId>,
    /// When it came in, in milliseconds since 1970 (UTC).
    pub start_unix_ms: i64,
    /// When it was answered.
    pub answer_unix_ms: Option<i64>,
    /// When it ended.
    pub end_unix_ms: Option<i64>,
    /// With the bot.
    pub bot_s: f64,
    /// Waiting for a person.
    pub wait_s: f64,
    /// With a person.
    pub talk_s: f64,
    /// On hold, which counts as nothing else.
    pub hold_s: f64,
    /// Turns of the caller that the bot has answered.
    pub turns: u32,
    /// How it came out.
    pub status: CallStatus,
    /// The SIP status it ended with, where one was given.
    pub sip_code: Option<u16>,
    /// Why it ended, in a word or two.
    pub reason: Option<String>,
    /// Who ended it.
    #[schema(value_type = Option<String>)]
    pub hangup_by: Option<HangupBy>,
    /// The recording's place below the recordings folder.
    pub recording: Option<String>,
    /// The recording's length, once it is whole.
    pub recording_s: Option<f64>,
    /// The language the caller spoke last.
    #[schema(value_type = Option<String>)]
    pub language: Option<Language>,
    /// What the caller wanted last, by its name in the flow.
    pub intent: Option<String>,
    /// How the caller felt last.
    #[schema(value_type = Option<String>)]
    pub mood: Option<Mood>,
    /// What a person was told, when one was asked for.
    #[schema(value_type = Option<Object>)]
    pub handoff: Option<Handoff>,
    /// What went wrong last, such as `tool order_status: timeout`.
    pub last_error: Option<String>,
    /// The number of the last event in it.
    pub last_seq: u64,
}

impl Cdr {
    /// The record that these events make.
    pub fn from_events(header: &Header, events: &[EventRecord]) -> Self {
        let mut fold = CdrFold::new(header);
        for record in events {
            fold.apply(record);
        }
        fold.into_cdr()
    }
}

/// A record in the making. Events are applied in the order of their numbers.
#[derive(Clone, Debug)]
pub struct CdrFold {
    cdr: Cdr,
    clock: PhaseClock,
}

impl CdrFold {
    /// The record of a call of which nothing is known yet.
    pub fn new(header: &Header) -> Self {
        let cdr = Cdr {
            call_id: header.call_id,
            session_id: header.session_id,
            direction: None,
            from: Pii::new(String::new()),
            to: String::new(),
            flow: String::new(),
            queue: None,
            agent: None,
            start_unix_ms: header.unix_ms,
            answer_unix_ms: None,
            end_unix_ms: None,
            bot_s: 0.0,
            wait_s: 0.0,
            talk_s: 0.0,
            hold_s: 0.0,
            turns: 0,
            status: CallStatus::Live,
            sip_code: None,
            reason: None,
            hangup_by: None,
            recording: None,
            recording_s: None,
            language: None,
            intent: None,
            mood: None,
            handoff: None,
            last_error: None,
            last_seq: 0,
        };
        Self { cdr, clock: PhaseClock::default() }
    }

    /// The record so far.
    pub fn cdr(&self) -> &Cdr {
        &self.cdr
    }

    /// The record so far, without copying it.
    pub fn into_cdr(self) -> Cdr {
        self.cdr
    }

    /// Adds what one event tells.
    pub fn apply(&mut self, record: &EventRecord) {
        self.cdr.last_seq = record.seq;
        self.clock.advance(record.at);
        self.apply_to_call(record);
        self.cdr.bot_s = seconds(self.clock.bot);
        self.cdr.wait_s = seconds(self.clock.wait);
        self.cdr.talk_s = seconds(self.clock.talk);
        self.cdr.hold_s = seconds(self.clock.hold);
    }

    /// How the call itself goes: who, when, how it ends.
    fn apply_to_call(&mut self, record: &EventRecord) {
        let cdr = &mut self.cdr;
        match &record.event {
            CallEvent::Answered { .. } => {
                cdr.answer_unix_ms.get_or_insert(record.unix_ms);
                self.clock.phase = Phase::Bot;
            }
            CallEvent::Bridged { agent, .. } => {
                cdr.agent = Some(agent.clone());
                self.clock.phase = Phase::Agent;
            }
            CallEvent::Created { direction, from, to, flow } => {
                cdr.direction = Some(*direction);
                cdr.from = from.clone();
                cdr.to.clone_from(to);
                cdr.flow.clone_from(flow);
            }
            CallEvent::Ended { reason, hangup_by, sip_code } => {
                let answered = if cdr.answer_unix_ms.is_some() { Answered::Yes } else { Answered::No };
                cdr.status = CallStatus::of_ended(reason, *hangup_by, answered);
                cdr.end_unix_ms = Some(record.unix_ms);
                cdr.reason = Some(reason.clone());
                cdr.hangup_by = Some(*hangup_by);
                cdr.sip_code = *sip_code;
                self.clock.phase = Phase::Over;
            }
            CallEvent::Held { leg } => self.clock.hold(*leg),
            CallEvent::QueueConnected { agent } => cdr.agent = Some(agent.clone()),
            CallEvent::QueueLeft { .. } => self.clock.stop_waiting(),
            CallEvent::Resumed { leg } => self.clock.held.retain(|held| held != leg),
            CallEvent::TransferFailed { reason } => {
                self.clock.stop_waiting();
                cdr.last_error = Some(format!("transfer: {reason}"));
            }
            CallEvent::TransferRequested { handoff } => {
                cdr.queue = Some(handoff.queue.clone());
                cdr.handoff = Some(handoff.clone());
                if self.clock.phase == Phase::Bot {
                    self.clock.phase = Phase::Waiting;
                }
            }
            CallEvent::CallbackRequested { .. }
            | CallEvent::Digit { .. }
            | CallEvent::EmotionChanged { .. }
            | CallEvent::IntentDetected { .. }
            | CallEvent::PartialHeard { .. }
            | CallEvent::PartialSaid { .. }
            | CallEvent::QueueOffered { .. }
            | CallEvent::RecordingFailed { .. }
            | CallEvent::RecordingReady { .. }
            | CallEvent::RecordingStarted { .. }
            | CallEvent::Said { .. }
            | CallEvent::SlotFilled { .. }
            | CallEvent::StepEntered { .. }
            | CallEvent::ToolCalled { .. }
            | CallEvent::ToolFailed { .. }
            | CallEvent::ToolReturned { .. }
            | CallEvent::TurnCompleted { .. } => self.apply_to_talk(&record.event),
        }
    }

    /// What is said, understood, looked up and recorded.
    fn apply_to_talk(&mut self, event: &CallEvent) {
        let cdr = &mut self.cdr;
        match event {
            CallEvent::EmotionChanged { emotion } => cdr.mood = Some(emotion.mood),
            // What the caller came for; "agent" and "goodbye" later on are steps of the same call.
            CallEvent::IntentDetected { intent, .. } => {
                cdr.intent.get_or_insert_with(|| intent.clone());
            }
            CallEvent::RecordingFailed { reason } => cdr.last_error = Some(format!("recording: {reason}")),
            CallEvent::RecordingReady { path, duration_ms } => {
                cdr.recording = Some(path.clone());
                cdr.recording_s = Some(seconds(Duration::from_millis(*duration_ms)));
            }
            CallEvent::RecordingStarted { path } => cdr.recording = Some(path.clone()),
            CallEvent::Said { utterance } => Self::apply_words(cdr, utterance),
            CallEvent::ToolFailed { tool, reason, .. } => cdr.last_error = Some(format!("tool {tool}: {reason}")),
            CallEvent::TurnCompleted { turn, .. } => cdr.turns = cdr.turns.max(*turn),
            CallEvent::Answered { .. }
            | CallEvent::Bridged { .. }
            | CallEvent::CallbackRequested { .. }
            | CallEvent::Created { .. }
            | CallEvent::Digit { .. }
            | CallEvent::Ended { .. }
            | CallEvent::Held { .. }
            | CallEvent::PartialHeard { .. }
            | CallEvent::PartialSaid { .. }
            | CallEvent::QueueConnected { .. }
            | CallEvent::QueueLeft { .. }
            | CallEvent::QueueOffered { .. }
            | CallEvent::Resumed { .. }
            | CallEvent::SlotFilled { .. }
            | CallEvent::StepEntered { .. }
            | CallEvent::ToolCalled { .. }
            | CallEvent::ToolReturned { .. }
            | CallEvent::TransferFailed { .. }
            | CallEvent::TransferRequested { .. } => {}
        }
    }

    fn apply_words(cdr: &mut Cdr, utterance: &Utterance) {
        match utterance.speaker {
            Speaker::Caller => {
                cdr.language = Some(utterance.language);
                if let Some(emotion) = utterance.emotion {
                    cdr.mood = Some(emotion.mood);
                }
            }
            Speaker::Agent | Speaker::Bot => {}
        }
    }
}

/// Adds up how long a call spent in what.
#[derive(Clone, Debug, Default)]
struct PhaseClock {
    phase: Phase,
    held: Vec<LegId>,
    now: Option<Moment>,
    bot: Duration,
    wait: Duration,
    talk: Duration,
    hold: Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    Agent,
    Bot,
    Over,
    #[default]
    Ringing,
    Waiting,
}

impl PhaseClock {
    fn advance(&mut self, now: Moment) {
        let span = self.now.map_or(Duration::ZERO, |before| now.since(before));
        self.now = Some(self.now.map_or(now, |before| before.max(now)));
        let held = !self.held.is_empty();
        match self.phase {
            Phase::Agent | Phase::Bot | Phase::Waiting if held => self.hold += span,
            Phase::Agent => self.talk += span,
            Phase::Bot => self.bot += span,
            Phase::Waiting => self.wait += span,
            Phase::Over | Phase::Ringing => {}
        }
    }

    fn hold(&mut self, leg: LegId) {
        if !self.held.contains(&leg) && self.held.len() < HELD_MAX {
            self.held.push(leg);
        }
    }

    fn stop_waiting(&mut self) {
        if self.phase == Phase::Waiting {
            self.phase = Phase::Bot;
        }
    }
}

/// Seconds to the millisecond.
fn seconds(span: Duration) -> f64 {
    span.as_millis() as f64 / 1_000.0
}

/// Legs of one call that may be on hold at once.
const HELD_MAX: usize = 16;

#[cfg(test)]
mod tests;
