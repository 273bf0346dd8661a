//! Passing packets of one leg on to another as they are: same sound, our stream's numbers.
//!
//! Two phones that speak the same codec need nobody to unpack their sound for them. What goes on keeps its spacing in
//! number and media time, so that the far jitter buffer sees the loss and the jitter of the first line and deals with
//! both at once (RFC 3550 7.1 calls this a translator).

use call::Moment;

use crate::rtp::{HEADER_LEN, Marker, PACKET_MAX, RtpHeader, RtpPacket, RtpTime, SeqNo, Ssrc};
use crate::session::send::Sender;
use crate::session::{PacketOut, RtpSession};

/// A packet that may go on to another leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relay<'a> {
    kind: Kind,
    marker: Marker,
    seq: SeqNo,
    time: RtpTime,
    ssrc: Ssrc,
    payload: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A key press (RFC 4733).
    Event,
    Sound,
}

/// Whether anybody listens to a leg; if not, its sound is counted but not unpacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attention {
    /// Its frames are wanted.
    #[default]
    Heard,
    /// Its packets may go on to another leg, and that is all.
    Unheard,
}

/// How the numbers of a foreign stream become ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mapping {
    ssrc: Ssrc,
    /// The first packet that went on; what was sent before it stays behind.
    first: SeqNo,
    seq: u16,
    time: u32,
    /// Where the sound passed on so far ends, in our media time.
    end: RtpTime,
}

impl<'a> Relay<'a> {
    pub(super) const fn sound(packet: &RtpPacket<'a>) -> Self {
        Self::of(packet, Kind::Sound)
    }

    pub(super) const fn event(packet: &RtpPacket<'a>) -> Self {
        Self::of(packet, Kind::Event)
    }

    const fn of(packet: &RtpPacket<'a>, kind: Kind) -> Self {
        let RtpPacket { marker, payload_type: _, seq, time, ssrc, payload } = *packet;
        Self { kind, marker, seq, time, ssrc, payload }
    }
}

impl RtpSession {
    /// Writes a packet that came to another leg of the same codec as the next of ours. Call
    /// [`RtpSession::skip_packet`] once per tick meanwhile. `None` while we are not to speak, and for what the other
    /// side cannot take: keys when none were agreed on, and packets beyond [`PACKET_MAX`].
    pub fn relay(&mut self, packet: &Relay<'_>, out: &mut [u8; PACKET_MAX]) -> Option<PacketOut> {
        if !self.direction.sends() {
            return None;
        }
        let len = self.sender.relay(packet, out)?;
        Some(PacketOut { len, to: self.source.remote() })
    }

    /// Whether packets of `other` may be passed on to us as they are.
    pub fn speaks_like(&self, other: &Self) -> bool {
        self.codec == other.codec
    }

    /// Whether the frames of this leg are wanted. What came before is not heard later.
    pub fn set_attention(&mut self, attention: Attention) {
        if self.attention != attention {
            self.attention = attention;
            self.receiver.reset();
        }
    }

    /// Counts a packet of sound that nobody here listens to.
    pub(super) fn let_pass(&mut self, packet: &RtpPacket<'_>, now: Moment) {
        self.stats.received += 1;
        self.receiver.jitter.observe(packet.time, now);
    }
}

impl Sender {
    fn relay(&mut self, packet: &Relay<'_>, out: &mut [u8; PACKET_MAX]) -> Option<usize> {
        let payload_type = match packet.kind {
            Kind::Event => self.telephone_event?,
            Kind::Sound => self.payload_type,
        };
        let len = HEADER_LEN + packet.payload.len();
        out.get_mut(HEADER_LEN..len)?.copy_from_slice(packet.payload);
        let known = self.relaying.filter(|mapping| mapping.ssrc == packet.ssrc);
        let mapping = known.unwrap_or_else(|| Mapping {
            ssrc: packet.ssrc,
            first: packet.seq,
            seq: self.seq.0.wrapping_sub(packet.seq.0),
            time: self.time_after_relay().0.wrapping_sub(packet.time.0),
            end: self.time,
        });
        if packet.seq.since(mapping.first) < 0 {
            return None;
        }
        let marker = if known.is_none() { Marker::Set } else { packet.marker };
        let (seq, time) = (packet.seq.plus(mapping.seq), packet.time.plus(mapping.time));
        RtpHeader { marker, payload_type, seq, time, ssrc: self.ssrc }.write(out);
        if seq.plus(1).since(self.seq) > 0 {
            self.seq = seq.plus(1);
        }
        let end = time.plus(self.frame_ticks);
        self.relaying = Some(Mapping { end: if end.since(mapping.end) > 0 { end } else { mapping.end }, ..mapping });
        self.sent += 1;
        Some(len)
    }

