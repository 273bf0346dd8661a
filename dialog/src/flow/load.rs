//! From the file to a flow: each part is read with its place, references are noted and checked at the end.

mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use call::{Language, markup};

use super::check;
use super::read::{Field, Fields, Node, Place, Report, document, language};
use super::template::Template;
use super::{Check, Flow, FlowErrors, Intent, Leads, Moments, Prompts, Reach, Slot, SlotKind, Tool, Wordings};
use crate::nlu::Classifier;
use crate::output::Method;

/// Keys of each part of the file. `flow.schema.json` says the same, which a test holds.
pub(crate) const FLOW_KEYS: [&str; 11] = [
    "name",
    "languages",
    "queue",
    "start",
    "vocabulary",
    "intents",
    "out_of_scope",
    "slots",
    "tools",
    "steps",
    "prompts",
];
pub(crate) const INTENT_KEYS: [&str; 7] = ["title", "go", "do", "speak", "global", "key", "examples"];
pub(crate) const SLOT_KEYS: [&str; 9] =
    ["type", "length", "check", "options", "ask", "invalid", "read_back", "no_input", "no_match"];
pub(crate) const TOOL_KEYS: [&str; 7] = ["method", "url", "body", "timeout_ms", "retry", "save_as", "filler"];
pub(crate) const STEP_KEYS: [&str; 19] = [
    "say",
    "barge_in",
    "pauses",
    "next",
    "ask",
    "call",
    "on",
    "ok",
    "failed",
    "listen",
    "yes",
    "no",
    "when",
    "cases",
    "else",
    "forget",
    "hand_over",
    "reason",
    "hang_up",
];
/// The key that says what a step does; at most one of them stands in a step.
const ACTION_KEYS: [&str; 7] = ["ask", "call", "listen", "when", "forget", "hand_over", "hang_up"];
/// The wordings a silence or a misunderstanding needs, so that nobody hears the same words twice.
const REWORDINGS_MIN: usize = 2;
/// The examples an intent needs in each language to be told from others at all.
const EXAMPLES_MIN: usize = 3;

/// What a reference should name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refers {
    Intent,
    Slot,
    Step,
    Tool,
}

/// A name used somewhere in the file.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) to: Refers,
    pub(crate) name: String,
    pub(crate) place: Place,
}

/// A template used somewhere in the file.
#[derive(Clone, Debug)]
pub(crate) struct Used {
    pub(crate) template: Template,
    pub(crate) place: Place,
    pub(crate) also: &'static [&'static str],
}

/// What is gathered while reading.
#[derive(Debug, Default)]
pub(crate) struct Loader {
    pub(crate) report: Report,
    pub(crate) languages: Vec<Language>,
    pub(crate) references: Vec<Reference>,
    pub(crate) templates: Vec<Used>,
    pub(crate) places: BTreeMap<String, Place>,
    out_of_scope: BTreeMap<Language, Vec<String>>,
}

pub(super) fn flow(file: &str, yaml: &str) -> Result<Flow, FlowErrors> {
    let mut loader = Loader::default();
    let loaded = document(yaml, &mut loader.report).and_then(|document| loader.flow(Node::new(&document)));
    if let Some(flow) = &loaded {
        check::flow(flow, &mut loader);
    }
    let Loader { report, out_of_scope, .. } = loader;
    let problems = report.into_problems();
    match loaded {
        Some(mut flow) if problems.is_empty() => {
            flow.classifiers = classifiers(&flow, &out_of_scope);
            Ok(flow)
        }
        Some(_) | None => Err(FlowErrors { file: file.to_owned(), problems }),
    }
}

fn classifiers(flow: &Flow, out_of_scope: &BTreeMap<Language, Vec<String>>) -> BTreeMap<Language, Classifier> {
    let train = |language: &Language| {
        let examples = |(name, intent): (&String, &Intent)| {
            let texts = intent.examples.get(language).cloned().unwrap_or_default();
            (name.clone(), texts)
        };
        let intents: Vec<_> = flow.intents.iter().map(examples).collect();
        let outside = out_of_scope.get(language).map_or(&[][..], Vec::as_slice);
        (*language, Classifier::train(&intents, outside))
    };
    flow.languages.iter().map(train).collect()
}

