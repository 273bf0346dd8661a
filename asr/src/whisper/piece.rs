//! The words of one piece of sound, and how pieces become one answer.

use std::time::Duration;

use call::{AudioFrame, Language};

use crate::confidence::Features;
use crate::doubled::second_half;
use crate::expect::{Expect, Fit, fit};
use crate::guard::{self, DropReason, Evidence};
use crate::recognizer::{DecodeRequest, Decoded, Segment, Verdict};

/// What the engine wrote for one piece, or for several put together.
#[derive(Default)]
pub(super) struct Piece {
    pub(super) segments: Vec<Segment>,
    /// Sum of the natural logarithms of the probabilities of the words' tokens.
    log_prob_sum: f32,
    log_prob_min: f32,
    tokens: u32,
    /// Tokens that are less likely than all others together.
    weak: u32,
    pub(super) no_speech: f32,
    dropped: Option<DropReason>,
}

impl Piece {
    /// A piece that holds no words for a reason known before decoding.
    pub(super) fn dropped(reason: DropReason) -> Self {
        Self { no_speech: 1.0, dropped: Some(reason), ..Self::default() }
    }

    /// Notes one token of the words and how likely it was.
    pub(super) fn token(&mut self, probability: f32) {
        let log_prob = probability.max(PROBABILITY_MIN).ln();
        self.log_prob_sum += log_prob;
        self.log_prob_min = self.log_prob_min.min(log_prob);
        self.tokens += 1;
        self.weak += u32::from(probability < 0.5);
    }

    /// Takes back a sentence that was written twice and said once in this sound (16 kHz, -1.0 to 1.0).
    pub(super) fn undouble(&mut self, language: Language, sound: &[f32]) {
        let Some(cut) = second_half(&self.text(language), language, sound) else { return };
        let (mut rest, mut kept) = (cut, 0);
        for segment in self.segments.iter_mut() {
            if rest == 0 {
                break;
            }
            kept += 1;
            let length = segment.text.len() + joint(language).len();
            if segment.text.len() > rest {
                segment.text.truncate(rest);
                segment.text.truncate(segment.text.trim_end().len());
            }
            rest = rest.saturating_sub(length);
        }
        self.segments.truncate(kept);
        self.log_prob_sum /= 2.0;
        self.tokens /= 2;
        self.weak /= 2;
    }

    /// Lets the guards look at the piece; words that are not believed go.
    pub(super) fn judge(&mut self, language: Language, samples: usize, request: &DecodeRequest) {
        let verdict = guard::judge(&Evidence {
            text: &self.text(language),
            language,
            no_speech: self.no_speech,
            mean_log_prob: self.mean_log_prob(),
            audio: Duration::from_secs_f64(samples as f64 / f64::from(AudioFrame::RATE.hz())),
            prompt: request.prompt.as_deref(),
        });
        match verdict {
            Verdict::Dropped(reason) => *self = Self { no_speech: self.no_speech, ..Self::dropped(reason) },
            Verdict::Kept => {}
        }
    }

    /// Adds the piece that follows, which begins `offset_s` seconds into the whole.
    pub(super) fn append(&mut self, next: Self, offset_s: f32) {
        let nothing_yet = self.segments.is_empty() && self.dropped.is_none();
        self.no_speech = if nothing_yet { next.no_speech } else { self.no_speech.min(next.no_speech) };
        self.dropped = if nothing_yet { next.dropped } else { self.dropped.and(next.dropped) };
        self.log_prob_sum += next.log_prob_sum;
        self.log_prob_min = self.log_prob_min.min(next.log_prob_min);
        self.tokens += next.tokens;
        self.weak += next.weak;
        self.segments.extend(next.segments.into_iter().map(|segment| Segment {
            start_s: segment.start_s + offset_s,
            end_s: segment.end_s + offset_s,
            text: segment.text,
        }));
    }

