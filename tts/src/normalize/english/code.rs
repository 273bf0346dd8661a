//! What is not a quantity: telephone numbers, order ids, card tails, e-mail and web addresses.
//!
//! A caller writes these down, so each digit and letter is said by its name, in groups with a breath between them.

use std::sync::LazyLock;

use regex::Regex;

use super::number::{cardinal, one_by_one};
use crate::normalize::rule::{Place, compile, group, grouping};
use crate::normalize::said::Hit;

/// `help@shop.example.com`, `https://example.com/a`, `www.example.com`.
pub(super) fn address(place: &Place<'_>) -> Option<Hit> {
    let found = EMAIL.find(place.rest).or_else(|| URL.find(place.rest)).or_else(|| DOMAIN.find(place.rest))?;
    let text = found.as_str().trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '/']);
    if text.is_empty() {
        return None;
    }
    let shown = text.split_once("://").map_or(text, |(_, shown)| shown);
    let mut hit = Hit::new(text.len());
    for piece in ADDRESS_PIECE.find_iter(shown) {
        let piece = piece.as_str();
        hit = match piece {
            "." => hit.words("dot"),
            "@" => hit.words("at"),
            "-" => hit.words("dash"),
            "_" => hit.words("underscore"),
            "/" => hit.words("slash"),
            "+" => hit.words("plus"),
            _ if piece.starts_with(|first: char| first.is_ascii_digit()) => hit.words(&one_by_one(piece)),
            _ if piece.len() < 2 || SPELLED_IN_ADDRESSES.contains(&piece.to_ascii_lowercase().as_str()) => {
                hit.letters(piece)
            }
            _ => hit.words(&piece.to_lowercase()),
        };
    }
    Some(hit)
}

/// `+86 21 5555 1234`, `(212) 555-0187`, `1-800-555-0199`, `13800138000`, `555-1234`.
pub(super) fn telephone(place: &Place<'_>) -> Option<Hit> {
    let found = TELEPHONE.find(place.rest)?;
    if place.rest[found.end()..].starts_with(|next: char| next.is_alphanumeric() || next == '-') {
        return None;
    }
    Some(dictated(Hit::new(found.end()), found.as_str()))
}

/// Digits that name something: after "ending in", "code", "order number" and the like; with a zero in front; or too
/// many for a quantity.
pub(super) fn numbered(place: &Place<'_>) -> Option<Hit> {
    if let Some(found) = CARD.find(place.rest) {
        return Some(dictated(Hit::new(found.end()), found.as_str()));
    }
    let found = DIGITS.captures(place.rest)?;
    let digits = group(&found, 1);
    let after = &place.rest[digits.len()..];
    if continues(after) {
        return None;
    }
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    let needed = named_before(place).unwrap_or(8);
    (leading_zero || digits.len() >= needed).then(|| dictated(Hit::new(digits.len()), digits))
}

/// `HL-20418-7`, `A1B2C3`, `5G`, `MP3`, `COVID-19`.
pub(super) fn identifier(place: &Place<'_>) -> Option<Hit> {
    let found = IDENTIFIER.find(place.rest)?;
    let text = found.as_str();
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let upper = text.chars().filter(char::is_ascii_uppercase).count();
    let lower = text.chars().filter(char::is_ascii_lowercase).count();
    let runs = RUN.find_iter(text).count();
    if digits == 0 || upper + lower == 0 {
        return None;
    }
    // `covid-19` and `type-c2` are words that carry a number; `a1b2c3` is an id.
    if upper == 0 && runs < 3 && text.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let dictate = digits >= 3 || runs >= 3 && digits >= 2;
    let mut hit = Hit::new(text.len());
    for (index, part) in text.split(['-', '_', '/']).enumerate() {
        if index > 0 && dictate {
            hit = hit.pause();
        }
        for run in RUN.find_iter(part) {
            let run = run.as_str();
            let numeric = run.starts_with(|first: char| first.is_ascii_digit());
            hit = if numeric && (dictate || run.starts_with('0')) {
                dictated(hit, run)
            } else if numeric {
                hit.words(&cardinal(run))
            } else if is_word_in_id(run) {
                hit.words(run)
            } else {
                hit.letters(run)
            };
        }
    }
    Some(hit)
}

/// Letters and digits one by one, as `say-as interpret-as="characters"` asks.
pub(super) fn characters(content: &str) -> Hit {
    let mut hit = Hit::new(content.len().max(1));
    for run in ANY_RUN.find_iter(content) {
        let run = run.as_str();
        hit = match run {
            "-" => hit.words("dash"),
            "." => hit.words("dot"),
            "/" => hit.words("slash"),
            "_" => hit.words("underscore"),
            "@" => hit.words("at"),
            "#" => hit.words("hash"),
            "*" => hit.words("star"),
            "+" => hit.words("plus"),
            _ if run.starts_with(|first: char| first.is_ascii_digit()) => hit.words(&one_by_one(run)),
            _ => hit.letters(run),
        };
    }
    hit
}

