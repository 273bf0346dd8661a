//! Money, percentages, measures, ordinals, fractions and plain numbers.

use std::sync::LazyLock;

use regex::Regex;

use super::number::{cardinal, decimal, is_one, one_by_one, ordinal, year};
use crate::normalize::rule::{NUMBER, Place, compile, group};
use crate::normalize::said::Hit;

/// `$1,299.00`, `£5`, `€2.5 million`, `¥88`, `USD 20`, `$5-10`.
pub(super) fn money_before(place: &Place<'_>) -> Option<Hit> {
    let found = MONEY_BEFORE.captures(place.rest)?;
    let currency = currency(group(&found, 2))?;
    let mut length = found[0].len();
    let mut hit = signed(group(&found, 1), length);
    hit = hit.words(&amount(group(&found, 3), group(&found, 4), currency));
    if let Some(upper) = MONEY_RANGE.captures(&place.rest[length..]) {
        length += upper[0].len();
        hit.length = length;
        hit = hit.words("to").words(&amount(group(&upper, 1), group(&upper, 2), currency));
    }
    Some(hit)
}

/// `20 USD`, `88 yuan`, `5€`, `50¢`, `12.50 RMB`.
pub(super) fn money_after(place: &Place<'_>) -> Option<Hit> {
    let found = MONEY_AFTER.captures(place.rest)?;
    let currency = currency(group(&found, 3))?;
    Some(Hit::new(found[0].len()).words(&amount(group(&found, 1), group(&found, 2), currency)))
}

/// `12.5%`, `5 kg`, `100Mbps`, `-3 °C`.
pub(super) fn measure(place: &Place<'_>) -> Option<Hit> {
    let found = MEASURE.captures(place.rest)?;
    let (number, unit) = (group(&found, 2), group(&found, 3));
    let spaced = found[0].contains(' ');
    let (_, one, many) = UNITS.iter().find(|(name, ..)| *name == unit)?;
    // A letter on its own is a unit only where it touches its number.
    if spaced && unit.len() == 1 && unit != "%" {
        return None;
    }
    let after = &place.rest[found[0].len()..];
    if unit.ends_with(char::is_alphabetic) && after.starts_with(|next: char| next.is_alphanumeric()) {
        return None;
    }
    let name = if is_one(number) { one } else { many };
    Some(signed(group(&found, 1), found[0].len()).words(&decimal(number)).words(name))
}

/// `21st`, `1,000th`.
pub(super) fn ordinal_number(place: &Place<'_>) -> Option<Hit> {
    let found = ORDINAL.captures(place.rest)?;
    let digits: String = group(&found, 1).chars().filter(char::is_ascii_digit).collect();
    Some(Hit::new(found[0].len()).words(&ordinal(&digits)))
}

/// `1/2`, `3/4`, `24/7`, `1920x1080`, `5x`, `10k`, `1990s`.
pub(super) fn compound_number(place: &Place<'_>) -> Option<Hit> {
    if let Some(found) = FRACTION.captures(place.rest) {
        return Some(Hit::new(found[0].len()).words(&fraction(group(&found, 1), group(&found, 2))));
    }
    if let Some(found) = TIMES.captures(place.rest) {
        let words = format!("{} by {}", cardinal(group(&found, 1)), cardinal(group(&found, 2)));
        return Some(Hit::new(found[0].len()).words(&words));
    }
    if let Some(found) = MANY_TIMES.captures(place.rest) {
        let length = group(&found, 1).len() + group(&found, 2).len();
        return Some(Hit::new(length).words(&decimal(group(&found, 1))).words("times"));
    }
    if let Some(found) = DECADE.captures(place.rest) {
        let words = year(group(&found, 1).parse().ok()?);
        let plural = match words.strip_suffix('y') {
            Some(stem) => format!("{stem}ies"),
            None => format!("{words}s"),
        };
        return Some(Hit::new(found[0].len()).words(&plural));
    }
    let found = SCALED.captures(place.rest)?;
    let scale = scale(group(&found, 2))?;
    Some(Hit::new(found[0].len()).words(&decimal(group(&found, 1))).words(scale))
}

