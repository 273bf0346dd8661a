//! Brings the many ways to type a character to one, and remembers where each came from.
//!
//! Rules then need one apostrophe, one hyphen and one kind of digit, while marks still point into the text as given.

use call::Language;

use crate::clause::is_han;

/// A folded text and, for each of its bytes, the place in the original.
pub(super) struct Folded {
    pub(super) text: String,
    /// One entry for each byte of `text`, and one for its end.
    origins: Vec<usize>,
}

impl Folded {
    /// In Mandarin, traditional characters are folded to simplified ones too, one by one.
    pub(super) fn new(source: &str, language: Language) -> Self {
        let mut text = String::with_capacity(source.len());
        let mut origins = Vec::with_capacity(source.len() + 1);
        for (at, letter) in source.char_indices() {
            if let Some(letter) = fold(letter) {
                match language {
                    Language::Zh if is_han(letter) => text.push_str(&hanconv::t2s(letter.encode_utf8(&mut [0; 4]))),
                    Language::En | Language::Zh => text.push(letter),
                }
                origins.resize(text.len(), at);
            }
        }
        origins.push(source.len());
        Self { text, origins }
    }

    /// The place in the original of the byte `at` of the folded text.
    pub(super) fn origin(&self, at: usize) -> usize {
        self.origins[at.min(self.origins.len() - 1)]
    }
}

/// The one form of a character, or nothing for those without sound or width.
fn fold(letter: char) -> Option<char> {
    Some(match letter {
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '\u{fe0f}' => return None,
        '’' | '‘' | 'ʼ' | '＇' => '\'',
        '‐' | '‑' | '‒' | '−' | '﹣' | '－' => '-',
        '―' => '—',
        '～' | '〜' => '~',
        '“' | '”' | '„' | '«' | '»' | '「' | '」' | '『' | '』' | '《' | '》' => '"',
        '。' | '｡' => '.',
        '、' => ',',
        '￥' => '¥',
        '￡' => '£',
        '•' | '・' | '‧' => '·',
        '℃' => '℃',
        '【' => '[',
        '】' => ']',
        // Full-width forms stand 0xFEE0 above their ASCII twins.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(letter as u32 - 0xfee0).unwrap_or(letter),
        '\n' | '\r' | '\u{2028}' | '\u{2029}' => '\n',
        letter if letter.is_whitespace() || letter.is_control() => ' ',
        letter => letter,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_bytes_know_where_they_came_from() {
        let folded = Folded::new("Ａ１ don’t\u{200b} x", Language::En);
        assert_eq!(folded.text, "A1 don't x");
        assert_eq!(folded.origin(1), 3);
        assert_eq!(folded.origin(folded.text.len()), "Ａ１ don’t\u{200b} x".len());
    }
}
