//! Values of the configuration, each valid by being there.
//!
//! Every type here is read from text or a number and refuses what could not work, so that no later code checks again.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Reads and writes a type through its text form.
macro_rules! as_text {
    ($($name:ty),+) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )+};
}

as_text!(HttpUrl, Listener, PortRange, SipUri, Site);

/// An address to listen on, or `"off"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// Listen here; port 0 lets the machine choose one.
    At(SocketAddr),
    /// Do not listen.
    Off,
}

impl Listener {
    /// Where to listen, unless it is off.
    pub const fn address(self) -> Option<SocketAddr> {
        match self {
            Self::At(address) => Some(address),
            Self::Off => None,
        }
    }
}

impl FromStr for Listener {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse().map(Self::At).map_err(|_| {
            format!("\"{text}\" is not an address to listen on; write IP:PORT such as \"127.0.0.1:5060\", or \"off\"")
        })
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(address) => address.fmt(f),
            Self::Off => f.write_str("off"),
        }
    }
}

/// UDP ports for sound, both ends included. RTP takes the even ones and RTCP the odd one above each (RFC 3550 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// Ports below this one belong to the machine's own services.
    pub const FIRST_MIN: u16 = 1024;

    /// The range from `first` to `last`, if it holds an even port and none that belongs to the machine.
    pub const fn new(first: u16, last: u16) -> Option<Self> {
        let range = Self { first, last };
        if first < Self::FIRST_MIN || last < first || range.legs_max() == 0 { None } else { Some(range) }
    }

    /// The ports, both ends included.
    pub const fn ports(self) -> RangeInclusive<u16> {
        self.first..=self.last
    }

    /// How many legs can have sound at once: the even ports of the range.
    pub const fn legs_max(self) -> usize {
        let first_even = self.first as usize + (self.first as usize & 1);
        if (self.last as usize) < first_even { 0 } else { (self.last as usize - first_even) / 2 + 1 }
    }
}

impl FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ends = text.split_once('-').and_then(|(first, last)| {
            let first = first.trim().parse().ok()?;
            let last = last.trim().parse().ok()?;
            Self::new(first, last)
        });
        ends.ok_or_else(|| {
            format!("\"{text}\" is not a range of ports; write FIRST-LAST from 1024 up, such as \"20000-29998\"")
        })
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// A SIP address such as `sip:alice@192.0.2.7:5060;transport=tcp` (RFC 3261 19.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipUri(String);

impl SipUri {
    /// The address as it is dialled.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SipUri {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("sip:").or_else(|| text.strip_prefix("sips:"));
        let host_and_port = rest.map(|rest| {
            let address = rest.split([';', '?']).next().unwrap_or_default();
            address.rsplit_once('@').map_or(address, |(_, host)| host)
        });
        let clean = text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"'));
        match host_and_port {
            Some(host) if clean && is_host_and_port(host) => Ok(Self(text.to_owned())),
            Some(_) | None => {
                Err(format!("\"{text}\" is not a SIP address; write one such as \"sip:alice@192.0.2.7:5060\""))
            }
        }
    }
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A web address, `http://` or `https://`, with a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl(String);

