//! When a voice became softer and when it stopped, measured on sound that was received and nothing else.
//!
//! Speech is full of pauses, so silence alone proves nothing. The same prompt heard undisturbed is the reference: it is
//! laid beside what was heard just before the disturbance, and from then on levels are compared step by step where the
//! reference is loud.

use std::time::Duration;

use call::{AudioFrame, SampleRate};

use crate::gap::rms;

/// What the other side did after a disturbance. Times are counted from its beginning, in steps of 10 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reaction {
    /// Its voice became softer by at least 6 dB for 60 ms of sound, or stopped.
    pub ducked: Option<Duration>,
    /// Its voice went away by at least 30 dB for 0.4 s in which it should have spoken.
    pub stopped: Option<Duration>,
}

/// Compares what was `heard` with the undisturbed `reference`, both at 16 kHz, from `onset` in `heard` on.
///
/// `None` when the reference is not found in the last 1.2 s before the onset: then another prompt was playing, or none.
pub fn reaction(heard: &[i16], reference: &[i16], onset: Duration) -> Option<Reaction> {
    let (heard, reference) = (levels(heard), levels(reference));
    let onset = onset.as_millis() as usize / STEP_MS;
    let lag = align(&heard, &reference, onset)?;
    // (how loud it should be, how loud it is), from the onset to the end of either.
    let pairs: Vec<(f32, f32)> =
        reference.iter().skip(lag).zip(heard.iter().skip(onset)).map(|(&should, &is)| (should, is)).collect();
    let ducked = first_soft(&pairs, DUCK_STEPS, DUCK_LOUD_STEPS_MIN, DUCK_FACTOR);
    let stopped = first_soft(&pairs, STOP_STEPS, STOP_LOUD_STEPS_MIN, STOP_FACTOR);
    let span = |steps: usize| Duration::from_millis((steps * STEP_MS) as u64);
    // A stop is a drop too; where it falls into a pause of the prompt it may be the earlier of the two.
    let ducked = [ducked, stopped].into_iter().flatten().min();
    Some(Reaction { ducked: ducked.map(span), stopped: stopped.map(span) })
}

/// Which step of the reference was heard at `onset`; `None` when nothing fits.
fn align(heard: &[f32], reference: &[f32], onset: usize) -> Option<usize> {
    let window = heard.get(onset.checked_sub(ALIGN_STEPS)?..onset)?;
    let score = |start: usize| correlation(window, &reference[start..start + ALIGN_STEPS]);
    let last = reference.len().checked_sub(ALIGN_STEPS)?;
    let (start, best) = (0..=last).map(|start| (start, score(start))).max_by(|a, b| a.1.total_cmp(&b.1))?;
    (best > CORRELATION_MIN).then_some(start + ALIGN_STEPS)
}

/// How alike two runs of levels are, -1.0 to 1.0, whatever their loudness.
fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mean = |levels: &[f32]| levels.iter().map(|&level| f64::from(level)).sum::<f64>() / levels.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut only_a, mut only_b) = (0.0, 0.0, 0.0);
    for (&level_a, &level_b) in a.iter().zip(b) {
        let (off_a, off_b) = (f64::from(level_a) - mean_a, f64::from(level_b) - mean_b);
        both += off_a * off_b;
        only_a += off_a * off_a;
        only_b += off_b * off_b;
    }
    if only_a * only_b > 0.0 { both / (only_a * only_b).sqrt() } else { 0.0 }
}

/// The first step from which, for `steps` on, all that should be loud is softer by `factor`; at least `loud_min` steps
/// of them must be such.
fn first_soft(pairs: &[(f32, f32)], steps: usize, loud_min: usize, factor: f32) -> Option<usize> {
    pairs.windows(steps).position(|window| {
        let mut loud = window.iter().filter(|(should, _)| *should > LOUD).peekable();
        let count = loud.clone().count();
        loud.peek().is_some() && count >= loud_min && loud.all(|(should, is)| *is * factor < *should)
    })
}

/// Levels every 10 ms, each over 30 ms: a step more or less in the alignment must not look like a drop.
fn levels(samples: &[i16]) -> Vec<f32> {
    let step = rate().hz() as usize * STEP_MS / 1_000;
    let middle = |n: usize| n * step..((n + 1) * step).min(samples.len());
    (0..samples.len().div_ceil(step))
        .map(|n| {
            let range = middle(n);
            rms(&samples[range.start.saturating_sub(step)..(range.end + step).min(samples.len())])
        })
        .collect()
}

const fn rate() -> SampleRate {
    AudioFrame::RATE
}

