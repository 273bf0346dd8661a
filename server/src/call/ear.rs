//! One leg's ear: frames go in, words come out; decoding happens on the recogniser's own threads.

use std::collections::BTreeSet;
use std::time::Duration;

use asr::{
    Bot, DecodeId, DecodeKind, Decoded, DropReason, EchoGuard, Expect, LanguageChoice, Listener, ListenerConfig,
    ListenerOutput, Origin, Pauses, RecognizerError, Speculation, Temper, UnclearReason, Vad,
};
use call::{AudioFrame, CallId, Language, LegId, Moment, Pii, Speaker, Utterance};
use dialog::Expectation;
use tokio::sync::mpsc;

use super::Note;
use crate::ears::Ears;
use crate::house::House;
use crate::telemetry::{self, SpeculationOutcome};

/// Hears one leg of a call.
pub(crate) struct Ear {
    call: CallId,
    leg: LegId,
    speaker: Speaker,
    languages: Vec<Language>,
    vad: Vad,
    echo: EchoGuard,
    /// How the caller feels; agents are not judged.
    temper: Option<Temper>,
    listener: Listener,
    ears: Ears,
    notes: mpsc::Sender<Note>,
    /// Decodes that were asked for and not yet answered.
    pending: BTreeSet<DecodeId>,
    /// Whether a decode was started at a pause and its turn goes on.
    is_speculating: bool,
    /// When the last frame came.
    heard_at: Moment,
}

/// What an ear has found.
#[derive(Debug)]
pub(crate) enum EarOutput {
    /// What the turn so far seems to say; it may still change.
    Guess { text: Pii<String> },
    /// A turn and its words, with what they cost.
    Heard { utterance: Utterance, silence_wait: Duration, decode: Duration },
    /// A sound that was no speech after all: a cough, a door.
    Noise,
    /// Words while the speaker is still talking.
    Partial { text: Pii<String> },
    /// Somebody speaks, or goes on after a pause.
    SpeechStarted,
    /// Somebody spoke, and no words could be made out.
    Unclear,
}

impl Ear {
    /// An ear for one leg of a call, whose speaker is expected to speak `language` and may speak any of `languages`.
    pub(crate) fn new(
        house: &House,
        (call, leg): (CallId, LegId),
        language: Language,
        languages: &[Language],
        notes: mpsc::Sender<Note>,
    ) -> Self {
        let speaker = if leg == LegId::CALLER { Speaker::Caller } else { Speaker::Agent };
        let languages = languages.to_vec();
        let mut listener = Listener::new(ListenerConfig::default(), choice(language, &languages));
        listener.know(house.flows.now().vocabulary.clone());
        Self {
            call,
            leg,
            speaker,
            languages,
            vad: house.vad.stream(),
            echo: EchoGuard::new(),
            temper: (speaker == Speaker::Caller).then(|| Temper::new(&house.emotion)),
            listener,
            ears: house.ears.clone(),
            notes,
            pending: BTreeSet::new(),
            is_speculating: false,
            heard_at: Moment::START,
        }
    }

    /// Hears 20 ms, while sound as loud as `sent_rms` is sent.
    pub(crate) fn hear(&mut self, frame: &AudioFrame, sent_rms: f32, at: Moment) {
        let speech = self.vad.push(frame);
        let speech = match self.echo.hear(sent_rms, frame, self.listener.is_in_turn()) {
            Origin::Echo => 0.0,
            Origin::Line => speech,
        };
        self.listener.handle_frame(frame, speech, at);
        if let Some(temper) = &mut self.temper {
            temper.handle_frame(frame, speech, at);
        }
        self.heard_at = at;
    }

    /// The line is gone: what was being said ends here. Its words come while [`Ear::is_busy`].
    pub(crate) fn finish(&mut self) {
        for _ in 0..FINISH_FRAMES {
            let at = self.heard_at + AudioFrame::DURATION;
            self.hear(&AudioFrame::SILENCE, 0.0, at);
        }
    }

    /// Whether words are still on their way.
    pub(crate) fn is_busy(&self) -> bool {
        !self.pending.is_empty()
    }

