//! One dialog as we see it, as a machine: what may happen next, and what to do when things cross on the wire.
//!
//! Calls go wrong where two sides act at once: BYE against BYE, CANCEL against 200, re-INVITE against re-INVITE, an
//! ACK that never comes. Those decisions are all here, where time and messages are arguments; the adapter only carries
//! them out.

mod words;

use std::collections::VecDeque;
use std::time::Duration;

use call::{Direction, Moment};

use crate::handle::Side;

pub use words::{LegInput, LegOutput, LegState, NotNow};

/// How long we wait for an ACK, for the final response after a CANCEL, and for the response to our BYE: 64*T1
/// (RFC 3261 13.3.1.4, 9.1).
pub const ACK_WAIT_MAX: Duration = Duration::from_secs(32);
/// How long the house may think about a changed offer before it is refused.
pub const REOFFER_WAIT_MAX: Duration = Duration::from_secs(10);

/// The machine of one leg.
#[derive(Debug)]
pub struct Leg {
    direction: Direction,
    state: LegState,
    /// Who is changing the session right now (RFC 3261 14).
    reoffer: Option<Side>,
    /// Theirs has overtaken their ACK and waits for it.
    reoffer_waits: bool,
    /// We hung up, the house knows, and BYE or CANCEL must wait for their next message.
    hang_up_waits: bool,
    heard: Heard,
    deadline: Option<Moment>,
    reoffer_deadline: Option<Moment>,
    outputs: VecDeque<LegOutput>,
}

impl Leg {
    /// A leg for an INVITE that came in.
    pub fn inbound() -> Self {
        Self::new(Direction::Inbound, LegState::Invited, None)
    }

    /// A leg for an INVITE that goes out, to be answered by `ring_until`.
    pub fn outbound(ring_until: Moment) -> Self {
        Self::new(Direction::Outbound, LegState::Calling, Some(ring_until))
    }

    fn new(direction: Direction, state: LegState, deadline: Option<Moment>) -> Self {
        Self {
            direction,
            state,
            reoffer: None,
            reoffer_waits: false,
            hang_up_waits: false,
            heard: Heard::Nothing,
            deadline,
            reoffer_deadline: None,
            outputs: VecDeque::new(),
        }
    }

    /// Where it is.
    pub fn state(&self) -> LegState {
        self.state
    }

    /// Takes one input.
    ///
    /// # Errors
    /// [`NotNow`] for an order of ours that does not fit; messages of the peer are always taken.
    pub fn handle_input(&mut self, input: LegInput, now: Moment) -> Result<(), NotNow> {
        match input {
            LegInput::Acked { sdp } => self.acked(sdp, now),
            LegInput::Answer => return self.answer(now),
            LegInput::Bye { reason } => self.bye(reason),
            LegInput::Cancel => self.cancelled(),
            LegInput::Final { code, reason, sdp } => self.answered(code, reason, sdp, now),
            LegInput::Gone => self.gone(),
            LegInput::HangUp { reason } => self.hang_up(reason, now),
            LegInput::Provisional { code, sdp } => self.provisional(code, sdp),
            LegInput::Reject { code, reason } => return self.reject(code, reason),
            LegInput::Reoffer => self.reoffered(now),
            LegInput::ReofferSettled => self.settle(Side::Remote),
            LegInput::ReofferUnacked => self.unacked(now),
            LegInput::Ring => return self.ring(),
            LegInput::WantReoffer => return self.want_reoffer(),
            LegInput::WantReofferSettled => self.settle(Side::Local),
        }
        Ok(())
    }

    /// What to do next; drain to `None` before the next input.
    pub fn poll_output(&mut self) -> Option<LegOutput> {
        self.outputs.pop_front()
    }

    /// When to call [`Leg::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Moment> {
        match (self.deadline, self.reoffer_deadline) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Does what is due by `now`.
    pub fn handle_timeout(&mut self, now: Moment) {
        if self.reoffer_deadline.is_some_and(|deadline| deadline <= now) {
            self.settle(Side::Remote);
            self.outputs.push_back(LegOutput::RefuseReoffer { code: 500 });
        }
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        self.deadline = None;
        match self.state {
            // RFC 3261 13.3.1.4: no ACK; the call is up for them or it is not, so end it with BYE.
            LegState::Answered => {
                let told = std::mem::take(&mut self.hang_up_waits);
                self.leave(now);
                if !told {
                    self.end_event(Side::Remote, "no ACK came", Some(408));
                }
            }
            LegState::Calling | LegState::Ringing => {
                self.outputs.push_back(LegOutput::Failed { code: 408, reason: "No Answer".to_owned() });
                self.give_up(now);
            }
            LegState::Cancelling | LegState::Leaving => self.gone(),
            LegState::Confirmed | LegState::Ended | LegState::Invited => {}
        }
    }

    fn answer(&mut self, now: Moment) -> Result<(), NotNow> {
        self.only_unanswered_inbound()?;
        self.state = LegState::Answered;
        self.deadline = Some(now + ACK_WAIT_MAX);
        self.outputs.push_back(LegOutput::Answer);
        Ok(())
    }

