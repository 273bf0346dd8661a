//! Carrying out what the machine of a leg decides: messages to the wire, events to the house.

use rsipstack::sip::{Method, Request};
use tracing::{debug, warn};

use super::dialog::{Content, Dialog, Hop, cancel_of, transaction};
use super::leg_task::{Change, EVENTS_KEPT, First, LegTask};
use super::wire::{OurRequest, Reply, drive_ours, response};
use crate::handle::{LegEvent, Reoffer};
use crate::leg::{Leg, LegInput, LegOutput};

impl LegTask {
    /// Does everything the machine wants by now.
    pub(super) async fn act(&mut self, leg: &mut Leg) {
        while let Some(output) = leg.poll_output() {
            match output {
                LegOutput::Answer => self.answer_invite(),
                LegOutput::Answered { sdp } => self.emit(LegEvent::Answered { sdp }),
                LegOutput::Bye => self.say_goodbye(leg).await,
                LegOutput::Cancel => self.cancel(),
                LegOutput::Confirmed { sdp } => self.emit(LegEvent::Confirmed { answer: sdp }),
                LegOutput::EarlyMedia { sdp } => {
                    if self.has_room() {
                        self.emit(LegEvent::EarlyMedia { sdp });
                    }
                }
                LegOutput::Ended { by, reason, code } => self.emit(LegEvent::Ended { by, reason, code }),
                LegOutput::Failed { code, reason } => self.emit(LegEvent::Failed { code, reason }),
                // The task ends with the state.
                LegOutput::Forget => {}
                LegOutput::HoldReoffer => self.kept = self.arrived.take(),
                LegOutput::Refuse { code, reason } => self.refuse_invite(code, &reason),
                LegOutput::RefuseNewReoffer { code } => {
                    if let Some((change, _)) = self.arrived.take() {
                        self.reply_to(change, code, None);
                    }
                }
                LegOutput::RefuseReoffer { code } => {
                    let open = self.open.take().map(|(change, _)| change);
                    if let Some(change) = open.or_else(|| self.kept.take().map(|(change, _)| change)) {
                        self.reply_to(change, code, None);
                    }
                }
                LegOutput::Reoffer => self.send_reoffer(leg).await,
                LegOutput::Reoffered => self.hand_over(leg),
                LegOutput::Ring => self.respond_to_invite(180, Reply::default()),
                LegOutput::Ringing => self.emit(LegEvent::Ringing),
            }
        }
    }

    /// Whether an event that may be refused still fits.
    pub(super) fn has_room(&self) -> bool {
        self.events.capacity() > EVENTS_KEPT
    }

    pub(super) fn emit(&self, event: LegEvent) {
        // Room is kept for the few events that cannot be refused; a house that is gone needs none.
        if let Err(tokio::sync::mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
            warn!("A leg's events are not read, one is lost");
        }
    }

    fn answer_invite(&mut self) {
        let Some((sdp, headers)) = self.answer.take() else { return };
        self.respond_to_invite(200, Reply { sdp: Some(&sdp), headers: &headers, ..Reply::default() });
    }

    fn refuse_invite(&mut self, code: u16, phrase: &str) {
        let retry_after = self.retry_after.take();
        if let First::Theirs(responder) = &self.first {
            let reply = Reply { phrase, local_tag: &self.dialog.local_tag, retry_after, ..Reply::default() };
            responder.send(response(&self.switch, &responder.request, code, reply));
        }
    }

    /// A response that makes the dialog.
    fn respond_to_invite(&self, code: u16, reply: Reply<'_>) {
        if let First::Theirs(responder) = &self.first {
            let (local_tag, contact) = (self.dialog.local_tag.as_str(), Some(self.dialog.contact.as_str()));
            let reply = Reply { local_tag, contact, ..reply };
            responder.send(response(&self.switch, &responder.request, code, reply));
        }
    }

    /// Answers a changed offer.
    pub(super) fn reply_to(&self, change: Change, code: u16, sdp: Option<String>) {
        let contact = (code < 300).then_some(self.dialog.contact.as_str());
        // RFC 3261 14.2: told to wait, they need to know how long.
        let retry_after = (code == 500).then_some(RETRY_PAUSE);
        let local_tag = self.dialog.local_tag.as_str();
        let reply = Reply { local_tag, contact, sdp: sdp.as_deref(), retry_after, ..Reply::default() };
        match change {
            Change::Invite(responder) => {
                responder.send(response(&self.switch, &responder.request, code, reply));
            }
            Change::Update(mut transaction) => {
                let answer = response(&self.switch, &transaction.original, code, reply);
                self.switch.spawn("UPDATE", async move {
                    if let Err(error) = transaction.respond(answer).await {
                        debug!(code, %error, "Response not sent");
                    }
                });
            }
        }
    }

    /// Hands a changed offer to the house.
    fn hand_over(&mut self, leg: &mut Leg) {
        let Some((change, offer)) = self.kept.take().or_else(|| self.arrived.take()) else { return };
        if !self.has_room() {
            self.reply_to(change, 503, None);
            self.input(leg, LegInput::ReofferSettled);
            return;
        }
        let (reply, received) = Reoffer::new();
        self.open = Some((change, received));
        self.emit(LegEvent::Reoffered { offer, reply });
    }

    async fn send_reoffer(&mut self, leg: &mut Leg) {
        let Some(sdp) = self.reoffer.take() else { return };
        let content = Content { sdp: Some(&sdp), headers: &[] };
        let sent = match self.dialog.hop(&self.switch).await {
            Some(hop) => {
                let request = self.dialog.request(&self.switch, Method::Invite, &hop, content);
                request.is_some_and(|request| self.send(request, &hop, OurRequest::Reinvite))
            }
            None => false,
        };
        if !sent {
            self.reinvite_settled(leg, Err(crate::handle::LegError::Refused { code: 503 }));
        }
    }

    async fn say_goodbye(&mut self, leg: &mut Leg) {
        let mut dialog = self.dialog.clone();
        if !self.bye(&mut dialog, OurRequest::Bye).await {
            self.input(leg, LegInput::Gone);
        }
    }

    /// Sends BYE in a dialog: this leg's, or that of another phone that answered too.
    pub(super) async fn bye(&self, dialog: &mut Dialog, which: OurRequest) -> bool {
        let Some(hop) = dialog.hop(&self.switch).await else { return false };
        let request = dialog.request(&self.switch, Method::Bye, &hop, Content::default());
        request.is_some_and(|request| self.send(request, &hop, which))
    }

    fn cancel(&self) {
        if let First::Ours(Some((invite, hop))) = &self.first
            && let Some(cancel) = cancel_of(invite)
        {
            self.send(cancel, hop, OurRequest::Idle);
        }
    }

    /// Sends a request and has it driven.
    pub(super) fn send(&self, request: Request, hop: &Hop, which: OurRequest) -> bool {
        let Some(transaction) = transaction(&self.switch, request, hop) else { return false };
        let (inbox, leash) = (self.inbox_in.clone(), self.leash());
        self.switch.spawn("request", drive_ours(transaction, which, inbox, leash));
        true
    }
}

/// What a peer is asked to wait before it changes the session again: at most 10 s (RFC 3261 14.2).
const RETRY_PAUSE: std::time::Duration = std::time::Duration::from_secs(2);
