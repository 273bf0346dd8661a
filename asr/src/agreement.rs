//! Local agreement: which words of a growing decode are safe to show.
//!
//! Each new decode of a growing sound may change its mind about the last words. Words that two decodes in a row agree
//! on, from the beginning, are stable and never change afterwards.

use call::Language;

/// The words two decodes agreed on, and the latest decode.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agreement {
    stable: Vec<String>,
    latest: Vec<String>,
}

impl Agreement {
    /// Takes the text of a new decode; the stable text, if it has grown.
    pub(crate) fn update(&mut self, text: &str, language: Language) -> Option<String> {
        let words = words(text, language);
        let agreed = self.latest.iter().zip(&words).take_while(|(before, now)| same(before, now)).count();
        let grown = agreed > self.stable.len() && self.stable.iter().zip(&words).all(|(stable, now)| same(stable, now));
        if grown {
            self.stable.extend_from_slice(&words[self.stable.len()..agreed]);
        }
        self.latest = words;
        grown.then(|| {
            self.stable.join(match language {
                Language::En => " ",
                Language::Zh => "",
            })
        })
    }
}

fn words(text: &str, language: Language) -> Vec<String> {
    match language {
        Language::En => text.split_whitespace().map(str::to_owned).collect(),
        Language::Zh => text.chars().filter(|letter| !letter.is_whitespace()).map(String::from).collect(),
    }
}

/// Whether two words differ in capitals and punctuation at most.
fn same(a: &str, b: &str) -> bool {
    let bare =
        |word: &str| -> String { word.to_lowercase().chars().filter(|letter| letter.is_alphanumeric()).collect() };
    bare(a) == bare(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_shown_when_two_decodes_agree() {
        let mut agreement = Agreement::default();
        let mut check = |text: &str, expected: Option<&str>| {
            assert_eq!(agreement.update(text, Language::En).as_deref(), expected, "{text}");
        };
        check("Where is", None);
        check("Where is my odor", Some("Where is"));
        check("Where is my order?", Some("Where is my"));
        check("Where is my order, number four", Some("Where is my order,"));
        check("Wear is my order, number four", None);
        check("Where is my order, number four four", None);
        check("Where is my order number four four seven", Some("Where is my order, number four four"));
    }

    #[test]
    fn mandarin_agrees_by_characters() {
        let mut agreement = Agreement::default();
        assert_eq!(agreement.update("我的订", Language::Zh), None);
        assert_eq!(agreement.update("我的订单。", Language::Zh).as_deref(), Some("我的订"));
    }
}
