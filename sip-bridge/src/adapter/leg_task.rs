//! The task of one leg: carries messages and orders to its machine, and the machine's decisions to the wire.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use rsipstack::sip::{Method, Request, Response};
use rsipstack::transaction::Transaction;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::debug;

use call::Pii;

use super::dialog::{Content, Dialog, Hop};
use super::headers::{digit_of, reason_of, sdp_of, to_tag};
use super::switch::{LEGS_MAX, NoPlace, Place, Switch};
use super::wire::{FromWire, LEG_INBOX_MAX, Leash, OurRequest, Reply, Responder, TheirInvite, drive_theirs, response};
use crate::door::{Dial, DoorError};
use crate::handle::{LEG_EVENTS_MAX, LEG_ORDERS_MAX, LegError, LegEvent, LegHandle, Order, ReofferReply};
use crate::leg::{Leg, LegInput, LegState, NotNow};
use crate::registrar::Contact;

/// Room kept in the queue of events for those that must not be lost.
pub(super) const EVENTS_KEPT: usize = 8;

/// Places a call, to a registered phone or to whatever address.
pub(crate) fn dial(switch: &Arc<Switch>, dial: Dial, contact: Option<&Contact>) -> Result<LegHandle, DoorError> {
    let dialog = match contact {
        Some(contact) => Dialog::calling_contact(switch, &dial, contact)?,
        None => Dialog::calling(switch, &dial)?,
    };
    let (events_in, events) = mpsc::channel(LEG_EVENTS_MAX);
    let (orders_in, orders) = mpsc::channel(LEG_ORDERS_MAX);
    let (inbox_in, inbox) = mpsc::channel(LEG_INBOX_MAX);
    let place = switch.enter(dialog.key(), None, inbox_in.clone()).map_err(|no_place| match no_place {
        NoPlace::Closed => DoorError::Closed,
        NoPlace::Full | NoPlace::Merged => DoorError::Full { max: LEGS_MAX },
    })?;
    let task = LegTask::new(switch, dialog, First::Ours(None), (events_in, orders, inbox_in, inbox), place);
    switch.spawn("leg", task.call_out(dial));
    Ok(LegHandle::new(events, orders_in))
}

/// The queues of a leg: events out, orders in, and the inbox with the end that is given to drivers.
pub(super) type Queues =
    (mpsc::Sender<LegEvent>, mpsc::Receiver<Order>, mpsc::Sender<FromWire>, mpsc::Receiver<FromWire>);

/// The INVITE that began the leg.
pub(super) enum First {
    /// Ours, once it is sent, and the hop it took.
    Ours(Option<(Request, Hop)>),
    Theirs(Responder),
}

/// How a changed offer of theirs came, and so how it is answered.
pub(super) enum Change {
    Invite(Box<Responder>),
    Update(Box<Transaction>),
}

/// The task of one leg.
pub(super) struct LegTask {
    pub(super) switch: Arc<Switch>,
    pub(super) dialog: Dialog,
    pub(super) first: First,
    pub(super) events: mpsc::Sender<LegEvent>,
    orders: mpsc::Receiver<Order>,
    pub(super) inbox_in: mpsc::Sender<FromWire>,
    inbox: mpsc::Receiver<FromWire>,
    /// What our 200 carries, between the order and its execution.
    pub(super) answer: Option<(String, Vec<(String, String)>)>,
    pub(super) retry_after: Option<Duration>,
    /// A changed offer of theirs that has just come.
    pub(super) arrived: Option<(Change, Option<String>)>,
    /// One that has overtaken its ACK.
    pub(super) kept: Option<(Change, Option<String>)>,
    /// The one that is with the house.
    pub(super) open: Option<(Change, oneshot::Receiver<ReofferReply>)>,
    /// A changed offer of ours: to send, and whom to tell.
    pub(super) reoffer: Option<String>,
    pub(super) reoffered: Option<oneshot::Sender<Result<String, LegError>>>,
    /// Its end tells the drivers.
    life: CancellationToken,
    _end: DropGuard,
    place: Place,
}

