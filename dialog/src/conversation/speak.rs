//! Saying things: which wording, in which language, and what the caller may do meanwhile.

use call::{Language, Pii};
use minijinja::Value;

use super::{Conversation, Said, Wait};
use crate::flow::{Moments, Values, Wordings};
use crate::output::{BargeIn, Expectation, Output, Pauses, PromptKind};

impl Conversation {
    /// What templates see now.
    pub(super) fn values(&self) -> Values {
        self.values_in(self.language)
    }

    fn values_in(&self, language: Language) -> Values {
        let mut values = Values::new(language, self.setup.today, self.setup.caller.reveal(), &self.setup.config);
        for (name, filled) in &self.slots {
            values.put(name, Value::from(filled.value.as_str()));
        }
        for (name, result) in &self.results {
            values.put_json(name, result);
        }
        values
    }

    /// Says one of several wordings.
    ///
    /// # Errors
    /// A hole of the template that cannot be filled; nothing is said then.
    pub(super) fn say(
        &mut self,
        wordings: &Wordings,
        nth: usize,
        with: &[(&str, &str)],
        barge_in: BargeIn,
    ) -> Result<(), String> {
        let Some(template) = wordings.nth(self.language, nth) else { return Ok(()) };
        let mut values = self.values();
        for (name, value) in with {
            values.put(name, Value::from(*value));
        }
        let text = template.spoken(&values)?;
        self.speak(text, template.kind(), barge_in, Memory::Kept);
        Ok(())
    }

    /// Says a prompt of the flow. Their holes are filled by us, so one that cannot be is left unsaid.
    pub(super) fn prompt(&mut self, moment: Moments, nth: usize, with: &[(&str, &str)]) {
        self.prompt_as(moment, nth, with, BargeIn::Allowed, Memory::Kept);
    }

    /// Says something in passing, which "repeat" does not repeat.
    pub(super) fn aside(&mut self, moment: Moments, nth: usize) {
        self.prompt_as(moment, nth, &[], BargeIn::Allowed, Memory::Aside);
    }

    /// Says the last words of a call, which are not to be clipped.
    pub(super) fn farewell(&mut self, moment: Moments, with: &[(&str, &str)], reason: &str) {
        self.prompt_as(moment, 0, with, BargeIn::Forbidden, Memory::Kept);
        self.goodbye(reason);
    }

    pub(super) fn goodbye(&mut self, reason: &str) {
        self.wait = Wait::Goodbye { reason: reason.to_owned() };
        self.kept = None;
        self.expect(Expectation::Nothing);
    }

    fn prompt_as(&mut self, moment: Moments, nth: usize, with: &[(&str, &str)], barge_in: BargeIn, memory: Memory) {
        let flow = self.flow.clone();
        let Some(template) = flow.prompts.0.get(&moment).and_then(|wordings| wordings.nth(self.language, nth)) else {
            return;
        };
        let mut values = self.values();
        for (name, value) in with {
            values.put(name, Value::from(*value));
        }
        if let Ok(text) = template.spoken(&values) {
            self.speak(text, template.kind(), barge_in, memory);
        }
    }

    pub(super) fn speak(&mut self, text: String, kind: PromptKind, barge_in: BargeIn, memory: Memory) {
        if text.trim().is_empty() {
            return;
        }
        if memory == Memory::Kept {
            if std::mem::take(&mut self.last_said_is_old) {
                self.last_said.clear();
            }
            self.last_said.push(Said { text: text.clone(), language: self.language, kind, barge_in });
        }
        self.put_into_words(text, self.language, kind, barge_in);
    }

    fn put_into_words(&mut self, text: String, language: Language, kind: PromptKind, barge_in: BargeIn) {
        self.says += 1;
        let id = self.says;
        self.speaking.push(super::Saying { id, barge_in });
        self.timers.silence = None;
        // A limit for everything that waits to be said, counted anew from the latest.
        self.timers.say = None;
        self.put(Output::Say { id, text: Pii::new(text), language, kind, barge_in });
    }

    /// Says again what was said last, in the language it was said in.
    pub(super) fn repeat(&mut self) {
        for Said { text, language, kind, barge_in } in self.last_said.clone() {
            self.put_into_words(text, language, kind, barge_in);
        }
    }

    /// Says again the last thing that was said.
    pub(super) fn repeat_last(&mut self) {
        if let Some(Said { text, language, kind, barge_in }) = self.last_said.last().cloned() {
            self.put_into_words(text, language, kind, barge_in);
        }
    }

    pub(super) fn expect(&mut self, expect: Expectation) {
        self.patience = super::PATIENCE;
        let pauses = match expect {
            // Asked by us and not by the step.
            Expectation::Nothing | Expectation::YesNo => Pauses::Normal,
            Expectation::Anything | Expectation::Choice | Expectation::Digits { .. } => {
                self.flow.steps.get(&self.step).map_or(Pauses::Normal, |step| step.pauses)
            }
        };
        self.put(Output::Expect { expect, language: self.language, pauses });
    }

    /// Cuts short what is being said, unless it must be heard whole.
    pub(super) fn interrupt(&mut self) -> Interrupted {
        if self.speaking.is_empty() {
            return Interrupted::Yes;
        }
        if self.speaking.iter().any(|saying| saying.barge_in == BargeIn::Forbidden) {
            return Interrupted::No;
        }
        self.silence_now();
        Interrupted::Yes
    }

    pub(super) fn silence_now(&mut self) {
        if !self.speaking.is_empty() {
            self.speaking.clear();
            self.put(Output::StopSpeaking);
        }
    }

    /// A prompt is over; one that was given up already is no news.
    pub(super) fn said(&mut self, id: u64) {
        self.speaking.retain(|saying| saying.id != id);
    }

    pub(super) fn shut_down(&mut self) {
        if matches!(self.wait, Wait::Connected) {
            return self.goodbye("shutdown");
        }
        self.silence_now();
        self.farewell(Moments::Shutdown, &[], "shutdown");
    }

    /// A number that differs from call to call and from turn to turn, for choosing among wordings.
    pub(super) fn variety(&self) -> usize {
        let mixed =
            (self.setup.seed ^ self.says.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        usize::try_from(mixed >> 48).unwrap_or(0)
    }
}

/// Whether a prompt is what "repeat" repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    Aside,
    Kept,
}

/// Whether the prompt gave way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interrupted {
    No,
    Yes,
}
