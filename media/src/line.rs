//! What a telephone line does to sound, for trying the ears on studio recordings.

use call::{Pcm, SampleRate};

use crate::g711;
use crate::resample::{ResampleError, resample};

/// The clip as it would arrive over a telephone: down to 8 kHz, through mu-law, and back to 16 kHz.
///
/// # Errors
/// [`ResampleError`] when the clip's rate is out of range.
pub fn telephone(clip: &Pcm) -> Result<Pcm, ResampleError> {
    let mut narrow = resample(clip, SampleRate::HZ_8000)?;
    for sample in &mut narrow.samples {
        *sample = g711::linear_from_mu_law(g711::mu_law_from_linear(*sample));
    }
    resample(&narrow, SampleRate::HZ_16000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loudness_through(hz: f32) -> f64 {
        let step = std::f32::consts::TAU * hz / 24_000.0;
        let samples = (0..24_000).map(|n| (10_000.0 * (n as f32 * step).sin()) as i16).collect();
        let heard = telephone(&Pcm { rate: SampleRate::HZ_24000, samples }).unwrap();
        assert_eq!((heard.rate, heard.samples.len()), (SampleRate::HZ_16000, 16_000));
        let energy: f64 = heard.samples.iter().map(|&s| f64::from(s).powi(2)).sum();
        (energy / heard.samples.len() as f64).sqrt()
    }

    #[test]
    fn a_line_carries_voice_and_nothing_above() {
        assert!((loudness_through(1_000.0) - 7_071.0).abs() < 300.0);
        assert!(loudness_through(6_000.0) < 100.0);
    }
}
