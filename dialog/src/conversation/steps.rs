//! Walking the flow: each step says something, then does one thing.

use call::{CallEvent, HandoffReason};

use super::{Conversation, Wait};
use crate::flow::{Action, HandOverReason, Moments, Slot, SlotKind, Step};
use crate::output::Expectation;

/// How often a value may be thrown away and asked for again before a person is better.
const FORGETS_MAX: u32 = 3;

impl Conversation {
    /// Goes to a step and on from there until something is waited for.
    pub(super) fn enter(&mut self, name: &str, now: call::Moment) {
        let mut next = Some(name.to_owned());
        while let Some(name) = next.take() {
            let flow = self.flow.clone();
            // Loaded flows hold every step they name.
            let Some(step) = flow.steps.get(&name) else { return self.broken() };
            if self.steps_left == 0 {
                return self.broken();
            }
            self.steps_left -= 1;
            self.event(CallEvent::StepEntered { step: name.clone() });
            self.step = name;
            self.no_input = 0;
            self.no_match = 0;
            next = self.take_step(step, now);
        }
    }

    fn take_step(&mut self, step: &Step, now: call::Moment) -> Option<String> {
        if let Some(wordings) = &step.say {
            let nth = self.variety();
            if self.say(wordings, nth, &[], step.barge_in).is_err() {
                // The answer lacked what was to be said: for the caller the system is down.
                self.note_here("data_missing");
                self.tool_down();
                return None;
            }
        }
        match &step.action {
            Action::Ask { slot, next } => self.ask(slot, next),
            Action::Call { tool, .. } => {
                self.call_tool(tool, now);
                None
            }
            Action::Forget { slots, next } => self.forget(slots, next, now),
            Action::Goto { next } => Some(next.clone()),
            Action::HandOver { queue, reason } => {
                self.queue.clone_from(queue);
                let reason = match reason {
                    HandOverReason::CallerAsked => HandoffReason::CallerAsked,
                    HandOverReason::FlowAsked => HandoffReason::FlowAsked,
                };
                self.hand_over(reason, now);
                None
            }
            Action::HangUp { reason } => {
                self.goodbye(reason);
                None
            }
            Action::Listen { yes, no, .. } => {
                self.last_listen = Some(self.step.clone());
                self.wait = Wait::Intent;
                let only_yes_no = yes.is_some() && no.is_some();
                self.expect(if only_yes_no { Expectation::Choice } else { Expectation::Anything });
                None
            }
            Action::When { value, cases, otherwise } => {
                let value = value.text(&self.values()).unwrap_or_default();
                Some(cases.get(&value).unwrap_or(otherwise).clone())
            }
        }
    }

    fn ask(&mut self, name: &str, next: &str) -> Option<String> {
        let flow = self.flow.clone();
        let Some(slot) = flow.slots.get(name) else {
            self.broken();
            return None;
        };
        match self.slots.get(name).map(|filled| filled.confirmed) {
            Some(true) => {
                self.note_here("done");
                Some(next.to_owned())
            }
            Some(false) => {
                self.read_back(name);
                None
            }
            None => {
                let nth = self.variety();
                self.ask_slot(name, slot, nth);
                None
            }
        }
    }

    /// Asks for a slot's value.
    pub(super) fn ask_slot(&mut self, name: &str, slot: &Slot, nth: usize) {
        self.wait = Wait::Slot { slot: name.to_owned() };
        self.keys.clear();
        self.partial.clear();
        if self.say(&slot.ask, nth, &[], crate::output::BargeIn::Allowed).is_err() {
            return self.broken();
        }
        self.expect(expectation(&slot.kind));
    }

    /// Reads a value back and asks whether it is right.
    pub(super) fn read_back(&mut self, name: &str) {
        let flow = self.flow.clone();
        let Some(wordings) = flow.slots.get(name).and_then(|slot| slot.read_back.as_ref()) else { return };
        let heard = self.slots.get(name).map(|filled| filled.value.clone()).unwrap_or_default();
        self.wait = Wait::ReadBack { slot: name.to_owned() };
        let nth = self.variety();
        if self.say(wordings, nth, &[("heard", &heard)], crate::output::BargeIn::Allowed).is_err() {
            return self.broken();
        }
        self.expect(Expectation::YesNo);
    }

    /// Goes on after the step's slot was filled.
    pub(super) fn go_on(&mut self, now: call::Moment) {
        let flow = self.flow.clone();
        if let Some(Action::Ask { next, .. }) = flow.steps.get(&self.step).map(|step| &step.action) {
            self.note_here("done");
            self.enter(next, now);
        }
    }

    fn forget(&mut self, slots: &[String], next: &str, now: call::Moment) -> Option<String> {
        for name in slots {
            if self.slots.remove(name).is_some() {
                *self.forgotten.entry(name.clone()).or_default() += 1;
            }
        }
        let too_often = slots.iter().any(|name| self.forgotten.get(name).is_some_and(|times| *times >= FORGETS_MAX));
        if too_often {
            self.note_here("given_up");
            self.prompt(Moments::NotUnderstood, 0, &[]);
            self.hand_over(HandoffReason::NotUnderstood, now);
            return None;
        }
        Some(next.to_owned())
    }

    /// Asks the step's question again.
    pub(super) fn ask_again(&mut self, now: call::Moment) {
        match self.last_listen.clone() {
            Some(step) => self.enter(&step, now),
            None => self.goodbye("completed"),
        }
    }

    pub(super) fn note_here(&mut self, outcome: &str) {
        let step = self.step.clone();
        self.note(&step, outcome);
    }
}

pub(super) fn expectation(kind: &SlotKind) -> Expectation {
    match kind {
        SlotKind::Amount | SlotKind::Date => Expectation::Anything,
        SlotKind::Choice(_) => Expectation::Choice,
        SlotKind::Digits { min, max, .. } => Expectation::Digits { min: *min, max: *max },
        SlotKind::Phone => Expectation::Digits { min: 7, max: 15 },
        SlotKind::YesNo => Expectation::YesNo,
    }
}
