//! Sounds of callers that are not words: a cough, a knock, music in the room.
//!
//! They are computed, so that a set needs nobody's recording and a seed gives the same cough for ever.

use std::f64::consts::TAU;
use std::time::Duration;

use call::{AudioFrame, Pcm};

use crate::dice::Dice;

/// A cough of about 0.5 s at 16 kHz: a burst of air, then shaped noise that dies away, twice.
///
/// The shape follows what is known of voluntary coughs: an explosive phase of 30 to 50 ms and an intermediate phase of
/// some 200 ms, both noise through the open throat.
pub fn cough(seed: u64) -> Pcm {
    let mut dice = Dice::new(seed);
    let mut samples = Vec::new();
    for loudness in [1.0, 0.6] {
        let length = rate() * (180.0 + 80.0 * dice.fraction()) / 1_000.0;
        let shift = 0.85 + 0.3 * dice.fraction();
        let mut throat = FORMANTS.map(|(hz, width_hz)| Resonance::new(hz * shift, width_hz));
        for n in 0..length as usize {
            let ms = n as f64 * 1_000.0 / rate();
            let rise = (ms / 4.0).min(1.0);
            let fall = if ms < BURST_MS { 1.0 } else { 0.55 * (-(ms - BURST_MS) / 70.0).exp() };
            let air = dice.bell();
            let sound: f64 = throat.iter_mut().map(|formant| formant.ring(air)).sum();
            samples.push(((sound + 0.15 * air) * rise * fall * loudness * COUGH_LEVEL) as i16);
        }
        samples.extend(std::iter::repeat_n(0, (rate() * 0.06) as usize));
    }
    Pcm { rate: AudioFrame::RATE, samples }
}

/// The first `length` of the house's hold music, as if another phone played it in the room. At most 16 s, at 16 kHz.
pub fn music(length: Duration) -> Pcm {
    let wanted = (length.as_secs_f64() * rate()) as usize;
    let samples = media::tone::hold_music().iter().flat_map(|frame| frame.0).take(wanted).collect();
    Pcm { rate: AudioFrame::RATE, samples }
}

/// A two-pole resonance.
struct Resonance {
    feedback: [f64; 2],
    gain: f64,
    past: [f64; 2],
}

impl Resonance {
    fn new(hz: f64, width_hz: f64) -> Self {
        let radius = (-TAU / 2.0 * width_hz / rate()).exp();
        let feedback = [2.0 * radius * (TAU * hz / rate()).cos(), -radius * radius];
        Self { feedback, gain: 1.0 - radius, past: [0.0; 2] }
    }

    fn ring(&mut self, input: f64) -> f64 {
        let out = self.gain * input + self.feedback[0] * self.past[0] + self.feedback[1] * self.past[1];
        self.past = [out, self.past[0]];
        out
    }
}

fn rate() -> f64 {
    f64::from(AudioFrame::RATE.hz())
}

/// Resonances of an open throat with their widths, in hertz.
const FORMANTS: [(f64, f64); 3] = [(520.0, 200.0), (1_450.0, 300.0), (2_700.0, 450.0)];
/// The explosive phase.
const BURST_MS: f64 = 40.0;
/// Chosen so that the burst is about as loud as speech.
const COUGH_LEVEL: f64 = 5_000.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gap::rms;

    #[test]
    fn a_cough_is_two_loud_bursts_that_die_away_and_no_two_are_alike() {
        for seed in 0..8 {
            let cough = cough(seed);
            assert!((0.4..0.8).contains(&cough.duration().as_secs_f64()), "{cough:?}");
            let burst = rms(&cough.samples[..640]);
            assert!((1_000.0..8_000.0).contains(&burst), "{burst}");
            assert!(rms(&cough.samples[2_400..2_800]) < burst / 3.0);
            assert!(cough.samples.iter().all(|sample| sample.abs() < 30_000), "not clipped");
        }
        assert_eq!(cough(3), cough(3));
        assert_ne!(cough(3), cough(4));
    }

    #[test]
    fn music_is_as_long_as_asked() {
        assert_eq!(music(Duration::from_millis(500)).samples.len(), 8_000);
        assert!(rms(&music(Duration::from_secs(2)).samples) > 200.0);
    }
}
