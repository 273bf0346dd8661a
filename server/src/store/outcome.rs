//! How a call came out, in one word.

use std::fmt;

use call::HangupBy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::journal::CRASH;

/// How a call came out, or that it still lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CallStatus {
    /// The caller gave up before it was answered.
    Abandoned,
    /// It was answered, and ended.
    Completed,
    /// The server died in the middle of it.
    Crashed,
    /// It goes on.
    #[default]
    Live,
    /// We did not answer it.
    Rejected,
}

impl CallStatus {
    /// How a call came out that ended for `reason`.
    pub(super) fn of_ended(reason: &str, by: HangupBy, answered: Answered) -> Self {
        match (answered, by) {
            (_, HangupBy::System) if reason == CRASH => Self::Crashed,
            (Answered::Yes, _) => Self::Completed,
            (Answered::No, HangupBy::Caller) => Self::Abandoned,
            (Answered::No, HangupBy::Agent | HangupBy::Bot | HangupBy::System | HangupBy::Transfer) => Self::Rejected,
        }
    }

    /// The word, as in JSON and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Abandoned => "abandoned",
            Self::Completed => "completed",
            Self::Crashed => "crashed",
            Self::Live => "live",
            Self::Rejected => "rejected",
        }
    }
}

impl fmt::Display for CallStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether sound ever went both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    No,
    Yes,
}
