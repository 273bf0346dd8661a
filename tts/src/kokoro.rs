//! The Mandarin voice: Kokoro-82M v1.0 as "zf_xiaoxiao" (female), text in, 24 kHz sound out.
//!
//! The network has a text encoder, predictors of length and pitch, and a generator that ends in an inverse STFT, all in
//! one graph, and draws no random numbers. It says how many frames each phoneme takes, so marks are exact to one
//! phoneme and nothing is guessed.

mod alphabet;
mod network;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use call::{Language, Pcm, SampleRate};
use rten::Model;

use self::network::{Network, TOKENS_MAX};
use crate::fingerprint::Fingerprint;
use crate::finish::finished;
use crate::hibari::Hibari;
use crate::mandarin::{Reader, Word};
use crate::marks::{WordEnd, marks};
use crate::voice::{Speech, Style, TEXT_BYTES_MAX, Voice, VoiceError};

/// The voice with all it needs, loaded once and used from any thread.
pub struct Kokoro {
    reader: Reader,
    network: Network,
    fingerprint: Fingerprint,
}

impl Kokoro {
    /// Loads the voice from its folder (`<models>/kokoro`). Latin words inside Mandarin are read by `english`; without
    /// it they are spelled. Takes some 450 MB of memory, mostly weights in single precision.
    ///
    /// # Errors
    /// [`VoiceError::File`] names the file that is missing or broken.
    pub fn load(dir: &Path, english: Option<Arc<Hibari>>) -> Result<Self, VoiceError> {
        let broken = |name: &str, reason: String| VoiceError::File { file: dir.join(name), reason };
        let bytes = |name: &str| std::fs::read(dir.join(name)).map_err(|error| broken(name, error.to_string()));
        let styles = bytes(STYLES)?;
        let model = Model::load(bytes(NETWORK)?).map_err(|error| broken(NETWORK, error.to_string()))?;
        let network = Network::new(model, &styles).map_err(|reason| broken(STYLES, reason))?;
        let mut fingerprint = Fingerprint::new("kokoro");
        for name in [NETWORK, STYLES] {
            fingerprint = fingerprint.with_file(&dir.join(name)).map_err(|error| broken(name, error.to_string()))?;
        }
        // Latin words are said as the English voice reads them.
        let english_print = english.as_ref().map(|voice| voice.fingerprint()).unwrap_or_default();
        let fingerprint = fingerprint.with(&english_print);
        Ok(Self { reader: Reader::new(english), network, fingerprint })
    }

    /// Teaches words of a business: a word, and how it is said, as pinyin with tone numbers (`hua2 wei2`; the neutral
    /// tone is 5) or as other characters.
    ///
    /// # Errors
    /// [`VoiceError::Lexicon`] names the word that cannot be read so.
    pub fn with_lexicon(mut self, words: &BTreeMap<String, String>) -> Result<Self, VoiceError> {
        self.reader = self.reader.with_lexicon(words)?;
        for (word, said) in words {
            self.fingerprint = self.fingerprint.with(word).with(said);
        }
        Ok(self)
    }

    /// The sounds that the voice would speak, in its own alphabet, with spaces between words: to see why a word sounds
    /// as it does.
    pub fn phonemes(&self, text: &str) -> String {
        self.reader.phonemes(text)
    }
}

impl Voice for Kokoro {
    fn language(&self) -> Language {
        Language::Zh
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.finish()
    }

    fn speak(&self, text: &str, style: Style) -> Result<Speech, VoiceError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(VoiceError::TooLong { bytes: text.len() });
        }
        let stretches = stretches(&self.reader.words(text));
        if stretches.is_empty() {
            return Err(VoiceError::NothingToSay);
        }
        let mut samples = Vec::new();
        let mut ends = Vec::new();
        for stretch in stretches {
            let offset = samples.len();
            let sound = self.network.speak(&stretch.tokens, style.kept_rate()).map_err(VoiceError::Engine)?;
            ends.extend(stretch.ends.into_iter().map(|(tokens, span)| {
                // The first of `passed` is the silence in front, so this is the end of the word's last token.
                let sample = sound.passed.get(tokens).copied().unwrap_or(sound.samples.len());
                WordEnd { span, sample: offset + sample }
            }));
            samples.extend(sound.samples);
        }
        let finished = finished(&samples, style.kept_gain() * LOUDNESS);
        let marks = marks(text, &ends, finished.cut_start, finished.samples.len());
        Ok(Speech { pcm: Pcm { rate: SampleRate::HZ_24000, samples: finished.samples }, marks })
    }
}