    /// From here on we speak ourselves: after all that was passed on.
    pub(super) fn end_relay(&mut self) {
        self.time = self.time_after_relay();
        self.relaying = None;
    }

    fn time_after_relay(&self) -> RtpTime {
        self.relaying.filter(|mapping| mapping.end.since(self.time) > 0).map_or(self.time, |mapping| mapping.end)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use call::{AudioFrame, Codec};

    use super::*;
    use crate::session::{MediaDirection, RtpConfig, RtpEvent};

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn session(codec: Codec, ssrc: u32) -> RtpSession {
        RtpSession::new(RtpConfig {
            codec,
            payload_type: if codec == Codec::Pcma { 8 } else { 0 },
            telephone_event: Some(96 + (ssrc % 7) as u8),
            remote: address(1),
            ssrc: Ssrc(ssrc),
            first_seq: SeqNo(65_533),
            first_time: RtpTime(u32::MAX - 300),
        })
        .unwrap()
    }

    /// A phone, the two legs of the house between them, and another phone.
    struct Bridge {
        phone: RtpSession,
        one: RtpSession,
        two: RtpSession,
        other: RtpSession,
        now: Moment,
    }

    impl Bridge {
        fn new() -> Self {
            let mut bridge = Self {
                phone: session(Codec::Pcmu, 1),
                one: session(Codec::Pcmu, 1),
                two: session(Codec::Pcmu, 2),
                other: session(Codec::Pcmu, 2),
                now: Moment::from_millis(100),
            };
            bridge.one.set_attention(Attention::Unheard);
            bridge
        }

        fn speak(&mut self, frame: &AudioFrame) -> Option<Vec<u8>> {
            let mut out = [0; PACKET_MAX];
            self.phone.packet(frame, &mut out).map(|packet| out[..packet.len].to_vec())
        }

        /// Passes a packet of the phone on, and gives what the other phone gets.
        fn pass(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
            let mut out = [0; PACKET_MAX];
            let relay = self.one.take_datagram(address(1), packet, self.now)?;
            let sent = self.two.relay(&relay, &mut out)?;
            Some(out[..sent.len].to_vec())
        }

        fn tick(&mut self) -> Option<AudioFrame> {
            self.now += Duration::from_millis(20);
            self.two.skip_packet();
            self.other.next_frame(self.now)
        }
    }

    fn tone(n: usize) -> AudioFrame {
        AudioFrame(std::array::from_fn(|k| (8_000.0 * ((n * 320 + k) as f32 * 0.1).sin()) as i16))
    }

    #[test]
    fn what_one_phone_says_the_other_hears_unchanged() {
        let mut bridge = Bridge::new();
        let mut loudest = 0.0_f32;
        for n in 0..50 {
            let packet = bridge.speak(&tone(n)).unwrap();
            let passed = bridge.pass(&packet).unwrap();
            assert_eq!(passed[HEADER_LEN..], packet[HEADER_LEN..], "the payload is not touched");
            let now = bridge.now;
            bridge.other.handle_datagram(address(1), &passed, now);
            loudest = loudest.max(bridge.tick().map_or(0.0, |frame| frame.rms()));
        }
        assert!(loudest > 5_000.0, "{loudest}");
        assert_eq!((bridge.one.stats().received, bridge.two.stats().sent), (50, 50));
        assert_eq!((bridge.other.stats().lost, bridge.other.stats().late), (0, 0));
        assert_eq!(bridge.one.next_frame(bridge.now), None, "nobody listens here");
    }

    #[test]
    fn loss_and_order_of_the_first_line_are_those_of_the_second() {
        let mut bridge = Bridge::new();
        let packets: Vec<_> = (0..6).map(|n| bridge.speak(&tone(n)).unwrap()).collect();
        let parse = |bytes: &[u8]| RtpPacket::parse(bytes).map(|packet| (packet.seq, packet.time)).unwrap();
        let start = parse(&bridge.pass(&packets[0]).unwrap());
        for n in [2, 1, 5] {
            let (seq, time) = parse(&bridge.pass(&packets[n]).unwrap());
            assert_eq!((seq.since(start.0), time.since(start.1)), (n as i16, n as i32 * 160));
        }
    }

    #[test]
    fn the_stream_goes_on_with_its_numbers_between_our_words_and_theirs() {
        let mut bridge = Bridge::new();
        let mut out = [0; PACKET_MAX];
        let mut last = None;
        for round in 0..40 {
            let packet = bridge.speak(&tone(round)).unwrap();
            let bytes = if round % 20 < 10 {
                let sent = bridge.two.packet(&tone(round), &mut out).unwrap();
                out[..sent.len].to_vec()
            } else {
                bridge.two.skip_packet();
                bridge.pass(&packet).unwrap()
            };
            let packet = RtpPacket::parse(&bytes).unwrap();
            assert_eq!(packet.ssrc, Ssrc(2));
            if let Some((seq, time)) = last.replace((packet.seq, packet.time)) {
                assert_eq!(packet.seq.since(seq), 1, "round {round}");
                assert!((160..=320).contains(&packet.time.since(time)), "round {round}: {}", packet.time.since(time));
            }
        }
    }

    #[test]
    fn a_new_stream_behind_the_first_leg_stays_one_stream_behind_the_second() {
        let mut bridge = Bridge::new();
        let packet = bridge.speak(&tone(0)).unwrap();
        let before = RtpPacket::parse(&bridge.pass(&packet).unwrap()).map(|packet| packet.seq).unwrap();
        bridge.phone = session(Codec::Pcmu, 8);
        let restarted: Vec<_> = (1..4).map(|n| bridge.speak(&tone(n)).unwrap()).collect();
        let passed: Vec<_> = restarted.iter().filter_map(|packet| bridge.pass(packet)).collect();
        let seqs: Vec<_> = passed.iter().map(|bytes| RtpPacket::parse(bytes).unwrap().seq.since(before)).collect();
        assert_eq!(seqs, [1, 2], "the first of a new stream only shows that there is one");
    }

    #[test]
    fn keys_go_on_under_the_number_the_other_side_knows() {
        let mut bridge = Bridge::new();
        bridge.phone.send_digit('7').unwrap();
        let mut heard = String::new();
        for n in 0..12 {
            let packet = bridge.speak(&tone(n)).unwrap();
            if let Some(passed) = bridge.pass(&packet) {
                let now = bridge.now;
                bridge.other.handle_datagram(address(1), &passed, now);
            }
            bridge.tick();
            while let Some(event) = bridge.other.poll_event() {
                if let RtpEvent::Digit(digit) = event {
                    heard.push(digit.into_revealed());
                }
            }
        }
        assert_eq!(heard, "7");
    }

    #[test]
    fn a_leg_on_hold_gets_and_gives_nothing() {
        let mut bridge = Bridge::new();
        bridge.two.set_direction(MediaDirection::RecvOnly);
        let packet = bridge.speak(&tone(0)).unwrap();
        assert_eq!(bridge.pass(&packet), None);
        bridge.two.set_direction(MediaDirection::SendRecv);
        bridge.one.set_direction(MediaDirection::SendOnly);
        let packet = bridge.speak(&tone(1)).unwrap();
        assert_eq!(bridge.pass(&packet), None);
    }
}
