//! What words tell of a caller's mood: phrases with weights, negation, and saying the same thing again.
//!
//! The phrases are data, one file for each language. A recogniser makes mistakes and people choose words freely, so a
//! phrase shifts the odds by its weight and never decides alone.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::LazyLock;

use call::{Language, Mood};

use super::evidence::Evidence;

/// The phrases of a language.
struct Lexicon {
    /// By their first word or letter; the longest first.
    phrases: HashMap<String, Vec<Phrase>>,
    negations: &'static [&'static str],
    /// How many words or letters before a phrase a negation reaches over.
    reach: usize,
}

#[derive(Debug)]
struct Phrase {
    words: Vec<String>,
    mood: Mood,
    weight: f32,
}

static ENGLISH: LazyLock<Lexicon> =
    LazyLock::new(|| Lexicon::read(include_str!("words/en.txt"), Language::En, NEGATIONS_EN, 3));
static MANDARIN: LazyLock<Lexicon> =
    LazyLock::new(|| Lexicon::read(include_str!("words/zh.txt"), Language::Zh, NEGATIONS_ZH, 2));

/// How much likelier each mood is for these words, as natural logs; zero where they say nothing.
pub(super) fn weigh(text: &str, language: Language) -> Evidence {
    let lexicon = match language {
        Language::En => &ENGLISH,
        Language::Zh => &MANDARIN,
    };
    let mut scores = Evidence::default();
    for clause in clauses(text) {
        lexicon.weigh(&words(clause, language), &mut scores);
    }
    scores.capped(WEIGHT_MAX)
}

impl Lexicon {
    fn read(text: &str, language: Language, negations: &'static [&'static str], reach: usize) -> Self {
        let mut phrases: HashMap<String, Vec<Phrase>> = HashMap::new();
        let mut heading = (Mood::Calm, 0.0);
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(named) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                heading = read_heading(named).unwrap_or(heading);
                continue;
            }
            let words = words(line, language);
            if let Some(first) = words.first() {
                let key = first.trim_end_matches('*').to_owned();
                let key = if first.ends_with('*') { stem_key(&key) } else { key };
                phrases.entry(key).or_default().push(Phrase { words, mood: heading.0, weight: heading.1 });
            }
        }
        for same in phrases.values_mut() {
            same.sort_by_key(|phrase| std::cmp::Reverse(phrase.words.len()));
        }
        Self { phrases, negations, reach }
    }

    fn weigh(&self, words: &[String], scores: &mut Evidence) {
        let mut place = 0;
        while place < words.len() {
            let Some(phrase) = self.longest_at(&words[place..]) else {
                place += 1;
                continue;
            };
            let before = &words[place.saturating_sub(self.reach)..place];
            let is_negated = before.iter().any(|word| self.negations.contains(&word.as_str()));
            if !is_negated {
                scores.add(phrase.mood, phrase.weight);
            } else if phrase.mood == Mood::Pleased {
                // "I am not happy"; while "I am not angry" tells nothing.
                scores.add(Mood::Angry, 0.6 * phrase.weight);
                scores.add(Mood::Impatient, 0.4 * phrase.weight);
            }
            place += phrase.words.len();
        }
    }

    fn longest_at(&self, words: &[String]) -> Option<&Phrase> {
        let first = words.first()?;
        let exact = self.phrases.get(first);
        let stems = self.phrases.get(&stem_key(first));
        let fits = |phrase: &&Phrase| {
            phrase.words.len() <= words.len()
                && phrase.words.iter().zip(words).all(|(wanted, word)| is_like(wanted, word))
        };
        exact.into_iter().chain(stems).flatten().filter(fits).max_by_key(|phrase| phrase.words.len())
    }
}

fn read_heading(named: &str) -> Option<(Mood, f32)> {
    let (mood, weight) = named.split_once(' ')?;
    let mood = match mood {
        "angry" => Mood::Angry,
        "calm" => Mood::Calm,
        "impatient" => Mood::Impatient,
        "pleased" => Mood::Pleased,
        "sad" => Mood::Sad,
        _ => return None,
    };
    Some((mood, weight.parse().ok()?))
}

fn is_like(wanted: &str, word: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(stem) => word.starts_with(stem),
        None => wanted == word,
    }
}

/// Phrases that begin with a stem stand under its first letters.
fn stem_key(word: &str) -> String {
    word.chars().take(STEM_LETTERS).chain(['*']).collect()
}

fn clauses(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '.', '!', '?', ';', '，', '。', '！', '？', '；', '、', '…']).filter(|clause| !clause.is_empty())
}

/// Words of English, in small letters and without apostrophes; single letters of Mandarin, latin words whole.
fn words(text: &str, language: Language) -> Vec<String> {
    let plain: String = text.to_lowercase().chars().filter(|letter| !matches!(letter, '\'' | '’')).collect();
    match language {
        Language::En => plain
            .split(|letter: char| !(letter.is_alphanumeric() || letter == '*'))
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect(),
        Language::Zh => plain.chars().filter(|letter| letter.is_alphanumeric()).map(String::from).collect(),
    }
}

/// Finds out when a caller says the same thing again.
#[derive(Default)]
pub(super) struct Repeats {
    said: VecDeque<Vec<String>>,
}

impl fmt::Debug for Repeats {
    /// Words spoken are nobody's business in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repeats({} utterances)", self.said.len())
    }
}

