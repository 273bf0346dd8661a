//! Two sessions talk to each other over a line the test makes up.

use proptest::prelude::*;

use super::*;
use crate::dtmf::DIGITS_MAX;
use crate::rtp::{HEADER_LEN, Marker, RtpHeader};

const TICK: Duration = Duration::from_millis(20);

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn here() -> SocketAddr {
    address("192.0.2.1:4000")
}

fn there() -> SocketAddr {
    address("198.51.100.7:6000")
}

fn config(codec: Codec, remote: SocketAddr) -> RtpConfig {
    RtpConfig {
        codec,
        payload_type: if codec == Codec::Pcma { 8 } else { 0 },
        telephone_event: Some(101),
        remote,
        ssrc: Ssrc(0x1234),
        first_seq: SeqNo(65_530),
        first_time: RtpTime(u32::MAX - 500),
    }
}

/// A speaker at `here` and a listener at `there`.
struct Pair {
    speaker: RtpSession,
    listener: RtpSession,
    now: Moment,
}

impl Pair {
    fn new(codec: Codec) -> Self {
        Self {
            speaker: RtpSession::new(config(codec, there())).unwrap(),
            listener: RtpSession::new(config(codec, here())).unwrap(),
            now: Moment::from_millis(500),
        }
    }

    fn write(&mut self, frame: &AudioFrame) -> Option<Vec<u8>> {
        let mut out = [0; PACKET_MAX];
        self.speaker.packet(frame, &mut out).map(|packet| out[..packet.len].to_vec())
    }

    fn deliver(&mut self, packet: &[u8]) {
        self.listener.handle_datagram(here(), packet, self.now);
    }

    fn tick(&mut self) -> Option<AudioFrame> {
        self.now += TICK;
        self.listener.next_frame(self.now)
    }

    fn events(&mut self) -> Vec<RtpEvent> {
        std::iter::from_fn(|| self.listener.poll_event()).collect()
    }

    fn digits(&mut self) -> String {
        let digit = |event| match event {
            RtpEvent::Digit(digit) => Some(digit.into_revealed()),
            RtpEvent::SourceChanged(_) | RtpEvent::SourceLatched(_) => None,
        };
        self.events().into_iter().filter_map(digit).collect()
    }
}

/// Frame `n` of a 400 Hz tone.
fn tone(n: usize) -> AudioFrame {
    let mut frame = AudioFrame::SILENCE;
    for (i, sample) in frame.0.iter_mut().enumerate() {
        let at = (n * AudioFrame::SAMPLES + i) as f32;
        *sample = (10_000.0 * (at * std::f32::consts::TAU * 400.0 / 16_000.0).sin()) as i16;
    }
    frame
}

#[test]
fn what_is_said_is_heard() {
    // Tables answer at once and exactly; Opus has a look ahead and an ear.
    for (codec, warm_up, tolerance) in
        [(Codec::Opus, 8, 900.0), (Codec::G722, 4, 350.0), (Codec::Pcmu, 3, 250.0), (Codec::Pcma, 3, 250.0)]
    {
        let mut pair = Pair::new(codec);
        assert_eq!(pair.tick(), None, "before anything has come");
        let mut loudness = Vec::new();
        for n in 0..50 {
            let packet = pair.write(&tone(n)).unwrap();
            assert!(codec == Codec::Opus || packet.len() == HEADER_LEN + 160, "{codec}: {}", packet.len());
            pair.deliver(&packet);
            loudness.extend(pair.tick().map(|frame| frame.rms()));
        }
        assert!(loudness.len() >= 48, "{codec}: {} frames", loudness.len());
        assert!(loudness[warm_up..].iter().all(|rms| (rms - 7_071.0).abs() < tolerance), "{codec}: {loudness:?}");
        let stats = pair.listener.stats();
        assert_eq!((stats.received, stats.lost, stats.late, stats.duplicate, stats.malformed), (50, 0, 0, 0, 0));
        assert_eq!(stats.last_received, Some(Moment::from_millis(500 + 50 * 20)));
        assert_eq!(pair.speaker.stats().sent, 50);
        assert_eq!(pair.events(), [RtpEvent::SourceLatched(here())]);
    }
}

