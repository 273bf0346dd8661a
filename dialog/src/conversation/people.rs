//! Bringing in a person, and what is promised when there is none.

use call::{CallEvent, Handoff, HandoffReason, Moment, Pii, SlotValue};

use super::{Conversation, PERSON_MAX, PERSON_NOTE, Wait};
use crate::brief;
use crate::flow::{Leads, Moments};
use crate::nlu::ACT_MIN;
use crate::output::{Expectation, Output};
use crate::slots::{self, YesNo};

/// Most looked-up values that are passed on.
const LOOKED_UP_MAX: usize = 16;

impl Conversation {
    /// Brings in a person, or says honestly that nobody is there when it was tried before.
    pub(super) fn hand_over(&mut self, reason: HandoffReason, now: Moment) {
        if self.nobody_free {
            self.prompt(Moments::StillNoAgent, 0, &[]);
            return self.offer_callback();
        }
        let handoff = self.handoff(reason);
        self.prompt(Moments::Connecting, 0, &[]);
        self.expect(Expectation::Nothing);
        self.wait = Wait::Person { note_at: now + PERSON_NOTE, deadline: now + PERSON_MAX };
        self.event(CallEvent::TransferRequested { handoff: handoff.clone() });
        self.put(Output::Escalate(handoff));
    }

    /// Something of ours is wrong: the caller must not suffer for it.
    pub(super) fn broken(&mut self) {
        self.note_here("broken");
        self.prompt(Moments::ToolDown, 0, &[]);
        if self.nobody_free {
            return self.offer_callback();
        }
        let handoff = self.handoff(HandoffReason::BotFailed);
        self.expect(Expectation::Nothing);
        // The time is not known here; the first timeout sets the limits.
        self.wait = Wait::Person { note_at: Moment::START, deadline: Moment::START };
        self.event(CallEvent::TransferRequested { handoff: handoff.clone() });
        self.put(Output::Escalate(handoff));
    }

    fn handoff(&self, reason: HandoffReason) -> Handoff {
        let told = self.slots.iter().map(|(name, filled)| SlotValue {
            name: name.clone(),
            value: Pii::new(filled.value.clone()),
            confirmed: filled.confirmed,
        });
        let scalar = |value: &serde_json::Value| match value {
            serde_json::Value::String(text) => Some(text.clone()),
            serde_json::Value::Number(number) => Some(number.to_string()),
            serde_json::Value::Bool(flag) => Some(flag.to_string()),
            serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => None,
        };
        let looked_up = self.results.iter().flat_map(|(name, result)| {
            let fields = result.as_object().into_iter().flatten();
            fields.filter_map(move |(field, value)| {
                let value = Pii::new(scalar(value)?);
                Some(SlotValue { name: format!("{name}.{field}"), value, confirmed: false })
            })
        });
        let slots: Vec<SlotValue> = told.chain(looked_up.take(LOOKED_UP_MAX)).collect();
        let agent = self.setup.agent_language;
        let title = self.intent.as_deref().and_then(|intent| self.title(intent, agent));
        let facts = brief::Facts {
            reason,
            title: title.as_deref(),
            slots: &slots,
            tried: &self.tried,
            mood: self.emotion.mood,
            speaks: self.language,
        };
        Handoff {
            reason,
            intent: self.intent.clone(),
            queue: self.queue.clone(),
            language: self.language,
            emotion: self.emotion,
            brief: Pii::new(facts.sentence(agent)),
            slots,
            tried: self.tried.clone(),
        }
    }

    pub(super) fn person_timeout(&mut self, note_at: Moment, deadline: Moment, now: Moment) {
        if deadline == Moment::START {
            self.wait = Wait::Person { note_at: now + PERSON_NOTE, deadline: now + PERSON_MAX };
        } else if deadline <= now {
            self.transfer_failed("timeout");
        } else if note_at <= now {
            self.wait = Wait::Person { note_at: now + PERSON_NOTE, deadline };
            if self.speaking.is_empty() {
                self.aside(Moments::StillConnecting, 0);
            }
        }
    }

    /// The agent has the caller: whatever is being said or was promised is theirs now.
    pub(super) fn transfer_connected(&mut self) {
        if matches!(self.wait, Wait::Person { .. }) {
            self.silence_now();
            self.timers = super::Timers::default();
            self.kept = None;
            self.wait = Wait::Connected;
        }
    }

