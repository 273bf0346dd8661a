//! When packets arrive: the longest gap and the losses, as the phone at the end of the line sees them.
//!
//! The measure of "no gap over 40 ms" must not come from the sender's own clock, so it is taken where packets arrive.

use std::time::Duration;

use call::Moment;
use media::{Marker, RtpPacket, SeqNo, Ssrc};

/// Arrival times of one stream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Arrivals {
    last: Option<(Ssrc, SeqNo, Moment)>,
    gap_max: Duration,
    received: u64,
    missing: u64,
}

impl Arrivals {
    /// A datagram came. What is not RTP is ignored.
    pub(crate) fn handle_datagram(&mut self, datagram: &[u8], now: Moment) {
        let Ok(packet) = RtpPacket::parse(datagram) else { return };
        self.received += 1;
        let Some((ssrc, seq, at)) = self.last else {
            self.last = Some((packet.ssrc, packet.seq, now));
            return;
        };
        let ahead = packet.seq.since(seq);
        if ssrc == packet.ssrc && ahead <= 0 {
            // A late or doubled packet fills a hole or none; the gap was already counted.
            self.missing = self.missing.saturating_sub(u64::from(ahead < 0));
            return;
        }
        if ssrc == packet.ssrc {
            self.missing += u64::from(ahead.unsigned_abs()) - 1;
            // RFC 3551 4.1: the marker says that the sender was silent on purpose.
            if packet.marker == Marker::Clear {
                self.gap_max = self.gap_max.max(now.since(at));
            }
        }
        self.last = Some((packet.ssrc, packet.seq, now));
    }

    /// The longest gap between two packets of unbroken sound.
    pub(crate) const fn gap_max(&self) -> Duration {
        self.gap_max
    }

    /// Packets that came.
    pub(crate) const fn received(&self) -> u64 {
        self.received
    }

    /// Packets whose numbers never came.
    pub(crate) const fn missing(&self) -> u64 {
        self.missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets as number, marker and arrival in milliseconds; the longest gap and the missing.
    fn check(packets: &[(u16, bool, u64)], gap_ms: u128, missing: u64) {
        let mut arrivals = Arrivals::default();
        for &(seq, marker, at_ms) in packets {
            let mut datagram = vec![0x80, if marker { 0x80 } else { 0 }];
            datagram.extend(seq.to_be_bytes());
            datagram.extend([0; 8]);
            datagram.extend([0xFF; 160]);
            arrivals.handle_datagram(&datagram, Moment::from_millis(at_ms));
        }
        assert_eq!((arrivals.gap_max().as_millis(), arrivals.missing()), (gap_ms, missing), "{packets:?}");
        assert_eq!(arrivals.received(), packets.len() as u64);
    }

    #[test]
    fn gaps_and_losses_are_counted_and_pauses_on_purpose_are_not() {
        check(&[(1, true, 0), (2, false, 20), (3, false, 45)], 25, 0);
        check(&[(65_535, false, 0), (0, false, 20), (2, false, 60)], 40, 1);
        check(&[(1, false, 0), (2, true, 900), (3, false, 920)], 20, 0);
        check(&[(1, false, 0), (3, false, 20), (2, false, 21), (4, false, 40)], 20, 0);
        check(&[(1, false, 0), (1, false, 5), (2, false, 20)], 20, 0);
        check(&[], 0, 0);
    }

    #[test]
    fn what_is_not_rtp_is_ignored() {
        let mut arrivals = Arrivals::default();
        arrivals.handle_datagram(b"", Moment::START);
        arrivals.handle_datagram(&[0; 40], Moment::START);
        assert_eq!(arrivals.received(), 0);
    }
}