#[test]
fn silence_costs_opus_almost_nothing_and_is_heard_as_silence() {
    let mut pair = Pair::new(Codec::Opus);
    let mut sent = 0;
    for n in 0..200 {
        let frame = if (50..150).contains(&n) { AudioFrame::SILENCE } else { tone(n) };
        if let Some(packet) = pair.write(&frame) {
            sent += usize::from((50..150).contains(&n));
            pair.deliver(&packet);
        }
        let heard = pair.tick().map_or(0.0, |frame| frame.rms());
        match n {
            20..50 | 170.. => assert!(heard > 5_000.0, "frame {n}: {heard}"),
            80..150 => assert!(heard < 100.0, "frame {n}: {heard}"),
            _ => {}
        }
    }
    assert!((5..25).contains(&sent), "{sent} packets in 2 s of silence");
    assert_eq!(pair.listener.stats().lost, 0);
}

#[test]
fn a_tenth_of_loss_leaves_a_tone_in_opus_a_tone() {
    let mut pair = Pair::new(Codec::Opus);
    let mut worst = f32::MAX;
    for n in 0..500 {
        let packet = pair.write(&tone(n)).unwrap();
        if n % 10 != 7 {
            pair.deliver(&packet);
        }
        if let Some(frame) = pair.tick().filter(|_| n > 10) {
            worst = worst.min(frame.rms());
        }
    }
    assert!(worst > 2_000.0, "a hole of {worst}");
    let stats = pair.listener.stats();
    assert_eq!((stats.lost, stats.received), (50, 450));
}

#[test]
fn five_percent_of_loss_leaves_a_tone_a_tone() {
    let mut pair = Pair::new(Codec::Pcmu);
    let mut worst = f32::MAX;
    for n in 0..500 {
        let packet = pair.write(&tone(n)).unwrap();
        if n % 20 != 10 {
            pair.deliver(&packet);
        }
        if let Some(frame) = pair.tick().filter(|_| n > 5) {
            worst = worst.min(frame.rms());
        }
    }
    assert!(worst > 4_500.0, "a hole of {worst}");
    let stats = pair.listener.stats();
    assert_eq!((stats.lost, stats.received), (25, 475));
    assert!((400..=600).contains(&stats.concealed_ms), "{} ms", stats.concealed_ms);
}

#[test]
fn silence_of_the_line_becomes_no_frame() {
    let mut pair = Pair::new(Codec::Pcmu);
    for n in 0..10 {
        let packet = pair.write(&tone(n)).unwrap();
        pair.deliver(&packet);
        pair.tick();
    }
    let heard: Vec<_> = (0..20).map(|_| pair.tick()).collect();
    assert!(heard[0].is_some_and(|frame| frame.rms() > 3_000.0), "first it is concealed");
    assert!(heard[8].is_none_or(|frame| frame.rms() < 1.0), "then it is silent");
    assert_eq!(heard[12..], [None; 8], "then it is nothing");
    assert_eq!(pair.listener.silent_for(pair.now), Some(TICK * 21));
}

#[test]
fn packets_are_numbered_and_marked_after_silence() {
    let mut pair = Pair::new(Codec::Pcmu);
    let mut seen = Vec::new();
    for n in 0..6 {
        if n == 3 {
            pair.speaker.skip_packet();
            continue;
        }
        let bytes = pair.write(&tone(n)).unwrap();
        let packet = RtpPacket::parse(&bytes).unwrap();
        let first = config(Codec::Pcmu, there());
        seen.push((packet.seq.since(first.first_seq), packet.time.since(first.first_time), packet.marker));
    }
    let (set, clear) = (Marker::Set, Marker::Clear);
    assert_eq!(seen, [(0, 0, set), (1, 160, clear), (2, 320, clear), (3, 640, set), (4, 800, clear)]);
}

