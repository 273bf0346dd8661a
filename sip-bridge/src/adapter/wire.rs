//! Transactions as they reach a leg: each is driven by a small task, because the stack's `receive` must not be
//! interrupted, and a leg waits for many things at once.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rsipstack::sip::prelude::{HeadersExt, ToTypedHeader};
use rsipstack::sip::{Header, Method, Request, Response, SipMessage, StatusCodeKind, Transport as StackTransport};
use rsipstack::transaction::Transaction;
use rsipstack::transaction::endpoint::MessageInspector;
use rsipstack::transaction::transaction::{TransactionEvent, TransactionEventSender};
use rsipstack::transport::SipAddr;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::gate::Gate;
use super::headers::{allow, extra, sdp_of, sdp_type, status, to_tag};
use super::switch::Switch;
use crate::front::{Origin, Verdict, refuse};

/// Messages a leg may have waiting.
pub(super) const LEG_INBOX_MAX: usize = 32;

/// What the transactions of a leg tell it.
pub(super) enum FromWire {
    /// Their ACK to our answer of the first INVITE.
    Acked { sdp: Option<String> },
    /// Our BYE is answered, or never will be.
    ByeOver,
    /// Their CANCEL; the stack has answered it.
    Cancelled,
    /// A response to our first INVITE.
    Invited(Box<Response>),
    /// Our first INVITE is over.
    InviteOver,
    /// A response to our re-INVITE.
    Reinvited(Box<Response>),
    /// Our re-INVITE is over.
    ReinviteOver,
    /// Their ACK to our answer of a re-INVITE.
    ReofferAcked { sdp: Option<String> },
    /// Our answer to a re-INVITE was never acknowledged.
    ReofferUnacked,
    /// A request in the dialog.
    Request(Box<Transaction>),
}

/// Which INVITE of theirs a driver drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TheirInvite {
    First,
    Later,
}

/// Which request of ours a driver drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OurRequest {
    Bye,
    /// Its response changes nothing: a CANCEL, or the BYE of a fork.
    Idle,
    Invite,
    Reinvite,
}

/// Drives an INVITE of theirs to its end. The transaction may outlive it a little, for the
/// ACK and retransmissions, and no longer.
pub(super) async fn drive_theirs(
    mut transaction: Transaction,
    which: TheirInvite,
    inbox: mpsc::Sender<FromWire>,
    leash: Leash,
) {
    let drive = async {
        // RFC 3261 17.2.1: stops their retransmissions while the house thinks.
        let _unsent = transaction.send_trying().await;
        let mut acked = false;
        while let Some(message) = transaction.receive().await {
            let SipMessage::Request(request) = message else { continue };
            let told = match (&request.method, which) {
                (Method::Ack, TheirInvite::First) => FromWire::Acked { sdp: sdp_of(&request, &request.body) },
                (Method::Ack, TheirInvite::Later) => FromWire::ReofferAcked { sdp: sdp_of(&request, &request.body) },
                (Method::Cancel, TheirInvite::First) => FromWire::Cancelled,
                _ => continue,
            };
            acked |= request.method == Method::Ack;
            if answered(&transaction) || request.method == Method::Cancel {
                // A leg that is gone needs to know nothing.
                let _gone = inbox.send(told).await;
            }
        }
        if which == TheirInvite::Later && !acked && answered(&transaction) {
            let _gone = inbox.send(FromWire::ReofferUnacked).await;
        }
    };
    leash.hold(drive).await;
}