impl LegTask {
    pub(super) fn inbound(
        switch: &Arc<Switch>,
        dialog: Dialog,
        invite: &Transaction,
        queues: Queues,
        place: Place,
    ) -> Self {
        Self::new(switch, dialog, First::Theirs(Responder::of(invite)), queues, place)
    }

    fn new(switch: &Arc<Switch>, dialog: Dialog, first: First, queues: Queues, place: Place) -> Self {
        let (events, orders, inbox_in, inbox) = queues;
        let life = CancellationToken::new();
        Self {
            switch: Arc::clone(switch),
            dialog,
            first,
            events,
            orders,
            inbox_in,
            inbox,
            answer: None,
            retry_after: None,
            arrived: None,
            kept: None,
            open: None,
            reoffer: None,
            reoffered: None,
            _end: life.clone().drop_guard(),
            life,
            place,
        }
    }

    pub(super) fn leash(&self) -> Leash {
        Leash { leg: self.life.clone(), stop: self.switch.stop_token() }
    }

    /// Sends the INVITE, then goes on like any leg.
    async fn call_out(mut self, dial: Dial) {
        let mut leg = Leg::outbound(self.switch.now() + dial.ring_timeout);
        if !self.invite(&dial).await {
            let (code, reason) = (503, "Unreachable".to_owned());
            self.input(&mut leg, LegInput::Final { code, reason, sdp: None });
        }
        self.run(leg).await;
    }

    async fn invite(&mut self, dial: &Dial) -> bool {
        let Some(hop) = self.dialog.place(&self.switch).await else { return false };
        self.dialog.stream().into_iter().for_each(|stream| self.place.hold(stream));
        let content = Content { sdp: Some(&dial.sdp), headers: &dial.headers };
        let Some(request) = self.dialog.request(&self.switch, Method::Invite, &hop, content) else { return false };
        let sent = self.send(request.clone(), &hop, OurRequest::Invite);
        self.first = First::Ours(Some((request, hop)));
        sent
    }

    /// Lives until the machine says that the dialog can be forgotten.
    pub(super) async fn run(mut self, mut leg: Leg) {
        let closing = self.switch.closing_token();
        let (mut held, mut told) = (true, false);
        loop {
            self.act(&mut leg).await;
            if leg.state() == LegState::Ended {
                break;
            }
            let due = leg.poll_timeout().map(|moment| self.switch.instant(moment));
            tokio::select! {
                message = self.inbox.recv() => if let Some(message) = message {
                    self.heard(&mut leg, message).await;
                },
                order = self.orders.recv(), if held => match order {
                    Some(order) => self.ordered(&mut leg, order),
                    None => {
                        held = false;
                        self.input(&mut leg, LegInput::HangUp { reason: "dropped".to_owned() });
                    }
                },
                reply = replied(&mut self.open) => self.settled(&mut leg, reply),
                () = at(due) => leg.handle_timeout(self.switch.now()),
                () = closing.cancelled(), if !told => {
                    told = true;
                    self.input(&mut leg, LegInput::HangUp { reason: "closing".to_owned() });
                }
            }
        }
    }

    /// A message of the peer, which the machine always takes.
    pub(super) fn input(&self, leg: &mut Leg, input: LegInput) {
        if let Err(refused) = leg.handle_input(input, self.switch.now()) {
            debug!(?refused, "Input refused by the leg");
        }
    }

    // Orders of the house.

    fn ordered(&mut self, leg: &mut Leg, order: Order) {
        let now = self.switch.now();
        match order {
            Order::Answer { sdp, headers, done } => {
                let taken = leg.handle_input(LegInput::Answer, now).map_err(leg_error);
                if taken.is_ok() {
                    self.answer = Some((sdp, headers));
                }
                // Whoever ordered it may have gone.
                let _gone = done.send(taken);
            }
            Order::HangUp { reason } => self.input(leg, LegInput::HangUp { reason }),
            Order::Reject { status, reason, retry_after, done } => {
                self.retry_after = retry_after;
                let taken = leg.handle_input(LegInput::Reject { code: status, reason }, now);
                let _gone = done.send(taken.map_err(leg_error));
            }
            Order::Reoffer { sdp, done } => match leg.handle_input(LegInput::WantReoffer, now) {
                Ok(()) => (self.reoffer, self.reoffered) = (Some(sdp), Some(done)),
                Err(refused) => {
                    let _gone = done.send(Err(leg_error(refused)));
                }
            },
            Order::Ring { done } => {
                let _gone = done.send(leg.handle_input(LegInput::Ring, now).map_err(leg_error));
            }
        }
    }

