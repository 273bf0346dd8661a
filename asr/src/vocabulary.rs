//! The words of a business, restored where the recogniser wrote others that sound like them.
//!
//! A small recogniser hears Mandarin syllables well and guesses their characters: of the characters it gets wrong, two
//! in three sound right. What a business sells and what its callers ask is known, so where the sound of the text agrees
//! with a known word, that word was said. English names that the recogniser has never met are found in the same way, by
//! consonants and spelling. Common words are left alone, and so is whatever is known already.

use std::collections::{BTreeMap, BTreeSet};

use call::Language;

use crate::syllable::{self, sound_alike, sound_close};

/// The words and sentences of a business in both of its languages.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// Mandarin words of two to [`WORD_LETTERS_MAX`] characters, the longest first.
    words: Vec<Vec<char>>,
    /// Mandarin sentences, for the phrases in them.
    sentences: Vec<Vec<char>>,
    /// English names as they are spelt, under their letters.
    names: BTreeMap<String, String>,
    /// English words that are right as they are.
    known: BTreeSet<String>,
}

impl Vocabulary {
    /// A vocabulary of single `words` (products, towns, names, choices) and of whole `sentences` such as examples of what
    /// callers say. Of each at most [`ENTRIES_MAX`] are taken; a text without letters is left out.
    pub fn new<'a>(
        words: impl IntoIterator<Item = (Language, &'a str)>,
        sentences: impl IntoIterator<Item = (Language, &'a str)>,
    ) -> Self {
        let mut vocabulary = Self::default();
        for (language, text) in sentences.into_iter().take(ENTRIES_MAX) {
            match language {
                Language::En => vocabulary.known.extend(text.split_whitespace().map(letters_of)),
                Language::Zh => vocabulary.sentences.extend(han_runs(text)),
            }
        }
        for (language, text) in words.into_iter().take(ENTRIES_MAX) {
            match language {
                Language::En => vocabulary.add_name(text),
                Language::Zh => {
                    let fits = |run: &Vec<char>| (2..=WORD_LETTERS_MAX).contains(&run.len());
                    vocabulary.words.extend(han_runs(text).into_iter().filter(fits));
                }
            }
        }
        vocabulary.words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        vocabulary.words.dedup();
        vocabulary
    }

    /// Whether there is nothing to restore.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.sentences.is_empty() && self.names.is_empty()
    }

    /// The text with known words where it sounds like them, and otherwise as it was.
    pub fn restore(&self, text: &str, language: Language) -> String {
        match language {
            Language::En => self.restore_names(text),
            Language::Zh => self.restore_words(text),
        }
    }

    fn add_name(&mut self, text: &str) {
        let letters = letters_of(text);
        self.known.extend(text.split_whitespace().map(letters_of));
        if letters.len() >= NAME_LETTERS_MIN {
            self.names.insert(letters, text.trim().to_owned());
        }
    }

    fn restore_words(&self, text: &str) -> String {
        let mut letters: Vec<char> = text.chars().collect();
        let mut settled = vec![false; letters.len()];
        self.settle_known(&letters, &mut settled);
        self.restore_phrases(&mut letters, &mut settled);
        for word in &self.words {
            let mut place = 0;
            while place + word.len() <= letters.len() {
                let here = place..place + word.len();
                if !settled[here.clone()].contains(&true) && is_said(word, &letters[here.clone()]) {
                    letters[here.clone()].copy_from_slice(word);
                    settled[here].fill(true);
                }
                place += 1;
            }
        }
        letters.into_iter().collect()
    }

    /// Marks what is a known word already.
    fn settle_known(&self, letters: &[char], settled: &mut [bool]) {
        for word in &self.words {
            for (place, found) in letters.windows(word.len()).enumerate() {
                if found == word.as_slice() {
                    settled[place..place + word.len()].fill(true);
                }
            }
        }
    }

