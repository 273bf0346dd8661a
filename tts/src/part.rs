//! A text with its markup as parts, each said by one voice in one manner and rendered on its own.
//!
//! `<lang>`, `<prosody>` and `<emphasis>` end a clause, so that a clause never mixes voices; `<break>` and `<say-as>`
//! stay in it for the cutting and for the normaliser.

use std::time::Duration;

use call::Language;
use call::markup::{Stretch, stretches, tag_length, untagged};

use crate::clause::{Clause, PAUSE_HARD, PAUSE_SOFT, clauses, has_words};
use crate::voice::Style;

/// A clause, and how it is said.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its words and the silence after it. The span counts within the stretch, not within the whole text.
    pub clause: Clause,
    /// The language it is said in.
    pub language: Language,
    /// The manner it is said in.
    pub style: Style,
    /// Whether a blank stands between it and the part before.
    pub spaced: bool,
}

/// Cuts a text that is said in `language` and `style` unless its markup says otherwise. The words of all parts, joined
/// with a blank where one is due, are the text as [`call::markup::plain`] gives it.
pub fn parts(text: &str, language: Language, style: Style) -> Vec<Part> {
    let stretches = gathered(stretches(text, language));
    let mut out: Vec<Part> = Vec::new();
    let mut spaced = false;
    for stretch in stretches {
        let style = Style { rate: style.rate * stretch.rate, gain_db: style.gain_db + stretch.gain_db };
        if let Some(last) = out.last_mut() {
            last.clause.pause = last.clause.pause.max(pause_after(&last.clause.text));
        }
        let mut end = 0;
        for clause in clauses(&stretch.text, stretch.language) {
            let words = untagged(&stretch.text[end..clause.span.end]);
            spaced |= words.starts_with(char::is_whitespace);
            end = clause.span.end;
            let after = words.ends_with(char::is_whitespace);
            out.push(Part { clause, language: stretch.language, style, spaced: spaced && !out.is_empty() });
            spaced = after;
        }
        spaced |= untagged(&stretch.text[end..]).contains(char::is_whitespace);
    }
    out
}

/// Stretches that each have words: what stands alone, a full stop behind a tag for one, belongs to the words before it.
fn gathered(stretches: Vec<Stretch>) -> Vec<Stretch> {
    let mut out: Vec<Stretch> = Vec::new();
    for stretch in stretches {
        match out.last_mut() {
            // All that came before is without words as well.
            Some(last) if !has_words(&last.text) => {
                let text = format!("{}{}", last.text, stretch.text);
                *last = Stretch { text, ..stretch };
            }
            Some(last) if !has_words(&stretch.text) => last.text.push_str(&stretch.text),
            Some(last) => {
                let (marks, text) = stretch.text.split_at(leading_marks(&stretch.text));
                last.text.push_str(marks);
                out.push(Stretch { text: text.to_owned(), ..stretch });
            }
            None => out.push(stretch),
        }
    }
    out
}

/// Bytes of the marks and breaks that a text begins with: they belong to the words before them.
fn leading_marks(text: &str) -> usize {
    let mut end = 0;
    loop {
        let rest = text[end..].trim_start();
        let at = text.len() - rest.len();
        let mut letters = rest.chars();
        end = match (letters.next(), tag_length(rest)) {
            (Some('<'), Some(length)) if rest.starts_with("<break") => at + length,
            (Some(mark), _) if MARKS.contains(mark) && !letters.as_str().starts_with(char::is_alphanumeric) => {
                at + mark.len_utf8()
            }
            (Some(_) | None, _) => return end,
        };
    }
}

/// The silence that the mark at the end asks for, when other words follow.
fn pause_after(text: &str) -> Duration {
    match text.trim_end().chars().next_back() {
        Some('.' | '!' | '?' | '。' | '！' | '？' | '…') => PAUSE_HARD,
        Some(',' | ';' | ':' | '，' | '；' | '：' | '、') => PAUSE_SOFT,
        Some(_) | None => Duration::ZERO,
    }
}

