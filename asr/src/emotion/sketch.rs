//! What 10 ms of speech look like: loudness, spectrum and pitch candidates.
//!
//! A telephone carries 300 to 3400 Hz, so the sound is brought down to 8 kHz and bands end where a handset ends:
//! a caller must not sound different because their line is wider. Nothing here allocates after [`Sketcher::new`].

use std::f32::consts::{PI, TAU};
use std::sync::Arc;

use call::AudioFrame;
use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::pitch::{self, Pitch};

/// Samples per second after decimation.
pub(super) const RATE_HZ: usize = 8_000;
/// Samples between two sketches: 10 ms.
pub(super) const HOP: usize = 80;
/// Sketches in a second.
pub(super) const HOPS_PER_S: usize = RATE_HZ / HOP;
/// Mel bands.
pub(super) const MELS: usize = 20;
/// Cepstral coefficients, without the one that is loudness.
pub(super) const CEPSTRA: usize = 12;
/// Measures of the spectrum's shape.
pub(super) const SHAPES: usize = 6;

/// What 10 ms look like.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sketch {
    /// Loudness between 200 and 3500 Hz, in dB below the loudest possible sine, about -90 to 0.
    pub(super) loudness_db: f32,
    /// Energy of each mel band, in dB on the same scale.
    pub(super) mels_db: [f32; MELS],
    /// Cepstral coefficients 1 to 12 of the mel bands.
    pub(super) cepstra: [f32; CEPSTRA],
    /// Tilt (dB per band), energy above 1 kHz to below (dB), highest peak above 2 kHz to below (dB), centroid (kHz),
    /// flux (dB from the sketch before), flatness (dB).
    pub(super) shapes: [f32; SHAPES],
    /// What the pitch may be, likeliest first.
    pub(super) pitches: [Pitch; pitch::CANDIDATES],
}

/// Turns frames into sketches, two for each.
pub(super) struct Sketcher {
    low_pass: LowPass,
    /// The newest samples at 8 kHz, in -1.0 to 1.0.
    recent: [f32; RECENT],
    fft: Arc<dyn RealToComplex<f32>>,
    window: [f32; FFT],
    input: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    bands: Vec<Band>,
    cosines: [[f32; MELS]; CEPSTRA],
    before_db: [f32; MELS],
}

/// A triangular filter: its first bin and its weights.
struct Band {
    first: usize,
    weights: Vec<f32>,
}

impl Sketcher {
    pub(super) fn new() -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(FFT);
        let (input, spectrum, scratch) = (fft.make_input_vec(), fft.make_output_vec(), fft.make_scratch_vec());
        Self {
            low_pass: LowPass::new(),
            recent: [0.0; RECENT],
            window: std::array::from_fn(|n| 0.54 - 0.46 * (TAU * n as f32 / (FFT - 1) as f32).cos()),
            input,
            spectrum,
            scratch,
            fft,
            bands: bands(),
            cosines: std::array::from_fn(|row| {
                std::array::from_fn(|band| (PI * (row + 1) as f32 * (band as f32 + 0.5) / MELS as f32).cos())
            }),
            before_db: [FLOOR_DB; MELS],
        }
    }

    /// Takes a frame in. Cheap: for silence, whose sketches nobody wants.
    pub(super) fn skip(&mut self, frame: &AudioFrame) {
        for half in frame.0.chunks_exact(AudioFrame::SAMPLES / 2) {
            self.take(half);
        }
    }

    /// Takes a frame in and gives its two sketches. They look at the 47 ms that end with it.
    pub(super) fn sketch(&mut self, frame: &AudioFrame) -> [Sketch; 2] {
        let (first, second) = frame.0.split_at(AudioFrame::SAMPLES / 2);
        [first, second].map(|half| {
            self.take(half);
            self.look()
        })
    }

    fn take(&mut self, half: &[i16]) {
        self.recent.copy_within(HOP.., 0);
        for (place, pair) in self.recent[RECENT - HOP..].iter_mut().zip(half.chunks_exact(2)) {
            *place = self.low_pass.push([pair[0], pair[1]]);
        }
    }

    fn look(&mut self) -> Sketch {
        let middle = &self.recent[(RECENT - FFT) / 2..];
        for ((place, &sample), &weight) in self.input.iter_mut().zip(middle).zip(&self.window) {
            *place = sample * weight;
        }
        // Cannot fail: every buffer was made by this plan.
        let done = self.fft.process_with_scratch(&mut self.input, &mut self.spectrum, &mut self.scratch);
        debug_assert!(done.is_ok(), "buffers of the plan");
        let mut power = [0.0; BINS];
        for (place, bin) in power.iter_mut().zip(&self.spectrum) {
            *place = bin.norm_sqr() * FULL_SCALE;
        }
        let mels: [f32; MELS] = std::array::from_fn(|band| self.bands[band].energy(&power));
        let mels_db = mels.map(decibels);
        let cepstra = self.cosines.map(|row| row.iter().zip(&mels_db).map(|(a, b)| a * b).sum::<f32>() / MELS as f32);
        let flux = mels_db.iter().zip(&self.before_db).map(|(now, then)| (now - then).abs()).sum::<f32>() / MELS as f32;
        self.before_db = mels_db;
        Sketch {
            loudness_db: decibels(mels.iter().sum()),
            shapes: shapes(&power, &mels, &mels_db, flux),
            mels_db,
            cepstra,
            pitches: pitch::candidates(&self.recent),
        }
    }
}

