//! The last touches on a clause of sound: silence cut at both ends, loudness set, peaks bent instead of broken.

/// A clause ready to play.
pub(crate) struct Finished {
    pub(crate) samples: Vec<i16>,
    /// Samples that were cut off in front.
    pub(crate) cut_start: usize,
}

/// Cuts, scales and rounds `sound`. `gain` is the factor on the samples.
pub(crate) fn finished(sound: &[f32], gain: f32) -> Finished {
    let peak = sound.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    let threshold = (peak * QUIET).max(f32::MIN_POSITIVE);
    let first = sound.iter().position(|sample| sample.abs() > threshold).unwrap_or(0);
    let last = sound.iter().rposition(|sample| sample.abs() > threshold).unwrap_or(0);
    let start = first.saturating_sub(LEAD_SAMPLES);
    let end = (last + 1 + TAIL_SAMPLES).min(sound.len());
    let kept = sound.get(start..end).unwrap_or_default();
    let fade = |at: usize| ((at + 1) as f32 / FADE_SAMPLES as f32).min(1.0);
    let scaled = kept.iter().enumerate().map(|(at, sample)| {
        let edge = fade(at).min(fade(kept.len() - 1 - at));
        (bent(sample * gain) * edge * f32::from(i16::MAX)) as i16
    });
    Finished { samples: scaled.collect(), cut_start: start }
}

/// Leaves quiet samples as they are and bends loud ones towards full scale, which they never reach.
fn bent(sample: f32) -> f32 {
    let over = sample.abs() - KNEE;
    if over <= 0.0 {
        return sample;
    }
    let room = CEILING - KNEE;
    (KNEE + room * (over / room).tanh()).copysign(sample)
}

/// What is 46 dB below the peak is silence.
const QUIET: f32 = 0.005;
/// 25 ms before the first sound.
const LEAD_SAMPLES: usize = 600;
/// 50 ms after the last.
const TAIL_SAMPLES: usize = 1_200;
/// 2 ms, so that a cut does not click.
const FADE_SAMPLES: usize = 48;
/// Above this, samples are bent.
const KNEE: f32 = 0.7;
/// -0.5 dBFS.
const CEILING: f32 = 0.944;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_cut_but_for_a_breath() {
        let mut sound = vec![0.0; 5_000];
        sound.extend([0.1; 2_400]);
        sound.extend([0.0; 9_000]);
        let finished = finished(&sound, 1.0);
        assert_eq!(finished.cut_start, 5_000 - LEAD_SAMPLES);
        assert_eq!(finished.samples.len(), LEAD_SAMPLES + 2_400 + TAIL_SAMPLES);
    }

    #[test]
    fn loud_sound_is_bent_and_never_clips() {
        let sound: Vec<f32> = (0..4_800).map(|at| 1.5 * (at as f32 * 0.05).sin()).collect();
        let finished = finished(&sound, 2.0);
        assert!(finished.samples.iter().all(|sample| sample.unsigned_abs() < 31_000));
        assert_eq!(bent(0.5), 0.5);
        assert!(bent(-0.8) > -0.8 && bent(-0.8) < -KNEE);
    }

    #[test]
    fn nothing_stays_nothing() {
        assert!(finished(&[], 1.0).samples.is_empty());
    }
}
