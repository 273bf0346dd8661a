//! Mandarin text to words only: numbers by their kind, signs, units, codes; Latin words are left to the English front
//! end and initials are spelled.

mod amount;
mod code;
mod date;
mod number;

use self::code::{Digits, characters, dictated};
use super::english::{Shouted, capitals, latin_word};
use super::rule::Place;
use super::said::Hit;
use crate::clause::is_han;

/// What stands here, if anything that is said.
pub(super) fn read(place: &Place<'_>, shouted: Shouted) -> Option<Hit> {
    let first = place.rest.chars().next()?;
    let numeric = first.is_ascii_alphanumeric()
        || matches!(first, '+' | '(' | '-' | '–' | '—' | '~' | '$' | '£' | '€' | '¥' | '₹' | '₩');
    if numeric && let Some(hit) = RULES.iter().find_map(|rule| rule(place)) {
        return Some(hit);
    }
    if let Some(hit) = symbol(place, first) {
        return Some(hit);
    }
    if is_han(first) || first == '〇' {
        return code::identifier(place).or_else(|| Some(Hit::new(first.len_utf8()).words(&first.to_string())));
    }
    // The English rules look for the end of a word, and to them a Chinese character is a letter.
    let end = place.rest.find(is_han).unwrap_or(place.rest.len());
    let latin = Place { before: place.before, rest: &place.rest[..end], said: place.said };
    if first.is_ascii_uppercase()
        && let Some(hit) = capitals(&latin, shouted)
    {
        return Some(hit);
    }
    latin_word(&latin)
}

/// How SSML's kinds of reading are read; `None` when the content is not of that kind, so that it is read as it stands.
pub(super) fn as_marked(kind: &str, content: &str) -> Option<Hit> {
    let digits: String = content.chars().filter(char::is_ascii_digit).collect();
    match kind {
        "cardinal" | "number" if !digits.is_empty() => Some(Hit::new(1).words(&number::cardinal(&digits))),
        "characters" | "spell-out" | "verbatim" if !content.is_empty() => Some(characters(content)),
        "currency" => amount::currency_as_marked(content),
        "date" => date::date_as_marked(content),
        "digits" if !digits.is_empty() => Some(dictated(Hit::new(1), content, Digits::Plain)),
        "telephone" if !digits.is_empty() => Some(dictated(Hit::new(1), content, Digits::Telephone)),
        "ordinal" if !digits.is_empty() => Some(Hit::new(1).words("第").words(&number::cardinal(&digits))),
        "time" => date::time(&Place::alone(content)),
        _ => None,
    }
}

/// Signs that are said.
fn symbol(place: &Place<'_>, first: char) -> Option<Hit> {
    let after = &place.rest[first.len_utf8()..];
    let before = place.before.trim_end();
    let is_word = |letter: char| letter.is_alphanumeric();
    let digit_after = after.trim_start().starts_with(|next: char| next.is_ascii_digit());
    let between_words = before.ends_with(is_word) && after.trim_start().starts_with(is_word);
    let key = before.ends_with(['按', '和', '或', '键', '输', '"']) || after.trim_start().starts_with(['键', '号']);
    let words = match first {
        '&' => "和",
        '+' if between_words => "加",
        '+' => "",
        '=' => "等于",
        '@' => "艾特",
        '#' if key => {
            if after.starts_with('号') {
                "井"
            } else {
                "井号"
            }
        }
        '*' if key => {
            if after.starts_with('号') {
                "星"
            } else {
                "星号"
            }
        }
        '~' | '～' if before.ends_with(is_word) && between_words => "到",
        '~' | '≈' if digit_after => "大约",
        '<' if digit_after => "小于",
        '>' if digit_after => "大于",
        '≤' => "小于等于",
        '≥' => "大于等于",
        '±' => "正负",
        '×' => "乘",
        '÷' => "除以",
        '→' if between_words => "到",
        '½' => "二分之一",
        '¼' => "四分之一",
        '¾' => "四分之三",
        '%' => "百分号",
        '°' => "度",
        '℃' => "摄氏度",
        '$' => "美元",
        '£' => "英镑",
        '€' => "欧元",
        '¥' => "元",
        '㎡' => "平方米",
        'Ⅰ'..='Ⅻ' => {
            let value = u64::from(first as u32 - 'Ⅰ' as u32 + 1);
            return Some(Hit::new(first.len_utf8()).words(&number::cardinal_of(value)));
        }
        '①'..='⑳' => {
            let value = u64::from(first as u32 - '①' as u32 + 1);
            return Some(Hit::new(first.len_utf8()).words(&number::cardinal_of(value)));
        }
        '/' if before.ends_with(is_han) && after.starts_with(is_han) => "或",
        '-' | '–' | '—' | '·' if between_words => "",
        _ => return None,
    };
    Some(Hit::new(first.len_utf8()).words(words))
}

/// In the order in which they are asked: the more a rule wants to see, the earlier.
const RULES: &[fn(&Place<'_>) -> Option<Hit>] = &[
    code::address,
    date::numeric_date,
    date::named_date,
    code::telephone,
    date::time,
    amount::money_before,
    amount::money_after,
    amount::percent,
    code::numbered,
    amount::measure,
    amount::compound_number,
    amount::range,
    amount::dash_before_number,
    code::identifier,
    amount::plain_number,
];