    fn ring(&mut self) -> Result<(), NotNow> {
        self.only_unanswered_inbound()?;
        if self.state == LegState::Invited {
            self.state = LegState::Ringing;
            self.outputs.push_back(LegOutput::Ring);
        }
        Ok(())
    }

    fn reject(&mut self, code: u16, reason: String) -> Result<(), NotNow> {
        self.only_unanswered_inbound()?;
        if !(300..=699).contains(&code) {
            return Err(NotNow::WrongState(self.state));
        }
        self.outputs.push_back(LegOutput::Refuse { code, reason: reason.clone() });
        self.end_event(Side::Local, &reason, Some(code));
        self.forget();
        Ok(())
    }

    fn only_unanswered_inbound(&self) -> Result<(), NotNow> {
        match (self.direction, self.state) {
            (Direction::Inbound, LegState::Invited | LegState::Ringing) => Ok(()),
            (_, state) => Err(NotNow::WrongState(state)),
        }
    }

    fn acked(&mut self, sdp: Option<String>, now: Moment) {
        if self.state != LegState::Answered {
            return;
        }
        if self.hang_up_waits {
            // RFC 3261 15: the callee waits for the ACK before BYE.
            self.leave(now);
            return;
        }
        self.state = LegState::Confirmed;
        self.deadline = None;
        self.outputs.push_back(LegOutput::Confirmed { sdp });
        if std::mem::take(&mut self.reoffer_waits) {
            self.take_reoffer(now);
        }
    }

    fn cancelled(&mut self) {
        match (self.direction, self.state) {
            (Direction::Inbound, LegState::Invited | LegState::Ringing) => {
                self.outputs.push_back(LegOutput::Refuse { code: 487, reason: "Request Terminated".to_owned() });
                self.end_event(Side::Remote, "cancelled", Some(487));
                self.forget();
            }
            // RFC 3261 9.2: after the final response a CANCEL changes nothing; they will ACK and send BYE.
            (Direction::Inbound | Direction::Outbound, _) => {}
        }
    }

    fn provisional(&mut self, code: u16, sdp: Option<String>) {
        self.heard = Heard::Something;
        match self.state {
            LegState::Calling | LegState::Ringing => {
                if matches!(code, 180..=182) && self.state == LegState::Calling {
                    self.state = LegState::Ringing;
                    self.outputs.push_back(LegOutput::Ringing);
                }
                self.outputs.extend(sdp.map(|sdp| LegOutput::EarlyMedia { sdp }));
            }
            LegState::Cancelling if self.hang_up_waits => {
                self.hang_up_waits = false;
                self.outputs.push_back(LegOutput::Cancel);
            }
            LegState::Answered
            | LegState::Cancelling
            | LegState::Confirmed
            | LegState::Ended
            | LegState::Invited
            | LegState::Leaving => {}
        }
    }

    fn answered(&mut self, code: u16, reason: String, sdp: Option<String>, now: Moment) {
        let success = (200..300).contains(&code);
        match (self.state, success) {
            (LegState::Calling | LegState::Ringing, true) => {
                if let Some(sdp) = sdp {
                    self.state = LegState::Confirmed;
                    self.deadline = None;
                    self.outputs.push_back(LegOutput::Answered { sdp });
                } else {
                    // RFC 3261 13.2.1: the first reliable response must answer our offer.
                    self.outputs.push_back(LegOutput::Failed { code: 488, reason: "Answer Without SDP".to_owned() });
                    self.leave(now);
                }
            }
            (LegState::Calling | LegState::Ringing, false) => {
                self.outputs.push_back(LegOutput::Failed { code, reason });
                self.forget();
            }
            // The 200 crossed our CANCEL: the call is up for them (RFC 3261 15).
            (LegState::Cancelling, true) => self.leave(now),
            (LegState::Cancelling, false) => self.forget(),
            (
                LegState::Answered | LegState::Confirmed | LegState::Ended | LegState::Invited | LegState::Leaving,
                true | false,
            ) => {}
        }
    }

    fn bye(&mut self, reason: Option<String>) {
        match self.state {
            LegState::Answered | LegState::Confirmed => {
                let told = std::mem::take(&mut self.hang_up_waits);
                if !told {
                    self.end_event(Side::Remote, reason.as_deref().unwrap_or("bye"), None);
                }
                self.forget();
            }
            // Both BYEs crossed: theirs is answered, ours will be.
            LegState::Leaving => {}
            // RFC 3261 15.1.2 lets the caller end an early dialog so.
            LegState::Invited | LegState::Ringing if self.direction == Direction::Inbound => {
                self.outputs.push_back(LegOutput::Refuse { code: 487, reason: "Request Terminated".to_owned() });
                self.end_event(Side::Remote, reason.as_deref().unwrap_or("bye"), Some(487));
                self.forget();
            }
            LegState::Calling | LegState::Cancelling | LegState::Ended | LegState::Invited | LegState::Ringing => {}
        }
    }

