//! What the caller said, in the light of what was asked.

use call::{CallEvent, HandoffReason, Language, Moment};

use super::speak::Interrupted;
use super::{Conversation, PATIENCE, PATIENCE_LONG, Wait};
use crate::flow::{Action, Leads, Moments, Reach, Slot, SlotKind, Wordings};
use crate::nlu::{ACT_MIN, CONFIRM_MIN, Guess, is_han};
use crate::output::{BargeIn, Expectation};
use crate::slots::{self, YesNo};
use crate::understand::{self, Taken};

/// Words less likely than this are not acted on.
const HEARD_MIN: f32 = 0.15;
/// How long after half a number the rest may come.
const PARTIAL_WAIT: std::time::Duration = std::time::Duration::from_secs(4);
/// How often the caller is asked again before a person is better.
const TRIES: usize = 2;

impl Conversation {
    pub(super) fn heard(&mut self, text: &str, language: Language, confidence: f32, now: Moment) {
        if matches!(self.wait, Wait::Connected | Wait::Goodbye { .. } | Wait::Over | Wait::Start) {
            return;
        }
        if self.interrupt_for(text) == Interrupted::No {
            return;
        }
        self.timers.silence = None;
        self.timers.keys = None;
        self.keys.clear();
        if text.trim().is_empty() || confidence.is_nan() || confidence < HEARD_MIN {
            return self.unclear(now);
        }
        let asked_in = self.language;
        self.follow_language(text, language);
        let wished = slots::wished_language(text, &self.languages).filter(|wished| *wished != asked_in);
        if let Some(language) = wished {
            return self.change_language(language, None, now);
        }
        match self.wait.clone() {
            Wait::CallbackNumber => self.callback_number_heard(text, now),
            Wait::CallbackOffer => self.callback_offer_heard(text, now),
            Wait::CallbackReadBack(number) => self.callback_read_back_heard(&number, text, now),
            Wait::ConfirmIntent { intent, confidence, text: first } => {
                self.intent_confirmed(&Guess { intent, confidence }, &first, text, now);
            }
            Wait::Intent => self.intent_heard(text, now),
            Wait::Person { .. } => self.heard_while_connecting(text, now),
            Wait::PersonOffer => self.person_offer_heard(text, now),
            Wait::ReadBack { slot } => self.read_back_heard(&slot, text, now),
            Wait::Slot { slot } => self.slot_heard(&slot, text, now),
            Wait::Tool(_) => {
                if !self.global(text, now) {
                    self.filler();
                }
            }
            Wait::Connected | Wait::Goodbye { .. } | Wait::Over | Wait::Start => {}
        }
    }

    /// Stops the prompt for words, keeps words for after a prompt that must be heard, and lets "mm-hm" pass.
    fn interrupt_for(&mut self, text: &str) -> Interrupted {
        if self.speaking.is_empty() {
            return Interrupted::Yes;
        }
        if self.passes(text) {
            return Interrupted::No;
        }
        let interrupted = self.interrupt();
        if interrupted == Interrupted::No {
            let mut kept = self.kept.take().unwrap_or_default();
            kept.push(' ');
            kept.push_str(text);
            self.kept = Some(kept.chars().take(400).collect());
        }
        interrupted
    }

    /// Whether words are only a sign of listening, and not the answer to what is being asked.
    fn passes(&self, text: &str) -> bool {
        let answers_yes_no = matches!(
            self.wait,
            Wait::CallbackOffer
                | Wait::CallbackReadBack(_)
                | Wait::ConfirmIntent { .. }
                | Wait::PersonOffer
                | Wait::ReadBack { .. }
        );
        slots::is_backchannel(text) && !answers_yes_no
    }

    /// Whether what is being said should stop for these words, of which more may come. A single one that does not ask for
    /// the floor is waited out: a murmur is easily taken for a word, and the end of the turn is near.
    pub fn gives_way_to(&self, text: &str) -> bool {
        let listens = !matches!(self.wait, Wait::Connected | Wait::Goodbye { .. } | Wait::Over | Wait::Start);
        listens && (slots::words(text) > 1 || slots::asks_for_floor(text)) && !self.passes(text)
    }

