//! Reading a description: streams, formats, addresses, directions.
//!
//! Read leniently, because phones are: only `v=`, `c=`, `m=`, `a=` and `t=` lines matter to us, so an odd origin or
//! bandwidth line never costs a call. What does matter must be right.

use std::net::{IpAddr, SocketAddr};

use sdp_types::{Attribute, Media, Session, TransportProto};

use call::Codec;

use super::{Allowed, MediaDirection, SDP_BYTES_MAX, STREAMS_MAX, SdpError};

/// A description they sent, as offer or as answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The `t=` value, which an answer repeats (RFC 3264 6).
    pub(super) time: String,
    pub(super) streams: Vec<Stream>,
}

/// One `m=` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) media: String,
    pub(super) proto: String,
    pub(super) formats: String,
    /// `None` for a stream we do not take, whatever its reason.
    pub(super) audio: Option<Audio>,
}

/// A live audio stream over plain RTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Audio {
    pub(super) formats: Vec<Format>,
    /// `None` for a host name or a group.
    pub(super) remote: Option<SocketAddr>,
    /// What they do.
    pub(super) direction: MediaDirection,
    pub(super) ptime_ms: u32,
}

/// One payload type we know, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) payload_type: u8,
    pub(super) kind: FormatKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FormatKind {
    Sound(Codec),
    /// Digits, with their clock in hertz.
    TelephoneEvent(u32),
}

impl Offer {
    /// Reads a description.
    ///
    /// # Errors
    /// [`SdpError::Malformed`] when it is none, is longer than [`SDP_BYTES_MAX`], has more than [`STREAMS_MAX`]
    /// streams or none, or an audio stream has no address.
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        let malformed = |what: &str| SdpError::Malformed(what.to_owned());
        if text.len() > SDP_BYTES_MAX {
            return Err(malformed("too long"));
        }
        let session =
            Session::parse(essential(text).as_bytes()).map_err(|error| SdpError::Malformed(error.to_string()))?;
        if session.medias.is_empty() {
            return Err(malformed("no m= line"));
        }
        if session.medias.len() > STREAMS_MAX {
            return Err(malformed("too many m= lines"));
        }
        let streams = session.medias.iter().map(|media| stream(&session, media)).collect::<Result<_, _>>()?;
        Ok(Self { time: time(text), streams })
    }
}

/// The lines that matter, without the white space that phones scatter.
fn essential(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for line in text.lines().map(str::trim) {
        match line.as_bytes() {
            [b'm', b'=', ..] => kept.extend(line.split_whitespace().flat_map(|word| [word, " "])),
            [b'v' | b'c' | b'a', b'=', ..] => kept.push_str(line),
            _ => continue,
        }
        kept.truncate(kept.trim_end().len());
        kept.push_str("\r\n");
    }
    kept
}

/// The time of the session; for a call always unbounded, unless they say otherwise in numbers.
fn time(text: &str) -> String {
    let numeric = |value: &&str| value.split(' ').count() == 2 && value.split(' ').all(|n| n.parse::<u64>().is_ok());
    let value = text.lines().find_map(|line| line.trim().strip_prefix("t=")).filter(numeric);
    value.unwrap_or("0 0").to_owned()
}

fn stream(session: &Session, media: &Media) -> Result<Stream, SdpError> {
    let plain_rtp = matches!(media.parse_transport_proto(), TransportProto::RtpAvp | TransportProto::RtpAvpf);
    // RFC 3264 6: port 0 declines a stream.
    let live_audio = media.media.eq_ignore_ascii_case("audio") && media.port != 0 && plain_rtp;
    let audio = if live_audio { Some(audio(session, media)?) } else { None };
    Ok(Stream { media: media.media.clone(), proto: media.proto.clone(), formats: media.fmt.clone(), audio })
}