impl HttpUrl {
    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HttpUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
        let host = host.map(|host| host.rsplit_once('@').map_or(host, |(_, host)| host));
        let clean = text.bytes().all(|byte| byte.is_ascii_graphic());
        match host {
            Some(host) if clean && is_host_and_port(host) => Ok(Self(text.to_owned())),
            Some(_) | None => {
                Err(format!("\"{text}\" is not a web address; write one such as \"https://shop.example/hooks\""))
            }
        }
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A web site as browsers name it: scheme, host and port, without a path (RFC 6454 6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site(String);

impl Site {
    /// The site as a browser would write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Site {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        match host {
            Some(host) if is_host_and_port(host) => Ok(Self(text.to_ascii_lowercase())),
            Some(_) | None => {
                Err(format!("\"{text}\" is not a web site; write it without a path, such as \"https://shop.example\""))
            }
        }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether text is `host`, `host:port`, or the same with an IPv6 address in brackets.
fn is_host_and_port(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, "")) => (inside, None),
        Some((inside, after)) => (inside, Some(after.strip_prefix(':').unwrap_or("none"))),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let host_is_good = if text.starts_with('[') {
        host.parse::<std::net::Ipv6Addr>().is_ok()
    } else {
        !host.is_empty() && host.bytes().all(named)
    };
    host_is_good && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Something that must not be seen: it prints and is written as `[secret]`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Secret(String);

impl Secret {
    /// A shorter secret could be guessed.
    pub const CHARACTERS_MIN: usize = 16;

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Secret {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.chars().count() < Self::CHARACTERS_MIN {
            // The text is left out of the message: it may be a real secret with its end cut off.
            return Err(format!(
                "a secret has at least {} characters; `openssl rand -hex 16` makes a good one",
                Self::CHARACTERS_MIN
            ));
        }
        Ok(Self(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("[secret]")
    }
}

/// A number that lies between two bounds, both included.
macro_rules! bounded {
    ($(#[$doc:meta])* $name:ident, $unit:literal, $min:literal, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "i64")]
        pub struct $name(NonZeroU32);

        impl $name {
            /// The number, if it lies within the bounds.
            pub const fn new(number: u32) -> Option<Self> {
                match NonZeroU32::new(number) {
                    Some(inner) if number >= $min && number <= $max => Some(Self(inner)),
                    _ => None,
                }
            }

            /// The number.
            pub const fn number(self) -> u32 {
                self.0.get()
            }

            /// A default of ours. Called in `const` blocks only, so that a number out of bounds does not build.
            pub(super) const fn built_in(number: u32) -> Self {
                match Self::new(number) {
                    Some(value) => value,
                    None => unreachable!(),
                }
            }
        }

        impl TryFrom<i64> for $name {
            type Error = String;

            fn try_from(number: i64) -> Result<Self, String> {
                u32::try_from(number).ok().and_then(Self::new).ok_or_else(|| {
                    format!("{number} is out of bounds; write a number of {} from {} to {}", $unit, $min, $max)
                })
            }
        }
    };
}

bounded! {
    /// How many calls may be live at once, 1 to 10000.
    CallsMax, "calls", 1, 10_000
}

bounded! {
    /// How many of something, 1 to a million.
    Count, "things", 1, 1_000_000
}

bounded! {
    /// A span in milliseconds, 1 ms to ten minutes.
    Millis, "milliseconds", 1, 600_000
}

bounded! {
    /// A span in seconds, one second to one day.
    Seconds, "seconds", 1, 86_400
}

impl Millis {
    /// The span.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.number() as u64)
    }
}

impl Seconds {
    /// The span.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.number() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: FromStr>(good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(text.parse::<T>().is_ok(), "{text} is good");
        }
        for text in bad {
            assert!(text.parse::<T>().is_err(), "{text} is bad");
        }
    }

    #[test]
    fn a_listener_is_an_address_or_off() {
        check::<Listener>(&["off", "0.0.0.0:5060", "[::1]:0"], &["", "5060", "localhost:5060", "Off"]);
    }

    #[test]
    fn a_port_range_holds_at_least_one_even_port() {
        check::<PortRange>(
            &["20000-29998", "20000-20000", "1024 - 65535"],
            &["", "20000", "20001-20001", "80-90", "3-2", "1-70000"],
        );
        let range: PortRange = "20001-20006".parse().unwrap();
        assert_eq!(range.legs_max(), 3, "20002, 20004 and 20006");
    }

    #[test]
    fn a_sip_address_has_a_scheme_and_a_host() {
        check::<SipUri>(
            &["sip:alice@127.0.0.1:5070", "sip:desk.example", "sips:a@b;transport=tcp", "sip:bob@[2001:db8::1]:5060"],
            &["alice", "sip:", "sip:alice@", "sip:alice@host:0", "sip:a b@host", "sip:<a@b>", "sip:a@b:99999"],
        );
    }

    #[test]
    fn a_web_address_has_a_scheme_and_a_host() {
        check::<HttpUrl>(
            &["http://127.0.0.1:8090", "https://shop.example/hooks?x=1", "http://[::1]:80/"],
            &["shop.example", "ftp://shop", "http://", "http://a b", "https://:80"],
        );
    }

    #[test]
    fn a_site_has_no_path() {
        check::<Site>(
            &["https://shop.example", "http://127.0.0.1:9090", "https://[::1]:8443"],
            &["shop.example", "https://shop.example/", "https://*.example", "https://a b", "https://x; script-src *"],
        );
    }

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret::try_from("0123456789abcdef".to_owned()).unwrap();
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"[secret]\"");
        let error = Secret::try_from("hunter2".to_owned()).unwrap_err();
        assert!(!error.contains("hunter2"), "nor does one that was refused");
    }

    #[test]
    fn numbers_out_of_bounds_are_refused() {
        assert!(Seconds::try_from(0).is_err());
        assert!(Seconds::try_from(-5).unwrap_err().contains("from 1 to 86400"));
        assert_eq!(Seconds::try_from(20).unwrap().duration(), Duration::from_secs(20));
        assert!(CallsMax::try_from(1 << 40).is_err());
    }
}
