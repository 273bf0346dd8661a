//! English number words: "double oh seven", "twenty forty one", "two hundred and five".

use super::speech::Piece;

const UNITS: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const TEENS: [&str; 10] =
    ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"];
const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
/// Words a recogniser writes for a digit when it stands between other digits.
const SOUNDALIKES: [(&str, u64); 7] =
    [("to", 2), ("too", 2), ("for", 4), ("fore", 4), ("ate", 8), ("won", 1), ("tree", 3)];
const CORRECTIONS: [&[&str]; 10] = [
    &["scratch", "that"],
    &["i", "mean"],
    &["i", "meant"],
    &["my", "mistake"],
    &["no"],
    &["nope"],
    &["sorry"],
    &["wait"],
    &["actually"],
    &["correction"],
];
const FILLERS: [&str; 12] =
    ["uh", "um", "er", "erm", "and", "then", "dash", "hyphen", "so", "like", "space", "followed"];

/// The piece of English that begins at a token, and how many tokens it takes.
pub(super) fn piece(tokens: &[String], at: usize) -> Option<(Piece, usize)> {
    if let Some((number, taken)) = number(tokens, at) {
        return Some((Piece::Number(number), taken));
    }
    for words in CORRECTIONS {
        if words.iter().enumerate().all(|(place, word)| tokens.get(at + place).is_some_and(|token| token == word)) {
            return Some((Piece::Correction, words.len()));
        }
    }
    FILLERS.contains(&tokens[at].as_str()).then_some((Piece::Filler, 1))
}

/// The digits of the number that begins at a token.
fn number(tokens: &[String], at: usize) -> Option<(String, usize)> {
    let repeats = match tokens[at].as_str() {
        "double" => 2,
        "treble" | "triple" => 3,
        "quadruple" => 4,
        _ => 1,
    };
    if repeats > 1 {
        let digit = tokens.get(at + 1).and_then(|token| digit(token))?;
        return Some((digit.to_string().repeat(repeats), 2));
    }
    if let Some((value, taken)) = cardinal(tokens, at) {
        return Some((value.to_string(), taken));
    }
    if let Some((value, taken)) = below_hundred(tokens, at) {
        return Some((value.to_string(), taken));
    }
    let token = tokens[at].as_str();
    let beside = |place: Option<usize>| place.and_then(|place| tokens.get(place)).is_some_and(|token| numeric(token));
    let (before, after) = (beside(at.checked_sub(1)), beside(Some(at + 1)));
    if matches!(token, "o" | "oh" | "nought" | "naught" | "null" | "nil" | "ow") && (before || after) {
        return Some(("0".to_owned(), 1));
    }
    let sound = SOUNDALIKES.iter().find(|(word, _)| *word == token && before && after)?;
    Some((sound.1.to_string(), 1))
}

/// A number with "hundred" or "thousand" in it.
pub(super) fn cardinal(tokens: &[String], at: usize) -> Option<(u64, usize)> {
    let (mut section, mut next) = match tokens[at].as_str() {
        "a" | "an" => (1, at + 1),
        _ => match below_hundred(tokens, at) {
            Some((value, taken)) => (value, at + taken),
            None => (tokens[at].parse::<u64>().ok().filter(|value| *value < 1_000)?, at + 1),
        },
    };
    let mut total = 0_u64;
    let mut scaled = 0;
    loop {
        let scale = match tokens.get(next).map(String::as_str) {
            Some("hundred") => 100,
            Some("thousand") => 1_000,
            Some("million") => 1_000_000,
            Some(_) | None => break,
        };
        next += 1;
        scaled += 1;
        if scale == 100 {
            section *= 100;
        } else {
            total += section * scale;
            section = 0;
        }
        let after = next + usize::from(tokens.get(next).is_some_and(|token| token == "and"));
        if let Some((value, taken)) = tokens.get(after).and_then(|_| below_hundred(tokens, after)) {
            section += value;
            next = after + taken;
        }
        if section >= 10_000 || total >= 1_000_000_000 {
            break;
        }
    }
    (scaled > 0).then_some((total + section, next - at))
}

/// A number from 0 to 99 in words.
pub(super) fn below_hundred(tokens: &[String], at: usize) -> Option<(u64, usize)> {
    let place = |words: &[&str], token: &String| words.iter().position(|word| word == token).map(|place| place as u64);
    let token = tokens.get(at)?;
    if let Some(unit) = place(&UNITS, token) {
        return Some((unit, 1));
    }
    if let Some(teen) = place(&TEENS, token) {
        return Some((teen + 10, 1));
    }
    let tens = (place(&TENS, token)? + 2) * 10;
    match tokens.get(at + 1).and_then(|token| place(&UNITS, token)).filter(|unit| *unit > 0) {
        Some(unit) => Some((tens + unit, 2)),
        None => Some((tens, 1)),
    }
}

fn digit(token: &str) -> Option<u64> {
    if matches!(token, "o" | "oh") {
        return Some(0);
    }
    let word = UNITS.iter().position(|word| *word == token).map(|place| place as u64);
    word.or_else(|| token.parse().ok().filter(|digit| *digit < 10))
}

fn numeric(token: &str) -> bool {
    let words = UNITS.contains(&token) || TEENS.contains(&token) || TENS.contains(&token);
    let repeats = matches!(token, "double" | "treble" | "triple" | "oh" | "o");
    words || repeats || token.bytes().all(|byte| byte.is_ascii_digit())
}
