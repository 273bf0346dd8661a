//! Fits the weights of the confidence and says how well it holds.

use std::time::Duration;

use asr::confidence::{Features, TERMS, dot, logistic};
use asr::score::{Score, cer, wer};
use asr::{DecodeRequest, LanguageChoice, Recognizer, Whisper};
use call::Language;

use crate::line::Line;
use crate::set::Clip;

/// One decode with its label.
struct Sample {
    clip: usize,
    features: Features,
    /// The share of the words that is right.
    right: f32,
    words: f32,
}

pub(crate) fn measure(whisper: &Whisper, clips: &[Clip]) {
    let mut samples = Vec::new();
    for (clip, place) in clips.iter().zip(0..) {
        for line in Line::ALL {
            samples.extend(decode(whisper, clip, place, line));
        }
    }
    println!("{} decodes with words", samples.len());
    table("as built", &samples, |sample| sample.features.confidence());
    table("mean probability", &samples, |sample| sample.features.log_prob_mean.exp());
    // Clips of one fifth are judged by weights fitted on the others.
    let folds: Vec<[f32; TERMS]> = (0..FOLDS)
        .map(|fold| fit(&samples.iter().filter(|sample| sample.clip % FOLDS != fold).collect::<Vec<_>>()))
        .collect();
    table("fitted, on clips not fitted on", &samples, |sample| {
        logistic(dot(&folds[sample.clip % FOLDS], &sample.features.terms()))
    });
    println!("weights: {:.2?}", fit(&samples.iter().collect::<Vec<_>>()));
}

fn decode(whisper: &Whisper, clip: &Clip, place: usize, line: Line) -> Option<Sample> {
    let request = DecodeRequest {
        deadline: Duration::from_secs(120),
        ..DecodeRequest::new(line.carry(&clip.samples), LanguageChoice::Fixed(clip.language))
    };
    let decoded = whisper.decode(&request).unwrap();
    let Score { errors, reference } = match clip.language {
        Language::En => wer(&clip.text, &decoded.text),
        Language::Zh => cer(&clip.text, &decoded.text),
    };
    let words = reference.max(1) as f32;
    let right = (1.0 - errors as f32 / words).max(0.0);
    (decoded.features.tokens > 0).then_some(Sample { clip: place, features: decoded.features, right, words })
}

/// Logistic regression on the share of right words, weighted by words, by gradient descent.
fn fit(samples: &[&Sample]) -> [f32; TERMS] {
    let mut weights = [0.0f32; TERMS];
    let total: f32 = samples.iter().map(|sample| sample.words).sum();
    for _ in 0..STEPS {
        let mut slope = [0.0f32; TERMS];
        for sample in samples {
            let terms = sample.features.terms();
            let error = logistic(dot(&weights, &terms)) - sample.right;
            for (slope, term) in slope.iter_mut().zip(terms) {
                *slope += sample.words * error * term;
            }
        }
        for (weight, slope) in weights.iter_mut().zip(slope) {
            *weight -= STEP * (slope / total + SHRINK * *weight);
        }
    }
    weights
}

/// Prints ten bins of confidence with the share of words that were right, and the expected calibration error.
fn table(name: &str, samples: &[Sample], confidence: impl Fn(&Sample) -> f32) {
    let mut bins = [(0.0f32, 0.0f32, 0.0f32); 10];
    for sample in samples {
        let value = confidence(sample);
        let bin = &mut bins[((value * 10.0) as usize).min(9)];
        bin.0 += sample.words;
        bin.1 += sample.words * value;
        bin.2 += sample.words * sample.right;
    }
    println!("{name}:");
    let total: f32 = bins.iter().map(|bin| bin.0).sum();
    let mut ece = 0.0;
    for (words, said, right) in bins.iter().filter(|bin| bin.0 > 0.0) {
        println!("    said {:.2}, was {:.2} in {words:.0} words", said / words, right / words);
        ece += (said - right).abs() / total;
    }
    println!("    expected calibration error {:.1} %", 100.0 * ece);
}

const FOLDS: usize = 5;
const STEPS: usize = 20_000;
const STEP: f32 = 0.5;
/// Keeps weights small that little speaks for.
const SHRINK: f32 = 1e-4;
