//! Reads the steps of a flow.

use std::collections::BTreeMap;

use super::super::read::{Field, Fields, Node};
use super::super::{Action, HandOverReason, Step};
use super::{ACTION_KEYS, Loader, Reference, Refers, STEP_KEYS};
use crate::output::{BargeIn, Pauses};

impl Loader {
    pub(super) fn step(&mut self, field: &Field<'_>, queue: &str) -> Option<Step> {
        let fields = field.value.fields_of("step", &STEP_KEYS, &mut self.report)?;
        let say = fields.node("say").map(|node| self.wordings(node, "say", &[]));
        let barge_in = match fields.node("barge_in").map(|node| (node, node.scalar().unwrap_or_default())) {
            None => BargeIn::Allowed,
            Some((_, text)) if text == "allowed" => BargeIn::Allowed,
            Some((_, text)) if text == "forbidden" => BargeIn::Forbidden,
            Some((node, text)) => {
                self.report.unknown(node.place(), "barge_in", &text, ["allowed", "forbidden"].into_iter());
                BargeIn::Allowed
            }
        };
        let pauses = match fields.node("pauses").map(|node| (node, node.scalar().unwrap_or_default())) {
            None => Pauses::Normal,
            Some((_, text)) if text == "long" => Pauses::Long,
            Some((_, text)) if text == "normal" => Pauses::Normal,
            Some((_, text)) if text == "short" => Pauses::Short,
            Some((node, text)) => {
                self.report.unknown(node.place(), "pauses", &text, ["long", "normal", "short"].into_iter());
                Pauses::Normal
            }
        };
        let actions: Vec<&Field<'_>> = ACTION_KEYS.iter().filter_map(|key| fields.find(key)).collect();
        if let [first, second, ..] = actions.as_slice() {
            let message = format!("a step does one thing, this one has \"{}\" and \"{}\"", first.key, second.key);
            self.report.hint(second.place, message, "make it two steps");
        }
        let action = self.action(actions.first().copied(), &fields, queue)?;
        Some(Step { say, barge_in, pauses, action })
    }

    fn action(&mut self, does: Option<&Field<'_>>, fields: &Fields<'_>, queue: &str) -> Option<Action> {
        let Some(does) = does else {
            return Some(Action::Goto { next: self.required_step(fields, "next")? });
        };
        let node = does.value;
        Some(match does.key.as_str() {
            "ask" => {
                let slot = self.reference(node, "\"ask\"", Refers::Slot);
                let next = self.required_step(fields, "next");
                Action::Ask { slot: slot?, next: next? }
            }
            "call" => self.call(node, fields)?,
            "forget" => {
                let names = node.texts("\"forget\"", &mut self.report);
                let slots = names.into_iter().map(|(name, place)| {
                    self.references.push(Reference { to: Refers::Slot, name: name.clone(), place });
                    name
                });
                let slots = slots.collect();
                Action::Forget { slots, next: self.required_step(fields, "next")? }
            }
            "hand_over" => {
                let named = node.scalar().filter(|name| !name.is_empty());
                let reason = match fields.node("reason").map(|node| (node, node.scalar().unwrap_or_default())) {
                    None => HandOverReason::FlowAsked,
                    Some((_, text)) if text == "flow_asked" => HandOverReason::FlowAsked,
                    Some((_, text)) if text == "caller_asked" => HandOverReason::CallerAsked,
                    Some((node, text)) => {
                        let known = ["caller_asked", "flow_asked"].into_iter();
                        self.report.unknown(node.place(), "reason", &text, known);
                        HandOverReason::FlowAsked
                    }
                };
                Action::HandOver { queue: named.unwrap_or_else(|| queue.to_owned()), reason }
            }
            "hang_up" => Action::HangUp { reason: node.text("\"hang_up\"", &mut self.report)? },
            "listen" => {
                let names = node.texts("\"listen\"", &mut self.report);
                let intents = names.into_iter().map(|(name, place)| {
                    self.references.push(Reference { to: Refers::Intent, name: name.clone(), place });
                    name
                });
                let intents = intents.collect();
                let yes = self.refer(fields, "yes", Refers::Step);
                Action::Listen { intents, yes, no: self.refer(fields, "no", Refers::Step) }
            }
            _ => self.when(node, fields)?,
        })
    }

    fn call(&mut self, node: Node<'_>, fields: &Fields<'_>) -> Option<Action> {
        let tool = self.reference(node, "\"call\"", Refers::Tool);
        let mut on = BTreeMap::new();
        let entries = fields.node("on").and_then(|node| node.fields("\"on\"", &mut self.report));
        for entry in entries.map(|fields| fields.entries).unwrap_or_default() {
            match entry.key.parse::<u16>().ok().filter(|status| (100..600).contains(status)) {
                Some(status) => {
                    let step = self.reference(entry.value, "a status", Refers::Step);
                    on.extend(step.map(|step| (status, step)));
                }
                None => self.report.say(entry.place, format!("\"{}\" is no HTTP status such as 404", entry.key)),
            }
        }
        let ok = self.required_step(fields, "ok");
        let failed = self.refer(fields, "failed", Refers::Step);
        Some(Action::Call { tool: tool?, on, ok: ok?, failed })
    }

    fn when(&mut self, node: Node<'_>, fields: &Fields<'_>) -> Option<Action> {
        let name = node.text("\"when\"", &mut self.report)?;
        let value = self.template(&format!("{{{{ {name} }}}}"), node.place(), &[]);
        let mut cases = BTreeMap::new();
        let entries = fields.required("this step", "cases", &mut self.report);
        let entries = entries.and_then(|node| node.fields("\"cases\"", &mut self.report));
        for entry in entries.map(|fields| fields.entries).unwrap_or_default() {
            let step = self.reference(entry.value, "a case", Refers::Step);
            cases.extend(step.map(|step| (entry.key, step)));
        }
        let otherwise = self.required_step(fields, "else");
        Some(Action::When { value: value?, cases, otherwise: otherwise? })
    }
}
