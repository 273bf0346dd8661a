//! Dates and times in Mandarin: years digit by digit, months and days as numbers, hours with 点.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::number::{cardinal, cardinal_of, count, one_by_one};
use crate::normalize::rule::{Place, compile, group};
use crate::normalize::said::Hit;

/// `2026-11-21`, `2026/11/21`, `2026.11.21`, `2026-11`, `21/11/2026`, `11/21`.
pub(super) fn numeric_date(place: &Place<'_>) -> Option<Hit> {
    if let Some(found) = YEAR_FIRST.captures(place.rest) {
        return year_month_day(&found, group(&found, 1), number(&found, 2), number(&found, 3));
    }
    if let Some(found) = YEAR_LAST.captures(place.rest) {
        let (first, second) = (number(&found, 1), number(&found, 2));
        let (month, day) = if second > 12 { (first, second) } else { (second, first) };
        return year_month_day(&found, group(&found, 3), month, day);
    }
    if let Some(found) = YEAR_MONTH.captures(place.rest) {
        let words = format!("{}年{}月", one_by_one(group(&found, 1)), cardinal_of(number(&found, 2)));
        return Some(Hit::new(found[0].len()).words(&words));
    }
    let found = MONTH_DAY.captures(place.rest)?;
    let (month, day) = (number(&found, 1), number(&found, 2));
    let expected = DATE_CUES.iter().any(|cue| place.before.trim_end().ends_with(cue));
    (day > 12 || expected).then(|| month_day(found[0].len(), month, day))
}

/// `2026年`, `26年3月`, `90年代`, `90后`, `2019-2021年`, `11月21日`, `3月5-8日`.
pub(super) fn named_date(place: &Place<'_>) -> Option<Hit> {
    if let Some(found) = YEARS.captures(place.rest) {
        let words = format!("{}到{}年", one_by_one(group(&found, 1)), one_by_one(group(&found, 2)));
        return Some(Hit::new(found[0].len()).words(&words));
    }
    if let Some(found) = YEAR.captures(place.rest) {
        return Some(Hit::new(found[0].len()).words(&one_by_one(group(&found, 1))).words("年"));
    }
    if let Some(found) = SHORT_YEAR.captures(place.rest) {
        return Some(Hit::new(group(&found, 1).len()).words(&one_by_one(group(&found, 1))));
    }
    if let Some(found) = DECADE.captures(place.rest) {
        let words = format!("{}年代", cardinal(group(&found, 1)));
        return Some(Hit::new(found[0].len()).words(&words));
    }
    let found = BORN.captures(place.rest)?;
    Some(Hit::new(group(&found, 1).len()).words(&one_by_one(group(&found, 1))))
}

/// `14:30`, `9:05 am`, `3pm`, `12:30:15`, `14时30分`, `2点05分`.
pub(super) fn time(place: &Place<'_>) -> Option<Hit> {
    if let Some(found) = NAMED_TIME.captures(place.rest) {
        let (hour, minute) = (number(&found, 1), group(&found, 3));
        if hour > 24 {
            return None;
        }
        return Some(Hit::new(found[0].len()).words(&format!(
            "{}{}{}分",
            hour_name(hour),
            group(&found, 2),
            two_digits(minute)
        )));
    }
    let found = TIME.captures(place.rest)?;
    let half = group(&found, 4).to_ascii_lowercase();
    let (hour, minute, second) = (number(&found, 1), group(&found, 2), group(&found, 3));
    if minute.is_empty() && half.is_empty() {
        return None;
    }
    let after = place.rest[found[0].len()..].chars().next();
    let continued = after.is_some_and(|next| next.is_ascii_alphanumeric() || next == ':');
    let wrong = hour > 24 || minute.parse().unwrap_or(0) > 59_u32 || second.parse().unwrap_or(0) > 59_u32;
    if wrong || continued {
        return None;
    }
    let said_before = ["上午", "下午", "晚上", "早上", "凌晨", "中午", "傍晚", "今晚"];
    let named = said_before.iter().any(|name| place.before.trim_end().ends_with(name));
    let part = match half.as_str() {
        "" => "",
        _ if named => "",
        "a" => "上午",
        _ if (6..12).contains(&hour) => "晚上",
        _ => "下午",
    };
    let mut words = format!("{part}{}点", hour_name(hour));
    if !matches!(minute, "" | "00") || second.parse().unwrap_or(0) > 0_u32 {
        words.push_str(&two_digits(minute));
        words.push('分');
    }
    if second.parse().unwrap_or(0) > 0_u32 {
        words.push_str(&two_digits(second));
        words.push('秒');
    }
    Some(Hit::new(found[0].len()).words(&words))
}

