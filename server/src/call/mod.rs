//! One call from answer to hang-up: the place where wire, ears, mind, mouth, desk and door meet.
//!
//! It translates and decides nothing: what the mind puts out is carried out, what the others report is handed to the
//! mind. Every event is in the journal before it is acted on.

mod agent;
mod answering;
mod barge_in;
mod ear;
mod mind;
mod signalling;
mod speaking;
pub(crate) mod style;
mod turns;

use std::collections::VecDeque;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use asr::{DecodeId, Decoded, RecognizerError};
use call::{CallEvent, CallId, HangupBy, LegId, Moment, Pii, SessionId};
use dialog::{Conversation, Input};
use sip_bridge::LegHandle;
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

pub(crate) use self::answering::answer;

use self::agent::AgentSide;
use self::barge_in::BargeIn;
use self::ear::Ear;
use self::speaking::Speaking;
use self::turns::Turns;
use crate::desk_room::DeskNotice;
use crate::house::House;
use crate::http::CallControl;
use crate::mouth::{LiveCall, Rendered};
use crate::records::Chronicle;
use crate::tools::{ToolAnswer, ToolError};
use crate::wire::{Line, LineEvents, RecordingOutcome, WireEvent};

/// An answer to something a call has asked for.
#[derive(Debug)]
pub(crate) enum Note {
    /// Recognised words.
    Decoded { leg: LegId, id: DecodeId, result: Result<Decoded, RecognizerError> },
    /// Of the desk, on who takes the call.
    Desk(DeskNotice),
    /// A clause as sound; `None` when it cannot be spoken.
    Rendered { leg: LegId, token: u64, rendered: Option<Arc<Rendered>> },
    /// Of a business system.
    Tool { id: u64, result: Result<ToolAnswer, ToolError> },
}

/// Everything one call owns.
pub(crate) struct Call {
    id: CallId,
    session: SessionId,
    house: Arc<House>,
    chronicle: Chronicle,
    caller: CallerSide,
    agent: AgentSide,
    line: Line,
    mind: Conversation,
    notes: mpsc::Sender<Note>,
    turns: Turns,
    recording: Option<(String, oneshot::Receiver<RecordingOutcome>)>,
    number: Pii<String>,
    ending: Option<Ending>,
    limit: Limit,
    /// Tells the voices that their background work is to stand back.
    _voices: LiveCall,
}

/// How long a call may still last.
#[derive(Clone, Copy, Debug)]
enum Limit {
    /// Goodbye is being said; then the call ends in any case.
    Goodbye(Moment),
    /// Then goodbye is said.
    Talk(Moment),
}

impl Limit {
    fn moment(self) -> Moment {
        match self {
            Self::Goodbye(at) | Self::Talk(at) => at,
        }
    }

    fn earlier(self, other: Moment) -> Self {
        match self {
            Self::Goodbye(at) => Self::Goodbye(at),
            Self::Talk(at) => Self::Talk(at.min(other)),
        }
    }
}

/// The caller's leg: signalling, ear and mouth.
struct CallerSide {
    handle: LegHandle,
    media: signalling::LegMedia,
    /// Kept until it is known where the sound goes.
    socket: Option<UdpSocket>,
    ear: Ear,
    /// When the last sound came.
    sound_at: Moment,
    speaking: Speaking,
    /// Who gives way when both speak.
    floor: BargeIn,
    /// Prompts the caller may not talk over, by the mind's id.
    protected: VecDeque<u64>,
    /// A hang-up that waits until what is being said is out.
    farewell: Option<(String, Option<Moment>)>,
}

/// Why and by whom a call ended.
struct Ending {
    reason: String,
    by: HangupBy,
    sip_code: Option<u16>,
}

/// The channels a call listens to.
pub(crate) struct Inlets {
    pub(crate) wire: LineEvents,
    pub(crate) notes: mpsc::Receiver<Note>,
    pub(crate) controls: mpsc::Receiver<CallControl>,
}

impl Call {
    /// Runs the call to its end.
    pub(crate) async fn run(mut self, mut inlets: Inlets) {
        let stopping = self.house.stopping.clone();
        let mut told_of_stop = false;
        loop {
            self.settle().await;
            if self.ending.is_some() {
                break;
            }
            let alarm = self.house.clock.instant(self.next_alarm());
            tokio::select! {
                Some(event) = inlets.wire.recv() => self.on_wire(event),
                Some(event) = self.caller.handle.events.recv() => self.on_caller_leg(event).await,
                Some(event) = self.agent.next_event() => self.on_agent_leg(event).await,
                Some(note) = inlets.notes.recv() => self.on_note(note).await,
                Some(control) = inlets.controls.recv() => self.on_control(control),
                () = stopping.cancelled(), if !told_of_stop => {
                    told_of_stop = true;
                    let grace = self.house.config.limits.shutdown_s.duration();
                    self.limit = self.limit.earlier(self.house.clock.now() + grace);
                }
                () = tokio::time::sleep_until(alarm.into()) => self.on_alarm(),
            }
        }
        self.close(inlets).await;
    }