/// Whether both voices have this sound: they know the same ones by the same numbers.
pub(crate) fn is_sound(letter: char) -> bool {
    alphabet::token(letter).is_some()
}

/// What the network hears at once: tokens, and after how many of them each word ends.
#[derive(Debug, Default, PartialEq, Eq)]
struct Stretch {
    tokens: Vec<i32>,
    ends: Vec<(usize, Range<usize>)>,
}

/// Cuts words into stretches of at most [`TOKENS_MAX`] tokens: at the last pause that fits, or else between words.
fn stretches(words: &[Word]) -> Vec<Stretch> {
    let mut out = Vec::new();
    let mut stretch = Stretch::default();
    let mut before = None;
    for word in words {
        let joint = joint(before, &word.phonemes).and_then(alphabet::token);
        let tokens: Vec<i32> = word.phonemes.chars().filter_map(alphabet::token).take(TOKENS_MAX).collect();
        if tokens.is_empty() {
            continue;
        }
        if stretch.tokens.len() + usize::from(joint.is_some()) + tokens.len() > TOKENS_MAX {
            out.push(std::mem::take(&mut stretch));
        } else {
            stretch.tokens.extend(joint);
        }
        stretch.tokens.extend(tokens);
        if !is_mark(&word.phonemes) {
            stretch.ends.push((stretch.tokens.len(), word.span.clone()));
        }
        before = Some(word.phonemes.as_str());
    }
    out.push(stretch);
    // Marks alone are no speech.
    out.retain(|stretch| !stretch.ends.is_empty());
    out
}

/// What stands between two words. Closing marks hang on the word before them, opening ones on the word behind.
fn joint(before: Option<&str>, phonemes: &str) -> Option<char> {
    let hangs = is_mark(phonemes) && !phonemes.starts_with(['“', '(', '—']);
    let opens = before.is_none_or(|before| before.ends_with(['“', '(']));
    (!hangs && !opens).then_some(' ')
}

/// Whether it is punctuation and nothing else.
fn is_mark(phonemes: &str) -> bool {
    phonemes.chars().all(|letter| ";:,.!?—…\"()“” ".contains(letter))
}

const NETWORK: &str = "kokoro.onnx";
const STYLES: &str = "zf_xiaoxiao.bin";
/// Brings the voice to about -20 dBFS over a sentence.
const LOUDNESS: f32 = 0.7;

#[cfg(test)]
mod tests {
    use super::*;

    fn words(phonemes: &[&str]) -> Vec<Word> {
        let word = |(at, phonemes): (usize, &&str)| Word { phonemes: (*phonemes).to_owned(), span: at * 3..at * 3 + 3 };
        phonemes.iter().enumerate().map(word).collect()
    }

    fn written(stretch: &Stretch) -> String {
        let letters: Vec<char> = "ni↓xauʂɨ↘,.“” ".chars().collect();
        let letter = |token: &i32| letters.iter().find(|letter| alphabet::token(**letter) == Some(*token)).unwrap();
        stretch.tokens.iter().map(letter).collect()
    }

    #[test]
    fn words_are_parted_and_marks_hang_on_them() {
        let one = stretches(&words(&["ni↓", ",", "“", "xau↓", "”", "您", "ʂɨ↘", "."]));
        assert_eq!(one.len(), 1);
        assert_eq!(written(&one[0]), "ni↓, “xau↓” ʂɨ↘.");
        assert_eq!(one[0].ends, [(3, 0..3), (10, 9..12), (15, 18..21)]);
    }

    #[test]
    fn a_long_text_is_cut_between_words_and_marks_alone_are_silent() {
        let long = stretches(&words(&["xau↓"; 205]));
        assert_eq!(long.iter().map(|stretch| stretch.tokens.len()).collect::<Vec<_>>(), [509, 509, 4]);
        assert!(stretches(&words(&["xau↓".repeat(300).as_str()]))[0].tokens.len() <= TOKENS_MAX);
        assert!(stretches(&words(&[",", "…", "您"])).is_empty());
        assert!(stretches(&[]).is_empty());
    }
}
