//! Text as the rest of the house wants it: words only.
//!
//! The recogniser was trained on subtitles and writes what it hears besides words in brackets, with asterisks or with
//! notes. None of that was said. Mandarin comes in either script and leaves in simplified characters.

use call::Language;

/// Removes sound descriptions and surplus space; folds Mandarin to simplified characters.
pub(crate) fn clean(text: &str, language: Language) -> String {
    let said = without_descriptions(text);
    let said = match language {
        Language::En => said,
        Language::Zh => hanconv::t2s(&said),
    };
    let words: Vec<&str> = said.split_whitespace().collect();
    let joined = words.join(" ");
    // What is left of "(music) ..." is punctuation, and that was not said either.
    if joined.chars().any(char::is_alphanumeric) { joined } else { String::new() }
}

/// Leaves out everything between brackets or asterisks, and musical notes. An unclosed bracket is left out alone.
fn without_descriptions(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        match closing(first) {
            Some(close) => match after.find(close) {
                Some(end) => {
                    kept.push(' ');
                    rest = &after[end + close.len_utf8()..];
                }
                None => rest = after,
            },
            None => {
                if !matches!(first, '♪' | '♫' | '♬' | '\u{fffd}') {
                    kept.push(first);
                }
                rest = after;
            }
        }
    }
    kept
}

fn closing(open: char) -> Option<char> {
    match open {
        '(' => Some(')'),
        '[' => Some(']'),
        '{' => Some('}'),
        '*' => Some('*'),
        '（' => Some('）'),
        '【' => Some('】'),
        '〔' => Some('〕'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_are_left() {
        let check = |text: &str, expected: &str| assert_eq!(clean(text, Language::En), expected, "{text}");
        check(" Where is my order?", "Where is my order?");
        check("(soft music)", "");
        check("[BLANK_AUDIO]", "");
        check(" *coughs* Yes,  please. ", "Yes, please.");
        check("♪ la la ♪", "la la");
        check("...", "");
        check("Number (four", "Number four");
        check("a * b", "a b");
        check("", "");
    }

    #[test]
    fn mandarin_is_folded_to_simplified_characters() {
        let check = |text: &str, expected: &str| assert_eq!(clean(text, Language::Zh), expected, "{text}");
        check("我的訂單在哪裡", "我的订单在哪里");
        check("（音乐）", "");
        check("轉人工客服", "转人工客服");
        check("乾隆的乾杯", "乾隆的干杯");
    }
}
