//! Decides when the speaker is done.
//!
//! Silence alone is a poor judge: waiting long makes every answer slow, waiting short cuts people off. So the silence
//! that is needed depends on what was asked, on whether the words so far sound finished, and on how long this speaker
//! pauses inside turns. Pure: sound, silence and words come in with their moments, pauses and ends come out.

use std::collections::VecDeque;
use std::time::Duration;

use call::{Language, Moment};

use crate::complete::{Completeness, completeness};
use crate::expect::Expect;

/// How much silence ends a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnEndConfig {
    /// After this much silence a pause may be the end, and an early decode is worth its cost. 40 ms: the
    /// voice detector has been sure of the silence for about 60 ms by then.
    pub candidate: Duration,
    /// Needed when hardly anything can follow: a question, a yes, all digits of a number. 180 ms.
    pub certain: Duration,
    /// Needed when the words are a whole sentence. 240 ms.
    pub complete: Duration,
    /// Needed when the words could be either. 480 ms.
    pub normal: Duration,
    /// Needed while the words are on their way. Nothing can be answered without them, so waiting costs nothing, and they
    /// may well say that more must follow. 1.5 s.
    pub wordless: Duration,
    /// Needed when more must follow: "my order number is". 1.4 s.
    pub incomplete: Duration,
    /// Needed while a number is being dictated and may have more digits. 1.2 s, which people take to turn a page.
    pub dictating: Duration,
    /// However the speaker pauses, their habit never asks for more than this. 900 ms.
    pub habit_max: Duration,
    /// A turn that goes on longer is cut. 28 s, what the recogniser takes in one piece.
    pub turn_max: Duration,
}

impl Default for TurnEndConfig {
    fn default() -> Self {
        Self {
            candidate: Duration::from_millis(40),
            certain: Duration::from_millis(180),
            complete: Duration::from_millis(240),
            normal: Duration::from_millis(480),
            wordless: Duration::from_millis(1_500),
            incomplete: Duration::from_millis(1_400),
            dictating: Duration::from_millis(1_200),
            habit_max: Duration::from_millis(900),
            turn_max: Duration::from_secs(28),
        }
    }
}

/// How long the pauses inside an answer are likely to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pauses {
    /// The speaker looks something up, or tells a story.
    Long,
    /// As people do.
    #[default]
    Normal,
    /// A word or two without any.
    Short,
}

impl Pauses {
    /// By how much the silence that is needed grows.
    const fn factor(self) -> f32 {
        match self {
            Self::Long => 1.6,
            Self::Normal => 1.0,
            Self::Short => 0.75,
        }
    }
}

/// What [`TurnEnd`] is told.
#[derive(Clone, PartialEq, Eq)]
pub enum TurnInput {
    /// The speaker fell silent.
    Silence {
        /// The end of their last sound.
        since: Moment,
    },
    /// The speaker is heard.
    Sound {
        /// The beginning of the sound.
        since: Moment,
    },
    /// No words come for the present pause: their decode failed.
    NoWords,
    /// The words up to the present pause. Ignored while the speaker is heard.
    Words {
        /// The words.
        text: String,
        /// Their language.
        language: Language,
    },
}

/// Why a turn is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// It had gone on for [`TurnEndConfig::turn_max`].
    Limit,
    /// The silence was long enough.
    Silence,
}

/// What [`TurnEnd`] has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnOutput {
    /// The turn is over.
    Ended {
        /// The end of the last sound.
        since: Moment,
        /// When that was certain.
        at: Moment,
        /// Why.
        reason: EndReason,
    },
    /// The turn may be over: time for an early decode.
    Pause {
        /// The end of the last sound.
        since: Moment,
    },
    /// The speaker went on after a `Pause`.
    Resumed {
        /// How long the pause was.
        pause: Duration,
    },
}

/// The machine. One for each speaker, for the whole call: it learns how they pause.
#[derive(Debug)]
pub struct TurnEnd {
    config: TurnEndConfig,
    expect: Expect,
    pauses: Pauses,
    phase: Phase,
    /// The longest pause inside a turn of late, fading.
    habit: Duration,
    outputs: VecDeque<TurnOutput>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Pausing { started: Moment, since: Moment, announced: Announced, words: Option<Completeness> },
    Sounding { started: Moment },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Announced {
    No,
    Yes,
}

impl TurnEnd {
    /// A machine that has heard nothing yet.
    pub fn new(config: TurnEndConfig) -> Self {
        Self {
            config,
            expect: Expect::Anything,
            pauses: Pauses::Normal,
            phase: Phase::Idle,
            habit: Duration::ZERO,
            outputs: VecDeque::new(),
        }
    }

    /// Says what kind of answer is expected from now on.
    pub fn expect(&mut self, expect: Expect) {
        self.expect = expect;
    }

    /// Says how long the pauses inside the answer are likely to be from now on.
    pub fn expect_pauses(&mut self, pauses: Pauses) {
        self.pauses = pauses;
    }

