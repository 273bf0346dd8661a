//! Keys pressed, as named telephone events (RFC 4733): heard once each however many packets tell of them, and sent
//! so that the loss of some does not lose the key.

use std::collections::VecDeque;

use thiserror::Error;

use crate::rtp::{Marker, RtpTime};

/// Keys that may wait to be sent.
pub const DIGITS_MAX: usize = 32;

/// Length of an event in a packet.
pub(crate) const EVENT_LEN: usize = 4;

/// Recognises keys in the telephone-events of one stream.
#[derive(Debug, Default)]
pub struct DigitReceiver {
    current: Option<Event>,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    code: u8,
    /// Where the event began; all its packets carry this time.
    time: RtpTime,
    /// Media time the event is known to have reached.
    reached: RtpTime,
    ended: bool,
}

impl DigitReceiver {
    /// Reads one telephone-event payload with the packet's timestamp, at a clock of `clock_hz`. `Some` on the first
    /// packet that tells of a key, be it the one with the marker, one in the middle, or the last.
    pub fn handle(&mut self, payload: &[u8], time: RtpTime, clock_hz: u32) -> Option<char> {
        // RFC 4733 2.3: event, E bit and volume, duration.
        let [code, flags, d0, d1] = *payload.first_chunk::<EVENT_LEN>()?;
        let ended = flags & END_BIT != 0;
        let reached = time.plus(u32::from(u16::from_be_bytes([d0, d1])));
        let news = Event { code, time, reached, ended };
        let Some(known) = &mut self.current else {
            self.current = Some(news);
            return digit_of_code(code);
        };
        let age = time.since(known.time);
        let stale = age < 0 && age.unsigned_abs() < STALE_S * clock_hz;
        if stale {
            return None;
        }
        let same = age == 0 || (code == known.code && !known.ended && continues(known, time, clock_hz));
        if !same {
            self.current = Some(news);
            return digit_of_code(code);
        }
        known.ended |= ended;
        known.time = time;
        if reached.since(known.reached) > 0 {
            known.reached = reached;
        }
        None
    }
}

/// Whether an event that starts at `time` is the next segment of a key still held (RFC 4733 2.5.1.3). Some senders
/// also move the timestamp on with every packet of one press; both leave no pause, while two presses do.
fn continues(known: &Event, time: RtpTime, clock_hz: u32) -> bool {
    time.since(known.reached) <= (clock_hz / 1_000 * PAUSE_MS_MIN).cast_signed()
}

/// What is written into a telephone-event packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventPacket {
    pub(crate) marker: Marker,
    pub(crate) time: RtpTime,
    pub(crate) payload: [u8; EVENT_LEN],
}

/// Why a key cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DigitRefused {
    /// The other side did not agree to telephone-events.
    #[error("telephone-events were not negotiated")]
    NotNegotiated,
    /// Not one of `0` to `9`, `*`, `#`, `A` to `D`.
    #[error("not a key of a telephone")]
    NotAKey,
    /// [`DIGITS_MAX`] keys wait already.
    #[error("too many keys wait to be sent")]
    QueueFull,
}

/// Sends keys, one packet each 20 ms in place of sound.
#[derive(Debug)]
pub struct DigitSender {
    waiting: VecDeque<u8>,
    step: Option<Step>,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    code: u8,
    start: RtpTime,
    /// 20 ms steps since the key went down.
    count: u32,
}

impl DigitSender {
    /// Nothing to send yet.
    pub fn new() -> Self {
        Self { waiting: VecDeque::with_capacity(DIGITS_MAX), step: None }
    }

    /// Puts a key in the queue.
    ///
    /// # Errors
    /// [`DigitRefused`] when it is no key or the queue is full.
    pub fn push(&mut self, digit: char) -> Result<(), DigitRefused> {
        let code = code_of_digit(digit).ok_or(DigitRefused::NotAKey)?;
        if self.waiting.len() >= DIGITS_MAX {
            return Err(DigitRefused::QueueFull);
        }
        self.waiting.push_back(code);
        Ok(())
    }

    /// Whether a key is being sent or waits.
    pub fn is_busy(&self) -> bool {
        self.step.is_some() || !self.waiting.is_empty()
    }

    /// The packet for this 20 ms, if a key is down. `now` is the media time of the sound it replaces.
    pub(crate) fn next(&mut self, now: RtpTime, frame_ticks: u32) -> Option<EventPacket> {
        let step = match self.step {
            Some(step) => step,
            None => Step { code: self.waiting.pop_front()?, start: now, count: 0 },
        };
        let after = Step { count: step.count + 1, ..step };
        self.step = (after.count < DOWN_STEPS + END_REPEATS + PAUSE_STEPS).then_some(after);
        if step.count >= DOWN_STEPS + END_REPEATS {
            return None;
        }
        // The last report goes out three times with the E bit and the same duration (RFC 4733 2.5.1.4).
        let last = DOWN_STEPS;
        let ended = step.count >= last;
        let duration = (step.count.min(last) + 1) * frame_ticks;
        let [.., d0, d1] = duration.to_be_bytes();
        let flags = if ended { END_BIT | VOLUME } else { VOLUME };
        let marker = if step.count == 0 { Marker::Set } else { Marker::Clear };
        Some(EventPacket { marker, time: step.start, payload: [step.code, flags, d0, d1] })
    }
}

