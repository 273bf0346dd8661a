//! The doorman: looks at every message before the SIP stack does, and answers what must not get further.
//!
//! The stack's parser refuses unknown methods without an answer and lets much pass that RFC 3261 calls malformed. Both
//! are settled here without state: a reply is made of the request alone (RFC 3261 8.2.7), so a flood of bad requests
//! costs no memory. Registrations are answered here too. Pure: bytes and the time in, a verdict out.

mod grammar;
mod request;

use std::net::SocketAddr;

use call::Moment;
use grammar::Via;

use crate::door::Transport;
use crate::guard::{DoorCounts, Entry, Guard, GuardConfig};
use crate::registrar::{Contact, Outcome, Registrar, RegistrarConfig};

pub(crate) use grammar::{Address, list, unescaped};
pub(crate) use request::{Answer, Request};

/// Longest message head we read, in bytes.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;
/// What we say we are. No version: it would only tell an attacker which holes to try.
pub(crate) const PRODUCT: &str = "Hotline";
/// The methods we do.
pub(crate) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE";
/// The same where there is a registrar.
const ALLOW_REGISTER: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, REGISTER";
/// The bodies we read.
pub(crate) const ACCEPT: &str = "application/sdp, application/dtmf-relay, application/dtmf";

/// What to do with a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing: it is no SIP, or an answer is forbidden or impossible.
    Drop,
    /// Hand its first bytes to the stack; what follows in a datagram is no part of it (RFC 3261 18.3).
    Pass { length: usize },
    /// Hand it to the stack in this plainer form.
    PassPlain(Vec<u8>),
    /// Send these bytes there, and forget it.
    Reply { bytes: Vec<u8>, to: SocketAddr },
}

/// Where a message came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) source: SocketAddr,
    pub(crate) transport: Transport,
}

/// The doorman, with the limits and the book of users.
pub(crate) struct Doorman {
    guard: Guard,
    registrar: Option<Registrar>,
    counts: DoorCounts,
}

impl Doorman {
    pub(crate) fn new(guard: GuardConfig, registrar: Option<RegistrarConfig>) -> Self {
        let (registrar, counts) = (registrar.map(Registrar::new), DoorCounts::default());
        Self { guard: Guard::new(guard), registrar, counts }
    }

    /// Judges one message: a datagram, or what a stream was cut into.
    pub(crate) fn judge(&mut self, message: &[u8], origin: Origin, now: Moment) -> Verdict {
        let (head, body) = split(message);
        let within = head.len() <= HEAD_BYTES_MAX;
        if within && head.starts_with(b"SIP/2.0 ") && body.is_some() {
            return Verdict::Pass { length: message.len() };
        }
        let Some((request, via)) = within.then(|| read(head, origin.source)).flatten() else {
            self.counts.dropped += 1;
            return Verdict::Drop;
        };
        let allowed = if self.registrar.is_some() { ALLOW_REGISTER } else { ALLOW };
        let answer = match request.objection(body, &via, allowed) {
            // RFC 3261 17.1.1.3: an ACK is never answered.
            Some(_) if request.method == "ACK" => return Verdict::Drop,
            Some(answer) => {
                self.counts.refused += u64::from(answer.is_refusal());
                answer
            }
            None => match self.serve(&request, origin, now) {
                Service::Answered(answer) => answer,
                Service::Ignored => return Verdict::Drop,
                Service::Passed => return pass(&request, head, body.unwrap_or_default()),
            },
        };
        Verdict::Reply { bytes: request.reply(&answer, &via), to: via.reply_to }
    }