    /// The answer.
    pub(super) fn decoded(self, language: Language, audio: Duration, cpu: Duration) -> Decoded {
        let verdict = match self.dropped {
            Some(reason) if self.segments.is_empty() => Verdict::Dropped(reason),
            Some(_) | None => Verdict::Kept,
        };
        let features = Features {
            log_prob_mean: self.mean_log_prob(),
            log_prob_min: self.log_prob_min,
            weak_share: if self.tokens == 0 { 0.0 } else { self.weak as f32 / self.tokens as f32 },
            tokens: self.tokens,
            audio_s: audio.as_secs_f32(),
        };
        Decoded {
            text: self.text(language),
            language,
            confidence: features.confidence(),
            features,
            no_speech: self.no_speech,
            segments: self.segments,
            audio,
            cpu,
            verdict,
        }
    }

    /// How well the words answer what was asked.
    pub(super) fn fit(&self, language: Language, expect: Expect) -> Fit {
        fit(&self.text(language), language, expect)
    }

    fn text(&self, language: Language) -> String {
        let texts: Vec<&str> = self.segments.iter().map(|segment| segment.text.as_str()).collect();
        texts.join(joint(language))
    }

    fn mean_log_prob(&self) -> f32 {
        if self.tokens == 0 { 0.0 } else { self.log_prob_sum / self.tokens as f32 }
    }
}

/// What stands between two segments.
const fn joint(language: Language) -> &'static str {
    match language {
        Language::En => " ",
        Language::Zh => "",
    }
}

/// Keeps the logarithm of an impossible token finite.
const PROBABILITY_MIN: f32 = 1e-6;

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str, log_prob_sum: f32) -> Piece {
        let segment = Segment { start_s: 0.0, end_s: 1.0, text: text.to_owned() };
        Piece { segments: vec![segment], log_prob_sum, tokens: 4, ..Piece::default() }
    }

    #[test]
    fn pieces_are_joined_in_time_and_in_confidence() {
        let mut whole = Piece::default();
        whole.append(piece("Where is", -0.4), 0.0);
        whole.append(Piece::dropped(DropReason::NoSpeech), 20.0);
        whole.append(piece("my order?", -1.2), 28.0);
        let decoded = whole.decoded(Language::En, Duration::from_secs(40), Duration::ZERO);
        assert_eq!(decoded.text, "Where is my order?");
        assert_eq!(decoded.verdict, Verdict::Kept);
        assert_eq!(decoded.segments[1].start_s, 28.0);
        assert!((decoded.features.log_prob_mean + 0.2).abs() < 1e-6);
        assert_eq!(decoded.confidence, decoded.features.confidence());
    }

    #[test]
    fn a_doubled_sentence_goes_within_a_segment_and_between_two() {
        let sound: Vec<f32> = (0..19_200).map(|at| 0.3 * (at as f32 * 0.1).sin()).collect();
        let check = |texts: &[&str], expected: &[&str]| {
            let mut whole = Piece::default();
            texts.iter().for_each(|text| whole.append(piece(text, -0.4), 0.0));
            whole.undouble(Language::En, &sound);
            let texts: Vec<&str> = whole.segments.iter().map(|segment| segment.text.as_str()).collect();
            assert_eq!(texts, expected);
        };
        check(&["I prefer the morning. I prefer the morning."], &["I prefer the morning."]);
        check(&["I prefer the morning.", "I prefer the morning."], &["I prefer the morning."]);
        check(&["I prefer", "the morning. I prefer the morning."], &["I prefer", "the morning."]);
        check(&["I prefer the morning."], &["I prefer the morning."]);
    }

    #[test]
    fn nothing_but_dropped_pieces_is_dropped() {
        let mut whole = Piece::default();
        whole.append(Piece::dropped(DropReason::Repetition), 0.0);
        whole.append(Piece::dropped(DropReason::NoSpeech), 28.0);
        let decoded = whole.decoded(Language::En, Duration::from_secs(40), Duration::ZERO);
        assert_eq!(decoded.verdict, Verdict::Dropped(DropReason::NoSpeech));
        assert_eq!((decoded.text.as_str(), decoded.confidence), ("", 0.0));
    }
}