fn shapes(power: &[f32; BINS], mels: &[f32; MELS], mels_db: &[f32; MELS], flux: f32) -> [f32; SHAPES] {
    let bin = |hz: usize| hz * FFT / RATE_HZ;
    let sum = |from: usize, to: usize| power[bin(from)..bin(to)].iter().sum::<f32>();
    let peak = |from: usize, to: usize| power[bin(from)..bin(to)].iter().copied().fold(0.0, f32::max);
    let middle = (MELS - 1) as f32 / 2.0;
    let (mut rise, mut spread, mut total, mut weighted, mut level) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (band, (&energy, &db)) in mels.iter().zip(mels_db).enumerate() {
        let away = band as f32 - middle;
        rise += away * db;
        spread += away * away;
        level += db / MELS as f32;
        total += energy;
        weighted += energy * band_centre_hz(band) / 1_000.0;
    }
    let low = decibels(sum(200, 1_000));
    [
        rise / spread,
        decibels(sum(1_000, 3_400)) - low,
        decibels(peak(2_000, 3_400)) - decibels(peak(200, 2_000)),
        weighted / total.max(QUIET),
        flux,
        level - decibels(total / MELS as f32),
    ]
}

impl Band {
    fn energy(&self, power: &[f32; BINS]) -> f32 {
        self.weights.iter().zip(&power[self.first..]).map(|(weight, bin)| weight * bin).sum()
    }
}

fn bands() -> Vec<Band> {
    let edge = |n: usize| hz_of_mel(mel_of_hz(LOW_HZ) + band_mels() * n as f32) * FFT as f32 / RATE_HZ as f32;
    let band = |n: usize| {
        let (left, centre, right) = (edge(n), edge(n + 1), edge(n + 2));
        let first = left.ceil() as usize;
        let weight = |bin: usize| {
            let bin = bin as f32;
            ((bin - left) / (centre - left)).min((right - bin) / (right - centre)).max(0.0)
        };
        Band { first, weights: (first..BINS.min(right.ceil() as usize)).map(weight).collect() }
    };
    (0..MELS).map(band).collect()
}

fn band_mels() -> f32 {
    (mel_of_hz(HIGH_HZ) - mel_of_hz(LOW_HZ)) / (MELS + 1) as f32
}

fn band_centre_hz(band: usize) -> f32 {
    hz_of_mel(mel_of_hz(LOW_HZ) + band_mels() * (band + 1) as f32)
}

fn mel_of_hz(hz: f32) -> f32 {
    2_595.0 * (1.0 + hz / 700.0).log10()
}

fn hz_of_mel(mel: f32) -> f32 {
    700.0 * (10.0_f32.powf(mel / 2_595.0) - 1.0)
}

fn decibels(energy: f32) -> f32 {
    10.0 * (energy + QUIET).log10()
}

/// Halves the rate: a windowed sinc with its edge at 3.8 kHz.
struct LowPass {
    taps: [f32; TAPS],
    past: [f32; TAPS],
}