/// Digits in the groups in which they were written, long groups cut as people say them.
pub(super) fn dictated(mut hit: Hit, text: &str) -> Hit {
    if text.starts_with('+') {
        hit = hit.words("plus");
    }
    for (index, run) in DIGIT_RUN.find_iter(text).enumerate() {
        if index > 0 {
            hit = hit.pause();
        }
        let mut rest = run.as_str();
        for (place, &size) in grouping(rest.len()).iter().enumerate() {
            let (chunk, left) = rest.split_at(size.min(rest.len()));
            if place > 0 {
                hit = hit.pause();
            }
            hit = hit.words(&one_by_one(chunk));
            rest = left;
        }
        while !rest.is_empty() {
            let (chunk, left) = rest.split_at(4.min(rest.len()));
            hit = hit.pause().words(&one_by_one(chunk));
            rest = left;
        }
    }
    hit
}

/// Whether a decimal point, a percent sign, a colon or a letter makes the digits before it something else.
fn continues(after: &str) -> bool {
    let mut letters = after.chars();
    match letters.next() {
        Some('.' | ',' | ':' | '/') => letters.next().is_some_and(|next| next.is_ascii_digit()),
        Some('%' | '°') => true,
        Some(next) => next.is_alphanumeric(),
        None => false,
    }
}

/// How many digits it takes after the words just said to be read one by one; `None` when no such word is near.
fn named_before(place: &Place<'_>) -> Option<usize> {
    const LINKS: [&str; 9] = ["is", "was", "in", "with", "number", "no", "are", "id", "hash"];
    let mut numbered = false;
    for steps in 0..4 {
        let Some(word) = place.word_back(steps) else {
            // A colon between the name and the digits does not part them.
            if steps == 0 && place.before.trim_end().ends_with(':') {
                continue;
            }
            break;
        };
        match word.as_str() {
            "ending" | "ends" | "digits" | "code" | "pin" | "passcode" | "password" | "extension" => return Some(2),
            "order" | "case" | "ticket" | "invoice" if steps == 0 => return Some(4),
            "order" | "reference" | "account" | "case" | "ticket" | "invoice" | "tracking" | "booking" | "policy"
            | "confirmation" | "serial" | "card" | "telephone" | "phone" | "mobile" | "zip" | "flight" | "room"
            | "agent" | "customer" | "member" => return Some(3),
            "number" | "id" => numbered = true,
            link if LINKS.contains(&link) => {}
            _ => break,
        }
    }
    numbered.then_some(3)
}

/// Letters inside an id that are plainly a word.
fn is_word_in_id(run: &str) -> bool {
    let vowels = run.chars().filter(|letter| "aeiouAEIOU".contains(*letter)).count();
    let lower = run.chars().skip(1).any(|letter| letter.is_ascii_lowercase());
    run.len() >= 4 && vowels > 0 || run.len() >= 3 && vowels > 0 && lower
}

/// Parts of addresses that nobody says as words.
const SPELLED_IN_ADDRESSES: &[&str] = &[
    "www", "uk", "cn", "us", "de", "fr", "eu", "hk", "jp", "ca", "au", "tv", "io", "ai", "http", "https", "ftp",
    "html", "php", "faq", "vip", "hr", "hl", "id", "api",
];

static EMAIL: LazyLock<Regex> = LazyLock::new(|| compile(r"^[A-Za-z0-9][\w.+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"));
static URL: LazyLock<Regex> = LazyLock::new(|| compile(r#"^(?i:https?://|ftp://|www\.)[A-Za-z0-9][^\s<>"]*"#));
static DOMAIN: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"^(?:[A-Za-z0-9][A-Za-z0-9-]*\.)+(?:com|org|net|cn|io|uk|de|eu|edu|gov|info|shop|dev|app|ai|example)\b(?:/[A-Za-z0-9_./-]*)?",
    )
});
static ADDRESS_PIECE: LazyLock<Regex> = LazyLock::new(|| compile(r"[A-Za-z]+|\d+|[.@_/+-]"));
static TELEPHONE: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r"^(?:\+\d{1,3}[ -]?(?:\(\d{1,4}\)[ -]?)?\d{1,4}(?:[ -]?\d{2,4}){1,4}",
        r"|(?:\+?1[ -.]?)?\(\d{3}\) ?\d{3}[-. ]\d{4}",
        r"|(?:1[-. ])?\d{3}[-.]\d{3}[-.]\d{4}",
        r"|\d{3} \d{3} \d{4}",
        r"|0\d{2,4}[- ]\d{3,4}[- ]?\d{3,4}",
        r"|400[- ]\d{3,4}[- ]\d{3,4}",
        r"|1[3-9]\d[- ]\d{4}[- ]\d{4}",
        r"|\d{3}-\d{4})",
    ))
});
static CARD: LazyLock<Regex> = LazyLock::new(|| compile(r"^\d{4}(?:[ -]\d{4}){2,4}\b"));
static DIGITS: LazyLock<Regex> = LazyLock::new(|| compile(r"^(\d{2,40})"));
static IDENTIFIER: LazyLock<Regex> = LazyLock::new(|| compile(r"^[A-Za-z0-9]+(?:[-_/][A-Za-z0-9]+)*\b"));
static RUN: LazyLock<Regex> = LazyLock::new(|| compile(r"[A-Za-z]+|\d+"));
static ANY_RUN: LazyLock<Regex> = LazyLock::new(|| compile(r"[A-Za-z]+|\d+|[-._/@#*+]"));
static DIGIT_RUN: LazyLock<Regex> = LazyLock::new(|| compile(r"\d+"));
