//! What a caller said, cut into numbers, corrections, fillers and other words.

use super::{english, mandarin};
use crate::nlu::is_han;

/// Longest text looked at, in characters.
const TEXT_CHARS_MAX: usize = 400;

/// A piece of speech.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// "no", "I mean", 不对: what follows replaces what came before.
    Correction,
    /// "uh", "and", 嗯: does not end a number.
    Filler,
    /// A number as digits.
    Number(String),
    /// Anything else.
    Word(String),
}

/// Cuts a text into words, runs of digits and single Chinese characters.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut kind = Kind::Break;
    for letter in text.chars().take(TEXT_CHARS_MAX).map(half_width).flat_map(char::to_lowercase) {
        // "2,041" is one number; "2, 041" is two.
        let next = kind_of(letter);
        let inside = next == Kind::Inside && kind != Kind::Break;
        if (next != kind && !inside) || next == Kind::Han {
            flush(&mut word, &mut tokens);
        }
        if !matches!(next, Kind::Break) {
            word.push(letter);
        }
        if !inside {
            kind = next;
        }
    }
    flush(&mut word, &mut tokens);
    tokens
}

fn flush(word: &mut String, tokens: &mut Vec<String>) {
    let token = word.trim_matches(['\'', '’', ',', '.']).to_owned();
    word.clear();
    if token.is_empty() {
        return;
    }
    if token.contains(',') || (token.contains('.') && !token.starts_with(|c: char| c.is_ascii_digit())) {
        let thousands = token.split(',').skip(1).all(|group| group.split('.').next().is_some_and(|g| g.len() == 3));
        if thousands && token.starts_with(|c: char| c.is_ascii_digit()) {
            tokens.push(token.replace(',', ""));
        } else {
            tokens.extend(token.split([',', '.']).filter(|part| !part.is_empty()).map(str::to_owned));
        }
        return;
    }
    tokens.push(token);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Break,
    Digit,
    Han,
    Inside,
    Letter,
}

fn kind_of(letter: char) -> Kind {
    match letter {
        '0'..='9' => Kind::Digit,
        '\'' | '’' | ',' | '.' => Kind::Inside,
        letter if is_han(letter) => Kind::Han,
        letter if letter.is_alphabetic() => Kind::Letter,
        _ => Kind::Break,
    }
}

/// Full-width digits and letters, as Chinese input writes them, are the ordinary ones.
fn half_width(letter: char) -> char {
    match letter {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(letter as u32 - 0xfee0).unwrap_or(letter),
        other => other,
    }
}

/// The pieces of a text, in order.
pub(crate) fn pieces(text: &str) -> Vec<Piece> {
    let tokens = tokens(text);
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let found = mandarin::piece(&tokens, at).or_else(|| english::piece(&tokens, at));
        let (piece, taken) = found.unwrap_or_else(|| (other(&tokens[at]), 1));
        pieces.push(piece);
        at += taken.max(1);
    }
    pieces
}

fn other(token: &str) -> Piece {
    let digits: String = token.split('.').collect();
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits { Piece::Number(digits) } else { Piece::Word(token.to_owned()) }
}
