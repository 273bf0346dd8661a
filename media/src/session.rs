//! One leg's sound on the wire: datagrams in, frames out, and back.
//!
//! The media worker owns one per leg and calls it every 20 ms. After [`RtpSession::new`] nothing here allocates, locks,
//! waits or logs; what an outsider sends can be counted but cannot do harm.

mod receive;
mod relay;
mod send;
mod source;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use call::{AudioFrame, Codec, Moment, Pii};
use thiserror::Error;

use crate::codec::CodecUnsupported;
use crate::dtmf::{DigitReceiver, DigitRefused};
use crate::jitter::Inserted;
use crate::resample::ResampleError;
use crate::rtp::{PACKET_MAX, RtpError, RtpPacket, RtpTime, SeqNo, Ssrc};
use receive::Receiver;
use send::Sender;
use source::{Admission, Source};

pub use relay::{Attention, Relay};

/// Events that may wait to be polled; more are dropped and counted.
pub const EVENTS_MAX: usize = 32;

/// What offer and answer agreed on, and the random numbers a stream begins with (RFC 3550 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpConfig {
    /// How sound is packed, both ways.
    pub codec: Codec,
    /// The number that means this codec, both ways.
    pub payload_type: u8,
    /// The number that means key presses (RFC 4733), if agreed.
    pub telephone_event: Option<u8>,
    /// Where the other side wants its sound, from its SDP.
    pub remote: SocketAddr,
    /// Our stream.
    pub ssrc: Ssrc,
    /// Number of our first packet.
    pub first_seq: SeqNo,
    /// Media time of our first sample.
    pub first_time: RtpTime,
}

/// Which way sound goes, as we see it (RFC 3264 5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MediaDirection {
    /// Neither way.
    Inactive,
    /// We only listen.
    RecvOnly,
    /// We only speak: the other side has put us on hold, or we it.
    SendOnly,
    /// Both ways.
    #[default]
    SendRecv,
}

impl MediaDirection {
    /// Whether we may speak.
    pub const fn sends(self) -> bool {
        match self {
            Self::Inactive | Self::RecvOnly => false,
            Self::SendOnly | Self::SendRecv => true,
        }
    }

    /// Whether we listen.
    pub const fn receives(self) -> bool {
        match self {
            Self::Inactive | Self::SendOnly => false,
            Self::RecvOnly | Self::SendRecv => true,
        }
    }
}

/// Something the wire has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtpEvent {
    /// A key was pressed. Told once, when it goes down.
    Digit(Pii<char>),
    /// The other side now sends from elsewhere, or has started its stream anew.
    SourceChanged(SocketAddr),
    /// The first packets have come, from here.
    SourceLatched(SocketAddr),
}

/// A packet ready to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketOut {
    /// Bytes of it in the buffer.
    pub len: usize,
    /// Where it goes.
    pub to: SocketAddr,
}

/// What a session has counted since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RtpStats {
    /// Packets of the stream that arrived, duplicates not counted.
    pub received: u64,
    /// Packets of the stream that never came.
    pub lost: u64,
    /// Packets that came after their time.
    pub late: u64,
    /// Packets that came again.
    pub duplicate: u64,
    /// Packets dropped because too many were waiting.
    pub overflowed: u64,
    /// Packets from others than the source.
    pub discarded_strangers: u64,
    /// Datagrams that were no RTP, or no sound.
    pub malformed: u64,
    /// Packets of a payload type nobody agreed on.
    pub unexpected: u64,
    /// Events dropped because nobody polled them.
    pub events_dropped: u64,
    /// Mean deviation of arrival times in milliseconds (RFC 3550 6.4.1).
    pub jitter_ms: f32,
    /// How much sound the jitter buffer aims to hold back, in milliseconds.
    pub target_delay_ms: u32,
    /// Sound made up for packets that were not there, in milliseconds.
    pub concealed_ms: u64,
    /// Packets we sent.
    pub sent: u64,
    /// When the last packet of the stream came.
    pub last_received: Option<Moment>,
}