/// `say-as interpret-as="date"`: any of the forms above, and a month with a day.
pub(super) fn date_as_marked(content: &str) -> Option<Hit> {
    let place = Place::alone(content);
    numeric_date(&place).or_else(|| named_date(&place)).or_else(|| {
        let found = MONTH_DAY.captures(content)?;
        Some(month_day(found[0].len(), number(&found, 1), number(&found, 2)))
    })
}

fn year_month_day(found: &Captures<'_>, year: &str, month: u64, day: u64) -> Option<Hit> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let words = format!("{}年{}月{}日", one_by_one(year), cardinal_of(month), cardinal_of(day));
    Some(Hit::new(found[0].len()).words(&words))
}

fn month_day(length: usize, month: u64, day: u64) -> Hit {
    Hit::new(length).words(&format!("{}月{}日", cardinal_of(month), cardinal_of(day)))
}

fn hour_name(hour: u64) -> String {
    count(&hour.to_string())
}

/// Minutes and seconds: `05` as 零五, `30` as 三十.
fn two_digits(digits: &str) -> String {
    match digits.strip_prefix('0') {
        Some("") | None => cardinal(digits),
        Some("0") => "零".to_owned(),
        Some(one) => format!("零{}", cardinal(one)),
    }
}

/// The number in a group of digits; zero when the group is not there.
fn number(found: &Captures<'_>, index: usize) -> u64 {
    group(found, index).parse().unwrap_or(0)
}

/// What stands before a month and a day.
const DATE_CUES: [&str; 9] = ["于", "在", "到", "至", "从", "日期", "日期:", "截止", "自"];

static YEAR_FIRST: LazyLock<Regex> =
    LazyLock::new(|| compile(r"^((?:19|20)\d{2})[-/.](\d{1,2})[-/.](\d{1,2})(?:日|号|(?-u:\b))"));
static YEAR_LAST: LazyLock<Regex> = LazyLock::new(|| compile(r"^(\d{1,2})[-/](\d{1,2})[-/]((?:19|20)\d{2})(?-u:\b)"));
static YEAR_MONTH: LazyLock<Regex> = LazyLock::new(|| compile(r"^((?:19|20)\d{2})[-/](1[0-2]|0[1-9])月?(?:[^-/\d]|$)"));
static MONTH_DAY: LazyLock<Regex> = LazyLock::new(|| compile(r"^(1[0-2]|0?[1-9])/(3[01]|[12]\d|0?[1-9])(?-u:\b)"));
static YEARS: LazyLock<Regex> = LazyLock::new(|| compile(r"^((?:19|20)\d{2})年?\s?[-~–—至到]+\s?((?:19|20)\d{2})年"));
static YEAR: LazyLock<Regex> = LazyLock::new(|| compile(r"^((?:1[1-9]|20)\d{2})年"));
static SHORT_YEAR: LazyLock<Regex> = LazyLock::new(|| compile(r"^([5-9]\d|\d{2})年(?:\d{1,2}月|[初底末春夏秋冬])"));
static DECADE: LazyLock<Regex> = LazyLock::new(|| compile(r"^([1-9]0)年代"));
static BORN: LazyLock<Regex> = LazyLock::new(|| compile(r"^([5-9]0|00|[5-9]5)后"));
static NAMED_TIME: LazyLock<Regex> = LazyLock::new(|| compile(r"^(\d{1,2})(点|时)([0-5]?\d)分"));
static TIME: LazyLock<Regex> =
    LazyLock::new(|| compile(r"^(\d{1,2})(?:[::](\d{2}))?(?::(\d{2}))?(?:\s?([AaPp])(?:\.[Mm]\.|[Mm]))?"));