/// Versions and network addresses: `2.5.1`, `192.168.0.1`.
pub(super) fn dotted_number(place: &Place<'_>) -> Option<Hit> {
    let found = DOTTED.captures(place.rest)?;
    let parts: Vec<&str> = found[0].split('.').collect();
    let (read, joint): (fn(&str) -> String, _) =
        if parts.len() == 4 { (one_by_one, " dot ") } else { (cardinal, " point ") };
    let words: Vec<_> = parts.into_iter().map(read).collect();
    Some(Hit::new(found[0].len()).words(&words.join(joint)))
}

/// Everything else with digits: years where they are likely, decimals, counts.
pub(super) fn plain_number(place: &Place<'_>) -> Option<Hit> {
    let found = PLAIN.captures(place.rest)?;
    let number = group(&found, 1);
    let hit = Hit::new(found[0].len());
    Some(match is_year(place, number, &place.rest[found[0].len()..]) {
        Some(value) => hit.words(&year(value)),
        None => hit.words(&decimal(number)),
    })
}

/// A minus before a number, or the "to" of a range.
pub(super) fn dash_before_number(place: &Place<'_>) -> Option<Hit> {
    let found = DASH.captures(place.rest)?;
    let length = group(&found, 1).len();
    let after_space =
        place.before.is_empty() || place.before.ends_with(|letter: char| letter.is_whitespace() || letter == '(');
    let numeric_before = place.before.trim_end().ends_with(|letter: char| letter.is_ascii_digit() || letter == '%')
        || place.before.trim_end().to_lowercase().ends_with('m');
    let touching = !place.rest[length..].starts_with(char::is_whitespace);
    if numeric_before && (!after_space || !touching) {
        return Some(Hit::new(length).words("to"));
    }
    (after_space && touching && group(&found, 1) == "-").then(|| Hit::new(length).words("minus"))
}

/// `say-as interpret-as="currency"` and friends share the words of an amount.
pub(super) fn currency_as_marked(content: &str) -> Option<Hit> {
    let place = Place::alone(content);
    money_before(&place).or_else(|| money_after(&place))
}

fn signed(sign: &str, length: usize) -> Hit {
    let hit = Hit::new(length);
    if sign.is_empty() { hit } else { hit.words("minus") }
}

fn is_year(place: &Place<'_>, number: &str, after: &str) -> Option<u64> {
    let value: u64 = if number.len() == 4 { number.parse().ok()? } else { return None };
    let named = place.follows(&[
        "in",
        "since",
        "until",
        "year",
        "during",
        "early",
        "late",
        "mid",
        "summer",
        "winter",
        "spring",
        "autumn",
        "fall",
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "copyright",
        "model",
    ]);
    let numbered_noun = after.starts_with(' ') && after.trim_start().starts_with(|next: char| next.is_lowercase());
    let range = if named { 1100..2100 } else { 1900..2100 };
    (range.contains(&value) && !numbered_noun).then_some(value)
}

/// An amount of money: `1,299.50` and two words for each part.
fn amount(number: &str, scale_name: &str, currency: &Currency) -> String {
    let Currency { one, many, cent, cents, .. } = currency;
    if let Some(scale) = scale(scale_name) {
        return format!("{} {scale} {many}", decimal(number));
    }
    let plain: String = number.chars().filter(|letter| *letter != ',').collect();
    let name = |digits: &str| if is_one(digits) { *one } else { *many };
    match plain.split_once('.') {
        None => format!("{} {}", cardinal(&plain), name(&plain)),
        Some((whole, part)) if part.chars().all(|digit| digit == '0') => format!("{} {}", cardinal(whole), name(whole)),
        Some((whole, part)) if part.len() == 2 && !cents.is_empty() => {
            let small = part.trim_start_matches('0');
            let coins = format!("{} {}", cardinal(small), if is_one(small) { *cent } else { *cents });
            if whole.trim_start_matches('0').is_empty() {
                coins
            } else {
                format!("{} {} and {coins}", cardinal(whole), name(whole))
            }
        }
        Some(_) => format!("{} {many}", decimal(plain.trim_end_matches('0'))),
    }
}

