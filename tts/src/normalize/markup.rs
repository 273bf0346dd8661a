//! The small markup of flows: a subset of SSML 1.1, so that an author can say how something is to be read.
//!
//! `<say-as interpret-as="..">` and `<break time=".."/>`; any other tag, `<emphasis>` too, is passed over and its text
//! is read as it stands.

use std::sync::LazyLock;

use regex::Regex;

use super::rule::{Place, compile, group};
use super::said::Hit;

/// What a tag asks for.
pub(super) enum Markup {
    /// Nothing: the tag is passed over, so many bytes of it.
    Nothing(usize),
    /// This, instead of the text inside.
    Said(Hit),
}

/// Reads the tag at this place, if there is one. `as_marked` reads the content of a `say-as` of some kind, in one
/// language; it gives `None` when the content is not of that kind, so that it is read as it stands.
pub(super) fn markup(place: &Place<'_>, as_marked: fn(&str, &str) -> Option<Hit>) -> Option<Markup> {
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

static SAY_AS: LazyLock<Regex> = LazyLock::new(|| {
    compile(r#"^<say-as\s+interpret-as\s*=\s*["']([a-z-]{1,20})["'][^<>]{0,80}>([^<>]{0,200})</say-as\s*>"#)
});
static BREAK: LazyLock<Regex> = LazyLock::new(|| compile(r"^<break\b[^<>]{0,80}>"));
static TAG: LazyLock<Regex> = LazyLock::new(|| compile(r"^</?[A-Za-z][^<>]{0,180}>"));