/// The texts of one language alone.
fn without_places((language, texts): (Language, Vec<(String, Place)>)) -> (Language, Vec<String>) {
    (language, texts.into_iter().map(|(text, _)| text).collect())
}

impl Loader {
    fn flow(&mut self, node: Node<'_>) -> Option<Flow> {
        let fields = node.fields_of("flow", &FLOW_KEYS, &mut self.report)?;
        let name = fields.text("flow", "name", &mut self.report);
        self.read_languages(&fields);
        let queue = fields.text("flow", "queue", &mut self.report);
        let start = self.refer(&fields, "start", Refers::Step);
        if start.is_none() {
            self.report.hint(fields.place, "flow has no entry", "name its first step with \"start\"");
        }
        let vocabulary = fields.node("vocabulary").map(|node| self.per_language(node, "vocabulary"));
        let vocabulary = vocabulary.unwrap_or_default().into_iter().map(without_places).collect();
        let intents = self.named(&fields, "intents", "intent", Self::intent);
        if let Some(node) = fields.required("flow", "out_of_scope", &mut self.report) {
            self.out_of_scope = self.examples(node, "out_of_scope");
        }
        let slots = self.named(&fields, "slots", "slot", Self::slot);
        let tools = self.named(&fields, "tools", "tool", Self::tool);
        let queue = queue.unwrap_or_default();
        let steps = self.named(&fields, "steps", "step", |loader, field| loader.step(field, &queue));
        let prompts = self.prompts(&fields);
        Some(Flow {
            name: name?,
            languages: self.languages.clone(),
            queue,
            start: start.unwrap_or_default(),
            vocabulary,
            intents,
            slots,
            tools,
            steps,
            prompts,
            classifiers: BTreeMap::new(),
        })
    }

    fn read_languages(&mut self, fields: &Fields<'_>) {
        let Some(node) = fields.required("flow", "languages", &mut self.report) else { return };
        for (code, place) in node.texts("\"languages\"", &mut self.report) {
            match code.parse() {
                Ok(language) if !self.languages.contains(&language) => self.languages.push(language),
                Ok(_) => self.report.say(place, format!("language \"{code}\" is named twice")),
                Err(_) => self.report.unknown(place, "language", &code, ["en", "zh"].into_iter()),
            }
        }
    }

