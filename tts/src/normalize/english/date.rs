//! Dates and times.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::number::{cardinal, cardinal_of, ordinal, year};
use crate::normalize::rule::{Place, compile, ends_sentence, group};
use crate::normalize::said::Hit;

/// `2026-11-21`, `2026/11/21`, `11/21/2026`, `21.11.2026`, `11/21`.
pub(super) fn numeric_date(place: &Place<'_>) -> Option<Hit> {
    if let Some(found) = ISO.captures(place.rest) {
        return month_day(&found, number(&found, 2), number(&found, 3), Some(number(&found, 1)));
    }
    if let Some(found) = SLASHED.captures(place.rest) {
        let (first, second) = (number(&found, 1), number(&found, 2));
        let full = match group(&found, 3) {
            short if short.len() == 2 => number(&found, 3) + if number(&found, 3) > 50 { 1900 } else { 2000 },
            _ => number(&found, 3),
        };
        let (month, day) = if first > 12 { (second, first) } else { (first, second) };
        return month_day(&found, month, day, Some(full));
    }
    if let Some(found) = DOTTED.captures(place.rest) {
        return month_day(&found, number(&found, 2), number(&found, 1), Some(number(&found, 3)));
    }
    let found = SHORT.captures(place.rest)?;
    let (month, day) = (number(&found, 1), number(&found, 2));
    let expected = place.follows(&["on", "by", "until", "before", "since", "from", "after", "date", "due"]);
    if day > 12 || expected { month_day(&found, month, day, None) } else { None }
}

/// `21 Nov 2026`, `Nov. 21`, `November 2026`, `Mon-Fri`.
pub(super) fn named_date(place: &Place<'_>) -> Option<Hit> {
    if let Some(found) = DAY_FIRST.captures(place.rest) {
        let (day, month) = (number(&found, 1), month_named(group(&found, 2))?);
        if !(1..=31).contains(&day) {
            return None;
        }
        let article = if place.follows(&["the"]) { "" } else { "the " };
        let words = format!("{article}{} of {}", ordinal(group(&found, 1)), MONTHS[month]);
        let stop = found[0].ends_with('.') && ends_sentence(place.rest, found[0].len());
        let length = found[0].len() - usize::from(stop);
        return Some(with_year(Hit::new(length).words(&words), group(&found, 3)));
    }
    if let Some(found) = MONTH_FIRST.captures(place.rest) {
        let (month, day) = (month_named(group(&found, 1))?, number(&found, 2));
        if (1..=31).contains(&day) {
            let words = format!("{} {}", MONTHS[month], ordinal(group(&found, 2)));
            return Some(with_year(Hit::new(found[0].len()).words(&words), group(&found, 3)));
        }
    }
    if let Some(found) = MONTH_YEAR.captures(place.rest) {
        let words = format!("{} {}", MONTHS[month_named(group(&found, 1))?], year(number(&found, 2)));
        return Some(Hit::new(found[0].len()).words(&words));
    }
    if let Some(found) = WEEKDAYS.captures(place.rest) {
        let words = format!("{} to {}", weekday(group(&found, 1))?, weekday(group(&found, 2))?);
        return Some(Hit::new(found[0].len()).words(&words));
    }
    let found = WEEKDAY.captures(place.rest)?;
    Some(Hit::new(group(&found, 1).len()).words(weekday(group(&found, 1))?))
}

/// `14:30`, `9:05 am`, `9 a.m.`, `12:30:15`.
pub(super) fn time(place: &Place<'_>) -> Option<Hit> {
    let found = TIME.captures(place.rest)?;
    let half = group(&found, 4);
    if group(&found, 2).is_empty() && half.is_empty() {
        return None;
    }
    let (hour, minute, second) = (number(&found, 1), number(&found, 2), number(&found, 3));
    if hour > 24
        || minute > 59
        || second > 59
        || place.rest[found[0].len()..].starts_with(|next: char| next.is_ascii_digit())
    {
        return None;
    }
    let mut words = cardinal_of(hour);
    match minute {
        0 if !half.is_empty() || !group(&found, 3).is_empty() => {}
        0 if hour > 12 || hour == 0 => words.push_str(" hundred"),
        0 => words.push_str(" o'clock"),
        1..=9 => words = format!("{words} oh {}", cardinal_of(minute)),
        _ => words = format!("{words} {}", cardinal_of(minute)),
    }
    if second > 0 {
        let unit = if second == 1 { "second" } else { "seconds" };
        words = format!("{words} and {} {unit}", cardinal_of(second));
    }
    let hit = Hit::new(found[0].len()).words(&words);
    if half.is_empty() {
        return Some(hit);
    }
    let hit = hit.letters(&format!("{half}M"));
    let closed = found[0].ends_with('.') && ends_sentence(place.rest, found[0].len());
    Some(if closed { hit.mark('.') } else { hit })
}

