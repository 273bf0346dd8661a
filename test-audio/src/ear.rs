//! Hears where the other side's turns begin and end, by energy alone, as the call goes on.
//!
//! A simulated caller must not share ears with the house it tests: whatever the house believes about its own speech,
//! this only counts sound and silence against the noise of the line.

use std::sync::Arc;

use call::AudioFrame;

/// What was noticed, in milliseconds since the first frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Noticed {
    /// A turn is over: 0.7 s of quiet, or it was cut because nobody talks that long.
    Ended {
        /// First and last sound.
        start_ms: u64,
        end_ms: u64,
        /// What was heard, at 16 kHz, with a little before and after.
        sound: Arc<[i16]>,
    },
    /// Sound began, a few frames ago.
    Started {
        /// The first sound.
        at_ms: u64,
    },
}

/// The ear of one phone. Takes every 20 ms frame, silence for those that never came.
#[derive(Debug)]
pub(crate) struct Ear {
    frame: u64,
    minima: [f32; BLOCKS],
    loud_run: u64,
    quiet_run: u64,
    turn_start: Option<u64>,
    sound: Vec<i16>,
}

impl Ear {
    pub(crate) const fn new() -> Self {
        Self { frame: 0, minima: [f32::MAX; BLOCKS], loud_run: 0, quiet_run: 0, turn_start: None, sound: Vec::new() }
    }

    /// Whether the other side is talking, or paused less than 0.7 s ago.
    #[cfg(test)]
    pub(crate) const fn hears_talk(&self) -> bool {
        self.turn_start.is_some()
    }

    /// Hears the next 20 ms.
    pub(crate) fn hear(&mut self, frame: &AudioFrame) -> Option<Noticed> {
        let level = crate::gap::rms(&frame.0);
        if level > self.limit(level) {
            self.loud_run += 1;
            self.quiet_run = 0;
        } else {
            self.quiet_run += 1;
            self.loud_run = 0;
        }
        self.frame += 1;
        self.sound.extend_from_slice(&frame.0);
        match self.turn_start {
            None => self.may_start(),
            Some(start) => self.may_end(start),
        }
    }

    /// The call is over: what was being said until now, if anything.
    pub(crate) fn finish(&mut self) -> Option<Noticed> {
        let start = self.turn_start.take()?;
        Some(self.ended(start))
    }

    /// The level above which a frame is sound: well above the softest frame of the last 3 s. Speech is never that long
    /// without a pause between two words.
    fn limit(&mut self, level: f32) -> f32 {
        let block = (self.frame / BLOCK_FRAMES) as usize % BLOCKS;
        if self.frame.is_multiple_of(BLOCK_FRAMES) {
            self.minima[block] = level;
        }
        self.minima[block] = self.minima[block].min(level);
        let floor = self.minima.iter().copied().fold(f32::MAX, f32::min);
        (floor * FLOOR_FACTOR).clamp(LEVEL_MIN, LEVEL_MAX)
    }

    fn may_start(&mut self) -> Option<Noticed> {
        if self.loud_run < START_FRAMES {
            let surplus = self.sound.len().saturating_sub(BEFORE_FRAMES * AudioFrame::SAMPLES);
            self.sound.drain(..surplus);
            return None;
        }
        let start = self.frame - self.loud_run;
        self.turn_start = Some(start);
        Some(Noticed::Started { at_ms: start * FRAME_MS })
    }

    fn may_end(&mut self, start: u64) -> Option<Noticed> {
        if self.quiet_run < QUIET_FRAMES && self.frame - start < TURN_FRAMES_MAX {
            return None;
        }
        self.turn_start = None;
        Some(self.ended(start))
    }

    fn ended(&mut self, start: u64) -> Noticed {
        let end = self.frame - self.quiet_run;
        self.loud_run = 0;
        Noticed::Ended {
            start_ms: start * FRAME_MS,
            end_ms: end * FRAME_MS,
            sound: std::mem::take(&mut self.sound).into(),
        }
    }
}

/// Milliseconds in a frame.
const FRAME_MS: u64 = AudioFrame::DURATION.as_millis() as u64;
/// The noise of the line is looked for in this many blocks,
const BLOCKS: usize = 6;
/// each of them 0.5 s long.
const BLOCK_FRAMES: u64 = 25;
/// Sound this long is no click: 60 ms.
const START_FRAMES: u64 = 3;
/// Kept from before the first sound, because soft consonants come before it: 300 ms.
const BEFORE_FRAMES: usize = 15;
/// Quiet this long ends a turn: 0.7 s.
const QUIET_FRAMES: u64 = 35;
/// A turn is cut here, so that music on hold is heard too, and no recogniser gets more than it can take: 25 s.
const TURN_FRAMES_MAX: u64 = 1_250;
/// Sound is this much louder than the line: 10 dB.
const FLOOR_FACTOR: f32 = 3.2;
/// Below this nothing is speech: -50 dB of full scale.
const LEVEL_MIN: f32 = 100.0;
/// Above this everything is sound: -27 dB of full scale.
const LEVEL_MAX: f32 = 1_500.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;

    /// Frames of sound (true) or quiet, on a line with noise of this level; the turns that must be found, as first and
    /// last frame.
    fn check(noise: f64, pieces: &[(bool, usize)], expected: &[(u64, u64)]) {
        let mut dice = Dice::new(9);
        let mut ear = Ear::new();
        let mut found = Vec::new();
        let mut started = 0;
        for &(loud, frames) in pieces {
            for _ in 0..frames {
                let level = if loud { 3_000.0 } else { 0.0 };
                let sample = |index: usize| ((index as f64 * 0.3).sin() * level + dice.bell() * noise) as i16;
                let samples: Vec<i16> = (0..AudioFrame::SAMPLES).map(sample).collect();
                match ear.hear(&AudioFrame(samples.try_into().unwrap())) {
                    Some(Noticed::Ended { start_ms, end_ms, sound }) => {
                        found.push((start_ms / 20, end_ms / 20));
                        assert!(sound.len() as u64 >= (end_ms - start_ms) * 16);
                    }
                    Some(Noticed::Started { .. }) => started += 1,
                    None => {}
                }
            }
        }
        assert_eq!(found, expected, "{pieces:?} noise {noise}");
        assert_eq!(started, found.len() + usize::from(ear.hears_talk()));
    }

    #[test]
    fn turns_are_found_whatever_the_line() {
        for noise in [0.0, 60.0, 200.0] {
            check(noise, &[(false, 100), (true, 50), (false, 60)], &[(100, 150)]);
            check(noise, &[(false, 50), (true, 20), (false, 20), (true, 20), (false, 60)], &[(50, 110)]);
            check(noise, &[(false, 50), (true, 20), (false, 40), (true, 20), (false, 40)], &[(50, 70), (110, 130)]);
            check(noise, &[(false, 50), (true, 2), (false, 60)], &[]);
        }
    }

    #[test]
    fn music_on_hold_is_cut_into_pieces() {
        check(0.0, &[(false, 10), (true, 1_300), (false, 60)], &[(10, 1_260), (1_260, 1_310)]);
    }

    #[test]
    fn a_turn_cut_off_by_the_end_of_the_call_is_kept() {
        let mut ear = Ear::new();
        assert_eq!(ear.finish(), None);
        for _ in 0..10 {
            ear.hear(&AudioFrame([4_000, -4_000].repeat(160).try_into().unwrap()));
        }
        let Some(Noticed::Ended { start_ms, end_ms, .. }) = ear.finish() else { panic!("the turn is lost") };
        assert_eq!((start_ms, end_ms), (0, 200));
    }
}
