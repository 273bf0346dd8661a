//! Whose packets are heard: symmetric RTP that takes the first good source and then resists strangers.
//!
//! Behind NAT the address in the SDP is often wrong, so the source of the packets decides. But whoever finds the port
//! must not be able to speak in the caller's place: a new source is taken only once the old one has gone quiet, or when
//! it is the one the signalling announced, and only after packets in sequence (RFC 3550 A.1).

use std::net::SocketAddr;
use std::time::Duration;

use call::Moment;

use crate::rtp::{RtpPacket, SeqNo, Ssrc};

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It belongs to the stream and is so many packets ahead of the newest; 0 when it comes out of order or again.
    Accepted { ahead: u16 },
    /// It may be the first of a new stream; another in sequence will show.
    Held,
    /// It begins a stream: the first, or one that replaces the last.
    Started,
    /// From someone else, while the source is well.
    Stranger,
}

#[derive(Debug)]
pub(super) struct Source {
    announced: SocketAddr,
    stream: Option<Stream>,
    candidates: [Option<Candidate>; CANDIDATES],
    oldest: usize,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    from: SocketAddr,
    ssrc: Ssrc,
    newest: SeqNo,
    heard: Moment,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    from: SocketAddr,
    ssrc: Ssrc,
    expected: SeqNo,
}

impl Source {
    pub(super) fn new(announced: SocketAddr) -> Self {
        Self { announced, stream: None, candidates: [None; CANDIDATES], oldest: 0 }
    }

    /// Where packets go: to where they come from, or where the SDP says until they come.
    pub(super) fn remote(&self) -> SocketAddr {
        self.stream.map_or(self.announced, |stream| stream.from)
    }

    /// Whether the stream that is heard comes from there.
    pub(super) fn is_heard_from(&self, from: SocketAddr) -> bool {
        self.stream.is_some_and(|stream| stream.from == from)
    }

    /// A new address from the signalling. When it differs, the next good source is taken, whoever it is.
    pub(super) fn announce(&mut self, announced: SocketAddr) {
        if self.announced != announced {
            *self = Self::new(announced);
        }
    }

    pub(super) fn admit(&mut self, from: SocketAddr, packet: &RtpPacket<'_>, now: Moment) -> Admission {
        let Some(stream) = &mut self.stream else {
            // What comes from the announced address needs no second packet.
            let known = from == self.announced;
            return if known || self.in_sequence(from, packet) {
                self.start(from, packet, now)
            } else {
                Admission::Held
            };
        };
        let ahead = packet.seq.since(stream.newest);
        if stream.from == from && stream.ssrc == packet.ssrc && (-MISORDER_MAX..=DROPOUT_MAX).contains(&ahead) {
            stream.heard = now;
            if ahead > 0 {
                stream.newest = packet.seq;
            }
            return Admission::Accepted { ahead: ahead.max(0).unsigned_abs() };
        }
        if !self.may_replace(from, packet, now) {
            return Admission::Stranger;
        }
        if self.in_sequence(from, packet) { self.start(from, packet, now) } else { Admission::Held }
    }

    /// Whether someone else may take over at all.
    fn may_replace(&self, from: SocketAddr, packet: &RtpPacket<'_>, now: Moment) -> bool {
        let Some(stream) = self.stream else { return true };
        let quiet = now.since(stream.heard);
        // The same stream from elsewhere: the NAT in between has given it another port.
        let rebound = stream.ssrc == packet.ssrc && (1..=DROPOUT_MAX).contains(&packet.seq.since(stream.newest));
        stream.from == from || from == self.announced || quiet >= RELATCH_AFTER || (rebound && quiet >= REBIND_AFTER)
    }

    /// Whether this is the packet that a candidate had to send next; if not, it becomes a candidate.
    fn in_sequence(&mut self, from: SocketAddr, packet: &RtpPacket<'_>) -> bool {
        let expected = packet.seq.plus(1);
        let known = self.candidates.iter_mut().flatten().find(|known| known.from == from && known.ssrc == packet.ssrc);
        if let Some(known) = known {
            let in_sequence = known.expected == packet.seq;
            known.expected = expected;
            return in_sequence;
        }
        let place = self.candidates.iter().position(Option::is_none).unwrap_or(self.oldest);
        self.oldest = (place + 1) % CANDIDATES;
        self.candidates[place] = Some(Candidate { from, ssrc: packet.ssrc, expected });
        false
    }

