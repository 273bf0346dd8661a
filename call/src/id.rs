//! Names of things: a session has calls, a call has legs, agents take them.
//!
//! Each is its own type, so that a leg can never be passed where a call is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Text that is not an id of ours.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("an id is 32 hexadecimal digits")]
pub struct InvalidId;

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(u128);

        impl $name {
            /// Makes an id from 128 random bits, which the server draws.
            pub const fn from_bits(bits: u128) -> Self {
                Self(bits)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let all_hex = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
                if !all_hex {
                    return Err(InvalidId);
                }
                u128::from_str_radix(text, 16).map(Self).map_err(|_| InvalidId)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

hex_id! {
    /// One call as the switch counts them: from INVITE to BYE. Shown as 32 hexadecimal digits.
    CallId
}

hex_id! {
    /// One caller's whole business with us, kept across transfers and carried in User-to-User (RFC 7433).
    SessionId
}

/// One leg of a session: the caller is leg 0, agents follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LegId(pub u32);

impl LegId {
    /// The leg of the person who called, or whom we called.
    pub const CALLER: Self = Self(0);
}

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The name under which an agent is configured, such as `alice`. A work name, not a private one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentId(String);

impl AgentId {
    /// The agent known by this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_text() {
        let id = CallId::from_bits(0xabc);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("xyz".parse::<CallId>(), Err(InvalidId));
        assert_eq!("+".repeat(32).parse::<CallId>(), Err(InvalidId));
    }
}