    fn hang_up(&mut self, reason: String, now: Moment) {
        match (self.state, self.direction) {
            (LegState::Answered, _) if !self.hang_up_waits => {
                // RFC 3261 15: the callee waits for the ACK before BYE.
                self.end_event(Side::Local, &reason, None);
                self.hang_up_waits = true;
            }
            (LegState::Confirmed, _) => {
                self.end_event(Side::Local, &reason, None);
                self.leave(now);
            }
            (LegState::Calling | LegState::Ringing, Direction::Outbound) => {
                self.end_event(Side::Local, &reason, Some(487));
                self.give_up(now);
            }
            (LegState::Invited | LegState::Ringing, Direction::Inbound) => {
                self.outputs.push_back(LegOutput::Refuse { code: 603, reason: "Decline".to_owned() });
                self.end_event(Side::Local, &reason, Some(603));
                self.forget();
            }
            (
                LegState::Answered
                | LegState::Calling
                | LegState::Cancelling
                | LegState::Ended
                | LegState::Invited
                | LegState::Leaving,
                Direction::Inbound | Direction::Outbound,
            ) => {}
        }
    }

    /// Ends an unanswered outbound call. RFC 3261 9.1: no CANCEL before the first response.
    fn give_up(&mut self, now: Moment) {
        self.state = LegState::Cancelling;
        self.deadline = Some(now + ACK_WAIT_MAX);
        match self.heard {
            Heard::Nothing => self.hang_up_waits = true,
            Heard::Something => self.outputs.push_back(LegOutput::Cancel),
        }
    }

    /// Sends BYE and waits for its response.
    fn leave(&mut self, now: Moment) {
        self.drop_reoffer();
        self.state = LegState::Leaving;
        self.deadline = Some(now + ACK_WAIT_MAX);
        self.outputs.push_back(LegOutput::Bye);
    }

    fn gone(&mut self) {
        if matches!(self.state, LegState::Cancelling | LegState::Leaving) {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.drop_reoffer();
        self.state = LegState::Ended;
        self.deadline = None;
        self.outputs.push_back(LegOutput::Forget);
    }

    /// RFC 3261 15.1.2: requests still open when the dialog ends get 487.
    fn drop_reoffer(&mut self) {
        if self.reoffer == Some(Side::Remote) {
            self.outputs.push_back(LegOutput::RefuseReoffer { code: 487 });
        }
        self.reoffer = None;
        self.reoffer_waits = false;
        self.reoffer_deadline = None;
    }

    fn reoffered(&mut self, now: Moment) {
        match (self.state, self.reoffer) {
            (LegState::Confirmed, None) => self.take_reoffer(now),
            // RFC 5407 3.1.4: it has overtaken the ACK, or the ACK is lost and comes again with our next 200. What it
            // offers can be judged only when the session that it changes is known, so it waits.
            (LegState::Answered, None) => {
                self.reoffer = Some(Side::Remote);
                self.reoffer_waits = true;
                self.outputs.push_back(LegOutput::HoldReoffer);
            }
            // RFC 3261 14.2: glare, or an INVITE of ours is still open.
            (LegState::Confirmed, Some(Side::Local)) | (LegState::Calling | LegState::Cancelling, _) => {
                self.outputs.push_back(LegOutput::RefuseNewReoffer { code: 491 });
            }
            (LegState::Ringing, _) if self.direction == Direction::Outbound => {
                self.outputs.push_back(LegOutput::RefuseNewReoffer { code: 491 });
            }
            // RFC 3261 14.2: an earlier one of theirs is still open.
            (
                LegState::Answered
                | LegState::Confirmed
                | LegState::Ended
                | LegState::Invited
                | LegState::Leaving
                | LegState::Ringing,
                _,
            ) => self.outputs.push_back(LegOutput::RefuseNewReoffer { code: 500 }),
        }
    }

    fn take_reoffer(&mut self, now: Moment) {
        self.reoffer = Some(Side::Remote);
        self.reoffer_deadline = Some(now + REOFFER_WAIT_MAX);
        self.outputs.push_back(LegOutput::Reoffered);
    }

    fn want_reoffer(&mut self) -> Result<(), NotNow> {
        match (self.state, self.reoffer) {
            (LegState::Confirmed, None) => {
                self.reoffer = Some(Side::Local);
                self.outputs.push_back(LegOutput::Reoffer);
                Ok(())
            }
            (LegState::Confirmed, Some(Side::Local | Side::Remote)) => Err(NotNow::Glare),
            (state, _) => Err(NotNow::WrongState(state)),
        }
    }

    fn settle(&mut self, side: Side) {
        if self.reoffer == Some(side) {
            self.reoffer = None;
            self.reoffer_deadline = None;
        }
    }

    /// RFC 3261 14.2 and 13.3.1.4: without the ACK we cannot know what they think the session is.
    fn unacked(&mut self, now: Moment) {
        if self.state == LegState::Confirmed {
            self.end_event(Side::Remote, "no ACK came", Some(408));
            self.leave(now);
        }
    }

    fn end_event(&mut self, by: Side, reason: &str, code: Option<u16>) {
        self.outputs.push_back(LegOutput::Ended { by, reason: reason.to_owned(), code });
    }
}

/// Whether the peer has answered our INVITE at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Nothing,
    Something,
}

#[cfg(test)]
mod tests;
