//! Tells the tones of the telephone network from everything else.
//!
//! Keys, ring-back, dial and fax tones are a few pure frequencies that stand still. The recogniser writes an
//! interjection for them, and is sure of it. A voice spreads over many harmonics and never stands still for long.

use realfft::RealFftPlanner;

/// Whether what is loud in this 16 kHz sound is nothing but tones.
pub(crate) fn is_tones(samples: &[i16]) -> bool {
    let mut planner = RealFftPlanner::<f32>::new();
    let transform = planner.plan_fft_forward(WINDOW_SAMPLES);
    let mut spectrum = transform.make_output_vec();
    let mut scratch = transform.make_scratch_vec();
    let mut frames = Vec::with_capacity(samples.len() / WINDOW_SAMPLES);
    for chunk in samples.chunks_exact(WINDOW_SAMPLES) {
        let mut window: Vec<f32> =
            chunk.iter().zip(0u16..).map(|(&sample, index)| f32::from(sample) * hann(index)).collect();
        if transform.process_with_scratch(&mut window, &mut spectrum, &mut scratch).is_err() {
            // The lengths are the plan's own, so this cannot be; and a sound not known to be tones is decoded.
            return false;
        }
        let powers: Vec<f32> = spectrum.iter().map(|bin| bin.norm_sqr()).collect();
        frames.push(Frame::of(&powers));
    }
    let loudest = frames.iter().map(|frame| frame.power).fold(0.0, f32::max);
    let loud: Vec<&Frame> = frames.iter().filter(|frame| frame.power > LOUD_PART * loudest).collect();
    let pure = loud.iter().filter(|frame| frame.peaks_part > PEAKS_PART_MIN).count();
    let steady = loud.windows(2).filter(|pair| pair[0].strongest.abs_diff(pair[1].strongest) <= 1).count();
    let most = |count: usize, of: usize| count as f32 >= TONE_PART * of as f32;
    !loud.is_empty() && most(pure, loud.len()) && most(steady, loud.len() - 1)
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
    fn of(powers: &[f32]) -> Self {
        let power: f32 = powers.iter().sum();
        let mut rest = powers.to_vec();
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
/// Two tones and the hum of the mains.
const PEAKS: usize = 3;
/// Bins on either side that belong to a peak of a Hann window.
const PEAK_REACH: usize = 3;
/// Windows with at least this part of the loudest one's power are looked at.
const LOUD_PART: f32 = 0.05;
/// Tones have nearly all their power in their peaks.
const PEAKS_PART_MIN: f32 = 0.9;
/// This part of the loud windows must agree; the others are those in which a tone begins or ends.
const TONE_PART: f32 = 0.6;

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
    fn keys_and_ring_back_are_tones() {
        assert!(is_tones(&sound(0.4, |t| sine(770.0, t) + sine(1_336.0, t))));
        assert!(is_tones(&sound(5.0, |t| if t % 3.0 < 1.0 { sine(440.0, t) + sine(480.0, t) } else { 0.0 })));
        assert!(is_tones(&sound(2.0, |t| if t % 0.4 < 0.15 { sine(697.0, t) + sine(1_209.0, t) } else { 0.0 })));
    }

    #[test]
    fn a_voice_and_noise_are_not() {
        let voice = |t: f32| {
            let pitch = 120.0 + 30.0 * sine(3.0, t);
            (1u8..20).map(|harmonic| sine(pitch * f32::from(harmonic), t) / f32::from(harmonic)).sum::<f32>()
        };
        assert!(!is_tones(&sound(2.0, voice)));
        let mut state = 1u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 18) as i16 - 8_192
        });
        assert!(!is_tones(&noise.take(32_000).collect::<Vec<_>>()));
        assert!(!is_tones(&[]) && !is_tones(&[0; 16_000]));
    }
}
