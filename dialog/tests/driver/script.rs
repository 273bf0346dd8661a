//! Plays a script against the sample flow in virtual time: text in, text out.
//!
//! `bot: words` expects them in what was said since the last action; `user: words` speaks; `keys: 12#` presses;
//! `tool: 200 shipped` answers a tool; `wait: 7000` lets milliseconds pass. The rest is listed in [`Call::line`].

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::time::Duration;

use call::{CallEvent, Handoff, Language, Moment, Pii};
use dialog::{Conversation, Input, Output};

use crate::driver::FLOW;
use crate::setup::setup;

/// A number whose check digit is right.
pub(crate) const ORDER: &str = "20418844";

pub(crate) struct Call {
    talk: Conversation,
    now: Moment,
    language: Language,
    said: String,
    saying: Vec<u64>,
    holds: bool,
    pub(crate) tool: Option<(u64, String)>,
    pub(crate) handoff: Option<Handoff>,
    pub(crate) stored: Option<String>,
    pub(crate) hung_up: Option<String>,
    pub(crate) stops: usize,
    pub(crate) events: Vec<CallEvent>,
}

/// Plays a whole script, from the first word of the bot on.
pub(crate) fn check(language: Language, script: &str) -> Call {
    check_from(language, "13800138000", script)
}

pub(crate) fn check_from(language: Language, caller: &str, script: &str) -> Call {
    let mut call = Call::new(language, caller);
    call.input(Input::Started);
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        call.line(line);
    }
    call
}

impl Call {
    fn new(language: Language, caller: &str) -> Self {
        Self {
            talk: Conversation::new(FLOW.clone(), setup(language, caller), Moment::START),
            now: Moment::from_millis(1_000),
            language,
            said: String::new(),
            saying: Vec::new(),
            holds: false,
            tool: None,
            handoff: None,
            stored: None,
            hung_up: None,
            stops: 0,
            events: Vec::new(),
        }
    }

    fn line(&mut self, line: &str) {
        let (verb, rest) = line.split_once(':').unwrap_or((line, ""));
        let rest = rest.trim();
        match verb {
            "bot" => assert!(self.said.contains(rest), "wanted {rest:?}, the bot said {:?}", self.said),
            "not" => assert!(!self.said.contains(rest), "unwanted {rest:?}, the bot said {:?}", self.said),
            "silent" => assert_eq!(self.said, "", "the bot should be silent"),
            "user" => self.hear(rest),
            "keys" => {
                self.said.clear();
                rest.chars().for_each(|key| self.input(Input::Digit(Pii::new(key))));
            }
            "speech" => self.act(Input::SpeechStarted),
            "unclear" => self.act(Input::Unclear),
            // Prompts are not reported as finished until `play`.
            "hold" => self.holds = true,
            "play" => {
                self.holds = false;
                self.said.clear();
                self.finish();
            }
            "tool" => self.answer(rest),
            // The answer to the request before this one.
            "late" => {
                let id = self.tool.as_ref().expect("a tool was asked").0 - 1;
                let body = serde_json::json!({"status": "cancelled", "total": 1.0, "currency": "CNY"});
                self.act(Input::ToolReturned { id, status: rest.parse().expect("a status"), body });
            }
            "fail" => {
                let id = self.tool.take().expect("a tool was asked").0;
                self.act(Input::ToolFailed { id, reason: rest.to_owned() });
            }
            "asked" => {
                let url = self.tool.as_ref().map(|(_, url)| url.as_str());
                assert_eq!(url.map(|url| url.ends_with(rest)), Some(true), "asked {url:?}, said {:?}", self.said);
            }
            "wait" => self.wait(rest.parse().expect("milliseconds")),
            "connected" => self.act(Input::TransferConnected),
            "nobody" => self.act(Input::TransferFailed { reason: "no_answer".to_owned() }),
            "shutdown" => self.act(Input::ShuttingDown),
            "gone" => self.act(Input::CallerHungUp),
            "person" => {
                let reason = self.handoff.take().map(|handoff| format!("{:?}", handoff.reason));
                assert_eq!(reason.as_deref(), Some(rest), "the bot said {:?}", self.said);
            }
            "stored" => assert_eq!(self.stored.as_deref(), Some(rest), "the bot said {:?}", self.said),
            "end" => assert_eq!(self.hung_up.as_deref(), Some(rest), "the bot said {:?}", self.said),
            other => panic!("no such line: {other}"),
        }
    }

    fn hear(&mut self, text: &str) {
        let han = text.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter));
        let spoken = if han { Language::Zh } else { Language::En };
        let language = if text.chars().any(char::is_alphabetic) { spoken } else { self.language };
        let text = Pii::new(text.to_owned());
        self.act(Input::Heard { text, language, confidence: 0.9, emotion: None });
    }

    fn answer(&mut self, rest: &str) {
        let (status, what) = rest.split_once(' ').unwrap_or((rest, ""));
        let id = self.tool.take().expect("a tool was asked").0;
        let body = match what {
            "" => serde_json::Value::Null,
            "broken" => serde_json::json!({"status": "shipped"}),
            state => serde_json::json!({
                "id": ORDER, "customer": {"name": "Li Na", "phone": "13800138000"},
                "items": [{"name": "kettle", "name_zh": "水壶", "quantity": 1, "price": 1299.0}],
                "total": 1299.0, "currency": "CNY", "status": state, "carrier": "SF Express",
                "tracking": "SF123", "expected": "2026-11-24", "placed": "2026-11-18",
            }),
        };
        self.act(Input::ToolReturned { id, status: status.parse().expect("a status"), body });
    }

    fn wait(&mut self, millis: u64) {
        self.said.clear();
        let end = self.now + Duration::from_millis(millis);
        while let Some(due) = self.talk.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.talk.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// An action, after which what is said counts anew.
    fn act(&mut self, input: Input) {
        self.said.clear();
        self.input(input);
    }

    fn input(&mut self, input: Input) {
        self.now += Duration::from_millis(100);
        self.talk.handle_input(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.talk.poll_output() {
            match output {
                Output::CallTool { id, request, .. } => self.tool = Some((id, request.url.reveal().clone())),
                Output::Escalate(handoff) => self.handoff = Some(handoff),
                Output::Event(event) => self.events.push(event),
                Output::Expect { .. } => {}
                Output::HangUp { reason } => self.hung_up = Some(reason),
                Output::Say { id, text, .. } => {
                    self.said.push_str(text.reveal());
                    self.said.push(' ');
                    self.saying.push(id);
                }
                Output::StopSpeaking => {
                    self.stops += 1;
                    self.saying.clear();
                }
                Output::StoreCallback { number, .. } => self.stored = Some(number.reveal().clone()),
            }
        }
        if !self.holds {
            self.finish();
        }
    }

    fn finish(&mut self) {
        for id in std::mem::take(&mut self.saying) {
            self.now += Duration::from_millis(1_500);
            self.talk.handle_input(Input::SayFinished { id }, self.now);
            self.drain();
        }
    }
}