/// One step of the measure.
const STEP_MS: usize = 10;
/// How much before the onset is looked for in the reference: 1.2 s.
const ALIGN_STEPS: usize = 120;
/// Less alike is another prompt.
const CORRELATION_MIN: f64 = 0.8;
/// Where the reference is above this it is sound: -38 dB of full scale.
const LOUD: f32 = 400.0;
/// A drop lasts 60 ms, most of which is sound, and is 6 dB.
const DUCK_STEPS: usize = 6;
const DUCK_LOUD_STEPS_MIN: usize = 5;
const DUCK_FACTOR: f32 = 2.0;
/// A stop lasts 0.4 s, a third of which should have been sound, and is 30 dB.
const STOP_STEPS: usize = 40;
const STOP_LOUD_STEPS_MIN: usize = 13;
const STOP_FACTOR: f32 = 31.6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;

    /// 8 s of syllables of random length and loudness with pauses between, and a prompt heard from 0.73 s on that is
    /// multiplied by `gain(ms since the onset)`. The onset is 2.5 s into it.
    fn check(gain: impl Fn(i64) -> f64, noise: f64, expected: Option<(Option<u64>, Option<u64>)>) {
        for seed in 1..6 {
            let prompt = prompt(seed);
            let mut dice = Dice::new(seed);
            let start = 730 * 16;
            let onset = 3_230_i64;
            let sample = |n: usize, dice: &mut Dice| {
                let ms = n as i64 / 16 - onset;
                let voice = n.checked_sub(start).and_then(|n| prompt.get(n)).copied().unwrap_or(0);
                (f64::from(voice) * gain(ms) + dice.bell() * noise) as i16
            };
            let heard: Vec<i16> = (0..9 * 16_000).map(|n| sample(n, &mut dice)).collect();
            let found = reaction(&heard, &prompt, Duration::from_millis(onset as u64));
            let Some((ducked, stopped)) = expected else {
                assert_eq!(found, None, "seed {seed}");
                continue;
            };
            let found = found.unwrap();
            // A drop inside a pause of the prompt is seen with its next syllable, a stop at the end of its last.
            let near = |is: Option<Duration>, should: Option<u64>| match (is, should) {
                (None, None) => true,
                (Some(is), Some(should)) => (is.as_millis() as i64 - should as i64).abs() <= 180,
                (Some(_), None) | (None, Some(_)) => false,
            };
            assert!(near(found.ducked, ducked) && near(found.stopped, stopped), "seed {seed}: {found:?}");
        }
    }

    fn prompt(seed: u64) -> Vec<i16> {
        let mut dice = Dice::new(seed);
        let mut samples = Vec::new();
        while samples.len() < 8 * 16_000 {
            let (length, level) = (1_000 + dice.bits() as usize % 3_000, 2_000.0 + 8_000.0 * dice.fraction());
            let hz = 120.0 + 80.0 * dice.fraction();
            samples.extend((0..length).map(|n| ((n as f64 * hz / 16_000.0).fract() - 0.5) * level).map(|s| s as i16));
            samples.extend(std::iter::repeat_n(0, dice.bits() as usize % 1_600));
        }
        samples
    }

    #[test]
    fn a_voice_that_goes_on_did_neither() {
        check(|_| 1.0, 0.0, Some((None, None)));
        check(|_| 0.7, 5.0, Some((None, None)));
    }

    #[test]
    fn a_duck_and_a_stop_are_found_where_they_are() {
        let duck_then_stop = |ms: i64| match ms {
            ..200 => 1.0,
            200..700 => 0.18,
            _ => 0.0,
        };
        check(duck_then_stop, 0.0, Some((Some(200), Some(700))));
        check(duck_then_stop, 4.0, Some((Some(200), Some(700))));
        check(|ms| if ms < 300 { 1.0 } else { 0.0 }, 0.0, Some((Some(300), Some(300))));
    }

    #[test]
    fn a_voice_that_is_softer_for_a_while_has_not_stopped() {
        check(|ms| if (100..900).contains(&ms) { 0.18 } else { 1.0 }, 0.0, Some((Some(100), None)));
    }

    #[test]
    fn another_prompt_or_none_is_not_compared() {
        check(|_| 0.0, 20.0, None);
        let onset = Duration::from_secs(3);
        assert_eq!(reaction(&prompt(1), &prompt(2), onset), None);
        assert_eq!(reaction(&prompt(1)[..16_000], &prompt(1), Duration::from_millis(900)), None, "too early to tell");
        assert_eq!(reaction(&[], &[], onset), None);
    }
}
