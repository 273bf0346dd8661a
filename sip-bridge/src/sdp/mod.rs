//! Session descriptions: what sound goes where, by the offer/answer model of RFC 3264.
//!
//! Pure: text in, text and a verdict out. One audio stream is taken; whatever else is offered is declined. Sockets and
//! codecs belong to the media crate, which learns here what to send where.

mod negotiate;
mod offer;

use std::net::{IpAddr, SocketAddr};

use call::Codec;

pub use negotiate::{accept, answer, offer, offer_directed};
pub use offer::Offer;

/// Longest session description we read, in bytes.
pub const SDP_BYTES_MAX: usize = 16 * 1024;
/// Most `m=` lines we read.
pub const STREAMS_MAX: usize = 16;

/// Our side of the sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalMedia {
    /// Where we receive, as the peer sees us.
    pub address: IpAddr,
    /// The RTP port there.
    pub port: u16,
    /// What we speak, best first. At least one. The order counts in our offers; in answers the offerer's does.
    pub codecs: Vec<Codec>,
    /// Whether digits travel as RTP events (RFC 4733).
    pub telephone_event: bool,
    /// The session id of `o=`, the same for the whole call.
    pub session_id: u64,
    /// The version of `o=`, one more with each new description (RFC 3264 8).
    pub version: u64,
}

/// What both sides agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Our answer to send; empty when the answer was theirs.
    pub sdp: String,
    /// How the sound is packed, both ways.
    pub codec: Codec,
    /// Its RTP payload type, 0 to 127.
    pub payload_type: u8,
    /// The payload type of digits, when they travel as RTP events.
    pub telephone_event: Option<u8>,
    /// Where to send to, until symmetric RTP shows otherwise. Port 9 or address 0.0.0.0 only while held.
    pub remote: SocketAddr,
    /// What we do.
    pub direction: MediaDirection,
    /// How much sound goes into one packet, in milliseconds: 10, 20, .. 60.
    pub ptime_ms: u32,
}

/// Which way sound goes, seen from us (RFC 8866 6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaDirection {
    /// Neither way: both hold.
    Inactive,
    /// We only listen: they hold us.
    RecvOnly,
    /// We only send: we hold them.
    SendOnly,
    /// Both ways.
    SendRecv,
}

impl MediaDirection {
    /// Of what each side may do, what is done.
    pub(crate) const fn new(send: Allowed, receive: Allowed) -> Self {
        match (send, receive) {
            (Allowed::No, Allowed::No) => Self::Inactive,
            (Allowed::No, Allowed::Yes) => Self::RecvOnly,
            (Allowed::Yes, Allowed::No) => Self::SendOnly,
            (Allowed::Yes, Allowed::Yes) => Self::SendRecv,
        }
    }

    /// Whether we send.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendOnly | Self::SendRecv)
    }

    /// Whether we listen.
    pub const fn receives(self) -> bool {
        matches!(self, Self::RecvOnly | Self::SendRecv)
    }

    /// The same, seen from the other side.
    pub const fn reversed(self) -> Self {
        match self {
            Self::Inactive => Self::Inactive,
            Self::RecvOnly => Self::SendOnly,
            Self::SendOnly => Self::RecvOnly,
            Self::SendRecv => Self::SendRecv,
        }
    }

    /// The attribute in a description.
    pub const fn attribute(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::RecvOnly => "recvonly",
            Self::SendOnly => "sendonly",
            Self::SendRecv => "sendrecv",
        }
    }
}

/// Whether something may be done; a word where a bare bool would not say what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    No,
    Yes,
}

impl From<bool> for Allowed {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// Why a description cannot be agreed on. Theirs in every case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Not a session description.
    #[error("malformed session description: {0}")]
    Malformed(String),
    /// No audio stream in a codec of ours, or every stream declined.
    #[error("no audio stream in a codec we speak")]
    NoCommonCodec,
    /// Sound would have to go to a host name or a group, not to one address.
    #[error("connection address is not a unicast IP address")]
    Unreachable,
}

impl SdpError {
    /// The SIP status that tells them: 400 or 488 (RFC 3261 13.3.1.3, 21.4.26).
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::NoCommonCodec | Self::Unreachable => 488,
        }
    }
}
