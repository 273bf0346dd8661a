//! Text to words only, for each language: numbers, money, dates, codes and symbols as a person reads them aloud.
//!
//! One pass from left to right. At each beginning of a word the rules are asked in turn and the first that knows what
//! stands there says it; so every spoken word knows the text it came from, and no rule sees another's output.

mod english;
mod fold;
mod mandarin;
mod markup;
mod rule;
mod said;

use std::collections::HashSet;
use std::ops::Range;

use call::Language;

use self::english::{Shouted, is_latin};
use self::fold::Folded;
use self::markup::{Markup, markup};
use self::rule::Place;
use self::said::Hit;
use crate::clause::is_han;

pub(crate) use self::said::Said;

/// Reads the text of one language; English by default.
#[derive(Clone, Debug, Default)]
pub struct Normalizer {
    language: Language,
    /// Lower-case words that are taken as they stand, whatever they look like.
    known: HashSet<String>,
}

/// One thing to say and the bytes of the source that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) said: Said,
    pub(crate) span: Range<usize>,
}

impl Normalizer {
    /// A normalizer for this language.
    pub fn new(language: Language) -> Self {
        Self { language, known: HashSet::new() }
    }

    /// Leaves these words alone: names in a business's own lexicon are never spelled out.
    pub fn keeping<'a>(self, words: impl IntoIterator<Item = &'a str>) -> Self {
        Self { known: words.into_iter().map(str::to_lowercase).collect(), ..self }
    }

    /// The words of `text` with the punctuation that a voice hears; letters to spell are capitals with spaces between.
    /// Never fails: what cannot be read is left out.
    pub fn normalize(&self, text: &str) -> String {
        let mut out = String::new();
        for token in self.tokens(text) {
            let joined = match &token.said {
                // Chinese is written without spaces.
                Said::Word(word) => {
                    word.starts_with(is_han) && out.ends_with(|last: char| is_han(last) || last.is_ascii_punctuation())
                }
                Said::Letters(_) | Said::Mark(_) => false,
            };
            let space = if out.is_empty() || joined { "" } else { " " };
            match token.said {
                Said::Letters(letters) => {
                    out.push_str(space);
                    let mut first = true;
                    for letter in letters.chars() {
                        if !std::mem::take(&mut first) {
                            out.push(' ');
                        }
                        out.push(letter);
                    }
                }
                Said::Mark('—') => out.push_str(" —"),
                Said::Mark(mark) => out.push(mark),
                Said::Word(word) => {
                    out.push_str(space);
                    out.push_str(&word);
                }
            }
        }
        out
    }

    /// The same as tokens, in order of the text. A mark never comes first nor after another mark.
    pub(crate) fn tokens(&self, text: &str) -> Vec<Token> {
        let folded = Folded::new(text, self.language);
        let shouted = Shouted::of(&folded.text);
        let mut tokens = Vec::new();
        let mut said: Vec<Said> = Vec::new();
        let mut at = 0;
        while at < folded.text.len() {
            let (before, rest) = folded.text.split_at(at);
            let place = Place { before, rest, said: &said };
            let hit = self.read(&place, shouted);
            let end = at + hit.length.max(1);
            let end =
                (end..=folded.text.len()).find(|&end| folded.text.is_char_boundary(end)).unwrap_or(folded.text.len());
            for one in hit.said {
                let one_more = match (&one, said.last_mut()) {
                    (Said::Mark(_), None) => false,
                    (Said::Mark(mark), Some(Said::Mark(last))) => {
                        if weight(*mark) > weight(*last) {
                            *last = *mark;
                            replace_last_mark(&mut tokens, *mark);
                        }
                        false
                    }
                    (Said::Letters(_) | Said::Mark(_) | Said::Word(_), _) => true,
                };
                if one_more {
                    said.push(one.clone());
                    tokens.push(Token { said: one, span: folded.origin(at)..folded.origin(end) });
                }
            }
            at = end;
        }
        tokens
    }

    fn read(&self, place: &Place<'_>, shouted: Shouted) -> Hit {
        let as_marked = match self.language {
            Language::En => english::as_marked,
            Language::Zh => mandarin::as_marked,
        };
        match markup(place, as_marked) {
            Some(Markup::Said(hit)) => return hit,
            Some(Markup::Nothing(length)) => return Hit::new(length),
            None => {}
        }
        if let Some(hit) = self.kept(place) {
            return hit;
        }
        let read = match self.language {
            Language::En => english::read(place, shouted),
            Language::Zh => mandarin::read(place, shouted),
        };
        read.unwrap_or_else(|| punctuation(place, place.rest.chars().next().unwrap_or(' ')))
    }

    /// A word of the business's own lexicon.
    fn kept(&self, place: &Place<'_>) -> Option<Hit> {
        if self.known.is_empty() {
            return None;
        }
        let end = place
            .rest
            .find(|letter: char| !is_latin(letter) && !letter.is_ascii_digit() && letter != '-')
            .unwrap_or(place.rest.len());
        let word = &place.rest[..end];
        (!word.is_empty() && self.known.contains(&word.to_lowercase())).then(|| Hit::new(end).words(word))
    }
}

/// The mark that a character is heard as, if any.
fn punctuation(place: &Place<'_>, first: char) -> Hit {
    let hit = Hit::new(first.len_utf8());
    let spaced =
        place.before.ends_with(char::is_whitespace) || place.rest[first.len_utf8()..].starts_with(char::is_whitespace);
    match first {
        '.' if place.rest.starts_with("...") => Hit::new(3).mark('…'),
        '.' | ',' | '?' | '!' | ';' | ':' | '…' => hit.mark(first),
        '—' => hit.mark('—'),
        '-' if place.rest.starts_with("--") => Hit::new(2).mark('—'),
        '-' | '–' if spaced && !place.before.trim().is_empty() => hit.mark('—'),
        '(' | ')' | '|' => hit.mark(','),
        '\n' => hit.mark('.'),
        _ => hit,
    }
}

/// Which of two marks in a row is heard.
fn weight(mark: char) -> u8 {
    match mark {
        '?' => 6,
        '!' => 5,
        '.' => 4,
        '…' => 3,
        '—' | ';' | ':' => 2,
        _ => 1,
    }
}

fn replace_last_mark(tokens: &mut [Token], mark: char) {
    if let Some(Token { said: Said::Mark(last), .. }) = tokens.last_mut() {
        *last = mark;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(Normalizer::default().normalize(text), expected, "{text}");
    }

    #[test]
    fn every_word_knows_where_it_came_from() {
        let text = "Order “HL-20418-7” costs $5.";
        let tokens = Normalizer::default().tokens(text);
        let spans: Vec<_> = tokens.iter().map(|token| &text[token.span.clone()]).collect();
        assert_eq!(spans.first(), Some(&"Order"));
        assert!(spans.contains(&"HL-20418-7"));
        assert_eq!(&spans[spans.len() - 3..], ["$5", "$5", "."]);
    }

    #[test]
    fn words_of_the_lexicon_are_never_spelled() {
        let normalizer = Normalizer::default().keeping(["SMS", "A1"]);
        assert_eq!(normalizer.normalize("SMS to A1"), "SMS to A1");
        check("SMS to A1", "S M S to A one");
    }

    #[test]
    fn marks_do_not_pile_up() {
        check("... Really?! (yes)", "Really? yes,");
    }

    #[test]
    fn other_scripts_are_left_out() {
        check("您好 hello 世界", "hello");
        check("您好", "");
        check("👍 Done ✅", "Done");
    }
}
