//! Everything between one caller's frames and their words.
//!
//! Notices speech, keeps its sound, asks for decodes early, waits for [`TurnEnd`] to say that the caller is done, and
//! hands over the words. A decode starts at the first likely pause: if the turn is then over its words are already
//! there, and if the caller goes on it is thrown away. Pure: sound, verdicts of the voice detector and decodes come in
//! with their moments; requests for decodes and findings come out.

mod onset;
mod output;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use call::{AudioFrame, Moment, Pii, Span};

use self::onset::{Heard as Ear, Onset};
pub use self::output::{Bot, ListenerConfig, ListenerOutput, Speculation, UnclearReason};
use crate::agreement::Agreement;
use crate::expect::Expect;
use crate::recognizer::{
    Cancel, DecodeId, DecodeKind, DecodeRequest, Decoded, LanguageChoice, RecognizerError, Verdict,
};
use crate::sound_buffer::SoundBuffer;

use crate::turn_end::{EndReason, Pauses, TurnEnd, TurnInput, TurnOutput};
use crate::vocabulary::Vocabulary;

/// The machine. One for each caller.
#[derive(Debug)]
pub struct Listener {
    config: ListenerConfig,
    turn_end: TurnEnd,
    onset: Onset,
    sound: SoundBuffer,
    expect: Expect,
    language: LanguageChoice,
    prompt: Option<String>,
    vocabulary: Arc<Vocabulary>,
    turn: Option<Turn>,
    awaited: VecDeque<Awaited>,
    decodes: u64,
    frame_at: Moment,
    outputs: VecDeque<ListenerOutput>,
}

/// The turn that is being spoken.
#[derive(Debug)]
struct Turn {
    started: Moment,
    sound_until: Moment,
    speculation: Option<Speculated>,
    partial: Option<Running>,
    partial_at: usize,
    agreement: Agreement,
}

/// A decode that was asked for and not yet answered.
#[derive(Debug)]
struct Running {
    id: DecodeId,
    cancel: Cancel,
}

/// The decode that was started at the present pause.
#[derive(Debug)]
enum Speculated {
    Done(Decoded),
    Failed,
    Running(Running),
}

/// A turn that is over and whose words are on their way.
#[derive(Debug)]
struct Awaited {
    decode: Running,
    request: DecodeRequest,
    speculation: Speculation,
    span: Span,
    ended: Moment,
    until: Moment,
}

impl Listener {
    /// A listener that has heard nothing yet and expects anything, in the given language.
    pub fn new(config: ListenerConfig, language: LanguageChoice) -> Self {
        Self {
            turn_end: TurnEnd::new(config.turn_end.clone()),
            onset: Onset::new(&config),
            config,
            sound: SoundBuffer::new(),
            expect: Expect::Anything,
            language,
            prompt: None,
            vocabulary: Arc::default(),
            turn: None,
            awaited: VecDeque::new(),
            decodes: 0,
            frame_at: Moment::START,
            outputs: VecDeque::new(),
        }
    }

    /// Says what the caller is likely to say from now on: the kind of answer, the language, and words to lean towards.
    pub fn expect(&mut self, expect: Expect, language: LanguageChoice, prompt: Option<String>) {
        self.turn_end.expect(expect);
        self.expect = expect;
        self.language = language;
        self.prompt = prompt;
    }

    /// Says how long the pauses inside the answer are likely to be from now on.
    pub fn expect_pauses(&mut self, pauses: Pauses) {
        self.turn_end.expect_pauses(pauses);
    }

    /// Gives the words of the business, which are restored where the recogniser wrote others that sound like them.
    pub fn know(&mut self, vocabulary: Arc<Vocabulary>) {
        self.vocabulary = vocabulary;
    }

    /// Says whether the bot is heard on the line now. While it is, speech must be clearer to count as such.
    pub fn bot_speaking(&mut self, bot: Bot) {
        self.onset.bot = bot;
    }

    /// Takes the caller's next frame with the voice detector's verdict on it, 0.0 to 1.0.
    pub fn handle_frame(&mut self, frame: &AudioFrame, speech: f32, now: Moment) {
        self.frame_at = now;
        self.sound.push(frame);
        match self.onset.hear(speech, now) {
            Ear::Nothing => {}
            Ear::Silence { since } => {
                self.turn_end.handle_input(TurnInput::Silence { since }, now);
            }
            Ear::Sound { until } => {
                if let Some(turn) = &mut self.turn {
                    turn.sound_until = until;
                }
            }
            Ear::Speech { since } => self.handle_speech(since, now),
        }
        self.handle_timeout(now);
        self.ask_for_partial();
    }

