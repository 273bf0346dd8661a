//! What is usual for one caller: the mean of their own first seconds, trusted the more the longer they are.
//!
//! A high voice on a loud line is not an angry one. But a caller may begin angry, so what sounds aroused even beside
//! the whole population teaches less about what is usual.

use super::features::FEATURES;

/// What is usual for one caller, in standard deviations from the population.
#[derive(Clone, Debug)]
pub(super) struct Baseline {
    mean: [f32; FEATURES],
    weight: f32,
}

impl Baseline {
    /// Nothing is known of the caller: the population is what is usual.
    pub(super) fn unknown() -> Self {
        Self { mean: [0.0; FEATURES], weight: 0.0 }
    }

    /// Learns from a window; `trust` 0.0 to 1.0 is how likely it is that it was usual. Stops after a minute: by then
    /// the voice of the caller is known, and what changes later is mood.
    pub(super) fn learn(&mut self, standard: &[f32; FEATURES], trust: f32) {
        if self.weight >= WEIGHT_MAX || trust <= 0.0 {
            return;
        }
        self.weight += trust;
        let share = trust / self.weight;
        for (mean, value) in self.mean.iter_mut().zip(standard) {
            *mean += share * (value - *mean);
        }
    }

    /// The window beside what is usual, shrunk towards the population while little is known.
    pub(super) fn relative(&self, standard: &[f32; FEATURES]) -> [f32; FEATURES] {
        let known = self.weight / (self.weight + WEIGHT_PRIOR);
        std::array::from_fn(|n| standard[n] - known * self.mean[n])
    }
}

/// The population counts as much as this many windows, each half a second.
const WEIGHT_PRIOR: f32 = 6.0;
const WEIGHT_MAX: f32 = 60.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_becomes_their_own_measure() {
        let high = [2.0; FEATURES];
        let mut baseline = Baseline::unknown();
        assert_eq!(baseline.relative(&high), high, "a stranger is measured by the population");
        for _ in 0..6 {
            baseline.learn(&high, 1.0);
        }
        assert_eq!(baseline.relative(&high), [1.0; FEATURES], "half and half");
        for _ in 0..1_000 {
            baseline.learn(&high, 1.0);
        }
        assert!(baseline.relative(&high)[0] < 0.2);
        baseline.learn(&[-9.0; FEATURES], 1.0);
        assert!(baseline.relative(&high)[0] < 0.2, "later seconds are mood, not voice");
    }

    #[test]
    fn what_is_not_trusted_teaches_nothing() {
        let mut baseline = Baseline::unknown();
        baseline.learn(&[3.0; FEATURES], 0.0);
        assert_eq!(baseline.relative(&[3.0; FEATURES])[0], 3.0);
    }
}