fn fraction(above: &str, below: &str) -> String {
    let (value, whole): (usize, usize) = (above.parse().unwrap_or(0), below.parse().unwrap_or(0));
    let plural = if value == 1 { "" } else { "s" };
    match whole {
        2 if value == 1 => "one half".to_owned(),
        4 if value < 4 => format!("{} quarter{plural}", cardinal(above)),
        3 | 5..=10 if value < whole => format!("{} {}{plural}", cardinal(above), ordinal(below)),
        7 => format!("{} seven", cardinal(above)),
        _ => format!("{} over {}", cardinal(above), cardinal(below)),
    }
}

fn scale(name: &str) -> Option<&'static str> {
    Some(match name {
        "hundred" => "hundred",
        "thousand" | "k" | "K" => "thousand",
        "million" | "m" | "M" | "mn" => "million",
        "billion" | "bn" | "B" | "b" => "billion",
        "trillion" => "trillion",
        _ => return None,
    })
}

struct Currency {
    signs: &'static [&'static str],
    one: &'static str,
    many: &'static str,
    cent: &'static str,
    cents: &'static str,
}

fn currency(sign: &str) -> Option<&'static Currency> {
    CURRENCIES.iter().find(|currency| currency.signs.contains(&sign.trim()))
}

const fn money(signs: &'static [&'static str], names: [&'static str; 4]) -> Currency {
    Currency { signs, one: names[0], many: names[1], cent: names[2], cents: names[3] }
}

const CURRENCIES: &[Currency] = &[
    money(&["$", "US$", "USD"], ["dollar", "dollars", "cent", "cents"]),
    money(&["£", "GBP"], ["pound", "pounds", "penny", "pence"]),
    money(&["€", "EUR"], ["euro", "euros", "cent", "cents"]),
    money(&["¥", "CNY", "RMB", "yuan", "元"], ["yuan", "yuan", "", ""]),
    money(&["JPY"], ["yen", "yen", "", ""]),
    money(&["HK$", "HKD"], ["Hong Kong dollar", "Hong Kong dollars", "cent", "cents"]),
    money(&["A$", "AUD"], ["Australian dollar", "Australian dollars", "cent", "cents"]),
    money(&["C$", "CAD"], ["Canadian dollar", "Canadian dollars", "cent", "cents"]),
    money(&["S$", "SGD"], ["Singapore dollar", "Singapore dollars", "cent", "cents"]),
    money(&["CHF"], ["Swiss franc", "Swiss francs", "", ""]),
    money(&["₹", "INR"], ["rupee", "rupees", "", ""]),
    money(&["¢"], ["cent", "cents", "", ""]),
];

/// Longer names first where one begins with another.
const UNITS: &[(&str, &str, &str)] = &[
    ("%", "percent", "percent"),
    ("‰", "per mille", "per mille"),
    ("°C", "degree Celsius", "degrees Celsius"),
    ("℃", "degree Celsius", "degrees Celsius"),
    ("°F", "degree Fahrenheit", "degrees Fahrenheit"),
    ("°", "degree", "degrees"),
    ("km/h", "kilometer per hour", "kilometers per hour"),
    ("kph", "kilometer per hour", "kilometers per hour"),
    ("mph", "mile per hour", "miles per hour"),
    ("m/s", "meter per second", "meters per second"),
    ("MB/s", "megabyte per second", "megabytes per second"),
    ("km", "kilometer", "kilometers"),
    ("cm", "centimeter", "centimeters"),
    ("mm", "millimeter", "millimeters"),
    ("m²", "square meter", "square meters"),
    ("sqm", "square meter", "square meters"),
    ("sq ft", "square foot", "square feet"),
    ("m", "meter", "meters"),
    ("kg", "kilogram", "kilograms"),
    ("mg", "milligram", "milligrams"),
    ("g", "gram", "grams"),
    ("lbs", "pounds", "pounds"),
    ("lb", "pound", "pounds"),
    ("oz", "ounce", "ounces"),
    ("ft", "foot", "feet"),
    ("mi", "mile", "miles"),
    ("yd", "yard", "yards"),
    ("ml", "milliliter", "milliliters"),
    ("mL", "milliliter", "milliliters"),
    ("L", "liter", "liters"),
    ("l", "liter", "liters"),
    ("kbps", "kilobit per second", "kilobits per second"),
    ("Mbps", "megabit per second", "megabits per second"),
    ("Mbit/s", "megabit per second", "megabits per second"),
    ("Gbps", "gigabit per second", "gigabits per second"),
    ("KB", "kilobyte", "kilobytes"),
    ("kB", "kilobyte", "kilobytes"),
    ("MB", "megabyte", "megabytes"),
    ("GB", "gigabyte", "gigabytes"),
    ("TB", "terabyte", "terabytes"),
    ("kHz", "kilohertz", "kilohertz"),
    ("MHz", "megahertz", "megahertz"),
    ("GHz", "gigahertz", "gigahertz"),
    ("Hz", "hertz", "hertz"),
    ("kWh", "kilowatt hour", "kilowatt hours"),
    ("kW", "kilowatt", "kilowatts"),
    ("W", "watt", "watts"),
    ("V", "volt", "volts"),
    ("mAh", "milliamp hour", "milliamp hours"),
    ("hrs", "hours", "hours"),
    ("hr", "hour", "hours"),
    ("h", "hour", "hours"),
    ("mins", "minutes", "minutes"),
    ("min", "minute", "minutes"),
    ("secs", "seconds", "seconds"),
    ("sec", "second", "seconds"),
    ("ms", "millisecond", "milliseconds"),
    ("s", "second", "seconds"),
    ("yrs", "years", "years"),
    ("pcs", "pieces", "pieces"),
    ("px", "pixel", "pixels"),
];

