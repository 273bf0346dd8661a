//! What every voice has in common: text in, sound out, and where in the sound each word ends.
//!
//! The marks are what keeps a transcript honest: when a caller cuts in, the house writes down the words that were
//! played and no more.

use std::path::PathBuf;

use call::{Language, Pcm};
use thiserror::Error;

/// Something that speaks.
///
/// Speaking takes milliseconds to seconds of one core and may be called from many threads at once.
pub trait Voice: Send + Sync {
    /// The language it speaks.
    fn language(&self) -> Language;

    /// What tells its sound from that of other voices and of its own other versions; see
    /// [`Fingerprint`](crate::Fingerprint). Sound is kept on disk under it.
    fn fingerprint(&self) -> String;

    /// Speaks one clause, as cut by [`clauses`](crate::clauses). The same text and style give the same samples.
    ///
    /// # Errors
    /// [`VoiceError::NothingToSay`] when no word is left after normalisation, [`VoiceError::TooLong`] beyond
    /// [`TEXT_BYTES_MAX`], [`VoiceError::Engine`] when the model fails.
    fn speak(&self, text: &str, style: Style) -> Result<Speech, VoiceError>;
}

/// How to say it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// Speed: 1.0 is the voice's own pace, 2.0 twice as fast. Kept within 0.5 and 2.0.
    pub rate: f32,
    /// Louder or softer than usual, in decibels. Kept within -20 and 6.
    pub gain_db: f32,
}

impl Style {
    /// The slowest and the fastest [`Style::rate`].
    pub const RATES: (f32, f32) = (0.5, 2.0);
    /// The softest and the loudest [`Style::gain_db`].
    pub const GAINS_DB: (f32, f32) = (-20.0, 6.0);

    /// The rate within its limits; the voice's own pace when it is not a number.
    pub(crate) fn kept_rate(self) -> f32 {
        if self.rate.is_finite() { self.rate.clamp(Self::RATES.0, Self::RATES.1) } else { 1.0 }
    }

    /// The factor on the samples, within its limits.
    pub(crate) fn kept_gain(self) -> f32 {
        let gain_db = if self.gain_db.is_finite() { self.gain_db } else { 0.0 };
        10f32.powf(gain_db.clamp(Self::GAINS_DB.0, Self::GAINS_DB.1) / 20.0)
    }
}

impl Default for Style {
    fn default() -> Self {
        Self { rate: 1.0, gain_db: 0.0 }
    }
}

/// A clause as sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speech {
    /// The sound, mono, 24 kHz.
    pub pcm: Pcm,
    /// Where words end, in order. Both fields grow from mark to mark; the last mark stands at the end of the text
    /// (spaces aside) and of the sound.
    pub marks: Vec<Mark>,
}

impl Speech {
    /// How many bytes of the text have been said once `samples` samples were played: whole words only.
    pub fn said_bytes(&self, samples: usize) -> usize {
        let said = self.marks.partition_point(|mark| mark.end_sample <= samples);
        said.checked_sub(1).map_or(0, |last| self.marks[last].end_byte)
    }
}

/// The end of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Where the word ends in the text that was given, in bytes; always on a character boundary.
    pub end_byte: usize,
    /// Where it ends in the sound, in samples at 24 kHz.
    pub end_sample: usize,
}

/// Why a voice stays silent.
#[derive(Debug, Error)]
pub enum VoiceError {
    /// Ours: the model was loaded but refused its input.
    #[error("the voice model failed: {0}")]
    Engine(String),
    /// The machine's: a file of the voice is missing or is not what it should be.
    #[error("voice file {}: {reason}; run `hotline models fetch`", file.display())]
    File {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The author's: a lexicon entry that the voice cannot say.
    #[error("lexicon entry {word:?}: the voice cannot say this pronunciation")]
    Lexicon {
        /// The entry's word.
        word: String,
    },
    /// The author's: nothing in the text can be spoken in this language.
    #[error("nothing in the text can be spoken in this language")]
    NothingToSay,
    /// The author's: more than a clause.
    #[error("{bytes} bytes of text are more than the {max} of one clause", max = TEXT_BYTES_MAX)]
    TooLong {
        /// Bytes of the text given.
        bytes: usize,
    },
}

/// Bytes of text that one call of [`Voice::speak`] takes at most.
pub const TEXT_BYTES_MAX: usize = 2_000;

#[cfg(test)]
mod tests {
    use call::SampleRate;

    use super::*;

    #[test]
    fn only_whole_words_count_as_said() {
        let marks = vec![Mark { end_byte: 5, end_sample: 100 }, Mark { end_byte: 12, end_sample: 300 }];
        let speech = Speech { pcm: Pcm { rate: SampleRate::HZ_24000, samples: vec![0; 300] }, marks };
        let check = |samples, bytes| assert_eq!(speech.said_bytes(samples), bytes, "after {samples} samples");
        check(0, 0);
        check(99, 0);
        check(100, 5);
        check(299, 5);
        check(300, 12);
    }

    #[test]
    fn a_style_out_of_range_is_brought_back() {
        let style = Style { rate: 9.0, gain_db: f32::NAN };
        assert_eq!(style.kept_rate(), 2.0);
        assert_eq!(style.kept_gain(), 1.0);
        assert_eq!(Style { rate: f32::NAN, gain_db: -20.0 }.kept_rate(), 1.0);
    }
}
