//! How long a caller waits for an answer, measured on a stereo recording and nothing else.
//!
//! The recording is the judge: clocks inside the house may be wrong about when sound was really heard. Sound is told
//! from silence by its energy against the noise of its own line, in steps of 10 ms.

use call::SampleRate;
use serde::Serialize;

/// One answer: the caller's last sound and the bot's first sound after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// When the caller's turn ended, in milliseconds from the start of the recording.
    pub caller_end_ms: u64,
    /// When the bot began to answer, in milliseconds from the start of the recording.
    pub bot_start_ms: u64,
    /// The time between the two, in milliseconds.
    pub gap_ms: u64,
}

/// A stretch of sound on one channel, in milliseconds from the start of the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stretch {
    /// The first sound.
    pub start_ms: u64,
    /// The end of the last sound.
    pub end_ms: u64,
}

/// The gap after each turn of the caller (`left`) that the bot (`right`) answered.
///
/// A turn the caller took up again before any answer counts once, from its last sound. An answer that began while the
/// caller was still speaking has no gap and is left out.
pub fn turn_gaps(left: &[i16], right: &[i16], rate: SampleRate) -> Vec<Gap> {
    gaps_between(&stretches(left, rate), &stretches(right, rate))
}

/// The gaps between two channels whose sound is already cut into stretches.
pub fn gaps_between(caller: &[Stretch], bot: &[Stretch]) -> Vec<Gap> {
    let gap_after = |(index, turn): (usize, &Stretch)| {
        let answer = bot.iter().find(|answer| answer.start_ms >= turn.end_ms)?;
        let taken_up_again = caller.get(index + 1).is_some_and(|next| next.start_ms <= answer.start_ms);
        if taken_up_again {
            return None;
        }
        Some(Gap { caller_end_ms: turn.end_ms, bot_start_ms: answer.start_ms, gap_ms: answer.start_ms - turn.end_ms })
    };
    caller.iter().enumerate().filter_map(gap_after).collect()
}

/// The stretches of sound on one channel, with pauses of up to 300 ms bridged and clicks below 40 ms ignored.
pub fn stretches(samples: &[i16], rate: SampleRate) -> Vec<Stretch> {
    let step = (rate.hz() as usize * STEP_MS as usize / 1_000).max(1);
    let levels: Vec<f32> = samples.chunks(step).map(rms).collect();
    let limit = sound_limit(&levels);
    let mut found: Vec<Stretch> = Vec::new();
    for burst in bursts(&levels, limit) {
        match found.last_mut() {
            Some(last) if burst.start_ms - last.end_ms <= HANGOVER_MS => last.end_ms = burst.end_ms,
            Some(_) | None => found.push(burst),
        }
    }
    found
}

/// The level above which a step is sound: well above the quiet part of this very channel.
fn sound_limit(levels: &[f32]) -> f32 {
    let mut sorted = levels.to_vec();
    sorted.sort_by(f32::total_cmp);
    // People are silent for at least a fifth of a call; the tenth percentile is the line itself.
    let floor = sorted.get(sorted.len() / 10).copied().unwrap_or(0.0);
    (floor * FLOOR_FACTOR).clamp(LEVEL_MIN, LEVEL_MAX)
}

/// Runs of loud steps long enough to be more than a click.
fn bursts(levels: &[f32], limit: f32) -> Vec<Stretch> {
    let mut found = Vec::new();
    let mut start = None;
    // One silent step behind the end closes a burst that lasts to the end of the recording.
    for (index, &level) in levels.iter().chain(std::iter::once(&0.0)).enumerate() {
        match (start, level > limit) {
            (None, true) => start = Some(index),
            (Some(first), false) => {
                if index - first >= BURST_STEPS_MIN {
                    found.push(Stretch { start_ms: first as u64 * STEP_MS, end_ms: index as u64 * STEP_MS });
                }
                start = None;
            }
            (None, false) | (Some(_), true) => {}
        }
    }
    found
}

/// Loudness of a few samples, 0.0 to 32768.0. The mean is taken off first: a cheap line may add a constant.
pub(crate) fn rms(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    let count = samples.len() as f64;
    let mean = samples.iter().map(|&sample| f64::from(sample)).sum::<f64>() / count;
    let energy: f64 = samples.iter().map(|&sample| (f64::from(sample) - mean).powi(2)).sum();
    (energy / count).sqrt() as f32
}