    /// The house has replied to a changed offer, or dropped it.
    fn settled(&mut self, leg: &mut Leg, reply: Option<ReofferReply>) {
        let Some((change, _)) = self.open.take() else { return };
        self.input(leg, LegInput::ReofferSettled);
        match reply {
            Some(ReofferReply::Answer { sdp }) => self.reply_to(change, 200, Some(sdp)),
            Some(ReofferReply::Reject { status }) => self.reply_to(change, status, None),
            None => self.reply_to(change, 488, None),
        }
    }

    // Messages of the peer.

    async fn heard(&mut self, leg: &mut Leg, message: FromWire) {
        match message {
            FromWire::Acked { sdp } => self.input(leg, LegInput::Acked { sdp }),
            FromWire::ByeOver => self.input(leg, LegInput::Gone),
            FromWire::Cancelled => self.input(leg, LegInput::Cancel),
            FromWire::InviteOver => {
                let (code, reason) = (408, "Request Timeout".to_owned());
                self.input(leg, LegInput::Final { code, reason, sdp: None });
            }
            FromWire::Invited(response) => self.invited(leg, &response).await,
            FromWire::ReinviteOver => self.reinvite_settled(leg, Err(LegError::Refused { code: 408 })),
            FromWire::Reinvited(response) => self.reinvited(leg, &response),
            FromWire::ReofferAcked { sdp } => {
                if sdp.is_some() && leg.state() == LegState::Confirmed {
                    self.emit(LegEvent::Confirmed { answer: sdp });
                }
            }
            FromWire::ReofferUnacked => self.input(leg, LegInput::ReofferUnacked),
            FromWire::Request(transaction) => self.requested(leg, transaction).await,
        }
    }

    /// A response to the INVITE that is to become the call.
    async fn invited(&mut self, leg: &mut Leg, response: &Response) {
        let code = response.status_code.code();
        let sdp = sdp_of(response, &response.body);
        match code {
            100..=199 => self.input(leg, LegInput::Provisional { code, sdp }),
            200..=299 if self.dialog.remote_tag.is_none() => {
                self.dialog.establish(response);
                self.input(leg, LegInput::Final { code, reason: String::new(), sdp });
            }
            // Acknowledged by the stack; a retransmission.
            200..=299 if to_tag(response) == self.dialog.remote_tag => {}
            // RFC 3261 13.2.2.4: another phone answered too, and one call is enough.
            200..=299 => {
                let mut fork = self.dialog.clone();
                fork.establish(response);
                self.bye(&mut fork, OurRequest::Idle).await;
            }
            _ => {
                let reason = response.wire_reason.as_deref().unwrap_or(response.status_code.text()).to_owned();
                self.input(leg, LegInput::Final { code, reason, sdp });
            }
        }
    }

    /// A response to a re-INVITE of ours.
    fn reinvited(&mut self, leg: &mut Leg, response: &Response) {
        match (response.status_code.code(), sdp_of(response, &response.body)) {
            (100..=199, _) => {}
            (200..=299, Some(sdp)) => {
                self.dialog.refresh_target(response);
                self.reinvite_settled(leg, Ok(sdp));
            }
            (200..=299, None) => self.reinvite_settled(leg, Err(LegError::Refused { code: 488 })),
            (491, _) => self.reinvite_settled(leg, Err(LegError::Glare)),
            (code, _) => {
                self.reinvite_settled(leg, Err(LegError::Refused { code }));
                // RFC 3261 12.2.1.2: they know of no such call.
                if matches!(code, 408 | 481) {
                    self.input(leg, LegInput::Bye { reason: Some("gone".to_owned()) });
                }
            }
        }
    }

