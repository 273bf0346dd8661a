//! Carries out what the mind wants, and tells it what became of it.

use std::sync::Arc;
use std::time::Duration;

use asr::Bot;
use call::{CallEvent, HangupBy, Language, LegId, Pii, Span, Speaker, Utterance};
use dialog::{BargeIn, Input, Output};
use media::Progress;
use tracing::warn;
use tts::VoiceError;

use super::barge_in::{Prompt, Yield};
use super::ear::EarOutput;
use super::speaking::{Ending, Saying, SpeakingOutput};
use super::{Call, Note, style};
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
                let style = self.style();
                self.caller.speaking.say(&Saying { id, text, language, kind, style });
                self.tend_music();
            }
            Output::StopSpeaking => self.stop_speaking(),
            // Its event is in the journal by now, and its row is made from there.
            Output::StoreCallback { .. } => {}
        }
    }

    /// How the caller is spoken to now.
    fn style(&self) -> tts::Style {
        if self.house.config.speech.soothe { style::towards(self.mind.emotion()) } else { tts::Style::default() }
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
                        self.chronicle.record(CallEvent::Said { utterance: said(text, language, span) });
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
                SpeakingOutput::Played { text, language, span } => {
                    let utterance = said(text, language, span);
                    self.chronicle.record(CallEvent::PartialSaid { utterance });
                }
                SpeakingOutput::Render { token, say, kind, ahead } => {
                    self.render(LegId::CALLER, token, say, kind, ahead);
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
    pub(super) fn render(&mut self, leg: LegId, token: u64, say: Say, kind: dialog::PromptKind, ahead: Duration) {
        let notes = self.notes.clone();
        let tell = move |result: Result<Arc<Rendered>, Arc<VoiceError>>| {
            // The call may be over: nobody waits then.
            let _ = notes.blocking_send(Note::Rendered { leg, token, rendered: result.ok() });
        };
        let rendered = match self.house.mouth.render(say, kind, ahead, tell) {
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
                self.turn_over();
            }
            EarOutput::Guess { text } => {
                if self.mind.gives_way_to(text.reveal()) {
                    let floor = self.caller.floor.words(self.prompt());
                    self.give_way(floor);
                }
            }
            EarOutput::Noise => {
                // A prompt that has stopped for words which were none is asked again.
                if self.caller.floor.has_stopped() {
                    self.think(Input::Unclear);
                }
                self.turn_over();
            }
            EarOutput::Partial { text } => self.chronicle.record(CallEvent::PartialHeard { text }),
            EarOutput::SpeechStarted => {
                let floor = self.caller.floor.speech_started(self.prompt(), self.house.clock.now());
                self.give_way(floor);
                self.think(Input::SpeechStarted);
            }
            EarOutput::Unclear => {
                if !self.agent.is_bridged() {
                    self.think(Input::Unclear);
                }
                self.turn_over();
            }
        }
    }

    fn turn_over(&mut self) {
        let floor = self.caller.floor.turn_over();
        self.give_way(floor);
    }

    /// Whether the caller may talk over what is being said now.
    fn prompt(&self) -> Prompt {
        let yields = self.caller.speaking.is_busy() && self.caller.protected.is_empty();
        if yields { Prompt::Yields } else { Prompt::Fixed }
    }

    /// Does with the prompt what [`BargeIn`](super::barge_in::BargeIn) has decided.
    pub(super) fn give_way(&mut self, floor: Option<Yield>) {
        let loudness = match floor {
            None => return,
            Some(Yield::Duck) => Loudness::Ducked,
            Some(Yield::Resume) => Loudness::FullAgain,
            Some(Yield::Stop) => return self.stop_speaking(),
        };
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

/// What the bot said.
fn said(text: Pii<String>, language: Language, span: Span) -> Utterance {
    Utterance { speaker: Speaker::Bot, span, text, confidence: 1.0, language, emotion: None }
}

/// How long after its last sound a goodbye is hung up.
const FAREWELL_MARGIN: Duration = Duration::from_millis(300);
