//! Who has the floor when a caller speaks over a prompt.
//!
//! A pure machine for one caller. At the first sound the prompt only lowers its voice; it stops when words follow, and
//! it comes back from the beginning of its clause when it was a cough, a sign of listening or noise. Noise that goes on
//! without a word, such as a television, is talked over.

use std::time::Duration;

use call::Moment;

/// What is to be done with the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Yield {
    /// Lower its voice.
    Duck,
    /// Go on from the beginning of the clause.
    Resume,
    /// Stop.
    Stop,
}

/// Whether the caller may talk over what is being said now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prompt {
    /// It must be heard whole, or there is none.
    Fixed,
    /// They may.
    Yields,
}

/// The machine.
#[derive(Debug, Default)]
pub(super) struct BargeIn {
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// The prompt has lowered its voice and waits for words.
    Ducked { until: Moment },
    /// Nobody talks over anybody.
    #[default]
    Free,
    /// There is sound without words for too long; the prompt goes on over it.
    TalkedOver,
    /// The prompt has stopped for words of this turn.
    Stopped,
}

impl BargeIn {
    /// The caller is heard: once at the beginning of a turn and again after each pause in it.
    pub(super) fn speech_started(&mut self, prompt: Prompt, now: Moment) -> Option<Yield> {
        match (self.state, prompt) {
            (State::Free, Prompt::Yields) => {
                self.state = State::Ducked { until: now + WORDLESS_MAX };
                Some(Yield::Duck)
            }
            (State::Ducked { .. } | State::Free | State::Stopped | State::TalkedOver, _) => None,
        }
    }

    /// Words were made out that are more than a sign of listening.
    pub(super) fn words(&mut self, prompt: Prompt) -> Option<Yield> {
        match prompt {
            Prompt::Fixed => None,
            Prompt::Yields => {
                self.state = State::Stopped;
                Some(Yield::Stop)
            }
        }
    }

    /// The turn is over and has been answered or ignored.
    pub(super) fn turn_over(&mut self) -> Option<Yield> {
        match std::mem::take(&mut self.state) {
            State::Ducked { .. } => Some(Yield::Resume),
            State::Free | State::Stopped | State::TalkedOver => None,
        }
    }

    /// Whether a prompt has stopped for words of the turn that is not over yet.
    pub(super) fn has_stopped(&self) -> bool {
        self.state == State::Stopped
    }

    /// When to call [`BargeIn::handle_timeout`].
    pub(super) fn poll_timeout(&self) -> Option<Moment> {
        match self.state {
            State::Ducked { until } => Some(until),
            State::Free | State::Stopped | State::TalkedOver => None,
        }
    }

    /// Lets time pass.
    pub(super) fn handle_timeout(&mut self, now: Moment) -> Option<Yield> {
        match self.state {
            State::Ducked { until } if now >= until => {
                self.state = State::TalkedOver;
                Some(Yield::Resume)
            }
            State::Ducked { .. } | State::Free | State::Stopped | State::TalkedOver => None,
        }
    }
}

/// How long a prompt waits for sound to become words.
const WORDLESS_MAX: Duration = Duration::from_millis(2_500);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::from_millis(ms)
    }

    #[test]
    fn words_stop_the_prompt() {
        let mut floor = BargeIn::default();
        assert_eq!(floor.speech_started(Prompt::Yields, at(0)), Some(Yield::Duck));
        assert_eq!(floor.speech_started(Prompt::Yields, at(300)), None, "it is low already");
        assert_eq!(floor.words(Prompt::Yields), Some(Yield::Stop));
        assert!(floor.has_stopped());
        assert_eq!(floor.turn_over(), None);
        assert!(!floor.has_stopped());
    }

    #[test]
    fn a_cough_brings_the_clause_back() {
        let mut floor = BargeIn::default();
        floor.speech_started(Prompt::Yields, at(0));
        assert_eq!(floor.turn_over(), Some(Yield::Resume));
        assert_eq!(floor.turn_over(), None);
    }

    #[test]
    fn a_television_is_talked_over_until_it_says_something() {
        let mut floor = BargeIn::default();
        floor.speech_started(Prompt::Yields, at(0));
        assert_eq!(floor.handle_timeout(at(100)), None);
        let due = floor.poll_timeout().unwrap();
        assert_eq!(floor.handle_timeout(due), Some(Yield::Resume));
        assert_eq!(floor.speech_started(Prompt::Yields, at(4_000)), None, "the same noise");
        assert_eq!(floor.words(Prompt::Yields), Some(Yield::Stop));
    }

    #[test]
    fn a_prompt_that_must_be_heard_does_not_yield() {
        let mut floor = BargeIn::default();
        assert_eq!(floor.speech_started(Prompt::Fixed, at(0)), None);
        assert_eq!(floor.words(Prompt::Fixed), None);
        assert_eq!(floor.turn_over(), None);
    }
}