/// `say-as interpret-as="date"`: any of the forms above.
pub(super) fn date_as_marked(content: &str) -> Option<Hit> {
    let place = Place::alone(content);
    numeric_date(&place).or_else(|| named_date(&place)).or_else(|| {
        let found = SHORT.captures(content)?;
        month_day(&found, number(&found, 1), number(&found, 2), None)
    })
}

fn month_day(found: &Captures<'_>, month: u64, day: u64, full_year: Option<u64>) -> Option<Hit> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let hit = Hit::new(found[0].len()).words(&format!("{} {}", MONTHS[month as usize - 1], ordinal(&day.to_string())));
    Some(match full_year {
        Some(full) => hit.pause().words(&year(full)),
        None => hit,
    })
}

fn with_year(hit: Hit, digits: &str) -> Hit {
    match digits.parse() {
        Ok(full) => hit.pause().words(&year(full)),
        Err(_) => hit,
    }
}

/// The number in a group of digits; zero when the group is not there.
fn number(found: &Captures<'_>, index: usize) -> u64 {
    group(found, index).parse().unwrap_or(0)
}

fn month_named(name: &str) -> Option<usize> {
    let start = name.get(..3)?.to_lowercase();
    MONTHS.iter().position(|month| month.to_lowercase().starts_with(&start))
}

fn weekday(name: &str) -> Option<&'static str> {
    let start = name.get(..3)?;
    WEEK.into_iter().find(|day| day.starts_with(start))
}

/// `10 o'clock`, whose apostrophe would otherwise part it.
pub(super) fn o_clock(place: &Place<'_>) -> Option<Hit> {
    let found = O_CLOCK.captures(place.rest)?;
    Some(Hit::new(found[0].len()).words(&cardinal(group(&found, 1))).words("o'clock"))
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEK: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

const MONTH: &str = r"(Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)";
const DAY_NAME: &str = r"(Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)\.?";

static ISO: LazyLock<Regex> = LazyLock::new(|| compile(r"^(\d{4})[-/](\d{1,2})[-/](\d{1,2})\b"));
static SLASHED: LazyLock<Regex> = LazyLock::new(|| compile(r"^(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})\b"));
static DOTTED: LazyLock<Regex> = LazyLock::new(|| compile(r"^(\d{1,2})\.(\d{1,2})\.(\d{4})\b"));
static SHORT: LazyLock<Regex> = LazyLock::new(|| compile(r"^(1[0-2]|0?[1-9])/(3[01]|[12]\d|0?[1-9])\b"));
static DAY_FIRST: LazyLock<Regex> =
    LazyLock::new(|| compile(&format!(r"^(\d{{1,2}})(?:st|nd|rd|th)?(?: of|-)? ?{MONTH}\b\.?(?:,?[ -]?(\d{{4}})\b)?")));
static MONTH_FIRST: LazyLock<Regex> =
    LazyLock::new(|| compile(&format!(r"^{MONTH}\.? (\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (\d{{4}})\b)?")));
static MONTH_YEAR: LazyLock<Regex> = LazyLock::new(|| compile(&format!(r"^{MONTH}\.?,? (\d{{4}})\b")));
static WEEKDAYS: LazyLock<Regex> = LazyLock::new(|| compile(&format!(r"^{DAY_NAME}\s?[-–]\s?{DAY_NAME}\b")));
static WEEKDAY: LazyLock<Regex> = LazyLock::new(|| compile(&format!(r"^{DAY_NAME}(?:,? (?:\d|{MONTH}))")));
static TIME: LazyLock<Regex> =
    LazyLock::new(|| compile(r"^(\d{1,2})(?:[:](\d{2}))?(?::(\d{2}))?(?:\s?([AaPp])(?:\.\s?[Mm]\.|[Mm]\b))?"));
static O_CLOCK: LazyLock<Regex> = LazyLock::new(|| compile(r"^(\d{1,2}) o'clock\b"));
