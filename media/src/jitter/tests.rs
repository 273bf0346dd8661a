//! Lines of every kind: what goes in, and what comes out 20 ms at a time.

use proptest::prelude::*;

use super::*;

const CLOCK: u32 = 8_000;
const FRAME: u32 = 160;

/// A buffer with a packet loop around it. Each payload is its own number, so that output can be told apart.
struct Bench {
    buffer: JitterBuffer,
    now: Moment,
}

impl Bench {
    fn new() -> Self {
        Self { buffer: JitterBuffer::new(CLOCK), now: Moment::from_millis(1_000) }
    }

    /// Packet `n` of a stream that began at sequence number 65,500 and time u32::MAX - 1000, so that both wrap.
    fn insert(&mut self, n: u16) -> Inserted {
        let time = RtpTime(u32::MAX - 1_000).plus(u32::from(n) * FRAME);
        self.buffer.insert(SeqNo(65_500).plus(n), time, FRAME, &n.to_be_bytes(), self.now)
    }

    /// One tick: its letter, or the number of the packet that plays.
    fn tick(&mut self) -> String {
        self.now += Duration::from_millis(20);
        match self.buffer.pop(FRAME, self.now) {
            Popped::Dry => "d".to_owned(),
            Popped::Lost { ticks } => format!("L{}", ticks / FRAME),
            Popped::Packet(payload) => u16::from_be_bytes([payload[0], payload[1]]).to_string(),
            Popped::Silence { ticks } => format!("s{}", ticks / FRAME),
            Popped::Waiting => "w".to_owned(),
        }
    }
}

/// Each group is what arrives before one tick; the output is what that tick plays.
#[track_caller]
fn check(arrivals: &[&[u16]], expected: &str) {
    let mut bench = Bench::new();
    let mut heard = Vec::new();
    for group in arrivals {
        for &n in *group {
            bench.insert(n);
        }
        heard.push(bench.tick());
    }
    assert_eq!(heard.join(" "), expected);
}

#[test]
fn packets_in_order_play_in_order_across_the_wrap() {
    let mut bench = Bench::new();
    let mut heard = Vec::new();
    for n in 0..200 {
        bench.insert(n);
        heard.push(bench.tick());
    }
    assert_eq!(heard[0], "0");
    assert!(heard.iter().enumerate().all(|(n, played)| *played == n.to_string()), "{heard:?}");
    assert_eq!(bench.buffer.late_and_dropped(), (0, 0));
}

#[test]
fn the_wire_may_reorder() {
    check(&[&[0, 1], &[3], &[2], &[4], &[5]], "0 1 2 3 4");
    check(&[&[1, 0], &[2], &[3]], "0 1 2");
}

#[test]
fn a_lost_packet_is_a_hole_and_no_more() {
    check(&[&[0, 1], &[3], &[4], &[5], &[6]], "0 1 L1 3 4");
}

#[test]
fn a_late_packet_makes_the_delay_longer_and_is_still_heard() {
    check(&[&[0], &[], &[1, 2], &[3], &[4], &[]], "0 d 1 2 3 4");
}

#[test]
fn a_lost_packet_at_an_empty_buffer_is_concealed_once() {
    check(&[&[0], &[], &[2], &[3]], "0 d 2 3");
}

#[test]
fn a_packet_after_its_time_is_not_played() {
    check(&[&[0, 1], &[3], &[4], &[2, 5], &[6]], "0 1 L1 3 4");
}

#[test]
fn a_stream_that_stops_is_waited_for_in_silence() {
    let mut heard = String::new();
    let mut bench = Bench::new();
    bench.insert(0);
    for _ in 0..14 {
        heard += &bench.tick();
    }
    assert_eq!(heard, "0ddddddddddwww");
}

#[test]
fn copies_are_told_apart_from_late_ones() {
    let mut bench = Bench::new();
    let answers: Vec<_> = [0, 0, 1, 3].map(|n| bench.insert(n)).into();
    assert_eq!(answers, [Inserted::Stored, Inserted::Duplicate, Inserted::Stored, Inserted::Stored]);
    for _ in 0..4 {
        bench.tick();
    }
    assert_eq!(bench.insert(1), Inserted::Duplicate, "already played");
    assert_eq!(bench.insert(2), Inserted::Late, "given up");
    let long = [0; PAYLOAD_MAX + 1];
    assert_eq!(bench.buffer.insert(SeqNo(9), RtpTime(0), FRAME, &long, bench.now), Inserted::Unfit);
    assert_eq!(bench.buffer.insert(SeqNo(9), RtpTime(0), 0, &[], bench.now), Inserted::Unfit);
}