#[test]
fn hold_stops_sound_in_the_direction_it_says() {
    let mut pair = Pair::new(Codec::Pcmu);
    pair.speaker.set_direction(MediaDirection::RecvOnly);
    assert_eq!(pair.write(&tone(0)), None);
    pair.speaker.set_direction(MediaDirection::SendOnly);
    pair.listener.set_direction(MediaDirection::SendOnly);
    for n in 0..5 {
        let packet = pair.write(&tone(n)).unwrap();
        pair.deliver(&packet);
        assert_eq!(pair.tick(), None);
    }
    pair.listener.set_direction(MediaDirection::SendRecv);
    let packet = pair.write(&tone(5)).unwrap();
    pair.deliver(&packet);
    assert!(pair.tick().is_some());
}

#[test]
fn a_stranger_is_counted_and_not_heard() {
    let mut pair = Pair::new(Codec::Pcmu);
    for n in 0..5 {
        let packet = pair.write(&tone(n)).unwrap();
        pair.deliver(&packet);
        pair.listener.handle_datagram(address("203.0.113.9:9"), &packet, pair.now);
        pair.tick();
    }
    let stats = pair.listener.stats();
    assert_eq!((stats.received, stats.discarded_strangers, stats.duplicate), (5, 5, 0));
    assert_eq!(pair.listener.remote(), here());
}

#[test]
fn answers_go_where_packets_come_from() {
    let mut pair = Pair::new(Codec::Pcmu);
    let behind_nat = address("203.0.113.5:50000");
    let mut out = [0; PACKET_MAX];
    assert_eq!(pair.listener.packet(&tone(0), &mut out).unwrap().to, here());
    for n in 0..2 {
        let packet = pair.write(&tone(n)).unwrap();
        pair.listener.handle_datagram(behind_nat, &packet, pair.now);
    }
    assert_eq!(pair.listener.packet(&tone(0), &mut out).unwrap().to, behind_nat);
    assert_eq!(pair.events(), [RtpEvent::SourceLatched(behind_nat)]);
    pair.listener.set_remote(there());
    assert_eq!(pair.listener.remote(), there());
}

