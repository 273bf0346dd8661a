//! Whether the words so far sound finished, so that a caller who is done need not wait and one who is not may think.

use call::Language;

use crate::expect::Expect;

/// How finished the words sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completeness {
    /// A whole answer.
    Complete,
    /// More must follow.
    Incomplete,
    /// Could be either.
    Unknown,
}

/// Judges the words up to a pause.
pub(crate) fn completeness(text: &str, language: Language, expect: Expect) -> Completeness {
    let general = match language {
        Language::En => english(text),
        Language::Zh => mandarin(text),
    };
    match expect {
        Expect::Anything | Expect::Choice => general,
        Expect::Digits { min, max } => match digits(text, language) {
            // No digit at all: not dictating, but saying something else.
            0 => general,
            count if count >= usize::from(max) => Completeness::Complete,
            count if count < usize::from(min) => Completeness::Incomplete,
            _ => Completeness::Unknown,
        },
        Expect::YesNo if general != Completeness::Incomplete && has_yes_or_no(text, language) => Completeness::Complete,
        Expect::YesNo => general,
    }
}

fn english(text: &str) -> Completeness {
    let text = text.trim();
    if text.ends_with(['-', ',', '…']) || text.ends_with("...") {
        return Completeness::Incomplete;
    }
    let words = english_words(text);
    let whole = words.join(" ");
    if WHOLE_EN.contains(&whole.as_str()) {
        return Completeness::Complete;
    }
    let Some((last, before)) = words.split_last() else { return Completeness::Unknown };
    let before = before.last().map_or("", String::as_str);
    let points_back = matches!(last.as_str(), "is" | "was" | "are" | "were") && POINTING_EN.contains(&before);
    if OPEN_EN.contains(&last.as_str()) && !points_back {
        return Completeness::Incomplete;
    }
    // The recogniser ends nearly every text with a full stop, so only longer ones say something.
    let enough = words.len() >= if text.ends_with('?') { 3 } else { 4 };
    if enough && text.ends_with(['.', '?', '!']) { Completeness::Complete } else { Completeness::Unknown }
}

fn mandarin(text: &str) -> Completeness {
    let text = text.trim();
    if text.ends_with(['，', '、', '…', ',']) {
        return Completeness::Incomplete;
    }
    let solid: String = text.chars().filter(|letter| letter.is_alphanumeric()).collect();
    if WHOLE_ZH.contains(&solid.as_str()) {
        return Completeness::Complete;
    }
    if OPEN_ZH.iter().any(|ending| solid.ends_with(ending)) {
        return Completeness::Incomplete;
    }
    let closes = CLOSING_ZH.iter().any(|ending| solid.ends_with(ending)) || text.ends_with(['。', '？', '！', '?']);
    if closes && solid.chars().count() >= 4 { Completeness::Complete } else { Completeness::Unknown }
}

fn has_yes_or_no(text: &str, language: Language) -> bool {
    match language {
        Language::En => english_words(text).iter().any(|word| YES_NO_EN.contains(&word.as_str())),
        Language::Zh => YES_NO_ZH.iter().any(|word| text.contains(word)),
    }
}

/// How many digits were dictated, written as figures or as words.
fn digits(text: &str, language: Language) -> usize {
    let figures = text.chars().filter(char::is_ascii_digit).count();
    let spoken = match language {
        Language::Zh => text.chars().filter(|letter| DIGITS_ZH.contains(*letter)).count(),
        Language::En => {
            let words = english_words(text);
            let mut count = 0;
            let mut times = 1;
            let mut after_tens = false;
            for word in &words {
                let word = word.as_str();
                match word {
                    "double" => times = 2,
                    "triple" => times = 3,
                    _ if UNITS_EN.contains(&word) => {
                        // "twenty one" is two digits, and "twenty" has counted both.
                        count += if after_tens { 0 } else { times };
                        times = 1;
                    }
                    _ if TEENS_EN.contains(&word) || TENS_EN.contains(&word) => count += 2,
                    _ => times = 1,
                }
                after_tens = TENS_EN.contains(&word);
            }
            count
        }
    };
    figures + spoken
}

fn english_words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .replace('’', "'")
        .split(|letter: char| !letter.is_alphanumeric() && letter != '\'')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Words that something must follow.
const OPEN_EN: [&str; 61] = [
    "a", "about", "also", "am", "an", "and", "are", "as", "at", "because", "been", "but", "by", "called", "can",
    "could", "er", "for", "from", "had", "has", "have", "i", "i'd", "i'll", "i'm", "i've", "if", "in", "into", "is",
    "it's", "like", "my", "of", "on", "or", "our", "so", "than", "that's", "the", "their", "then", "to", "uh", "um",
    "until", "was", "we", "were", "when", "where", "which", "while", "who", "with", "would", "you're", "your", "hmm",
];

/// After these "is" may well be the last word: "I do not know where it is".
const POINTING_EN: [&str; 9] = ["he", "it", "she", "that", "there", "they", "this", "what", "you"];

