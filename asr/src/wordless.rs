//! Tells tones and steady noise from everything that may be a voice.
//!
//! Keys, ring-back, dial and fax tones are a few pure frequencies that stand still; a noisy line is as loud now as a
//! moment ago. The recogniser writes a sentence for either and is sure of it. A voice spreads over many harmonics,
//! never stands still for long, and rises and falls with every syllable.

use realfft::RealFftPlanner;

/// Whether this 16 kHz sound is nothing but tones or steady noise. In doubt it is not.
pub(crate) fn is_wordless(samples: &[i16]) -> bool {
    let frames = frames(samples);
    are_steady(&frames) || are_tones(&frames)
}

fn frames(samples: &[i16]) -> Vec<Frame> {
    let transform = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW_SAMPLES);
    let mut spectrum = transform.make_output_vec();
    let mut scratch = transform.make_scratch_vec();
    let frame = |chunk: &[i16]| {
        let mut window: Vec<f32> =
            chunk.iter().zip(0u16..).map(|(&sample, index)| f32::from(sample) * hann(index)).collect();
        // The lengths are the plan's own, so this cannot fail; a window that did would be left out.
        transform.process_with_scratch(&mut window, &mut spectrum, &mut scratch).ok()?;
        let powers: Vec<f32> = spectrum[BAND_FROM..BAND_TO].iter().map(|bin| bin.norm_sqr()).collect();
        Some(Frame::of(powers))
    };
    samples.chunks_exact(WINDOW_SAMPLES).filter_map(frame).collect()
}

/// As loud in each window as in any other.
fn are_steady(frames: &[Frame]) -> bool {
    let loudest = frames.iter().map(|frame| frame.power).fold(0.0, f32::max);
    let quietest = frames.iter().map(|frame| frame.power).fold(f32::MAX, f32::min);
    frames.len() >= STEADY_FRAMES_MIN && loudest < STEADY_RATIO * quietest
}

/// Whatever is loud is pure and stands still.
fn are_tones(frames: &[Frame]) -> bool {
    let loudest = frames.iter().map(|frame| frame.power).fold(0.0, f32::max);
    let loud: Vec<&Frame> = frames.iter().filter(|frame| frame.power > LOUD_PART * loudest).collect();
    let pure = loud.iter().filter(|frame| frame.peaks_part > PEAKS_PART_MIN).count();
    let still = loud.windows(2).filter(|pair| pair[0].strongest.abs_diff(pair[1].strongest) <= 1).count();
    let most = |count: usize, of: usize| count as f32 >= TONE_PART * of as f32;
    loud.len() >= TONE_FRAMES_MIN && most(pure, loud.len()) && most(still, loud.len() - 1)
}

/// What one window looks like.
struct Frame {
    power: f32,
    /// The part of the power that lies in the few strongest peaks.
    peaks_part: f32,
    /// The bin of the strongest.
    strongest: usize,
}

impl Frame {
    fn of(powers: Vec<f32>) -> Self {
        let power: f32 = powers.iter().sum();
        let mut rest = powers;
        let mut in_peaks = 0.0;
        let mut strongest = 0;
        for peak in 0..PEAKS {
            let place = rest.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(place, _)| place);
            if peak == 0 {
                strongest = place;
            }
            let around = place.saturating_sub(PEAK_REACH)..(place + PEAK_REACH + 1).min(rest.len());
            in_peaks += rest[around.clone()].iter().sum::<f32>();
            rest[around].fill(0.0);
        }
        Self { power, peaks_part: if power > 0.0 { in_peaks / power } else { 0.0 }, strongest }
    }
}

fn hann(index: u16) -> f32 {
    let turn = std::f32::consts::TAU * f32::from(index) / WINDOW_SAMPLES as f32;
    0.5 - 0.5 * turn.cos()
}

/// 64 ms: 15.6 Hz a bin, so that tones 40 Hz apart and the harmonics of a voice are separate peaks.
const WINDOW_SAMPLES: usize = 1_024;
/// The telephone's band, 200 to 3,700 Hz. Below it lie rumble and hum, which stand still under any voice.
const BAND_FROM: usize = 13;
/// See [`BAND_FROM`].
const BAND_TO: usize = 237;
/// Tones of the network are one or two frequencies.
const PEAKS: usize = 2;
/// Bins on either side that belong to a peak of a Hann window.
const PEAK_REACH: usize = 3;
/// Windows with at least this part of the loudest one's power are looked at.
const LOUD_PART: f32 = 0.05;
/// Tones have nearly all their power in their peaks.
const PEAKS_PART_MIN: f32 = 0.95;
/// This part of the loud windows must agree; the others are those in which a tone begins or ends.
const TONE_PART: f32 = 0.7;
/// A shorter tone is not known as one.
const TONE_FRAMES_MIN: usize = 4;
/// Half a second as loud as the rest of it is no speech.
const STEADY_FRAMES_MIN: usize = 8;
/// 3 dB. Syllables are 20 dB apart, and a voice that adds less than this to a noise is lost in it.
const STEADY_RATIO: f32 = 2.0;

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    fn sound(seconds: f32, wave: impl Fn(f32) -> f32) -> Vec<i16> {
        (0..(seconds * 16_000.0) as usize).map(|index| (4_000.0 * wave(index as f32 / 16_000.0)) as i16).collect()
    }

    fn sine(hz: f32, t: f32) -> f32 {
        (TAU * hz * t).sin()
    }

    #[test]
    fn keys_and_ring_back_are_wordless() {
        assert!(is_wordless(&sound(0.4, |t| sine(770.0, t) + sine(1_336.0, t))));
        assert!(is_wordless(&sound(5.0, |t| if t % 3.0 < 1.0 { sine(440.0, t) + sine(480.0, t) } else { 0.0 })));
        assert!(is_wordless(&sound(2.0, |t| if t % 0.4 < 0.15 { sine(697.0, t) + sine(1_209.0, t) } else { 0.0 })));
    }

    #[test]
    fn a_voice_is_not_wordless_and_steady_noise_is() {
        let voice = |t: f32| {
            let pitch = 120.0 + 30.0 * sine(3.0, t);
            (1u8..20).map(|harmonic| sine(pitch * f32::from(harmonic), t) / f32::from(harmonic)).sum::<f32>()
                * sine(2.0, t)
        };
        assert!(!is_wordless(&sound(2.0, voice)));
        let mut state = 1u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 18) as i16 - 8_192
        });
        assert!(is_wordless(&noise.take(32_000).collect::<Vec<_>>()));
        assert!(!is_wordless(&[]) && !is_wordless(&[0; 16_000]));
    }
}
