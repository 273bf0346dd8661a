//! Where a rule stands, and the small questions that rules ask.

use regex::{Captures, Regex};

use super::said::Said;

/// The place in the folded text at which rules are tried; always the beginning of a word or a symbol.
pub(super) struct Place<'a> {
    /// The text before it.
    pub(super) before: &'a str,
    /// The text from it on.
    pub(super) rest: &'a str,
    /// What has been said so far.
    pub(super) said: &'a [Said],
}

impl<'a> Place<'a> {
    /// The beginning of a text of its own.
    pub(super) fn alone(rest: &'a str) -> Self {
        Self { before: "", rest, said: &[] }
    }

    /// Whether the last thing said is one of these words (lower case).
    pub(super) fn follows(&self, words: &[&str]) -> bool {
        self.word_back(0).is_some_and(|last| words.contains(&last.as_str()))
    }

    /// The word said `steps` before the last one, in lower case.
    pub(super) fn word_back(&self, steps: usize) -> Option<String> {
        match self.said.iter().rev().nth(steps)? {
            Said::Word(word) => Some(word.to_lowercase()),
            Said::Letters(letters) => Some(letters.to_lowercase()),
            Said::Mark(_) => None,
        }
    }

    /// Whether a sentence begins here.
    pub(super) fn begins_sentence(&self) -> bool {
        !matches!(self.said.last(), Some(Said::Word(_) | Said::Letters(_)))
    }
}

/// Whether a sentence may end at `at`: the end of the text, or a space and then a capital.
pub(super) fn ends_sentence(text: &str, at: usize) -> bool {
    let rest = text[at..].trim_start_matches(['"', ')', '\'']);
    let next = rest.trim_start().chars().next();
    next.is_none_or(|next| rest.starts_with(char::is_whitespace) && next.is_uppercase())
}

/// A group of a match, empty when it took no part.
pub(super) fn group<'a>(found: &Captures<'a>, index: usize) -> &'a str {
    found.get(index).map_or("", |found| found.as_str())
}

/// How many digits are said in one breath.
pub(super) fn grouping(length: usize) -> &'static [usize] {
    match length {
        6 => &[3, 3],
        7 => &[3, 4],
        8 => &[4, 4],
        9 => &[3, 3, 3],
        10 => &[3, 3, 4],
        11 => &[3, 4, 4],
        0..=5 => &[5],
        _ => &[4],
    }
}

/// Compiles a pattern of this crate.
pub(super) fn compile(pattern: &str) -> Regex {
    #[expect(clippy::expect_used, reason = "patterns are constants, and a test compiles each of them")]
    Regex::new(pattern).expect("a constant pattern compiles")
}

/// A plain number with or without thousands commas and decimals.
pub(super) const NUMBER: &str = r"(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)";