    /// The earliest moment at which anything wants to be woken.
    fn next_alarm(&self) -> Moment {
        let farewell = self.caller.farewell.as_ref().and_then(|(_, at)| *at);
        [
            self.mind.poll_timeout(),
            self.caller.ear.poll_timeout(),
            self.agent.poll_timeout(),
            self.caller.floor.poll_timeout(),
            farewell,
        ]
        .into_iter()
        .flatten()
        .chain(self.gone_at())
        .fold(self.limit.moment(), Moment::min)
    }

    /// When a caller whose phone sends nothing is taken for gone; never while on hold.
    fn gone_at(&self) -> Option<Moment> {
        let talking = !self.caller.media.is_held();
        talking.then(|| self.caller.sound_at + self.house.config.limits.no_rtp_s_max.duration())
    }

    fn on_alarm(&mut self) {
        let now = self.house.clock.now();
        match self.limit {
            Limit::Goodbye(at) if now >= at => return self.end("limit", HangupBy::System, None),
            Limit::Talk(at) if now >= at => self.say_goodbye(now),
            Limit::Goodbye(_) | Limit::Talk(_) => {}
        }
        if self.gone_at().is_some_and(|at| at <= now) {
            return self.end("no_rtp", HangupBy::System, None);
        }
        if self.mind.poll_timeout().is_some_and(|at| at <= now) {
            self.mind.handle_timeout(now);
        }
        self.caller.ear.handle_timeout(now);
        let floor = self.caller.floor.handle_timeout(now);
        self.give_way(floor);
        self.agent.handle_timeout(now);
        if let Some((reason, Some(at))) = &self.caller.farewell
            && *at <= now
        {
            let reason = reason.clone();
            self.end(&reason, HangupBy::Bot, None);
        }
    }

    fn on_wire(&mut self, event: WireEvent) {
        match event {
            WireEvent::Alive { leg, at } => {
                if leg == LegId::CALLER {
                    self.caller.sound_at = at;
                }
            }
            WireEvent::Digit { leg, digit, at: _ } => {
                if leg == LegId::CALLER {
                    self.chronicle.record(CallEvent::Digit { digit });
                    self.think(Input::Digit(digit));
                }
            }
            WireEvent::Frame { leg, frame, sent_rms, at } => {
                if leg == LegId::CALLER {
                    self.caller.sound_at = at;
                    self.caller.ear.hear(&frame, sent_rms, at);
                } else {
                    self.agent.hear(&frame, sent_rms, at);
                }
            }
            WireEvent::Progress { leg, progress, at } => {
                if leg == LegId::CALLER {
                    self.on_caller_progress(&progress, at);
                } else {
                    self.agent.handle_progress(&progress, at);
                }
            }
            WireEvent::RecordingFailed(reason) => {
                self.recording = None;
                self.chronicle.record(CallEvent::RecordingFailed { reason });
            }
            // Freed by being dropped here.
            WireEvent::Retired(_frames) => {}
        }
    }

    async fn on_note(&mut self, note: Note) {
        match note {
            Note::Decoded { leg, id, result } => self.on_decoded(leg, id, result),
            Note::Desk(notice) => self.on_desk(notice).await,
            Note::Rendered { leg, token, rendered } => {
                if leg == LegId::CALLER {
                    self.caller.speaking.handle_rendered(token, rendered);
                } else {
                    self.agent.handle_rendered(token, rendered);
                }
            }
            Note::Tool { id, result } => match result {
                Ok(answer) => self.think(Input::ToolReturned { id, status: answer.status, body: answer.body }),
                Err(error) => self.think(Input::ToolFailed { id, reason: error.to_string() }),
            },
        }
    }

    fn on_decoded(&mut self, leg: LegId, id: DecodeId, result: Result<Decoded, RecognizerError>) {
        let now = self.house.clock.now();
        if leg == LegId::CALLER {
            self.caller.ear.handle_decoded(id, result, now);
        } else {
            self.agent.handle_decoded(id, result, now);
        }
    }

    fn on_control(&mut self, control: CallControl) {
        match control {
            CallControl::HangUp => self.end("requested", HangupBy::System, None),
            CallControl::Record(mode) => {
                info!(call_id = %self.id, ?mode, "The recording goes on as asked from outside");
                if let Err(error) = self.line.record_as(mode) {
                    self.fail_media(&error);
                }
            }
        }
    }