    pub(super) fn transfer_failed(&mut self, reason: &str) {
        if !matches!(self.wait, Wait::Person { .. }) {
            return;
        }
        self.event(CallEvent::TransferFailed { reason: reason.to_owned() });
        self.nobody_free = true;
        self.silence_now();
        self.no_input = 0;
        self.no_match = 0;
        self.prompt(Moments::NoAgent, 0, &[]);
        self.offer_callback();
    }

    pub(super) fn offer_callback(&mut self) {
        match slots::phone(self.setup.caller.reveal()) {
            Some(number) => {
                self.prompt(Moments::CallbackOffer, 0, &[("number", &number)]);
                self.wait = Wait::CallbackOffer;
                self.expect(Expectation::YesNo);
            }
            None => self.ask_callback_number(),
        }
    }

    fn ask_callback_number(&mut self) {
        self.prompt(Moments::CallbackNumber, 0, &[]);
        self.wait = Wait::CallbackNumber;
        self.expect(Expectation::Digits { min: 7, max: 15 });
    }

    pub(super) fn callback_offer_heard(&mut self, text: &str, now: Moment) {
        if let Some(number) = slots::phone(text) {
            return self.read_back_callback(&number);
        }
        match self.answer(text) {
            Some(YesNo::Yes) => {
                let number = slots::phone(self.setup.caller.reveal()).unwrap_or_default();
                self.store_callback(&number);
            }
            Some(YesNo::No) => self.ask_callback_number(),
            None if self.global(text, now) => {}
            None => self.misunderstood(now),
        }
    }

    pub(super) fn callback_number_heard(&mut self, text: &str, now: Moment) {
        if let Some(number) = slots::phone(text) {
            return self.read_back_callback(&number);
        }
        match self.answer(text) {
            Some(YesNo::No) => self.farewell(Moments::CallbackDeclined, &[], "callback_declined"),
            Some(YesNo::Yes) | None if self.global(text, now) => {}
            Some(YesNo::Yes) | None => {
                self.no_match += 1;
                if self.no_match > 2 {
                    return self.farewell(Moments::CallbackDeclined, &[], "not_understood");
                }
                self.prompt(Moments::CallbackInvalid, self.no_match - 1, &[("number", text)]);
            }
        }
    }

    fn read_back_callback(&mut self, number: &str) {
        self.prompt(Moments::CallbackReadBack, 0, &[("number", number)]);
        self.wait = Wait::CallbackReadBack(number.to_owned());
        self.expect(Expectation::YesNo);
    }

    pub(super) fn callback_read_back_heard(&mut self, number: &str, text: &str, now: Moment) {
        if let Some(other) = slots::phone(text).filter(|other| other != number) {
            return self.read_back_callback(&other);
        }
        match self.answer(text) {
            Some(YesNo::Yes) => self.store_callback(number),
            Some(YesNo::No) => self.ask_callback_number(),
            None if self.global(text, now) => {}
            None => self.misunderstood(now),
        }
    }

    fn store_callback(&mut self, number: &str) {
        let queue = self.queue.clone();
        let stored = Pii::new(number.to_owned());
        self.event(CallEvent::CallbackRequested { number: stored.clone(), queue: queue.clone() });
        self.put(Output::StoreCallback { number: stored, queue });
        self.farewell(Moments::CallbackStored, &[("number", number)], "callback");
    }

    pub(super) fn person_offer_heard(&mut self, text: &str, now: Moment) {
        match self.answer(text) {
            Some(YesNo::Yes) => self.hand_over(HandoffReason::ToolFailed, now),
            Some(YesNo::No) => self.ask_again(now),
            None if self.global(text, now) => {}
            None => self.no_offer_answer(text, now),
        }
    }

    fn no_offer_answer(&mut self, text: &str, now: Moment) {
        match self.guess(text).filter(|guess| guess.confidence >= ACT_MIN) {
            Some(guess) => self.act(&guess, text, now),
            None => self.misunderstood(now),
        }
    }

    /// Only a goodbye changes anything while a person is being looked for; all else gets a word of comfort.
    pub(super) fn heard_while_connecting(&mut self, text: &str, now: Moment) {
        let flow = self.flow.clone();
        let ends = |name: &str| match flow.intents.get(name).map(|intent| &intent.leads) {
            Some(Leads::Step(step)) => flow.steps.get(step).is_some_and(crate::flow::Step::ends),
            Some(Leads::Repeat | Leads::Speak { .. } | Leads::Wait) | None => false,
        };
        match self.guess(text).filter(|guess| guess.confidence >= ACT_MIN && ends(&guess.intent)) {
            Some(guess) => self.act(&guess, text, now),
            None => self.aside(Moments::StillConnecting, 0),
        }
    }
}