#[test]
fn silence_between_words_is_silence() {
    let mut bench = Bench::new();
    let insert = |bench: &mut Bench, seq: u16, frames: u32| {
        let time = RtpTime(frames * FRAME);
        assert_eq!(bench.buffer.insert(SeqNo(seq), time, FRAME, &seq.to_be_bytes(), bench.now), Inserted::Stored);
    };
    // The sender skips two frames of time but no number.
    insert(&mut bench, 0, 0);
    insert(&mut bench, 1, 1);
    insert(&mut bench, 2, 4);
    let heard: Vec<_> = (0..5).map(|_| bench.tick()).collect();
    assert_eq!(heard, ["0", "1", "s1", "s1", "2"]);
}

#[test]
fn a_step_of_the_senders_clock_is_stepped_over() {
    for step in [1_000_000_u32, u32::MAX - 1_000_000, u32::MAX - 400] {
        let mut bench = Bench::new();
        let mut heard = Vec::new();
        for n in 0..10_u16 {
            let jump = if n < 5 { 0 } else { step };
            let time = RtpTime(u32::from(n) * FRAME).plus(jump);
            bench.buffer.insert(SeqNo(n), time, FRAME, &n.to_be_bytes(), bench.now);
            heard.push(bench.tick());
        }
        assert_eq!(heard, (0..10).map(|n| n.to_string()).collect::<Vec<_>>(), "step of {step}");
    }
}

#[test]
fn a_jump_of_numbers_begins_anew() {
    let mut bench = Bench::new();
    bench.insert(0);
    assert_eq!(bench.tick(), "0");
    bench.insert(1_000);
    bench.insert(1_001);
    assert_eq!((bench.tick(), bench.tick()), ("1000".to_owned(), "1001".to_owned()));
}

#[test]
fn a_burst_after_a_stall_does_not_become_delay_for_ever() {
    let mut bench = Bench::new();
    bench.insert(0);
    bench.tick();
    for n in 1..=60 {
        bench.insert(n);
    }
    let first: u16 = bench.tick().parse().unwrap();
    assert!(60 - first < BACKLOG_FRAMES_MAX as u16, "{first} of 60");
    assert!(bench.buffer.late_and_dropped().1 > 30);
}

/// Plays a stream whose packet `n` arrives `delay_ms(n)` after it was sent; quiet, so any surplus may be dropped.
/// Returns the delay from sending to playing of each packet played, in milliseconds.
fn delays(count: u64, ptime_ms: u64, drift_ppm: i64, delay_ms: impl Fn(u64) -> u64) -> (Vec<u64>, JitterBuffer) {
    let mut buffer = JitterBuffer::new(CLOCK);
    let ticks = (ptime_ms * 8) as u32;
    let sent_us = |n: u64| ((n * ptime_ms * 1_000) as i64 * (1_000_000 + drift_ppm) / 1_000_000) as u64;
    let mut arrivals: Vec<_> = (0..count).map(|n| (sent_us(n) + delay_ms(n) * 1_000, n)).collect();
    arrivals.sort_unstable();
    let mut arrivals = arrivals.into_iter().peekable();
    let (mut ready, mut played) = (0_i64, Vec::new());
    for tick in 0..(count * ptime_ms / 20) {
        let now = Moment::from_millis(tick * 20 + 7);
        while let Some((at, n)) = arrivals.next_if(|&(at, _)| at <= now.as_micros()) {
            let payload = n.to_be_bytes();
            buffer.insert(SeqNo(n as u16), RtpTime(n as u32 * ticks), ticks, &payload, Moment::from_micros(at));
        }
        for _ in 0..8 {
            if ready >= 160 {
                break;
            }
            match buffer.pop((160 - ready) as u32, now) {
                Popped::Dry | Popped::Waiting => ready = 160,
                Popped::Lost { ticks } | Popped::Silence { ticks } => ready += i64::from(ticks),
                Popped::Packet(payload) => {
                    let n = u64::from_be_bytes(payload.try_into().unwrap());
                    played.push((now.as_micros().saturating_sub(sent_us(n))) / 1_000);
                    if buffer.surplus() >= ticks {
                        buffer.discarded(ticks);
                    } else {
                        ready += i64::from(ticks);
                    }
                }
            }
        }
        ready -= 160;
    }
    (played, buffer)
}

