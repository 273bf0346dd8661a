//! What the rest of the house holds of a call: the inbound call, the handle of its leg, and what the leg reports.
//!
//! The leg itself lives in a task of its own, so a handle is only two bounded queues: orders in, events out. Dropping
//! every handle of a leg hangs up, so a crashed call never leaves a caller on a dead line.

use std::net::SocketAddr;
use std::ops::Deref;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use call::Pii;

use crate::door::Transport;

/// Events a leg may have waiting. A peer that floods INFO or re-INVITE beyond this is refused, see RFC 3261 21.5.4.
pub const LEG_EVENTS_MAX: usize = 64;
/// Orders a leg may have waiting.
pub const LEG_ORDERS_MAX: usize = 16;

/// An INVITE that nobody has answered yet. The caller has been sent 100 Trying.
#[derive(Debug)]
pub struct InboundCall {
    /// The leg, to ring, answer or reject.
    pub leg: LegHandle,
    /// Who calls: the user part of From, or its host when there is none.
    pub from: Pii<String>,
    /// Who was called: the user part of the request URI; empty when there is none.
    pub to: String,
    /// Where the INVITE came from.
    pub source: SocketAddr,
    /// The session description of the caller; `None` when we are to make the offer (RFC 3261 13.2.1).
    pub offer: Option<String>,
    /// The Call-ID, for matching with the logs of others.
    pub sip_call_id: String,
    /// The User-to-User header as received (RFC 7433).
    pub user_to_user: Option<String>,
    /// How the INVITE came.
    pub transport: Transport,
}

/// One leg: its events, and through [`LegControl`] its orders.
#[derive(Debug)]
pub struct LegHandle {
    /// What happens, at most [`LEG_EVENTS_MAX`] waiting. The last is [`LegEvent::Ended`] or [`LegEvent::Failed`]; after
    /// it, or when the door is closed, the queue yields `None`.
    pub events: mpsc::Receiver<LegEvent>,
    control: LegControl,
}

impl LegHandle {
    /// A handle whose leg reads `orders` and tells `events`: a SIP dialog, or whatever else a call may come by. When
    /// `orders` closes, the leg is to hang up.
    pub fn new(events: mpsc::Receiver<LegEvent>, orders: mpsc::Sender<Order>) -> Self {
        Self { events, control: LegControl { orders } }
    }

    /// Another way to give orders, for a task that does not read the events.
    pub fn control(&self) -> LegControl {
        self.control.clone()
    }
}

impl Deref for LegHandle {
    type Target = LegControl;

    fn deref(&self) -> &LegControl {
        &self.control
    }
}

/// Orders to one leg. When the last one is dropped, the leg hangs up.
#[derive(Clone, Debug)]
pub struct LegControl {
    orders: mpsc::Sender<Order>,
}

impl LegControl {
    /// Tells an inbound caller that it rings: 180 (RFC 3261 13.3.1.1). Once is enough; a second has no effect.
    ///
    /// # Errors
    /// [`LegError::Ended`] when the leg is over, [`LegError::WrongState`] when it is not an unanswered inbound call.
    pub async fn ring(&self) -> Result<(), LegError> {
        self.order(|done| Order::Ring { done }).await
    }

    /// Answers an inbound call: 200 with our session description (the answer, or the offer when the INVITE had none)
    /// and further headers as name and value. The leg then waits for the ACK: [`LegEvent::Confirmed`].
    ///
    /// # Errors
    /// [`LegError::Ended`] when the caller has gone, [`LegError::WrongState`] when the call is already answered or is
    /// not inbound.
    pub async fn answer(&self, sdp: String, headers: Vec<(String, String)>) -> Result<(), LegError> {
        self.order(|done| Order::Answer { sdp, headers, done }).await
    }

    /// Rejects an unanswered inbound call with `status` (300 to 699), its phrase, and Retry-After in whole seconds.
    ///
    /// # Errors
    /// [`LegError::Ended`] when the caller has gone, [`LegError::WrongState`] when the call is already answered or is
    /// not inbound, or `status` is not a final failure.
    pub async fn reject(&self, status: u16, reason: &str, retry_after: Option<Duration>) -> Result<(), LegError> {
        let reason = reason.to_owned();
        self.order(|done| Order::Reject { status, reason, retry_after, done }).await
    }

    /// Changes the session of an established call by a re-INVITE with our offer; returns the answer (RFC 3261 14).
    ///
    /// # Errors
    /// [`LegError::Glare`] when both sides do so at once: try again after 2.1 to 4 s if we called them, else after 0
    /// to 2 s. [`LegError::Refused`] when the other side does not want it; the session goes on as before.
    /// [`LegError::Ended`], [`LegError::WrongState`] as above.
    pub async fn reoffer(&self, sdp: String) -> Result<String, LegError> {
        self.order(|done| Order::Reoffer { sdp, done }).await
    }

