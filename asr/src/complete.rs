//! Whether the words so far sound finished, so that a caller who is done need not wait and one who is not may think.

use call::Language;

use crate::expect::Expect;

/// How finished the words sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completeness {
    /// A whole answer that hardly anybody adds to: a question, a thank you, a yes, all digits of a number.
    Certain,
    /// A whole sentence. Another may follow.
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
            count if count >= usize::from(max) => Completeness::Certain,
            count if count < usize::from(min) => Completeness::Incomplete,
            _ => Completeness::Unknown,
        },
        Expect::YesNo if general != Completeness::Incomplete && has_yes_or_no(text, language) => {
            // "Yes" answers it; "yes, because it is broken" may go on.
            if spoken_words(text, language) <= ANSWER_WORDS_MAX {
                Completeness::Certain
            } else {
                Completeness::Complete
            }
        }
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
        return Completeness::Certain;
    }
    let Some((last, before)) = words.split_last() else { return Completeness::Unknown };
    let before = before.last().map_or("", String::as_str);
    let points_back = matches!(last.as_str(), "is" | "was" | "are" | "were") && POINTING_EN.contains(&before);
    // "The problem is that", where "what is that?" asks.
    let points_ahead = last == "that" && matches!(before, "is" | "was") && !text.ends_with('?');
    let thinks = THINKING_EN.iter().any(|phrase| whole == *phrase || whole.ends_with(&format!(" {phrase}")));
    if thinks || points_ahead || OPEN_EN.contains(&last.as_str()) && !points_back || lacks_object(&words) {
        return Completeness::Incomplete;
    }
    // A number told without being asked for may have more digits, and a clause that begins so has another to come.
    let is_number = digits(last, Language::En) > 0;
    let is_half = BEGINNING_EN.contains(&words[0].as_str()) && !text.contains(',') && !text.ends_with('?');
    if is_number || is_half {
        return Completeness::Unknown;
    }
    // The recogniser ends nearly every text with a full stop, so only longer ones say something.
    if text.ends_with('?') && words.len() >= 4 {
        Completeness::Certain
    } else if words.len() >= 4 && text.ends_with(['.', '!']) {
        Completeness::Complete
    } else {
        Completeness::Unknown
    }
}

/// "I would like to know", "can you please": the verb is there, and not yet what it is about. The recogniser puts a full
/// stop behind it all the same.
fn lacks_object(words: &[String]) -> bool {
    let mut words = words.iter().rev().map(String::as_str).peekable();
    let is_polite = words.next_if_eq(&"please").is_some();
    let is_you = |word: &str| matches!(word, "you" | "i" | "we");
    if is_polite && words.peek().copied().is_some_and(is_you) {
        return true;
    }
    let Some(verb) = words.next() else { return false };
    if !OBJECT_EN.contains(&verb) {
        return false;
    }
    match words.next() {
        Some("to" | "please" | "and" | "just" | "also" | "really") => true,
        Some(word) if is_you(word) => words.next().is_some_and(|word| ASKING_EN.contains(&word)) || verb == "need",
        Some(_) | None => false,
    }
}

fn mandarin(text: &str) -> Completeness {
    let text = text.trim();
    if text.ends_with(['，', '、', '…', ',']) {
        return Completeness::Incomplete;
    }
    let solid: String = text.chars().filter(|letter| letter.is_alphanumeric()).collect();
    if WHOLE_ZH.contains(&solid.as_str()) {
        return Completeness::Certain;
    }
    let points = solid.ends_with('是') && !ENDING_SHI_ZH.iter().any(|ending| solid.ends_with(ending));
    if points || OPEN_ZH.iter().any(|ending| solid.ends_with(ending)) || lacks_object_zh(&solid) {
        return Completeness::Incomplete;
    }
    if solid.ends_with(|letter: char| letter.is_ascii_digit() || DIGITS_ZH.contains(letter)) {
        return Completeness::Unknown;
    }
    let closes = CLOSING_ZH.iter().any(|ending| solid.ends_with(ending)) || text.ends_with(['。', '？', '！', '?']);
    let asks = solid.ends_with('吗') || text.ends_with(['？', '?']);
    match solid.chars().count() {
        4.. if asks => Completeness::Certain,
        4.. if closes => Completeness::Complete,
        _ => Completeness::Unknown,
    }
}