/// Drives a request of ours to its end.
pub(super) async fn drive_ours(
    mut transaction: Transaction,
    which: OurRequest,
    inbox: mpsc::Sender<FromWire>,
    leash: Leash,
) {
    let drive = async {
        if transaction.send().await.is_ok() {
            while let Some(message) = transaction.receive().await {
                let SipMessage::Response(response) = message else { continue };
                let told = match which {
                    OurRequest::Bye | OurRequest::Idle => continue,
                    OurRequest::Invite => FromWire::Invited(Box::new(response)),
                    OurRequest::Reinvite => FromWire::Reinvited(Box::new(response)),
                };
                let _gone = inbox.send(told).await;
            }
        }
        let over = match which {
            OurRequest::Bye => FromWire::ByeOver,
            OurRequest::Idle => return,
            OurRequest::Invite => FromWire::InviteOver,
            OurRequest::Reinvite => FromWire::ReinviteOver,
        };
        let _gone = inbox.send(over).await;
    };
    leash.hold(drive).await;
}

/// What a driver is tied to.
#[derive(Clone)]
pub(super) struct Leash {
    /// Cancelled when the leg has ended.
    pub(super) leg: CancellationToken,
    /// Cancelled when the sockets close.
    pub(super) stop: CancellationToken,
}

impl Leash {
    /// Lets `drive` run until a while after the leg has ended, or until the sockets close.
    async fn hold(self, drive: impl Future<Output = ()>) {
        let late = async {
            self.leg.cancelled().await;
            tokio::time::sleep(OUTLIVE_MAX).await;
        };
        tokio::select! {
            () = drive => {}
            () = late => {}
            () = self.stop.cancelled() => {}
        }
    }
}

fn answered(transaction: &Transaction) -> bool {
    let last = transaction.last_response.as_ref();
    last.is_some_and(|response| response.status_code.kind() == StatusCodeKind::Successful)
}

/// Sends responses to an INVITE of theirs, through its driver.
pub(super) struct Responder {
    transaction: TransactionEventSender,
    pub(super) request: Request,
}

impl Responder {
    pub(super) fn of(transaction: &Transaction) -> Self {
        Self { transaction: transaction.tu_sender.clone(), request: transaction.original.clone() }
    }

    pub(super) fn send(&self, response: Response) {
        // Refused only when the transaction is over, and then nobody waits for it.
        let _over = self.transaction.send(TransactionEvent::Respond(response));
    }
}

/// What a response carries beyond its status.
#[derive(Clone, Copy, Default)]
pub(super) struct Reply<'a> {
    pub(super) phrase: &'a str,
    pub(super) local_tag: &'a str,
    /// Our Contact, where the response makes or keeps a dialog.
    pub(super) contact: Option<&'a str>,
    pub(super) sdp: Option<&'a str>,
    pub(super) headers: &'a [(String, String)],
    pub(super) retry_after: Option<Duration>,
}

/// Builds a response (RFC 3261 8.2.6).
pub(super) fn response(switch: &Switch, request: &Request, code: u16, reply: Reply<'_>) -> Response {
    let body = reply.sdp.map(|sdp| sdp.as_bytes().to_vec());
    let mut response = switch.endpoint.make_response(request, status(code, reply.phrase), body);
    for header in response.headers.iter_mut() {
        if let Header::To(to) = header
            && to.tag().ok().flatten().is_none()
            && !reply.local_tag.is_empty()
        {
            to.replace(format!("{};tag={}", to.value(), reply.local_tag));
        }
    }
    if let Some(contact) = reply.contact {
        // RFC 3261 12.1.1: the proxies of the request are on the way of the dialog.
        for route in request.record_route_headers() {
            response.headers.push(Header::RecordRoute(route.clone()));
        }
        response.headers.push(Header::Contact(contact.into()));
        response.headers.push(allow());
    }
    if let Some(span) = reply.retry_after {
        response.headers.push(Header::RetryAfter(span.as_secs().max(1).to_string().into()));
    }
    if reply.sdp.is_some() {
        response.headers.push(sdp_type());
    }
    response.headers.extend(reply.headers.iter().map(extra).collect());
    response
}

/// Completes what the stack says and hears by itself: its answers to CANCEL may lack the tag that RFC 3261 8.2.6.2 asks
/// for, and its ACKs go to the Contact, which behind NAT is no address of ours to send to.
pub(super) struct Finisher {
    pub(super) gate: Arc<Gate>,
}

