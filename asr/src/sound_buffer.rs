//! The sound of the turn so far, and a little of what was before it.
//!
//! Speech is noticed some frames after it began, so the last 300 ms are always kept and go in front of a turn.

use std::collections::VecDeque;
use std::sync::Arc;

use call::AudioFrame;

/// Bounded memory of one caller's sound.
#[derive(Debug)]
pub(crate) struct SoundBuffer {
    before: VecDeque<AudioFrame>,
    turn: Option<Vec<i16>>,
}

impl SoundBuffer {
    pub(crate) fn new() -> Self {
        Self { before: VecDeque::with_capacity(BEFORE_FRAMES_MAX), turn: None }
    }

    /// Adds a frame to the turn, or to what was before it.
    pub(crate) fn push(&mut self, frame: &AudioFrame) {
        match &mut self.turn {
            Some(turn) if turn.len() + AudioFrame::SAMPLES <= TURN_SAMPLES_MAX => turn.extend_from_slice(&frame.0),
            // The turn's limit in time comes first; this one holds if frames come faster than they should.
            Some(_) => {}
            None => {
                if self.before.len() == BEFORE_FRAMES_MAX {
                    self.before.pop_front();
                }
                self.before.push_back(*frame);
            }
        }
    }

    /// Begins a turn with what was before it.
    pub(crate) fn begin(&mut self) {
        self.turn = Some(self.before.drain(..).flat_map(|frame| frame.0).collect());
    }

    /// The turn so far.
    pub(crate) fn turn(&self) -> Arc<[i16]> {
        self.turn.as_deref().unwrap_or_default().into()
    }

    /// Samples of the turn so far.
    pub(crate) fn turn_len(&self) -> usize {
        self.turn.as_ref().map_or(0, Vec::len)
    }

    /// Ends the turn; nothing of it goes in front of the next.
    pub(crate) fn end(&mut self) {
        self.turn = None;
    }
}

/// 300 ms before speech was noticed, and the frames in which it was being noticed.
const BEFORE_FRAMES_MAX: usize = 15 + 8;
/// 30 s.
const TURN_SAMPLES_MAX: usize = 30 * 16_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_begins_with_what_was_before_it() {
        let mut buffer = SoundBuffer::new();
        for level in 0..100 {
            buffer.push(&AudioFrame([level; AudioFrame::SAMPLES]));
        }
        buffer.begin();
        buffer.push(&AudioFrame([100; AudioFrame::SAMPLES]));
        let turn = buffer.turn();
        assert_eq!(turn.len(), (BEFORE_FRAMES_MAX + 1) * AudioFrame::SAMPLES);
        assert_eq!((turn.first(), turn.last()), (Some(&(100 - BEFORE_FRAMES_MAX as i16)), Some(&100)));
        buffer.end();
        buffer.begin();
        assert_eq!(buffer.turn_len(), 0, "what was in a turn is not in the next");
    }

    #[test]
    fn the_buffer_is_bounded() {
        let mut buffer = SoundBuffer::new();
        buffer.begin();
        for _ in 0..10_000 {
            buffer.push(&AudioFrame::SILENCE);
        }
        assert_eq!(buffer.turn_len(), TURN_SAMPLES_MAX);
    }
}
