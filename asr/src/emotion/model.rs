//! The small classifier: two logistic regressions over the features of a window, and the file they live in.
//!
//! A straight line through 130 numbers is as good here as anything larger: there are hours of acted speech in the
//! world, not years, and a line can be looked at. The weights that ship are replaceable: see docs/emotion.md.

use std::sync::Arc;

use thiserror::Error;

use super::baseline::Baseline;
use super::features::FEATURES;

/// How a voice sounds, as far as sound alone tells: two probabilities, 0.0 to 1.0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sounds {
    /// That the voice is aroused: loud, high, quick, as in anger, fear and joy.
    pub arousal: f32,
    /// That the voice is angry.
    pub agitation: f32,
}

/// The weights cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EmotionError {
    /// The operator's: no such weights, or of another version of the features.
    #[error("these are not emotion weights of this version ({reason}); make them anew with `hotline train emotion`")]
    NotWeights {
        /// What is missing or different.
        reason: String,
    },
}

/// The classifier. Cheap to clone; all calls share one.
#[derive(Clone, Debug, PartialEq)]
pub struct EmotionModel {
    parts: Arc<Parts>,
}

/// Everything that is trained.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parts {
    /// The mean of each feature over the speech trained on.
    pub(super) mean: [f32; FEATURES],
    /// One over its standard deviation.
    pub(super) scale: [f32; FEATURES],
    pub(super) arousal: Head,
    pub(super) agitation: Head,
}

/// One logistic regression and its calibration.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Head {
    pub(super) weights: [f32; FEATURES],
    pub(super) bias: f32,
    /// The probability is the logistic function of `slope * score + shift`.
    pub(super) slope: f32,
    pub(super) shift: f32,
}

/// Scores before calibration: they may be averaged, probabilities may not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Scores {
    pub(super) arousal: f32,
    pub(super) agitation: f32,
}

impl EmotionModel {
    /// The weights that ship.
    pub fn shipped() -> Self {
        #[expect(clippy::expect_used, reason = "a test reads the same bytes")]
        Self::parse(SHIPPED).expect("the shipped weights are whole")
    }

    /// Reads weights as [`Self::to_bytes`] writes them.
    ///
    /// # Errors
    /// [`EmotionError`] when they are something else.
    pub fn parse(bytes: &[u8]) -> Result<Self, EmotionError> {
        let refuse = |reason: &str| EmotionError::NotWeights { reason: reason.to_owned() };
        let body = bytes.strip_prefix(MAGIC).ok_or_else(|| refuse("the beginning is another"))?;
        if body.len() != 4 * NUMBERS {
            return Err(refuse(&format!("{} bytes instead of {}", bytes.len(), MAGIC.len() + 4 * NUMBERS)));
        }
        let mut numbers =
            body.chunks_exact(4).map(|four| f32::from_le_bytes(<[u8; 4]>::try_from(four).unwrap_or_default()));
        if numbers.clone().any(|number| !number.is_finite()) {
            return Err(refuse("a weight is no number"));
        }
        let mut next = || numbers.next().unwrap_or_default();
        let mean = std::array::from_fn(|_| next());
        let scale = std::array::from_fn(|_| next());
        let mut head = || Head { weights: std::array::from_fn(|_| next()), bias: next(), slope: next(), shift: next() };
        let (arousal, agitation) = (head(), head());
        Ok(Self::new(Parts { mean, scale, arousal, agitation }))
    }

    /// The weights as a file: eight letters and version, then 32-bit numbers, little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Parts { mean, scale, arousal, agitation } = &*self.parts;
        let head = |head: &Head| {
            let tail = [head.bias, head.slope, head.shift];
            head.weights.iter().copied().chain(tail).collect::<Vec<f32>>()
        };
        let numbers = mean.iter().chain(scale).copied().chain(head(arousal)).chain(head(agitation));
        MAGIC.iter().copied().chain(numbers.flat_map(f32::to_le_bytes)).collect()
    }

    pub(super) fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// The features in standard deviations from the mean of the speech trained on.
    pub(super) fn standard(&self, features: &[f32; FEATURES]) -> [f32; FEATURES] {
        let Parts { mean, scale, .. } = &*self.parts;
        // A feature far outside what was trained on says that something else is wrong; it must not decide alone.
        std::array::from_fn(|n| ((features[n] - mean[n]) * scale[n]).clamp(-FAR, FAR))
    }

    /// The scores of a window beside what is usual for its caller.
    pub(super) fn scores(&self, standard: &[f32; FEATURES], baseline: &Baseline) -> Scores {
        let relative = baseline.relative(standard);
        Scores { arousal: self.parts.arousal.score(&relative), agitation: self.parts.agitation.score(&relative) }
    }

    pub(super) fn sounds(&self, scores: Scores) -> Sounds {
        Sounds {
            arousal: self.parts.arousal.probability(scores.arousal),
            agitation: self.parts.agitation.probability(scores.agitation),
        }
    }
}

impl Head {
    pub(super) fn score(&self, relative: &[f32; FEATURES]) -> f32 {
        self.bias + self.weights.iter().zip(relative).map(|(weight, value)| weight * value).sum::<f32>()
    }

    pub(super) fn probability(&self, score: f32) -> f32 {
        logistic(self.slope * score + self.shift)
    }
}

pub(super) fn logistic(score: f32) -> f32 {
    1.0 / (1.0 + (-score).exp())
}

/// The name of the format and the version of the features: change it when a feature changes.
const MAGIC: &[u8] = b"HLEMOTN1";
const NUMBERS: usize = 2 * FEATURES + 2 * (FEATURES + 3);
const SHIPPED: &[u8] = include_bytes!("../../weights/emotion.bin");
/// Standard deviations beyond which a feature is cut.
const FAR: f32 = 4.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_weights_judge_as_they_were_measured() {
        let model = EmotionModel::shipped();
        let check = |deviations: fn(usize) -> f32, arousal: f32, agitation: f32| {
            let features = std::array::from_fn(|n| model.parts.mean[n] + deviations(n) / model.parts.scale[n]);
            let sounds = model.sounds(model.scores(&model.standard(&features), &Baseline::unknown()));
            let off = (sounds.arousal - arousal).abs().max((sounds.agitation - agitation).abs());
            assert!(off < 1e-3, "{sounds:?} instead of {arousal} {agitation}");
        };
        check(|_| 0.0, 0.2914, 0.0374);
        // Higher and livelier pitch.
        check(|n| if n < 6 { 1.5 } else { 0.0 }, 0.4760, 0.0379);
        // Louder alone: of a stranger that says more of the handset than of the mood.
        check(|n| if (10..16).contains(&n) { 1.5 } else { 0.0 }, 0.1471, 0.0103);
        check(|n| if n % 2 == 0 { 0.3 } else { -0.3 }, 0.4141, 0.0268);
    }

    #[test]
    fn weights_survive_their_file() {
        let model = EmotionModel::shipped();
        assert_eq!(EmotionModel::parse(&model.to_bytes()), Ok(model));
    }

    #[test]
    fn what_are_no_weights_is_refused_with_the_way_out() {
        let bytes = EmotionModel::shipped().to_bytes();
        let mut odd = bytes.clone();
        odd[8..12].copy_from_slice(&f32::NAN.to_le_bytes());
        for bad in [&b""[..], b"RIFF", &bytes[..bytes.len() - 1], &odd] {
            let error = EmotionModel::parse(bad).unwrap_err();
            assert!(error.to_string().contains("hotline train emotion"), "{error}");
        }
    }
}
