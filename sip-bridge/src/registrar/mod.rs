//! The registrar (RFC 3261 10.3): users prove who they are and say where their phones are.
//!
//! It answers from the request alone, before the SIP stack sees it, so a flood of registrations costs no memory: only
//! known users have anything kept for them, and of that a bounded number. Pure: the time is an argument.

mod digest;
mod location;

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

use call::Moment;

use crate::door::Transport;
use crate::front::{Address, Answer, Request, list, unescaped};
use crate::guard::{Bucket, Pace};
use digest::{Credentials, NONCE_LIFE, Nonce, Seal};
use location::{Asked, Bindings, NotChanged, Wish};

pub use digest::{Algorithm, User};
pub use location::{CONTACTS_PER_USER_MAX, Contact};

/// Users there may be.
pub const USERS_MAX: usize = 10_000;

/// Who may register, and for how long.
#[derive(Clone)]
pub struct RegistrarConfig {
    /// The protection space that users see, and that their hashes are made with (RFC 7616 3.3).
    pub realm: String,
    /// Who may register; beyond [`USERS_MAX`] they are left out.
    pub users: Vec<User>,
    /// Shorter registrations are refused with 423.
    pub expires_min: Duration,
    /// Longer ones are cut to this.
    pub expires_max: Duration,
    /// Wrong passwords for one user within [`RegistrarConfig::block`], from wherever.
    pub failures_max: u32,
    /// How long a user is refused to strangers after that.
    pub block: Duration,
    /// How often the way to a phone behind NAT is used, so that its router does not forget it.
    pub nat_pause: Duration,
    /// Random bytes, new at each start.
    pub secret: [u8; 32],
}

impl fmt::Debug for RegistrarConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistrarConfig").field("users", &self.users.len()).finish_non_exhaustive()
    }
}

/// What became of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Asked to prove itself, refused for its form, or granted.
    Told,
    /// A wrong password.
    WrongPassword,
}

/// The registrar.
pub(crate) struct Registrar {
    config: RegistrarConfig,
    seal: Seal,
    people: HashMap<String, Person>,
    /// Where phones registered from, and until when one may be there: asked for every datagram.
    sources: HashMap<SocketAddr, Moment>,
}

/// What is kept for one user.
struct Person {
    user: User,
    bindings: Bindings,
    /// The nonces used lately, so that nothing overheard is used again (RFC 7616 3.3, nc).
    used: Vec<Used>,
    failures: Bucket,
}

/// One nonce that was used.
#[derive(Clone, Copy)]
struct Used {
    nonce: u64,
    nc: u32,
    /// Of the request that used it, which may be sent again.
    request: u64,
    at: Moment,
}

impl Registrar {
    pub(crate) fn new(config: RegistrarConfig) -> Self {
        let people = config.users.iter().take(USERS_MAX).map(|user| {
            let (bindings, used, failures) = Default::default();
            (user.name.clone(), Person { user: user.clone(), bindings, used, failures })
        });
        Self { seal: Seal::new(config.secret), people: people.collect(), sources: HashMap::new(), config }
    }

    /// Where a user's phones are, the latest registered first.
    pub(crate) fn contacts(&self, user: &str, now: Moment) -> Vec<Contact> {
        self.people.get(user).map(|person| person.bindings.latest_first(now)).unwrap_or_default()
    }

    /// How many phones are registered.
    pub(crate) fn registered(&self, now: Moment) -> usize {
        self.people.values().map(|person| person.bindings.live(now).count()).sum()
    }

    /// Whether a phone has registered from this very address, or by this connection.
    pub(crate) fn needs(&self, source: SocketAddr, now: Moment) -> bool {
        self.sources.get(&source).is_some_and(|until| *until > now)
    }

    /// The phones whose NAT must hear of us again.
    pub(crate) fn due(&mut self, now: Moment) -> Vec<Contact> {
        let pause = self.config.nat_pause;
        self.sources.retain(|_, until| *until > now);
        self.people.values_mut().flat_map(|person| person.bindings.due(pause, now)).collect()
    }

