//! Where the users are: the contacts of each, bounded, and gone when they expire.

use std::net::SocketAddr;
use std::time::Duration;

use call::Moment;

use crate::door::Transport;

/// Contacts one user may have; one more is refused.
pub const CONTACTS_PER_USER_MAX: usize = 10;

/// Where a registered phone is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Its own address, to stand in the request.
    pub uri: String,
    /// Where its registration came from, to which the request goes: behind NAT the two differ.
    pub source: SocketAddr,
    /// How it came.
    pub transport: Transport,
}

impl Contact {
    /// Whether the phone names an address that it is not reached at.
    pub(crate) fn is_behind_nat(&self) -> bool {
        let host = self.uri.split_once(':').map_or("", |(_, rest)| rest);
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let host = host.split([';', '?']).next().unwrap_or_default();
        let named = host.parse().or_else(|_| format!("{host}:5060").parse::<SocketAddr>());
        named != Ok(self.source)
    }
}

/// One contact of a user.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    pub(super) contact: Contact,
    pub(super) call_id: String,
    pub(super) cseq: u32,
    pub(super) expires_at: Moment,
    /// When it was last registered; the latest is rung first.
    registered_at: Moment,
    /// When the NAT between us was last kept open.
    kept_at: Moment,
}

/// What a request wants of one contact.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) uri: String,
    /// Zero removes it.
    pub(super) expires: Duration,
}

/// Who asks, and when.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) call_id: String,
    pub(super) cseq: u32,
    pub(super) source: SocketAddr,
    pub(super) transport: Transport,
}

/// Why nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotChanged {
    Full,
    /// A later request was here before (RFC 3261 10.3, step 7).
    OutOfOrder,
}

/// The contacts of one user.
#[derive(Clone, Debug, Default)]
pub(super) struct Bindings(Vec<Binding>);

impl Bindings {
    /// The live ones.
    pub(super) fn live(&self, now: Moment) -> impl Iterator<Item = &Binding> {
        self.0.iter().filter(move |binding| binding.expires_at > now)
    }

    /// The live ones, the latest first.
    pub(super) fn latest_first(&self, now: Moment) -> Vec<Contact> {
        let mut live: Vec<_> = self.live(now).collect();
        live.sort_by_key(|binding| std::cmp::Reverse(binding.registered_at));
        live.into_iter().map(|binding| binding.contact.clone()).collect()
    }

    /// Removes all that this request may remove.
    pub(super) fn clear(&mut self, asked: &Asked, now: Moment) -> Result<(), NotChanged> {
        let wishes: Vec<_> = self.live(now).map(|binding| binding.contact.uri.clone()).collect();
        let wishes: Vec<_> = wishes.into_iter().map(|uri| Wish { uri, expires: Duration::ZERO }).collect();
        self.change(&wishes, asked, now)
    }

    /// Carries out all of the wishes or none (RFC 3261 10.3, step 7).
    pub(super) fn change(&mut self, wishes: &[Wish], asked: &Asked, now: Moment) -> Result<(), NotChanged> {
        let mut after = self.0.clone();
        after.retain(|binding| binding.expires_at > now);
        for wish in wishes {
            if let Some(place) = after.iter().position(|binding| binding.contact.uri == wish.uri) {
                let before = after.swap_remove(place);
                // The same number again is a retransmission, and does the same again.
                if before.call_id == asked.call_id && asked.cseq < before.cseq {
                    return Err(NotChanged::OutOfOrder);
                }
            }
            if wish.expires.is_zero() {
                continue;
            }
            let Asked { call_id, cseq, source, transport } = asked.clone();
            let contact = Contact { uri: wish.uri.clone(), source, transport };
            let expires_at = now + wish.expires;
            after.push(Binding { contact, call_id, cseq, expires_at, registered_at: now, kept_at: now });
        }
        if after.len() > CONTACTS_PER_USER_MAX {
            return Err(NotChanged::Full);
        }
        self.0 = after;
        Ok(())
    }

    /// Those whose NAT must hear of us again; they are taken to have heard.
    pub(super) fn due(&mut self, pause: Duration, now: Moment) -> Vec<Contact> {
        self.0.retain(|binding| binding.expires_at > now);
        let due = self.0.iter_mut().filter(|binding| now.since(binding.kept_at) >= pause);
        due.map(|binding| {
            binding.kept_at = now;
            binding.contact.clone()
        })
        .collect()
    }

    /// Whether a phone at this address is registered.
    pub(super) fn holds(&self, source: SocketAddr, now: Moment) -> bool {
        self.live(now).any(|binding| binding.contact.source.ip() == source.ip())
    }
}