impl LowPass {
    fn new() -> Self {
        let middle = (TAPS - 1) as f32 / 2.0;
        let raw: [f32; TAPS] = std::array::from_fn(|n| {
            let away = n as f32 - middle;
            let turn = TAU * CUT_HZ / AudioFrame::RATE.hz() as f32 * away;
            let sinc = if away == 0.0 { 1.0 } else { turn.sin() / turn };
            sinc * (0.5 + 0.5 * (PI * away / (middle + 1.0)).cos())
        });
        let gain = raw.iter().sum::<f32>() * 32_768.0;
        Self { taps: raw.map(|tap| tap / gain), past: [0.0; TAPS] }
    }

    fn push(&mut self, pair: [i16; 2]) -> f32 {
        self.past.copy_within(2.., 0);
        self.past[TAPS - 2] = f32::from(pair[0]);
        self.past[TAPS - 1] = f32::from(pair[1]);
        self.taps.iter().zip(&self.past).map(|(tap, sample)| tap * sample).sum()
    }
}

/// Samples that a sketch looks at: a pitch window and the longest period behind it.
const RECENT: usize = pitch::SAMPLES;
/// Length of the Fourier transform: 32 ms.
const FFT: usize = 256;
const BINS: usize = FFT / 2 + 1;
/// The bands lie where every handset still carries sound.
const LOW_HZ: f32 = 200.0;
const HIGH_HZ: f32 = 3_500.0;
const CUT_HZ: f32 = 3_800.0;
const TAPS: usize = 32;
/// Makes the loudest possible sine about 0 dB: (2 / sum of the window)^2.
const FULL_SCALE: f32 = 2.1e-4;
/// Added to every energy: about -80 dB, below what G.711 can carry.
const QUIET: f32 = 1e-8;
const FLOOR_DB: f32 = -80.0;

const _: () = assert!(RECENT >= FFT && HOP * 4 == AudioFrame::SAMPLES && AudioFrame::RATE.hz() as usize == 2 * RATE_HZ);

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f32, amplitude: f32, frames: usize) -> Vec<AudioFrame> {
        let sample = |n: usize| (amplitude * (TAU * hz * n as f32 / 16_000.0).sin()) as i16;
        (0..frames).map(|frame| AudioFrame(std::array::from_fn(|n| sample(frame * 320 + n)))).collect()
    }

    fn last(frames: &[AudioFrame]) -> Sketch {
        let mut sketcher = Sketcher::new();
        frames.iter().map(|frame| sketcher.sketch(frame)).last().unwrap()[1].clone()
    }

    #[test]
    fn ten_times_the_amplitude_are_20_db() {
        let (loud, soft) = (last(&tone(1_000.0, 20_000.0, 8)), last(&tone(1_000.0, 2_000.0, 8)));
        let step = loud.loudness_db - soft.loudness_db;
        assert!((step - 20.0).abs() < 0.2, "{step}");
        assert!((-8.0..0.0).contains(&loud.loudness_db), "{}", loud.loudness_db);
    }

    #[test]
    fn what_no_telephone_carries_is_not_heard() {
        let (inside, above) = (last(&tone(1_000.0, 20_000.0, 8)), last(&tone(6_500.0, 20_000.0, 8)));
        assert!(inside.loudness_db - above.loudness_db > 40.0, "{} {}", inside.loudness_db, above.loudness_db);
    }

    #[test]
    fn a_bright_sound_has_a_higher_centroid_and_tilt() {
        let (dark, bright) = (last(&tone(300.0, 9_000.0, 8)), last(&tone(3_000.0, 9_000.0, 8)));
        assert!((dark.shapes[3] - 0.3).abs() < 0.1 && (bright.shapes[3] - 3.0).abs() < 0.2, "{dark:?} {bright:?}");
        assert!(dark.shapes[0] < bright.shapes[0]);
        assert!(dark.shapes[1] < -20.0 && bright.shapes[1] > 20.0);
    }

    #[test]
    fn silence_is_at_the_floor_and_finite() {
        let silence = last(&[AudioFrame::SILENCE; 4]);
        assert!((silence.loudness_db - FLOOR_DB).abs() < 0.1);
        assert!(silence.shapes.iter().chain(&silence.cepstra).all(|value| value.is_finite()));
        assert!(silence.pitches.iter().all(|pitch| pitch.strength == 0.0));
    }
}
