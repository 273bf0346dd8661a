//! The small markup of flows: a subset of SSML 1.1, so that an author can say how something is to be read.
//!
//! `<say-as interpret-as="..">` and `<break time=".."/>`; any other tag, `<emphasis>` too, is passed over and its text
//! is read as it stands.

use std::sync::LazyLock;

use regex::Regex;

use super::amount::{currency_as_marked, ordinal_number};
use super::code::{characters, dictated};
use super::date::{date_as_marked, time};
use super::number::{cardinal, ordinal};
use super::rule::{Place, compile, group};
use super::said::Hit;

/// What a tag asks for.
pub(super) enum Markup {
    /// Nothing: the tag is passed over, so many bytes of it.
    Nothing(usize),
    /// This, instead of the text inside.
    Said(Hit),
}

/// Reads the tag at this place, if there is one.
pub(super) fn markup(place: &Place<'_>) -> Option<Markup> {
    if !place.rest.starts_with('<') {
        return None;
    }
    if let Some(found) = SAY_AS.captures(place.rest) {
        let content = group(&found, 2).trim();
        if let Some(mut hit) = as_marked(group(&found, 1), content) {
            hit.length = found[0].len();
            return Some(Markup::Said(hit));
        }
    }
    if let Some(found) = BREAK.find(place.rest) {
        return Some(Markup::Said(Hit::new(found.end()).mark(',')));
    }
    TAG.find(place.rest).map(|found| Markup::Nothing(found.end()))
}

/// How SSML's kinds of reading are read; `None` when the content is not of that kind, so that it is read as it stands.
fn as_marked(kind: &str, content: &str) -> Option<Hit> {
    let digits: String = content.chars().filter(char::is_ascii_digit).collect();
    match kind {
        "cardinal" | "number" if !digits.is_empty() => Some(Hit::new(1).words(&cardinal(&digits))),
        "characters" | "spell-out" | "verbatim" if !content.is_empty() => Some(characters(content)),
        "currency" => currency_as_marked(content),
        "date" => date_as_marked(content),
        "digits" | "telephone" if !digits.is_empty() => Some(dictated(Hit::new(1), content)),
        "ordinal" if !digits.is_empty() => {
            ordinal_number(&Place::alone(content)).or_else(|| Some(Hit::new(1).words(&ordinal(&digits))))
        }
        "time" => time(&Place::alone(content)),
        _ => None,
    }
}

static SAY_AS: LazyLock<Regex> = LazyLock::new(|| {
    compile(r#"^<say-as\s+interpret-as\s*=\s*["']([a-z-]{1,20})["'][^<>]{0,80}>([^<>]{0,200})</say-as\s*>"#)
});
static BREAK: LazyLock<Regex> = LazyLock::new(|| compile(r"^<break\b[^<>]{0,80}>"));
static TAG: LazyLock<Regex> = LazyLock::new(|| compile(r"^</?[A-Za-z][^<>]{0,180}>"));
