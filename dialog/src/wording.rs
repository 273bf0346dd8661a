//! Values as words for the mouth: digits one by one, money, dates, in each language.
//!
//! The mouth normalises numbers too; what is fixed here is only what it cannot know, such as where to pause in a
//! number that is read back.

use call::Language;
use jiff::civil::{Date, Weekday};

/// Digits one by one, with a pause after every fourth: nobody can follow eight at once.
pub(crate) fn digits(text: &str, language: Language) -> String {
    let kept: Vec<String> = text.chars().filter(char::is_ascii_alphanumeric).map(String::from).collect();
    let pause = match language {
        Language::En => ", ",
        Language::Zh => "，",
    };
    // Eleven digits are a Chinese mobile number, said 3-4-4; others go by fours.
    let head = if kept.len() == 11 { 3 } else { 0 };
    let (first, rest) = kept.split_at(head);
    let mut groups: Vec<String> = rest.chunks(4).map(|group| group.join(" ")).collect();
    if !first.is_empty() {
        groups.insert(0, first.join(" "));
    }
    groups.join(pause)
}

/// An amount with its currency; cents only when there are any.
pub(crate) fn money(amount: f64, currency: &str, language: Language) -> String {
    let cents = (amount * 100.0).round() / 100.0;
    let number = if cents.fract() == 0.0 { format!("{cents:.0}") } else { format!("{cents:.2}") };
    let (en, zh) = match currency {
        "CNY" => ("yuan", "元"),
        "EUR" => ("euros", "欧元"),
        "GBP" => ("pounds", "英镑"),
        "USD" => ("dollars", "美元"),
        other => (other, other),
    };
    match language {
        Language::En => format!("{number} {en}"),
        Language::Zh => format!("{number}{zh}"),
    }
}

/// A date as one would say it on the day `today`.
pub(crate) fn date(wanted: Date, today: Option<Date>, language: Language) -> String {
    let distance = today.and_then(|today| wanted.since(today).ok()).map(|span| span.get_days());
    let near = match (distance, language) {
        (Some(-1), Language::En) => Some("yesterday"),
        (Some(0), Language::En) => Some("today"),
        (Some(1), Language::En) => Some("tomorrow"),
        (Some(-1), Language::Zh) => Some("昨天"),
        (Some(0), Language::Zh) => Some("今天"),
        (Some(1), Language::Zh) => Some("明天"),
        (Some(_) | None, Language::En | Language::Zh) => None,
    };
    if let Some(near) = near {
        return near.to_owned();
    }
    match language {
        Language::En => format!("{}, {} {}", weekday(wanted), month(wanted.month()), ordinal(wanted.day())),
        Language::Zh => format!("{}月{}号", wanted.month(), wanted.day()),
    }
}

fn weekday(date: Date) -> &'static str {
    match date.weekday() {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

/// English names of the months, January first.
pub(crate) const MONTHS: [&str; 12] = [
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

fn month(number: i8) -> &'static str {
    usize::try_from(number - 1).ok().and_then(|index| MONTHS.get(index)).copied().unwrap_or("")
}

fn ordinal(day: i8) -> String {
    let ending = match day {
        1 | 21 | 31 => "st",
        2 | 22 => "nd",
        3 | 23 => "rd",
        _ => "th",
    };
    format!("{day}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_worded_as_people_say_them() {
        let today = jiff::civil::date(2026, 11, 21);
        let on = |day, language| date(jiff::civil::date(2026, 11, day), Some(today), language);
        assert_eq!(on(24, Language::En), "Tuesday, November 24th");
        assert_eq!(on(22, Language::En), "tomorrow");
        assert_eq!(on(24, Language::Zh), "11月24号");
        assert_eq!(on(20, Language::Zh), "昨天");
        assert_eq!(digits("20418842", Language::Zh), "2 0 4 1，8 8 4 2");
        assert_eq!(digits("13800138000", Language::En), "1 3 8, 0 0 1 3, 8 0 0 0");
        assert_eq!(money(1299.0, "CNY", Language::Zh), "1299元");
        assert_eq!(money(19.9, "GBP", Language::En), "19.90 pounds");
    }

    #[test]
    fn a_date_a_month_away_is_not_tomorrow() {
        let today = jiff::civil::date(2026, 11, 21);
        assert_eq!(date(jiff::civil::date(2026, 12, 22), Some(today), Language::En), "Tuesday, December 22nd");
    }
}