impl Default for DigitSender {
    fn default() -> Self {
        Self::new()
    }
}

/// The key of an event code (RFC 4733 3.2); flash and other events are no keys.
fn digit_of_code(code: u8) -> Option<char> {
    KEYS.get(usize::from(code)).map(|&key| char::from(key))
}

fn code_of_digit(digit: char) -> Option<u8> {
    let upper = digit.to_ascii_uppercase();
    KEYS.iter().position(|&key| char::from(key) == upper).map(|code| code as u8)
}

const KEYS: &[u8; 16] = b"0123456789*#ABCD";
const END_BIT: u8 = 0x80;
/// -10 dBm0, as RFC 4733 2.5.2.3 counts.
const VOLUME: u8 = 10;
/// Packets while the key is down before the first with the E bit: with it, 100 ms of tone.
const DOWN_STEPS: u32 = 4;
const END_REPEATS: u32 = 3;
/// Sound between two keys: 60 ms.
const PAUSE_STEPS: u32 = 3;
/// Two presses have a longer pause between them than this.
const PAUSE_MS_MIN: u32 = 40;
/// A report older than the current event by less than this is a straggler; by more, the sender's clock has jumped.
const STALE_S: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: u32 = 8_000;

    fn event(code: u8, flags: u8, duration: u16) -> [u8; 4] {
        let [d0, d1] = duration.to_be_bytes();
        [code, flags, d0, d1]
    }

    #[track_caller]
    fn check(packets: &[(u32, u8, u8, u16)], expected: &str) {
        let mut receiver = DigitReceiver::default();
        let heard: String = packets
            .iter()
            .filter_map(|&(time, code, flags, duration)| {
                receiver.handle(&event(code, flags, duration), RtpTime(time), CLOCK)
            })
            .collect();
        assert_eq!(heard, expected);
    }

    #[test]
    fn a_key_is_heard_once_however_many_packets_tell_of_it() {
        check(&[(0, 5, 10, 160), (0, 5, 10, 320), (0, 5, 0x8a, 480), (0, 5, 0x8a, 480), (0, 5, 0x8a, 480)], "5");
    }

    #[test]
    fn a_key_is_heard_when_only_its_end_arrives() {
        check(&[(0, 11, 0x8a, 800)], "#");
    }

    #[test]
    fn the_same_key_twice_is_two_keys_even_when_the_first_end_is_lost() {
        check(&[(0, 5, 10, 160), (0, 5, 0x8a, 800), (1_600, 5, 10, 160)], "55");
        check(&[(0, 5, 10, 160), (0, 5, 10, 320), (1_280, 5, 10, 160)], "55");
    }

    #[test]
    fn a_key_held_for_many_segments_is_one_key() {
        check(&[(0, 1, 10, 65_440), (65_535, 1, 10, 160), (65_535, 1, 0x8a, 320)], "1");
    }

    #[test]
    fn a_sender_that_moves_the_timestamp_presses_one_key() {
        check(&[(0, 7, 10, 160), (160, 7, 10, 320), (320, 7, 10, 480), (480, 7, 0x8a, 640)], "7");
    }

    #[test]
    fn a_straggler_of_the_last_key_is_not_a_new_one() {
        check(&[(0, 1, 10, 160), (2_000, 2, 10, 160), (0, 1, 0x8a, 800), (2_000, 2, 0x8a, 800)], "12");
    }

    #[test]
    fn what_is_no_key_is_not_heard() {
        check(&[(0, 16, 10, 160), (1_000, 255, 10, 160)], "");
        assert_eq!(DigitReceiver::default().handle(&[5, 10, 0], RtpTime(0), CLOCK), None);
    }

    #[test]
    fn a_sent_key_lasts_and_its_end_is_told_three_times() {
        let mut sender = DigitSender::new();
        sender.push('d').unwrap();
        sender.push('0').unwrap();
        let mut lines = Vec::new();
        for step in 0..20 {
            if let Some(packet) = sender.next(RtpTime(step * 160), 160) {
                let [code, flags, d0, d1] = packet.payload;
                lines.push(format!(
                    "{} {} {code} {flags:#x} {}",
                    packet.time.0,
                    packet.marker == Marker::Set,
                    d0 as u16 * 256 + d1 as u16
                ));
            }
        }
        let first = ["0 true 15 0xa 160", "0 false 15 0xa 320", "0 false 15 0xa 480", "0 false 15 0xa 640"];
        assert_eq!(lines[..4], first);
        assert_eq!(lines[4..7], ["0 false 15 0x8a 800"; 3]);
        assert_eq!(lines[7], "1600 true 0 0xa 160", "after a pause");
        assert!(!sender.is_busy());
    }

    #[test]
    fn keys_that_cannot_be_sent_are_refused() {
        let mut sender = DigitSender::new();
        assert_eq!(sender.push('x'), Err(DigitRefused::NotAKey));
        for _ in 0..DIGITS_MAX {
            sender.push('1').unwrap();
        }
        assert_eq!(sender.push('1'), Err(DigitRefused::QueueFull));
    }
}
