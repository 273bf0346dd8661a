//! The words of a business and how they are said, looked at before any voice is loaded.
//!
//! A mistake in them should be told when the configuration is checked and not when the house opens. Mandarin is judged
//! by the very reader of the voice; in English, sounds between slashes are, and a respelling only has to have letters.

use std::collections::BTreeMap;

use call::Language;

use crate::kokoro::is_sound;
use crate::mandarin::Reader;

/// The words of this lexicon whose pronunciation the voice of the language would refuse
/// ([`VoiceError::Lexicon`](crate::VoiceError::Lexicon)), in order.
///
/// For Mandarin with any word in it this loads the dictionaries of the reader: some 0.3 s.
pub fn unsayable(language: Language, words: &BTreeMap<String, String>) -> Vec<&str> {
    if words.is_empty() {
        return Vec::new();
    }
    let reader = (language == Language::Zh).then(|| Reader::new(None));
    let is_said = |word: &str, said: &str| match &reader {
        Some(reader) => reader.can_say(word, said),
        None => is_english(said),
    };
    let wrong = |word: &str, said: &str| !has_letters(word) || !is_said(word, said);
    words.iter().filter(|(word, said)| wrong(word, said)).map(|(word, _)| word.as_str()).collect()
}

fn has_letters(word: &str) -> bool {
    word.chars().any(char::is_alphanumeric)
}

fn is_english(said: &str) -> bool {
    match said.trim().strip_prefix('/').and_then(|said| said.strip_suffix('/')) {
        Some(sounds) => has_letters(sounds) && sounds.chars().all(is_sound),
        None => said.bytes().any(|letter| letter.is_ascii_alphabetic()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(language: Language, words: &[(&str, &str)], expected: &[&str]) {
        let words = words.iter().map(|&(word, said)| (word.to_owned(), said.to_owned())).collect();
        assert_eq!(unsayable(language, &words), expected);
    }

    #[test]
    fn english_words_are_respelled_or_given_as_sounds() {
        check(Language::En, &[("Huawei", "wah way"), ("Xiaomi", "/ʃWmˈi/")], &[]);
        check(
            Language::En,
            &[("Foo", "/f§/"), ("Bar", "吧"), ("Baz", ""), ("...", "dots")],
            &["...", "Bar", "Baz", "Foo"],
        );
        check(Language::En, &[("Empty", "//")], &["Empty"]);
    }

    #[test]
    fn mandarin_words_are_given_as_pinyin_or_as_other_characters() {
        check(Language::Zh, &[("华为", "hua2 wei2"), ("单县", "善县"), ("iPad", "ai4 pai4 de5")], &[]);
        check(Language::Zh, &[("华为", "hua2"), ("重庆", "chong qingg"), ("行", "")], &["华为", "行", "重庆"]);
        check(Language::Zh, &[], &[]);
    }
}
