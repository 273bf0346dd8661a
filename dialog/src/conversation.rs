//! One conversation as a machine: inputs and time go in, things to say and do come out.
//!
//! At each moment it waits for exactly one thing ([`Wait`]), and whatever it waits for has a time limit, so a call can
//! never hang. What it says depends only on the flow, the inputs, their times and the seed.

mod keys;
mod listen;
mod people;
mod speak;
mod steps;
mod tools;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use call::{CallEvent, Emotion, Language, Moment, Pii, TriedStep};

use crate::flow::Flow;
use crate::input::{Input, Setup};
use crate::output::{BargeIn, Output, PromptKind};

/// How long the caller may be silent after a prompt; half as long again after each time they were.
const PATIENCE: Duration = Duration::from_secs(7);
/// The same after "hold on a moment".
const PATIENCE_LONG: Duration = Duration::from_secs(20);
/// How long speech may go on without words coming of it.
const SPEECH_MAX: Duration = Duration::from_secs(30);
/// How long a prompt may play before it is taken to be over: a lost report must not silence the call.
const SAY_MAX: Duration = Duration::from_secs(60);
/// How long a person may be looked for.
const PERSON_MAX: Duration = Duration::from_secs(180);
/// How often the caller hears that a person is still being looked for.
const PERSON_NOTE: Duration = Duration::from_secs(20);
/// Most things waiting to be done: far above what one input can cause.
const OUTPUTS_MAX: usize = 256;
/// Most steps one input can lead through.
const STEPS_MAX: usize = 32;
/// Most steps remembered for the person who takes over.
const TRIED_MAX: usize = 32;

/// Where a conversation stands, for whoever drives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A person has the call; the mind is silent.
    Connected,
    /// A person is being looked for.
    Escalating,
    /// The call is over.
    Over,
    /// The mind leads the call.
    Talking,
}

/// A slot's value and whether the caller has said that it is right.
#[derive(Clone, Debug)]
struct Filled {
    value: String,
    confirmed: bool,
}

/// Something being said.
#[derive(Clone, Copy, Debug)]
struct Saying {
    id: u64,
    barge_in: BargeIn,
}

/// Something that was said, to be said again.
#[derive(Clone, Debug)]
struct Said {
    text: String,
    language: Language,
    kind: PromptKind,
    barge_in: BargeIn,
}

/// A tool that was asked.
#[derive(Clone, Debug)]
struct Pending {
    id: u64,
    asked_at: Moment,
    filler_at: Moment,
    /// How often the caller was told to wait.
    fillers: usize,
    deadline: Moment,
    retries_left: u32,
}

/// What the conversation waits for.
#[derive(Clone, Debug)]
enum Wait {
    CallbackNumber,
    CallbackOffer,
    CallbackReadBack(String),
    ConfirmIntent { intent: String, confidence: f32, text: String },
    Connected,
    Goodbye { reason: String },
    Intent,
    Over,
    Person { note_at: Moment, deadline: Moment },
    PersonOffer,
    ReadBack { slot: String },
    Slot { slot: String },
    Start,
    Tool(Pending),
}

/// Times at which something happens by itself.
#[derive(Clone, Copy, Debug, Default)]
struct Timers {
    keys: Option<Moment>,
    partial: Option<Moment>,
    say: Option<Moment>,
    silence: Option<Moment>,
}

/// One caller's walk through a flow.
#[derive(Debug)]
pub struct Conversation {
    flow: Arc<Flow>,
    setup: Setup,
    language: Language,
    /// Those that the caller may change to.
    languages: Vec<Language>,
    emotion: Emotion,
    outputs: VecDeque<Output>,
    wait: Wait,
    timers: Timers,
    patience: Duration,
    speaking: Vec<Saying>,
    kept: Option<String>,
    last_said: Vec<Said>,
    last_said_is_old: bool,
    step: String,
    last_listen: Option<String>,
    intent: Option<String>,
    slots: BTreeMap<String, Filled>,
    forgotten: BTreeMap<String, u32>,
    results: BTreeMap<String, serde_json::Value>,
    tried: Vec<TriedStep>,
    keys: String,
    partial: String,
    no_input: usize,
    no_match: usize,
    steps_left: usize,
    nobody_free: bool,
    queue: String,
    says: u64,
    calls: u64,
}

