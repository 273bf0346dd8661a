//! Dates as callers name them, counted from the day of the call.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::speech::tokens;
use super::{answers, english, mandarin};
use crate::wording::MONTHS;

/// Days from today that a phrase means; longer phrases first, since 大后天 holds 后天.
const NEAR: [(&str, i64); 20] = [
    ("the day after tomorrow", 2),
    ("day after tomorrow", 2),
    ("the day before yesterday", -2),
    ("day before yesterday", -2),
    ("tomorrow", 1),
    ("yesterday", -1),
    ("today", 0),
    ("tonight", 0),
    ("大后天", 3),
    ("大前天", -3),
    ("后天", 2),
    ("明天", 1),
    ("明日", 1),
    ("今天", 0),
    ("今日", 0),
    ("今晚", 0),
    ("昨天", -1),
    ("昨日", -1),
    ("前天", -2),
    ("明晚", 1),
];
const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];
const ORDINALS: [&str; 31] = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
    "twenty first",
    "twenty second",
    "twenty third",
    "twenty fourth",
    "twenty fifth",
    "twenty sixth",
    "twenty seventh",
    "twenty eighth",
    "twenty ninth",
    "thirtieth",
    "thirty first",
];

/// The date in a text. A day without a year is the nearest one; a day without a month is the next one.
pub fn date(text: &str, today: Date) -> Option<Date> {
    written(text)
        .or_else(|| near(text, today))
        .or_else(|| counted(text, today))
        .or_else(|| month_day(text, today))
        .or_else(|| weekday(text, today))
}