impl Repeats {
    /// Whether these words are nearly those of one of the last few utterances. Short answers and numbers do not count.
    pub(super) fn is_again(&mut self, text: &str, language: Language) -> bool {
        let mut words = words(text, language);
        words.retain(|word| !word.chars().all(|letter| letter.is_ascii_digit()));
        let enough = match language {
            Language::En => 4,
            Language::Zh => 6,
        };
        if words.len() < enough {
            return false;
        }
        words.sort_unstable();
        let is_again = self.said.iter().any(|earlier| likeness(earlier, &words) >= ALIKE_MIN);
        if self.said.len() == SAID_MAX {
            self.said.pop_front();
        }
        self.said.push_back(words);
        is_again
    }
}

/// The part of the words of both that they share (Dice), of sorted lists.
fn likeness(a: &[String], b: &[String]) -> f32 {
    let (mut left, mut right, mut shared) = (0, 0, 0);
    while let (Some(one), Some(other)) = (a.get(left), b.get(right)) {
        match one.cmp(other) {
            std::cmp::Ordering::Equal => (left, right, shared) = (left + 1, right + 1, shared + 1),
            std::cmp::Ordering::Greater => right += 1,
            std::cmp::Ordering::Less => left += 1,
        }
    }
    2.0 * shared as f32 / (a.len() + b.len()).max(1) as f32
}

const NEGATIONS_EN: &[&str] = &[
    "not", "no", "never", "dont", "doesnt", "didnt", "isnt", "wasnt", "arent", "aint", "cant", "cannot", "wont",
    "without", "nothing", "hardly", "neither", "nor", "wouldnt", "couldnt",
];
const NEGATIONS_ZH: &[&str] = &["不", "没", "别", "未", "无", "甭"];
/// Utterances remembered.
const SAID_MAX: usize = 6;
const ALIKE_MIN: f32 = 0.75;
/// One utterance shifts the odds of a mood at most by e to this.
const WEIGHT_MAX: f32 = 5.0;
const STEM_LETTERS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(language: Language, text: &str, expected: Mood) {
        let scores = weigh(text, language);
        let found = if scores == Evidence::default() { Mood::Calm } else { scores.highest() };
        assert_eq!(found, expected, "{text}: {scores:?}");
    }

    #[test]
    fn english_phrases_tell_the_mood() {
        let check = |text, mood| check(Language::En, text, mood);
        check("This is absolutely ridiculous, I want to make a complaint!", Mood::Angry);
        check("What the hell, you people are useless.", Mood::Angry);
        check("I'll sue you.", Mood::Angry);
        check("Just let me speak to a human.", Mood::Impatient);
        check("I already told you my order number", Mood::Impatient);
        check("I've been waiting for a week, how much longer?", Mood::Impatient);
        check("I'm very worried, I don't know what to do.", Mood::Sad);
        check("Thank you so much, that's perfect.", Mood::Pleased);
        check("I'm frustrated.", Mood::Impatient);
        check("My parcel is on its way, isn't it?", Mood::Calm);
        check("Where is my order?", Mood::Calm);
        check("", Mood::Calm);
    }

    #[test]
    fn mandarin_phrases_tell_the_mood() {
        let check = |text, mood| check(Language::Zh, text, mood);
        check("你们太过分了，我要投诉！", Mood::Angry);
        check("这是什么垃圾服务", Mood::Angry);
        check("给我转人工客服", Mood::Impatient);
        check("我都说了好几遍了，快点", Mood::Impatient);
        check("我很担心，不知道怎么办", Mood::Sad);
        check("太好了，非常感谢", Mood::Pleased);
        check("我想查一下我的订单", Mood::Calm);
        check("打12315", Mood::Angry);
    }

    #[test]
    fn a_negation_turns_a_phrase_around_or_takes_it_away() {
        let check_en = |text, mood| check(Language::En, text, mood);
        check_en("I'm not happy with this", Mood::Angry);
        check_en("I am not angry", Mood::Calm);
        check_en("It's not ridiculous", Mood::Calm);
        check_en("no thanks", Mood::Calm);
        check_en("Don't worry", Mood::Calm);
        check_en("Not bad", Mood::Pleased);
        check_en("No, that's great", Mood::Pleased);
        let check_zh = |text, mood| check(Language::Zh, text, mood);
        check_zh("我不满意", Mood::Angry);
        check_zh("我没有生气", Mood::Calm);
        check_zh("不用了谢谢", Mood::Calm);
        check_zh("不急，别担心", Mood::Calm);
        check_zh("不，谢谢", Mood::Pleased);
    }

    #[test]
    fn saying_the_same_again_is_noticed() {
        let mut repeats = Repeats::default();
        let mut again = |text| repeats.is_again(text, Language::En);
        assert!(!again("I want to know where my order is"));
        assert!(!again("yes"));
        assert!(!again("yes"), "a short answer is no repetition");
        assert!(!again("2 0 4 1 8 8 4 4"));
        assert!(!again("2 0 4 1 8 8 4 4"), "nor is a number");
        assert!(!again("can you change the delivery address"));
        assert!(again("I want to know where is my order"), "nearly the same");
        let mut repeats = Repeats::default();
        assert!(!repeats.is_again("我的包裹什么时候到", Language::Zh));
        assert!(repeats.is_again("我的包裹到底什么时候到", Language::Zh));
    }

    #[test]
    fn every_line_of_the_files_is_read() {
        for (text, language) in
            [(include_str!("words/en.txt"), Language::En), (include_str!("words/zh.txt"), Language::Zh)]
        {
            let mut headings = 0;
            for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
                if let Some(named) = line.strip_prefix('[') {
                    headings += 1;
                    assert!(read_heading(named.trim_end_matches(']')).is_some(), "{line}");
                } else {
                    assert!(!words(line, language).is_empty(), "{line}");
                }
            }
            assert!(headings >= 5);
        }
    }
}