/// Why a session cannot begin. Ours to fix: the answer must not agree to what we cannot carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SessionError {
    /// The codec is not one of [`crate::CODECS`].
    #[error(transparent)]
    Codec(#[from] CodecUnsupported),
    /// The codec's rate cannot be brought to that of the house.
    #[error(transparent)]
    Resample(#[from] ResampleError),
}

/// One leg's sound on the wire.
#[derive(Debug)]
pub struct RtpSession {
    codec: Codec,
    payload_type: u8,
    telephone_event: Option<u8>,
    direction: MediaDirection,
    attention: Attention,
    source: Source,
    receiver: Receiver,
    digits: DigitReceiver,
    sender: Sender,
    events: VecDeque<RtpEvent>,
    stats: RtpStats,
    expected: u64,
    alive: Option<Moment>,
}

impl RtpSession {
    /// A session that sends and receives.
    ///
    /// # Errors
    /// [`SessionError`] when the codec cannot be carried.
    pub fn new(config: RtpConfig) -> Result<Self, SessionError> {
        Ok(Self {
            codec: config.codec,
            payload_type: config.payload_type,
            telephone_event: config.telephone_event,
            direction: MediaDirection::default(),
            attention: Attention::default(),
            source: Source::new(config.remote),
            receiver: Receiver::new(config.codec)?,
            digits: DigitReceiver::default(),
            sender: Sender::new(&config)?,
            events: VecDeque::with_capacity(EVENTS_MAX),
            stats: RtpStats::default(),
            expected: 0,
            alive: None,
        })
    }

    /// Takes a datagram that arrived at `now`. Whatever it holds, nothing worse happens than a count.
    pub fn handle_datagram(&mut self, from: SocketAddr, datagram: &[u8], now: Moment) {
        self.take_datagram(from, datagram, now);
    }

    /// As [`RtpSession::handle_datagram`], and hands out what may go on to a bridged leg.
    pub fn take_datagram<'a>(&mut self, from: SocketAddr, datagram: &'a [u8], now: Moment) -> Option<Relay<'a>> {
        let packet = match RtpPacket::parse(datagram) {
            Ok(packet) => packet,
            Err(RtpError::Rtcp) => {
                self.stats.unexpected += 1;
                // A phone that says nothing still reports, on this port where both share one (RFC 5761).
                if self.source.is_heard_from(from) {
                    self.alive = Some(now);
                }
                return None;
            }
            Err(RtpError::Padding | RtpError::Short | RtpError::Version) => {
                self.stats.malformed += 1;
                return None;
            }
        };
        let is_sound = packet.payload_type == self.payload_type;
        let is_event = Some(packet.payload_type) == self.telephone_event;
        if !(is_sound || is_event || packet.payload_type == COMFORT_NOISE) {
            self.stats.unexpected += 1;
            return None;
        }
        if !self.admit(from, &packet, now) {
            return None;
        }
        let relay = if is_sound {
            self.hear(&packet, now);
            Some(Relay::sound(&packet))
        } else if is_event {
            self.stats.received += 1;
            let digit = self.digits.handle(packet.payload, packet.time, self.codec.rtp_clock_hz());
            if let Some(digit) = digit {
                self.tell(RtpEvent::Digit(Pii::new(digit)));
            }
            Some(Relay::event(&packet))
        } else {
            // Comfort noise (RFC 3389) says that silence begins, which is what we play anyway.
            self.stats.received += 1;
            None
        };
        relay.filter(|_| self.direction.receives())
    }

    /// The next 20 ms of what the other side says; call it once per tick. `None` before the first packet, in a long
    /// silence, and while we are not to listen.
    pub fn next_frame(&mut self, now: Moment) -> Option<AudioFrame> {
        let mut frame = AudioFrame::SILENCE;
        self.next_frame_into(&mut frame, now).then_some(frame)
    }

    /// As [`RtpSession::next_frame`], without moving the sound about: false where that gives `None`.
    pub fn next_frame_into(&mut self, frame: &mut AudioFrame, now: Moment) -> bool {
        self.attention == Attention::Heard && self.receiver.next_frame(frame, now) && self.direction.receives()
    }

    /// The next thing the wire has told.
    pub fn poll_event(&mut self) -> Option<RtpEvent> {
        self.events.pop_front()
    }

    /// Writes the packet for the next 20 ms of what we say; call this or [`RtpSession::skip_packet`] once per tick.
    /// While keys are being sent, a telephone-event takes the frame's place. `None` while we are not to speak, and in
    /// silence that the codec does not send (DTX).
    pub fn packet(&mut self, frame: &AudioFrame, out: &mut [u8; PACKET_MAX]) -> Option<PacketOut> {
        if !self.direction.sends() {
            self.sender.skip();
            return None;
        }
        let len = self.sender.packet(frame, out)?;
        Some(PacketOut { len, to: self.source.remote() })
    }

    /// Lets 20 ms go by unsaid. The next packet is marked as the first after silence.
    pub fn skip_packet(&mut self) {
        self.sender.skip();
    }

    /// Sends a key press after those that wait: 100 ms down, the end told three times, 60 ms pause.
    ///
    /// # Errors
    /// [`DigitRefused`] when it is no key, was not negotiated, or too many wait.
    pub fn send_digit(&mut self, digit: char) -> Result<(), DigitRefused> {
        self.sender.push_digit(digit)
    }

    /// Whether keys are still being sent; then [`RtpSession::packet`] must be called although nothing is said.
    pub fn is_sending_digits(&self) -> bool {
        self.sender.is_sending_digits()
    }

    /// The address from a new SDP. When it differs from the last, the next good source is taken.
    pub fn set_remote(&mut self, remote: SocketAddr) {
        self.source.announce(remote);
    }

    /// Where our packets go now: the address they come from, else the one announced.
    pub fn remote(&self) -> SocketAddr {
        self.source.remote()
    }

    /// Hold and resume, as the last offer and answer say.
    pub const fn set_direction(&mut self, direction: MediaDirection) {
        self.direction = direction;
    }

    /// Which way sound goes.
    pub const fn direction(&self) -> MediaDirection {
        self.direction
    }

    /// Other codec or payload types, after a re-INVITE. Our stream goes on with its numbers. Allocates when the codec
    /// changes.
    ///
    /// # Errors
    /// [`SessionError`] when the codec cannot be carried; the session stays as it was.
    pub fn set_codec(
        &mut self,
        codec: Codec,
        payload_type: u8,
        telephone_event: Option<u8>,
    ) -> Result<(), SessionError> {
        // A re-INVITE for hold changes nothing here, and then the sound must go on without a seam.
        if codec != self.codec {
            let receiver = Receiver::new(codec)?;
            self.sender.set_codec(codec)?;
            self.receiver = receiver;
        }
        self.sender.set_payload_types(payload_type, telephone_event);
        (self.codec, self.payload_type, self.telephone_event) = (codec, payload_type, telephone_event);
        Ok(())
    }

    /// What has been counted.
    pub fn stats(&self) -> RtpStats {
        let jitter = &self.receiver.jitter;
        let (late, overflowed) = jitter.late_and_dropped();
        let frame_ms = AudioFrame::DURATION.as_millis() as u32;
        RtpStats {
            late,
            overflowed,
            lost: self.expected.saturating_sub(self.stats.received),
            jitter_ms: jitter.jitter().as_secs_f32() * 1_000.0,
            target_delay_ms: jitter.target_frames() * frame_ms,
            concealed_ms: self.receiver.concealed_ticks * 1_000 / u64::from(self.codec.rtp_clock_hz()),
            sent: self.sender.sent,
            ..self.stats
        }
    }

    /// How long the other side has been silent; `None` when it was never heard.
    pub fn silent_for(&self, now: Moment) -> Option<Duration> {
        self.stats.last_received.map(|last| now.since(last))
    }

    /// When the other side last showed that it is there: by sound, comfort noise, keys, or a report on the sound's port.
    pub const fn alive_at(&self) -> Option<Moment> {
        self.alive
    }

    fn admit(&mut self, from: SocketAddr, packet: &RtpPacket<'_>, now: Moment) -> bool {
        match self.source.admit(from, packet, now) {
            Admission::Accepted { ahead } => self.expected += u64::from(ahead),
            Admission::Held => return false,
            Admission::Started => {
                self.expected += 1;
                self.receiver.reset();
                let first = self.stats.last_received.is_none();
                self.tell(if first { RtpEvent::SourceLatched(from) } else { RtpEvent::SourceChanged(from) });
            }
            Admission::Stranger => {
                self.stats.discarded_strangers += 1;
                return false;
            }
        }
        self.stats.last_received = Some(now);
        self.alive = Some(now);
        true
    }

    fn hear(&mut self, packet: &RtpPacket<'_>, now: Moment) {
        if self.attention == Attention::Unheard {
            return self.let_pass(packet, now);
        }
        let ticks = self.receiver.ticks(packet.payload);
        match self.receiver.jitter.insert(packet.seq, packet.time, ticks, packet.payload, now) {
            Inserted::Duplicate => self.stats.duplicate += 1,
            Inserted::Late | Inserted::Stored => self.stats.received += 1,
            Inserted::Unfit => self.stats.malformed += 1,
        }
    }

    fn tell(&mut self, event: RtpEvent) {
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(event);
        } else {
            self.stats.events_dropped += 1;
        }
    }
}

/// The payload type of comfort noise (RFC 3389 6).
const COMFORT_NOISE: u8 = 13;

#[cfg(test)]
mod tests;
