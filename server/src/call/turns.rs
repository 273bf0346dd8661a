//! Where the time of each turn went: from the caller's last sound to the bot's first.

use call::{CallEvent, Moment, TurnLatency};
use std::time::Duration;

/// Bookkeeping of the turn being answered.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    count: u32,
    open: Option<OpenTurn>,
}

#[derive(Debug)]
struct OpenTurn {
    silence_wait: Duration,
    decode: Duration,
    heard_at: Moment,
    answered_at: Option<Moment>,
}

impl Turns {
    /// The caller's words are known at `now`, after so much waiting in silence and so much decoding since.
    pub(crate) fn heard(&mut self, silence_wait: Duration, decode: Duration, now: Moment) {
        self.count += 1;
        self.open = Some(OpenTurn { silence_wait, decode, heard_at: now, answered_at: None });
    }

    /// The mind has something to say. Only the first answer of a turn counts.
    pub(crate) fn answered(&mut self, now: Moment) {
        if let Some(turn) = &mut self.open {
            turn.answered_at.get_or_insert(now);
        }
    }

    /// The bot's first sound since is on the wire.
    pub(crate) fn sounded(&mut self, now: Moment) -> Option<CallEvent> {
        let answered_at = self.open.as_ref()?.answered_at?;
        let turn = self.open.take()?;
        let latency = TurnLatency {
            silence_wait_ms: millis(turn.silence_wait),
            decode_ms: millis(turn.decode),
            mind_ms: millis(answered_at - turn.heard_at),
            first_audio_ms: millis(now - answered_at),
        };
        Some(CallEvent::TurnCompleted { turn: self.count, latency })
    }
}

fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_turn_are_told_apart() {
        let mut turns = Turns::default();
        assert_eq!(turns.sounded(Moment::START), None, "a greeting answers nobody");
        turns.heard(Duration::from_millis(400), Duration::from_millis(30), Moment::from_millis(1_000));
        turns.answered(Moment::from_millis(1_010));
        turns.answered(Moment::from_millis(1_200));
        let latency = TurnLatency { silence_wait_ms: 400, decode_ms: 30, mind_ms: 10, first_audio_ms: 40 };
        assert_eq!(turns.sounded(Moment::from_millis(1_050)), Some(CallEvent::TurnCompleted { turn: 1, latency }));
        assert_eq!(turns.sounded(Moment::from_millis(1_090)), None, "a turn is counted once");
    }
}