/// Marks that close what stands before them.
const MARKS: &str = ".,!?;:…。，！？；：、";

#[cfg(test)]
mod tests {
    use call::markup::plain;
    use proptest::prelude::*;

    use super::*;

    fn joined(parts: &[Part]) -> String {
        parts
            .iter()
            .fold(String::new(), |text, part| text + if part.spaced { " " } else { "" } + &plain(&part.clause.text))
    }

    #[test]
    fn a_stretch_in_another_language_has_a_clause_and_a_voice_of_its_own() {
        let text =
            "We say <lang xml:lang=\"zh-CN\">您好</lang>. That is <prosody rate=\"slow\">hello</prosody>, dear caller!";
        let got = parts(text, Language::En, Style { rate: 0.9, gain_db: -2.0 });
        let of = |part: &Part| (part.clause.text.clone(), part.language, part.style.rate, part.spaced);
        let expected = [
            ("We say".to_owned(), Language::En, 0.9, false),
            ("您好.".to_owned(), Language::Zh, 0.9, true),
            ("That is".to_owned(), Language::En, 0.9, true),
            ("hello,".to_owned(), Language::En, 0.9 * 0.85, true),
            ("dear caller!".to_owned(), Language::En, 0.9, true),
        ];
        assert_eq!(got.iter().map(of).collect::<Vec<_>>(), expected);
        assert_eq!(got[1].clause.pause, PAUSE_HARD);
        assert_eq!(joined(&got), "We say 您好. That is hello, dear caller!");
    }

    #[test]
    fn a_break_behind_a_tag_is_kept() {
        let got = parts("<emphasis>Hold on</emphasis> <break time=\"1s\"/>, please.", Language::En, Style::default());
        let of = |part: &Part| (part.clause.text.clone(), part.clause.pause.as_millis(), part.spaced);
        let expected = [("Hold on <break time=\"1s\"/>,".to_owned(), 1_000, false), ("please.".to_owned(), 0, true)];
        assert_eq!(got.iter().map(of).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_text_without_markup_is_cut_as_ever() {
        let text = "Thank you, Dr. Li. Anything else?";
        let got = parts(text, Language::En, Style::default());
        let clauses = clauses(text, Language::En);
        assert_eq!(got.iter().map(|part| part.clause.clone()).collect::<Vec<_>>(), clauses);
        assert!(parts("", Language::En, Style::default()).is_empty());
    }

    #[test]
    fn a_break_behind_a_clause_of_full_length_stays_with_it() {
        let got = parts("00Aaa!aAAa0a0A0aAAA <break time=\"200ms\"/>", Language::Zh, Style::default());
        assert_eq!(got.len(), 1);
        assert_eq!(joined(&got), "00Aaa!aAAa0a0A0aAAA");
        assert_eq!(got[0].clause.pause.as_millis(), 200);
    }

    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-zA-Z0-9]{1,9}[,.!?]?".prop_map(String::from),
            "[您好请讲订单号元]{1,12}[，。！？]?".prop_map(String::from),
            prop::sample::select(vec![
                " ",
                "  ",
                "\n",
                "<break time=\"200ms\"/>",
                "<emphasis>",
                "</emphasis>",
                "<lang xml:lang=\"zh-CN\">",
                "</lang>",
                "<prosody rate=\"slow\">",
                "</prosody>",
                "<say-as interpret-as=\"digits\">44, 71</say-as>",
                "<brek>",
                "<",
                "$1,299.00",
                "...",
            ])
            .prop_map(String::from),
        ]
    }

    proptest! {
        #[test]
        fn no_word_is_lost_or_doubled(
            pieces in prop::collection::vec(piece(), 0..24),
            language in prop::sample::select(vec![Language::En, Language::Zh]),
        ) {
            let text = pieces.concat();
            let parts = parts(&text, language, Style::default());
            prop_assert_eq!(joined(&parts), plain(&text));
        }
    }
}
