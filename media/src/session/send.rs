//! The speaking half of a session: resampler, encoder, digits, numbers and timestamps.

use call::{AudioFrame, Codec};

use crate::codec::Encoder;
use crate::dtmf::{DigitRefused, DigitSender, EVENT_LEN};
use crate::resample::Resampler;
use crate::rtp::{HEADER_LEN, Marker, PACKET_MAX, RtpHeader, RtpTime, SeqNo, Ssrc};
use crate::session::relay::Mapping;
use crate::session::{RtpConfig, SessionError};

#[derive(Debug)]
pub(super) struct Sender {
    encoder: Encoder,
    resampler: Resampler,
    digits: DigitSender,
    /// Samples at the codec's rate, one frame.
    samples: Vec<i16>,
    pub(super) payload_type: u8,
    pub(super) telephone_event: Option<u8>,
    pub(super) ssrc: Ssrc,
    pub(super) seq: SeqNo,
    pub(super) time: RtpTime,
    pub(super) frame_ticks: u32,
    /// Set after silence, so that the first packet of sound is marked (RFC 3551 4.1).
    marker: Marker,
    /// Set while packets of another leg go on under our numbers.
    pub(super) relaying: Option<Mapping>,
    pub(super) sent: u64,
}

impl Sender {
    pub(super) fn new(config: &RtpConfig) -> Result<Self, SessionError> {
        let encoder = Encoder::new(config.codec)?;
        Ok(Self {
            resampler: Resampler::new(AudioFrame::RATE, encoder.rate())?,
            samples: Vec::with_capacity(encoder.rate().samples_per_frame() * 2),
            digits: DigitSender::new(),
            payload_type: config.payload_type,
            telephone_event: config.telephone_event,
            ssrc: config.ssrc,
            seq: config.first_seq,
            time: config.first_time,
            frame_ticks: config.codec.rtp_clock_hz() / 50,
            marker: Marker::Set,
            relaying: None,
            sent: 0,
            encoder,
        })
    }

    /// Another codec from here on; the stream goes on with its numbers (RFC 3264 8.3.2).
    pub(super) fn set_codec(&mut self, codec: Codec) -> Result<(), SessionError> {
        let encoder = Encoder::new(codec)?;
        self.resampler = Resampler::new(AudioFrame::RATE, encoder.rate())?;
        self.encoder = encoder;
        self.frame_ticks = codec.rtp_clock_hz() / 50;
        self.marker = Marker::Set;
        Ok(())
    }

    pub(super) const fn set_payload_types(&mut self, sound: u8, telephone_event: Option<u8>) {
        (self.payload_type, self.telephone_event) = (sound, telephone_event);
    }

    /// Writes the packet of the next 20 ms and returns its length; `None` when the codec has nothing to send.
    pub(super) fn packet(&mut self, frame: &AudioFrame, out: &mut [u8; PACKET_MAX]) -> Option<usize> {
        self.end_relay();
        self.samples.clear();
        self.resampler.process(&frame.0, &mut self.samples);
        let event = self.telephone_event.and_then(|kind| Some((kind, self.digits.next(self.time, self.frame_ticks)?)));
        let (payload_type, marker, time, length) = match event {
            Some((kind, event)) => {
                out[HEADER_LEN..HEADER_LEN + EVENT_LEN].copy_from_slice(&event.payload);
                (kind, event.marker, event.time, EVENT_LEN)
            }
            None => {
                let length = self.encoder.encode(&self.samples, &mut out[HEADER_LEN..]);
                if length == 0 {
                    self.time = self.time.plus(self.frame_ticks);
                    self.marker = Marker::Set;
                    return None;
                }
                let marker = std::mem::replace(&mut self.marker, Marker::Clear);
                (self.payload_type, marker, self.time, length)
            }
        };
        RtpHeader { marker, payload_type, seq: self.seq, time, ssrc: self.ssrc }.write(out);
        self.seq = self.seq.plus(1);
        self.time = self.time.plus(self.frame_ticks);
        self.sent += 1;
        Some(HEADER_LEN + length)
    }

    /// Lets 20 ms go by without a packet.
    pub(super) fn skip(&mut self) {
        self.time = self.time.plus(self.frame_ticks);
        if self.marker == Marker::Clear {
            self.marker = Marker::Set;
            self.resampler.reset();
        }
    }

    pub(super) fn push_digit(&mut self, digit: char) -> Result<(), DigitRefused> {
        if self.telephone_event.is_none() {
            return Err(DigitRefused::NotNegotiated);
        }
        self.digits.push(digit)
    }

    pub(super) fn is_sending_digits(&self) -> bool {
        self.digits.is_busy()
    }
}
