//! Parts of speech (Penn Treebank tags), because `live`, `read` and `record` sound as they are meant.
//!
//! An averaged perceptron: a word with one usual tag is looked up, any other is decided from its letters and its
//! neighbours. Weights are kept in tenths, as the file has them, so that sums are exact and ties are the same anywhere.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

/// Tags words.
pub(crate) struct Tagger {
    tags: Vec<String>,
    usual: HashMap<String, u8>,
    vocabulary: HashSet<String>,
    weights: HashMap<String, Box<[(u8, i32)]>>,
}

/// The file as it is written.
#[derive(Deserialize)]
struct Written {
    tags: Vec<String>,
    tagdict: HashMap<String, String>,
    vocab: Vec<String>,
    weights: HashMap<String, HashMap<String, f64>>,
}

impl Tagger {
    /// Reads the JSON of a trained tagger.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, String> {
        let written: Written = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if written.tags.is_empty() || written.tags.len() > TAGS_MAX {
            return Err(format!("{} tags", written.tags.len()));
        }
        let index: HashMap<&str, u8> =
            written.tags.iter().enumerate().map(|(at, tag)| (tag.as_str(), at as u8)).collect();
        let number = |tag: &str| index.get(tag).copied().ok_or_else(|| format!("a tag that is not in the list: {tag}"));
        let usual =
            written.tagdict.into_iter().map(|(word, tag)| Ok((word, number(&tag)?))).collect::<Result<_, String>>()?;
        let mut weights = HashMap::with_capacity(written.weights.len());
        for (feature, row) in written.weights {
            let row = row.into_iter().map(|(tag, weight)| Ok((number(&tag)?, (weight * 10.0).round() as i32)));
            weights.insert(feature, row.collect::<Result<Box<[_]>, String>>()?);
        }
        Ok(Self { usual, vocabulary: written.vocab.into_iter().collect(), weights, tags: written.tags })
    }

    /// One tag for each word, in order.
    pub(crate) fn tag(&self, words: &[&str]) -> Vec<&str> {
        let context = self.context(words);
        let mut out: Vec<&str> = Vec::with_capacity(words.len());
        for (at, word) in words.iter().enumerate() {
            let tag = match self.usual.get(*word) {
                Some(&tag) => self.tags[tag as usize].as_str(),
                None => {
                    let previous = at.checked_sub(1).map_or(START, |before| out[before]);
                    let earlier =
                        at.checked_sub(2).map_or(if at == 0 { START_BEFORE } else { START }, |before| out[before]);
                    self.decide(at, word, &context, previous, earlier)
                }
            };
            out.push(tag);
        }
        out
    }

    /// The words as features see them, with two places before and after the sentence; a rare word becomes its shape.
    fn context(&self, words: &[&str]) -> Vec<String> {
        let middle = words.iter().map(|word| {
            let plain = plain(word);
            if self.vocabulary.contains(&plain) { plain } else { format!("<{}>", shape(word)) }
        });
        let ends = |places: [&str; 2]| places.map(str::to_owned);
        ends([START_BEFORE, START]).into_iter().chain(middle).chain(ends(["-END-", "-END2-"])).collect()
    }

    fn decide(&self, at: usize, word: &str, context: &[String], previous: &str, earlier: &str) -> &str {
        let here = at + 2;
        let features = [
            "b".to_owned(),
            format!("s3={}", last_three(word)),
            format!("p1={}", word.chars().next().unwrap_or(' ')),
            format!("w={}", context[here]),
            format!("sh={}", shape(word)),
            if at == 0 { "i0" } else { "i+" }.to_owned(),
            format!("t-1={previous}"),
            format!("t-2={earlier}"),
            format!("t-12={previous},{earlier}"),
            format!("w-1={}", context[here - 1]),
            format!("s3-1={}", last_three(&context[here - 1])),
            format!("w-2={}", context[here - 2]),
            format!("w+1={}", context[here + 1]),
            format!("s3+1={}", last_three(&context[here + 1])),
            format!("w+2={}", context[here + 2]),
        ];
        let mut scores = [0_i32; TAGS_MAX];
        for row in features.iter().filter_map(|feature| self.weights.get(feature)) {
            for &(tag, weight) in row {
                scores[tag as usize] += weight;
            }
        }
        // A tie goes to the tag that comes last in the alphabet, as in training.
        let best = self.tags.iter().enumerate().max_by_key(|(tag, name)| (scores[*tag], name.as_str()));
        best.map_or("NN", |(_, name)| name)
    }
}

fn plain(word: &str) -> String {
    if word.contains('-') && !word.starts_with('-') {
        "!HYPHEN".to_owned()
    } else if word.len() == 4 && word.bytes().all(|letter| letter.is_ascii_digit()) {
        "!YEAR".to_owned()
    } else if word.starts_with(|first: char| first.is_ascii_digit()) {
        "!DIGITS".to_owned()
    } else {
        word.to_lowercase()
    }
}

fn shape(word: &str) -> String {
    let lower = word.chars().all(char::is_lowercase);
    let upper = word.chars().all(char::is_uppercase);
    if word.chars().all(char::is_alphabetic) {
        let title = word.starts_with(char::is_uppercase) && word.chars().skip(1).all(char::is_lowercase);
        let name = match (lower, upper) {
            (true, _) => "x",
            (false, true) if word.chars().count() > 1 => "XX",
            (false, true) => "X1",
            (false, false) if title => "Xx",
            (false, false) => "xX",
        };
        return name.to_owned();
    }
    if word.chars().all(|letter| letter.is_ascii_digit()) {
        return "d".to_owned();
    }
    let sign = |letter: char| match letter {
        digit if digit.is_ascii_digit() => 'd',
        letter if letter.is_alphabetic() => 'x',
        other => other,
    };
    word.chars().take(4).map(sign).collect()
}

fn last_three(word: &str) -> &str {
    word.char_indices().rev().nth(2).map_or(word, |(at, _)| &word[at..])
}

const TAGS_MAX: usize = 64;
const START: &str = "-START-";
const START_BEFORE: &str = "-START2-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tagger_looks_up_the_usual_and_decides_the_rest() {
        let json = br#"{"tags":["DT","NN","VB"],"tagdict":{"the":"DT"},"vocab":["the"],
            "weights":{"t-1=DT":{"NN":2.0},"b":{"VB":1.0}}}"#;
        let tagger = Tagger::parse(json).unwrap();
        assert_eq!(tagger.tag(&["the", "record", "record"]), ["DT", "NN", "VB"]);
        assert!(tagger.tag(&[]).is_empty());
    }

    #[test]
    fn shapes_and_endings() {
        assert_eq!(shape("Li"), "Xx");
        assert_eq!(shape("don't"), "xxx'");
        assert_eq!(last_three("café"), "afé");
        assert_eq!(last_three("é"), "é");
    }

    #[test]
    fn a_broken_file_is_refused() {
        assert!(Tagger::parse(b"{}").is_err());
        assert!(Tagger::parse(br#"{"tags":["A"],"tagdict":{"a":"B"},"vocab":[],"weights":{}}"#).is_err());
    }
}
