//! `[sip.guard]`, `[sip.registrar]` and `[[user]]`: what one source may ask at the door, and whose phones may register.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};
use sip_bridge::Algorithm;

use super::values::{Count, Seconds};

/// `[sip.guard]`: limits on one source, which is an IPv4 address or an IPv6 network of 64 bits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Guard {
    /// New calls a second; twice as many at once.
    pub invites_s_max: Count,
    /// Registrations a second; twice as many at once.
    pub registers_s_max: Count,
    /// Wrong passwords within `block_s`.
    pub failures_max: Count,
    /// How long a source is refused after that, in seconds.
    pub block_s: Seconds,
    /// Connections open at once.
    pub connections_max: Count,
    /// How long a connection that nobody needs may be silent, in seconds.
    pub idle_s: Seconds,
    /// Addresses without limits.
    pub trusted: Vec<IpAddr>,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            invites_s_max: const { Count::built_in(20) },
            registers_s_max: const { Count::built_in(20) },
            failures_max: const { Count::built_in(10) },
            block_s: const { Seconds::built_in(300) },
            connections_max: const { Count::built_in(64) },
            idle_s: const { Seconds::built_in(900) },
            trusted: vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        }
    }
}

/// `[sip.registrar]`: how phones register (RFC 3261 10).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Registrar {
    /// The realm users are asked for, which their hashes are made with.
    pub realm: Realm,
    /// Shorter registrations are refused with 423, in seconds.
    pub expires_s_min: Seconds,
    /// Longer ones are cut to this, in seconds.
    pub expires_s_max: Seconds,
    /// How often the way to a phone behind NAT is used, in seconds.
    pub nat_keepalive_s: Seconds,
}

impl Default for Registrar {
    fn default() -> Self {
        Self {
            realm: Realm("hotline".to_owned()),
            expires_s_min: const { Seconds::built_in(60) },
            expires_s_max: const { Seconds::built_in(3_600) },
            nat_keepalive_s: const { Seconds::built_in(25) },
        }
    }
}

/// `[[user]]`: who may register a phone. Made by `hotline user add`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The user part of the SIP address.
    pub name: String,
    /// The hash of `name:realm:password` by SHA-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ha1_sha256: Option<Ha1<64>>,
    /// The same by MD5, for phones that know no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ha1_md5: Option<Ha1<32>>,
}

impl User {
    /// A user with the hashes of a password.
    pub fn with_password(name: &str, realm: &Realm, password: &str, only_md5: OnlyMd5) -> Self {
        let sha256 = Algorithm::Sha256.ha1(name, &realm.0, password);
        let ha1_sha256 = (only_md5 == OnlyMd5::No).then_some(Ha1(sha256));
        let ha1_md5 = Some(Ha1(Algorithm::Md5.ha1(name, &realm.0, password)));
        Self { name: name.to_owned(), ha1_sha256, ha1_md5 }
    }
}

/// Whether a phone fails at challenges other than MD5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnlyMd5 {
    /// It takes what it knows.
    No,
    /// It does.
    Yes,
}

/// A hash of so many lower-case hex digits. It opens the door as the password does, so it prints as `[secret]`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Ha1<const DIGITS: usize>(String);

impl<const DIGITS: usize> Ha1<DIGITS> {
    /// The digits.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl<const DIGITS: usize> TryFrom<String> for Ha1<DIGITS> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        // The text is left out of the message: it may be a password.
        Err(format!("is not a hash of {DIGITS} hex digits; `hotline user add` makes one"))
    }
}

impl<const DIGITS: usize> fmt::Debug for Ha1<DIGITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<const DIGITS: usize> Serialize for Ha1<DIGITS> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("[secret]")
    }
}

/// A realm: words that stand in quotes in every challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Realm(String);

impl Realm {
    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Realm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let good =
            !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~' if !b"\"\\:".contains(&byte)));
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("\"{text}\" is no realm; write a name such as \"shop.example\""))
        }
    }
}

impl TryFrom<String> for Realm {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}