fn audio(session: &Session, media: &Media) -> Result<Audio, SdpError> {
    let connection = media.connections.first().or(session.connection.as_ref());
    let connection = connection.ok_or_else(|| SdpError::Malformed("no c= line for the audio".to_owned()))?;
    let address = connection.connection_address.parse::<IpAddr>().ok().filter(|address| !address.is_multicast());
    let stated = stated_direction(&media.attributes).or_else(|| stated_direction(&session.attributes));
    let stated = stated.unwrap_or(MediaDirection::SendRecv);
    // RFC 3264 8.4: the all-zero address is the old way to say "send me nothing".
    let held = address.is_some_and(|address| address.is_unspecified());
    let receives = Allowed::from(stated.receives() && !held);
    Ok(Audio {
        formats: formats(media),
        remote: address.map(|address| SocketAddr::new(address, media.port)),
        direction: MediaDirection::new(Allowed::from(stated.sends()), receives),
        ptime_ms: ptime_ms(&media.attributes),
    })
}

fn stated_direction(attributes: &[Attribute]) -> Option<MediaDirection> {
    let directions =
        [MediaDirection::Inactive, MediaDirection::RecvOnly, MediaDirection::SendOnly, MediaDirection::SendRecv];
    attributes.iter().find_map(|attribute| {
        directions.into_iter().find(|direction| direction.attribute().eq_ignore_ascii_case(&attribute.attribute))
    })
}

/// What they would like in one packet, in steps of 10 ms within what we can do (RFC 8866 6.4).
fn ptime_ms(attributes: &[Attribute]) -> u32 {
    let number = |name: &str| {
        let value = attributes.iter().find(|attribute| attribute.attribute == name)?.value.as_deref()?;
        value.trim().parse::<f32>().ok().filter(|ms| *ms >= 1.0).map(|ms| ms as u32)
    };
    let wanted = number("ptime").unwrap_or(PTIME_MS).min(number("maxptime").unwrap_or(PTIME_MS_MAX));
    (wanted / PTIME_MS_MIN * PTIME_MS_MIN).clamp(PTIME_MS_MIN, PTIME_MS_MAX)
}

/// The payload types we know; each number and each codec once, since some phones repeat them.
fn formats(media: &Media) -> Vec<Format> {
    let mut formats: Vec<Format> = Vec::new();
    let payload_types = media.fmt.split_whitespace().filter_map(|word| word.parse::<u8>().ok());
    for payload_type in payload_types.filter(|payload_type| *payload_type <= PAYLOAD_TYPE_MAX) {
        let Some(kind) = mapped(media, payload_type) else { continue };
        if !formats.iter().any(|known| known.payload_type == payload_type || known.kind == kind) {
            formats.push(Format { payload_type, kind });
        }
    }
    formats
}

/// What a payload type stands for: by its `rtpmap`, else by RFC 3551 table 4.
fn mapped(media: &Media, payload_type: u8) -> Option<FormatKind> {
    let rtpmap = |attribute: &&Attribute| attribute.attribute.eq_ignore_ascii_case("rtpmap");
    let encoding = media.attributes.iter().filter(rtpmap).find_map(|attribute| {
        let (number, encoding) = attribute.value.as_deref()?.trim().split_once(char::is_whitespace)?;
        (number.parse() == Ok(payload_type)).then_some(encoding.trim())
    });
    let Some(encoding) = encoding else {
        return match payload_type {
            0 => Some(FormatKind::Sound(Codec::Pcmu)),
            8 => Some(FormatKind::Sound(Codec::Pcma)),
            9 => Some(FormatKind::Sound(Codec::G722)),
            _ => None,
        };
    };
    let mut parts = encoding.split('/');
    let name = parts.next()?;
    let clock_hz: u32 = parts.next()?.trim().parse().ok()?;
    let channels = parts.next().unwrap_or("1").trim();
    if name.eq_ignore_ascii_case("telephone-event") {
        return Some(FormatKind::TelephoneEvent(clock_hz));
    }
    let codec: Codec = name.parse().ok()?;
    // RFC 7587 7 always says two channels for Opus; phones forget it.
    let channels_fit = channels == "1" || codec == Codec::Opus;
    (clock_hz == codec.rtp_clock_hz() && channels_fit).then_some(FormatKind::Sound(codec))
}

/// Milliseconds of sound in a packet when nothing is said.
pub(super) const PTIME_MS: u32 = 20;
const PTIME_MS_MIN: u32 = 10;
const PTIME_MS_MAX: u32 = 60;
const PAYLOAD_TYPE_MAX: u8 = 127;
