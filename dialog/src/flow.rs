//! A flow: what a number of the business says, asks, looks up and decides, as data that was checked when it was loaded.
//!
//! A `Flow` that exists is whole: every name leads somewhere, every text exists in every language and every template
//! knows its variables. `docs/flows.md` describes the file; `flows/flow.schema.json` describes it to editors.

mod check;
mod load;
mod near;
mod problem;
mod read;
mod template;

use std::collections::BTreeMap;
use std::time::Duration;

use call::Language;

pub use problem::{FlowErrors, FlowProblem};

pub use template::HOLE;
pub(crate) use template::{Template, Values};

use crate::nlu::Classifier;
use crate::output::{BargeIn, Method, Pauses, PromptKind};

/// A checked flow.
#[derive(Debug)]
pub struct Flow {
    pub(crate) name: String,
    pub(crate) languages: Vec<Language>,
    pub(crate) queue: String,
    pub(crate) start: String,
    pub(crate) vocabulary: BTreeMap<Language, Vec<String>>,
    pub(crate) intents: BTreeMap<String, Intent>,
    pub(crate) slots: BTreeMap<String, Slot>,
    pub(crate) tools: BTreeMap<String, Tool>,
    pub(crate) steps: BTreeMap<String, Step>,
    pub(crate) prompts: Prompts,
    pub(crate) classifiers: BTreeMap<Language, Classifier>,
}

impl Flow {
    /// Reads and checks a flow and trains its classifiers. `name` is what problems are printed under, such as
    /// `flows/after-sales.yaml`.
    ///
    /// # Errors
    /// Every problem of the file, not only the first.
    pub fn load(name: &str, yaml: &str) -> Result<Self, FlowErrors> {
        load::flow(name, yaml)
    }

    /// The flow's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The languages it speaks, the preferred one first.
    pub fn languages(&self) -> &[Language] {
        &self.languages
    }

    /// Names of its intents, in alphabetical order.
    pub fn intents(&self) -> impl Iterator<Item = &str> {
        self.intents.keys().map(String::as_str)
    }

    /// Names of the values of the server's configuration that its templates use, such as `backend`.
    pub fn config_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.templates().flat_map(Template::config_names).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Every prompt whose words are the same in each call: to be synthesised before the first one.
    pub fn fixed_prompts(&self) -> Vec<(Language, String)> {
        self.prompts_of(PromptKind::Fixed, |template| template.source().to_owned())
    }

    /// Every prompt with values of the call, [`HOLE`] in the place of each: clauses without one are the same in each
    /// call as well.
    pub fn live_prompts(&self) -> Vec<(Language, String)> {
        self.prompts_of(PromptKind::Live, Template::outline)
    }

    fn prompts_of(&self, kind: PromptKind, text: impl Fn(&Template) -> String) -> Vec<(Language, String)> {
        let mut prompts: Vec<_> = self
            .wordings()
            .flat_map(|wordings| &wordings.0)
            .flat_map(|(language, templates)| templates.iter().map(|template| (*language, template)))
            .filter(|(_, template)| template.kind() == kind)
            .map(|(language, template)| (language, text(template)))
            .collect();
        prompts.sort();
        prompts.dedup();
        prompts
    }

    /// Words of the business that callers say: its vocabulary and the options of its slots.
    pub fn words(&self) -> impl Iterator<Item = (Language, &str)> {
        let options = self.slots.values().filter_map(|slot| match &slot.kind {
            SlotKind::Choice(options) => Some(options.values()),
            SlotKind::Amount | SlotKind::Date | SlotKind::Digits { .. } | SlotKind::Phone | SlotKind::YesNo => None,
        });
        std::iter::once(&self.vocabulary).chain(options.flatten()).flat_map(texts)
    }

    /// Sentences that callers say: the examples of its intents.
    pub fn examples(&self) -> impl Iterator<Item = (Language, &str)> {
        self.intents.values().flat_map(|intent| texts(&intent.examples))
    }

    fn wordings(&self) -> impl Iterator<Item = &Wordings> {
        let slots = self.slots.values().flat_map(Slot::wordings);
        let tools = self.tools.values().filter_map(|tool| tool.filler.as_ref());
        let steps = self.steps.values().filter_map(|step| step.say.as_ref());
        slots.chain(tools).chain(steps).chain(self.prompts.0.values())
    }

    fn templates(&self) -> impl Iterator<Item = &Template> {
        let urls = self.tools.values().map(|tool| &tool.url);
        let bodies = self.tools.values().flat_map(|tool| tool.body.values());
        self.wordings().flat_map(|wordings| wordings.0.values().flatten()).chain(urls).chain(bodies)
    }
}

fn texts(of: &BTreeMap<Language, Vec<String>>) -> impl Iterator<Item = (Language, &str)> {
    of.iter().flat_map(|(language, texts)| texts.iter().map(|text| (*language, text.as_str())))
}

/// Equivalent wordings of one prompt in each language of the flow; never empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wordings(pub(crate) BTreeMap<Language, Vec<Template>>);

impl Wordings {
    /// The `nth` wording, beginning anew after the last.
    pub(crate) fn nth(&self, language: Language, nth: usize) -> Option<&Template> {
        let wordings = self.0.get(&language)?;
        wordings.get(nth % wordings.len().max(1))
    }

    pub(crate) fn count(&self, language: Language) -> usize {
        self.0.get(&language).map_or(0, Vec::len)
    }
}

/// Something a caller can want.
#[derive(Clone, Debug)]
pub(crate) struct Intent {
    /// Completes "you would like to ..." in each language.
    pub(crate) title: BTreeMap<Language, String>,
    pub(crate) leads: Leads,
    pub(crate) reach: Reach,
    pub(crate) key: Option<char>,
    pub(crate) examples: BTreeMap<Language, Vec<String>>,
}