    /// What kind of answer the mind waits for.
    pub(crate) fn expect(&mut self, expectation: Expectation, language: Language, pauses: dialog::Pauses) {
        let digits = |count: usize| u8::try_from(count).unwrap_or(u8::MAX);
        let expect = match expectation {
            Expectation::Anything | Expectation::Nothing => Expect::Anything,
            Expectation::Choice => Expect::Choice,
            Expectation::Digits { min, max } => Expect::Digits { min: digits(min), max: digits(max) },
            Expectation::YesNo => Expect::YesNo,
        };
        self.listener.expect(expect, choice(language, &self.languages), None);
        self.listener.expect_pauses(match pauses {
            dialog::Pauses::Long => Pauses::Long,
            dialog::Pauses::Normal => Pauses::Normal,
            dialog::Pauses::Short => Pauses::Short,
        });
    }

    /// Whether the bot is on the line now.
    pub(crate) fn bot_is(&mut self, bot: Bot) {
        self.listener.bot_speaking(bot);
    }

    pub(crate) fn handle_decoded(&mut self, id: DecodeId, result: Result<Decoded, RecognizerError>, now: Moment) {
        self.pending.remove(&id);
        self.listener.handle_decoded(id, result, now);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Moment> {
        self.listener.poll_timeout()
    }

    pub(crate) fn handle_timeout(&mut self, now: Moment) {
        self.listener.handle_timeout(now);
    }

    /// The next finding. Decodes are asked for on the way.
    pub(crate) fn poll_output(&mut self) -> Option<EarOutput> {
        while let Some(output) = self.listener.poll_output() {
            match output {
                ListenerOutput::Abandon { id } => {
                    self.pending.remove(&id);
                    self.ears.abandon((self.call, self.leg), id);
                }
                ListenerOutput::Decode { id, kind, request } => {
                    let is_early = kind == DecodeKind::Speculative;
                    if is_early && std::mem::replace(&mut self.is_speculating, is_early) {
                        telemetry::observe_speculation(SpeculationOutcome::Wasted);
                    }
                    let (notes, leg) = (self.notes.clone(), self.leg);
                    self.pending.insert(id);
                    // A lost answer is given up by the listener in time, so nothing waits here for room.
                    let done = move |result| drop(notes.try_send(Note::Decoded { leg, id, result }));
                    self.ears.decode((self.call, self.leg), id, kind, request, done);
                }
                ListenerOutput::Guess { text, confidence } if confidence >= GUESS_MIN => {
                    return Some(EarOutput::Guess { text });
                }
                ListenerOutput::Guess { .. } => {}
                ListenerOutput::Heard { text, confidence, language, span, silence_wait, decode, speculation } => {
                    self.is_speculating = false;
                    telemetry::observe_speculation(match speculation {
                        Speculation::Missed => SpeculationOutcome::Missed,
                        Speculation::Used => SpeculationOutcome::Right,
                    });
                    let emotion = self.temper.as_mut().and_then(|temper| {
                        temper.handle_words(text.reveal(), language, self.heard_at);
                        temper.poll_output()
                    });
                    let utterance = Utterance { speaker: self.speaker, span, text, confidence, language, emotion };
                    return Some(EarOutput::Heard { utterance, silence_wait, decode });
                }
                ListenerOutput::Partial { text, language: _ } => return Some(EarOutput::Partial { text }),
                ListenerOutput::Promote { id } => self.ears.promote((self.call, self.leg), id),
                ListenerOutput::SpeechStarted { at: _ } => return Some(EarOutput::SpeechStarted),
                ListenerOutput::SpeechStopped { at: _ } | ListenerOutput::TurnEnded { at: _ } => {}
                ListenerOutput::Unclear { reason, .. } => {
                    self.is_speculating = false;
                    return Some(match reason {
                        UnclearReason::Dropped(DropReason::NoSpeech) => EarOutput::Noise,
                        UnclearReason::Dropped(_) | UnclearReason::Failed | UnclearReason::Timeout => {
                            EarOutput::Unclear
                        }
                    });
                }
            }
        }
        None
    }
}

/// How the recogniser is told of a speaker's languages.
fn choice(expected: Language, spoken: &[Language]) -> LanguageChoice {
    let others: Vec<_> = spoken.iter().copied().filter(|language| *language != expected).collect();
    if others.is_empty() { LanguageChoice::Fixed(expected) } else { LanguageChoice::Likely { expected, others } }
}

impl Drop for Ear {
    /// However the leg ends, nobody decodes for it any more.
    fn drop(&mut self) {
        self.ears.hang_up((self.call, self.leg));
    }
}

/// Guesses less likely than this are no reason to stop for.
const GUESS_MIN: f32 = 0.5;
/// Silence after which every turn is over: three seconds.
const FINISH_FRAMES: usize = 150;
