//! One leg of a call on its media thread: its socket, its RTP, and what plays to it.

use std::io;
use std::net::UdpSocket;
use std::time::Duration;

use call::{AudioFrame, LegId, Moment};
use media::{Attention, PACKET_MAX, Playout, Relay, RtpEvent, RtpSession};

use super::WireEvent;
use super::events::EventSender;

/// One leg.
pub(super) struct Leg {
    pub(super) id: LegId,
    socket: UdpSocket,
    pub(super) rtp: Box<RtpSession>,
    pub(super) playout: Playout,
    /// Whether the call wants its frames.
    pub(super) wanted: Attention,
    /// Whether [`Leg::heard`] holds sound of this beat.
    has_heard: bool,
    heard: AudioFrame,
    /// When the call last knew that the phone is there.
    alive_told: Moment,
    /// What this beat's packet held.
    sent: AudioFrame,
    pub(super) sent_rms: f32,
    /// Beats since a packet of the bridged leg went on to this one.
    quiet_beats: u32,
}

/// Where a beat's packets are read and written: one of these serves all legs of a thread.
pub(super) struct Buffers {
    datagram: Box<[u8; DATAGRAM_MAX]>,
    packet: Box<[u8; PACKET_MAX]>,
}

impl Buffers {
    pub(super) fn new() -> Self {
        Self { datagram: Box::new([0; DATAGRAM_MAX]), packet: Box::new([0; PACKET_MAX]) }
    }
}

/// What the bridged leg has for this one on a beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat<'a> {
    /// There is none.
    Alone,
    /// Its packets went on as they were; this is their sound, if anybody listens to it.
    Passed(Option<&'a AudioFrame>),
    /// Its sound, to be packed anew.
    Unpacked(Option<&'a AudioFrame>),
}

impl Leg {
    pub(super) fn new(id: LegId, socket: UdpSocket, rtp: Box<RtpSession>) -> Self {
        let (playout, wanted) = (Playout::new(), Attention::Heard);
        Self {
            id,
            socket,
            rtp,
            playout,
            wanted,
            has_heard: false,
            heard: AudioFrame::SILENCE,
            alive_told: Moment::START,
            sent: AudioFrame::SILENCE,
            sent_rms: 0.0,
            quiet_beats: QUIET_BEATS_MAX,
        }
    }

    /// What came from the phone for this beat.
    pub(super) fn heard(&self) -> Option<&AudioFrame> {
        self.has_heard.then_some(&self.heard)
    }

    /// What went to the phone on this beat.
    pub(super) fn sent(&self) -> &AudioFrame {
        &self.sent
    }

    /// Takes this beat's sound out of the jitter buffer.
    pub(super) fn unpack(&mut self, now: Moment) {
        self.has_heard = self.rtp.next_frame_into(&mut self.heard, now);
    }

    /// Whether packets need not be packed anew between the two.
    pub(super) fn speaks_like(&self, other: &Self) -> bool {
        self.rtp.speaks_like(&other.rtp)
    }

    /// Reads what came. Sound goes on to the bridged leg while nothing else is said to it.
    pub(super) fn read(&mut self, mut partner: Option<&mut Self>, buffers: &mut Buffers, now: Moment) {
        let Buffers { datagram, packet } = buffers;
        for _ in 0..RECEIVES_MAX {
            match self.socket.recv_from(&mut datagram[..]) {
                Ok((length, from)) => {
                    let relay = self.rtp.take_datagram(from, &datagram[..length], now);
                    if let (Some(relay), Some(partner)) = (relay, partner.as_deref_mut()) {
                        partner.pass_on(&relay, packet);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => break,
            }
        }
    }

    /// Sends this beat's packet.
    pub(super) fn speak(&mut self, bridged: Beat<'_>, buffers: &mut Buffers) {
        let is_playing = self.playout.frame_into(&mut self.sent);
        self.quiet_beats = self.quiet_beats.saturating_add(1);
        let is_passing = self.quiet_beats <= QUIET_BEATS_MAX && !is_playing && !self.rtp.is_sending_digits();
        let bridged = match bridged {
            Beat::Passed(heard) if is_passing => {
                self.sent.clone_from(heard.unwrap_or(&AudioFrame::SILENCE));
                return self.rtp.skip_packet();
            }
            Beat::Alone | Beat::Passed(_) => None,
            Beat::Unpacked(heard) => heard,
        };
        if !is_playing {
            self.sent.clone_from(bridged.unwrap_or(&AudioFrame::SILENCE));
        }
        if let Some(out) = self.rtp.packet(&self.sent, &mut buffers.packet) {
            // A full socket buffer or an unreachable peer loses this packet, as any packet may be lost.
            let _ = self.socket.send_to(&buffers.packet[..out.len], out.to);
        }
    }

    /// After a beat: what the call is to know of it.
    pub(super) fn report(&mut self, now: Moment, events: &mut EventSender) {
        if self.wanted == Attention::Heard {
            self.sent_rms = self.sent.rms();
        }
        self.tell_progress(now, events);
    }

    fn pass_on(&mut self, relay: &Relay<'_>, packet: &mut [u8; PACKET_MAX]) {
        self.quiet_beats = 0;
        if !self.playout.is_idle() || self.rtp.is_sending_digits() {
            return;
        }
        if let Some(out) = self.rtp.relay(relay, packet) {
            // As above.
            let _ = self.socket.send_to(&packet[..out.len], out.to);
        }
    }

    /// Tells of keys pressed. What finds no room in the ring waits for the next beat: a key must not be lost.
    pub(super) fn tell_digits(&mut self, now: Moment, events: &mut EventSender) {
        while events.has_room() {
            let Some(event) = self.rtp.poll_event() else { break };
            if let RtpEvent::Digit(digit) = event {
                events.tell(WireEvent::Digit { leg: self.id, digit, at: now });
            }
        }
    }

    /// Tells that the phone is there although it says nothing. Sound tells it by itself.
    pub(super) fn tell_alive(&mut self, now: Moment, events: &mut EventSender) {
        if self.has_heard && self.wanted == Attention::Heard {
            self.alive_told = now;
        } else if let Some(at) = self.rtp.alive_at().filter(|at| at.since(self.alive_told) >= ALIVE_EVERY) {
            self.alive_told = at;
            // When the ring is full the call has heard enough of this leg of late.
            events.tell(WireEvent::Alive { leg: self.id, at });
        }
    }

    /// Tells what was played, under the same rule: whoever waits for the end of a clip must hear of it.
    pub(super) fn tell_progress(&mut self, now: Moment, events: &mut EventSender) {
        while events.has_room() {
            let Some(progress) = self.playout.poll_progress() else { break };
            events.tell(WireEvent::Progress { leg: self.id, progress, at: now });
        }
        while events.has_room() {
            let Some(frames) = self.playout.poll_retired() else { break };
            events.tell(WireEvent::Retired(frames));
        }
    }
}

/// How often a silent phone is told of.
const ALIVE_EVERY: Duration = Duration::from_secs(1);
/// Packets read from one leg in one beat: 20 of 20 ms is a burst of 400 ms; what is beyond waits for the next.
const RECEIVES_MAX: usize = 20;
/// Longer datagrams are cut, and then fail to parse.
const DATAGRAM_MAX: usize = 1_500;
/// After so many beats without a packet to pass on, 0.2 s, the leg gets silence of ours: its phone and whatever stands
/// between must not take the line for dead.
const QUIET_BEATS_MAX: u32 = 10;
const _: () = assert!(DATAGRAM_MAX >= PACKET_MAX);