impl Conversation {
    /// A conversation that has not begun; give it [`Input::Started`] when sound goes both ways.
    pub fn new(flow: Arc<Flow>, setup: Setup, _now: Moment) -> Self {
        let mut languages = flow.languages.clone();
        languages.retain(|language| setup.languages.is_empty() || setup.languages.contains(language));
        if languages.is_empty() {
            // Somebody must be spoken to in something.
            languages.clone_from(&flow.languages);
        }
        let spoken = languages.contains(&setup.language);
        let language = if spoken { setup.language } else { languages.first().copied().unwrap_or_default() };
        let queue = flow.queue.clone();
        Self {
            flow,
            setup,
            language,
            languages,
            emotion: Emotion::default(),
            outputs: VecDeque::new(),
            wait: Wait::Start,
            timers: Timers::default(),
            patience: PATIENCE,
            speaking: Vec::new(),
            kept: None,
            last_said: Vec::new(),
            last_said_is_old: true,
            step: String::new(),
            last_listen: None,
            intent: None,
            slots: BTreeMap::new(),
            forgotten: BTreeMap::new(),
            results: BTreeMap::new(),
            tried: Vec::new(),
            keys: String::new(),
            partial: String::new(),
            no_input: 0,
            no_match: 0,
            steps_left: STEPS_MAX,
            nobody_free: false,
            queue,
            says: 0,
            calls: 0,
        }
    }

    /// Takes in something that happened. Drain [`Self::poll_output`] before the next one.
    pub fn handle_input(&mut self, input: Input, now: Moment) {
        if matches!(self.wait, Wait::Over) {
            return;
        }
        self.begin_turn();
        match input {
            Input::CallerHungUp => self.end_silently(),
            Input::Digit(key) => self.key(*key.reveal(), now),
            Input::Heard { text, language, confidence, emotion } => {
                self.feel(emotion);
                self.heard(text.reveal(), language, confidence, now);
            }
            Input::SayFinished { id } | Input::SayStopped { id } => self.said(id),
            Input::ShuttingDown => self.shut_down(),
            Input::SpeechStarted => self.speech_started(now),
            Input::Started => self.start(now),
            Input::ToolFailed { id, reason } => self.tool_failed(id, &reason, now),
            Input::ToolReturned { id, status, body } => self.tool_returned(id, status, body, now),
            Input::TransferConnected => self.transfer_connected(),
            Input::TransferFailed { reason } => self.transfer_failed(&reason),
            Input::Unclear => self.unclear(now),
        }
        self.settle(now);
    }

    /// The next thing to do, in order; `None` when all is done.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Self::handle_timeout`] next.
    pub fn poll_timeout(&self) -> Option<Moment> {
        let Timers { keys, partial, say, silence } = self.timers;
        let waiting = match &self.wait {
            Wait::Tool(pending) => Some(pending.filler_at.min(pending.deadline)),
            Wait::Person { note_at, deadline } => Some((*note_at).min(*deadline)),
            Wait::Over | Wait::Connected => return None,
            Wait::CallbackNumber
            | Wait::CallbackOffer
            | Wait::CallbackReadBack(_)
            | Wait::ConfirmIntent { .. }
            | Wait::Goodbye { .. }
            | Wait::Intent
            | Wait::PersonOffer
            | Wait::ReadBack { .. }
            | Wait::Slot { .. }
            | Wait::Start => None,
        };
        [keys, partial, say, silence, waiting].into_iter().flatten().min()
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.begin_turn();
        let due = |at: &mut Option<Moment>| at.take_if(|at| *at <= now).is_some();
        if due(&mut self.timers.say) {
            self.speaking.clear();
        }
        if due(&mut self.timers.keys) {
            self.keys_entered(now);
        } else if due(&mut self.timers.partial) {
            self.partial.clear();
            self.misunderstood(now);
        } else if due(&mut self.timers.silence) {
            self.silent(now);
        }
        match self.wait.clone() {
            Wait::Tool(pending) => self.tool_timeout(pending, now),
            Wait::Person { note_at, deadline } => self.person_timeout(note_at, deadline, now),
            Wait::CallbackNumber
            | Wait::CallbackOffer
            | Wait::CallbackReadBack(_)
            | Wait::ConfirmIntent { .. }
            | Wait::Connected
            | Wait::Goodbye { .. }
            | Wait::Intent
            | Wait::Over
            | Wait::PersonOffer
            | Wait::ReadBack { .. }
            | Wait::Slot { .. }
            | Wait::Start => {}
        }
        self.settle(now);
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        match self.wait {
            Wait::Connected => Phase::Connected,
            Wait::Over => Phase::Over,
            Wait::Person { .. } => Phase::Escalating,
            Wait::CallbackNumber
            | Wait::CallbackOffer
            | Wait::CallbackReadBack(_)
            | Wait::ConfirmIntent { .. }
            | Wait::Goodbye { .. }
            | Wait::Intent
            | Wait::PersonOffer
            | Wait::ReadBack { .. }
            | Wait::Slot { .. }
            | Wait::Start
            | Wait::Tool(_) => Phase::Talking,
        }
    }

