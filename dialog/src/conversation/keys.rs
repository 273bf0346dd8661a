//! Keys pressed: a number, yes (1) or no (2), or a shortcut such as 0 for a person.

use std::time::Duration;

use call::Moment;

use super::speak::Interrupted;
use super::{Conversation, Wait};
use crate::flow::SlotKind;
use crate::nlu::Guess;
use crate::understand::{self, Taken};

/// How long after a key the next one may come.
const KEY_WAIT: Duration = Duration::from_secs(3);
/// Most keys of one entry.
const KEYS_MAX: usize = 32;

impl Conversation {
    pub(super) fn key(&mut self, key: char, now: Moment) {
        let known = key.is_ascii_digit() || matches!(key, '*' | '#');
        let listens = self.listens() || matches!(self.wait, Wait::Tool(_) | Wait::Person { .. });
        // A hash after a number that was complete without it must not cut short what is said about it.
        let nothing = self.keys.is_empty() && matches!(key, '*' | '#');
        if !known || !listens || nothing {
            return;
        }
        // Keys are never lost: those pressed over a prompt that must be heard count after it.
        let _: Interrupted = self.interrupt();
        self.timers.silence = None;
        self.timers.partial = None;
        match key {
            '*' => {
                self.keys.clear();
                self.timers.keys = None;
            }
            '#' => self.keys_entered(now),
            digit => {
                if self.keys.len() < KEYS_MAX {
                    self.keys.push(digit);
                }
                self.timers.keys = Some(now + KEY_WAIT);
                if self.keys_suffice() {
                    self.keys_entered(now);
                }
            }
        }
    }

    /// Whether no further key is needed.
    fn keys_suffice(&self) -> bool {
        match &self.wait {
            Wait::CallbackOffer | Wait::CallbackReadBack(_) | Wait::ConfirmIntent { .. } | Wait::PersonOffer => {
                matches!(self.keys.as_str(), "1" | "2")
            }
            Wait::ReadBack { .. } => matches!(self.keys.as_str(), "1" | "2"),
            Wait::Slot { slot } => match self.flow.slots.get(slot).map(|slot| &slot.kind) {
                Some(SlotKind::Digits { max, .. }) => self.keys.len() >= *max,
                Some(SlotKind::YesNo) => matches!(self.keys.as_str(), "1" | "2"),
                Some(SlotKind::Amount | SlotKind::Choice(_) | SlotKind::Date | SlotKind::Phone) | None => false,
            },
            Wait::CallbackNumber
            | Wait::Connected
            | Wait::Goodbye { .. }
            | Wait::Intent
            | Wait::Over
            | Wait::Person { .. }
            | Wait::Start
            | Wait::Tool(_) => false,
        }
    }

    /// The entry is complete: by `#`, by its length or by a pause.
    pub(super) fn keys_entered(&mut self, now: Moment) {
        self.timers.keys = None;
        let keys = std::mem::take(&mut self.keys);
        if keys.is_empty() || self.shortcut(&keys, now) {
            return;
        }
        let answer = match keys.as_str() {
            "1" => "yes",
            "2" => "no",
            _ => keys.as_str(),
        };
        match self.wait.clone() {
            Wait::Slot { slot } => self.slot_keyed(&slot, &keys, now),
            Wait::CallbackNumber => self.callback_number_heard(&keys, now),
            Wait::CallbackOffer => self.callback_offer_heard(answer, now),
            Wait::CallbackReadBack(number) => self.callback_read_back_heard(&number, answer, now),
            Wait::PersonOffer => self.person_offer_heard(answer, now),
            Wait::ConfirmIntent { .. } | Wait::Intent | Wait::ReadBack { .. } => {
                let language = self.language;
                self.heard(answer, language, 1.0, now);
            }
            Wait::Connected | Wait::Goodbye { .. } | Wait::Over | Wait::Person { .. } | Wait::Start | Wait::Tool(_) => {
            }
        }
    }

    /// A single key that stands for an intent, unless the question at hand gives it another meaning.
    fn shortcut(&mut self, keys: &str, now: Moment) -> bool {
        let mut letters = keys.chars();
        let (Some(key), None) = (letters.next(), letters.next()) else { return false };
        let flow = self.flow.clone();
        match flow.intents.iter().find(|(_, intent)| intent.key == Some(key)) {
            Some((name, _)) => {
                self.act(&Guess { intent: name.clone(), confidence: 1.0 }, "", now);
                true
            }
            None => false,
        }
    }

    fn slot_keyed(&mut self, name: &str, keys: &str, now: Moment) {
        let flow = self.flow.clone();
        let Some(slot) = flow.slots.get(name) else { return self.broken() };
        let yes_no = slot.kind == SlotKind::YesNo;
        let text = match keys {
            "1" if yes_no => "yes",
            "2" if yes_no => "no",
            keys => keys,
        };
        match understand::take(slot, text, self.setup.today) {
            Taken::Value(value) => self.slot_filled(name, slot, &value, now),
            Taken::Invalid(heard) | Taken::Partial(heard) => self.invalid(slot, &heard, now),
            Taken::Nothing => self.misunderstood(now),
        }
    }
}