    /// Writes phrases that sound exactly like a part of a known sentence as that sentence does.
    fn restore_phrases(&self, letters: &mut [char], settled: &mut [bool]) {
        let mut place = 0;
        while place < letters.len() {
            let rest = &letters[place..];
            let parts = self.sentences.iter().filter_map(|sentence| agreeing(sentence, rest));
            let best = parts.max_by_key(|part| likeness(part, rest));
            match best.filter(|phrase| phrase.len() >= PHRASE_LETTERS_MIN) {
                Some(phrase) => {
                    let here = place..place + phrase.len();
                    for ((letter, known), settled) in
                        letters[here.clone()].iter_mut().zip(phrase).zip(&settled[here.clone()])
                    {
                        if !settled {
                            *letter = *known;
                        }
                    }
                    settled[here].fill(true);
                    place += phrase.len();
                }
                None => place += 1,
            }
        }
    }

    fn restore_names(&self, text: &str) -> String {
        if self.names.is_empty() {
            return text.to_owned();
        }
        let pieces: Vec<&str> = text.split_inclusive(' ').collect();
        let mut restored = String::with_capacity(text.len());
        let mut place = 0;
        while place < pieces.len() {
            // A name is heard as one word or falls apart into two or three.
            let found = (1..=NAME_PIECES_MAX.min(pieces.len() - place))
                .filter_map(|count| self.name(&pieces[place..place + count]).map(|(apart, name)| (apart, count, name)))
                .min_by_key(|(apart, ..)| *apart)
                .map(|(_, count, name)| (count, name));
            match found {
                Some((count, name)) => {
                    restored.push_str(name);
                    let last = pieces[place + count - 1];
                    restored
                        .push_str(last.trim_start_matches(|letter: char| letter.is_alphanumeric() || letter == '\''));
                    place += count;
                }
                None => {
                    restored.push_str(pieces[place]);
                    place += 1;
                }
            }
        }
        restored
    }

    /// The name that these words sound like, and how many letters they are apart.
    fn name<'a>(&'a self, pieces: &[&str]) -> Option<(usize, &'a str)> {
        let words: Vec<String> = pieces.iter().map(|piece| letters_of(piece)).collect();
        let inside = pieces.split_last().map_or(&[][..], |(_, before)| before);
        // A comma or full stop parts names.
        if inside.iter().any(|piece| piece.trim_end().ends_with([',', '.', '?', '!', ';', ':'])) {
            return None;
        }
        let letters = words.concat();
        if words.iter().all(|word| self.known.contains(word) || is_common(word)) && !self.names.contains_key(&letters) {
            return None;
        }
        if let Some(name) = self.names.get(&letters) {
            return Some((0, name));
        }
        let key = consonants(&letters);
        let near = |(known, name): (&String, &'a String)| {
            let apart = strsim::levenshtein(known, &letters);
            let is_near = consonants(known) == key && apart * NAME_LETTERS_PER_ERROR <= known.len();
            is_near.then_some((apart, name.as_str()))
        };
        self.names.iter().filter_map(near).min_by_key(|(apart, _)| *apart)
    }
}

/// Runs of Han characters.
fn han_runs(text: &str) -> Vec<Vec<char>> {
    let is_han = |letter: &char| syllable::readings(*letter).next().is_some();
    let letters: Vec<char> = text.chars().collect();
    let runs = letters.chunk_by(|a, b| is_han(a) == is_han(b));
    runs.filter(|run| run.first().is_some_and(is_han)).map(<[char]>::to_vec).collect()
}

/// The longest part of a sentence that sounds like the beginning of the letters; of several the one that is spelt most
/// like them.
fn agreeing<'a>(sentence: &'a [char], letters: &[char]) -> Option<&'a [char]> {
    let part = |from: usize| {
        let same = sentence[from..].iter().zip(letters).take_while(|(a, b)| sound_alike(**a, **b)).count();
        &sentence[from..from + same]
    };
    (0..sentence.len()).map(part).max_by_key(|part| likeness(part, letters))
}

