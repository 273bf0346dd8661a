//! Words that an engine outside of this process made of the sound, held to the rules of the house.
//!
//! Another recogniser hallucinates like ours, and writes its words as it likes. What it says is cleaned and doubted as
//! ours is, so that the rest of the house need not know who listened.

use std::time::Duration;

use call::Language;

use crate::clean::clean;
use crate::confidence::Features;
use crate::guard::{self, Evidence};
use crate::recognizer::{DecodeRequest, Decoded, Segment, Verdict};
use crate::whisper::hopeless;

/// What another engine answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Outside {
    /// The language of the words.
    pub language: Language,
    /// The words with their places; one segment over the whole sound when the engine tells no places.
    pub segments: Vec<Segment>,
    /// Mean natural logarithm of the probabilities of the words' tokens, if it is told.
    pub mean_log_prob: Option<f32>,
    /// How likely it is that nobody spoke, 0.0 to 1.0; 0.0 when it is not told.
    pub no_speech: f32,
}

impl Outside {
    /// The answer to a request that took so long, cleaned and judged.
    pub fn judged(self, request: &DecodeRequest, took: Duration) -> Decoded {
        let Self { language, segments, mean_log_prob, no_speech } = self;
        let audio = request.audio();
        let cleaned = |segment: Segment| Segment { text: clean(&segment.text, language), ..segment };
        let segments: Vec<_> = segments.into_iter().map(cleaned).filter(|segment| !segment.text.is_empty()).collect();
        let texts: Vec<_> = segments.iter().map(|segment| segment.text.as_str()).collect();
        let text = texts.join(match language {
            Language::En => " ",
            Language::Zh => "",
        });
        let mean_log_prob = mean_log_prob.filter(|log| log.is_finite()).map_or(LOG_PROB_UNTOLD, |log| log.min(0.0));
        let no_speech = if no_speech.is_finite() { no_speech.clamp(0.0, 1.0) } else { 0.0 };
        let prompt = request.prompt.as_deref();
        let evidence = Evidence { text: &text, language, no_speech, mean_log_prob, audio, prompt };
        match guard::judge(&evidence) {
            verdict @ Verdict::Kept => {
                let confidence = mean_log_prob.exp();
                Decoded {
                    text,
                    language,
                    confidence,
                    features: Features::default(),
                    no_speech,
                    segments,
                    audio,
                    cpu: took,
                    verdict,
                }
            }
            verdict @ Verdict::Dropped(_) => wordless(language, audio, took, verdict),
        }
    }
}

/// The answer to a request whose sound cannot hold words, so that nobody need be asked: silence, a click, tones.
pub fn without_words(request: &DecodeRequest) -> Option<Decoded> {
    let reason = hopeless(&request.samples)?;
    Some(wordless(request.language.first(), request.audio(), Duration::ZERO, Verdict::Dropped(reason)))
}

fn wordless(language: Language, audio: Duration, cpu: Duration, verdict: Verdict) -> Decoded {
    let (text, segments) = (String::new(), Vec::new());
    Decoded {
        text,
        language,
        confidence: 0.0,
        features: Features::default(),
        no_speech: 1.0,
        segments,
        audio,
        cpu,
        verdict,
    }
}

/// A mean token probability of 0.7: an engine that tells none is neither believed blindly nor asked again each time.
const LOG_PROB_UNTOLD: f32 = -0.357;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::DropReason;
    use crate::recognizer::LanguageChoice;

    fn request(seconds: usize) -> DecodeRequest {
        let wave = (0..seconds * 16_000).map(|n| ((n * n / 700) % 4_000 * (n % 4_000) / 4_000) as i16);
        DecodeRequest::new(wave.collect::<Vec<_>>().into(), LanguageChoice::default())
    }

    fn outside(language: Language, text: &str, mean_log_prob: Option<f32>) -> Outside {
        let segment = Segment { start_s: 0.0, end_s: 2.0, text: text.to_owned() };
        Outside { language, segments: vec![segment], mean_log_prob, no_speech: 0.0 }
    }

    #[test]
    fn words_from_outside_are_cleaned_and_doubted_as_ours_are() {
        let check = |outside: Outside, text: &str, verdict: Verdict| {
            let decoded = outside.judged(&request(2), Duration::from_millis(5));
            assert_eq!((decoded.text.as_str(), decoded.verdict), (text, verdict));
            assert_eq!(decoded.segments.is_empty(), text.is_empty());
            assert!((0.0..=1.0).contains(&decoded.confidence), "{}", decoded.confidence);
        };
        check(outside(Language::En, " (music) Where is it? ", None), "Where is it?", Verdict::Kept);
        check(outside(Language::Zh, "我要退貨", Some(-0.1)), "我要退货", Verdict::Kept);
        check(outside(Language::En, "Where is it?", Some(f32::NAN)), "Where is it?", Verdict::Kept);
        let dropped = Verdict::Dropped;
        check(outside(Language::En, "Thanks for watching!", None), "", dropped(DropReason::KnownHallucination));
        check(outside(Language::En, "Where is it?", Some(-3.0)), "", dropped(DropReason::LowProbability));
        check(Outside { segments: Vec::new(), ..outside(Language::En, "", None) }, "", dropped(DropReason::NoSpeech));
    }

    #[test]
    fn silence_is_not_worth_asking_for_and_a_voice_is() {
        let silence = DecodeRequest::new(vec![0; 16_000].into(), LanguageChoice::Fixed(Language::Zh));
        let decoded = without_words(&silence).unwrap();
        assert_eq!((decoded.language, decoded.verdict), (Language::Zh, Verdict::Dropped(DropReason::NoSpeech)));
        assert!(without_words(&request(1)).is_none());
    }
}
