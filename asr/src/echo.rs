//! Tells the bot's own echo from somebody who talks over it.
//!
//! A line sends back what it is sent: late, softer, and shaped by rooms and hybrids. Nothing needs to be subtracted from
//! the sound, because echo matters only while the bot speaks, and then the question is only whether what comes in is
//! louder than the echo of what went out can be. So the guard learns how much of its own level a line gives back, and
//! holds everything below that for echo.

use call::AudioFrame;

/// Learns one line's echo. Costs some hundred operations for each frame of 20 ms.
#[derive(Clone, Debug)]
pub struct EchoGuard {
    /// Levels of the frames sent of late in dB of full scale, the newest at `next - 1`.
    sent: [f32; WINDOW],
    next: usize,
    /// How far below the loudest sent of late the echo stays, in dB (negative).
    gain_db: f32,
}

/// What a frame from the line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Not more than the line gives back of the bot's own voice.
    Echo,
    /// Louder than any echo, or the bot is silent.
    Line,
}

impl EchoGuard {
    /// A guard that knows nothing of the line yet and is careful.
    pub fn new() -> Self {
        Self { sent: [SILENCE_DB; WINDOW], next: 0, gain_db: GAIN_DB_FIRST }
    }

    /// Takes the loudness of what was sent ([`AudioFrame::rms`]) and the frame that came in the same 20 ms, and says what
    /// the latter is. `speaking` is whether the person on the line is known to talk: nothing is learned from them.
    pub fn hear(&mut self, sent_rms: f32, received: &AudioFrame, speaking: bool) -> Origin {
        self.sent[self.next] = db(sent_rms);
        self.next = (self.next + 1) % WINDOW;
        let loudest = self.sent.iter().copied().fold(SILENCE_DB, f32::max);
        if loudest <= ACTIVE_DB {
            return Origin::Line;
        }
        let returned = db(received.rms()) - loudest;
        if returned >= self.gain_db + MARGIN_DB {
            // Far above: somebody talks. If it is echo after all, the estimate climbs to it within half a second.
            if !speaking {
                self.gain_db = (self.gain_db + CLIMB_DB).min(GAIN_DB_MAX);
            }
            return Origin::Line;
        }
        if !speaking {
            // Moves towards the level that one frame in twenty exceeds.
            let step = if returned > self.gain_db { RISE_DB } else { -FALL_DB };
            self.gain_db = (self.gain_db + step).clamp(GAIN_DB_MIN, GAIN_DB_MAX);
        }
        Origin::Echo
    }
}

impl Default for EchoGuard {
    fn default() -> Self {
        Self::new()
    }
}

/// Loudness in dB of full scale.
fn db(rms: f32) -> f32 {
    (20.0 * (rms / 32_768.0).max(f32::MIN_POSITIVE).log10()).max(SILENCE_DB)
}

/// 600 ms: the latest echo of a mobile network, and our own jitter buffer.
const WINDOW: usize = 30;
const SILENCE_DB: f32 = -96.0;
/// What is sent below this gives no echo worth speaking of.
const ACTIVE_DB: f32 = -50.0;
/// What is assumed of a line that has not been heard: a bad one.
const GAIN_DB_FIRST: f32 = -20.0;
/// No line is better than this, or its noise hides it.
const GAIN_DB_MIN: f32 = -45.0;
/// Above this it is a howl and no echo; people would be taken for it.
const GAIN_DB_MAX: f32 = -6.0;
/// How much louder than echo a person must be.
const MARGIN_DB: f32 = 8.0;
const RISE_DB: f32 = 1.9;
const FALL_DB: f32 = 0.1;
const CLIMB_DB: f32 = 0.4;

#[cfg(test)]
mod tests {
    use super::*;

    /// A voice as levels: syllables of 200 ms, 15 dB up and down, with a pause each second.
    fn voice_db(tick: usize, loud: f32) -> f32 {
        if tick % 50 > 42 {
            return SILENCE_DB;
        }
        loud - 7.5 + 7.5 * (tick as f32 / 10.0 * std::f32::consts::TAU).sin()
    }

    fn frame(db: f32) -> AudioFrame {
        let amplitude = 32_768.0 * 10f32.powf(db / 20.0) * std::f32::consts::SQRT_2;
        AudioFrame(std::array::from_fn(|n| (amplitude * (n as f32 * 0.7).sin()) as i16))
    }

    /// Frames taken for a person, who counts as speaking after the third, of those heard from `from` on, while the bot speaks at -20 dB with an echo so much
    /// softer and so many ticks late, and a person as loud as given speaks from `from`.
    fn let_through(echo_db: f32, late: usize, from: usize, person: Option<f32>) -> usize {
        let mut guard = EchoGuard::new();
        let mut through = 0;
        for tick in 0..from + 50 {
            let echo = if tick >= late { voice_db(tick - late, -20.0) + echo_db } else { SILENCE_DB };
            let person = person.filter(|_| tick >= from).map_or(SILENCE_DB, |loud| voice_db(tick * 7 / 5, loud));
            let origin =
                guard.hear(frame(voice_db(tick, -20.0)).rms(), &frame(echo.max(person).max(-65.0)), through > 2);
            through += usize::from(tick >= from && origin == Origin::Line);
        }
        through
    }

    #[test]
    fn the_bots_own_echo_is_never_somebody_else() {
        for (echo_db, late) in [(-20.0, 10), (-20.0, 2), (-30.0, 25), (-18.0, 15)] {
            for from in [0, 50, 400] {
                assert_eq!(let_through(echo_db, late, from, None), 0, "{echo_db} dB, {late} ticks late, from {from}");
            }
        }
    }

    #[test]
    fn a_person_is_heard_over_the_echo() {
        for echo_db in [-20.0, -30.0, -60.0] {
            let heard = let_through(echo_db, 10, 200, Some(-20.0));
            assert!(heard >= 20, "{heard} of 50 frames over an echo of {echo_db} dB");
        }
        let soft = let_through(-60.0, 10, 400, Some(-40.0));
        assert!(soft >= 20, "on a line without echo a soft voice is heard: {soft}");
    }

    #[test]
    fn a_silent_bot_has_no_echo() {
        let mut guard = EchoGuard::new();
        assert_eq!(guard.hear(0.0, &frame(-60.0), false), Origin::Line);
    }
}