    fn start(&mut self, from: SocketAddr, packet: &RtpPacket<'_>, now: Moment) -> Admission {
        self.stream = Some(Stream { from, ssrc: packet.ssrc, newest: packet.seq, heard: now });
        self.candidates = [None; CANDIDATES];
        Admission::Started
    }
}

/// Sources on probation at once, so that noise from one does not keep another from being taken.
const CANDIDATES: usize = 4;
/// RFC 3550 A.1: a gap longer than this is a restarted sender.
const DROPOUT_MAX: i16 = 3_000;
/// RFC 3550 A.1: a packet older than this is one of a restarted sender.
const MISORDER_MAX: i16 = 100;
/// A source silent for so long may be replaced by anyone.
const RELATCH_AFTER: Duration = Duration::from_secs(2);
/// A source silent for so long may go on from another address.
const REBIND_AFTER: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::{Marker, RtpTime};

    const ANNOUNCED: &str = "10.0.0.1:4000";
    const NAT: &str = "192.0.2.1:5000";
    const STRANGER: &str = "203.0.113.9:6000";

    /// Packets as (ms, from, ssrc, seq); the answers as one letter each.
    #[track_caller]
    fn check(packets: &[(u64, &str, u32, u16)], expected: &str) {
        let mut source = Source::new(ANNOUNCED.parse().unwrap());
        let answers: String = packets
            .iter()
            .map(|&(ms, from, ssrc, seq)| {
                let packet = RtpPacket {
                    marker: Marker::Clear,
                    payload_type: 0,
                    seq: SeqNo(seq),
                    time: RtpTime(0),
                    ssrc: Ssrc(ssrc),
                    payload: &[],
                };
                match source.admit(from.parse().unwrap(), &packet, Moment::from_millis(ms)) {
                    Admission::Accepted { .. } => 'a',
                    Admission::Held => 'h',
                    Admission::Started => 'S',
                    Admission::Stranger => 'x',
                }
            })
            .collect();
        assert_eq!(answers, expected);
    }

    #[test]
    fn the_announced_source_is_heard_at_once() {
        check(&[(0, ANNOUNCED, 1, 10), (20, ANNOUNCED, 1, 11), (40, ANNOUNCED, 1, 12)], "Saa");
    }

    #[test]
    fn a_caller_behind_nat_is_heard_after_two_packets() {
        check(&[(0, NAT, 1, 10), (20, NAT, 1, 11), (40, NAT, 1, 12)], "hSa");
    }

    #[test]
    fn noise_does_not_keep_a_caller_out() {
        check(&[(0, NAT, 1, 10), (1, STRANGER, 9, 5), (2, STRANGER, 8, 99), (20, NAT, 1, 11)], "hhhS");
    }

    #[test]
    fn a_stranger_cannot_take_over_while_the_caller_speaks() {
        check(&[(0, NAT, 1, 10), (20, NAT, 1, 11), (30, STRANGER, 1, 12), (40, STRANGER, 1, 13)], "hSxx");
    }

    #[test]
    fn a_silent_caller_is_replaced_after_a_while() {
        let taken = [(0, ANNOUNCED, 1, 10), (1_990, NAT, 2, 1), (2_010, NAT, 2, 2), (2_030, NAT, 2, 3)];
        check(&taken, "SxhS");
    }

    #[test]
    fn a_rebound_nat_is_followed_soon() {
        check(&[(0, ANNOUNCED, 1, 10), (120, NAT, 1, 16), (140, NAT, 1, 17), (160, NAT, 1, 18)], "ShSa");
    }

    #[test]
    fn a_restarted_sender_is_heard_again() {
        check(&[(0, NAT, 1, 9), (20, NAT, 1, 10), (40, NAT, 2, 500), (60, NAT, 2, 501)], "hShS");
        check(&[(0, ANNOUNCED, 1, 9), (40, ANNOUNCED, 1, 30_000), (60, ANNOUNCED, 1, 30_001)], "ShS");
    }

    #[test]
    fn a_new_address_in_the_signalling_begins_anew() {
        let mut source = Source::new(ANNOUNCED.parse().unwrap());
        source.announce(NAT.parse().unwrap());
        assert_eq!(source.remote(), NAT.parse().unwrap());
    }
}
