//! Texts as sparse vectors: words, pairs of words and pieces of words; for Mandarin, runs of one to three characters.

use std::collections::{BTreeMap, BTreeSet};

/// Longest text looked at, in characters: a caller's turn, not a book.
const TEXT_CHARS_MAX: usize = 400;
/// From so many examples on, features seen only once are left out: they are mostly names and slips.
const PRUNE_FROM: usize = 1_000;

/// Positions of the features that occur, and their weights; of length 1 in all.
pub(crate) type Vector = Vec<(u32, f32)>;

/// The features seen in training and how telling each is.
#[derive(Clone, Debug)]
pub(crate) struct Vocabulary {
    features: BTreeMap<String, (u32, f32)>,
    words: BTreeSet<String>,
}

impl Vocabulary {
    pub(crate) fn learn<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        let mut words = BTreeSet::new();
        let mut count = 0_usize;
        for text in texts {
            count += 1;
            words.extend(tokens(text));
            for feature in features(text).into_keys() {
                *seen.entry(feature).or_default() += 1;
            }
        }
        let least = if count >= PRUNE_FROM { 2 } else { 1 };
        let weigh = |(place, (feature, documents)): (usize, (String, u32))| {
            let idf = ((1.0 + count as f32) / (1.0 + documents as f32)).ln() + 1.0;
            (feature, (u32::try_from(place).unwrap_or(u32::MAX), idf))
        };
        let kept = seen.into_iter().filter(|(_, documents)| *documents >= least);
        Self { features: kept.enumerate().map(weigh).collect(), words }
    }

    pub(crate) fn len(&self) -> usize {
        self.features.len()
    }

    pub(crate) fn vector(&self, text: &str) -> Vector {
        let weigh = |(feature, times): (String, u32)| {
            let (place, idf) = self.features.get(&feature)?;
            Some((*place, (1.0 + (times as f32).ln()) * idf))
        };
        let mut vector: Vector = features(text).into_iter().filter_map(weigh).collect();
        let length = vector.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt();
        if length > 0.0 {
            vector.iter_mut().for_each(|(_, weight)| *weight /= length);
        }
        vector
    }

    /// 1.0 when every word of the text was seen in training, less the more were not, never below 0.5.
    pub(crate) fn known(&self, text: &str) -> f32 {
        let tokens = tokens(text);
        let known = tokens.iter().filter(|token| self.words.contains(*token)).count();
        if tokens.is_empty() { 0.0 } else { 0.5 + 0.5 * (known as f32 / tokens.len() as f32).sqrt() }
    }
}

/// Words in small letters; every Chinese character is one, and a run of digits counts as the one word `0`.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut word = String::new();
    for letter in text.chars().take(TEXT_CHARS_MAX).flat_map(char::to_lowercase) {
        let single = is_han(letter);
        if letter.is_alphanumeric() && !single {
            word.push(if letter.is_numeric() { '0' } else { letter });
            continue;
        }
        if letter != '\'' && letter != '’' && !word.is_empty() {
            tokens.push(std::mem::take(&mut word));
        }
        if single {
            tokens.push(letter.to_string());
        }
    }
    if !word.is_empty() {
        tokens.push(word);
    }
    let number = |token: &String| token.chars().all(|letter| letter == '0');
    tokens.iter_mut().filter(|token| number(token)).for_each(|token| *token = "0".to_owned());
    tokens.dedup_by(|a, b| a == "0" && b == "0");
    tokens
}

/// How often each feature occurs.
fn features(text: &str) -> BTreeMap<String, u32> {
    let tokens = tokens(text);
    let mut features = BTreeMap::new();
    let mut add = |feature: String| *features.entry(feature).or_insert(0) += 1;
    for length in 1..=3 {
        for run in tokens.windows(length) {
            let han = run.iter().all(|token| token.chars().all(is_han));
            // Three words in a row are too rare to learn from; three characters are one Chinese word.
            if length < 3 || han {
                add(format!("w{}", run.join(" ")));
            }
        }
    }
    for token in tokens.iter().filter(|token| !token.chars().all(is_han)) {
        let letters: Vec<char> = std::iter::once('^').chain(token.chars()).chain(['$']).collect();
        for length in 3..=5 {
            for piece in letters.windows(length) {
                add(format!("c{}", piece.iter().collect::<String>()));
            }
        }
    }
    features
}

pub(crate) fn is_han(letter: char) -> bool {
    matches!(letter, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '〇')
}
