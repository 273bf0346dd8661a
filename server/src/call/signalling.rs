//! Answering a call, and what its signalling does later: hold, other codecs, hang-up.

use std::net::{IpAddr, UdpSocket};

use call::{CallEvent, Codec, HangupBy, LegId};
use dialog::Input;
use media::{RtpConfig, RtpTime, SeqNo, Ssrc};
use sip_bridge::sdp::{self, LocalMedia, Negotiated, Offer, SdpError};
use sip_bridge::{LegEvent, Reoffer, Side};
use thiserror::Error;
use tracing::{info, warn};

use super::Call;
use crate::house::House;
use crate::wire::{PortsExhausted, WireError};

/// What a leg sends and takes: kept to answer later offers with.
#[derive(Clone, Debug)]
pub(crate) struct LegMedia {
    /// `None` for a leg that agrees on its sound by itself.
    local: Option<LocalMedia>,
    held: Hold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    Held,
    Talking,
}

/// Why sound cannot be agreed on.
#[derive(Debug, Error)]
pub(crate) enum MediaError {
    #[error(transparent)]
    Ports(#[from] PortsExhausted),
    #[error(transparent)]
    Sdp(#[from] SdpError),
    #[error("cannot use the socket: {0}")]
    Socket(#[from] std::io::Error),
    #[error(transparent)]
    Wire(#[from] WireError),
}

impl LegMedia {
    /// Takes a port and describes what we can do on it.
    pub(crate) fn reserve(house: &House, peer: Option<IpAddr>) -> Result<(Self, UdpSocket), MediaError> {
        let socket = house.wire.ports().reserve()?;
        let local = LocalMedia {
            address: house.media_address(peer),
            port: socket.local_addr()?.port(),
            codecs: CODECS.to_vec(),
            telephone_event: true,
            session_id: rand::random::<u32>().into(),
            version: 1,
        };
        Ok((Self { local: Some(local), held: Hold::Talking }, socket))
    }

    /// For a leg that agrees on its sound by itself, and asks nobody when it changes.
    pub(crate) fn agreed() -> Self {
        Self { local: None, held: Hold::Talking }
    }

    /// Whether the other side has put us on hold.
    pub(crate) fn is_held(&self) -> bool {
        self.held == Hold::Held
    }

    /// Our offer.
    pub(crate) fn offer(&self) -> String {
        self.local.as_ref().map(sdp::offer).unwrap_or_default()
    }

    /// Answers their offer.
    pub(crate) fn answer(&self, offer: &str) -> Result<Negotiated, SdpError> {
        sdp::answer(&Offer::parse(offer)?, self.local()?)
    }

    /// Takes their answer to our offer.
    pub(crate) fn accept(&self, answer: &str) -> Result<Negotiated, SdpError> {
        sdp::accept(answer, self.local()?)
    }

    fn local(&self) -> Result<&LocalMedia, SdpError> {
        self.local.as_ref().ok_or(SdpError::NoCommonCodec)
    }
}

/// What RTP is to do for a negotiated leg, beginning anywhere (RFC 3550 5.1: random numbers).
pub(crate) fn rtp_config(negotiated: &Negotiated) -> RtpConfig {
    RtpConfig {
        codec: negotiated.codec,
        payload_type: negotiated.payload_type,
        telephone_event: negotiated.telephone_event,
        remote: negotiated.remote,
        ssrc: Ssrc(rand::random()),
        first_seq: SeqNo(rand::random()),
        first_time: RtpTime(rand::random()),
    }
}

impl Call {
    /// Something happened in the caller's signalling.
    pub(super) async fn on_caller_leg(&mut self, event: LegEvent) {
        match event {
            LegEvent::Confirmed { answer } => {
                if let Some(answer) = answer {
                    self.on_late_answer(&answer);
                }
            }
            LegEvent::Ended { by, reason, code } => {
                let (why, by) = match by {
                    Side::Local => ("completed", HangupBy::System),
                    Side::Remote => ("caller_hung_up", HangupBy::Caller),
                };
                info!(call_id = %self.id, reason, "The caller's leg ended");
                self.think(Input::CallerHungUp);
                self.end(why, by, code);
            }
            LegEvent::Failed { code, reason } => {
                info!(call_id = %self.id, reason, "The caller's leg failed");
                self.think(Input::CallerHungUp);
                self.end("failed", HangupBy::System, Some(code));
            }
            LegEvent::Info { digit } => {
                self.chronicle.record(CallEvent::Digit { digit });
                self.think(Input::Digit(digit));
            }
            LegEvent::Reoffered { offer, reply } => {
                let mut media = self.caller.media.clone();
                self.on_reoffer(LegId::CALLER, &mut media, offer.as_deref(), reply);
                self.caller.media = media;
            }
            // For legs that we called.
            LegEvent::Answered { .. } | LegEvent::EarlyMedia { .. } | LegEvent::Ringing => {}
        }
    }

    /// The caller's INVITE had no offer: its answer came with the ACK.
    fn on_late_answer(&mut self, answer: &str) {
        match self.caller.media.accept(answer) {
            Ok(negotiated) => {
                if let Err(error) = self.join_caller(rtp_config(&negotiated)) {
                    warn!(call_id = %self.id, %error, "The caller's sound cannot be carried");
                    self.end("media_failed", HangupBy::System, None);
                }
            }
            Err(error) => {
                warn!(call_id = %self.id, %error, "The caller's answer cannot be used");
                self.end("no_codec", HangupBy::System, Some(488));
            }
        }
    }

    /// A leg changes its session: hold, resume, another address or codec (RFC 3264 8).
    pub(super) fn on_reoffer(&mut self, leg: LegId, media: &mut LegMedia, offer: Option<&str>, reply: Reoffer) {
        if let Some(local) = &mut media.local {
            local.version += 1;
        }
        let Some(offer) = offer else {
            reply.answer(media.offer());
            return;
        };
        let negotiated = match media.answer(offer) {
            Ok(negotiated) => negotiated,
            Err(error) => {
                warn!(call_id = %self.id, %leg, %error, "A changed offer is refused");
                reply.reject(488);
                return;
            }
        };
        let direction = media_direction(negotiated.direction);
        if let Err(error) = self.line.redirect(leg, &negotiated, direction) {
            self.fail_media(&error);
            return;
        }
        let held = match direction {
            media::MediaDirection::SendRecv => Hold::Talking,
            media::MediaDirection::Inactive | media::MediaDirection::RecvOnly | media::MediaDirection::SendOnly => {
                Hold::Held
            }
        };
        if held != media.held {
            media.held = held;
            // A phone is silent while it holds; that does not count against it afterwards.
            self.caller.sound_at = self.house.clock.now();
            self.chronicle.record(match held {
                Hold::Held => CallEvent::Held { leg },
                Hold::Talking => CallEvent::Resumed { leg },
            });
        }
        reply.answer(negotiated.sdp);
    }
}

/// The door's word for a direction as the wire's.
fn media_direction(direction: sip_bridge::sdp::MediaDirection) -> media::MediaDirection {
    match direction {
        sdp::MediaDirection::Inactive => media::MediaDirection::Inactive,
        sdp::MediaDirection::RecvOnly => media::MediaDirection::RecvOnly,
        sdp::MediaDirection::SendOnly => media::MediaDirection::SendOnly,
        sdp::MediaDirection::SendRecv => media::MediaDirection::SendRecv,
    }
}

/// What we can speak, in the order we prefer.
const CODECS: [Codec; 4] = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus];
