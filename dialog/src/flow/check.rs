//! What only the whole flow can tell: names that lead nowhere, steps nobody reaches, circles that never wait.

use std::collections::BTreeSet;

use super::load::{Loader, Refers};
use super::read::Place;
use super::template::EVERYWHERE;
use super::{Action, Flow, Leads, Reach};

pub(super) fn flow(flow: &Flow, loader: &mut Loader) {
    references(flow, loader);
    variables(flow, loader);
    reachable(flow, loader);
    listened(flow, loader);
    circles(flow, loader);
}

fn place(loader: &Loader, what: &str, name: &str) -> Place {
    loader.places.get(&format!("{what} {name}")).copied().unwrap_or(Place { line: 1, column: 1 })
}

/// Names as written in the file: a part that is itself faulty still exists.
fn names(loader: &Loader, what: &str) -> Vec<String> {
    let start = format!("{what} ");
    loader.places.keys().filter_map(|key| key.strip_prefix(&start)).map(str::to_owned).collect()
}

fn references(_: &Flow, loader: &mut Loader) {
    let known = [
        (Refers::Intent, "intent", names(loader, "intent")),
        (Refers::Slot, "slot", names(loader, "slot")),
        (Refers::Step, "step", names(loader, "step")),
        (Refers::Tool, "tool", names(loader, "tool")),
    ];
    for reference in std::mem::take(&mut loader.references) {
        for (to, what, names) in &known {
            if *to == reference.to && !names.contains(&reference.name) {
                loader.report.unknown(reference.place, what, &reference.name, names.iter().map(String::as_str));
            }
        }
    }
}

fn variables(flow: &Flow, loader: &mut Loader) {
    let mut everywhere: Vec<String> = EVERYWHERE.iter().map(|name| (*name).to_owned()).collect();
    everywhere.extend(names(loader, "slot"));
    everywhere.extend(flow.tools.values().map(|tool| tool.save_as.clone()));
    for used in std::mem::take(&mut loader.templates) {
        for variable in used.template.variables() {
            let root = variable.split('.').next().unwrap_or(variable);
            let known = everywhere.iter().map(String::as_str).chain(used.also.iter().copied());
            if !known.clone().any(|name| name == root) {
                loader.report.unknown(used.place, "template variable", root, known);
            }
        }
    }
    for (name, tool) in &flow.tools {
        let taken = flow.slots.contains_key(&tool.save_as) || EVERYWHERE.contains(&tool.save_as.as_str());
        if taken {
            let message = format!("\"save_as: {}\" hides another value of that name", tool.save_as);
            loader.report.say(place(loader, "tool", name), message);
        }
    }
}

fn leads_to(action: &Action) -> Vec<&String> {
    match action {
        Action::Ask { next, .. } | Action::Forget { next, .. } | Action::Goto { next } => vec![next],
        Action::Call { on, ok, failed, .. } => on.values().chain([ok]).chain(failed).collect(),
        Action::HandOver { .. } | Action::HangUp { .. } => Vec::new(),
        Action::Listen { yes, no, .. } => yes.iter().chain(no).collect(),
        Action::When { cases, otherwise, .. } => cases.values().chain([otherwise]).collect(),
    }
}

fn reachable(flow: &Flow, loader: &mut Loader) {
    let intents = flow.intents.values().filter_map(|intent| match &intent.leads {
        Leads::Step(step) => Some(step),
        Leads::Speak { next, .. } => next.as_ref(),
        Leads::Repeat | Leads::Wait => None,
    });
    let mut open: Vec<&String> = std::iter::once(&flow.start).chain(intents).collect();
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        if let (true, Some(step)) = (seen.insert(name), flow.steps.get(name)) {
            open.extend(leads_to(&step.action));
        }
    }
    for name in flow.steps.keys().filter(|name| !seen.contains(name)) {
        let hint = "lead to it from another step or an intent, or take it out";
        loader.report.hint(place(loader, "step", name), format!("step \"{name}\" is never reached"), hint);
    }
}

fn listened(flow: &Flow, loader: &mut Loader) {
    let mut heard = BTreeSet::new();
    for step in flow.steps.values() {
        if let Action::Listen { intents, .. } = &step.action {
            heard.extend(intents);
        }
    }
    for (name, intent) in &flow.intents {
        if intent.reach == Reach::Listening && !heard.contains(name) {
            let hint = "name it in the \"listen\" of a step, or make it \"global: true\"";
            loader.report.hint(place(loader, "intent", name), format!("nobody listens for intent \"{name}\""), hint);
        }
    }
}

/// Steps that lead to each other without ever asking, calling or ending would talk for ever.
fn circles(flow: &Flow, loader: &mut Loader) {
    for name in flow.steps.keys() {
        let mut open = vec![name];
        let mut seen = BTreeSet::new();
        while let Some(at) = open.pop() {
            let Some(step) = flow.steps.get(at) else { continue };
            let waits = match &step.action {
                Action::Ask { .. }
                | Action::Call { .. }
                | Action::HandOver { .. }
                | Action::HangUp { .. }
                | Action::Listen { .. } => true,
                Action::Forget { .. } | Action::Goto { .. } | Action::When { .. } => false,
            };
            if !waits && seen.insert(at) {
                open.extend(leads_to(&step.action));
            }
            if !waits && leads_to(&step.action).contains(&name) {
                let message = format!("step \"{name}\" leads back to itself without waiting for anybody");
                loader.report.say(place(loader, "step", name), message);
            }
        }
    }
}
