//! What a telephone line does to sound: noise, level, loss and pauses, each by itself and repeatable.
//!
//! Labelled recordings are made bad in known ways, so that a recogniser can be measured on the line it will meet and
//! not in a studio. Equal seeds give equal sound.

use std::time::Duration;

use call::{Pcm, SampleRate};
/// Narrow-band sound through G.711: the one effect that every telephone has.
pub use media::telephone;

use crate::dice::Dice;
use crate::gap;

/// Adds white noise so that sound stands `snr_db` decibels above it. Silence is left alone, for it has no level.
pub fn noise(pcm: &Pcm, snr_db: f64, seed: u64) -> Pcm {
    let level = f64::from(gap::rms(&pcm.samples)) / amplitude(snr_db);
    let mut dice = Dice::new(seed);
    let samples = pcm.samples.iter().map(|&sample| clamped(f64::from(sample) + dice.bell() * level)).collect();
    Pcm { rate: pcm.rate, samples }
}

/// Makes sound louder or, below zero, softer by this many decibels; what does not fit is cut off, as on a real line.
pub fn gain(pcm: &Pcm, gain_db: f64) -> Pcm {
    let factor = amplitude(gain_db);
    let samples = pcm.samples.iter().map(|&sample| clamped(f64::from(sample) * factor)).collect();
    Pcm { rate: pcm.rate, samples }
}

/// Which packets of 20 ms a line loses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LossPattern {
    /// Losses come in runs of this mean length, with this share of all packets lost (two-state Gilbert model).
    Bursts {
        /// Share of packets lost, 0.0 to 1.0.
        share: f64,
        /// Mean packets lost in a row, at least 1.0.
        run_mean: f64,
    },
    /// Every `period`-th packet, the first at `period - 1`.
    Every {
        /// At least 1.
        period: usize,
    },
    /// Each packet by itself.
    Random {
        /// Probability of losing a packet, 0.0 to 1.0.
        share: f64,
    },
}

/// Silences the packets of 20 ms that the line would have lost, without any concealment.
pub fn lose_packets(pcm: &Pcm, pattern: LossPattern, seed: u64) -> Pcm {
    let mut losses = Losses::new(pattern, seed);
    let mut samples = pcm.samples.clone();
    for packet in samples.chunks_mut(pcm.rate.samples_per_frame().max(1)) {
        if losses.next_is_lost() {
            packet.fill(0);
        }
    }
    Pcm { rate: pcm.rate, samples }
}

/// Decides packet by packet what is lost.
#[derive(Clone, Debug)]
pub struct Losses {
    pattern: LossPattern,
    dice: Dice,
    count: usize,
    in_burst: bool,
}

impl Losses {
    /// A line with this habit and this seed.
    pub const fn new(pattern: LossPattern, seed: u64) -> Self {
        Self { pattern, dice: Dice::new(seed), count: 0, in_burst: false }
    }

    /// Whether the next packet is lost.
    pub fn next_is_lost(&mut self) -> bool {
        self.count += 1;
        match self.pattern {
            LossPattern::Bursts { share, run_mean } => {
                // Leaving a burst with probability 1/run gives runs of that mean; entering it as often as keeps the
                // share of time spent inside.
                let leave = if share >= 1.0 { 0.0 } else { 1.0 / run_mean.max(1.0) };
                let enter = if share >= 1.0 { 1.0 } else { leave * share / (1.0 - share) };
                self.in_burst = if self.in_burst { !self.dice.happens(leave) } else { self.dice.happens(enter) };
                self.in_burst
            }
            LossPattern::Every { period } => self.count.is_multiple_of(period.max(1)),
            LossPattern::Random { share } => self.dice.happens(share),
        }
    }
}

/// Puts silence of this length into sound, `at` from its beginning; at its end when it is shorter than that.
pub fn pause(pcm: &Pcm, at: Duration, length: Duration) -> Pcm {
    let place = samples_in(at, pcm.rate).min(pcm.samples.len());
    let (before, after) = pcm.samples.split_at(place);
    let silence = vec![0; samples_in(length, pcm.rate)];
    Pcm { rate: pcm.rate, samples: [before, &silence, after].concat() }
}

/// Samples in a span.
fn samples_in(span: Duration, rate: SampleRate) -> usize {
    (span.min(SOUND_MAX).as_micros() as u64 * u64::from(rate.hz()) / 1_000_000) as usize
}