const SIGNS: &str = r"US\$|HK\$|A\$|C\$|S\$|[$£€¥₹]|USD|GBP|EUR|CNY|RMB|JPY|HKD|AUD|CAD|SGD|CHF|INR";

static MONEY_BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    compile(&format!(r"^(-)?({SIGNS})\s?{NUMBER}(?:\s?(hundred|thousand|million|billion|trillion|[kKmMbB]n?)\b)?"))
});
static MONEY_RANGE: LazyLock<Regex> = LazyLock::new(|| {
    compile(&format!(
        r"^\s?[-–]\s?(?:{SIGNS})?\s?{NUMBER}(?:\s?(hundred|thousand|million|billion|trillion|[kKmMbB]n?)\b)?"
    ))
});
static MONEY_AFTER: LazyLock<Regex> = LazyLock::new(|| {
    compile(&format!(r"^{NUMBER}(?:\s?(hundred|thousand|million|billion|trillion))?\s?([$£€¥₹¢元]|(?:{SIGNS}|yuan)\b)"))
});
static MEASURE: LazyLock<Regex> = LazyLock::new(|| {
    let mut names: Vec<_> = UNITS.iter().map(|(name, ..)| regex::escape(name)).collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    compile(&format!(r"^(-)?{NUMBER}\s?({})", names.join("|")))
});
static ORDINAL: LazyLock<Regex> = LazyLock::new(|| compile(r"^(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th)\b"));
static FRACTION: LazyLock<Regex> = LazyLock::new(|| compile(r"^(\d{1,2})/(\d{1,2})\b"));
static TIMES: LazyLock<Regex> = LazyLock::new(|| compile(r"^(\d+)\s?[x×]\s?(\d+)\b"));
static MANY_TIMES: LazyLock<Regex> = LazyLock::new(|| compile(r"^(\d+(?:\.\d+)?)([x×])(?:\s|$|[.,;!?])"));
static DECADE: LazyLock<Regex> = LazyLock::new(|| compile(r"^(1[1-9]\d0|20\d0)s\b"));
static SCALED: LazyLock<Regex> = LazyLock::new(|| compile(r"^(\d+(?:\.\d+)?)(k|bn|mn|M|K)\b"));
static DOTTED: LazyLock<Regex> = LazyLock::new(|| compile(r"^\d{1,3}(?:\.\d{1,3}){2,4}\b"));
static PLAIN: LazyLock<Regex> = LazyLock::new(|| compile(&format!("^{NUMBER}")));
static DASH: LazyLock<Regex> = LazyLock::new(|| compile(r"^([-–—])\s?[$£€¥]?\d"));
