//! RTP packets: the numbers in the header as types of their own, read without trust and written without allocation.
//!
//! Sequence numbers and timestamps wrap, so they compare by distance and never by size.

use thiserror::Error;

/// The longest packet we write: a header and 60 ms of G.711, with room to spare below any MTU.
pub const PACKET_MAX: usize = 1_200;

/// Bytes of a header without contributing sources and extension.
pub const HEADER_LEN: usize = 12;

/// Number of a packet within its stream; wraps after 65,535 (RFC 3550 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeqNo(pub u16);

impl SeqNo {
    /// The number `count` packets later.
    #[must_use]
    pub const fn plus(self, count: u16) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// How many packets this one is after `earlier`: negative when before it, exact within half the circle.
    pub const fn since(self, earlier: Self) -> i16 {
        self.0.wrapping_sub(earlier.0).cast_signed()
    }
}

/// Media time in ticks of the codec's RTP clock; wraps (RFC 3550 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RtpTime(pub u32);

impl RtpTime {
    /// The time `ticks` later.
    #[must_use]
    pub const fn plus(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    /// Ticks from `earlier` to here: negative when before it, exact within half the circle.
    pub const fn since(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0).cast_signed()
    }
}

/// Who sends a stream, as a random number (RFC 3550 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ssrc(pub u32);

/// Whether a packet begins a stretch of sound after silence (RFC 3551 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// The sound goes on, or the sender never marks.
    Clear,
    /// First packet after silence, or of a key press.
    Set,
}

/// Why bytes are not an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RtpError {
    /// The header or what it announces does not fit into the datagram.
    #[error("the packet ends before its header does")]
    Short,
    /// The padding count is zero or longer than the payload (RFC 3550 5.1).
    #[error("the padding is longer than the packet")]
    Padding,
    /// RTCP on the RTP port (RFC 5761 4): not an error of the sender, but no sound either.
    #[error("RTCP on the RTP port")]
    Rtcp,
    /// Another version than 2: STUN, DTLS, or noise.
    #[error("not RTP version 2")]
    Version,
}

/// A packet whose header has been read. The payload is borrowed from the datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    /// Set on the first packet after silence, by senders that care.
    pub marker: Marker,
    /// What the payload is, 0 to 127, as negotiated.
    pub payload_type: u8,
    /// Place in the stream.
    pub seq: SeqNo,
    /// Media time of the first sample.
    pub time: RtpTime,
    /// The stream.
    pub ssrc: Ssrc,
    /// The sound, without extension and padding.
    pub payload: &'a [u8],
}

impl<'a> RtpPacket<'a> {
    /// Reads a datagram. Contributing sources, extensions and padding are stepped over (RFC 3550 5.1 and A.1).
    ///
    /// # Errors
    /// [`RtpError`] when the bytes are not a whole RTP packet.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, RtpError> {
        let (header, mut rest) = datagram.split_first_chunk::<HEADER_LEN>().ok_or(RtpError::Short)?;
        let [first, second, seq_high, seq_low, t0, t1, t2, t3, s0, s1, s2, s3] = *header;
        if first >> 6 != VERSION {
            return Err(RtpError::Version);
        }
        if RTCP_TYPES.contains(&second) {
            return Err(RtpError::Rtcp);
        }
        let sources = usize::from(first & 0x0f) * 4;
        rest = rest.get(sources..).ok_or(RtpError::Short)?;
        if first & EXTENSION_BIT != 0 {
            let (head, after) = rest.split_first_chunk::<4>().ok_or(RtpError::Short)?;
            let words = usize::from(u16::from_be_bytes([head[2], head[3]]));
            rest = after.get(words * 4..).ok_or(RtpError::Short)?;
        }
        if first & PADDING_BIT != 0 {
            let count = usize::from(*rest.last().ok_or(RtpError::Padding)?);
            let kept = rest.len().checked_sub(count).filter(|_| count > 0).ok_or(RtpError::Padding)?;
            rest = &rest[..kept];
        }
        Ok(Self {
            marker: if second & MARKER_BIT == 0 { Marker::Clear } else { Marker::Set },
            payload_type: second & !MARKER_BIT,
            seq: SeqNo(u16::from_be_bytes([seq_high, seq_low])),
            time: RtpTime(u32::from_be_bytes([t0, t1, t2, t3])),
            ssrc: Ssrc(u32::from_be_bytes([s0, s1, s2, s3])),
            payload: rest,
        })
    }
}

