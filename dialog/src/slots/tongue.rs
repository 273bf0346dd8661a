//! "English, please", 请说中文: a caller asks for a language by its name.

use call::Language;

use super::speech::tokens;
use crate::nlu::is_han;

/// The language that a text asks for, of these: by its name in a short sentence, or by saying that the other one is not
/// spoken.
pub(crate) fn wished_language(text: &str, spoken: &[Language]) -> Option<Language> {
    let words = tokens(text);
    let letters = text.chars().filter(|letter| is_han(*letter)).count();
    if words.iter().filter(|word| word.is_ascii()).count() > WORDS_MAX || letters > LETTERS_MAX {
        return None;
    }
    let named = |language: &&Language| match language {
        Language::En => {
            words.iter().any(|word| word == "english") || ["英文", "英语"].iter().any(|name| text.contains(name))
        }
        Language::Zh => {
            words.iter().any(|word| ["chinese", "mandarin", "putonghua"].contains(&word.as_str()))
                || ["中文", "普通话", "国语", "汉语", "华语"].iter().any(|name| text.contains(name))
        }
    };
    let mut wished = spoken.iter().filter(named);
    let language = wished.next().filter(|_| wished.next().is_none())?;
    let refused =
        words.iter().any(|word| ["not", "don't", "don’t", "dont", "can't", "cannot", "no"].contains(&word.as_str()))
            || ["不会", "不懂", "听不懂", "不说", "不要"].iter().any(|no| text.contains(no));
    if !refused {
        return Some(*language);
    }
    let mut others = spoken.iter().filter(|other| *other != language);
    others.next().filter(|_| others.next().is_none()).copied()
}

/// Longer sentences are about something else.
const WORDS_MAX: usize = 9;
const LETTERS_MAX: usize = 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_asked_for_by_name() {
        let check = |text: &str, expected: Option<Language>| {
            assert_eq!(wished_language(text, &[Language::En, Language::Zh]), expected, "{text}");
        };
        check("Can we speak English, please?", Some(Language::En));
        check("Mandarin please", Some(Language::Zh));
        check("I don't speak Chinese", Some(Language::En));
        check("请说中文", Some(Language::Zh));
        check("可以讲英文吗", Some(Language::En));
        check("我不会说英语", Some(Language::Zh));
        check("你会说普通话吗？", Some(Language::Zh));
        check("where is my order", None);
        check("English or Chinese", None);
        check("I ordered a book on the history of the English kings and their wives", None);
        assert_eq!(wished_language("Chinese please", &[Language::En]), None, "nobody here speaks it");
    }
}