    /// A caller who changes the language is answered in it; a single word is no change.
    fn follow_language(&mut self, text: &str, language: Language) {
        let evident = match language {
            Language::En => !text.chars().any(is_han) && text.split_whitespace().count() > 1,
            Language::Zh => text.chars().filter(|letter| is_han(*letter)).count() > 1,
        };
        if evident && self.languages.contains(&language) {
            self.language = language;
        }
    }

    /// The likeliest intent that may be meant here.
    pub(super) fn guess(&self, text: &str) -> Option<Guess> {
        let flow = &self.flow;
        let listened = match flow.steps.get(&self.step).map(|step| &step.action) {
            Some(Action::Listen { intents, .. }) => Some(intents),
            Some(
                Action::Ask { .. }
                | Action::Call { .. }
                | Action::Forget { .. }
                | Action::Goto { .. }
                | Action::HandOver { .. }
                | Action::HangUp { .. }
                | Action::When { .. },
            )
            | None => None,
        };
        let global = |name: &str| flow.intents.get(name).is_some_and(|intent| intent.reach == Reach::Global);
        let allowed =
            |name: &str| global(name) || listened.is_none_or(|intents| intents.iter().any(|known| known == name));
        let ranked = flow.classifiers.get(&self.language)?.classify(text);
        ranked.only(allowed).best().cloned()
    }

    /// Yes or no, unless the words are rather a wish that is listened for at any time: "connect me to a person
    /// please" holds "please", and 我要找人工 holds 要.
    pub(super) fn answer(&self, text: &str) -> Option<YesNo> {
        let answer = slots::yes_no(text)?;
        let wishes = || self.global_guess(text).is_some();
        if slots::begins_with_answer(text) || !wishes() { Some(answer) } else { None }
    }

    fn global_guess(&self, text: &str) -> Option<Guess> {
        let global = |name: &str| self.flow.intents.get(name).is_some_and(|intent| intent.reach == Reach::Global);
        self.guess(text).filter(|guess| guess.confidence >= ACT_MIN && global(&guess.intent))
    }

    /// Acts on an intent that is listened for at any time; whether there was one.
    pub(super) fn global(&mut self, text: &str, now: Moment) -> bool {
        match self.global_guess(text) {
            Some(guess) => {
                self.act(&guess, text, now);
                true
            }
            None => false,
        }
    }

    fn intent_heard(&mut self, text: &str, now: Moment) {
        let guess = self.guess(text);
        if let Some(guess) = guess.as_ref().filter(|guess| guess.confidence >= ACT_MIN) {
            return self.act(guess, text, now);
        }
        let flow = self.flow.clone();
        if let Some(Action::Listen { yes, no, .. }) = flow.steps.get(&self.step).map(|step| &step.action) {
            let next = match self.answer(text) {
                Some(YesNo::No) => no.as_ref(),
                Some(YesNo::Yes) => yes.as_ref(),
                None => None,
            };
            if let Some(next) = next {
                return self.enter(next, now);
            }
        }
        self.fill_found(text);
        match guess.filter(|guess| guess.confidence >= CONFIRM_MIN) {
            Some(guess) => self.confirm(guess, text, now),
            None => self.misunderstood(now),
        }
    }

    fn confirm(&mut self, guess: Guess, text: &str, now: Moment) {
        let title = self.title(&guess.intent, self.language);
        let Some(title) = title else { return self.misunderstood(now) };
        self.prompt(Moments::ConfirmIntent, 0, &[("title", &title)]);
        self.wait = Wait::ConfirmIntent { intent: guess.intent, confidence: guess.confidence, text: text.to_owned() };
        self.expect(Expectation::YesNo);
    }

    pub(super) fn title(&self, intent: &str, language: Language) -> Option<String> {
        self.flow.intents.get(intent)?.title.get(&language).cloned()
    }

    fn intent_confirmed(&mut self, guess: &Guess, first: &str, text: &str, now: Moment) {
        match self.answer(text) {
            Some(YesNo::Yes) => self.act(guess, first, now),
            Some(YesNo::No) => match self.guess(text).filter(|again| again.confidence >= ACT_MIN) {
                Some(other) if other.intent != guess.intent => self.act(&other, text, now),
                Some(_) | None => {
                    self.wait = Wait::Intent;
                    self.misunderstood(now);
                }
            },
            None => {
                self.wait = Wait::Intent;
                self.intent_heard(text, now);
            }
        }
    }