/// How far they agree in sound, and then in spelling.
fn likeness(part: &[char], letters: &[char]) -> (usize, usize) {
    (part.len(), part.iter().zip(letters).filter(|(a, b)| a == b).count())
}

/// Whether a word was said where these characters were written.
fn is_said(word: &[char], written: &[char]) -> bool {
    let exact = word.iter().zip(written).filter(|(a, b)| sound_alike(**a, **b)).count();
    let same = word.iter().zip(written).filter(|(a, b)| a == b).count();
    let close = word.iter().zip(written).all(|(a, b)| sound_close(*a, *b));
    let is_number = written.iter().all(|letter| DIGITS_ZH.contains(*letter));
    let written: String = written.iter().collect();
    if !close || is_number || COMMON_ZH.contains(&written.as_str()) {
        return false;
    }
    match word.len() {
        // Two syllables are few: one character must be the word's own, or both must sound exactly like it.
        0..=2 => exact == word.len() || same >= 1,
        _ => exact * 2 >= word.len(),
    }
}

fn letters_of(text: &str) -> String {
    text.to_lowercase().chars().filter(|letter| letter.is_alphanumeric()).collect()
}

/// What is left of an English word when vowels, doublings and spellings of one sound are left out.
fn consonants(letters: &str) -> String {
    let spelt = letters
        .replace("ph", "f")
        .replace("ck", "k")
        .replace("ch", "S")
        .replace("sh", "S")
        .replace("gh", "")
        .replace("qu", "kw")
        .replace('x', "ks");
    let mut key = String::new();
    for (letter, place) in spelt.chars().zip(0..) {
        let sound = match letter {
            'a' | 'e' | 'i' | 'o' | 'u' | 'y' if place == 0 => 'a',
            'a' | 'e' | 'i' | 'o' | 'u' | 'y' | 'h' | 'w' => continue,
            'c' | 'q' => 'k',
            'z' => 's',
            'd' => 't',
            'b' => 'p',
            'v' => 'f',
            'g' | 'j' => 'k',
            other => other,
        };
        if !key.ends_with(sound) {
            key.push(sound);
        }
    }
    key
}

fn is_common(word: &str) -> bool {
    COMMON_EN.contains(&word)
}

/// Words, and sentences, that are taken.
pub const ENTRIES_MAX: usize = 2_000;
/// No word of a business is longer.
const WORD_LETTERS_MAX: usize = 12;
/// A shorter stretch of a sentence sounds like too many others.
const PHRASE_LETTERS_MIN: usize = 4;
/// Shorter names sound like too many words.
const NAME_LETTERS_MIN: usize = 5;
/// One wrong letter for so many right ones.
const NAME_LETTERS_PER_ERROR: usize = 4;
/// Words into which a name may fall apart.
const NAME_PIECES_MAX: usize = 3;
const DIGITS_ZH: &str = "零〇一二两三四五六七八九幺十百千万";

/// Frequent words of two characters that are never taken for another word.
const COMMON_ZH: [&str; 96] = [
    "我们", "你们", "他们", "这个", "那个", "什么", "怎么", "知道", "可以", "没有", "现在", "时候", "今天", "明天",
    "昨天", "已经", "还是", "因为", "所以", "但是", "如果", "就是", "不是", "还有", "谢谢", "你好", "请问", "一下",
    "一个", "这样", "那样", "自己", "觉得", "需要", "应该", "可能", "事情", "问题", "东西", "地方", "时间", "先生",
    "小姐", "老师", "大家", "朋友", "公司", "电话", "手机", "号码", "名字", "地址", "告诉", "帮忙", "等等", "马上",
    "以后", "以前", "然后", "或者", "而且", "不过", "只是", "真的", "非常", "比较", "一直", "一样", "开始", "结束",
    "今年", "去年", "明年", "早上", "上午", "中午", "下午", "晚上", "星期", "月份", "看看", "说说", "想要", "不要",
    "不用", "不能", "不会", "希望", "喜欢", "感觉", "出来", "起来", "过来", "回来", "上来", "下来",
];