#[test]
fn a_good_line_is_played_without_delay() {
    let (played, buffer) = delays(1_000, 20, 0, |_| 5);
    assert!(played[500..].iter().all(|&delay| delay <= 27), "{:?}", &played[900..]);
    assert_eq!(played.len(), 1_000);
    assert_eq!(buffer.target_frames(), 1);
}

#[test]
fn an_uneven_line_loses_nothing_and_is_held_back_only_as_long_as_needed() {
    // 0 to 70 ms, in a pattern that never repeats.
    let (played, buffer) = delays(3_000, 20, 0, |n| n * n * 7_919 % 71);
    assert!(played.len() >= 2_990, "{} played", played.len());
    let worst = played[1_000..].iter().max().unwrap();
    assert!(*worst <= 160, "{worst} ms");
    assert!(buffer.jitter() > Duration::from_millis(10));
    assert!((3..=TARGET_FRAMES_MAX).contains(&buffer.target_frames()));
}

#[test]
fn delay_gained_in_a_storm_is_given_back() {
    // For 180 ms nothing comes through, then all at once.
    let (played, _) = delays(3_000, 20, 0, |n| if (500..509).contains(&n) { 180 - (n - 500) * 20 } else { 5 });
    assert!(played.len() >= 2_990, "{} played", played.len());
    let after_storm = played[510];
    assert!(after_storm >= 150, "{after_storm} ms");
    assert!(played[2_900] <= 67, "{} ms", played[2_900]);
}

#[test]
fn clocks_that_drift_apart_do_not_pile_up_delay() {
    for ppm in [-500, 500] {
        let (played, _) = delays(20_000, 20, ppm, |_| 5);
        assert!(played.len() > 19_900, "{} played at {ppm} ppm", played.len());
        let worst = played[1_000..].iter().max().unwrap();
        assert!(*worst <= 110, "{worst} ms at {ppm} ppm");
    }
}

#[test]
fn every_packet_length_plays_whole() {
    for ptime_ms in [10, 20, 30, 40, 60] {
        let count = 6_000 / ptime_ms;
        let (played, buffer) = delays(count, ptime_ms, 0, |n| n * 31 % 5);
        assert!(played.len() as u64 >= count - 3, "{ptime_ms} ms: {} of {count}", played.len());
        assert_eq!(buffer.late_and_dropped(), (0, 0), "{ptime_ms} ms");
    }
}

proptest! {
    #[test]
    fn order_is_kept_and_nothing_plays_twice(
        events in prop::collection::vec((0_u8..10, 0_u16..6, 0_u8..4), 1..400),
        first_seq: u16,
        first_time: u32,
    ) {
        // Of ten packets one is lost, one comes twice, and each may be swapped with one up to five places on.
        let mut wire: Vec<(usize, u16)> = Vec::new();
        for (n, &(fate, shift, _)) in events.iter().enumerate() {
            let place = n + usize::from(shift);
            if fate != 0 {
                wire.push((place, n as u16));
            }
            if fate == 1 {
                wire.push((place + 3, n as u16));
            }
        }
        wire.sort_by_key(|&(place, _)| place);
        let mut buffer = JitterBuffer::new(CLOCK);
        let (mut wire, mut now, mut last) = (wire.into_iter(), Moment::from_millis(50), -1);
        for &(_, _, arrive) in &events {
            for (_, n) in wire.by_ref().take(usize::from(arrive)) {
                let time = RtpTime(first_time).plus(u32::from(n) * FRAME);
                buffer.insert(SeqNo(first_seq).plus(n), time, FRAME, &n.to_be_bytes(), now);
            }
            now += Duration::from_millis(20);
            if let Popped::Packet(payload) = buffer.pop(FRAME, now) {
                let n = i32::from(u16::from_be_bytes([payload[0], payload[1]]));
                prop_assert!(n > last, "{n} after {last}");
                last = n;
            }
        }
    }
}
