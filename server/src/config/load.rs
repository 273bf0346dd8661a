//! Reading `hotline.toml`: text to a tree that knows its lines, environment put in, tree to types.
//!
//! The tree is kept until the end, so that a rule broken between two sections can still point at a line.

use std::borrow::Cow;
use std::env;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::problem::{ConfigError, ConfigProblem, nearest};
use super::sections::{Config, Dialog};

/// The file that is read when none is named.
const FILE: &str = "hotline.toml";

impl Config {
    /// Reads `path`, or `hotline.toml` in the current folder if it is there, or else takes the defaults.
    ///
    /// # Errors
    /// [`ConfigError`] when a named file cannot be read, or when what it says cannot be.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let file = path.unwrap_or_else(|| Path::new(FILE));
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_none() => String::new(),
            Err(reason) => return Err(ConfigError::Unreadable { path: file.to_owned(), reason }),
        };
        Self::parse(&text, file, |name| env::var(name).ok())
    }

    /// Reads the text of a configuration. `file` is named in problems, and relative paths start beside it; `variable`
    /// looks up what stands for `${NAME}`.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with every problem that could be found at once.
    pub fn parse(text: &str, file: &Path, variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut source = Source { file, text, root: DeTable::new() };
        let mut tree = match DeTable::parse(text) {
            Ok(tree) => tree,
            Err(error) => return Err(source.refused(&error)),
        };
        source.root.clone_from(tree.get_ref());
        let mut unset = Vec::new();
        for (key, value) in tree.get_mut().iter_mut() {
            substitute(key.get_ref(), value, &variable, &mut |key, span, message| {
                unset.push(source.problem(key.to_owned(), Some(span), message, UNSET_HINT.to_owned()));
            });
        }
        if !unset.is_empty() {
            return Err(ConfigError::Invalid(unset));
        }
        let mut config = Self::deserialize(Deserializer::from(tree)).map_err(|error| source.refused(&error))?;
        config.complete(file.parent().unwrap_or_else(|| Path::new("")));
        let broken: Vec<_> = config
            .broken_rules()
            .into_iter()
            .map(|rule| {
                let span = source.find(&rule.key);
                source.problem(rule.key, span, rule.message, rule.hint)
            })
            .collect();
        if broken.is_empty() { Ok(config) } else { Err(ConfigError::Invalid(broken)) }
    }

    /// Fills in what depends on other fields, and lets relative paths start at `base`.
    fn complete(&mut self, base: &Path) {
        for (name, value) in Dialog::default().vars {
            self.dialog.vars.entry(name).or_insert(value);
        }
        for agent in &mut self.agents {
            if agent.name.is_empty() {
                agent.name = agent.id.as_str().to_owned();
            }
        }
        let speech = &mut self.speech;
        let sip = &mut self.sip;
        let optional = [
            &mut self.recording.folder,
            &mut sip.tls_certificate,
            &mut sip.tls_key,
            &mut speech.emotion,
            &mut speech.models,
            &mut speech.whisper,
        ];
        let required = [&mut self.data.folder, &mut self.dialog.flows];
        // Joining an absolute path gives that path back.
        for path in optional.into_iter().flatten().chain(required) {
            *path = base.join(&*path);
        }
    }
}

const UNSET_HINT: &str = "set it, or write ${NAME:-default}, or $${ for the characters themselves";

/// Puts the environment into every string under `value`. Keys are left alone: they are ours, not the operator's.
fn substitute<'i>(
    path: &str,
    value: &mut Spanned<DeValue<'i>>,
    variable: &impl Fn(&str) -> Option<String>,
    report: &mut impl FnMut(&str, Range<usize>, String),
) {
    let span = value.span();
    match value.get_mut() {
        DeValue::String(text) => match expand(text, variable) {
            Ok(expanded) => *text = Cow::Owned(expanded),
            Err(message) => report(path, span, message),
        },
        DeValue::Array(items) => {
            for (place, item) in items.iter_mut().enumerate() {
                substitute(&format!("{path}.{place}"), item, variable, report);
            }
        }
        DeValue::Table(table) => {
            for (key, item) in table.iter_mut() {
                substitute(&format!("{path}.{}", key.get_ref()), item, variable, report);
            }
        }
        DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Float(_) | DeValue::Integer(_) => {}
    }
}

