//! Asking systems of the business: the caller is kept company while they think and told the truth when they fail.

use std::time::Duration;

use call::{CallEvent, Moment, Pii};

use super::{Conversation, Pending, Wait};
use crate::flow::{Action, Moments, Tool};
use crate::output::{Expectation, Method, Output, ToolRequest};

/// How long a tool may think before the caller hears that it does.
const FILLER_AFTER: Duration = Duration::from_millis(900);
/// How often the caller hears it again.
const FILLER_EVERY: Duration = Duration::from_secs(5);
/// How much later than the tool's own limit we give up by ourselves.
const DEADLINE_SLACK: Duration = Duration::from_millis(500);

impl Conversation {
    pub(super) fn call_tool(&mut self, name: &str, now: Moment) {
        let flow = self.flow.clone();
        let Some(tool) = flow.tools.get(name) else { return self.broken() };
        self.expect(Expectation::Nothing);
        let pending = Pending {
            id: 0,
            asked_at: now,
            filler_at: now + FILLER_AFTER,
            fillers: 0,
            deadline: now,
            retries_left: tool.retries,
        };
        self.request(name, tool, pending, now);
    }

    /// Asks once, or once more: what was said meanwhile is remembered in `pending`.
    fn request(&mut self, name: &str, tool: &Tool, pending: Pending, now: Moment) {
        let values = self.values();
        let url = tool.url.address(&values);
        let mut body = serde_json::Map::new();
        for (key, template) in &tool.body {
            match template.text(&values) {
                Ok(text) => body.insert(key.clone(), serde_json::Value::String(text)),
                Err(_) => return self.tool_gave_up("value missing", now, now),
            };
        }
        let Ok(url) = url else { return self.tool_gave_up("value missing", now, now) };
        self.calls += 1;
        let id = self.calls;
        let deadline = now + tool.timeout + DEADLINE_SLACK;
        self.wait = Wait::Tool(Pending { id, asked_at: now, deadline, ..pending });
        let body = (tool.method == Method::Post).then(|| Pii::new(serde_json::Value::Object(body)));
        let request = ToolRequest { method: tool.method, url: Pii::new(url), body, timeout: tool.timeout };
        self.event(CallEvent::ToolCalled { tool: name.to_owned() });
        self.put(Output::CallTool { id, tool: name.to_owned(), request });
    }

    pub(super) fn tool_returned(&mut self, id: u64, status: u16, body: serde_json::Value, now: Moment) {
        let Wait::Tool(pending) = self.wait.clone() else { return };
        let flow = self.flow.clone();
        let Some(Action::Call { tool: name, on, ok, .. }) = flow.steps.get(&self.step).map(|step| &step.action) else {
            return;
        };
        if pending.id != id {
            return;
        }
        let success = (200..300).contains(&status);
        let readable = body.is_object() || body.is_array();
        let Some(next) = on.get(&status).or_else(|| (success && readable).then_some(ok)) else {
            let reason = if success { "not json".to_owned() } else { format!("status {status}") };
            return self.tool_failed(id, &reason, now);
        };
        let took_ms = u64::try_from((now - pending.asked_at).as_millis()).unwrap_or(u64::MAX);
        self.event(CallEvent::ToolReturned { tool: name.clone(), status, took_ms });
        self.note_here(if success { "done" } else { "not_found" });
        if let Some(tool) = flow.tools.get(name).filter(|_| success) {
            self.results.insert(tool.save_as.clone(), body);
        }
        self.enter(next, now);
    }

    pub(super) fn tool_failed(&mut self, id: u64, reason: &str, now: Moment) {
        let Wait::Tool(pending) = self.wait.clone() else { return };
        if pending.id != id {
            return;
        }
        let flow = self.flow.clone();
        let action = flow.steps.get(&self.step).map(|step| &step.action);
        if let (Some(Action::Call { tool: name, .. }), 1..) = (action, pending.retries_left) {
            let Some(tool) = flow.tools.get(name).filter(|tool| tool.method == Method::Get) else {
                return self.tool_gave_up(reason, pending.asked_at, now);
            };
            self.event(failed(name, reason, pending.asked_at, now));
            let again = Pending { retries_left: pending.retries_left - 1, ..pending };
            return self.request(name, tool, again, now);
        }
        self.tool_gave_up(reason, pending.asked_at, now);
    }

    fn tool_gave_up(&mut self, reason: &str, asked_at: Moment, now: Moment) {
        let flow = self.flow.clone();
        let action = flow.steps.get(&self.step).map(|step| &step.action);
        let Some(Action::Call { tool, failed: next, .. }) = action else { return self.broken() };
        self.event(failed(tool, reason, asked_at, now));
        self.note_here("tool_failed");
        match next {
            Some(next) => self.enter(next, now),
            None => self.tool_down(),
        }
    }

    /// Says that a system does not answer and offers a person.
    pub(super) fn tool_down(&mut self) {
        self.prompt(Moments::ToolDown, 0, &[]);
        self.prompt(Moments::PersonOffer, 0, &[]);
        self.wait = Wait::PersonOffer;
        self.expect(Expectation::YesNo);
    }

    pub(super) fn tool_timeout(&mut self, mut pending: Pending, now: Moment) {
        if pending.deadline <= now {
            return self.tool_failed(pending.id, "timeout", now);
        }
        if pending.filler_at <= now {
            pending.filler_at = now + FILLER_EVERY;
            self.wait = Wait::Tool(pending);
            // What is still being said keeps the caller company.
            if self.speaking.is_empty() {
                self.filler();
            }
        }
    }

    /// Says that the tool is being waited for.
    pub(super) fn filler(&mut self) {
        let flow = self.flow.clone();
        let own = match flow.steps.get(&self.step).map(|step| &step.action) {
            Some(Action::Call { tool, .. }) => flow.tools.get(tool).and_then(|tool| tool.filler.as_ref()),
            Some(
                Action::Ask { .. }
                | Action::Forget { .. }
                | Action::Goto { .. }
                | Action::HandOver { .. }
                | Action::HangUp { .. }
                | Action::Listen { .. }
                | Action::When { .. },
            )
            | None => None,
        };
        // In the order of the flow, and the last one again and again.
        let Wait::Tool(pending) = &mut self.wait else { return };
        let nth = pending.fillers;
        pending.fillers += 1;
        let nth = own.map_or(nth, |own| nth.min(own.count(self.language).saturating_sub(1)));
        let said = own.is_some_and(|own| self.say(own, nth, &[], crate::output::BargeIn::Allowed).is_ok());
        if !said {
            self.aside(Moments::ToolSlow, nth);
        }
    }
}

fn failed(tool: &str, reason: &str, asked_at: Moment, now: Moment) -> CallEvent {
    let took_ms = u64::try_from((now - asked_at).as_millis()).unwrap_or(u64::MAX);
    CallEvent::ToolFailed { tool: tool.to_owned(), reason: reason.to_owned(), took_ms }
}
