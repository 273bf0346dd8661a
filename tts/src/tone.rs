//! A voice without a model: one short tone for each word.
//!
//! Tests of the whole house need sound of a plausible length with honest marks, in microseconds and without files.

use std::f32::consts::TAU;

use call::markup::tag_length;
use call::{Language, Pcm, SampleRate};

use crate::fingerprint::Fingerprint;
use crate::voice::{Mark, Speech, Style, TEXT_BYTES_MAX, Voice, VoiceError};

/// Beeps once for each word: 120 ms of tone, 60 ms of silence.
#[derive(Clone, Copy, Debug)]
pub struct ToneVoice {
    language: Language,
    hz: f32,
}

impl ToneVoice {
    /// A voice that claims to speak `language`, with tones of `hz` hertz.
    pub const fn new(language: Language, hz: f32) -> Self {
        Self { language, hz }
    }

    /// One word at the voice's own pace lasts this many samples, the pause after it included.
    pub const WORD_SAMPLES: usize = TONE_SAMPLES + REST_SAMPLES;
}

impl Default for ToneVoice {
    fn default() -> Self {
        Self::new(Language::En, 440.0)
    }
}

impl Voice for ToneVoice {
    fn language(&self) -> Language {
        self.language
    }

    fn fingerprint(&self) -> String {
        Fingerprint::new("tone").with(&self.hz.to_string()).finish()
    }

    fn speak(&self, text: &str, style: Style) -> Result<Speech, VoiceError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(VoiceError::TooLong { bytes: text.len() });
        }
        let ends = word_ends(text, self.language);
        if ends.is_empty() {
            return Err(VoiceError::NothingToSay);
        }
        let tone = (TONE_SAMPLES as f32 / style.kept_rate()) as usize;
        let rest = (REST_SAMPLES as f32 / style.kept_rate()) as usize;
        let amplitude = (3_300.0 * style.kept_gain()).min(f32::from(i16::MAX));
        let step = TAU * self.hz / SampleRate::HZ_24000.hz() as f32;
        let mut samples = Vec::with_capacity(ends.len() * (tone + rest));
        let mut marks = Vec::with_capacity(ends.len());
        for end_byte in ends {
            samples.extend((0..tone).map(|index| (amplitude * (step * index as f32).sin()) as i16));
            samples.resize(samples.len() + rest, 0);
            marks.push(Mark { end_byte, end_sample: samples.len() });
        }
        Ok(Speech { pcm: Pcm { rate: SampleRate::HZ_24000, samples }, marks })
    }
}

/// Where each word ends. Mandarin is written without spaces, so there each character counts; a trailing mark belongs
/// to the word before it.
fn word_ends(text: &str, language: Language) -> Vec<usize> {
    let mut ends: Vec<usize> = Vec::new();
    let mut within = false;
    let mut tag_end = 0;
    for (at, letter) in text.char_indices() {
        tag_end = tag_end.max(tag_length(&text[at..]).map_or(0, |length| at + length));
        let end = at + letter.len_utf8();
        if at < tag_end {
            continue;
        }
        if letter.is_whitespace() {
            within = false;
        } else if letter.is_alphanumeric() && (!within || language == Language::Zh) {
            ends.push(end);
            within = true;
        } else if let Some(last) = ends.last_mut() {
            *last = end;
        }
    }
    ends
}

/// 120 ms.
const TONE_SAMPLES: usize = 2_880;
/// 60 ms.
const REST_SAMPLES: usize = 1_440;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_and_marks_follow_the_words() {
        let speech = ToneVoice::default().speak("Hello, dear caller! ", Style::default()).unwrap();
        assert_eq!(speech.pcm.samples.len(), 3 * ToneVoice::WORD_SAMPLES);
        let ends: Vec<_> = speech.marks.iter().map(|mark| mark.end_byte).collect();
        assert_eq!(ends, [6, 11, 19]);
        assert_eq!(speech.said_bytes(2 * ToneVoice::WORD_SAMPLES), 11);
    }

    #[test]
    fn markup_is_not_said() {
        let speech = ToneVoice::default().speak("Hold <break time=\"1s\"/> on.", Style::default()).unwrap();
        assert_eq!(speech.marks.iter().map(|mark| mark.end_byte).collect::<Vec<_>>(), [4, 27]);
    }

    #[test]
    fn mandarin_is_counted_by_characters() {
        let voice = ToneVoice::new(Language::Zh, 300.0);
        assert_eq!(voice.speak("您好，请讲。", Style::default()).unwrap().marks.len(), 4);
    }

    #[test]
    fn silence_is_an_error_and_so_is_a_book() {
        let voice = ToneVoice::default();
        assert!(matches!(voice.speak(" ... ", Style::default()), Err(VoiceError::NothingToSay)));
        assert!(matches!(voice.speak(&"a ".repeat(2_000), Style::default()), Err(VoiceError::TooLong { .. })));
    }
}
