//! The voice model's spectra to sound.
//!
//! The network says, for each 12.5 ms and each of 601 frequencies, how the harmonics of the voice are shaped and
//! turned (`lh`, `theta`), how much breath there is (`ln`), and what a free third part adds (`lr`, `phi`). The harmonics
//! are a train of pulses at the pitch `f0`, filtered in the frequency domain:
//! `S = exp(lh) e^(i pi tanh(theta)) STFT(pulses) + exp(ln) noise + exp(lr) e^(i phi)`,
//! then one inverse STFT with overlap-add (Hann window of 1200 samples, hop 300, 24 kHz).

use std::f32::consts::{PI, TAU};
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// Samples of sound for each frame of the network.
const HOP: usize = 300;
/// Frequencies in a frame.
const BINS: usize = WINDOW / 2 + 1;

/// The network's output for `frames` frames. All but `f0` hold 601 rows of `frames` values.
pub(crate) struct Spectra<'a> {
    pub(crate) frames: usize,
    pub(crate) harmonic_log: &'a [f32],
    pub(crate) harmonic_turn: &'a [f32],
    pub(crate) noise_log: &'a [f32],
    pub(crate) free_log: &'a [f32],
    pub(crate) free_phase: &'a [f32],
    pub(crate) f0_hz: &'a [f32],
}

/// Turns spectra into samples.
pub(crate) struct Synth {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    hann: Vec<f32>,
}

impl Synth {
    pub(crate) fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        let hann = (0..WINDOW).map(|at| 0.5 - 0.5 * (TAU * at as f32 / WINDOW as f32).cos()).collect();
        Self { forward: planner.plan_fft_forward(WINDOW), inverse: planner.plan_fft_inverse(WINDOW), hann }
    }

    /// `frames * HOP` samples, about -1.0 to 1.0. The same spectra and seed give the same samples.
    pub(crate) fn render(&self, spectra: &Spectra<'_>, seed: u64) -> Result<Vec<f32>, String> {
        let frames = spectra.frames;
        let matrices =
            [spectra.harmonic_log, spectra.harmonic_turn, spectra.noise_log, spectra.free_log, spectra.free_phase];
        if spectra.f0_hz.len() != frames || matrices.iter().any(|matrix| matrix.len() != frames * BINS) {
            return Err("spectra of unequal size".to_owned());
        }
        let source = pulses(spectra.f0_hz);
        let mut noise = Noise { state: seed };
        let mut window = self.forward.make_input_vec();
        let mut spectrum = self.forward.make_output_vec();
        let mut scratch =
            vec![Complex32::default(); self.forward.get_scratch_len().max(self.inverse.get_scratch_len())];
        let padded = (frames + OVERLAP - 1) * HOP;
        let mut sound = vec![0.0_f32; padded];
        let mut weight = vec![0.0_f32; padded];
        for frame in 0..frames {
            for (at, value) in window.iter_mut().enumerate() {
                *value = reflected(&source, (frame * HOP + at) as isize - HALF as isize) * self.hann[at] * SOURCE_SCALE;
            }
            self.forward
                .process_with_scratch(&mut window, &mut spectrum, &mut scratch)
                .map_err(|error| error.to_string())?;
            shape(&mut spectrum, spectra, frame, &mut noise);
            self.inverse
                .process_with_scratch(&mut spectrum, &mut window, &mut scratch)
                .map_err(|error| error.to_string())?;
            let start = frame * HOP;
            for (at, &value) in window.iter().enumerate() {
                sound[start + at] += value * self.hann[at] / WINDOW as f32;
                weight[start + at] += self.hann[at] * self.hann[at];
            }
        }
        let middle = sound.iter().zip(&weight).skip(HALF).take(frames * HOP);
        Ok(middle
            .map(|(value, weight)| value / weight.max(1e-11))
            .map(|value| if value.is_finite() { value } else { 0.0 })
            .collect())
    }
}

/// Filters the source's spectrum of one frame and adds breath and the free part.
fn shape(spectrum: &mut [Complex32], spectra: &Spectra<'_>, frame: usize, noise: &mut Noise) {
    for (bin, value) in spectrum.iter_mut().enumerate() {
        let at = bin * spectra.frames + frame;
        let turn = PI * spectra.harmonic_turn[at].tanh();
        let filter = Complex32::from_polar(loudness(spectra.harmonic_log[at]), turn);
        let free = Complex32::from_polar(loudness(spectra.free_log[at]), spectra.free_phase[at]);
        *value = *value * filter + noise.complex() * loudness(spectra.noise_log[at]) + free;
    }
    // The spectrum of real sound is real at both ends.
    for end in [0, BINS - 1] {
        spectrum[end].im = 0.0;
    }
}

/// Out of its logarithm, kept below e^7 as in training.
fn loudness(log: f32) -> f32 {
    log.min(7.0).exp()
}

