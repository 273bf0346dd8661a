//! The words a leg is spoken to and speaks in; apart from the machine, so that each fits a screen or two.

use crate::handle::Side;

/// Where a leg is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegState {
    /// Inbound: our 200 is sent, their ACK is not here.
    Answered,
    /// Outbound: the INVITE is sent, nothing came back.
    Calling,
    /// Outbound: given up; their final response is still to come.
    Cancelling,
    /// Both sides know that the call is up.
    Confirmed,
    /// Over for good: the dialog can be forgotten.
    Ended,
    /// Inbound: nothing but 100 was said.
    Invited,
    /// Our BYE is sent, its response is still to come.
    Leaving,
    /// Rings, on either side.
    Ringing,
}

impl LegState {
    /// The state in a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Calling => "calling",
            Self::Cancelling => "cancelling",
            Self::Confirmed => "confirmed",
            Self::Ended => "ended",
            Self::Invited => "invited",
            Self::Leaving => "leaving",
            Self::Ringing => "ringing",
        }
    }
}

/// What reaches a leg, from the peer or from us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegInput {
    /// The ACK for our 200 to the first INVITE, with their answer if our 200 made the offer.
    Acked {
        /// The session description in it.
        sdp: Option<String>,
    },
    /// We answer.
    Answer,
    /// They hang up.
    Bye {
        /// Why, by their Reason header.
        reason: Option<String>,
    },
    /// They give up before our answer.
    Cancel,
    /// The final response to our INVITE.
    Final {
        /// The status.
        code: u16,
        /// Its phrase.
        reason: String,
        /// The session description in it.
        sdp: Option<String>,
    },
    /// The response to our BYE, or word that none will come.
    Gone,
    /// We hang up.
    HangUp {
        /// Why, for the event.
        reason: String,
    },
    /// A response to our INVITE that is not final, 101 to 199 or 100.
    Provisional {
        /// The status.
        code: u16,
        /// The session description in it.
        sdp: Option<String>,
    },
    /// We reject.
    Reject {
        /// With which status.
        code: u16,
        /// And which phrase.
        reason: String,
    },
    /// They change the session.
    Reoffer,
    /// Their change is answered or refused.
    ReofferSettled,
    /// They did not acknowledge our answer to their change.
    ReofferUnacked,
    /// We ring.
    Ring,
    /// We change the session.
    WantReoffer,
    /// Our change is answered, refused or lost.
    WantReofferSettled,
}

/// What a leg wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegOutput {
    /// Send the 200 to the INVITE.
    Answer,
    /// They answered; tell the house.
    Answered {
        /// Their session description.
        sdp: String,
    },
    /// Send BYE.
    Bye,
    /// Send CANCEL.
    Cancel,
    /// The call is up; tell the house.
    Confirmed {
        /// Their answer, if our 200 made the offer.
        sdp: Option<String>,
    },
    /// There is sound before the answer; tell the house.
    EarlyMedia {
        /// Their session description.
        sdp: String,
    },
    /// An inbound or answered call is over; tell the house.
    Ended {
        /// Who ended it.
        by: Side,
        /// Why.
        reason: String,
        /// The status that goes with it.
        code: Option<u16>,
    },
    /// An outbound call came to nothing; tell the house.
    Failed {
        /// The status.
        code: u16,
        /// Its phrase.
        reason: String,
    },
    /// Forget the dialog.
    Forget,
    /// Keep the changed offer that has just come until [`LegOutput::Reoffered`] or [`LegOutput::RefuseReoffer`].
    HoldReoffer,
    /// Refuse the INVITE.
    Refuse {
        /// With this status.
        code: u16,
        /// And this phrase.
        reason: String,
    },
    /// Refuse the changed offer that has just come, and keep an earlier one (RFC 3261 14.2).
    RefuseNewReoffer {
        /// 491 for glare, 500 while an earlier one is open.
        code: u16,
    },
    /// Refuse the changed offer that is kept or with the house.
    RefuseReoffer {
        /// 487 when the call ends, 500 when the house does not reply in time.
        code: u16,
    },
    /// Send our changed offer.
    Reoffer,
    /// Hand their changed offer to the house.
    Reoffered,
    /// Send 180.
    Ring,
    /// They ring; tell the house.
    Ringing,
}

/// Why an order of ours was not taken. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotNow {
    /// Both sides change the session at once.
    Glare,
    /// It does not fit the state.
    WrongState(LegState),
}
