//! Numbers that are dictated digit by digit, with what people do while dictating: groups, repeats, corrections.

use std::ops::RangeInclusive;

use super::speech::{Piece, pieces, tokens};

/// How a dictated number came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dictated {
    /// As many digits as wanted.
    Complete(String),
    /// No digits at all.
    None,
    /// Too few so far.
    Partial(String),
    /// Too many, and no part that stands out.
    TooMany(String),
}

/// Digits joined while nothing but fillers stood between them.
struct Run {
    digits: String,
    corrects: bool,
}

/// The number of `wanted` length in a text.
pub fn digits(text: &str, wanted: RangeInclusive<usize>) -> Dictated {
    let runs = runs(text);
    let fits = |digits: &str| wanted.contains(&digits.len());
    let mut said = String::new();
    let mut whole: Option<String> = None;
    for run in &runs {
        if fits(&run.digits) {
            whole = Some(run.digits.clone());
            said.clone_from(&run.digits);
            continue;
        }
        if run.corrects && fits(&said) && run.digits.len() < said.len() {
            // "... 8 8 4 3, no, 4 2": the end is said again.
            said.truncate(said.len() - run.digits.len());
            said.push_str(&run.digits);
            whole = Some(said.clone());
        } else if run.corrects {
            said.clone_from(&run.digits);
        } else {
            said.push_str(&run.digits);
        }
    }
    match whole {
        Some(digits) => Dictated::Complete(digits),
        None if said.is_empty() => Dictated::None,
        None if fits(&said) => Dictated::Complete(said),
        None if said.len() < *wanted.start() => Dictated::Partial(said),
        None => Dictated::TooMany(said),
    }
}

fn runs(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut joins = false;
    let mut corrects = false;
    for piece in pieces(text) {
        match piece {
            Piece::Correction => {
                joins = false;
                corrects = true;
            }
            Piece::Filler => {}
            Piece::Number(digits) => match runs.last_mut().filter(|_| joins) {
                Some(run) => run.digits.push_str(&digits),
                None => {
                    runs.push(Run { digits, corrects: std::mem::take(&mut corrects) });
                    joins = true;
                }
            },
            Piece::Word(_) => joins = false,
        }
    }
    runs
}

/// Whether the caller takes back what was said before.
pub(crate) fn corrects(text: &str) -> bool {
    pieces(text).contains(&Piece::Correction)
}

/// A telephone number: 7 to 15 digits (E.164), with its `+` if it was said or written.
pub fn phone(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let plus = lower.contains('+') || lower.contains("plus ") || lower.contains("加号");
    match digits(text, 7..=15) {
        Dictated::Complete(digits) if plus => Some(format!("+{digits}")),
        Dictated::Complete(digits) => Some(digits),
        Dictated::None | Dictated::Partial(_) | Dictated::TooMany(_) => None,
    }
}

/// Letters and digits of a code such as `AB12`: single letters, letters by word ("B for Bravo") and digits.
pub fn code(text: &str) -> Option<String> {
    const SPOKEN: [&str; 26] = [
        "alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo", "lima",
        "mike", "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango", "uniform", "victor", "whiskey",
        "xray", "yankee", "zulu",
    ];
    let mut code = String::new();
    let mut explained = 0;
    for piece in pieces(text) {
        match piece {
            Piece::Correction => code.clear(),
            Piece::Filler => {}
            Piece::Number(digits) => code.push_str(&digits),
            // "B for Bravo", "B as in Bravo": the word only explains the letter before.
            Piece::Word(word) if matches!(word.as_str(), "for" | "as" | "in" | "like") => explained = 1,
            Piece::Word(_) if explained > 0 => explained -= 1,
            Piece::Word(word) => {
                let mut letters = word.chars();
                if let (Some(letter @ 'a'..='z'), None) = (letters.next(), letters.next()) {
                    code.push(letter.to_ascii_uppercase());
                } else if let Some(place) = SPOKEN.iter().position(|spoken| *spoken == word) {
                    code.extend(word.chars().next().filter(|_| place < SPOKEN.len()).map(|l| l.to_ascii_uppercase()));
                }
            }
        }
    }
    (!code.is_empty() && tokens(text).len() <= 64).then_some(code)
}

/// Whether the last digit proves the others (Luhn, ISO/IEC 7812-1 annex B).
pub fn luhn_valid(digits: &str) -> bool {
    let split = digits.len().checked_sub(1).filter(|_| digits.len() > 1 && digits.is_ascii());
    split.is_some_and(|split| {
        let (body, last) = digits.split_at(split);
        luhn_digit(body).is_some_and(|digit| last.chars().eq([digit]))
    })
}

/// The digit that proves `body`; `None` when that is not all digits.
pub fn luhn_digit(body: &str) -> Option<char> {
    let mut sum = 0;
    for (place, letter) in body.chars().rev().enumerate() {
        let digit = letter.to_digit(10)?;
        let doubled = digit * 2;
        sum += if place % 2 == 0 { doubled / 10 + doubled % 10 } else { digit };
    }
    char::from_digit((10 - sum % 10) % 10, 10).filter(|_| !body.is_empty())
}