    /// Ends the leg in whatever way its state asks for: BYE once established (after the ACK, RFC 3261 15), CANCEL for
    /// an unanswered outbound call, 603 for an unanswered inbound one. Has no effect on a leg that is over.
    pub async fn hang_up(&self, reason: &str) {
        // Refused only by a leg that is over, which is what was asked for.
        let _over = self.orders.send(Order::HangUp { reason: reason.to_owned() }).await;
    }

    async fn order<T>(&self, make: impl FnOnce(oneshot::Sender<Result<T, LegError>>) -> Order) -> Result<T, LegError> {
        let (done, result) = oneshot::channel();
        self.orders.send(make(done)).await.map_err(|_| LegError::Ended)?;
        result.await.map_err(|_| LegError::Ended)?
    }
}

/// What happens on a leg.
#[derive(Debug)]
pub enum LegEvent {
    /// Outbound: they answered, and our ACK is sent. Always followed by talk or by [`LegEvent::Ended`].
    Answered {
        /// Their answer to our offer.
        sdp: String,
    },
    /// Inbound: their ACK came, the dialog is established. Comes again after a re-INVITE without an offer.
    Confirmed {
        /// Their answer, when the INVITE had no offer.
        answer: Option<String>,
    },
    /// Outbound: sound before the answer, 183 with a session description (RFC 3960).
    EarlyMedia {
        /// Their answer, for the time being.
        sdp: String,
    },
    /// An answered call, or an inbound one that never was answered, is over. Nothing follows.
    Ended {
        /// Who ended it.
        by: Side,
        /// In a few words: ours as given to [`LegControl::hang_up`], theirs by the Reason header or the request.
        reason: String,
        /// The SIP status that goes with it, where there is one.
        code: Option<u16>,
    },
    /// An outbound call was not answered. Nothing follows.
    Failed {
        /// The final status; 408 when nobody answered in time, 503 when they could not be reached.
        code: u16,
        /// Its phrase.
        reason: String,
    },
    /// A key was pressed, by INFO with `application/dtmf-relay` or `application/dtmf`.
    Info {
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: Pii<char>,
    },
    /// They want to change the session, as by putting us on hold. Must be replied to within 10 s.
    Reoffered {
        /// Their new offer; `None` when we are to make one.
        offer: Option<String>,
        /// For our answer.
        reply: Reoffer,
    },
    /// Outbound: their phone rings.
    Ringing,
}

/// One of the two ends of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Ours.
    Local,
    /// Theirs.
    Remote,
}

/// The duty to reply to a changed offer. Dropped without a reply, the offer is refused and the session stays as it is.
#[derive(Debug)]
pub struct Reoffer {
    reply: oneshot::Sender<ReofferReply>,
}

impl Reoffer {
    pub(crate) fn new() -> (Self, oneshot::Receiver<ReofferReply>) {
        let (reply, received) = oneshot::channel();
        (Self { reply }, received)
    }

    /// Accepts: our answer, or our offer when they made none.
    pub fn answer(self, sdp: String) {
        // A leg that ended meanwhile needs no answer.
        let _ended = self.reply.send(ReofferReply::Answer { sdp });
    }

    /// Refuses, usually with 488; the session stays as it was (RFC 3261 14.2).
    pub fn reject(self, status: u16) {
        let _ended = self.reply.send(ReofferReply::Reject { status });
    }
}

#[derive(Debug)]
pub(crate) enum ReofferReply {
    Answer { sdp: String },
    Reject { status: u16 },
}

/// Why an order to a leg was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LegError {
    /// The leg is over: the other side was quicker, or the door is closed.
    #[error("the leg is over")]
    Ended,
    /// Both sides changed the session at once (RFC 3261 14.1).
    #[error("both sides changed the session at once")]
    Glare,
    /// The other side refused.
    #[error("refused with {code}")]
    Refused {
        /// The SIP status.
        code: u16,
    },
    /// Ours: the order does not fit the state the leg is in.
    #[error("a leg that is {state} cannot do that")]
    WrongState {
        /// The state, in a word.
        state: &'static str,
    },
}

/// An order on its way to the leg. `done` takes the outcome; whoever ordered may have gone.
#[derive(Debug)]
pub enum Order {
    /// See [`LegControl::answer`].
    Answer {
        /// Our session description.
        sdp: String,
        /// Further headers.
        headers: Vec<(String, String)>,
        /// The outcome.
        done: oneshot::Sender<Result<(), LegError>>,
    },
    /// See [`LegControl::hang_up`].
    HangUp {
        /// In a few words.
        reason: String,
    },
    /// See [`LegControl::reject`].
    Reject {
        /// The SIP status.
        status: u16,
        /// Its phrase.
        reason: String,
        /// When to try again.
        retry_after: Option<Duration>,
        /// The outcome.
        done: oneshot::Sender<Result<(), LegError>>,
    },
    /// See [`LegControl::reoffer`].
    Reoffer {
        /// Our new offer.
        sdp: String,
        /// Their answer.
        done: oneshot::Sender<Result<String, LegError>>,
    },
    /// See [`LegControl::ring`].
    Ring {
        /// The outcome.
        done: oneshot::Sender<Result<(), LegError>>,
    },
}