    /// Answers a REGISTER that is well formed.
    pub(crate) fn register(
        &mut self,
        request: &Request<'_>,
        source: SocketAddr,
        transport: Transport,
        now: Moment,
    ) -> (Answer, Outcome) {
        let user = request.first("to").and_then(Address::read).map(|to| unescaped(user_of(to.uri)));
        let Some(user) = user.filter(|user| !user.is_empty()) else {
            return (Answer::new("404 Not Found"), Outcome::Told);
        };
        match self.authenticate(&user, request, source, now) {
            Ok(()) => (self.locate(&user, request, source, transport, now), Outcome::Told),
            Err(refusal) => refusal,
        }
    }

    /// Whether they are who they say (RFC 3261 22.1).
    fn authenticate(
        &mut self,
        user: &str,
        request: &Request<'_>,
        source: SocketAddr,
        now: Moment,
    ) -> Result<(), (Answer, Outcome)> {
        // RFC 4475 3.3.7: another scheme is as good as none.
        let ours = request.all("authorization").filter_map(Credentials::read);
        let Some(credentials) = ours.into_iter().find(|credentials| credentials.realm == self.config.realm) else {
            return Err((self.challenge(user, source, Nonce::Forged, now), Outcome::Told));
        };
        if credentials.uri != request.uri {
            return Err((Answer::new("400 Bad Request"), Outcome::Told));
        }
        let nonce = self.seal.check(credentials.nonce, source.ip(), now);
        let (failures_max, block) = (self.config.failures_max, self.config.block);
        let person = self.people.get_mut(user);
        let known = person.as_ref().and_then(|person| person.user.ha1(credentials.algorithm));
        // An unknown user takes as long as a wrong password, and is told the same.
        let proved = credentials.proves(known.unwrap_or_default(), request.method) && known.is_some();
        let right = proved && credentials.user == user;
        let Some(person) = person else { return Err((forbidden(), Outcome::WrongPassword)) };
        match (right, nonce) {
            // RFC 3261 22.4: the password is right, so they need not ask their user again.
            (true, Nonce::Forged | Nonce::Old) => {
                return Err((self.challenge(user, source, Nonce::Old, now), Outcome::Told));
            }
            (true, Nonce::Good) => {}
            (false, _) => {
                person.failures.take(Pace::of(failures_max, block), now);
                return Err((forbidden(), Outcome::WrongPassword));
            }
        }
        let guessed = !person.failures.has_room(Pace::of(failures_max, block), now);
        if guessed && !person.bindings.holds(source, now) {
            return Err((forbidden(), Outcome::Told));
        }
        if !person.uses(&credentials, request, now) {
            return Err((self.challenge(user, source, Nonce::Old, now), Outcome::Told));
        }
        Ok(())
    }

    /// Asks for proof by each algorithm that the user has a hash for, or by both for one that does not exist.
    fn challenge(&mut self, user: &str, source: SocketAddr, was: Nonce, now: Moment) -> Answer {
        let (realm, nonce) = (&self.config.realm, self.seal.nonce(source.ip(), now));
        let stale = if was == Nonce::Old { ", stale=true" } else { "" };
        let person = self.people.get(user);
        let offered = |algorithm: &Algorithm| person.is_none_or(|person| person.user.ha1(*algorithm).is_some());
        Algorithm::ALL.into_iter().filter(offered).fold(Answer::new("401 Unauthorized"), |answer, algorithm| {
            let name = algorithm.name();
            let challenge =
                format!("Digest realm=\"{realm}\", qop=\"auth\", nonce=\"{nonce}\", algorithm={name}{stale}");
            answer.with("WWW-Authenticate", challenge)
        })
    }

    /// Changes and lists the contacts of a user who is known (RFC 3261 10.3, steps 6 to 8).
    fn locate(
        &mut self,
        user: &str,
        request: &Request<'_>,
        source: SocketAddr,
        transport: Transport,
        now: Moment,
    ) -> Answer {
        let wishes = match self.wishes(request) {
            Ok(wishes) => wishes,
            Err(refusal) => return refusal,
        };
        let Some(person) = self.people.get_mut(user) else { return forbidden() };
        let call_id = request.first("call-id").unwrap_or_default().to_owned();
        let asked = Asked { call_id, cseq: request.cseq().unwrap_or_default(), source, transport };
        let changed = match wishes {
            Wishes::All => person.bindings.clear(&asked, now),
            Wishes::These(wishes) => person.bindings.change(&wishes, &asked, now),
        };
        match changed {
            Ok(()) => {
                let until = person.bindings.live(now).filter(|binding| binding.contact.source == source);
                if let Some(until) = until.map(|binding| binding.expires_at).max()
                    && (self.sources.len() < SOURCES_MAX || self.sources.contains_key(&source))
                {
                    self.sources.insert(source, until);
                }
                person.bindings.live(now).fold(Answer::new("200 OK"), |answer, binding| {
                    let left = binding.expires_at.since(now).as_secs();
                    answer.with("Contact", format!("<{}>;expires={left}", binding.contact.uri))
                })
            }
            Err(NotChanged::Full) => Answer::new("403 Too Many Contacts"),
            Err(NotChanged::OutOfOrder) => Answer::new("500 Out Of Order"),
        }
    }

