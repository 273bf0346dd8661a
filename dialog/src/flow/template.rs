//! Texts with holes: `{{ order.carrier }}` is filled from slots and tool results at the moment it is said.
//!
//! A hole that cannot be filled is an error and never silence: a caller must not hear "your order is with .".

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use call::Language;
use call::markup::unmarked;
use jiff::civil::Date;
use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};

use crate::output::PromptKind;
use crate::wording;

/// A text that was parsed when the flow was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    source: String,
    variables: BTreeSet<String>,
    kind: PromptKind,
}

impl Template {
    /// Parses a text.
    ///
    /// # Errors
    /// What the template language says about it, and unknown filters.
    pub(crate) fn parse(source: &str) -> Result<Self, String> {
        let source = source.trim().to_owned();
        let template = SPOKEN.template_from_str(&source).map_err(|error| one_line(&error))?;
        let variables: BTreeSet<String> = template.undeclared_variables(true).into_iter().collect();
        let plain = !source.contains("{{") && !source.contains("{%") && !source.contains("{#");
        let kind = if plain { PromptKind::Fixed } else { PromptKind::Live };
        Ok(Self { source, variables, kind })
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    pub(crate) const fn kind(&self) -> PromptKind {
        self.kind
    }

    /// Dotted names of everything it reads.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(String::as_str)
    }

    /// Names of the configuration values it reads.
    pub(crate) fn config_names(&self) -> Vec<String> {
        self.variables().filter_map(|name| name.strip_prefix("config.")).map(str::to_owned).collect()
    }

    /// The text to speak. Nothing in a value can be taken for markup.
    ///
    /// # Errors
    /// Names the hole that could not be filled.
    pub(crate) fn spoken(&self, values: &Values) -> Result<String, String> {
        self.render(&SPOKEN, values)
    }

    /// The text with its values as they are, for systems of the business.
    ///
    /// # Errors
    /// Names the hole that could not be filled.
    pub(crate) fn text(&self, values: &Values) -> Result<String, String> {
        self.render(&TEXT, values)
    }

    /// The words that are the same in every call: [`HOLE`] stands where a value comes in, and a new line where the
    /// template decides something.
    pub(crate) fn outline(&self) -> String {
        let mut out = String::with_capacity(self.source.len());
        let mut rest = self.source.as_str();
        while let Some(start) = rest.find('{') {
            let (before, from) = rest.split_at(start);
            out.push_str(before);
            let (mark, end) = match from.as_bytes().get(1) {
                Some(b'{') => (HOLE, "}}"),
                Some(b'%') => ('\n', "%}"),
                Some(b'#') => ('\n', "#}"),
                Some(_) | None => {
                    out.push('{');
                    rest = &from[1..];
                    continue;
                }
            };
            out.push(mark);
            rest = from.find(end).map_or("", |at| &from[at + end.len()..]);
        }
        out.push_str(rest);
        out
    }

    /// The address to ask; every value but those of the configuration is percent-encoded, so that what a caller said
    /// cannot lead to another address.
    ///
    /// # Errors
    /// Names the hole that could not be filled.
    pub(crate) fn address(&self, values: &Values) -> Result<String, String> {
        self.render(&ADDRESS, values)
    }

    fn render(&self, environment: &Environment<'static>, values: &Values) -> Result<String, String> {
        environment.render_str(&self.source, values.context()).map_err(|error| one_line(&error))
    }
}

/// What templates can read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values(BTreeMap<String, Value>);

impl Values {
    /// The values every template of a call sees.
    pub(crate) fn new(language: Language, today: Date, caller: &str, config: &BTreeMap<String, String>) -> Self {
        let safe = config.iter().map(|(name, value)| (name.clone(), Value::from_safe_string(value.clone())));
        let mut values = Self::default();
        values.put("language", Value::from(language.code()));
        values.put("today", Value::from(today.to_string()));
        values.put("caller", Value::from(caller));
        values.put("config", Value::from(safe.collect::<BTreeMap<String, Value>>()));
        values
    }

    pub(crate) fn put(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    pub(crate) fn put_json(&mut self, name: &str, value: &serde_json::Value) {
        self.put(name, Value::from(Serde(value)));
    }

    fn context(&self) -> Value {
        Value::from(self.0.clone())
    }
}

/// Names that exist in every template.
pub(crate) const EVERYWHERE: [&str; 4] = ["caller", "config", "language", "today"];

/// Stands for a value in [`Flow::live_prompts`](crate::Flow::live_prompts): a character that no text holds (of the private use area).
pub const HOLE: char = '\u{e000}';

static TEXT: LazyLock<Environment<'static>> = LazyLock::new(environment);

static SPOKEN: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = environment();
    environment.set_formatter(write_unmarked);
    environment
});

