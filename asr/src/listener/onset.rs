//! From a probability for each frame to speech that begins, pauses and goes on.
//!
//! One frame proves nothing: clicks are as long as a frame and voices flicker. So speech begins, and goes on after a
//! pause, when enough of the last frames sound like it; and it pauses at the first frame that clearly does not, because
//! whoever decides about the end of the turn counts the silence anyway.

use std::time::Duration;

use call::{AudioFrame, Moment};

use super::output::{Bot, ListenerConfig};

/// What a frame meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Silence goes on, or speech may be beginning.
    Nothing,
    /// Speech has just stopped; its last sound ended then.
    Silence { since: Moment },
    /// Speech goes on.
    Sound { until: Moment },
    /// Speech has begun, or goes on after a pause; its first sound began then.
    Speech { since: Moment },
}

/// The ear of a listener.
#[derive(Debug)]
pub(super) struct Onset {
    pub(super) bot: Bot,
    begins: f32,
    begins_over_bot: f32,
    ends: f32,
    onset: usize,
    onset_over_bot: usize,
    resume: usize,
    phase: Phase,
    sound_until: Moment,
    /// The latest frames, newest in the lowest bit: whether each sounded like speech.
    voiced: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Silence after speech: less is needed to go on.
    Pause,
    /// Silence.
    Rest,
    /// Speech.
    Speech,
}

impl Onset {
    pub(super) fn new(config: &ListenerConfig) -> Self {
        Self {
            bot: Bot::Silent,
            begins: config.speech_begins,
            begins_over_bot: config.speech_begins_over_bot,
            ends: config.speech_ends,
            onset: frames(config.onset),
            onset_over_bot: frames(config.onset_over_bot),
            resume: frames(config.resume),
            phase: Phase::Rest,
            sound_until: Moment::START,
            voiced: 0,
        }
    }

    pub(super) fn hear(&mut self, speech: f32, now: Moment) -> Heard {
        let (begins, onset) = match self.bot {
            Bot::Silent => (self.begins, self.onset),
            Bot::Speaking => (self.begins_over_bot, self.onset_over_bot),
        };
        let needed = match self.phase {
            Phase::Pause => self.resume,
            Phase::Rest => onset,
            Phase::Speech if speech < self.ends => {
                return Heard::Silence { since: self.silence() };
            }
            Phase::Speech => {
                self.sound_until = now;
                return Heard::Sound { until: now };
            }
        };
        self.voiced = (self.voiced << 1) | u16::from(speech >= begins);
        // One frame in between may be unvoiced.
        let recent = self.voiced & ((1 << (needed + 1)) - 1);
        if recent.count_ones() as usize >= needed {
            self.phase = Phase::Speech;
            self.voiced = 0;
            self.sound_until = now;
            let first = u16::BITS - recent.leading_zeros();
            return Heard::Speech { since: now.saturating_sub(AudioFrame::DURATION * first) };
        }
        // A pause this long is over: what follows is a beginning like any other.
        if self.phase == Phase::Pause && now - self.sound_until > PAUSE_MAX {
            self.phase = Phase::Rest;
        }
        Heard::Nothing
    }

    /// Speech stops, because of a frame or for want of one. The end of its last sound.
    pub(super) fn silence(&mut self) -> Moment {
        self.phase = Phase::Pause;
        self.voiced = 0;
        self.sound_until
    }

    /// Whatever comes next is a beginning.
    pub(super) fn forget(&mut self) {
        self.phase = Phase::Rest;
        self.voiced = 0;
    }

    pub(super) fn is_speech(&self) -> bool {
        self.phase == Phase::Speech
    }

    /// Whether the latest frame sounded like speech, though it is not yet certain.
    pub(super) fn may_be_speech(&self) -> bool {
        self.phase == Phase::Pause && self.voiced & 1 == 1
    }
}

fn frames(span: Duration) -> usize {
    let frames = span.as_micros().div_ceil(AudioFrame::DURATION.as_micros());
    usize::try_from(frames).unwrap_or(FRAMES_MAX).clamp(1, FRAMES_MAX)
}

/// As many frames as can be looked back upon.
const FRAMES_MAX: usize = 14;
/// No turn has a longer pause inside it.
const PAUSE_MAX: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds one frame for each letter (`#` speech, `.` silence) and writes what each meant.
    fn check(bot: Bot, frames: &str, expected: &str) {
        let mut onset = Onset::new(&ListenerConfig::default());
        onset.bot = bot;
        let heard: String = frames
            .chars()
            .zip(1u64..)
            .map(|(frame, index)| {
                let speech = if frame == '#' { 0.9 } else { 0.1 };
                match onset.hear(speech, Moment::from_millis(index * 20)) {
                    Heard::Nothing => '.',
                    Heard::Silence { .. } => '|',
                    Heard::Sound { .. } => '=',
                    Heard::Speech { .. } => '>',
                }
            })
            .collect();
        assert_eq!(heard, expected, "{frames}");
    }

    #[test]
    fn a_click_is_not_speech_and_a_voice_is() {
        check(Bot::Silent, "..#..##..#.", "...........");
        check(Bot::Silent, "..####==", ".....>|.");
        check(Bot::Silent, "..##.##.", "......>|");
        check(Bot::Speaking, "..#####.", "....>==|");
    }

    #[test]
    fn less_is_needed_to_go_on_than_to_begin() {
        check(Bot::Silent, "####..###..#.", "...>|...>|...");
    }

    #[test]
    fn speech_begins_with_its_first_frame() {
        let mut onset = Onset::new(&ListenerConfig::default());
        let heard =
            (1..=14).map(|index| onset.hear(if index > 10 { 0.9 } else { 0.0 }, Moment::from_millis(index * 20)));
        assert_eq!(heard.last(), Some(Heard::Speech { since: Moment::from_millis(200) }));
    }
}