    /// Does what the caller wants.
    pub(super) fn act(&mut self, guess: &Guess, text: &str, now: Moment) {
        let flow = self.flow.clone();
        let Some(intent) = flow.intents.get(&guess.intent) else { return self.broken() };
        self.event(CallEvent::IntentDetected { intent: guess.intent.clone(), confidence: guess.confidence });
        self.fill_found(text);
        match &intent.leads {
            Leads::Repeat => self.repeat(),
            Leads::Speak { language, next } => self.change_language(*language, next.as_deref(), now),
            Leads::Step(step) => {
                if intent.reach == Reach::Listening {
                    self.intent = Some(guess.intent.clone());
                }
                self.timers.partial = None;
                self.enter(step, now);
            }
            Leads::Wait => {
                self.aside(Moments::HoldOn, 0);
                self.patience = PATIENCE_LONG;
            }
        }
    }

    /// Goes on in another language: to a step, or with the question that was asked.
    fn change_language(&mut self, language: Language, next: Option<&str>, now: Moment) {
        if self.languages.contains(&language) {
            self.language = language;
        }
        match (next, self.wait.clone()) {
            (Some(next), _) => self.enter(next, now),
            (None, Wait::Slot { slot }) => {
                let flow = self.flow.clone();
                let Some(asked) = flow.slots.get(&slot) else { return self.broken() };
                self.ask_slot(&slot, asked, self.no_match);
            }
            (None, Wait::ReadBack { slot }) => self.read_back(&slot),
            (None, Wait::Tool(_)) => self.filler(),
            (None, Wait::CallbackNumber | Wait::CallbackOffer | Wait::CallbackReadBack(_)) => self.offer_callback(),
            (None, Wait::PersonOffer) => {
                self.prompt(Moments::PersonOffer, 0, &[]);
                self.expect(Expectation::YesNo);
            }
            (None, Wait::ConfirmIntent { .. } | Wait::Intent) => self.ask_again(now),
            (None, Wait::Connected | Wait::Goodbye { .. } | Wait::Over | Wait::Person { .. } | Wait::Start) => {}
        }
    }

    /// Takes values the caller gives unasked.
    fn fill_found(&mut self, text: &str) {
        let flow = self.flow.clone();
        for (name, value) in understand::found(&flow, text, self.setup.today) {
            let known = self.slots.get(&name).is_some_and(|filled| filled.value == value);
            if !known {
                let confirmed = flow.slots.get(&name).is_some_and(|slot| slot.read_back.is_none());
                self.fill(&name, &value, confirmed);
            }
        }
    }

    fn slot_heard(&mut self, name: &str, text: &str, now: Moment) {
        let flow = self.flow.clone();
        let Some(slot) = flow.slots.get(name) else { return self.broken() };
        self.timers.partial = None;
        let mut taken = understand::take(slot, text, self.setup.today);
        if let Taken::Partial(digits) = &taken {
            let begun = if slots::corrects(text) { "" } else { self.partial.as_str() };
            taken = understand::take(slot, &format!("{begun}{digits}"), self.setup.today);
        }
        match taken {
            Taken::Invalid(heard) => self.invalid(slot, &heard, now),
            Taken::Nothing => self.no_value(text, now),
            Taken::Partial(digits) if self.global(text, now) => drop(digits),
            Taken::Partial(digits) => {
                self.partial = digits;
                self.timers.partial = Some(now + PARTIAL_WAIT);
            }
            Taken::Value(value) => self.slot_filled(name, slot, &value, now),
        }
    }

    /// The answer held no value: perhaps it held another wish.
    fn no_value(&mut self, text: &str, now: Moment) {
        let acts = self.guess(text).filter(|guess| guess.confidence >= ACT_MIN);
        match acts.filter(|guess| self.intent.as_ref() != Some(&guess.intent)) {
            Some(guess) => self.act(&guess, text, now),
            None => self.misunderstood(now),
        }
    }

    pub(super) fn slot_filled(&mut self, name: &str, slot: &Slot, value: &str, now: Moment) {
        self.partial.clear();
        self.fill(name, value, slot.read_back.is_none());
        if slot.read_back.is_some() { self.read_back(name) } else { self.go_on(now) }
    }