/// One step of the measure, in milliseconds.
const STEP_MS: u64 = 10;
/// Pauses inside speech, between words and before stops, are shorter than this.
const HANGOVER_MS: u64 = 300;
/// Shorter bursts are clicks: 40 ms.
const BURST_STEPS_MIN: usize = 4;
/// Sound is this much louder than the line: 10 dB.
const FLOOR_FACTOR: f32 = 3.2;
/// Below this nothing is speech: -50 dB of full scale.
const LEVEL_MIN: f32 = 100.0;
/// Above this everything is sound, however noisy the line: -27 dB of full scale.
const LEVEL_MAX: f32 = 1_500.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;

    /// Two channels of 5 s with sound from..to (ms) and noise of this level (RMS), and the gaps that must be found, to
    /// within 15 ms.
    fn check(noise: f64, caller: &[(u64, u64)], bot: &[(u64, u64)], expected: &[(u64, u64)]) {
        for rate in [SampleRate::HZ_8000, SampleRate::HZ_16000] {
            let gaps = turn_gaps(&channel(caller, noise, 1, rate), &channel(bot, noise, 2, rate), rate);
            assert_eq!(gaps.len(), expected.len(), "{caller:?} {bot:?} noise {noise} {rate}: {gaps:?}");
            for (gap, &(end, start)) in gaps.iter().zip(expected) {
                let near = |is: u64, should: u64| is.abs_diff(should) <= 15;
                assert!(near(gap.caller_end_ms, end) && near(gap.bot_start_ms, start), "{gap:?} is not {end}..{start}");
                assert_eq!(gap.gap_ms, gap.bot_start_ms - gap.caller_end_ms);
            }
        }
    }

    #[test]
    fn gaps_are_found_on_clean_and_on_noisy_lines() {
        for noise in [0.0, 60.0, 250.0] {
            // One question, one answer.
            check(noise, &[(500, 1_500)], &[(2_200, 3_000)], &[(1_500, 2_200)]);
            // A greeting before any question is no answer.
            check(noise, &[(1_500, 2_000)], &[(200, 1_000), (2_600, 3_000)], &[(2_000, 2_600)]);
            // Two turns.
            check(
                noise,
                &[(300, 900), (2_500, 3_000)],
                &[(1_400, 2_000), (3_900, 4_400)],
                &[(900, 1_400), (3_000, 3_900)],
            );
            // A caller who pauses for 0.6 s and goes on is one turn.
            check(noise, &[(300, 900), (1_500, 2_100)], &[(2_900, 3_500)], &[(2_100, 2_900)]);
            // A pause of 0.2 s inside the bot's answer does not begin another.
            check(noise, &[(300, 900)], &[(1_400, 2_000), (2_200, 2_800)], &[(900, 1_400)]);
            // Barge-in: the bot is talking when the caller starts, stops, and answers later.
            check(noise, &[(800, 2_000)], &[(200, 1_100), (2_700, 3_300)], &[(2_000, 2_700)]);
            // Clicks of 20 ms are nobody's turn.
            check(noise, &[(300, 900), (1_000, 1_020)], &[(1_200, 1_220), (1_600, 2_400)], &[(900, 1_600)]);
        }
    }

    #[test]
    fn no_answer_or_no_sound_is_no_gap() {
        check(0.0, &[(500, 1_500)], &[], &[]);
        check(60.0, &[], &[(500, 1_500)], &[]);
        check(60.0, &[], &[], &[]);
        // The bot cut in and went on: there is no silence to measure.
        check(0.0, &[(500, 1_500)], &[(1_200, 3_000)], &[]);
        assert_eq!(turn_gaps(&[], &[], SampleRate::HZ_16000), []);
    }

    #[test]
    fn a_constant_offset_on_the_line_is_not_sound() {
        assert_eq!(stretches(&[900; 16_000], SampleRate::HZ_16000), []);
    }

    #[test]
    fn sound_up_to_the_last_sample_counts() {
        let samples = channel(&[(4_000, 5_000)], 0.0, 1, SampleRate::HZ_16000);
        assert_eq!(stretches(&samples, SampleRate::HZ_16000), [Stretch { start_ms: 4_000, end_ms: 5_000 }]);
    }

    /// 5 s of line noise with a buzz, rich in harmonics like a voice, where the sounds are.
    fn channel(sounds: &[(u64, u64)], noise: f64, seed: u64, rate: SampleRate) -> Vec<i16> {
        let mut dice = Dice::new(seed);
        let hz = u64::from(rate.hz());
        let sample = |index: u64| {
            let ms = index * 1_000 / hz;
            let voiced = sounds.iter().any(|&(from, to)| (from..to).contains(&ms));
            let phase = (index as f64 * 140.0 / hz as f64).fract();
            let voice = if voiced { (phase - 0.5) * 9_000.0 } else { 0.0 };
            (voice + dice.bell() * noise) as i16
        };
        (0..5 * hz).map(sample).collect()
    }
}