    /// The language spoken now.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The languages that the caller may speak.
    pub fn languages(&self) -> &[Language] {
        &self.languages
    }

    /// How the caller felt when last heard.
    pub fn emotion(&self) -> Emotion {
        self.emotion
    }

    fn begin_turn(&mut self) {
        self.steps_left = STEPS_MAX;
        self.last_said_is_old = true;
    }

    fn start(&mut self, now: Moment) {
        if matches!(self.wait, Wait::Start) {
            let start = self.flow.start.clone();
            self.enter(&start, now);
        }
    }

    /// After each input: when all is said, the next thing may happen, and waiting begins to cost patience.
    fn settle(&mut self, now: Moment) {
        if !self.speaking.is_empty() {
            self.timers.silence = None;
            self.timers.say.get_or_insert(now + SAY_MAX);
            return;
        }
        self.timers.say = None;
        if let Wait::Goodbye { reason } = &self.wait {
            let reason = reason.clone();
            self.wait = Wait::Over;
            self.timers = Timers::default();
            self.put(Output::HangUp { reason });
            return;
        }
        if let Some(text) = self.kept.take() {
            let language = self.language;
            self.heard(&text, language, 1.0, now);
            // What was kept has been answered, so this goes at most one level deep.
            self.settle(now);
            return;
        }
        let busy = self.timers.keys.is_some() || self.timers.partial.is_some();
        if self.listens() && !busy && self.timers.silence.is_none() {
            self.timers.silence = Some(now + self.patience);
        }
    }

    /// Whether the caller is to answer something.
    fn listens(&self) -> bool {
        match &self.wait {
            Wait::CallbackNumber
            | Wait::CallbackOffer
            | Wait::CallbackReadBack(_)
            | Wait::ConfirmIntent { .. }
            | Wait::Intent
            | Wait::PersonOffer
            | Wait::ReadBack { .. }
            | Wait::Slot { .. } => true,
            Wait::Connected | Wait::Goodbye { .. } | Wait::Over | Wait::Person { .. } | Wait::Start | Wait::Tool(_) => {
                false
            }
        }
    }

    fn speech_started(&mut self, now: Moment) {
        let waited = self.timers.silence.is_some() || (self.listens() && self.speaking.is_empty());
        if waited {
            self.timers.silence = Some(now + SPEECH_MAX);
        }
        if self.timers.partial.is_some() {
            self.timers.partial = Some(now + SPEECH_MAX);
        }
    }

    fn feel(&mut self, emotion: Option<Emotion>) {
        let Some(emotion) = emotion else { return };
        let changed = emotion.mood != self.emotion.mood;
        self.emotion = emotion;
        if changed {
            self.event(CallEvent::EmotionChanged { emotion });
        }
    }

    fn end_silently(&mut self) {
        self.wait = Wait::Over;
        self.timers = Timers::default();
        self.speaking.clear();
        self.kept = None;
        self.outputs.clear();
    }

    fn event(&mut self, event: CallEvent) {
        self.put(Output::Event(event));
    }

    fn put(&mut self, output: Output) {
        if self.outputs.len() < OUTPUTS_MAX {
            self.outputs.push_back(output);
        }
    }

    /// Notes how a step ended for the person who may take over.
    fn note(&mut self, step: &str, outcome: &str) {
        if self.tried.len() < TRIED_MAX {
            self.tried.push(TriedStep { step: step.to_owned(), outcome: outcome.to_owned() });
        }
    }

    fn fill(&mut self, slot: &str, value: &str, confirmed: bool) {
        self.slots.insert(slot.to_owned(), Filled { value: value.to_owned(), confirmed });
        if confirmed {
            self.event(CallEvent::SlotFilled { slot: slot.to_owned(), value: Pii::new(value.to_owned()) });
        }
    }
}
