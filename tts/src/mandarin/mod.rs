//! Mandarin text to sounds: characters to words, words to pinyin, pinyin as it is spoken, and that to the alphabet of
//! the voice.
//!
//! [`Normalizer`](crate::Normalizer) has made words of numbers and signs before. Latin words go through the English
//! front end, whose alphabet is the same one.

mod pinyin;
mod readings;
mod sandhi;
mod sounds;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use call::Language;
use jieba_rs::Jieba;

use self::pinyin::Syllable;
use self::readings::Readings;
use self::sandhi::Reading;
use crate::clause::is_han;
use crate::hibari::Hibari;
use crate::normalize::{Normalizer, Said, Token};
use crate::voice::VoiceError;

/// One word, or one mark of punctuation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// Sounds in the alphabet of Kokoro v1.0; for a mark, the mark.
    pub(crate) phonemes: String,
    /// The bytes of the source text that it stands for.
    pub(crate) span: Range<usize>,
}

/// Reads Mandarin aloud, up to the sounds.
pub(crate) struct Reader {
    normalizer: Normalizer,
    segmenter: Jieba,
    readings: Readings,
    english: Option<Arc<Hibari>>,
}

/// What has a pinyin, with the place of each character in the source.
#[derive(Default)]
struct Stretch {
    letters: Vec<char>,
    spans: Vec<Range<usize>>,
}

impl Reader {
    /// A reader with the dictionaries that are part of the binary: it takes some 0.3 s and 35 MB. Without `english`,
    /// Latin words are spelled.
    pub(crate) fn new(english: Option<Arc<Hibari>>) -> Self {
        let readings = Readings::new();
        let mut segmenter = Jieba::new();
        for word in KEPT_WORDS {
            segmenter.add_word(word, None, None);
        }
        Self { normalizer: Normalizer::new(Language::Zh), segmenter, readings, english }
    }

    /// Teaches words of a business: a word, and how it is said, as pinyin with tone numbers (`hua2 wei2`; the neutral
    /// tone is 5) or as other characters (`话为`). The word may be Chinese or Latin; it is kept together and, when
    /// Latin, never spelled.
    ///
    /// # Errors
    /// [`VoiceError::Lexicon`] names the word whose reading is neither, or has another number of syllables than the
    /// word has Chinese characters.
    pub(crate) fn with_lexicon(mut self, words: &BTreeMap<String, String>) -> Result<Self, VoiceError> {
        for (word, said) in words {
            let word = word.trim();
            let syllables = self.reading(word, said).ok_or_else(|| VoiceError::Lexicon { word: word.to_owned() })?;
            if word.chars().all(is_han) {
                self.segmenter.add_word(word, Some(OWN_WORD_FREQUENCY), None);
                self.readings.add(word, syllables);
            } else {
                self.readings.add(&word.to_lowercase(), syllables);
            }
        }
        let latin = words.keys().map(|word| word.trim()).filter(|word| !word.chars().all(is_han));
        self.normalizer = Normalizer::new(Language::Zh).keeping(latin);
        Ok(self)
    }

    /// The sounds that a voice would speak, in the alphabet of Kokoro v1.0, with spaces between words: to see why a word
    /// sounds as it does.
    pub(crate) fn phonemes(&self, text: &str) -> String {
        let mut out = String::new();
        for word in self.words(text) {
            let is_mark = !word.phonemes.contains(char::is_alphabetic);
            if !out.is_empty() && !is_mark {
                out.push(' ');
            }
            out.push_str(&word.phonemes);
        }
        out
    }

    /// The words of `text` in order, with their sounds. What cannot be read is left out.
    pub(crate) fn words(&self, text: &str) -> Vec<Word> {
        let mut out = Vec::new();
        for piece in self.pieces(text) {
            match piece {
                Piece::Latin(token) => out.extend(self.latin(&token)),
                Piece::Mark(mark, span) => out.push(Word { phonemes: mark.to_string(), span }),
                Piece::Spoken(words) => out.extend(words.into_iter().map(|(reading, span)| {
                    let phonemes = reading.syllables.iter().map(sounds::sounds).collect();
                    Word { phonemes, span }
                })),
            }
        }
        out.retain(|word| !word.phonemes.is_empty());
        out
    }

    /// Text taken apart: words with their spoken tones, Latin words, marks.
    fn pieces(&self, text: &str) -> Vec<Piece> {
        let mut out = Vec::new();
        let mut stretch = Stretch::default();
        for token in self.normalizer.tokens(text) {
            match &token.said {
                Said::Word(word) if word.chars().all(is_han) => {
                    for letter in word.chars() {
                        stretch.letters.push(letter);
                        stretch.spans.push(token.span.clone());
                    }
                    continue;
                }
                Said::Letters(_) | Said::Mark(_) | Said::Word(_) => {}
            }
            self.close(&mut stretch, &mut out);
            out.push(match &token.said {
                Said::Mark(mark) => Piece::Mark(*mark, token.span),
                Said::Letters(_) | Said::Word(_) => Piece::Latin(token),
            });
        }
        self.close(&mut stretch, &mut out);
        out
    }

    fn close(&self, stretch: &mut Stretch, out: &mut Vec<Piece>) {
        let Stretch { letters, spans } = std::mem::take(stretch);
        if letters.is_empty() {
            return;
        }
        let ends = self.cut(&letters);
        let syllables = self.readings.of(&letters, &ends);
        let mut words = Vec::new();
        let mut start = 0;
        for end in ends {
            let read: Vec<(char, Syllable)> = letters[start..end]
                .iter()
                .zip(&syllables[start..end])
                .filter_map(|(&letter, syllable)| Some((letter, syllable.clone()?)))
                .collect();
            let span = spans[start].start..spans[end - 1].end;
            let word: String = letters[start..end].iter().collect();
            start = end;
            if !read.is_empty() {
                let (letters, syllables): (Vec<_>, Vec<_>) = read.into_iter().unzip();
                let parts = self.parts(&word, letters.len());
                let fixed = self.readings.own(&word).is_some();
                words.push((Reading { letters, syllables, parts, fixed }, span));
            }
        }
        let (mut readings, spans): (Vec<_>, Vec<_>) = words.into_iter().unzip();
        sandhi::apply(&mut readings);
        out.push(Piece::Spoken(readings.into_iter().zip(spans).collect()));
    }

