//! Characters to pinyin: words of the business first, then words with a reading of their own, then characters.
//!
//! The table in `polyphones.txt` holds what customer service meets; the `pinyin` crate knows one reading of every other
//! character. A word of the table is found inside one word of the segmentation or over whole words of it, so that
//! 发行|业务 holds no 行业.

use std::collections::{BTreeMap, HashMap, HashSet};

use pinyin::ToPinyin;

use super::pinyin::Syllable;

/// What is known about readings.
pub(super) struct Readings {
    /// One reading for a character on its own.
    characters: HashMap<char, Syllable>,
    /// For a word, what is known of each of its characters.
    words: HashMap<String, Vec<Option<Syllable>>>,
    /// Words whose last syllable has no tone.
    light: HashSet<String>,
    /// Words of a business.
    own: BTreeMap<String, Vec<Syllable>>,
    word_chars_max: usize,
}

impl Readings {
    pub(super) fn new() -> Self {
        let mut out = Self {
            characters: HashMap::new(),
            words: HashMap::new(),
            light: HashSet::new(),
            own: BTreeMap::new(),
            word_chars_max: 1,
        };
        for line in TABLE.lines().filter(|line| !line.starts_with("//")) {
            out.add_line(line);
        }
        out
    }

    /// Teaches a word of a business.
    pub(super) fn add(&mut self, word: &str, syllables: Vec<Syllable>) {
        self.word_chars_max = self.word_chars_max.max(word.chars().count());
        self.own.insert(word.to_owned(), syllables);
    }

    /// The reading of a whole word of the business.
    pub(super) fn own(&self, word: &str) -> Option<&[Syllable]> {
        self.own.get(word).map(Vec::as_slice)
    }

    /// One syllable for each character of `text`; `None` where a character has no reading. `ends` are the places, in
    /// characters, where words end.
    pub(super) fn of(&self, text: &[char], ends: &[usize]) -> Vec<Option<Syllable>> {
        let mut out: Vec<_> = text.iter().map(|&letter| self.character(letter)).collect();
        let mut at = 0;
        while at < text.len() {
            at += self.read_word(text, ends, at, &mut out).unwrap_or(1);
        }
        for start in 0..text.len() {
            for end in start + 2..=text.len().min(start + self.word_chars_max) {
                let word: String = text[start..end].iter().collect();
                if self.light.contains(&word)
                    && keeps_to_words(start, end, ends)
                    && let Some(syllable) = &mut out[end - 1]
                {
                    syllable.tone = 5;
                }
            }
        }
        for start in 0..text.len() {
            self.read_own(text, start, &mut out);
        }
        out
    }

    /// Reads the longest word of the table that begins at `at`, and gives its length.
    fn read_word(&self, text: &[char], ends: &[usize], at: usize, out: &mut [Option<Syllable>]) -> Option<usize> {
        let longest = self.word_chars_max.min(text.len() - at);
        let (length, known) = (2..=longest).rev().find_map(|length| {
            let word: String = text[at..at + length].iter().collect();
            let known = self.words.get(&word).filter(|_| keeps_to_words(at, at + length, ends))?;
            Some((length, known))
        })?;
        for (place, syllable) in out[at..].iter_mut().zip(known) {
            if let Some(syllable) = syllable {
                *place = Some(syllable.clone());
            }
        }
        Some(length)
    }

    /// Reads the longest word of the business that begins at `at`.
    fn read_own(&self, text: &[char], at: usize, out: &mut [Option<Syllable>]) {
        if self.own.is_empty() {
            return;
        }
        let longest = self.word_chars_max.min(text.len() - at);
        let found = (1..=longest).rev().find_map(|length| {
            let word: String = text[at..at + length].iter().collect();
            self.own.get(&word)
        });
        for (place, syllable) in out[at..].iter_mut().zip(found.into_iter().flatten()) {
            *place = Some(syllable.clone());
        }
    }

    fn character(&self, letter: char) -> Option<Syllable> {
        match self.characters.get(&letter) {
            Some(syllable) => Some(syllable.clone()),
            None => letter.to_pinyin().and_then(|pinyin| Syllable::parse(pinyin.with_tone_num_end())),
        }
    }

    fn add_line(&mut self, line: &str) {
        let (head, words) = line.split_once(':').unwrap_or((line, ""));
        let (letter, reading) = head.split_once(' ').unwrap_or(("", head));
        if reading == LIGHT {
            self.light.extend(words.split_whitespace().map(str::to_owned));
            return;
        }
        let (Some(letter), Some(syllable)) = (letter.chars().next(), Syllable::parse(reading)) else { return };
        if words.is_empty() {
            self.characters.insert(letter, syllable);
            return;
        }
        for word in words.split_whitespace() {
            for (place, _) in word.chars().enumerate().filter(|(_, other)| *other == letter) {
                self.know(word, place, syllable.clone());
            }
        }
    }

    fn know(&mut self, word: &str, place: usize, syllable: Syllable) {
        let length = word.chars().count();
        self.word_chars_max = self.word_chars_max.max(length);
        let readings = self.words.entry(word.to_owned()).or_insert_with(|| vec![None; length]);
        if let Some(slot) = readings.get_mut(place) {
            *slot = Some(syllable);
        }
    }
}

/// Whether a stretch lies inside one word or over whole words.
fn keeps_to_words(start: usize, end: usize, ends: &[usize]) -> bool {
    let is_edge = |place: usize| place == 0 || ends.contains(&place);
    let inside = !ends.iter().any(|&edge| start < edge && edge < end);
    inside || is_edge(start) && is_edge(end)
}

const TABLE: &str = include_str!("polyphones.txt");
/// Stands before words whose last syllable is light.
const LIGHT: &str = "5";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_says_something() {
        for (number, line) in TABLE.lines().enumerate().filter(|(_, line)| !line.starts_with("//")) {
            let (head, words) = line.split_once(':').unwrap_or((line, ""));
            if head == LIGHT {
                continue;
            }
            let (letter, reading) = head.split_once(' ').unwrap();
            assert_eq!(letter.chars().count(), 1, "line {number}: {line}");
            assert!(Syllable::parse(reading).is_some(), "line {number}: {line}");
            for word in words.split_whitespace() {
                assert!(word.contains(letter), "line {number}: {word} has no {letter}");
                assert!(word.chars().count() > 1, "line {number}: {word} is one character");
            }
        }
    }

    #[test]
    fn a_word_of_the_table_does_not_reach_over_a_cut() {
        let readings = Readings::new();
        let read = |text: &str, ends: &[usize]| {
            let letters: Vec<char> = text.chars().collect();
            let found = readings.of(&letters, ends);
            found.into_iter().map(|syllable| syllable.unwrap().to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(read("发行业务", &[2, 4]), "fa1 xing2 ye4 wu4");
        assert_eq!(read("银行业务", &[2, 4]), "yin2 hang2 ye4 wu4");
        assert_eq!(read("银行卡", &[3]), "yin2 hang2 ka3");
    }
}
