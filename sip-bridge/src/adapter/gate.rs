//! The doorman as the sockets share it: behind a lock, with the door's clock.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use call::Moment;
use rsipstack::transaction::random_text;

use super::switch::{Switch, lock};
use crate::door::Transport;
use crate::front::{Doorman, Origin, Verdict};
use crate::guard::{DoorCounts, GuardConfig};
use crate::registrar::{Contact, RegistrarConfig};

/// The doorman and the clock.
pub(crate) struct Gate {
    doorman: Mutex<Doorman>,
    limits: GuardConfig,
    started: Instant,
}

impl Gate {
    pub(crate) fn new(guard: GuardConfig, registrar: Option<RegistrarConfig>) -> Self {
        let doorman = Mutex::new(Doorman::new(guard.clone(), registrar));
        Self { doorman, limits: guard, started: Instant::now() }
    }

    /// The time as the machines of this crate see it.
    pub(super) fn now(&self) -> Moment {
        Moment::START + self.started.elapsed()
    }

    /// The instant of a moment, for sleeping.
    pub(super) fn instant(&self, moment: Moment) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.started + moment.since(Moment::START))
    }

    pub(super) fn limits(&self) -> &GuardConfig {
        &self.limits
    }

    pub(super) fn judge(&self, message: &[u8], origin: Origin) -> Verdict {
        lock(&self.doorman).judge(message, origin, self.now())
    }

    pub(crate) fn counts(&self) -> DoorCounts {
        lock(&self.doorman).counts(self.now())
    }

    pub(super) fn count_refused_connection(&self) {
        lock(&self.doorman).count_refused_connection();
    }

    pub(super) fn is_trusted(&self, source: IpAddr) -> bool {
        lock(&self.doorman).guard().is_trusted(source)
    }

    pub(crate) fn contacts(&self, user: &str) -> Vec<Contact> {
        lock(&self.doorman).contacts(user, self.now())
    }

    /// Whether a registered phone is reached by this connection.
    pub(super) fn needs(&self, source: SocketAddr) -> bool {
        lock(&self.doorman).needs(source, self.now())
    }

    fn due(&self) -> Vec<Contact> {
        lock(&self.doorman).due(self.now())
    }
}

/// Keeps the way open to phones behind NAT until the door closes: their router forgets a way that nobody goes.
pub(crate) async fn keep_open(switch: Arc<Switch>) {
    let stop = switch.stop_token();
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_PAUSE) => {}
        }
        for contact in switch.gate.due() {
            if contact.transport == Transport::Udp && contact.is_behind_nat() {
                switch.send_datagram(&ping(&switch, &contact), contact.source);
            }
        }
    }
}

/// OPTIONS, because every phone answers it, so that the way is used in both directions. The answer finds no transaction
/// and is dropped: nothing is kept for it.
fn ping(switch: &Switch, contact: &Contact) -> String {
    let ours = switch.advertised(contact.source, Transport::Udp);
    let (branch, tag, call_id) = (random_text(16), random_text(8), random_text(16));
    format!(
        "OPTIONS {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {ours};rport;branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n\
         From: <sip:{ours}>;tag={tag}\r\nTo: <{uri}>\r\nCall-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
        uri = contact.uri,
    )
}

/// How often it is looked whose turn it is.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