/// The header of a packet of ours. The payload is written behind it by the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    /// Set on the first packet after silence.
    pub marker: Marker,
    /// What the payload is, 0 to 127.
    pub payload_type: u8,
    /// Place in the stream.
    pub seq: SeqNo,
    /// Media time of the first sample.
    pub time: RtpTime,
    /// The stream.
    pub ssrc: Ssrc,
}

impl RtpHeader {
    /// Writes the header into the first [`HEADER_LEN`] bytes of `out`.
    pub fn write(&self, out: &mut [u8; PACKET_MAX]) {
        let marker = match self.marker {
            Marker::Clear => 0,
            Marker::Set => MARKER_BIT,
        };
        out[0] = VERSION << 6;
        out[1] = marker | (self.payload_type & !MARKER_BIT);
        out[2..4].copy_from_slice(&self.seq.0.to_be_bytes());
        out[4..8].copy_from_slice(&self.time.0.to_be_bytes());
        out[8..12].copy_from_slice(&self.ssrc.0.to_be_bytes());
    }
}

const VERSION: u8 = 2;
const PADDING_BIT: u8 = 0x20;
const EXTENSION_BIT: u8 = 0x10;
const MARKER_BIT: u8 = 0x80;

/// Second bytes that mean RTCP when both share a port (RFC 5761 4).
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 192..=223;

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 14] = [0x80, 0x80, 0x12, 0x34, 0, 0, 0, 160, 0xde, 0xad, 0xbe, 0xef, 0x11, 0x22];

    #[test]
    fn a_plain_packet_is_read() {
        let packet = RtpPacket::parse(&PLAIN).unwrap();
        let expected = RtpPacket {
            marker: Marker::Set,
            payload_type: 0,
            seq: SeqNo(0x1234),
            time: RtpTime(160),
            ssrc: Ssrc(0xdead_beef),
            payload: &[0x11, 0x22],
        };
        assert_eq!(packet, expected);
    }

    #[test]
    fn sources_extension_and_padding_are_stepped_over() {
        let mut bytes = PLAIN[..12].to_vec();
        bytes[0] = 0x80 | PADDING_BIT | EXTENSION_BIT | 2;
        bytes.extend([0; 8]);
        bytes.extend([0xbe, 0xde, 0, 1, 9, 9, 9, 9]);
        bytes.extend([7, 8, 0, 0, 3]);
        assert_eq!(RtpPacket::parse(&bytes).unwrap().payload, [7, 8]);
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: RtpError) {
        assert_eq!(RtpPacket::parse(bytes), Err(expected));
    }

    #[test]
    fn what_is_not_rtp_is_refused() {
        let with_first = |first: u8| {
            let mut bytes = PLAIN;
            bytes[0] = first;
            bytes
        };
        check(&[], RtpError::Short);
        check(&PLAIN[..11], RtpError::Short);
        check(&with_first(0x00), RtpError::Version);
        check(&with_first(0x8f), RtpError::Short);
        check(&with_first(0x90), RtpError::Short);
        check(&with_first(0xa0), RtpError::Padding);
        check(&[0x80, 200, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0], RtpError::Rtcp);
    }

    #[test]
    fn what_we_write_we_read() {
        let header = RtpHeader {
            marker: Marker::Set,
            payload_type: 101,
            seq: SeqNo(65_535),
            time: RtpTime(u32::MAX),
            ssrc: Ssrc(7),
        };
        let mut out = [0xff; PACKET_MAX];
        header.write(&mut out);
        let packet = RtpPacket::parse(&out[..HEADER_LEN + 4]).unwrap();
        assert_eq!((packet.marker, packet.payload_type, packet.seq), (Marker::Set, 101, SeqNo(65_535)));
        assert_eq!((packet.time, packet.ssrc, packet.payload.len()), (RtpTime(u32::MAX), Ssrc(7), 4));
    }

    #[test]
    fn numbers_compare_across_the_wrap() {
        assert_eq!(SeqNo(2).since(SeqNo(65_534)), 4);
        assert_eq!(SeqNo(65_534).since(SeqNo(2)), -4);
        assert_eq!(RtpTime(80).since(RtpTime(u32::MAX - 79)), 160);
        assert_eq!(SeqNo(65_535).plus(1), SeqNo(0));
    }
}