impl MessageInspector for Finisher {
    fn before_send(&self, mut message: SipMessage, _to: Option<&SipAddr>) -> SipMessage {
        if let SipMessage::Response(response) = &mut message
            && response.status_code.code() > 100
            && to_tag(response).is_none()
        {
            let mut hasher = DefaultHasher::new();
            // The same for a retransmission (RFC 3261 8.2.7).
            response.call_id_header().map(|id| id.value()).unwrap_or_default().hash(&mut hasher);
            if let Ok(to) = response.to_header_mut() {
                to.replace(format!("{};tag={:x}", to.value(), hasher.finish()));
            }
        }
        message
    }

    fn after_received(&self, mut message: SipMessage, from: Option<&SipAddr>) -> SipMessage {
        let source = from.filter(|from| from.r#type == Some(StackTransport::Udp));
        if let Some(source) = source.and_then(|from| from.get_socketaddr().ok())
            && self.gate.needs(source)
        {
            match &mut message {
                SipMessage::Request(request) => reach_at(source, request),
                SipMessage::Response(response) => reach_at(source, response),
            }
        }
        message
    }
}

/// Lets the Contact of a registered phone name the address that it is reached at.
fn reach_at(source: SocketAddr, message: &mut impl HeadersExt) {
    let contact = message.typed_contact_headers().ok().and_then(|contacts| contacts.into_iter().next());
    let Some(mut contact) = contact else { return };
    contact.uri.host_with_port = source.into();
    for header in message.headers_mut().iter_mut() {
        if let Header::Contact(value) = header {
            value.replace(format!("<{}>", contact.uri));
        }
    }
}

/// What becomes of the bytes of one message.
pub(super) enum Admission<'a> {
    /// Nothing.
    Drop,
    /// The stack takes them, or the same in plainer form.
    Pass(Cow<'a, [u8]>),
    /// These go back.
    Reply { bytes: Vec<u8>, to: SocketAddr },
}

/// Has the doorman look at one message, and sees that the stack can read what it passes.
pub(super) fn admit<'a>(gate: &Gate, message: &'a [u8], origin: Origin) -> Admission<'a> {
    let passed: Cow<'_, [u8]> = match gate.judge(message, origin) {
        Verdict::Drop => return Admission::Drop,
        Verdict::Pass { length } => message.get(..length).unwrap_or(message).into(),
        Verdict::PassPlain(plain) => plain.into(),
        Verdict::Reply { bytes, to } => return Admission::Reply { bytes, to },
    };
    if readable(&passed) {
        return Admission::Pass(passed);
    }
    match refuse(message, origin.source) {
        Verdict::Reply { bytes, to } => Admission::Reply { bytes, to },
        Verdict::Drop | Verdict::Pass { .. } | Verdict::PassPlain(_) => Admission::Drop,
    }
}

/// Whether the stack will be able to read what the doorman has passed.
fn readable(message: &[u8]) -> bool {
    match SipMessage::try_from(message) {
        Err(_) => false,
        Ok(SipMessage::Response(response)) => response.top_via_header().is_ok_and(|via| via.typed().is_ok()),
        Ok(SipMessage::Request(request)) => {
            let contacts = || request.typed_contact_headers().is_ok_and(|contacts| !contacts.is_empty());
            request.top_via_header().is_ok_and(|via| via.typed().is_ok())
                && request.from_header().is_ok_and(|from| from.typed().is_ok())
                && request.to_header().is_ok_and(|to| to.typed().is_ok())
                && (request.method != Method::Invite || contacts())
        }
    }
}

/// Where a request came from: the address in its topmost Via, which the transport has put there.
pub(super) fn source_of(transaction: &Transaction) -> Option<SocketAddr> {
    transaction.connection.as_ref()?.get_remote_addr()?.get_socketaddr().ok()
}

/// The longest a transaction lives on without its leg: 64*T1 for the ACK, T4 for what is still on the wire, and a bit.
const OUTLIVE_MAX: Duration = Duration::from_secs(40);
