//! One syllable: its sound without tone, and its tone.

use std::fmt;

/// A syllable of pinyin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Syllable {
    /// Letters of pinyin without tone, with `v` for ü. Only such as [`super::sounds`] can say.
    pub(super) base: String,
    /// 1 to 4; 5 is the neutral tone.
    pub(super) tone: u8,
}

impl Syllable {
    /// Reads `hang2`, `lv4`, `lü4`, `de` (neutral); `None` when it is not a syllable of Mandarin.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let (base, tone) = match text.char_indices().next_back()? {
            (at, digit) if digit.is_ascii_digit() => (&text[..at], digit.to_digit(10)? as u8),
            _ => (text.as_str(), 5),
        };
        let base = base.replace('ü', "v").replace("u:", "v");
        let tone = if tone == 0 { 5 } else { tone };
        let known = super::sounds::parts(&base).is_some();
        (known && (1..=5).contains(&tone)).then_some(Self { base, tone })
    }
}

impl fmt::Display for Syllable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.base, self.tone)
    }
}