    /// Takes in what was heard.
    pub fn handle_input(&mut self, input: TurnInput, now: Moment) {
        match input {
            TurnInput::Silence { since } => {
                if let Phase::Sounding { started } = self.phase {
                    self.phase = Phase::Pausing { started, since, announced: Announced::No, words: None };
                }
            }
            TurnInput::Sound { since } => self.handle_sound(since),
            TurnInput::NoWords => self.handle_words(Completeness::Unknown),
            TurnInput::Words { text, language } => self.handle_words(completeness(&text, language, self.expect)),
        }
        self.handle_timeout(now);
    }

    /// The next finding, if there is one.
    pub fn poll_output(&mut self) -> Option<TurnOutput> {
        self.outputs.pop_front()
    }

    /// When to call [`TurnEnd::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Moment> {
        match self.phase {
            Phase::Idle => None,
            Phase::Pausing { started, since, announced, words } => {
                let next = match announced {
                    Announced::No => since + self.config.candidate,
                    Announced::Yes => since + self.needed(words),
                };
                Some(next.min(started + self.config.turn_max))
            }
            Phase::Sounding { started } => Some(started + self.config.turn_max),
        }
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Moment) {
        if let Phase::Pausing { started, since, announced: Announced::No, words } = self.phase
            && now >= since + self.config.candidate
        {
            self.outputs.push_back(TurnOutput::Pause { since });
            self.phase = Phase::Pausing { started, since, announced: Announced::Yes, words };
        }
        let ended = match self.phase {
            Phase::Idle => None,
            Phase::Pausing { since, words, .. } if now >= since + self.needed(words) => {
                Some((since, EndReason::Silence))
            }
            Phase::Pausing { started, since, .. } => {
                (now >= started + self.config.turn_max).then_some((since, EndReason::Limit))
            }
            Phase::Sounding { started } => (now >= started + self.config.turn_max).then_some((now, EndReason::Limit)),
        };
        if let Some((since, reason)) = ended {
            self.phase = Phase::Idle;
            self.habit = self.habit.mul_f32(HABIT_FADES);
            self.outputs.push_back(TurnOutput::Ended { since, at: now, reason });
        }
    }

    fn handle_words(&mut self, completeness: Completeness) {
        if let Phase::Pausing { words, .. } = &mut self.phase {
            *words = Some(completeness);
        }
    }

    fn handle_sound(&mut self, since: Moment) {
        match self.phase {
            Phase::Idle => self.phase = Phase::Sounding { started: since },
            Phase::Pausing { started, since: silent_since, announced, .. } => {
                let pause = since - silent_since;
                if announced == Announced::Yes {
                    self.habit = self.habit.mul_f32(HABIT_FADES).max(pause);
                    self.outputs.push_back(TurnOutput::Resumed { pause });
                }
                self.phase = Phase::Sounding { started };
            }
            Phase::Sounding { .. } => {}
        }
    }

    /// The silence that ends the turn.
    fn needed(&self, words: Option<Completeness>) -> Duration {
        self.needed_normally(words).mul_f32(self.pauses.factor())
    }

    fn needed_normally(&self, words: Option<Completeness>) -> Duration {
        let config = &self.config;
        let dictating = matches!(self.expect, Expect::Digits { .. });
        let base = match words {
            Some(Completeness::Certain) => return config.certain.max(self.habit.min(config.complete)),
            Some(Completeness::Complete) => return config.complete.max(self.habit.min(config.normal)),
            Some(Completeness::Incomplete) if dictating => config.dictating,
            Some(Completeness::Incomplete) => config.incomplete,
            // While a number is dictated the longer wait is the safe one.
            Some(Completeness::Unknown) if dictating => config.dictating,
            Some(Completeness::Unknown) => config.normal,
            None => config.wordless,
        };
        base.max(self.habit.mul_f32(HABIT_MARGIN).min(config.habit_max))
    }
}

/// With every pause and turn the habit counts less.
const HABIT_FADES: f32 = 0.8;
/// The pause that ends a turn is this much longer than those inside it.
const HABIT_MARGIN: f32 = 1.3;

#[cfg(test)]
mod tests {
    use super::*;

    const NORMAL: u64 = 480;

    fn at(ms: u64) -> Moment {
        Moment::from_millis(ms)
    }

    /// Speaks from 0 to 1000 ms, says `words` 150 ms later, and returns how much silence ended the turn.
    fn silence_needed(machine: &mut TurnEnd, words: Option<(&str, Language)>) -> u64 {
        machine.handle_input(TurnInput::Sound { since: at(0) }, at(0));
        machine.handle_input(TurnInput::Silence { since: at(1_000) }, at(1_020));
        for ms in (1_020..10_000).step_by(10) {
            if let (1_150, Some((text, language))) = (ms, words) {
                machine.handle_input(TurnInput::Words { text: text.to_owned(), language }, at(ms));
            }
            machine.handle_timeout(at(ms));
            while let Some(output) = machine.poll_output() {
                if let TurnOutput::Ended { since, at: end, reason: EndReason::Silence } = output {
                    assert_eq!(since, at(1_000));
                    return (end - since).as_millis() as u64;
                }
            }
        }
        panic!("the turn never ended");
    }