    /// Takes the answer to a decode. Answers that nobody waits for any more are ignored.
    pub fn handle_decoded(&mut self, id: DecodeId, answer: Result<Decoded, RecognizerError>, now: Moment) {
        let answer = answer.map(|decoded| self.in_context(decoded));
        if let Some(place) = self.awaited.iter().position(|awaited| awaited.decode.id == id) {
            if let Some(awaited) = self.awaited.remove(place) {
                self.handle_awaited(awaited, answer, now);
            }
            return;
        }
        let Some(turn) = &mut self.turn else { return };
        if turn.partial.as_ref().is_some_and(|partial| partial.id == id) {
            turn.partial = None;
            if let Ok(decoded) = answer {
                self.show_partial(&decoded);
            }
        } else if matches!(&turn.speculation, Some(Speculated::Running(running)) if running.id == id) {
            match answer {
                Ok(decoded) => {
                    turn.speculation = Some(Speculated::Done(decoded.clone()));
                    let words = TurnInput::Words { text: decoded.text.clone(), language: decoded.language };
                    self.turn_end.handle_input(words, now);
                    self.show_partial(&decoded);
                    self.follow_turn_end(now);
                }
                Err(_) => {
                    turn.speculation = Some(Speculated::Failed);
                    self.turn_end.handle_input(TurnInput::NoWords, now);
                    self.follow_turn_end(now);
                }
            }
        }
    }

    /// Whether the speaker has begun a turn and not ended it.
    pub fn is_in_turn(&self) -> bool {
        self.turn.is_some()
    }

    /// The next finding or request, if there is one.
    pub fn poll_output(&mut self) -> Option<ListenerOutput> {
        self.outputs.pop_front()
    }

    /// When to call [`Listener::handle_timeout`], if no frame comes before.
    pub fn poll_timeout(&self) -> Option<Moment> {
        let starved = self.onset.is_speech().then(|| self.frame_at + self.config.frames_missing_max);
        let answer = self.awaited.iter().map(|awaited| awaited.until).min();
        [self.turn_end.poll_timeout(), starved, answer].into_iter().flatten().min()
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Moment) {
        // Frames stop on hold and when the line breaks. Then nothing will ever say that the caller fell silent.
        if self.onset.is_speech() && now >= self.frame_at + self.config.frames_missing_max {
            let since = self.onset.silence();
            self.turn_end.handle_input(TurnInput::Silence { since }, now);
        }
        // Somebody who has just begun to speak again is not cut off in the moment before that is certain.
        if !self.onset.may_be_speech() {
            self.turn_end.handle_timeout(now);
        }
        self.follow_turn_end(now);
        while let Some(place) = self.awaited.iter().position(|awaited| now >= awaited.until) {
            if let Some(awaited) = self.awaited.remove(place) {
                self.abandon(awaited.decode);
                self.outputs.push_back(ListenerOutput::Unclear { span: awaited.span, reason: UnclearReason::Timeout });
            }
        }
    }

    fn handle_speech(&mut self, since: Moment, now: Moment) {
        match &mut self.turn {
            Some(turn) => turn.sound_until = now,
            None => {
                self.sound.begin();
                self.outputs.push_back(ListenerOutput::SpeechStarted { at: since });
                self.turn = Some(Turn {
                    started: since,
                    sound_until: now,
                    speculation: None,
                    partial: None,
                    partial_at: self.sound.turn_len() + samples(self.partial_step()),
                    agreement: Agreement::default(),
                });
            }
        }
        self.turn_end.handle_input(TurnInput::Sound { since }, now);
        self.follow_turn_end(now);
    }

    /// Acts on what [`TurnEnd`] has found.
    fn follow_turn_end(&mut self, now: Moment) {
        while let Some(output) = self.turn_end.poll_output() {
            match output {
                TurnOutput::Ended { since, at, reason } => self.end_turn(since, at, reason),
                TurnOutput::Pause { since } => {
                    self.outputs.push_back(ListenerOutput::SpeechStopped { at: since });
                    self.speculate();
                }
                TurnOutput::Resumed { .. } => {
                    let speculation = self.turn.as_mut().and_then(|turn| turn.speculation.take());
                    if let Some(Speculated::Running(running)) = speculation {
                        self.abandon(running);
                    }
                    self.outputs.push_back(ListenerOutput::SpeechStarted { at: now });
                }
            }
        }
    }

    fn speculate(&mut self) {
        let Some(turn) = &mut self.turn else { return };
        // The early decode says all that the partial would, and more.
        if let Some(partial) = turn.partial.take() {
            self.abandon(partial);
        }
        let request = self.request();
        let running = self.ask(DecodeKind::Speculative, &request);
        if let Some(turn) = &mut self.turn {
            turn.speculation = Some(Speculated::Running(running));
        }
    }

    fn end_turn(&mut self, since: Moment, ended: Moment, reason: EndReason) {
        let Some(turn) = self.turn.take() else { return };
        let request = self.request();
        self.sound.end();
        if let Some(partial) = turn.partial {
            self.abandon(partial);
        }
        match reason {
            EndReason::Silence => {}
            // They are still talking: what follows is a new turn, noticed like any other.
            EndReason::Limit => self.onset.forget(),
        }
        self.outputs.push_back(ListenerOutput::TurnEnded { at: ended });
        let span = Span { start: turn.started, end: since.max(turn.started) };
        let until = ended + self.config.decode_max;
        let (decode, speculation) = match turn.speculation {
            Some(Speculated::Done(decoded)) => {
                self.report(decoded, span, ended, Duration::ZERO, Speculation::Used);
                return;
            }
            Some(Speculated::Running(running)) => {
                self.outputs.push_back(ListenerOutput::Promote { id: running.id });
                (running, Speculation::Used)
            }
            Some(Speculated::Failed) | None => (self.ask(DecodeKind::Final, &request), Speculation::Missed),
        };
        if self.awaited.len() == AWAITED_MAX
            && let Some(oldest) = self.awaited.pop_front()
        {
            self.abandon(oldest.decode);
            self.outputs.push_back(ListenerOutput::Unclear { span: oldest.span, reason: UnclearReason::Timeout });
        }
        self.awaited.push_back(Awaited { decode, request, speculation, span, ended, until });
    }