/// A train of band-limited pulses that follows the pitch: all harmonics below 11 kHz, equally loud. Zero where there
/// is no voice. By the closed form of a sum of cosines: `sin((n + 1/2) t) / (2 sin(t / 2)) - 1/2`.
fn pulses(f0_hz: &[f32]) -> Vec<f32> {
    let frames = f0_hz.len();
    let mut out = Vec::with_capacity(frames * HOP);
    let mut phase = 0.0_f64;
    for at in 0..frames * HOP {
        // Pitch lies in the middle of its frame and is straight in between.
        let place = (at as f32 + 0.5) / HOP as f32 - 0.5;
        let low = place.floor();
        let part = place - low;
        let pitch = |frame: f32| f0_hz[(frame.max(0.0) as usize).min(frames - 1)];
        let here = pitch(low) * (1.0 - part) + pitch(low + 1.0) * part;
        let hz = here.max(VOICED_HZ_MIN);
        phase = (phase + f64::from(hz) / RATE).fract();
        if here <= VOICED_HZ_MIN {
            out.push(0.0);
            continue;
        }
        let turn = phase as f32 * TAU;
        let harmonics = (HARMONIC_HZ_MAX / hz).floor() + 0.5;
        let below = 2.0 * (turn * 0.5).sin();
        // Where the quotient would be 0 / 0 its limit stands.
        let sum = if below.abs() <= 2e-3 { harmonics } else { (harmonics * turn).sin() / below };
        out.push(sum - 0.5);
    }
    out
}

/// The sample at `at`, mirrored at both ends.
fn reflected(samples: &[f32], at: isize) -> f32 {
    let last = samples.len() as isize - 1;
    let at = at.abs();
    let at = if at > last { 2 * last - at } else { at };
    usize::try_from(at).ok().and_then(|at| samples.get(at)).copied().unwrap_or(0.0)
}

/// Gaussian noise from a seed (SplitMix64 and Box-Muller), our own so that the same text sounds the same anywhere.
struct Noise {
    state: u64,
}

impl Noise {
    /// Two independent values of unit variance.
    fn complex(&mut self) -> Complex32 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        // 24 bits each: the whole precision of a fraction in an f32. The first is never zero.
        let first = ((bits >> 40) + 1) as f32 / 16_777_216.0;
        let second = (bits & 0xff_ffff) as f32 / 16_777_216.0;
        Complex32::from_polar((-2.0 * first.ln()).sqrt(), TAU * second)
    }
}

const WINDOW: usize = 1_200;
const HALF: usize = WINDOW / 2;
const OVERLAP: usize = WINDOW / HOP;
const RATE: f64 = 24_000.0;
/// Below this there is no voice.
const VOICED_HZ_MIN: f32 = 40.0;
const HARMONIC_HZ_MAX: f32 = 11_000.0;
/// With this a cosine of amplitude 1 has magnitude 1 in its bin, twice over for the two halves of the spectrum.
const SOURCE_SCALE: f32 = 4.0 / WINDOW as f32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pulses_stand_a_pitch_period_apart() {
        let train = pulses(&[100.0; 40]);
        let peaks: Vec<_> = (1..train.len() - 1)
            .filter(|&at| train[at] > 80.0 && train[at] >= train[at - 1] && train[at] > train[at + 1])
            .collect();
        assert!(peaks.len() >= 48, "100 Hz for half a second: {}", peaks.len());
        assert!(peaks.windows(2).all(|pair| (239..=241).contains(&(pair[1] - pair[0]))));
        assert!(pulses(&[0.0; 3]).iter().all(|&sample| sample == 0.0));
    }

    #[test]
    fn a_filter_that_changes_nothing_gives_the_pulses_back() {
        let frames = 20;
        let f0 = vec![120.0; frames];
        let silent = vec![-60.0; frames * BINS];
        let zero = vec![0.0; frames * BINS];
        // exp(ln(300)) undoes the scale of the source.
        let flat = vec![300.0_f32.ln(); frames * BINS];
        let spectra = Spectra {
            frames,
            harmonic_log: &flat,
            harmonic_turn: &zero,
            noise_log: &silent,
            free_log: &silent,
            free_phase: &zero,
            f0_hz: &f0,
        };
        let sound = Synth::new().render(&spectra, 1).unwrap();
        let source = pulses(&f0);
        let worst = sound[600..5_400].iter().zip(&source[600..5_400]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 0.05, "differs by {worst}");
    }

    #[test]
    fn noise_has_unit_variance_and_no_bias() {
        let mut noise = Noise { state: 7 };
        let values: Vec<f32> = (0..50_000)
            .flat_map(|_| {
                let value = noise.complex();
                [value.re, value.im]
            })
            .collect();
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let variance = values.iter().map(|value| value * value).sum::<f32>() / values.len() as f32;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }

    #[test]
    fn no_frames_make_no_sound() {
        let spectra = Spectra {
            frames: 0,
            harmonic_log: &[],
            harmonic_turn: &[],
            noise_log: &[],
            free_log: &[],
            free_phase: &[],
            f0_hz: &[],
        };
        assert!(Synth::new().render(&spectra, 1).unwrap().is_empty());
    }
}
