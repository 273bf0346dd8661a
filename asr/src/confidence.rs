//! How far words can be trusted, as a number that means what it says.
//!
//! The recogniser's own probabilities are those of one token after the other, each given that all before it were right;
//! where their mean says 0.66, eight of ten words are right. So they are mapped, together with what else is known of a
//! decode, to the share of words that turns out right: of the words heard with 0.8, four of five are. The weights were
//! fitted by `cargo run -p asr --release --example measure -- confidence`, which also prints how well they hold: on 9,470
//! words of our own voices and of recordings, Mandarin characters counted as words, through G.711, noise and loss, what was
//! said and what was right differ by 3.5 % (expected calibration error, on clips that were not fitted on); of the plain
//! mean by 8.5 %, of the weights fitted on English alone by 3.9 %.

/// What is known of a decode and tells about its words.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Features {
    /// Mean natural logarithm of the probabilities of the words' tokens; 0.0 is certainty.
    pub log_prob_mean: f32,
    /// The natural logarithm of the least of them.
    pub log_prob_min: f32,
    /// The share of tokens with a probability below one half, 0.0 to 1.0.
    pub weak_share: f32,
    /// How many tokens the words have.
    pub tokens: u32,
    /// How long the sound lasts, in seconds.
    pub audio_s: f32,
}

/// How many numbers [`Features::terms`] gives.
pub const TERMS: usize = 6;

impl Features {
    /// The numbers that are weighed, each of about the size of one; the first is always 1.
    pub fn terms(&self) -> [f32; TERMS] {
        let tokens = self.tokens as f32;
        [
            1.0,
            self.log_prob_mean.max(LOG_PROB_LEAST),
            self.log_prob_min.max(2.0 * LOG_PROB_LEAST) / 4.0,
            self.weak_share,
            (tokens / 8.0).min(4.0).ln_1p(),
            // Few tokens for much sound: words were left out. Speech has three or four a second.
            (tokens / self.audio_s.max(0.3) / 4.0).min(2.0),
        ]
    }

    /// The share of these words that is likely to be right, 0.0 to 1.0; 0.0 where there are none.
    pub fn confidence(&self) -> f32 {
        if self.tokens == 0 { 0.0 } else { logistic(dot(&WEIGHTS, &self.terms())) }
    }
}

/// The sum of the products.
pub fn dot(weights: &[f32; TERMS], terms: &[f32; TERMS]) -> f32 {
    weights.iter().zip(terms).map(|(weight, term)| weight * term).sum()
}

/// From any number to one between 0 and 1.
pub fn logistic(sum: f32) -> f32 {
    1.0 / (1.0 + (-sum).exp())
}

/// A mean below this is nonsense, and how much below says no more.
const LOG_PROB_LEAST: f32 = -2.0;
/// Fitted; see the head of this file.
const WEIGHTS: [f32; TERMS] = [5.58, 2.45, 0.49, -1.49, -0.63, -1.71];

#[cfg(test)]
mod tests {
    use super::*;

    const SURE: Features =
        Features { log_prob_mean: -0.1, log_prob_min: -0.4, weak_share: 0.0, tokens: 10, audio_s: 2.5 };

    #[test]
    fn surer_tokens_give_more_confidence() {
        let unsure = Features { log_prob_mean: -0.9, log_prob_min: -3.0, weak_share: 0.5, ..SURE };
        assert!(SURE.confidence() > 0.9, "{}", SURE.confidence());
        assert!(unsure.confidence() < SURE.confidence() - 0.2, "{}", unsure.confidence());
    }

    #[test]
    fn it_is_always_a_probability() {
        assert_eq!(Features::default().confidence(), 0.0, "no words");
        for log_prob in [-1e9, -20.0, 0.0] {
            for (tokens, audio_s) in [(1, 0.0), (1_000_000, 0.1), (1, 600.0)] {
                let features =
                    Features { log_prob_mean: log_prob, log_prob_min: log_prob, weak_share: 1.0, tokens, audio_s };
                assert!((0.0..=1.0).contains(&features.confidence()), "{features:?}");
            }
        }
    }
}
