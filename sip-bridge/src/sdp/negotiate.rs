//! Offering and answering: which codec, which numbers, which way.
//!
//! An answer names exactly one codec (and digits), so that both sides know from the first packet what will come.

use std::fmt::Write;
use std::net::IpAddr;

use call::Codec;

use super::offer::{Audio, FormatKind, Offer, PTIME_MS, Stream};
use super::{LocalMedia, MediaDirection, Negotiated, SdpError};

/// Answers an offer: the first of their codecs that we speak, on their payload type; every other stream declined.
///
/// # Errors
/// [`SdpError::NoCommonCodec`] when no audio stream fits, [`SdpError::Unreachable`] when it would go to no address.
pub fn answer(offer: &Offer, local: &LocalMedia) -> Result<Negotiated, SdpError> {
    let (index, audio, choice) = choose(offer, local)?;
    let direction = audio.direction.reversed();
    let mut sdp = head(local, &offer.time);
    for (place, stream) in offer.streams.iter().enumerate() {
        if place == index {
            write_audio(&mut sdp, stream, local.port, &choice, direction, audio.ptime_ms);
        } else {
            // RFC 3264 6: as many m= lines as offered, port 0 for what we do not take.
            let _infallible = write!(sdp, "m={} 0 {} {}\r\n", stream.media, stream.proto, stream.formats);
        }
    }
    negotiated(sdp, audio, &choice, direction, audio.ptime_ms)
}

/// Our offer, both ways.
pub fn offer(local: &LocalMedia) -> String {
    offer_directed(local, MediaDirection::SendRecv)
}

/// Our offer, one way or none, as to put them on hold (RFC 3264 8.4).
pub fn offer_directed(local: &LocalMedia, direction: MediaDirection) -> String {
    let sounds = local.codecs.iter().map(|codec| (own_payload_type(*codec), FormatKind::Sound(*codec)));
    let mut formats: Vec<_> = sounds.collect();
    for (payload_type, clock_hz) in OWN_TELEPHONE_EVENTS {
        if local.telephone_event && local.codecs.iter().any(|codec| codec.rtp_clock_hz() == clock_hz) {
            formats.push((payload_type, FormatKind::TelephoneEvent(clock_hz)));
        }
    }
    let mut sdp = head(local, "0 0");
    write_formats(&mut sdp, "RTP/AVP", local.port, &formats);
    write_tail(&mut sdp, direction, PTIME_MS);
    sdp
}

/// Takes their answer to our offer.
///
/// # Errors
/// [`SdpError::Malformed`] when it is none, [`SdpError::NoCommonCodec`] when it declines or answers something else,
/// [`SdpError::Unreachable`] as in [`answer`].
pub fn accept(answer: &str, local: &LocalMedia) -> Result<Negotiated, SdpError> {
    let answer = Offer::parse(answer)?;
    let (_, audio, choice) = choose(&answer, local)?;
    let direction = audio.direction.reversed();
    negotiated(String::new(), audio, &choice, direction, audio.ptime_ms)
}

/// What the answer names.
struct Choice {
    codec: Codec,
    payload_type: u8,
    telephone_event: Option<u8>,
}

fn choose<'a>(offer: &'a Offer, local: &LocalMedia) -> Result<(usize, &'a Audio, Choice), SdpError> {
    let live = offer.streams.iter().enumerate();
    let live = live.filter_map(|(index, stream)| stream.audio.as_ref().map(|audio| (index, audio)));
    for (index, audio) in live {
        let sound = audio.formats.iter().find_map(|format| match format.kind {
            FormatKind::Sound(codec) => local.codecs.contains(&codec).then_some((format.payload_type, codec)),
            FormatKind::TelephoneEvent(_) => None,
        });
        let Some((payload_type, codec)) = sound else { continue };
        // RFC 4733 2.1: digits tick with the clock of the sound.
        let digits = FormatKind::TelephoneEvent(codec.rtp_clock_hz());
        let digits = audio.formats.iter().find(|format| local.telephone_event && format.kind == digits);
        let telephone_event = digits.map(|format| format.payload_type);
        return Ok((index, audio, Choice { codec, payload_type, telephone_event }));
    }
    Err(SdpError::NoCommonCodec)
}

fn negotiated(
    sdp: String,
    audio: &Audio,
    choice: &Choice,
    direction: MediaDirection,
    ptime_ms: u32,
) -> Result<Negotiated, SdpError> {
    let remote = audio.remote.ok_or(SdpError::Unreachable)?;
    let Choice { codec, payload_type, telephone_event } = *choice;
    Ok(Negotiated { sdp, codec, payload_type, telephone_event, remote, direction, ptime_ms })
}

fn head(local: &LocalMedia, time: &str) -> String {
    let LocalMedia { address, session_id, version, .. } = local;
    let family = match address {
        IpAddr::V4(_) => "IP4",
        IpAddr::V6(_) => "IP6",
    };
    format!("v=0\r\no=- {session_id} {version} IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt={time}\r\n")
}

fn write_audio(
    sdp: &mut String,
    stream: &Stream,
    port: u16,
    choice: &Choice,
    direction: MediaDirection,
    ptime_ms: u32,
) {
    let clock_hz = choice.codec.rtp_clock_hz();
    let mut formats = vec![(choice.payload_type, FormatKind::Sound(choice.codec))];
    formats.extend(choice.telephone_event.map(|number| (number, FormatKind::TelephoneEvent(clock_hz))));
    write_formats(sdp, &stream.proto, port, &formats);
    write_tail(sdp, direction, ptime_ms);
}

fn write_formats(sdp: &mut String, proto: &str, port: u16, formats: &[(u8, FormatKind)]) {
    // Writing to a String cannot fail.
    let _infallible = write!(sdp, "m=audio {port} {proto}");
    for (number, _) in formats {
        let _infallible = write!(sdp, " {number}");
    }
    sdp.push_str("\r\n");
    for (number, kind) in formats {
        let _infallible = match kind {
            FormatKind::Sound(codec @ (Codec::G722 | Codec::Pcma | Codec::Pcmu)) => {
                write!(sdp, "a=rtpmap:{number} {}/{}\r\n", codec.sdp_name(), codec.rtp_clock_hz())
            }
            // RFC 7587 7: always two channels in the rtpmap, whatever is sent.
            FormatKind::Sound(codec @ Codec::Opus) => {
                write!(sdp, "a=rtpmap:{number} {}/{}/2\r\n", codec.sdp_name(), codec.rtp_clock_hz())
            }
            // RFC 4733 2.5.1.1: 0 to 15 are the sixteen keys.
            FormatKind::TelephoneEvent(clock_hz) => {
                write!(sdp, "a=rtpmap:{number} telephone-event/{clock_hz}\r\na=fmtp:{number} 0-15\r\n")
            }
        };
    }
}

fn write_tail(sdp: &mut String, direction: MediaDirection, ptime_ms: u32) {
    let _infallible = write!(sdp, "a=ptime:{ptime_ms}\r\na={}\r\n", direction.attribute());
}

/// The payload type in our offers: that of RFC 3551, for Opus one of the dynamic ones.
const fn own_payload_type(codec: Codec) -> u8 {
    match codec {
        Codec::G722 => 9,
        Codec::Opus => 111,
        Codec::Pcma => 8,
        Codec::Pcmu => 0,
    }
}

/// Payload types of digits in our offers, with their clocks in hertz.
const OWN_TELEPHONE_EVENTS: [(u8, u32); 2] = [(101, 8_000), (110, 48_000)];