/// Short answers that are whole.
const WHOLE_EN: [&str; 34] = [
    "agent",
    "an agent",
    "bye",
    "cancel",
    "correct",
    "exactly",
    "fine",
    "goodbye",
    "hello",
    "hi",
    "human",
    "nope",
    "no",
    "no thank you",
    "no thanks",
    "none",
    "nothing",
    "ok",
    "okay",
    "operator",
    "please",
    "repeat",
    "representative",
    "right",
    "stop",
    "sure",
    "thank you",
    "thanks",
    "that's right",
    "yeah",
    "yep",
    "yes",
    "yes please",
    "that's all",
];

const YES_NO_EN: [&str; 16] = [
    "absolutely",
    "correct",
    "exactly",
    "fine",
    "nah",
    "no",
    "nope",
    "not",
    "ok",
    "okay",
    "right",
    "sure",
    "wrong",
    "yeah",
    "yep",
    "yes",
];

const UNITS_EN: [&str; 12] =
    ["zero", "oh", "o", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const TEENS_EN: [&str; 10] =
    ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"];
const TENS_EN: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// Endings that something must follow.
const OPEN_ZH: [&str; 32] = [
    "但是",
    "但",
    "因为",
    "所以",
    "然后",
    "还有",
    "而且",
    "可是",
    "不过",
    "或者",
    "以及",
    "如果",
    "要是",
    "就是",
    "那个",
    "这个",
    "我的",
    "你们的",
    "我想",
    "我要",
    "帮我",
    "请问",
    "和",
    "跟",
    "把",
    "被",
    "给",
    "在",
    "号码是",
    "单号是",
    "订单号",
    "名字是",
];

/// Short answers that are whole.
const WHOLE_ZH: [&str; 32] = [
    "好",
    "好的",
    "好吧",
    "是",
    "是的",
    "对",
    "对的",
    "对啊",
    "嗯",
    "不",
    "不是",
    "不对",
    "不要",
    "不用",
    "不用了",
    "没有",
    "没了",
    "没有了",
    "可以",
    "不可以",
    "行",
    "不行",
    "谢谢",
    "再见",
    "拜拜",
    "你好",
    "喂",
    "人工",
    "转人工",
    "人工客服",
    "取消",
    "确认",
];

/// Particles that close a sentence.
const CLOSING_ZH: [&str; 6] = ["吗", "呢", "吧", "了", "啊", "呀"];

const YES_NO_ZH: [&str; 10] = ["是", "对", "好", "不", "没", "行", "可以", "嗯", "要", "确认"];

const DIGITS_ZH: &str = "零〇一二两三四五六七八九幺十";

#[cfg(test)]
mod tests {
    use super::Completeness::{Complete, Incomplete, Unknown};
    use super::*;

    #[test]
    fn english_words_tell_whether_they_are_finished() {
        let check = |text: &str, expected| {
            assert_eq!(completeness(text, Language::En, Expect::Anything), expected, "{text}");
        };
        check("Where is my order?", Complete);
        check("I want to return the kettle.", Complete);
        check("Yes.", Complete);
        check("Thank you.", Complete);
        check("I don't know where it is.", Complete);
        check("My order number is.", Incomplete);
        check("I bought a kettle and", Incomplete);
        check("I'd like to", Incomplete);
        check("Well, um,", Incomplete);
        check("The kettle", Unknown);
        check("", Unknown);
    }

    #[test]
    fn mandarin_words_tell_whether_they_are_finished() {
        let check = |text: &str, expected| {
            assert_eq!(completeness(text, Language::Zh, Expect::Anything), expected, "{text}");
        };
        check("我的订单到哪里了", Complete);
        check("好的。", Complete);
        check("可以退货吗？", Complete);
        check("我买了一个水壶，但是", Incomplete);
        check("我的订单号是，", Incomplete);
        check("我的订单号", Incomplete);
        check("水壶", Unknown);
    }

    #[test]
    fn a_number_is_finished_when_it_has_its_digits() {
        let check = |text: &str, language, expected| {
            assert_eq!(completeness(text, language, Expect::Digits { min: 6, max: 8 }), expected, "{text}");
        };
        check("One two three.", Language::En, Incomplete);
        check("four double five one two three", Language::En, Unknown);
        check("It's 4471 2093.", Language::En, Complete);
        check("twenty one forty five ninety nine", Language::En, Unknown);
        check("I do not have it here.", Language::En, Complete);
        check("幺三五", Language::Zh, Incomplete);
        check("13567890", Language::Zh, Complete);
    }

    #[test]
    fn yes_and_no_finish_a_yes_or_no_question() {
        let check = |text: &str, expected| {
            assert_eq!(completeness(text, Language::En, Expect::YesNo), expected, "{text}");
        };
        check("Yes it is", Complete);
        check("No, but", Incomplete);
        check("The blue one", Unknown);
    }
}