    /// What the request wants of which contacts.
    fn wishes(&self, request: &Request<'_>) -> Result<Wishes, Answer> {
        let general = request.first("expires");
        let contacts: Vec<_> = request.all("contact").flat_map(list).collect();
        if contacts.contains(&"*") {
            // RFC 3261 10.2.2.
            let alone = contacts.len() == 1 && general == Some("0");
            return if alone { Ok(Wishes::All) } else { Err(Answer::new("400 Bad Contact")) };
        }
        if contacts.len() > CONTACTS_PER_USER_MAX {
            return Err(Answer::new("403 Too Many Contacts"));
        }
        let mut wishes = Vec::with_capacity(contacts.len());
        for contact in contacts.into_iter().filter_map(Address::read) {
            let sip = ["sip", "sips"].iter().any(|scheme| contact.scheme().eq_ignore_ascii_case(scheme));
            if !sip || contact.uri.len() > URI_BYTES_MAX {
                return Err(Answer::new("400 Bad Contact"));
            }
            // RFC 3261 10.3: what cannot be read counts as 3600, as does nothing.
            let asked = contact.parameter("expires").or(general).and_then(|text| text.parse::<u32>().ok());
            let expires = asked.map_or(EXPIRES_BUILT_IN, |seconds| Duration::from_secs(seconds.into()));
            if !expires.is_zero() && expires < self.config.expires_min {
                let min = self.config.expires_min.as_secs().to_string();
                return Err(Answer::new("423 Interval Too Brief").with("Min-Expires", min));
            }
            wishes.push(Wish { uri: contact.uri.to_owned(), expires: expires.min(self.config.expires_max) });
        }
        Ok(Wishes::These(wishes))
    }
}

impl Person {
    /// Notes the use of a nonce; whether it was its first, or that of the same request sent again.
    fn uses(&mut self, credentials: &Credentials<'_>, request: &Request<'_>, now: Moment) -> bool {
        let (nonce, nc) = (hashed(&credentials.nonce), credentials.nc);
        let contacts: Vec<_> = request.all("contact").collect();
        let request = hashed(&(request.first("call-id"), request.first("cseq"), contacts, request.first("expires")));
        if let Some(used) = self.used.iter_mut().find(|used| used.nonce == nonce) {
            let again = used.nc == nc && used.request == request;
            if nc > used.nc {
                (used.nc, used.request) = (nc, request);
                return true;
            }
            return again;
        }
        self.used.retain(|used| now.since(used.at) <= NONCE_LIFE);
        if self.used.len() >= USED_MAX {
            self.used.remove(0);
        }
        self.used.push(Used { nonce, nc, request, at: now });
        true
    }
}

/// What a request wants.
enum Wishes {
    /// Every contact removed.
    All,
    /// These changed; none of them only asks what there is.
    These(Vec<Wish>),
}

fn forbidden() -> Answer {
    Answer::new("403 Forbidden")
}

/// The user part of a SIP URI, still escaped; empty when there is none.
fn user_of(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let user = rest.rsplit_once('@').map_or("", |(user, _)| user);
    user.split_once(':').map_or(user, |(user, _)| user)
}

fn hashed(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// Addresses remembered; a phone beyond them is reached by its Contact.
const SOURCES_MAX: usize = 100_000;
/// Nonces remembered for one user.
const USED_MAX: usize = 16;
const URI_BYTES_MAX: usize = 512;
/// RFC 3261 10.2.1.1.
const EXPIRES_BUILT_IN: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests;
