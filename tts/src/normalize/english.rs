//! English text to words only: numbers, money, dates, codes, abbreviations and symbols as a person reads them aloud.

mod amount;
mod code;
mod date;
mod number;
mod word;

use super::rule::Place;
use super::said::Hit;

pub(super) use self::word::{Shouted, capitals, is_latin, word as latin_word};

/// What stands here, if anything that is said.
pub(super) fn read(place: &Place<'_>, shouted: Shouted) -> Option<Hit> {
    let first = place.rest.chars().next()?;
    let numeric =
        first.is_ascii_alphanumeric() || matches!(first, '+' | '(' | '-' | '$' | '£' | '€' | '¥' | '₹' | '–' | '—');
    if numeric && let Some(hit) = RULES.iter().find_map(|rule| rule(place)) {
        return Some(hit);
    }
    if first.is_ascii_uppercase()
        && let Some(hit) = capitals(place, shouted)
    {
        return Some(hit);
    }
    word::symbol(place).or_else(|| latin_word(place))
}

/// How SSML's kinds of reading are read; `None` when the content is not of that kind, so that it is read as it stands.
pub(super) fn as_marked(kind: &str, content: &str) -> Option<Hit> {
    let digits: String = content.chars().filter(char::is_ascii_digit).collect();
    match kind {
        "cardinal" | "number" if !digits.is_empty() => Some(Hit::new(1).words(&number::cardinal(&digits))),
        "characters" | "spell-out" | "verbatim" if !content.is_empty() => Some(code::characters(content)),
        "currency" => amount::currency_as_marked(content),
        "date" => date::date_as_marked(content),
        "digits" | "telephone" if !digits.is_empty() => Some(code::dictated(Hit::new(1), content)),
        "ordinal" if !digits.is_empty() => amount::ordinal_number(&Place::alone(content))
            .or_else(|| Some(Hit::new(1).words(&number::ordinal(&digits)))),
        "time" => date::time(&Place::alone(content)),
        _ => None,
    }
}

/// In the order in which they are asked: the more a rule wants to see, the earlier.
const RULES: &[fn(&Place<'_>) -> Option<Hit>] = &[
    code::address,
    date::numeric_date,
    date::named_date,
    code::telephone,
    date::o_clock,
    date::time,
    amount::money_before,
    amount::money_after,
    amount::dash_before_number,
    amount::dotted_number,
    amount::compound_number,
    amount::measure,
    amount::ordinal_number,
    code::numbered,
    code::identifier,
    amount::plain_number,
    word::dotted_initials,
    word::abbreviation,
    word::roman,
];
