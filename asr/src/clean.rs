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
        Language::Zh => with_particle(&hanconv::t2s(&said)),
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

/// Writes the particle 着, which the traditional script spells 著, as the simplified one does. The fold leaves 著 alone,
/// because the simplified script has it too, in a few words about writing and being known.
fn with_particle(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let is_word = |place: usize| {
        let pair =
            |from: usize| letters.get(from..from + 2).is_some_and(|pair| WORDS_WITH_ZHU.contains(&[pair[0], pair[1]]));
        pair(place) || place.checked_sub(1).is_some_and(pair)
    };
    let spell = |(place, &letter): (usize, &char)| if letter == '著' && !is_word(place) { '着' } else { letter };
    letters.iter().enumerate().map(spell).collect()
}

/// Words that keep 著.
const WORDS_WITH_ZHU: [[char; 2]; 12] = [
    ['著', '名'],
    ['著', '作'],
    ['著', '称'],
    ['著', '书'],
    ['显', '著'],
    ['名', '著'],
    ['专', '著'],
    ['原', '著'],
    ['土', '著'],
    ['巨', '著'],
    ['编', '著'],
    ['卓', '著'],
];

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
        check("我等著呢", "我等着呢");
        check("著名的原著", "著名的原著");
    }
}