    /// The decode of a turn that is over has come back.
    fn handle_awaited(&mut self, awaited: Awaited, answer: Result<Decoded, RecognizerError>, now: Moment) {
        match (answer, awaited.speculation) {
            (Ok(decoded), speculation) => {
                self.report(decoded, awaited.span, awaited.ended, now - awaited.ended, speculation);
            }
            // The early decode failed, perhaps because it was displaced. The final one gets a chance of its own.
            (Err(_), Speculation::Used) => {
                let decode = self.ask(DecodeKind::Final, &awaited.request);
                self.awaited.push_back(Awaited { decode, speculation: Speculation::Missed, ..awaited });
            }
            (Err(_), Speculation::Missed) => {
                self.outputs.push_back(ListenerOutput::Unclear { span: awaited.span, reason: UnclearReason::Failed });
            }
        }
    }

    fn report(&mut self, decoded: Decoded, span: Span, ended: Moment, decode: Duration, speculation: Speculation) {
        self.outputs.push_back(match decoded.verdict {
            Verdict::Dropped(reason) => ListenerOutput::Unclear { span, reason: UnclearReason::Dropped(reason) },
            Verdict::Kept => ListenerOutput::Heard {
                text: Pii::new(decoded.text),
                confidence: decoded.confidence,
                language: decoded.language,
                span,
                silence_wait: ended - span.end,
                decode,
                speculation,
            },
        });
    }

    /// The words in the light of what was asked and of what the business calls its things.
    fn in_context(&self, mut decoded: Decoded) -> Decoded {
        decoded.text = self.expect.repair(&decoded.text, decoded.language);
        decoded.text = self.vocabulary.restore(&decoded.text, decoded.language);
        decoded
    }

    fn ask_for_partial(&mut self) {
        let (len, step) = (self.sound.turn_len(), self.partial_step());
        let Some(turn) = &mut self.turn else { return };
        if !self.onset.is_speech() || turn.partial.is_some() || len < turn.partial_at {
            return;
        }
        // The longer the turn the more a decode costs, so the steps grow with it.
        turn.partial_at = len + samples(step).max(len / PARTIAL_STEP_PART);
        // Half an answer fits no expectation, and a partial is not worth a second look.
        let request = DecodeRequest { expect: Expect::Anything, ..self.request() };
        let running = self.ask(DecodeKind::Partial, &request);
        if let Some(turn) = &mut self.turn {
            turn.partial = Some(running);
        }
    }

    fn partial_step(&self) -> Duration {
        match self.onset.bot {
            Bot::Silent => self.config.partial_step,
            Bot::Speaking => self.config.partial_step_over_bot,
        }
    }

    fn show_partial(&mut self, decoded: &Decoded) {
        let Some(turn) = &mut self.turn else { return };
        if self.onset.bot == Bot::Speaking && decoded.verdict == Verdict::Kept {
            let text = Pii::new(decoded.text.clone());
            self.outputs.push_back(ListenerOutput::Guess { text, confidence: decoded.confidence });
        }
        if let Some(text) = turn.agreement.update(&decoded.text, decoded.language) {
            self.outputs.push_back(ListenerOutput::Partial { text: Pii::new(text), language: decoded.language });
        }
    }

    /// A request for the turn so far.
    fn request(&self) -> DecodeRequest {
        DecodeRequest {
            prompt: self.prompt.clone(),
            deadline: self.config.decode_max,
            expect: self.expect,
            ..DecodeRequest::new(self.sound.turn(), self.language.clone())
        }
    }

    /// Asks for a decode under a number and a cancel flag of its own.
    fn ask(&mut self, kind: DecodeKind, request: &DecodeRequest) -> Running {
        self.decodes += 1;
        let id = DecodeId(self.decodes);
        let cancel = Cancel::default();
        let request = DecodeRequest { cancel: cancel.clone(), ..request.clone() };
        self.outputs.push_back(ListenerOutput::Decode { id, kind, request });
        Running { id, cancel }
    }

    fn abandon(&mut self, decode: Running) {
        decode.cancel.cancel();
        self.outputs.push_back(ListenerOutput::Abandon { id: decode.id });
    }
}

fn samples(span: Duration) -> usize {
    (span.as_secs_f64() * f64::from(AudioFrame::RATE.hz())) as usize
}

/// Turns whose words are on their way. Nobody says more before the first is answered.
const AWAITED_MAX: usize = 4;
/// A new partial when the sound has grown by this part of itself.
const PARTIAL_STEP_PART: usize = 4;