static ADDRESS: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = environment();
    environment.set_formatter(write_encoded);
    environment
});

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_formatter(write_known);
    environment.add_filter("digits", |state: &State<'_, '_>, value: &Value| {
        let spoken = wording::digits(&value.to_string(), language(state));
        if spoken.is_empty() { Err(invalid("digits needs digits")) } else { Ok(spoken) }
    });
    environment.add_filter("money", |state: &State<'_, '_>, value: &Value, currency: Option<String>| {
        let amount = f64::try_from(value.clone()).ok().filter(|amount| amount.is_finite());
        let amount = amount.ok_or_else(|| invalid("money needs a number"))?;
        Ok::<_, Error>(wording::money(amount, currency.as_deref().unwrap_or("CNY"), language(state)))
    });
    environment.add_filter("date", |state: &State<'_, '_>, value: &Value| {
        let date = |value: &Value| value.to_string().get(..10).and_then(|text| text.parse::<Date>().ok());
        let wanted = date(value).ok_or_else(|| invalid("date needs a date such as 2026-11-24"))?;
        let today = state.lookup("today").as_ref().and_then(date);
        Ok::<_, Error>(wording::date(wanted, today, language(state)))
    });
    environment
}

fn language(state: &State<'_, '_>) -> Language {
    let code = state.lookup("language").map(|value| value.to_string());
    code.and_then(|code| code.parse().ok()).unwrap_or_default()
}

/// `null` from a system of the business is as unspeakable as a value that is missing.
fn write_known(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::None => Err(Error::new(ErrorKind::UndefinedError, "a value is null")),
        _ => minijinja::escape_formatter(out, state, value),
    }
}

/// What a caller or a system of the business says is never markup.
fn write_unmarked(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let text = value.to_string();
    if text.contains(['<', '>']) {
        return write!(out, "{}", unmarked(&text)).map_err(|_| invalid("cannot write"));
    }
    write_known(out, state, value)
}

fn write_encoded(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_safe() || value.is_undefined() || value.is_none() {
        return write_known(out, state, value);
    }
    let text = value.to_string();
    // A lone "." or ".." would climb in the path even though each letter is allowed (RFC 3986 5.2.4).
    if text.is_empty() || text.bytes().all(|byte| byte == b'.') {
        return Err(invalid("an address cannot hold this value"));
    }
    for byte in text.bytes() {
        // RFC 3986 2.3: unreserved.
        let unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        let wrote = if unreserved { write!(out, "{}", char::from(byte)) } else { write!(out, "%{byte:02X}") };
        wrote.map_err(|_| invalid("cannot write"))?;
    }
    Ok(())
}

fn invalid(detail: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, detail)
}

fn one_line(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        let config = BTreeMap::from([("backend".to_owned(), "http://127.0.0.1:8090".to_owned())]);
        let mut values = Values::new(Language::En, jiff::civil::date(2026, 11, 21), "13800138000", &config);
        values.put_json("order", &serde_json::json!({"id": "20418842", "total": 1299.0, "carrier": null}));
        values.put("id", Value::from("../customers/1?x=1"));
        values
    }

    #[test]
    fn holes_are_filled_or_named() {
        let check = |source: &str, expected: Result<&str, ()>| {
            let spoken = Template::parse(source).unwrap().spoken(&values());
            assert_eq!(spoken.as_deref().map_err(|_| ()), expected, "{source}: {spoken:?}");
        };
        check("Order {{ order.id | digits }}", Ok("Order 2 0 4 1, 8 8 4 2"));
        check("It costs {{ order.total | money('CNY') }}", Ok("It costs 1299 yuan"));
        check("With {{ order.carrier }}", Err(()));
        check("Number {{ order.nothing | digits }}", Err(()));
        check("With {{ order.nothing }}", Err(()));
        check("{% if order.nothing %}a{% else %}b{% endif %}", Ok("b"));
        assert!(Template::parse("{{ order.id | digts }}").is_err() || Template::parse("{{ x").is_err());
    }

    #[test]
    fn a_value_is_never_markup() {
        let mut values = values();
        values.put("name", Value::from("<break time=\"9s\"/>Li"));
        values.put_json("note", &serde_json::json!({"text": ["<lang>", 1 < 2]}));
        let template = Template::parse("<emphasis>{{ name }}</emphasis> {{ note.text }}").unwrap();
        let spoken = template.spoken(&values).unwrap();
        assert!(spoken.starts_with("<emphasis> break time=\"9s\"/ Li</emphasis> "), "{spoken}");
        assert_eq!(spoken.matches('<').count(), 2, "those of the author: {spoken}");
        let sent = Template::parse("{{ name }}").unwrap().text(&values).unwrap();
        assert_eq!(sent, "<break time=\"9s\"/>Li", "a system of the business gets it as it is");
    }

    #[test]
    fn the_outline_is_what_every_call_says() {
        let check = |source: &str, expected: &str| {
            assert_eq!(Template::parse(source).unwrap().outline(), expected, "{source}");
        };
        check("Order {{ order.id | digits }} left.", "Order \u{e000} left.");
        check("{% if caller %}Yes.{% else %}No.{% endif %} Bye {x}.", "\nYes.\nNo.\n Bye {x}.");
        check("{# why #}Hello.", "\nHello.");
    }

    #[test]
    fn what_a_caller_says_cannot_lead_to_another_address() {
        let address = Template::parse("{{config.backend}}/orders/{{id}}").unwrap().address(&values()).unwrap();
        assert_eq!(address, "http://127.0.0.1:8090/orders/..%2Fcustomers%2F1%3Fx%3D1");
    }

    #[test]
    fn a_text_without_holes_is_fixed() {
        assert_eq!(Template::parse("Hello.").unwrap().kind(), PromptKind::Fixed);
        assert_eq!(Template::parse("Hello {{ caller }}.").unwrap().kind(), PromptKind::Live);
    }
}
