//! Reads YAML nodes with their places, and goes on after a problem so that a designer sees all of them at once.

use call::Language;
use saphyr::{LoadableYamlNode, MarkedYamlOwned, ScalarOwned, YamlDataOwned};

use super::near::nearest;
use super::problem::FlowProblem;

/// Longest flow file in bytes: far above any real one, far below what would stall the server.
const FILE_BYTES_MAX: usize = 1 << 20;
/// Most problems told at once; more are the same one again.
const PROBLEMS_MAX: usize = 200;

/// A place in the file, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// The problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    problems: Vec<FlowProblem>,
}

impl Report {
    pub(crate) fn say(&mut self, place: Place, message: impl Into<String>) {
        self.add(place, message.into(), None);
    }

    pub(crate) fn hint(&mut self, place: Place, message: impl Into<String>, hint: impl Into<String>) {
        self.add(place, message.into(), Some(hint.into()));
    }

    /// `what "wanted" does not exist`, with the nearest name that does.
    pub(crate) fn unknown<'a>(
        &mut self,
        place: Place,
        what: &str,
        wanted: &str,
        known: impl Iterator<Item = &'a str> + Clone,
    ) {
        let hint = match nearest(wanted, known.clone()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("known: {}", known.collect::<Vec<_>>().join(", ")),
        };
        self.hint(place, format!("{what} \"{wanted}\" does not exist"), hint);
    }

    pub(crate) fn into_problems(mut self) -> Vec<FlowProblem> {
        self.problems.sort();
        self.problems.dedup();
        self.problems
    }

    fn add(&mut self, place: Place, message: String, hint: Option<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(FlowProblem { line: place.line, column: place.column, message, hint });
        }
    }
}

/// A node of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a>(&'a MarkedYamlOwned);

/// A mapping whose keys are texts.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    pub(crate) place: Place,
    pub(crate) entries: Vec<Field<'a>>,
}

/// One entry of a mapping.
#[derive(Clone, Debug)]
pub(crate) struct Field<'a> {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) value: Node<'a>,
}

/// Parses the text of a file; `None` when it is not YAML, which is then reported.
pub(crate) fn document(yaml: &str, report: &mut Report) -> Option<MarkedYamlOwned> {
    let top = Place { line: 1, column: 1 };
    if yaml.len() > FILE_BYTES_MAX {
        report.say(top, format!("the file is larger than {FILE_BYTES_MAX} bytes"));
        return None;
    }
    match MarkedYamlOwned::load_from_str(yaml) {
        Ok(mut documents) if documents.len() == 1 => documents.pop(),
        Ok(documents) => {
            report.say(top, format!("a flow is one YAML document, this file holds {}", documents.len()));
            None
        }
        Err(error) => {
            let place = Place { line: error.marker().line(), column: error.marker().col() + 1 };
            report.say(place, format!("this is not YAML: {}", error.info()));
            None
        }
    }
}

impl<'a> Node<'a> {
    pub(crate) const fn new(node: &'a MarkedYamlOwned) -> Self {
        Self(node)
    }

    pub(crate) fn place(self) -> Place {
        Place { line: self.0.span.start.line(), column: self.0.span.start.col() + 1 }
    }

    /// The text of a scalar: numbers and booleans are taken as they would be written.
    pub(crate) fn scalar(self) -> Option<String> {
        match &self.0.data {
            YamlDataOwned::Value(ScalarOwned::String(text)) => Some(text.clone()),
            YamlDataOwned::Value(ScalarOwned::Integer(number)) => Some(number.to_string()),
            YamlDataOwned::Value(ScalarOwned::Boolean(flag)) => Some(flag.to_string()),
            YamlDataOwned::Value(ScalarOwned::FloatingPoint(number)) => Some(number.to_string()),
            YamlDataOwned::Value(ScalarOwned::Null)
            | YamlDataOwned::Representation(..)
            | YamlDataOwned::Sequence(_)
            | YamlDataOwned::Mapping(_)
            | YamlDataOwned::Tagged(..)
            | YamlDataOwned::Alias(_)
            | YamlDataOwned::BadValue => None,
        }
    }