    fn named<T>(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        what: &str,
        read: impl Fn(&mut Self, &Field<'_>) -> Option<T>,
    ) -> BTreeMap<String, T> {
        let optional = key == "slots" || key == "tools";
        let node = if optional { fields.node(key) } else { fields.required("flow", key, &mut self.report) };
        let Some(entries) = node.and_then(|node| node.fields(&format!("\"{key}\""), &mut self.report)) else {
            return BTreeMap::new();
        };
        let mut named = BTreeMap::new();
        for field in &entries.entries {
            if !is_name(&field.key) {
                let hint = "names are small letters, digits and _, and begin with a letter";
                self.report.hint(field.place, format!("\"{}\" is no name for a {what}", field.key), hint);
            }
            self.places.insert(format!("{what} {}", field.key), field.place);
            if let Some(value) = read(self, field) {
                named.insert(field.key.clone(), value);
            }
        }
        named
    }

    /// A language of the flow by its code.
    fn language_named(&mut self, node: Node<'_>) -> Option<Language> {
        let code = node.text("\"speak\"", &mut self.report)?;
        let language = code.parse().ok().filter(|language| self.languages.contains(language));
        if language.is_none() {
            let known = self.languages.iter().map(|language| language.code());
            self.report.unknown(node.place(), "language", &code, known);
        }
        language
    }

    fn intent(&mut self, field: &Field<'_>) -> Option<Intent> {
        let what = format!("intent \"{}\"", field.key);
        let fields = field.value.fields_of("intent", &INTENT_KEYS, &mut self.report)?;
        let title = fields.required(&what, "title", &mut self.report).map(|node| self.per_language(node, "title"));
        let title = title.unwrap_or_default().into_iter();
        let examples = fields.required(&what, "examples", &mut self.report);
        let examples = examples.map(|node| self.examples(node, &what)).unwrap_or_default();
        let reach = match fields.node("global").map(|node| node.flag("\"global\"", &mut self.report)) {
            Some(true) => Reach::Global,
            Some(false) | None => Reach::Listening,
        };
        let next = self.refer(&fields, "go", Refers::Step);
        let leads = match (fields.node("do"), fields.node("speak"), next) {
            (None, Some(node), next) => {
                let language = self.language_named(node)?;
                Some(Leads::Speak { language, next })
            }
            (Some(node), None, None) => match node.text("\"do\"", &mut self.report)?.as_str() {
                "repeat" => Some(Leads::Repeat),
                "wait" => Some(Leads::Wait),
                other => {
                    self.report.unknown(node.place(), "action", other, ["repeat", "wait"].into_iter());
                    None
                }
            },
            (None, None, Some(step)) => Some(Leads::Step(step)),
            (Some(_), _, _) | (None, None, None) => {
                self.report.say(field.place, format!("{what} needs one of \"go\" with a step, \"do\" and \"speak\""));
                None
            }
        };
        let key = fields.node("key").and_then(|node| self.key(node));
        let title = title.filter_map(|(language, texts)| Some((language, texts.into_iter().next()?.0))).collect();
        Some(Intent { title, leads: leads?, reach, key, examples })
    }

    fn key(&mut self, node: Node<'_>) -> Option<char> {
        let text = node.scalar().unwrap_or_default();
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(key), None) if key.is_ascii_digit() => Some(key),
            _ => {
                self.report.say(node.place(), "\"key\" must be one digit");
                None
            }
        }
    }

    fn examples(&mut self, node: Node<'_>, what: &str) -> BTreeMap<Language, Vec<String>> {
        let texts = self.per_language(node, "examples");
        for (language, examples) in &texts {
            if examples.len() < EXAMPLES_MIN {
                let message = format!("{what} needs at least {EXAMPLES_MIN} examples in \"{language}\"");
                self.report.say(node.place(), message);
            }
        }
        texts.into_iter().map(without_places).collect()
    }

    fn slot(&mut self, field: &Field<'_>) -> Option<Slot> {
        let what = format!("slot \"{}\"", field.key);
        let fields = field.value.fields_of("slot", &SLOT_KEYS, &mut self.report)?;
        let also = &[][..];
        let ask = fields.required(&what, "ask", &mut self.report).map(|node| self.wordings(node, "ask", also));
        let optional =
            |loader: &mut Self, key: &str| fields.node(key).map(|node| loader.wordings(node, key, &["heard"]));
        let invalid = optional(self, "invalid");
        let read_back = optional(self, "read_back");
        let no_input = optional(self, "no_input");
        let no_match = optional(self, "no_match");
        let kind = self.slot_kind(&fields, &what)?;
        Some(Slot { kind, ask: ask?, invalid, read_back, no_input, no_match })
    }

    fn slot_kind(&mut self, fields: &Fields<'_>, what: &str) -> Option<SlotKind> {
        const TYPES: [&str; 6] = ["amount", "choice", "date", "digits", "phone", "yes_no"];
        let node = fields.required(what, "type", &mut self.report)?;
        let kind = match node.text("\"type\"", &mut self.report)?.as_str() {
            "amount" => SlotKind::Amount,
            "choice" => {
                let options = fields.required(what, "options", &mut self.report)?;
                let entries = options.fields("\"options\"", &mut self.report)?.entries;
                let option = |field: &Field<'_>| {
                    let words = self.per_language(field.value, "words").into_iter();
                    (field.key.clone(), words.map(without_places).collect())
                };
                SlotKind::Choice(entries.iter().map(option).collect())
            }
            "date" => SlotKind::Date,
            "digits" => self.digits(fields, what)?,
            "phone" => SlotKind::Phone,
            "yes_no" => SlotKind::YesNo,
            other => {
                self.report.unknown(node.place(), "slot type", other, TYPES.into_iter());
                return None;
            }
        };
        Some(kind)
    }

    fn digits(&mut self, fields: &Fields<'_>, what: &str) -> Option<SlotKind> {
        let node = fields.required(what, "length", &mut self.report)?;
        let text = node.text("\"length\"", &mut self.report)?;
        let (least, most) = text.split_once('-').unwrap_or((&text, &text));
        let length = |text: &str| text.trim().parse::<usize>().ok().filter(|length| (1..=32).contains(length));
        let (Some(min), Some(max)) = (length(least), length(most)) else {
            self.report.say(node.place(), "\"length\" must be a number of digits such as 8 or a range such as 6-8");
            return None;
        };
        let check = match fields.node("check") {
            None => Check::None,
            Some(node) => match node.scalar().as_deref() {
                Some("luhn") => Check::Luhn,
                Some("none") => Check::None,
                other => {
                    let known = ["luhn", "none"].into_iter();
                    self.report.unknown(node.place(), "check", other.unwrap_or_default(), known);
                    Check::None
                }
            },
        };
        if min > max {
            self.report.say(node.place(), "\"length\" ends before it begins");
        }
        Some(SlotKind::Digits { min, max, check })
    }

    fn tool(&mut self, field: &Field<'_>) -> Option<Tool> {
        let what = format!("tool \"{}\"", field.key);
        let fields = field.value.fields_of("tool", &TOOL_KEYS, &mut self.report)?;
        let method = match fields.node("method").map(|node| (node, node.scalar().unwrap_or_default())) {
            None => Method::Get,
            Some((_, name)) if name == "GET" => Method::Get,
            Some((_, name)) if name == "POST" => Method::Post,
            Some((node, name)) => {
                self.report.unknown(node.place(), "method", &name, ["GET", "POST"].into_iter());
                Method::Get
            }
        };
        let url = fields.required(&what, "url", &mut self.report).and_then(|node| self.address(node));
        let mut body = BTreeMap::new();
        if let Some(entries) = fields.node("body").and_then(|node| node.fields("\"body\"", &mut self.report)) {
            for entry in entries.entries {
                let text = entry.value.text("a body value", &mut self.report);
                let template = text.and_then(|text| self.template(&text, entry.value.place(), &[]));
                body.extend(template.map(|template| (entry.key, template)));
            }
        }
        let timeout = fields.node("timeout_ms");
        let timeout_ms = timeout.and_then(|node| node.number("\"timeout_ms\"", 100..=60_000, &mut self.report));
        let retry = fields.node("retry");
        let retries = retry.and_then(|node| node.number("\"retry\"", 0..=3, &mut self.report)).unwrap_or(0);
        if let (Method::Post, Some(node), 1..) = (method, retry, retries) {
            self.report.say(node.place(), "a POST is never repeated by itself: it might act twice");
        }
        let save_as = fields.text(&what, "save_as", &mut self.report)?;
        let filler = fields.node("filler").map(|node| self.wordings(node, "filler", &[]));
        let timeout = Duration::from_millis(u64::from(timeout_ms.unwrap_or(5_000)));
        Some(Tool { method, url: url?, body, timeout, retries, save_as, filler })
    }

    fn address(&mut self, node: Node<'_>) -> Option<Template> {
        let text = node.text("\"url\"", &mut self.report)?;
        let known = ["http://", "https://", "{{config.", "{{ config."];
        if !known.iter().any(|start| text.starts_with(start)) || text.contains(char::is_control) {
            let hint = "begin it with http://, https:// or {{config.backend}}";
            self.report.hint(node.place(), format!("\"{text}\" is no web address"), hint);
        }
        if text.contains("${") {
            let hint = "${..} belongs to the server's configuration; write {{config.name}} here";
            self.report.hint(node.place(), "the address of a tool holds ${..}", hint);
        }
        self.template(&text, node.place(), &[])
    }

    fn prompts(&mut self, fields: &Fields<'_>) -> Prompts {
        let names: Vec<&str> = Moments::ALL.iter().map(|(name, _)| *name).collect();
        let node = fields.required("flow", "prompts", &mut self.report);
        let Some(entries) = node.and_then(|node| node.fields_of("prompt", &names, &mut self.report)) else {
            return Prompts::default();
        };
        let mut prompts = BTreeMap::new();
        for (name, moment) in Moments::ALL {
            let Some(node) = entries.required("\"prompts\"", name, &mut self.report) else { continue };
            let wordings = self.wordings(node, name, moment.variables());
            if matches!(moment, Moments::NoInput | Moments::NoMatch) {
                for language in self.languages.clone() {
                    if wordings.count(language) < REWORDINGS_MIN {
                        let message = format!("\"{name}\" needs {REWORDINGS_MIN} wordings in \"{language}\"");
                        self.report.say(node.place(), message);
                    }
                }
            }
            prompts.insert(moment, wordings);
        }
        Prompts(prompts)
    }

    /// Texts in every language of the flow; one that is missing is reported.
    fn per_language(&mut self, node: Node<'_>, what: &str) -> BTreeMap<Language, Vec<(String, Place)>> {
        let mut texts = BTreeMap::new();
        let Some(fields) = node.fields(&format!("\"{what}\""), &mut self.report) else { return texts };
        for field in &fields.entries {
            let Some(language) = language(field, &mut self.report) else { continue };
            if !self.languages.contains(&language) {
                let hint = "add it to \"languages\" or take the text out";
                self.report.hint(field.place, format!("the flow does not speak \"{language}\""), hint);
            }
            texts.insert(language, field.value.texts(&format!("\"{what}\""), &mut self.report));
        }
        for language in &self.languages {
            if !texts.contains_key(language) {
                self.report.say(fields.place, format!("\"{what}\" has no text in \"{language}\""));
            }
        }
        texts
    }

    fn wordings(&mut self, node: Node<'_>, what: &str, also: &'static [&'static str]) -> Wordings {
        let mut wordings = Wordings::default();
        for (language, texts) in self.per_language(node, what) {
            let parse = |(text, place): (String, Place)| self.spoken(&text, place, also);
            wordings.0.insert(language, texts.into_iter().filter_map(parse).collect());
        }
        wordings
    }

    /// A template whose text is spoken and may have markup.
    fn spoken(&mut self, text: &str, place: Place, also: &'static [&'static str]) -> Option<Template> {
        let template = self.template(text, place, also)?;
        for problem in markup::check(&template.outline()) {
            self.report.hint(place, problem.message, problem.hint);
        }
        Some(template)
    }

    fn template(&mut self, text: &str, place: Place, also: &'static [&'static str]) -> Option<Template> {
        match Template::parse(text) {
            Ok(template) => {
                self.templates.push(Used { template: template.clone(), place, also });
                Some(template)
            }
            Err(reason) => {
                self.report.say(place, format!("this template cannot be read: {reason}"));
                None
            }
        }
    }

    fn refer(&mut self, fields: &Fields<'_>, key: &str, to: Refers) -> Option<String> {
        let node = fields.node(key)?;
        self.reference(node, &format!("\"{key}\""), to)
    }

    fn reference(&mut self, node: Node<'_>, what: &str, to: Refers) -> Option<String> {
        let name = node.text(what, &mut self.report)?;
        self.references.push(Reference { to, name: name.clone(), place: node.place() });
        Some(name)
    }

    fn required_step(&mut self, fields: &Fields<'_>, key: &str) -> Option<String> {
        let node = fields.required("this step", key, &mut self.report)?;
        self.reference(node, &format!("\"{key}\""), Refers::Step)
    }
}

fn is_name(text: &str) -> bool {
    let letters: BTreeSet<char> = ('a'..='z').collect();
    text.chars().next().is_some_and(|first| letters.contains(&first))
        && text.chars().all(|letter| letters.contains(&letter) || letter.is_ascii_digit() || letter == '_')
}
