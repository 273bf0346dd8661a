//! Small readings and writings of SIP headers, where the stack offers none that suits.

use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Request, StatusCode};

use crate::front::{ALLOW, PRODUCT};

/// The session description in a message.
pub(super) fn sdp_of(message: &impl HeadersExt, body: &[u8]) -> Option<String> {
    let kind = message.header_value("Content-Type").unwrap_or_default().to_ascii_lowercase();
    let describes = kind.split(';').next().is_some_and(|kind| kind.trim() == "application/sdp");
    // Without a type it cannot be anything else in a call.
    (!body.is_empty() && (describes || kind.is_empty())).then(|| String::from_utf8_lossy(body).into_owned())
}

/// The key pressed in an INFO, if its body is of a kind we read.
pub(super) fn digit_of(request: &Request) -> Option<Result<char, BadDigit>> {
    let kind = request.header_value("Content-Type")?.to_ascii_lowercase();
    let body = String::from_utf8_lossy(&request.body);
    let word = match kind.split(';').next()?.trim() {
        "application/dtmf" => body.trim().to_owned(),
        "application/dtmf-relay" => body.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case("signal").then(|| value.trim().to_owned())
        })?,
        _ => return None,
    };
    // Some phones send the event number of RFC 4733 instead of the key.
    Some(match word.to_ascii_uppercase().as_str() {
        "10" => Ok('*'),
        "11" => Ok('#'),
        one if one.len() == 1 => one.chars().find(|key| "0123456789*#ABCD".contains(*key)).ok_or(BadDigit),
        _ => Err(BadDigit),
    })
}

/// Not a key of a telephone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadDigit;

/// Why they hang up: the text of their Reason header (RFC 3326).
pub(super) fn reason_of(request: &Request) -> Option<String> {
    let value = request.header_value("Reason")?;
    let text = value.split(';').find_map(|parameter| parameter.trim().strip_prefix("text="));
    Some(text.map_or(value.as_str(), |text| text.trim_matches('"')).to_owned())
}

/// The tag of a To, if it has one.
pub(super) fn to_tag(message: &impl HeadersExt) -> Option<String> {
    let tag = message.to_header().ok()?.tag().ok()??;
    (!tag.value().is_empty()).then(|| tag.value().to_owned())
}

/// The tag of a From, if it has one.
pub(super) fn from_tag(message: &impl HeadersExt) -> Option<String> {
    let tag = message.from_header().ok()?.tag().ok()??;
    (!tag.value().is_empty()).then(|| tag.value().to_owned())
}

/// A header of the house's choosing. Line ends are taken out, so that no value can smuggle in a header of its own.
pub(super) fn extra((name, value): &(String, String)) -> Header {
    let clean = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    Header::Other(clean(name).replace([' ', ':'], ""), clean(value))
}

/// A status with its usual phrase, or the house's.
pub(super) fn status(code: u16, phrase: &str) -> StatusCode {
    let phrase: String = phrase.chars().filter(|c| !c.is_control()).collect();
    if phrase.is_empty() { StatusCode::from(code) } else { StatusCode::Other(code, phrase) }
}

/// What we do, and who we are.
pub(super) fn allow() -> Header {
    Header::Allow(ALLOW.into())
}

/// Who we are.
pub(super) fn product() -> Header {
    Header::UserAgent(PRODUCT.into())
}

/// A body of SDP says so.
pub(super) fn sdp_type() -> Header {
    Header::ContentType("application/sdp".into())
}