/// Replaces `${NAME}` and `${NAME:-default}`; `$${` stays as `${`.
fn expand(text: &str, variable: &impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let before = &rest[..start];
        let inside = &rest[start + 2..];
        if let Some(escaped) = before.strip_suffix('$') {
            expanded.push_str(escaped);
            expanded.push_str("${");
            rest = inside;
            continue;
        }
        expanded.push_str(before);
        let Some((name, after)) = inside.split_once('}') else {
            return Err("\"${\" without \"}\"".to_owned());
        };
        let (name, default) = name.split_once(":-").map_or((name, None), |(name, default)| (name, Some(default)));
        match variable(name).or_else(|| default.map(str::to_owned)) {
            Some(found) => expanded.push_str(&found),
            None => return Err(format!("the environment variable {name} is not set")),
        }
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// A configuration text and the tree made of it, for pointing at lines.
struct Source<'a> {
    file: &'a Path,
    text: &'a str,
    root: DeTable<'a>,
}

impl Source<'_> {
    fn problem(&self, key: String, span: Option<Range<usize>>, message: String, hint: String) -> ConfigProblem {
        let before = span.and_then(|span| self.text.get(..span.start));
        let line = before.map(|before| before.matches('\n').count() + 1);
        let column = before.map(|before| before.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
        ConfigProblem { file: PathBuf::from(self.file), line, column, key, message, hint }
    }

    /// What the parser refused, in the words of this house.
    fn refused(&self, error: &toml::de::Error) -> ConfigError {
        let key = error.span().and_then(|span| key_at(&self.root, &span, "")).unwrap_or_default();
        let raw = error.message().trim();
        let quoted: Vec<_> = raw.split('`').skip(1).step_by(2).collect();
        let (message, hint) = match quoted.split_first() {
            Some((&word, known)) if raw.starts_with("unknown ") => {
                let what = if raw.starts_with("unknown field") { "key" } else { "value" };
                (format!("unknown {what} \"{word}\""), suggestion(word, known))
            }
            Some((&word, _)) if raw.starts_with("missing field") => {
                (format!("\"{word}\" is missing"), format!("add a line `{word} = ...`"))
            }
            Some(_) | None => (raw.replace('\n', ", "), String::new()),
        };
        ConfigError::Invalid(vec![self.problem(key, error.span(), message, hint)])
    }

    /// Where a key stands: its value, or the nearest section around it that is there.
    fn find(&self, key: &str) -> Option<Range<usize>> {
        let mut steps = key.split('.');
        let mut here = self.root.get(steps.next()?)?;
        for step in steps {
            let inner = match here.get_ref() {
                DeValue::Array(items) => step.parse().ok().and_then(|place: usize| items.get(place)),
                DeValue::Table(table) => table.get(step),
                DeValue::Boolean(_)
                | DeValue::Datetime(_)
                | DeValue::Float(_)
                | DeValue::Integer(_)
                | DeValue::String(_) => None,
            };
            match inner {
                Some(inner) => here = inner,
                None => break,
            }
        }
        Some(here.span())
    }
}

fn suggestion(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("known here: {}", known.join(", ")),
    }
}

/// The key whose name or value stands at a place of the text.
fn key_at(table: &DeTable<'_>, span: &Range<usize>, path: &str) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let path = if path.is_empty() { key.get_ref().to_string() } else { format!("{path}.{}", key.get_ref()) };
        if key.span() == *span { Some(path) } else { value_at(value, span, &path) }
    })
}

fn value_at(value: &Spanned<DeValue<'_>>, span: &Range<usize>, path: &str) -> Option<String> {
    let inner = match value.get_ref() {
        DeValue::Table(table) => key_at(table, span, path),
        DeValue::Array(items) => {
            items.iter().enumerate().find_map(|(place, item)| value_at(item, span, &format!("{path}.{place}")))
        }
        DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Float(_) | DeValue::Integer(_) | DeValue::String(_) => {
            None
        }
    };
    inner.or_else(|| (value.span() == *span).then(|| path.to_owned()))
}

#[cfg(test)]
mod tests;