    /// The call has lasted as long as it may: the bot says goodbye, and a call between people ends.
    fn say_goodbye(&mut self, now: Moment) {
        if self.agent.is_bridged() {
            return self.end("limit", HangupBy::System, None);
        }
        self.limit = Limit::Goodbye(now + GOODBYE_MAX);
        self.think(Input::ShuttingDown);
    }

    /// Notes that the call is over; the loop ends after what is under way.
    fn end(&mut self, reason: &str, by: HangupBy, sip_code: Option<u16>) {
        self.ending.get_or_insert_with(|| Ending { reason: reason.to_owned(), by, sip_code });
    }

    /// Carries out everything the machines want, until none wants anything more.
    async fn settle(&mut self) {
        for _ in 0..SETTLE_ROUNDS_MAX {
            let mut quiet = true;
            while let Some(output) = self.mind.poll_output() {
                quiet = false;
                self.carry_out(output).await;
            }
            quiet &= !self.settle_caller_speech();
            quiet &= !self.settle_caller_ear();
            quiet &= !self.settle_agent().await;
            if quiet || self.ending.is_some() {
                return;
            }
        }
        warn!(call_id = %self.id, "A call's machines do not come to rest; it goes on at the next event");
    }

    /// Hangs up every leg, closes the recording, and writes the last event.
    async fn close(mut self, mut inlets: Inlets) {
        let ending = self.ending.get_or_insert_with(|| Ending {
            reason: "completed".to_owned(),
            by: HangupBy::System,
            sip_code: None,
        });
        let reason = ending.reason.clone();
        self.caller.handle.hang_up(&reason).await;
        self.hear_out(&mut inlets).await;
        self.close_agent(&reason).await;
        self.close_line(inlets).await;
        if let Some(Ending { reason, by, sip_code }) = self.ending.take() {
            info!(call_id = %self.id, reason, "Call ended");
            self.chronicle.close(CallEvent::Ended { reason, hangup_by: by, sip_code });
        }
    }

    /// Whoever was in the middle of a sentence when the line went away is still written down.
    async fn hear_out(&mut self, inlets: &mut Inlets) {
        let give_up = tokio::time::Instant::now() + HEAR_OUT_MAX;
        self.caller.ear.finish();
        if let Some(ear) = self.agent.ear() {
            ear.finish();
        }
        loop {
            self.settle_caller_ear();
            self.settle_agent_ear();
            let busy = self.caller.ear.is_busy() || self.agent.ear().is_some_and(|ear| ear.is_busy());
            if !busy {
                return;
            }
            match tokio::time::timeout_at(give_up, inlets.notes.recv()).await {
                Ok(Some(Note::Decoded { leg, id, result })) => self.on_decoded(leg, id, result),
                Ok(Some(Note::Desk(_) | Note::Rendered { .. } | Note::Tool { .. })) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Closes the wire, and with it the recording.
    async fn close_line(&mut self, mut inlets: Inlets) {
        if let Ok(stats) = self.line.close()
            && let Ok(Ok(stats)) = tokio::time::timeout(CLOSE_WAIT, stats).await
        {
            for (leg, stats) in stats {
                info!(call_id = %self.id, %leg, received = stats.received, lost = stats.lost, late = stats.late, "Leg closed");
            }
        }
        // What was being said when the line went away: the wire has told of it by now.
        while let Some(event) = inlets.wire.try_recv() {
            if let WireEvent::Progress { leg: LegId::CALLER, progress, at } = event {
                self.on_caller_progress(&progress, at);
            }
        }
        self.caller.speaking.stop();
        self.settle_caller_speech();
        if let Some((path, outcome)) = self.recording.take() {
            match tokio::time::timeout(CLOSE_WAIT, outcome).await {
                Ok(Ok(Ok(duration))) => {
                    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
                    self.chronicle.record(CallEvent::RecordingReady { path, duration_ms });
                }
                Ok(Ok(Err(reason))) => self.chronicle.record(CallEvent::RecordingFailed { reason }),
                Ok(Err(_)) | Err(_) => {
                    self.chronicle.record(CallEvent::RecordingFailed { reason: "the recorder did not answer".into() });
                }
            }
        }
    }
}

/// Rounds in which the machines may answer each other before the call looks outside again.
const SETTLE_ROUNDS_MAX: usize = 64;
/// How long a goodbye at the limit may take.
const GOODBYE_MAX: Duration = Duration::from_secs(8);
/// How long the last words may take to be written down.
const HEAR_OUT_MAX: Duration = Duration::from_secs(4);
/// How long the wire and the recorder may take to close.
const CLOSE_WAIT: Duration = Duration::from_secs(2);