/// "我想问一下", "帮我查": what they want to do is said, and not yet with what.
fn lacks_object_zh(solid: &str) -> bool {
    let stem = solid.strip_suffix("一下").unwrap_or(solid);
    OBJECT_ZH.iter().filter_map(|verb| stem.strip_suffix(verb)).any(|before| {
        // "不知道" and "我知道" are whole, "我想知道" is not.
        ASKING_ZH.iter().any(|asking| before.ends_with(asking))
    })
}

/// Whether a word of agreement or refusal is among them.
pub(crate) fn has_yes_or_no(text: &str, language: Language) -> bool {
    match language {
        Language::En => english_words(text).iter().any(|word| YES_NO_EN.contains(&word.as_str())),
        Language::Zh => YES_NO_ZH.iter().any(|word| text.contains(word)),
    }
}

/// How many digits were dictated, written as figures or as words.
pub(crate) fn digits(text: &str, language: Language) -> usize {
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

/// Words in English, characters in Mandarin.
pub(crate) fn spoken_words(text: &str, language: Language) -> usize {
    match language {
        Language::En => english_words(text).len(),
        Language::Zh => text.chars().filter(|letter| letter.is_alphanumeric()).count(),
    }
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
const OPEN_EN: [&str; 84] = [
    "any", "between", "both", "during", "each", "either", "every", "he", "it'll", "neither", "nor", "per", "says",
    "she", "some", "since", "there's", "they", "they're", "through", "we're", "whether", "without", "a", "about",
    "also", "am", "an", "and", "are", "as", "at", "because", "been", "but", "by", "called", "can", "could", "er",
    "for", "from", "had", "has", "have", "i", "i'd", "i'll", "i'm", "i've", "if", "in", "into", "is", "it's", "like",
    "my", "of", "on", "or", "our", "so", "than", "that's", "the", "their", "then", "to", "uh", "um", "until", "was",
    "we", "were", "when", "where", "which", "while", "who", "with", "would", "you're", "your", "hmm",
];

/// What people say while they think or look something up.
const THINKING_EN: [&str; 14] = [
    "erm",
    "hang on",
    "hold on",
    "i mean",
    "just a moment",
    "just a second",
    "let me check",
    "let me look",
    "let me see",
    "let me think",
    "one moment",
    "one second",
    "wait",
    "you know",
];

/// Verbs after which most people say what.
const OBJECT_EN: [&str; 34] = [
    "add", "ask", "block", "book", "bring", "buy", "change", "check", "discuss", "exchange", "explain", "find", "get",
    "give", "have", "know", "make", "need", "order", "put", "receive", "replace", "report", "request", "return",
    "send", "show", "take", "tell", "track", "transfer", "update", "use", "want",
];

/// Words that begin a request: "could you send".
const ASKING_EN: [&str; 8] = ["can", "could", "may", "must", "should", "shall", "will", "would"];

/// An answer of yes or no with more words than these may be a story.
const ANSWER_WORDS_MAX: usize = 4;

/// Words that begin a clause which another one follows.
const BEGINNING_EN: [&str; 10] =
    ["after", "although", "as", "because", "before", "if", "since", "unless", "when", "while"];

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
const OPEN_ZH: [&str; 60] = [
    "麻烦你",
    "麻烦您",
    "请你",
    "请您",
    "你能",
    "您能",
    "关于",
    "对于",
    "比如",
    "比如说",
    "由于",
    "为了",
    "并且",
    "另外",
    "从",
    "向",
    "能不能",
    "可不可以",
    "名字叫",
    "我叫",
    "地址在",
    "等一下",
    "等等",
    "稍等",
    "我看看",
    "我看一下",
    "我想想",
    "呃",
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

/// Verbs after which most people say what.
const OBJECT_ZH: [&str; 24] = [
    "问", "找", "查", "查询", "知道", "咨询", "了解", "买", "订", "退", "退掉", "换", "换掉", "改", "改成", "修改",
    "反映", "办", "办理", "开", "预约", "确认", "看", "要",
];

/// What stands before them in a request.
const ASKING_ZH: [&str; 9] = ["想", "想要", "我要", "帮我", "给我", "请你", "请您", "麻烦你", "麻烦您"];

/// Endings in 是 that nothing need follow.
const ENDING_SHI_ZH: [&str; 5] = ["不是", "也是", "都是", "才是", "的是"];

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
    use super::Completeness::{Certain, Complete, Incomplete, Unknown};
    use super::*;

    #[test]
    fn english_words_tell_whether_they_are_finished() {
        let check = |text: &str, expected| {
            assert_eq!(completeness(text, Language::En, Expect::Anything), expected, "{text}");
        };
        check("Where is my order?", Certain);
        check("I want to return the kettle.", Complete);
        check("Yes.", Certain);
        check("Thank you.", Certain);
        check("I don't know where it is.", Complete);
        check("My order number is.", Incomplete);
        check("I bought a kettle and", Incomplete);
        check("I'd like to", Incomplete);
        check("Well, um,", Incomplete);
        check("Yes, let me see.", Incomplete);
        check("It broke when we.", Incomplete);
        check("When I called you back.", Unknown);
        check("When I plug it in, the fuse blows.", Complete);
        check("My order number is four four seven.", Unknown);
        check("The kettle", Unknown);
        check("I would like to know.", Incomplete);
        check("I want to return.", Incomplete);
        check("Can you please.", Incomplete);
        check("Could you send?", Incomplete);
        check("Yes, please.", Certain);
        check("The problem is that.", Incomplete);
        check("And what is that?", Certain);
        check("I do not know.", Complete);
        check("You can return it if you want.", Complete);
        check("Can you call me back, please?", Certain);
        check("", Unknown);
    }

    #[test]
    fn mandarin_words_tell_whether_they_are_finished() {
        let check = |text: &str, expected| {
            assert_eq!(completeness(text, Language::Zh, Expect::Anything), expected, "{text}");
        };
        check("我的订单到哪里了", Complete);
        check("好的。", Certain);
        check("可以退货吗？", Certain);
        check("我买了一个水壶，但是", Incomplete);
        check("我的订单号是，", Incomplete);
        check("我的订单号", Incomplete);
        check("我的手机号是", Incomplete);
        check("嗯……", Incomplete);
        check("那个", Incomplete);
        check("等一下。", Incomplete);
        check("我想问一下。", Incomplete);
        check("我想退掉。", Incomplete);
        check("我想找。", Incomplete);
        check("麻烦你。", Incomplete);
        check("我不知道。", Complete);
        check("我想退货。", Complete);
        check("不是", Certain);
        check("我的号码是一三五。", Unknown);
        check("水壶", Unknown);
    }

    #[test]
    fn a_number_is_finished_when_it_has_its_digits() {
        let check = |text: &str, language, expected| {
            assert_eq!(completeness(text, language, Expect::Digits { min: 6, max: 8 }), expected, "{text}");
        };
        check("One two three.", Language::En, Incomplete);
        check("four double five one two three", Language::En, Unknown);
        check("It's 4471 2093.", Language::En, Certain);
        check("twenty one forty five ninety nine", Language::En, Unknown);
        check("I do not have it here.", Language::En, Complete);
        check("幺三五", Language::Zh, Incomplete);
        check("13567890", Language::Zh, Certain);
    }

    #[test]
    fn yes_and_no_finish_a_yes_or_no_question() {
        let check = |text: &str, expected| {
            assert_eq!(completeness(text, Language::En, Expect::YesNo), expected, "{text}");
        };
        check("Yes it is", Certain);
        check("Yes, I bought it in March.", Complete);
        check("I want to change.", Incomplete);
        check("No, but", Incomplete);
        check("The blue one", Unknown);
    }
}