/// Where an intent leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Leads {
    /// What was said last is said again.
    Repeat,
    /// On in this language, to a step or with the question that was asked.
    Speak { language: Language, next: Option<String> },
    /// To this step.
    Step(String),
    /// The caller is given time.
    Wait,
}

/// When an intent is listened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// At any time.
    Global,
    /// Where a step listens for it.
    Listening,
}

/// Something the caller must tell us.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) kind: SlotKind,
    pub(crate) ask: Wordings,
    pub(crate) invalid: Option<Wordings>,
    pub(crate) read_back: Option<Wordings>,
    pub(crate) no_input: Option<Wordings>,
    pub(crate) no_match: Option<Wordings>,
}

impl Slot {
    fn wordings(&self) -> impl Iterator<Item = &Wordings> {
        let optional = [&self.invalid, &self.read_back, &self.no_input, &self.no_match];
        std::iter::once(&self.ask).chain(optional.into_iter().flatten())
    }
}

/// What a slot takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SlotKind {
    /// An amount of money; its value is written as in `1299.00`.
    Amount,
    /// One of these options: its name and, in each language, the words that mean it.
    Choice(BTreeMap<String, BTreeMap<Language, Vec<String>>>),
    /// A date, written as in `2026-11-24`.
    Date,
    /// So many digits.
    Digits { min: usize, max: usize, check: Check },
    /// A telephone number.
    Phone,
    /// `yes` or `no`.
    YesNo,
}

/// How the last digit of a number is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// By the Luhn sum.
    Luhn,
    /// It is not.
    None,
}

/// A system of the business that can be asked.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    pub(crate) method: Method,
    pub(crate) url: Template,
    pub(crate) body: BTreeMap<String, Template>,
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) save_as: String,
    pub(crate) filler: Option<Wordings>,
}

/// One step of a flow: what is said, then what is done.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) say: Option<Wordings>,
    pub(crate) barge_in: BargeIn,
    pub(crate) pauses: Pauses,
    pub(crate) action: Action,
}

impl Step {
    /// Whether the call is over after it.
    pub(crate) fn ends(&self) -> bool {
        matches!(self.action, Action::HangUp { .. })
    }
}

/// What a step does once it has spoken.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Fills a slot, by asking unless it is known.
    Ask { slot: String, next: String },
    /// Asks a tool; the answer's status leads on.
    Call { tool: String, on: BTreeMap<u16, String>, ok: String, failed: Option<String> },
    /// Forgets slots, so that they are asked again.
    Forget { slots: Vec<String>, next: String },
    /// Goes on.
    Goto { next: String },
    /// Brings in a person.
    HandOver { queue: String, reason: HandOverReason },
    /// Ends the call.
    HangUp { reason: String },
    /// Waits for an intent, or for yes or no.
    Listen { intents: Vec<String>, yes: Option<String>, no: Option<String> },
    /// Chooses by a value.
    When { value: Template, cases: BTreeMap<String, String>, otherwise: String },
}

/// Why a step brings in a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandOverReason {
    /// The caller asked for it.
    CallerAsked,
    /// The case is for people.
    FlowAsked,
}

/// The prompts every flow needs, whatever it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moments {
    CallbackDeclined,
    CallbackInvalid,
    CallbackNumber,
    CallbackOffer,
    CallbackReadBack,
    CallbackStored,
    ConfirmIntent,
    Connecting,
    HoldOn,
    NoAgent,
    NoInput,
    NoMatch,
    NotUnderstood,
    PersonOffer,
    Shutdown,
    StillConnecting,
    StillNoAgent,
    ToolDown,
    ToolSlow,
}

impl Moments {
    /// Each with its name in the file.
    pub(crate) const ALL: [(&'static str, Self); 19] = [
        ("callback_declined", Self::CallbackDeclined),
        ("callback_invalid", Self::CallbackInvalid),
        ("callback_number", Self::CallbackNumber),
        ("callback_offer", Self::CallbackOffer),
        ("callback_read_back", Self::CallbackReadBack),
        ("callback_stored", Self::CallbackStored),
        ("confirm_intent", Self::ConfirmIntent),
        ("connecting", Self::Connecting),
        ("hold_on", Self::HoldOn),
        ("no_agent", Self::NoAgent),
        ("no_input", Self::NoInput),
        ("no_match", Self::NoMatch),
        ("not_understood", Self::NotUnderstood),
        ("person_offer", Self::PersonOffer),
        ("shutdown", Self::Shutdown),
        ("still_connecting", Self::StillConnecting),
        ("still_no_agent", Self::StillNoAgent),
        ("tool_down", Self::ToolDown),
        ("tool_slow", Self::ToolSlow),
    ];

    /// Variables that its templates may use beside those of every template.
    pub(crate) const fn variables(self) -> &'static [&'static str] {
        match self {
            Self::CallbackInvalid | Self::CallbackOffer | Self::CallbackReadBack | Self::CallbackStored => &["number"],
            Self::ConfirmIntent => &["title"],
            Self::CallbackDeclined
            | Self::CallbackNumber
            | Self::Connecting
            | Self::HoldOn
            | Self::NoAgent
            | Self::NoInput
            | Self::NoMatch
            | Self::NotUnderstood
            | Self::PersonOffer
            | Self::Shutdown
            | Self::StillConnecting
            | Self::StillNoAgent
            | Self::ToolDown
            | Self::ToolSlow => &[],
        }
    }
}

/// The wordings of each moment; complete in a loaded flow.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prompts(pub(crate) BTreeMap<Moments, Wordings>);