#[test]
fn what_is_no_sound_is_counted() {
    let mut pair = Pair::new(Codec::Pcmu);
    pair.deliver(b"OPTIONS sip:x SIP/2.0");
    pair.deliver(&[]);
    pair.deliver(&[0x80, 200, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut wrong = pair.write(&tone(0)).unwrap();
    wrong[1] = 96;
    pair.deliver(&wrong);
    let stats = pair.listener.stats();
    assert_eq!((stats.malformed, stats.unexpected, stats.received), (2, 2, 0));
    assert_eq!(pair.events(), []);
}

#[test]
fn keys_sent_are_keys_heard() {
    let mut pair = Pair::new(Codec::Pcma);
    for digit in "0123456789*#ABCD".chars() {
        pair.speaker.send_digit(digit).unwrap();
    }
    for n in 0..200 {
        let packet = pair.write(&tone(n)).unwrap();
        pair.deliver(&packet);
        pair.tick();
    }
    assert!(!pair.speaker.is_sending_digits());
    assert_eq!(pair.digits(), "0123456789*#ABCD");
    assert_eq!(pair.listener.stats().lost, 0);
}

#[test]
fn keys_nobody_agreed_on_are_refused() {
    let no_keys = RtpConfig { telephone_event: None, ..config(Codec::Pcmu, there()) };
    let mut session = RtpSession::new(no_keys).unwrap();
    assert_eq!(session.send_digit('1'), Err(DigitRefused::NotNegotiated));
    let mut session = RtpSession::new(config(Codec::Pcmu, there())).unwrap();
    assert_eq!(session.send_digit('x'), Err(DigitRefused::NotAKey));
    for _ in 0..DIGITS_MAX {
        session.send_digit('1').unwrap();
    }
    assert_eq!(session.send_digit('1'), Err(DigitRefused::QueueFull));
}

#[test]
fn a_codec_may_change_in_the_call() {
    let mut pair = Pair::new(Codec::Pcmu);
    for n in 0..40 {
        if n == 20 {
            pair.speaker.set_codec(Codec::Pcma, 8, None).unwrap();
            pair.listener.set_codec(Codec::Pcma, 8, None).unwrap();
        }
        let packet = pair.write(&tone(n)).unwrap();
        pair.deliver(&packet);
        let frame = pair.tick();
        if n > 25 {
            assert!((frame.unwrap().rms() - 7_071.0).abs() < 250.0);
        }
    }
    assert_eq!(pair.listener.stats().lost, 0);
}

#[test]
fn a_reinvite_that_changes_nothing_leaves_no_seam() {
    let (mut plain, mut renewed) = (Pair::new(Codec::Pcmu), Pair::new(Codec::Pcmu));
    for n in 0..10 {
        renewed.speaker.set_codec(Codec::Pcmu, 0, Some(101)).unwrap();
        renewed.speaker.set_remote(there());
        assert_eq!(plain.write(&tone(n)), renewed.write(&tone(n)));
    }
}

#[test]
fn events_nobody_polls_are_bounded() {
    let mut pair = Pair::new(Codec::Pcmu);
    for n in 0..100_u16 {
        let mut packet = [0; PACKET_MAX];
        let header = RtpHeader {
            marker: Marker::Set,
            payload_type: 101,
            seq: SeqNo(n),
            time: RtpTime(u32::from(n) * 1_600),
            ssrc: Ssrc(1),
        };
        header.write(&mut packet);
        packet[HEADER_LEN..HEADER_LEN + 4].copy_from_slice(&[1, 0x8a, 3, 32]);
        pair.deliver(&packet[..HEADER_LEN + 4]);
    }
    assert_eq!(pair.events().len(), EVENTS_MAX);
    assert_eq!(pair.listener.stats().events_dropped, 101 - EVENTS_MAX as u64);
}

/// Bytes that look like RTP often enough to get past the door.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..300);
    (bytes, prop::bool::ANY, prop::sample::select(vec![0_u8, 101, 13, 0x80, 0xe5]), 0_u8..20, 0_u8..4).prop_map(
        |(mut bytes, shaped, kind, seq, ssrc)| {
            if shaped && bytes.len() > HEADER_LEN {
                bytes[0] = 0x80 | (bytes[0] & 0x3f);
                bytes[1] = kind;
                (bytes[2], bytes[3]) = (0, seq);
                bytes[8..12].copy_from_slice(&[0, 0, 0, ssrc]);
            }
            bytes
        },
    )
}

proptest! {
    #[test]
    fn no_bytes_from_outside_do_harm(datagrams in prop::collection::vec((datagram(), 0_u8..4, 0_u64..100), 1..200)) {
        let mut session = RtpSession::new(config(Codec::Pcmu, here())).unwrap();
        let mut now = Moment::from_millis(1);
        for (bytes, from, wait_ms) in &datagrams {
            let from = SocketAddr::from(([192, 0, 2, *from], 4_000));
            session.handle_datagram(from, bytes, now);
            now += Duration::from_millis(*wait_ms);
            session.next_frame(now);
            while session.poll_event().is_some() {}
        }
        let stats = session.stats();
        let counted = stats.received + stats.duplicate + stats.discarded_strangers + stats.malformed + stats.unexpected;
        prop_assert!(counted <= datagrams.len() as u64);
    }

    #[test]
    fn each_key_is_heard_once_on_a_bad_line(
        keys in "[0-9*#A-D]{1,6}",
        // Per packet: lost, doubled, or neither.
        fates in prop::collection::vec(0_u8..10, 80),
    ) {
        let mut pair = Pair::new(Codec::Pcmu);
        for key in keys.chars() {
            pair.speaker.send_digit(key).unwrap();
        }
        let mut lost_in_a_row = 0;
        for (n, &fate) in fates.iter().enumerate() {
            let packet = pair.write(&tone(n)).unwrap();
            // A key is told of seven times; more than five packets in a row are not lost on this line.
            let lost = fate < 5 && lost_in_a_row < 5;
            lost_in_a_row = if lost { lost_in_a_row + 1 } else { 0 };
            if !lost {
                pair.deliver(&packet);
            }
            if !lost && fate == 9 {
                pair.deliver(&packet);
            }
            pair.tick();
        }
        prop_assert_eq!(pair.digits(), keys);
    }
}

#[test]
fn a_phone_that_suppresses_silence_stays_alive() {
    let mut pair = Pair::new(Codec::Pcmu);
    let packet = pair.write(&tone(0)).unwrap();
    pair.deliver(&packet);
    // RFC 3389: nothing but one packet of comfort noise every few seconds.
    for n in 1..20_u16 {
        pair.now += Duration::from_secs(4);
        let mut noise = packet.clone();
        noise[1] = 13;
        noise[2..4].copy_from_slice(&SeqNo(65_530).plus(n).0.to_be_bytes());
        noise.truncate(HEADER_LEN + 1);
        pair.deliver(&noise);
        assert_eq!(pair.listener.alive_at(), Some(pair.now));
        pair.tick();
    }
    assert_eq!(pair.tick(), None, "comfort noise is silence");
    assert_eq!(pair.listener.stats().received, 20);
    // A receiver report and an empty source description on the same port (RFC 3550 6.1), and those of a stranger.
    let report = [0x80, 201, 0, 1, 0, 0, 0x12, 0x34, 0x80, 202, 0, 0];
    pair.now += Duration::from_secs(5);
    pair.listener.handle_datagram(address("203.0.113.9:9"), &report, pair.now);
    assert!(pair.listener.alive_at() < Some(pair.now), "a stranger proves nothing");
    pair.deliver(&report);
    assert_eq!(pair.listener.alive_at(), Some(pair.now));
}

#[test]
fn packets_of_10_to_60_ms_become_the_same_sound() {
    for ptime_ms in [10, 20, 30, 40, 60] {
        let mut listener = RtpSession::new(config(Codec::Pcmu, here())).unwrap();
        let ticks = ptime_ms * 8;
        let (mut seq, mut time, mut phase) = (SeqNo(7), RtpTime(99), 0_usize);
        let (mut now, mut heard) = (Moment::from_millis(500), Vec::new());
        for ms in (0..2_400).step_by(10) {
            if ms % ptime_ms == 0 {
                let mut packet = [0; PACKET_MAX];
                RtpHeader { marker: Marker::Clear, payload_type: 0, seq, time, ssrc: Ssrc(5) }.write(&mut packet);
                let len = HEADER_LEN + ticks as usize;
                for byte in &mut packet[HEADER_LEN..len] {
                    let sample = (8_000.0 * (phase as f32 * 0.3).sin()) as i16;
                    (*byte, phase) = (crate::g711::mu_law_from_linear(sample), phase + 1);
                }
                listener.handle_datagram(here(), &packet[..len], now);
                (seq, time) = (seq.plus(1), time.plus(ticks));
            }
            if ms % 20 == 0 {
                heard.push(listener.next_frame(now).map_or(0.0, |frame| frame.rms()));
            }
            now += Duration::from_millis(10);
        }
        let steady = &heard[20..];
        let whole = steady.iter().filter(|&&rms| (5_000.0..6_300.0).contains(&rms)).count();
        assert!(whole * 100 >= steady.len() * 97, "{ptime_ms} ms: {whole} of {} frames", steady.len());
        assert_eq!(listener.stats().lost, 0, "{ptime_ms} ms");
    }
}