/// 2026-11-24 and 2026/11/24.
fn written(text: &str) -> Option<Date> {
    let parts: Vec<&str> =
        text.split(|letter: char| !letter.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    let place = parts.iter().position(|part| part.len() == 4)?;
    let (year, month, day) = (parts.get(place)?, parts.get(place + 1)?, parts.get(place + 2)?);
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

fn near(text: &str, today: Date) -> Option<Date> {
    let (_, days) = NEAR.iter().find(|(phrase, _)| answers::holds_phrase(text, phrase))?;
    today.checked_add(days.days()).ok()
}

/// "In three days", "a week ago", 三天后.
fn counted(text: &str, today: Date) -> Option<Date> {
    let tokens = tokens(text);
    for at in 0..tokens.len() {
        let Some((count, taken)) = number(&tokens, at) else { continue };
        let rest: Vec<&str> = tokens[at + taken..].iter().map(String::as_str).take(3).collect();
        let days = match rest.as_slice() {
            ["day" | "days" | "天", ..] => count,
            ["week" | "weeks" | "周", ..] => count * 7,
            ["个", "星", "期"] => count * 7,
            _ => continue,
        };
        let ago = tokens.iter().any(|token| token == "ago" || token == "前");
        let later = tokens.iter().any(|token| token == "in" || token == "later" || token == "后" || token == "from");
        return match (ago, later) {
            (true, _) => today.checked_sub(days.days()).ok(),
            (false, true) => today.checked_add(days.days()).ok(),
            (false, false) => None,
        };
    }
    None
}

/// "November 24th", "the 24th", 11月24号.
fn month_day(text: &str, today: Date) -> Option<Date> {
    let tokens = tokens(text);
    let named =
        |token: &String| MONTHS.iter().position(|month| abbreviates(token, month)).map(|place| (place + 1) as i8);
    let han = tokens.iter().position(|token| token == "月");
    let month = match han {
        Some(place) => number_before(&tokens, place).and_then(|month| i8::try_from(month).ok()),
        None => tokens.iter().find_map(named),
    };
    let day = day(&tokens, month.is_some())?;
    let Some(month) = month else {
        let this = Date::new(today.year(), today.month(), day).ok().filter(|date| *date >= today);
        return this.or_else(|| {
            let next = today.first_of_month().checked_add(1.month()).ok()?;
            Date::new(next.year(), next.month(), day).ok()
        });
    };
    let years = [today.year() - 1, today.year(), today.year() + 1];
    let dates = years.into_iter().filter_map(|year| Date::new(year, month, day).ok());
    dates.min_by_key(|date| date.since(today).map_or(i32::MAX, |span| span.get_days().abs()))
}

fn day(tokens: &[String], with_month: bool) -> Option<i8> {
    if let Some(place) = tokens.iter().position(|token| matches!(token.as_str(), "号" | "日")) {
        return number_before(tokens, place).and_then(|day| i8::try_from(day).ok());
    }
    for at in 0..tokens.len() {
        let two = tokens.get(at + 1).map(|next| format!("{} {next}", tokens[at]));
        let spoken = |words: &str| ORDINALS.iter().position(|ordinal| *ordinal == words);
        if let Some(place) = two.as_deref().and_then(spoken).or_else(|| spoken(&tokens[at])) {
            return i8::try_from(place + 1).ok();
        }
        let ending = tokens.get(at + 1).is_some_and(|next| matches!(next.as_str(), "st" | "nd" | "rd" | "th"));
        let day = number(tokens, at).filter(|_| ending || with_month).and_then(|(day, _)| i8::try_from(day).ok());
        if let Some(day) = day.filter(|day| (1..=31).contains(day)) {
            return Some(day);
        }
    }
    None
}

/// "Next Monday" is in the week after this one; "Monday" and "this Monday" are the next to come.
fn weekday(text: &str, today: Date) -> Option<Date> {
    let tokens = tokens(text);
    let named = |token: &String| WEEKDAYS.iter().find(|(name, _)| name == token).map(|(_, day)| *day);
    let han = tokens.windows(2).find_map(|pair| {
        let week = matches!(pair[0].as_str(), "周" | "期" | "拜");
        week.then(|| "一二三四五六日天".chars().position(|day| pair[1] == day.to_string())).flatten()
    });
    let han = han.and_then(|place| Weekday::from_monday_zero_offset(place.min(6) as i8).ok());
    let wanted = tokens.iter().find_map(named).or(han)?;
    let next = tokens.iter().any(|token| token == "next" || token == "下");
    let last = tokens.iter().any(|token| token == "last" || token == "上");
    let monday = today.checked_sub(i64::from(today.weekday().to_monday_zero_offset()).days()).ok()?;
    let in_week = |weeks: i64| {
        let days = weeks * 7 + i64::from(wanted.to_monday_zero_offset());
        monday.checked_add(days.days()).ok()
    };
    match (next, last) {
        (true, _) => in_week(1),
        (false, true) => in_week(-1),
        (false, false) => in_week(0).filter(|date| *date >= today).or_else(|| in_week(1)),
    }
}

fn number(tokens: &[String], at: usize) -> Option<(i64, usize)> {
    let token = tokens.get(at)?;
    if matches!(token.as_str(), "a" | "an") {
        return Some((1, 1));
    }
    if let Ok(number) = token.parse::<u16>() {
        return Some((i64::from(number), 1));
    }
    let letters: Vec<char> = tokens[at..].iter().map_while(|token| token.chars().next()).collect();
    let found = english::below_hundred(tokens, at).or_else(|| mandarin::cardinal(&letters));
    let found = found.or_else(|| mandarin::digit(*letters.first()?).map(|digit| (digit, 1)));
    found.and_then(|(value, taken)| Some((i64::try_from(value).ok().filter(|value| *value < 1_000)?, taken)))
}

/// The number that ends right before a place.
fn number_before(tokens: &[String], place: usize) -> Option<i64> {
    let starts = place.saturating_sub(3)..place;
    starts
        .filter_map(|at| Some((at, number(tokens, at)?)))
        .find(|(at, (_, taken))| at + taken == place)
        .map(|(_, n)| n.0)
}

fn abbreviates(token: &str, month: &str) -> bool {
    let month = month.to_lowercase();
    token == month || (token.len() >= 3 && token != "may" && token == &month[..3])
}
