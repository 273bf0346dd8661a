//! Carries out what the mind wants, and tells it what became of it.

use std::sync::Arc;
use std::time::Duration;

use asr::Bot;
use call::{CallEvent, HangupBy, LegId, Pii, Speaker, Utterance};
use dialog::{BargeIn, Input, Output};
use media::Progress;
use tracing::warn;
use tts::VoiceError;

use super::ear::EarOutput;
use super::speaking::{Ending, Saying, SpeakingOutput};
use super::{Call, Note};
use crate::mouth::{Rendered, Say};
use crate::wire::Loudness;

impl Call {
    /// Hands something that happened to the mind.
    pub(super) fn think(&mut self, input: Input) {
        self.mind.handle_input(input, self.house.clock.now());
    }

    /// Does one thing the mind wants.
    pub(super) async fn carry_out(&mut self, output: Output) {
        match output {
            Output::CallTool { id, tool: _, request } => self.ask_tool(id, request),
            Output::Escalate(handoff) => {
                self.agent.begin(handoff);
                self.wait_for_agent().await;
            }
            Output::Event(event) => self.chronicle.record(event),
            Output::Expect { expect, language, pauses } => self.caller.ear.expect(expect, language, pauses),
            Output::HangUp { reason } => self.caller.farewell = Some((reason, None)),
            Output::Say { id, text, language, kind, barge_in } => {
                self.turns.answered(self.house.clock.now());
                if barge_in == BargeIn::Forbidden {
                    self.caller.protected.push_back(id);
                }
                self.caller.speaking.say(&Saying { id, text, language, kind });
                self.tend_music();
            }
            Output::StopSpeaking => self.stop_speaking(),
            // Its event is in the journal by now, and its row is made from there.
            Output::StoreCallback { .. } => {}
        }
    }

    fn ask_tool(&self, id: u64, request: dialog::ToolRequest) {
        let (tools, notes) = (self.house.tools.clone(), self.notes.clone());
        // Ends within the request's own time limit, and with it the task.
        tokio::spawn(async move {
            let body = request.body.as_ref().map(Pii::reveal);
            let result = tools.ask(request.method.as_str(), request.url.reveal(), body, request.timeout).await;
            // The call may be over: nobody waits then.
            let _ = notes.send(Note::Tool { id, result }).await;
        });
    }

    fn stop_speaking(&mut self) {
        self.caller.speaking.stop();
        if let Err(error) = self.line.stop(LegId::CALLER) {
            self.fail_media(&error);
        }
    }

    /// Carries out what the mouth wants; returns whether there was anything.
    pub(super) fn settle_caller_speech(&mut self) -> bool {
        let mut any = false;
        while let Some(output) = self.caller.speaking.poll_output() {
            any = true;
            match output {
                SpeakingOutput::Began { at } => {
                    if let Some(event) = self.turns.sounded(at) {
                        self.chronicle.record(event);
                    }
                }
                SpeakingOutput::Ended { id, text, language, span, ending } => {
                    self.caller.protected.retain(|&protected| protected != id);
                    if let Some(span) = span
                        && !text.reveal().is_empty()
                    {
                        let utterance =
                            Utterance { speaker: Speaker::Bot, span, text, confidence: 1.0, language, emotion: None };
                        self.chronicle.record(CallEvent::Said { utterance });
                    }
                    self.think(match ending {
                        Ending::Complete => Input::SayFinished { id },
                        Ending::Stopped => Input::SayStopped { id },
                    });
                }
                SpeakingOutput::Play(clip) => {
                    if let Err(error) = self.line.play(LegId::CALLER, clip) {
                        self.fail_media(&error);
                    }
                }
                SpeakingOutput::Render { token, say, language, kind } => {
                    self.render(LegId::CALLER, token, say, language, kind);
                }
            }
        }
        self.tend_music();
        self.caller.ear.bot_is(if self.caller.speaking.is_busy() { Bot::Speaking } else { Bot::Silent });
        if !self.caller.speaking.is_busy()
            && let Some((_, at @ None)) = &mut self.caller.farewell
        {
            // The last packets are still on their way; a goodbye must not be clipped.
            *at = Some(self.house.clock.now() + FAREWELL_MARGIN);
        }
        any
    }

    /// Has a clause rendered for a leg.
    pub(super) fn render(
        &mut self,
        leg: LegId,
        token: u64,
        say: Say,
        language: call::Language,
        kind: dialog::PromptKind,
    ) {
        let notes = self.notes.clone();
        let tell = move |result: Result<Arc<Rendered>, VoiceError>| {
            // The call may be over: nobody waits then.
            let _ = notes.blocking_send(Note::Rendered { leg, token, rendered: result.ok() });
        };
        let rendered = match self.house.mouth.render(say, language, kind, tell) {
            Ok(None) => return,
            Ok(rendered) => rendered,
            Err(error) => {
                warn!(call_id = %self.id, %error, "A prompt cannot be spoken");
                None
            }
        };
        if leg == LegId::CALLER {
            self.caller.speaking.handle_rendered(token, rendered);
        } else {
            self.agent.handle_rendered(token, rendered);
        }
    }

    /// Hands what the caller's ear found to the mind; returns whether there was anything.
    pub(super) fn settle_caller_ear(&mut self) -> bool {
        let mut any = false;
        while let Some(output) = self.caller.ear.poll_output() {
            any = true;
            self.on_caller_heard(output);
        }
        any
    }

    fn on_caller_heard(&mut self, output: EarOutput) {
        match output {
            EarOutput::Heard { utterance, silence_wait, decode } => {
                let now = self.house.clock.now();
                self.chronicle.record(CallEvent::Said { utterance: utterance.clone() });
                if self.agent.is_bridged() || self.ending.is_some() {
                    return;
                }
                self.turns.heard(silence_wait, decode, now);
                let Utterance { text, language, confidence, emotion, .. } = utterance;
                self.think(Input::Heard { text, language, confidence, emotion });
                self.set_loudness(Loudness::Full);
            }
            EarOutput::Noise => self.set_loudness(Loudness::Full),
            EarOutput::Partial { text } => {
                self.chronicle.record(CallEvent::PartialHeard { text });
                if self.may_interrupt() {
                    self.stop_speaking();
                }
            }
            EarOutput::SpeechStarted => {
                if self.may_interrupt() {
                    self.set_loudness(Loudness::Ducked);
                }
                self.think(Input::SpeechStarted);
            }
            EarOutput::Unclear => {
                self.set_loudness(Loudness::Full);
                if !self.agent.is_bridged() {
                    self.think(Input::Unclear);
                }
            }
        }
    }

    /// Whether the caller may talk over what is being said now.
    fn may_interrupt(&self) -> bool {
        self.caller.speaking.is_busy() && self.caller.protected.is_empty()
    }

    fn set_loudness(&mut self, loudness: Loudness) {
        if let Err(error) = self.line.set_loudness(LegId::CALLER, loudness) {
            self.fail_media(&error);
        }
    }

    /// The wire told of a clip played to the caller.
    pub(super) fn on_caller_progress(&mut self, progress: &Progress, at: call::Moment) {
        if !self.on_music_progress(progress) {
            self.caller.speaking.handle_progress(progress, at);
        }
    }

    /// The media thread is gone or overloaded: without sound there is no call.
    pub(super) fn fail_media(&mut self, error: &crate::wire::WireError) {
        warn!(call_id = %self.id, %error, "The call has lost its sound");
        self.end("media_failed", HangupBy::System, None);
    }
}

/// How long after its last sound a goodbye is hung up.
const FAREWELL_MARGIN: Duration = Duration::from_millis(300);