    pub(crate) fn text(self, what: &str, report: &mut Report) -> Option<String> {
        let text = self.scalar().filter(|text| !text.trim().is_empty());
        if text.is_none() {
            report.say(self.place(), format!("{what} must be a text that is not empty"));
        }
        text
    }

    pub(crate) fn number(self, what: &str, range: std::ops::RangeInclusive<u32>, report: &mut Report) -> Option<u32> {
        let number = self.scalar().and_then(|text| text.parse().ok()).filter(|number| range.contains(number));
        if number.is_none() {
            report.say(self.place(), format!("{what} must be a number from {} to {}", range.start(), range.end()));
        }
        number
    }

    pub(crate) fn flag(self, what: &str, report: &mut Report) -> bool {
        match self.scalar().as_deref() {
            Some("true") => true,
            Some("false") => false,
            Some(_) | None => {
                report.say(self.place(), format!("{what} must be true or false"));
                false
            }
        }
    }

    /// One text or a list of them, each with its place.
    pub(crate) fn texts(self, what: &str, report: &mut Report) -> Vec<(String, Place)> {
        let Some(items) = self.0.data.as_vec() else {
            return self.text(what, report).map(|text| (text, self.place())).into_iter().collect();
        };
        if items.is_empty() {
            report.say(self.place(), format!("{what} is an empty list"));
        }
        let text = |item: &'a MarkedYamlOwned| {
            let node = Node(item);
            node.text(what, report).map(|text| (text, node.place()))
        };
        items.iter().filter_map(text).collect()
    }

    /// A mapping, with every key; `None` when it is none.
    pub(crate) fn fields(self, what: &str, report: &mut Report) -> Option<Fields<'a>> {
        let Some(mapping) = self.0.data.as_mapping() else {
            report.say(self.place(), format!("{what} must be a mapping (\"key: value\" lines)"));
            return None;
        };
        let field = |(key, value): (&'a MarkedYamlOwned, &'a MarkedYamlOwned)| {
            let place = Node(key).place();
            Some(Field { key: Node(key).scalar()?, place, value: Node(value) })
        };
        Some(Fields { place: self.place(), entries: mapping.iter().filter_map(field).collect() })
    }

    /// A mapping that has only `keys`; others are reported.
    pub(crate) fn fields_of(self, what: &str, keys: &[&str], report: &mut Report) -> Option<Fields<'a>> {
        let fields = self.fields(what, report)?;
        for field in &fields.entries {
            if !keys.contains(&field.key.as_str()) {
                report.unknown(field.place, &format!("{what} key"), &field.key, keys.iter().copied());
            }
        }
        Some(fields)
    }
}

impl<'a> Fields<'a> {
    pub(crate) fn find(&self, key: &str) -> Option<&Field<'a>> {
        self.entries.iter().find(|field| field.key == key)
    }

    pub(crate) fn node(&self, key: &str) -> Option<Node<'a>> {
        self.find(key).map(|field| field.value)
    }

    /// The value of a key that must be there.
    pub(crate) fn required(&self, what: &str, key: &str, report: &mut Report) -> Option<Node<'a>> {
        let node = self.node(key);
        if node.is_none() {
            report.say(self.place, format!("{what} has no \"{key}\""));
        }
        node
    }

    pub(crate) fn text(&self, what: &str, key: &str, report: &mut Report) -> Option<String> {
        self.required(what, key, report)?.text(&format!("\"{key}\""), report)
    }
}

/// The language a key names.
pub(crate) fn language(field: &Field<'_>, report: &mut Report) -> Option<Language> {
    let language = field.key.parse().ok();
    if language.is_none() {
        report.unknown(field.place, "language", &field.key, ["en", "zh"].into_iter());
    }
    language
}