/// Frequent English words that are never taken for a name, alone or together.
const COMMON_EN: [&str; 121] = [
    "a", "about", "after", "again", "all", "also", "an", "and", "any", "are", "as", "at", "back", "be", "because",
    "been", "before", "bill", "bought", "but", "by", "call", "can", "card", "come", "could", "day", "did", "do",
    "does", "down", "even", "find", "first", "for", "from", "get", "give", "go", "good", "got", "had", "has", "have",
    "he", "help", "her", "here", "him", "his", "home", "how", "i", "if", "in", "into", "is", "it", "its", "just",
    "know", "last", "like", "line", "long", "look", "made", "make", "many", "me", "money", "more", "my", "name",
    "need", "new", "no", "not", "now", "number", "of", "on", "one", "only", "or", "order", "other", "our", "out",
    "over", "people", "phone", "please", "said", "say", "see", "she", "should", "so", "some", "take", "than", "that",
    "the", "their", "them", "then", "there", "they", "thing", "this", "time", "to", "two", "up", "us", "want", "was",
    "we", "what", "when",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Vocabulary {
        let words = [
            (Language::Zh, "订单"),
            (Language::Zh, "退款"),
            (Language::Zh, "张江"),
            (Language::Zh, "小鹏咖啡机"),
            (Language::En, "Brevanta"),
            (Language::En, "Hotline"),
            (Language::En, "Kettleworth"),
        ];
        let sentences =
            [(Language::Zh, "我的快递到哪了"), (Language::Zh, "帮我查一下物流"), (Language::En, "the line is hot")];
        Vocabulary::new(words, sentences)
    }

    fn check(language: Language, text: &str, expected: &str) {
        assert_eq!(shop().restore(text, language), expected, "{text}");
    }

    #[test]
    fn mandarin_words_are_restored_by_sound() {
        let check = |text: &str, expected: &str| check(Language::Zh, text, expected);
        check("我的定单到哪里了？", "我的订单到哪里了？");
        check("我要推款", "我要退款");
        check("我住在章将", "我住在张江");
        check("晓朋加非机坏了", "小鹏咖啡机坏了");
        check("我的订单要退款", "我的订单要退款");
    }

    #[test]
    fn phrases_are_restored_from_what_callers_say() {
        check(Language::Zh, "帮我查一下五六", "帮我查一下物流");
        check(Language::Zh, "我的快弟到那了", "我的快递到哪了");
        check(Language::Zh, "号码是五六五六", "号码是五六五六");
    }

    #[test]
    fn what_is_right_or_sounds_otherwise_is_left_alone() {
        let check = |text: &str| check(Language::Zh, text, text);
        check("我想知道现在怎么办");
        check("单价是多少");
        check("五六七八");
        check("");
        check("ok 好的");
    }

    #[test]
    fn english_names_are_restored_by_their_sound() {
        let check = |text: &str, expected: &str| check(Language::En, text, expected);
        check("My bravanta is broken.", "My Brevanta is broken.");
        check("I called the hot line, twice.", "I called the Hotline, twice.");
        check("a kettle worth it", "a Kettleworth it");
        check("the line is hot", "the line is hot");
        check("my bread is warm", "my bread is warm");
        check("I was hotlined yesterday", "I was hotlined yesterday");
        check("", "");
    }

    #[test]
    fn nothing_known_changes_nothing() {
        let nothing = Vocabulary::default();
        assert!(nothing.is_empty());
        assert_eq!(nothing.restore("我的定单", Language::Zh), "我的定单");
        assert_eq!(nothing.restore("my bravanta", Language::En), "my bravanta");
    }
}