    fn check(expect: Expect, words: Option<(&str, Language)>, expected_ms: u64) {
        let mut machine = TurnEnd::new(TurnEndConfig::default());
        machine.expect(expect);
        assert_eq!(silence_needed(&mut machine, words), expected_ms, "{expect:?} {words:?}");
    }

    #[test]
    fn the_silence_needed_depends_on_the_words() {
        check(Expect::Anything, None, 1_500);
        check(Expect::Anything, Some(("Where is my order?", Language::En)), 180);
        check(Expect::Anything, Some(("I want my money back.", Language::En)), 240);
        check(Expect::Anything, Some(("The kettle", Language::En)), NORMAL);
        check(Expect::Anything, Some(("I bought a kettle and", Language::En)), 1_400);
        check(Expect::Anything, Some(("我的订单到了，但是", Language::Zh)), 1_400);
        check(Expect::YesNo, Some(("Yes", Language::En)), 180);
    }

    #[test]
    fn a_question_may_earn_longer_pauses_or_none() {
        let check = |pauses, expected_ms: u64| {
            let mut machine = TurnEnd::new(TurnEndConfig::default());
            machine.expect_pauses(pauses);
            let words = Some(("The kettle", Language::En));
            assert_eq!(silence_needed(&mut machine, words), expected_ms, "{pauses:?}");
        };
        // The next ten milliseconds after 768.
        check(Pauses::Long, 770);
        check(Pauses::Normal, NORMAL);
        check(Pauses::Short, NORMAL * 3 / 4);
    }

    #[test]
    fn dictating_digits_earns_a_longer_wait_until_the_number_is_whole() {
        let digits = Expect::Digits { min: 8, max: 8 };
        check(digits, None, 1_500);
        check(digits, Some(("four four seven", Language::En)), 1_200);
        check(digits, Some(("4471 2093", Language::En)), 180);
        check(digits, Some(("I do not have it with me.", Language::En)), 240);
    }

    #[test]
    fn a_speaker_who_pauses_inside_turns_is_given_time() {
        let mut machine = TurnEnd::new(TurnEndConfig::default());
        machine.handle_input(TurnInput::Sound { since: at(0) }, at(0));
        machine.handle_input(TurnInput::Silence { since: at(500) }, at(520));
        machine.handle_timeout(at(700));
        assert_eq!(machine.poll_output(), Some(TurnOutput::Pause { since: at(500) }));
        machine.handle_input(TurnInput::Sound { since: at(1_020) }, at(1_040));
        assert_eq!(machine.poll_output(), Some(TurnOutput::Resumed { pause: Duration::from_millis(520) }));
        machine.handle_input(TurnInput::Silence { since: at(1_500) }, at(1_520));
        machine.handle_input(TurnInput::NoWords, at(1_620));
        let end = (1_520..).step_by(10).map(at).find(|&now| {
            machine.handle_timeout(now);
            std::iter::from_fn(|| machine.poll_output()).any(|output| matches!(output, TurnOutput::Ended { .. }))
        });
        assert_eq!(end, Some(at(1_500 + 680)), "520 ms and a margin");
        for _ in 0..10 {
            silence_needed(&mut machine, None);
        }
        let words = Some(("The kettle", Language::En));
        assert_eq!(silence_needed(&mut machine, words), NORMAL, "and the habit fades");
    }

    #[test]
    fn an_endless_turn_is_cut() {
        let mut machine = TurnEnd::new(TurnEndConfig::default());
        machine.handle_input(TurnInput::Sound { since: at(0) }, at(0));
        assert_eq!(machine.poll_timeout(), Some(at(28_000)));
        machine.handle_timeout(at(28_000));
        let ended = TurnOutput::Ended { since: at(28_000), at: at(28_000), reason: EndReason::Limit };
        assert_eq!(machine.poll_output(), Some(ended));
        assert_eq!(machine.poll_timeout(), None);
    }

    #[test]
    fn words_that_come_after_the_speaker_went_on_count_for_nothing() {
        let mut machine = TurnEnd::new(TurnEndConfig::default());
        machine.handle_input(TurnInput::Sound { since: at(0) }, at(0));
        machine.handle_input(TurnInput::Words { text: "Yes.".to_owned(), language: Language::En }, at(100));
        machine.handle_input(TurnInput::Silence { since: at(500) }, at(520));
        machine.handle_timeout(at(1_100));
        assert_eq!(machine.poll_output(), Some(TurnOutput::Pause { since: at(500) }));
        assert_eq!(machine.poll_output(), None, "the words of this pause are still to come");
        machine.handle_input(TurnInput::NoWords, at(1_100));
        let ended = TurnOutput::Ended { since: at(500), at: at(1_100), reason: EndReason::Silence };
        assert_eq!(machine.poll_output(), Some(ended), "and they never will");
    }
}