/// The factor on samples that is this many decibels.
fn amplitude(db: f64) -> f64 {
    10_f64.powf(db / 20.0)
}

/// Rounds into 16 bits; too loud is cut off.
fn clamped(sample: f64) -> i16 {
    // `as` saturates, which is exactly what a line does.
    sample.round() as i16
}

/// No sound here is longer, so that a wrong figure cannot ask for all memory.
const SOUND_MAX: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(samples: usize) -> Pcm {
        let wave = |index: usize| ((index as f64 * 0.2).sin() * 8_000.0) as i16;
        Pcm { rate: SampleRate::HZ_16000, samples: (0..samples).map(wave).collect() }
    }

    #[test]
    fn noise_stands_as_far_below_the_sound_as_asked() {
        let clean = tone(32_000);
        for snr_db in [0.0, 10.0, 20.0] {
            let noisy = noise(&clean, snr_db, 3);
            let added: Vec<i16> = noisy.samples.iter().zip(&clean.samples).map(|(a, b)| a.saturating_sub(*b)).collect();
            let measured = 20.0 * f64::from(gap::rms(&clean.samples) / gap::rms(&added)).log10();
            assert!((measured - snr_db).abs() < 0.5, "{measured} dB, not {snr_db} dB");
        }
        assert_eq!(noise(&clean, 10.0, 3), noise(&clean, 10.0, 3));
        assert_ne!(noise(&clean, 10.0, 3), noise(&clean, 10.0, 4));
    }

    #[test]
    fn gain_is_in_decibels_and_never_wraps_round() {
        let rate = SampleRate::HZ_8000;
        let softer = gain(&Pcm { rate, samples: vec![1_000, -1_000] }, -20.0);
        assert_eq!(softer.samples, [100, -100]);
        let louder = gain(&Pcm { rate, samples: vec![30_000, -30_000] }, 6.0);
        assert_eq!(louder.samples, [i16::MAX, i16::MIN]);
    }

    #[test]
    fn each_loss_pattern_loses_its_share() {
        let lost = |pattern| {
            let mut losses = Losses::new(pattern, 11);
            (0..20_000).filter(|_| losses.next_is_lost()).count() as f64 / 20_000.0
        };
        assert_eq!(lost(LossPattern::Every { period: 20 }), 0.05);
        assert!((lost(LossPattern::Random { share: 0.05 }) - 0.05).abs() < 0.006);
        assert!((lost(LossPattern::Bursts { share: 0.1, run_mean: 4.0 }) - 0.1).abs() < 0.015);
        assert_eq!(lost(LossPattern::Random { share: 0.0 }), 0.0);
        assert_eq!(lost(LossPattern::Bursts { share: 0.0, run_mean: 4.0 }), 0.0);
        assert_eq!(lost(LossPattern::Bursts { share: 1.0, run_mean: 4.0 }), 1.0);
    }

    #[test]
    fn bursts_are_as_long_as_asked() {
        let mut losses = Losses::new(LossPattern::Bursts { share: 0.1, run_mean: 5.0 }, 2);
        let history: Vec<bool> = (0..50_000).map(|_| losses.next_is_lost()).collect();
        let lost = history.iter().filter(|&&lost| lost).count() as f64;
        let runs = history.windows(2).filter(|pair| !pair[0] && pair[1]).count() as f64;
        assert!((lost / runs - 5.0).abs() < 0.5, "mean run {}", lost / runs);
    }

    #[test]
    fn a_lost_packet_is_20_ms_of_silence() {
        let lossy = lose_packets(&tone(960), LossPattern::Every { period: 3 }, 0);
        assert!(lossy.samples[640..].iter().all(|&sample| sample == 0));
        assert_eq!(lossy.samples[..640], tone(960).samples[..640]);
    }

    #[test]
    fn a_pause_goes_where_it_is_asked_and_loses_nothing() {
        let paused = pause(&tone(320), Duration::from_millis(10), Duration::from_millis(5));
        assert_eq!(paused.samples.len(), 400);
        assert!(paused.samples[160..240].iter().all(|&sample| sample == 0));
        assert_eq!(paused.samples[240..], tone(320).samples[160..]);
        assert_eq!(pause(&tone(320), Duration::from_secs(9), Duration::from_millis(5)).samples.len(), 400);
    }
}