    pub(super) fn invalid(&mut self, slot: &Slot, heard: &str, now: Moment) {
        self.partial.clear();
        self.no_match += 1;
        if self.no_match > TRIES {
            return self.give_up(now);
        }
        let nth = self.no_match - 1;
        let said = slot
            .invalid
            .as_ref()
            .is_some_and(|invalid| self.say(invalid, nth, &[("heard", heard)], BargeIn::Allowed).is_ok());
        if !said {
            self.prompt(Moments::NoMatch, nth, &[]);
        }
        self.expect(super::steps::expectation(&slot.kind));
    }

    fn read_back_heard(&mut self, name: &str, text: &str, now: Moment) {
        let flow = self.flow.clone();
        let Some(slot) = flow.slots.get(name) else { return self.broken() };
        let numeric = matches!(slot.kind, SlotKind::Digits { .. } | SlotKind::Phone);
        let old = self.slots.get(name).map(|filled| filled.value.clone()).unwrap_or_default();
        match understand::take(slot, text, self.setup.today) {
            Taken::Value(value) if value != old => return self.slot_filled(name, slot, &value, now),
            Taken::Invalid(heard) if numeric && heard != old => {
                self.slots.remove(name);
                self.wait = Wait::Slot { slot: name.to_owned() };
                return self.invalid(slot, &heard, now);
            }
            // "No, four two": the end of the number is said again.
            Taken::Partial(digits) if numeric && slots::corrects(text) && digits.len() < old.len() => {
                let mended = format!("{}{digits}", &old[..old.len() - digits.len()]);
                if let Taken::Value(value) = understand::take(slot, &mended, self.setup.today) {
                    return self.slot_filled(name, slot, &value, now);
                }
            }
            Taken::Value(_) | Taken::Invalid(_) | Taken::Nothing | Taken::Partial(_) => {}
        }
        match self.answer(text) {
            Some(YesNo::Yes) => {
                self.fill(name, &old, true);
                self.go_on(now);
            }
            Some(YesNo::No) if self.global(text, now) => {}
            Some(YesNo::No) => {
                self.slots.remove(name);
                self.no_match += 1;
                if self.no_match > TRIES {
                    return self.give_up(now);
                }
                self.ask_slot(name, slot, self.no_match);
            }
            None => self.no_value(text, now),
        }
    }

    /// Speech without words. While a prompt plays it was a cough or noise, and the prompt goes on.
    pub(super) fn unclear(&mut self, now: Moment) {
        if self.speaking.is_empty() && self.listens() {
            self.timers.silence = None;
            self.misunderstood(now);
        }
    }

    /// The caller is silent.
    pub(super) fn silent(&mut self, now: Moment) {
        self.no_input += 1;
        if self.no_input > TRIES {
            return self.give_up(now);
        }
        self.ask_differently(Moments::NoInput, self.no_input - 1);
        self.patience = PATIENCE + PATIENCE / 2 * u32::try_from(self.no_input).unwrap_or(1);
    }

    /// The caller is not understood.
    pub(super) fn misunderstood(&mut self, now: Moment) {
        self.no_match += 1;
        if self.no_match > TRIES {
            return self.give_up(now);
        }
        self.ask_differently(Moments::NoMatch, self.no_match - 1);
    }

    /// Says what went wrong, in other words than the last time, and asks again.
    fn ask_differently(&mut self, moment: Moments, nth: usize) {
        let flow = self.flow.clone();
        let own = |name: &str| -> Option<&Wordings> {
            let slot = flow.slots.get(name)?;
            if moment == Moments::NoInput { slot.no_input.as_ref() } else { slot.no_match.as_ref() }
        };
        let of_slot = if let Wait::Slot { slot } = &self.wait { own(slot) } else { None };
        // A slot's own words hold the question.
        if of_slot.is_some_and(|own| self.say(own, nth, &[], BargeIn::Allowed).is_ok()) {
            return;
        }
        self.aside(moment, nth);
        self.repeat_last();
    }

    /// Twice was enough: a person, or goodbye where the question was about a person.
    fn give_up(&mut self, now: Moment) {
        if matches!(self.wait, Wait::CallbackNumber | Wait::CallbackOffer | Wait::CallbackReadBack(_)) {
            return self.farewell(Moments::CallbackDeclined, &[], "not_understood");
        }
        self.note_here(if self.no_input > TRIES { "no_input" } else { "no_match" });
        self.prompt(Moments::NotUnderstood, 0, &[]);
        self.hand_over(HandoffReason::NotUnderstood, now);
    }
}
