//! One dialog as we see it, as a machine: what may happen next, and what to do when things cross on the wire.
//!
//! Calls go wrong where two sides act at once: BYE against BYE, CANCEL against 200, re-INVITE against re-INVITE, an
//! ACK that never comes. Those decisions are all here, where time and messages are arguments; the adapter only carries
//! them out.

use std::collections::VecDeque;
use std::time::Duration;

use call::{Direction, Moment};

use crate::handle::Side;

/// How long we wait for an ACK, for the final response after a CANCEL, and for the response to our BYE: 64*T1
/// (RFC 3261 13.3.1.4, 9.1).
pub const ACK_WAIT_MAX: Duration = Duration::from_secs(32);
/// How long the house may think about a changed offer before it is refused.
pub const REOFFER_WAIT_MAX: Duration = Duration::from_secs(10);

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
    /// Refuse the changed offer that is with the house.
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

/// The machine of one leg.
#[derive(Debug)]
pub struct Leg {
    direction: Direction,
    state: LegState,
    /// Who is changing the session right now (RFC 3261 14).
    reoffer: Option<Side>,
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
        if !self.deadline.is_some_and(|deadline| deadline <= now) {
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
        self.reoffer_deadline = None;
    }

    fn reoffered(&mut self, now: Moment) {
        match (self.state, self.reoffer) {
            (LegState::Confirmed, None) => {
                self.reoffer = Some(Side::Remote);
                self.reoffer_deadline = Some(now + REOFFER_WAIT_MAX);
                self.outputs.push_back(LegOutput::Reoffered);
            }
            // RFC 3261 14.2: glare.
            (LegState::Confirmed, Some(Side::Local)) => {
                self.outputs.push_back(LegOutput::RefuseNewReoffer { code: 491 })
            }
            // RFC 3261 14.2: the earlier one is still open, or the call is not up yet.
            (
                LegState::Answered
                | LegState::Calling
                | LegState::Cancelling
                | LegState::Confirmed
                | LegState::Ended
                | LegState::Invited
                | LegState::Leaving
                | LegState::Ringing,
                _,
            ) => self.outputs.push_back(LegOutput::RefuseNewReoffer { code: 500 }),
        }
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
mod tests {
    use super::*;

    /// Feeds `script` to `leg`, one second apart, and writes down what comes out. `wait N` lets N seconds pass.
    fn run(mut leg: Leg, script: &[&str]) -> Vec<String> {
        let mut now = Moment::START;
        let mut seen = Vec::new();
        for step in script {
            now += Duration::from_secs(1);
            if let Some(seconds) = step.strip_prefix("wait ") {
                let end = now + Duration::from_secs(seconds.parse().unwrap());
                while let Some(due) = leg.poll_timeout().filter(|due| *due <= end) {
                    leg.handle_timeout(due);
                    drain(&mut leg, &mut seen);
                }
                now = end;
            } else if let Err(refused) = leg.handle_input(input(step), now) {
                seen.push(format!("{refused:?}"));
            }
            drain(&mut leg, &mut seen);
        }
        seen.push(leg.state().name().to_owned());
        seen
    }

    fn drain(leg: &mut Leg, seen: &mut Vec<String>) {
        while let Some(output) = leg.poll_output() {
            seen.push(match output {
                LegOutput::Ended { by, reason, code } => format!("Ended {by:?} {reason} {code:?}"),
                LegOutput::Failed { code, .. } => format!("Failed {code}"),
                LegOutput::Refuse { code, .. } => format!("Refuse {code}"),
                LegOutput::RefuseNewReoffer { code } => format!("RefuseNew {code}"),
                LegOutput::RefuseReoffer { code } => format!("RefuseOld {code}"),
                other => format!("{other:?}").split([' ', '{']).next().unwrap().to_owned(),
            });
        }
    }

    fn input(step: &str) -> LegInput {
        let sdp = step.contains("sdp").then(|| "v=0".to_owned());
        match step.split(' ').next().unwrap() {
            "ack" => LegInput::Acked { sdp },
            "answer" => LegInput::Answer,
            "bye" => LegInput::Bye { reason: None },
            "cancel" => LegInput::Cancel,
            "gone" => LegInput::Gone,
            "hangup" => LegInput::HangUp { reason: "done".to_owned() },
            "reject" => LegInput::Reject { code: 486, reason: "Busy Here".to_owned() },
            "reoffer" => LegInput::Reoffer,
            "settled" => LegInput::ReofferSettled,
            "unacked" => LegInput::ReofferUnacked,
            "ring" => LegInput::Ring,
            "want" => LegInput::WantReoffer,
            "got" => LegInput::WantReofferSettled,
            code => match code.parse().unwrap() {
                code @ 100..=199 => LegInput::Provisional { code, sdp },
                code => LegInput::Final { code, reason: String::new(), sdp },
            },
        }
    }

    fn check_inbound(script: &[&str], expected: &[&str]) {
        assert_eq!(run(Leg::inbound(), script), expected, "{script:?}");
    }

    fn check_outbound(script: &[&str], expected: &[&str]) {
        let ring_until = Moment::START + Duration::from_secs(20);
        assert_eq!(run(Leg::outbound(ring_until), script), expected, "{script:?}");
    }

    #[test]
    fn an_inbound_call_rings_is_answered_and_ends() {
        check_inbound(
            &["ring", "ring", "answer", "ack", "bye"],
            &["Ring", "Answer", "Confirmed", "Ended Remote bye None", "Forget", "ended"],
        );
        check_inbound(
            &["answer", "ack sdp", "hangup", "gone"],
            &["Answer", "Confirmed", "Ended Local done None", "Bye", "Forget", "ended"],
        );
        check_inbound(&["reject"], &["Refuse 486", "Ended Local Busy Here Some(486)", "Forget", "ended"]);
        check_inbound(&["ring", "hangup"], &["Ring", "Refuse 603", "Ended Local done Some(603)", "Forget", "ended"]);
    }

    #[test]
    fn a_cancel_before_the_answer_ends_the_call_and_after_it_changes_nothing() {
        let end = ["Refuse 487", "Ended Remote cancelled Some(487)", "Forget", "WrongState(Ended)", "ended"];
        check_inbound(&["cancel", "answer"], &end);
        check_inbound(&["answer", "cancel", "ack"], &["Answer", "Confirmed", "confirmed"]);
    }

    #[test]
    fn a_bye_of_ours_waits_for_the_ack() {
        check_inbound(
            &["answer", "hangup", "hangup", "ack", "gone"],
            &["Answer", "Ended Local done None", "Bye", "Forget", "ended"],
        );
        check_inbound(&["answer", "hangup", "wait 40"], &["Answer", "Ended Local done None", "Bye", "leaving"]);
        check_inbound(
            &["answer", "wait 40", "wait 40"],
            &["Answer", "Bye", "Ended Remote no ACK came Some(408)", "Forget", "ended"],
        );
        check_inbound(&["answer", "hangup", "bye"], &["Answer", "Ended Local done None", "Forget", "ended"]);
    }

    #[test]
    fn byes_that_cross_end_the_call_once() {
        check_inbound(
            &["answer", "ack", "hangup", "bye", "gone"],
            &["Answer", "Confirmed", "Ended Local done None", "Bye", "Forget", "ended"],
        );
        check_inbound(&["answer", "bye", "ack"], &["Answer", "Ended Remote bye None", "Forget", "ended"]);
    }

    #[test]
    fn an_outbound_call_is_answered_refused_or_given_up() {
        check_outbound(&["100", "180", "180", "200 sdp"], &["Ringing", "Answered", "confirmed"]);
        check_outbound(&["183 sdp", "200 sdp"], &["EarlyMedia", "Answered", "confirmed"]);
        check_outbound(&["100", "486"], &["Failed 486", "Forget", "ended"]);
        check_outbound(&["180", "wait 30", "487"], &["Ringing", "Failed 408", "Cancel", "Forget", "ended"]);
        check_outbound(&["wait 30", "wait 30"], &["Failed 408", "Forget", "ended"]);
        check_outbound(&["200"], &["Failed 488", "Bye", "leaving"]);
    }

    #[test]
    fn a_cancel_of_ours_waits_for_their_first_word_and_may_cross_a_200() {
        let given_up = "Ended Local done Some(487)";
        check_outbound(&["hangup", "100", "487"], &[given_up, "Cancel", "Forget", "ended"]);
        check_outbound(&["100", "hangup", "180", "487"], &[given_up, "Cancel", "Forget", "ended"]);
        check_outbound(
            &["180", "hangup", "200 sdp", "gone"],
            &["Ringing", given_up, "Cancel", "Bye", "Forget", "ended"],
        );
        check_outbound(&["hangup", "200 sdp", "bye"], &[given_up, "Bye", "leaving"]);
    }

    #[test]
    fn changes_that_meet_are_refused_and_the_call_goes_on() {
        let up = ["Answered"];
        let check = |script: &[&str], expected: &[&str]| {
            check_outbound(&[&["200 sdp"], script].concat(), &[&up, expected].concat());
        };
        check(&["reoffer", "settled", "reoffer"], &["Reoffered", "Reoffered", "confirmed"]);
        check(&["want", "reoffer", "got", "reoffer"], &["Reoffer", "RefuseNew 491", "Reoffered", "confirmed"]);
        check(&["reoffer", "reoffer", "want"], &["Reoffered", "RefuseNew 500", "Glare", "confirmed"]);
        check(&["reoffer", "wait 15", "reoffer"], &["Reoffered", "RefuseOld 500", "Reoffered", "confirmed"]);
        check(&["reoffer", "bye"], &["Reoffered", "Ended Remote bye None", "RefuseOld 487", "Forget", "ended"]);
        check(
            &["reoffer", "settled", "unacked"],
            &["Reoffered", "Ended Remote no ACK came Some(408)", "Bye", "leaving"],
        );
    }

    #[test]
    fn no_order_of_messages_gives_two_endings_or_none() {
        let steps = [
            "100", "180", "200 sdp", "486", "ack", "answer", "bye", "cancel", "gone", "got", "hangup", "reject",
            "reoffer", "ring", "settled", "unacked", "wait 12", "want",
        ];
        let mut seed = 7_u64;
        for round in 0..20_000 {
            let mut script = Vec::new();
            for _ in 0..8 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                script.push(steps[(seed >> 33) as usize % steps.len()]);
            }
            script.extend(["hangup", "wait 40", "wait 40"]);
            let (leg, whose) = match round % 2 {
                0 => (Leg::inbound(), "inbound"),
                _ => (Leg::outbound(Moment::START + Duration::from_secs(20)), "outbound"),
            };
            let seen = run(leg, &script);
            let endings = seen.iter().filter(|what| what.starts_with("Ended") || what.starts_with("Failed")).count();
            let forgotten = seen.iter().filter(|what| *what == "Forget").count();
            assert_eq!((endings, forgotten), (1, 1), "{whose} {script:?} {seen:?}");
        }
    }
}
