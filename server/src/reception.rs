//! The reception: takes calls in, refuses what cannot be served, and runs one task for each that can.
//!
//! Calls come from the door and from browsers. Here they become alike: an [`Arrival`] with a leg and its sound.

use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ::call::{CallId, Language, Pii, SessionId};
use media::RtpConfig;
use sip_bridge::{InboundCall, LegHandle};
use tracing::{error, info};

use crate::call;
use crate::house::{Arrivals, House};

/// A call that nobody has answered yet, in whatever way it came.
pub(crate) struct Arrival {
    /// Its name in the journal.
    pub(crate) call: CallId,
    /// The leg, to answer or reject.
    pub(crate) leg: LegHandle,
    /// Who calls, as far as it is known.
    pub(crate) from: Pii<String>,
    /// The number or name that was called; may be empty.
    pub(crate) to: String,
    /// The language the caller has chosen; else the number's.
    pub(crate) language: Option<Language>,
    /// The session it belongs to, when another of our nodes sends it; else a new one.
    pub(crate) session: Option<SessionId>,
    /// How its sound comes.
    pub(crate) sound: Sound,
}

/// How the sound of an arrival comes.
pub(crate) enum Sound {
    /// The leg has agreed on everything: this is where it comes, and how.
    Agreed { socket: UdpSocket, rtp: RtpConfig },
    /// By session descriptions; without an offer we are to make it (RFC 3261 13.2.1).
    Offered { offer: Option<String>, peer: IpAddr },
}

impl From<InboundCall> for Arrival {
    fn from(call: InboundCall) -> Self {
        let session = call.user_to_user.as_deref().and_then(|header| header.split(';').next()?.trim().parse().ok());
        Self {
            call: CallId::from_bits(rand::random()),
            leg: call.leg,
            from: call.from,
            to: call.to,
            language: None,
            session,
            sound: Sound::Offered { offer: call.offer, peer: call.source.ip() },
        }
    }
}

/// A caller who was admitted before they arrived.
pub(crate) struct Guest {
    pub(crate) arrival: Arrival,
    /// Kept until the call is over.
    pub(crate) places: Vec<Place>,
}

/// Counts calls, and refuses those beyond the limit.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    live: Arc<AtomicU32>,
    max: u32,
}

/// A place among the live calls, freed when dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicU32>);

impl Admission {
    /// Room for `max` calls.
    pub(crate) fn new(max: u32) -> Self {
        Self { live: Arc::default(), max }
    }

    /// A place, unless all are taken.
    pub(crate) fn admit(&self) -> Option<Place> {
        let below = |live: u32| (live < self.max).then_some(live + 1);
        self.live.fetch_update(Ordering::AcqRel, Ordering::Acquire, below).ok()?;
        Some(Place(self.live.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Takes calls until the house stops or the door is gone.
pub(crate) async fn receive(house: Arc<House>, mut arrivals: Arrivals) {
    loop {
        tokio::select! {
            Some(call) = arrivals.calls.recv() => match house.admission.admit() {
                Some(place) => {
                    let guest = Guest { arrival: call.into(), places: vec![place] };
                    house.calls.spawn(attend(house.clone(), guest));
                }
                None => {
                    house.calls.spawn(refuse(house.clone(), call.leg));
                }
            },
            Some(guest) = arrivals.guests.recv() => {
                house.calls.spawn(attend(house.clone(), guest));
            }
            () = house.stopping.cancelled() => break,
            else => break,
        }
    }
    // The door goes on ringing while live calls finish: newcomers are told to try elsewhere.
    loop {
        tokio::select! {
            Some(call) = arrivals.calls.recv() => refuse(house.clone(), call.leg).await,
            Some(guest) = arrivals.guests.recv() => refuse(house.clone(), guest.arrival.leg).await,
            else => break,
        }
    }
}

/// Runs one call and sees how it ended: a panic ends this call and no other.
async fn attend(house: Arc<House>, guest: Guest) {
    let Guest { arrival, places } = guest;
    let call_id = arrival.call;
    let task = tokio::spawn(call::answer(house, arrival));
    match task.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => info!(error = %error, "A call could not be taken"),
        Err(error) => error!(%error, %call_id, "A call broke; its journal is closed as crashed"),
    }
    drop(places);
}

async fn refuse(house: Arc<House>, leg: LegHandle) {
    let retry_after = house.config.sip.retry_after_s.duration();
    info!("All lines are busy; a call is refused");
    if let Err(error) = leg.reject(503, "Service Unavailable", Some(retry_after)).await {
        info!(%error, "The refused caller had already gone");
    }
}