    /// Where words end, in characters. Digits said by their names stay together, as they were grouped.
    fn cut(&self, letters: &[char]) -> Vec<usize> {
        let mut ends = Vec::new();
        let mut start = 0;
        while start < letters.len() {
            let digits = letters[start..].iter().take_while(|letter| DIGIT_NAMES.contains(**letter)).count();
            if digits >= 2 {
                start += digits;
                ends.push(start);
                continue;
            }
            let rest = &letters[start..];
            let mut length = rest.len();
            for at in 1..rest.len() {
                if rest[at..].iter().take(2).filter(|letter| DIGIT_NAMES.contains(**letter)).count() == 2 {
                    length = at;
                    break;
                }
            }
            let text: String = rest[..length].iter().collect();
            for token in self.segmenter.cut(&text, true) {
                start += token.word.chars().count();
                ends.push(start);
            }
        }
        ends
    }

    /// The lengths of the parts of a word of three characters or more, as the dictionary has them.
    fn parts(&self, word: &str, characters: usize) -> Vec<usize> {
        let letters: Vec<char> = word.chars().collect();
        if letters.len() < 3 || letters.len() != characters {
            return Vec::new();
        }
        let known = |range: Range<usize>| self.segmenter.has_word(&letters[range].iter().collect::<String>());
        match letters.len() {
            3 if known(0..2) => vec![2, 1],
            3 if known(1..3) => vec![1, 2],
            3 => vec![2, 1],
            length => {
                let mut parts = vec![2; length / 2];
                if length % 2 == 1 {
                    parts.push(1);
                }
                parts
            }
        }
    }

    /// The sounds of a Latin word: the business's own, English, or its letters.
    fn latin(&self, token: &Token) -> Option<Word> {
        let (written, spelled) = match &token.said {
            Said::Word(word) => (word.clone(), false),
            Said::Letters(letters) => (letters.clone(), true),
            Said::Mark(_) => return None,
        };
        if let Some(syllables) = self.readings.own(&written.to_lowercase()) {
            return Some(Word { phonemes: syllables.iter().map(sounds::sounds).collect(), span: token.span.clone() });
        }
        let by_letters = format!("<say-as interpret-as=\"characters\">{written}</say-as>");
        let text = if spelled { &by_letters } else { &written };
        let phonemes = match &self.english {
            Some(english) => english.phonemes(text).unwrap_or_default(),
            None => spelled_out(&written),
        };
        Some(Word { phonemes: phonemes.trim().to_owned(), span: token.span.clone() })
    }

    /// Whether a business can have this word said so.
    pub(crate) fn can_say(&self, word: &str, said: &str) -> bool {
        self.reading(word.trim(), said).is_some()
    }

    fn reading(&self, word: &str, said: &str) -> Option<Vec<Syllable>> {
        let fits = |syllables: &Vec<Syllable>| !word.chars().all(is_han) || word.chars().count() == syllables.len();
        self.taught(said).filter(fits).filter(|_| !word.is_empty())
    }

    /// Reads what a business wrote for a word.
    fn taught(&self, said: &str) -> Option<Vec<Syllable>> {
        let said = said.trim();
        if !said.is_empty() && said.chars().all(is_han) {
            let letters: Vec<char> = said.chars().collect();
            return self.readings.of(&letters, &self.cut(&letters)).into_iter().collect();
        }
        let syllables: Option<Vec<_>> = said.split_whitespace().map(Syllable::parse).collect();
        syllables.filter(|syllables| !syllables.is_empty())
    }
}

/// A part of the text.
enum Piece {
    Latin(Token),
    Mark(char, Range<usize>),
    Spoken(Vec<(Reading, Range<usize>)>),
}

/// Letters by their English names, where no English voice is there to ask.
fn spelled_out(word: &str) -> String {
    let names: Vec<_> = word
        .to_ascii_uppercase()
        .bytes()
        .filter(u8::is_ascii_uppercase)
        .map(|letter| LETTER_NAMES[usize::from(letter - b'A')])
        .collect();
    names.join(" ")
}

/// Words that the segmentation would take apart or join otherwise.
const KEPT_WORDS: &[&str] = &["下划线", "百分之", "千分之", "尾号", "艾特", "请稍等", "人工客服", "验证码", "工作日"];
/// Above every word of the dictionary, so that a word of the business is always found.
const OWN_WORD_FREQUENCY: usize = 10_000_000;
const DIGIT_NAMES: &str = "零〇一二三四五六七八九幺";
const LETTER_NAMES: [&str; 26] = [
    "ˈA",
    "bˈi",
    "sˈi",
    "dˈi",
    "ˈi",
    "ˈɛf",
    "ʤˈi",
    "ˈAʧ",
    "ˈI",
    "ʤˈA",
    "kˈA",
    "ˈɛl",
    "ˈɛm",
    "ˈɛn",
    "ˈO",
    "pˈi",
    "kjˈu",
    "ˈɑɹ",
    "ˈɛs",
    "tˈi",
    "jˈu",
    "vˈi",
    "dˈʌbəljˌu",
    "ˈɛks",
    "wˈI",
    "zˈi",
];

#[cfg(test)]
mod tests;