    pub(super) fn reinvite_settled(&mut self, leg: &mut Leg, result: Result<String, LegError>) {
        if let Some(done) = self.reoffered.take() {
            let _gone = done.send(result);
            self.input(leg, LegInput::WantReofferSettled);
        }
    }

    /// A request in the dialog.
    async fn requested(&mut self, leg: &mut Leg, transaction: Box<Transaction>) {
        if let Err(code) = self.dialog.admits(&transaction.original) {
            return self.respond(transaction, code).await;
        }
        match transaction.original.method {
            Method::Bye => {
                let reason = reason_of(&transaction.original);
                self.respond(transaction, 200).await;
                self.input(leg, LegInput::Bye { reason });
            }
            Method::Info => self.informed(transaction).await,
            Method::Invite => {
                let offer = sdp_of(&transaction.original, &transaction.original.body);
                self.dialog.refresh_target(&transaction.original);
                let change = Change::Invite(Box::new(Responder::of(&transaction)));
                let (inbox, leash) = (self.inbox_in.clone(), self.leash());
                self.switch.spawn("re-INVITE", drive_theirs(*transaction, TheirInvite::Later, inbox, leash));
                self.arrived = Some((change, offer));
                self.input(leg, LegInput::Reoffer);
            }
            Method::Update => {
                self.dialog.refresh_target(&transaction.original);
                match sdp_of(&transaction.original, &transaction.original.body) {
                    // RFC 3311 5.2: without an offer it only refreshes.
                    None => self.respond(transaction, 200).await,
                    offer => {
                        self.arrived = Some((Change::Update(transaction), offer));
                        self.input(leg, LegInput::Reoffer);
                    }
                }
            }
            Method::Options => self.respond(transaction, 200).await,
            Method::Ack
            | Method::Cancel
            | Method::Message
            | Method::Notify
            | Method::PRack
            | Method::Publish
            | Method::Refer
            | Method::Register
            | Method::Subscribe => self.respond(transaction, 405).await,
        }
    }

    async fn informed(&mut self, transaction: Box<Transaction>) {
        let code = match digit_of(&transaction.original) {
            Some(Ok(digit)) if self.has_room() => {
                self.emit(LegEvent::Info { digit: Pii::new(digit) });
                200
            }
            Some(Ok(_)) => 503,
            Some(Err(_)) => 400,
            None if transaction.original.body.is_empty() => 200,
            None => 415,
        };
        self.respond(transaction, code).await;
    }

    /// Answers a request that is no INVITE.
    async fn respond(&self, mut transaction: Box<Transaction>, code: u16) {
        let contact = Some(self.dialog.contact.as_str());
        let reply = Reply { local_tag: &self.dialog.local_tag, contact, ..Reply::default() };
        let response = response(&self.switch, &transaction.original, code, reply);
        if transaction.original.method == Method::Invite {
            // It needs the ACK waited for.
            let responder = Responder::of(&transaction);
            let (inbox, leash) = (self.inbox_in.clone(), self.leash());
            self.switch.spawn("re-INVITE", drive_theirs(*transaction, TheirInvite::Later, inbox, leash));
            responder.send(response);
        } else if let Err(error) = transaction.respond(response).await {
            debug!(code, %error, "Response not sent");
        }
    }
}

/// The reply of the house to an open change; never, when none is open.
async fn replied(open: &mut Option<(Change, oneshot::Receiver<ReofferReply>)>) -> Option<ReofferReply> {
    match open {
        Some((_, reply)) => reply.await.ok(),
        None => pending().await,
    }
}

async fn at(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => pending().await,
    }
}

fn leg_error(refused: NotNow) -> LegError {
    match refused {
        NotNow::Glare => LegError::Glare,
        NotNow::WrongState(LegState::Cancelling | LegState::Ended | LegState::Leaving) => LegError::Ended,
        NotNow::WrongState(
            state @ (LegState::Answered
            | LegState::Calling
            | LegState::Confirmed
            | LegState::Invited
            | LegState::Ringing),
        ) => LegError::WrongState { state: state.name() },
    }
}