    /// What a well formed request meets.
    fn serve(&mut self, request: &Request<'_>, origin: Origin, now: Moment) -> Service {
        let source = origin.source.ip();
        let entry = match request.method {
            // What belongs to a call is never limited: nothing may be felt on a call that is up.
            "INVITE" if !request.is_within() => self.guard.invite(source, now),
            "REGISTER" => self.guard.register(source, now),
            _ => Entry::Welcome,
        };
        let limited = match request.method {
            "REGISTER" => &mut self.counts.registers_limited,
            _ => &mut self.counts.invites_limited,
        };
        *limited += u64::from(entry != Entry::Welcome);
        match (entry, &mut self.registrar) {
            (Entry::Silence, _) => Service::Ignored,
            (Entry::Later, _) => Service::Answered(Answer::new("503 Service Unavailable").with("Retry-After", LATER_S)),
            (Entry::Welcome, Some(registrar)) if request.method == "REGISTER" => {
                let (answer, outcome) = registrar.register(request, origin.source, origin.transport, now);
                if outcome == Outcome::WrongPassword {
                    self.counts.failures += 1;
                    self.counts.blocked += u64::from(self.guard.failed(source, now));
                }
                Service::Answered(answer)
            }
            (Entry::Welcome, _) => Service::Passed,
        }
    }

    /// What was refused so far, and who is registered.
    pub(crate) fn counts(&self, now: Moment) -> DoorCounts {
        let registered = self.registrar.as_ref().map_or(0, |registrar| registrar.registered(now)) as u64;
        DoorCounts { registered, ..self.counts }
    }

    /// A connection was refused.
    pub(crate) fn count_refused_connection(&mut self) {
        self.counts.connections_refused += 1;
    }

    /// The limits.
    pub(crate) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Where a user's phones are.
    pub(crate) fn contacts(&self, user: &str, now: Moment) -> Vec<Contact> {
        self.registrar.as_ref().map(|registrar| registrar.contacts(user, now)).unwrap_or_default()
    }

    /// Whether a registered phone is reached by this connection.
    pub(crate) fn needs(&self, source: SocketAddr, now: Moment) -> bool {
        self.registrar.as_ref().is_some_and(|registrar| registrar.needs(source, now))
    }

    /// The phones whose NAT must hear of us again.
    pub(crate) fn due(&mut self, now: Moment) -> Vec<Contact> {
        self.registrar.as_mut().map(|registrar| registrar.due(now)).unwrap_or_default()
    }
}

/// What becomes of a request that is well formed.
enum Service {
    Answered(Answer),
    Ignored,
    Passed,
}

/// Lets a request through to the stack.
fn pass(request: &Request<'_>, head: &[u8], body: &[u8]) -> Verdict {
    let body = request.content_length().and_then(|length| body.get(..length)).unwrap_or(body);
    if request.odd {
        Verdict::PassPlain(request.plain(body))
    } else {
        Verdict::Pass { length: head.len() + HEAD_END.len() + body.len() }
    }
}

/// Refuses a message that passed, but that the stack cannot read after all.
pub(crate) fn refuse(message: &[u8], source: SocketAddr) -> Verdict {
    match read(split(message).0, source) {
        Some((request, via)) if request.method != "ACK" => {
            Verdict::Reply { bytes: request.reply(&Answer::new("400 Bad Request"), &via), to: via.reply_to }
        }
        Some(_) | None => Verdict::Drop,
    }
}

/// A request and the way back.
fn read(head: &[u8], source: SocketAddr) -> Option<(Request<'_>, Via)> {
    let request = Request::read(head)?;
    let via = Via::read(request.first("via")?, source)?;
    Some((request, via))
}

/// The head and, when it is complete, the body.
fn split(message: &[u8]) -> (&[u8], Option<&[u8]>) {
    let end = message.windows(HEAD_END.len()).position(|window| window == HEAD_END);
    match end {
        Some(end) => (&message[..end], Some(&message[end + HEAD_END.len()..])),
        None => (message, None),
    }
}

/// What a source beyond its limit is told to wait, in seconds.
const LATER_S: &str = "30";
const HEAD_END: &[u8] = b"\r\n\r\n";

#[cfg(test)]
mod tests;
