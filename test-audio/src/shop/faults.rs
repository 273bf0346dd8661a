//! How the sample shop misbehaves, so that a call can meet a slow, broken or silent business.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Faults of one request or of all of them. The default is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Wait this long before answering, in milliseconds; at most 60,000.
    pub latency_ms: u64,
    /// Answer with this status, 400 to 599, instead of the truth.
    pub status: Option<u16>,
    /// Accept the request and never answer (in fact: not for a minute).
    pub hang: bool,
}

/// Faults that make no sense.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FaultError {
    /// Too long.
    #[error("latency_ms {0} is more than 60000")]
    Latency(u64),
    /// Not an error status.
    #[error("status {0} is not between 400 and 599")]
    Status(u16),
    /// Not a fault.
    #[error("{0:?} is no fault; known are latency=MS, status=CODE and hang, separated by commas")]
    Unknown(String),
}

impl Faults {
    /// Reads `latency=2500,status=500,hang`, on top of these faults.
    ///
    /// # Errors
    /// When a part is not a fault, or one that makes no sense.
    pub fn with(self, text: &str) -> Result<Self, FaultError> {
        let mut faults = self;
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let unknown = || FaultError::Unknown(part.to_owned());
            match part.split_once('=') {
                Some(("latency", ms)) => faults.latency_ms = ms.parse().map_err(|_| unknown())?,
                Some(("status", code)) => faults.status = Some(code.parse().map_err(|_| unknown())?),
                None if part == "hang" => faults.hang = true,
                Some(_) | None => return Err(unknown()),
            }
        }
        faults.checked()
    }

    /// These faults, if they make sense.
    ///
    /// # Errors
    /// When the latency is too long or the status is no error.
    pub fn checked(self) -> Result<Self, FaultError> {
        if self.latency_ms > LATENCY_MS_MAX {
            return Err(FaultError::Latency(self.latency_ms));
        }
        match self.status {
            Some(status) if !(400..600).contains(&status) => Err(FaultError::Status(status)),
            Some(_) | None => Ok(self),
        }
    }

    /// How long to wait before answering.
    pub(super) fn wait(self) -> Duration {
        let hang = if self.hang { LATENCY_MS_MAX } else { 0 };
        Duration::from_millis(self.latency_ms.max(hang))
    }
}

/// A minute is longer than any caller waits.
const LATENCY_MS_MAX: u64 = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<Faults, FaultError>) {
        assert_eq!(Faults::default().with(text), expected, "{text}");
    }

    #[test]
    fn faults_are_read_or_refused() {
        check("", Ok(Faults::default()));
        check("hang", Ok(Faults { hang: true, ..Faults::default() }));
        check("latency=2500, status=503", Ok(Faults { latency_ms: 2_500, status: Some(503), hang: false }));
        check("latency=99999", Err(FaultError::Latency(99_999)));
        check("status=200", Err(FaultError::Status(200)));
        check("status=teapot", Err(FaultError::Unknown("status=teapot".to_owned())));
        check("explode", Err(FaultError::Unknown("explode".to_owned())));
    }
}
