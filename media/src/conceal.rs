//! Concealment: what a listener hears while packets are missing.
//!
//! The last pitch period is repeated and fades to silence within 60 ms, in the spirit of ITU-T G.711 Appendix I: short
//! holes are not noticed, and long ones do not buzz. Unlike there, no delay is added; the seam is smoothed on the
//! first samples of the substitute instead.

use call::SampleRate;

/// Keeps the latest sound of one stream and continues it when there is none.
#[derive(Debug)]
pub struct Concealer {
    /// The latest sound, oldest first.
    history: Box<[i16]>,
    /// Samples in a millisecond.
    per_ms: usize,
    /// The period being repeated and how far the hole has gone.
    hole: Option<Hole>,
}

#[derive(Clone, Copy, Debug)]
struct Hole {
    /// Length of the repeated stretch in samples.
    period: usize,
    /// Samples concealed so far.
    done: usize,
}

impl Concealer {
    /// For a stream at `rate`.
    pub fn new(rate: SampleRate) -> Self {
        let per_ms = (rate.hz() as usize / 1_000).max(1);
        Self { history: vec![0; per_ms * HISTORY_MS].into(), per_ms, hole: None }
    }

    /// Takes note of sound that was really received. Right after a hole its beginning is blended with the substitute.
    pub fn heard(&mut self, samples: &mut [i16]) {
        if let Some(hole) = self.hole.take() {
            let blend = (self.per_ms * SEAM_MS).min(samples.len());
            for (n, sample) in samples[..blend].iter_mut().enumerate() {
                let substitute = self.substitute(hole, n);
                let weight = (n + 1) as f32 / (blend + 1) as f32;
                *sample = (f32::from(*sample) * weight + substitute * (1.0 - weight)) as i16;
            }
        }
        self.remember(samples);
    }

    /// Fills `out` with a continuation of what was heard last.
    pub fn conceal(&mut self, out: &mut [i16]) {
        let hole = match self.hole {
            Some(hole) => hole,
            None => Hole { period: self.period(), done: 0 },
        };
        for (n, sample) in out.iter_mut().enumerate() {
            *sample = self.substitute(hole, n) as i16;
        }
        self.hole = Some(Hole { done: hole.done.saturating_add(out.len()), ..hole });
    }

    /// Whether the substitute has faded to nothing.
    pub fn is_silent(&self) -> bool {
        self.hole.is_some_and(|hole| hole.done >= self.per_ms * FADED_MS)
    }

    /// The sample `n` after what the hole already got.
    fn substitute(&self, hole: Hole, n: usize) -> f32 {
        let at = hole.done + n;
        let gain = self.gain(at);
        if gain <= 0.0 {
            return 0.0;
        }
        let end = self.history.len();
        let place = at % hole.period;
        let repeated = f32::from(self.history[end - hole.period + place]);
        // Near the end of each round, slide into the samples before the stretch, so that the loop closes softly.
        let seam = hole.period / 4;
        let left = hole.period - place;
        if left > seam {
            return repeated * gain;
        }
        let before = f32::from(self.history[end - 2 * hole.period + place]);
        let weight = left as f32 / (seam + 1) as f32;
        (repeated * weight + before * (1.0 - weight)) * gain
    }

    /// Full for 10 ms, then down in a straight line (G.711 Appendix I: 20 % each 10 ms).
    fn gain(&self, at: usize) -> f32 {
        let full = self.per_ms * FULL_MS;
        let faded = self.per_ms * FADED_MS;
        if at < full { 1.0 } else { faded.saturating_sub(at) as f32 / (faded - full) as f32 }
    }

    fn remember(&mut self, samples: &[i16]) {
        let length = self.history.len();
        let kept = samples.len().min(length);
        self.history.copy_within(kept.., 0);
        self.history[length - kept..].copy_from_slice(&samples[samples.len() - kept..]);
    }

    /// The lag between 5 and 15 ms at which the latest sound is most like itself.
    fn period(&self) -> usize {
        let end = self.history.len();
        let length = self.per_ms * TEMPLATE_MS;
        let latest = &self.history[end - length..];
        let likeness = |lag: usize| {
            let earlier = &self.history[end - length - lag..end - lag];
            let (mut cross, mut energy) = (0.0_f32, 1.0_f32);
            for (&a, &b) in latest.iter().zip(earlier) {
                cross += f32::from(a) * f32::from(b);
                energy += f32::from(b) * f32::from(b);
            }
            cross / energy.sqrt()
        };
        let mut best = (self.per_ms * LAG_MS_MIN, f32::MIN);
        for lag in self.per_ms * LAG_MS_MIN..=self.per_ms * LAG_MS_MAX {
            let score = likeness(lag);
            if score > best.1 {
                best = (lag, score);
            }
        }
        best.0
    }
}

const HISTORY_MS: usize = 40;
const TEMPLATE_MS: usize = 20;
const LAG_MS_MIN: usize = 5;
const LAG_MS_MAX: usize = 15;
const FULL_MS: usize = 10;
const FADED_MS: usize = 60;
/// How long the real sound is blended with the substitute after a hole.
const SEAM_MS: usize = 4;

const _: () = assert!(HISTORY_MS >= TEMPLATE_MS + LAG_MS_MAX && HISTORY_MS >= 2 * LAG_MS_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(from: usize, count: usize) -> Vec<i16> {
        // 125 Hz: a period of 64 samples at 8 kHz.
        (from..from + count).map(|n| (8_000.0 * (n as f32 * std::f32::consts::TAU / 64.0).sin()) as i16).collect()
    }

    fn rms(samples: &[i16]) -> f32 {
        (samples.iter().map(|&s| f32::from(s).powi(2)).sum::<f32>() / samples.len() as f32).sqrt()
    }

    #[test]
    fn a_short_hole_in_a_tone_is_not_noticed() {
        let mut concealer = Concealer::new(SampleRate::HZ_8000);
        concealer.heard(&mut tone(0, 320));
        let mut hole = [0; 80];
        concealer.conceal(&mut hole);
        let worst = hole.iter().zip(tone(320, 80)).map(|(&a, b)| (a - b).abs()).max().unwrap();
        assert!(worst < 400, "off by {worst} of 8000");
        let mut after = tone(400, 160);
        concealer.heard(&mut after);
        let step = (i32::from(after[0]) - i32::from(hole[79])).abs();
        assert!(step < 1_600, "a click of {step}");
    }

    #[test]
    fn a_long_hole_fades_to_silence() {
        let mut concealer = Concealer::new(SampleRate::HZ_8000);
        concealer.heard(&mut tone(0, 320));
        let mut loudness = Vec::new();
        for _ in 0..4 {
            let mut hole = [0; 160];
            concealer.conceal(&mut hole);
            loudness.push(rms(&hole));
        }
        assert!(loudness[0] > 4_000.0 && loudness[0] > loudness[1] && loudness[1] > loudness[2], "{loudness:?}");
        assert_eq!(loudness[3], 0.0);
        assert!(concealer.is_silent());
    }

    #[test]
    fn silence_is_continued_by_silence() {
        let mut concealer = Concealer::new(SampleRate::HZ_16000);
        let mut hole = [1; 320];
        concealer.conceal(&mut hole);
        assert_eq!(hole, [0; 320]);
    }
}
