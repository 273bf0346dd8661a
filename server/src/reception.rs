//! The reception: takes calls in at the door, refuses what cannot be served, and runs one task for each that can.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sip_bridge::InboundCall;
use tracing::{error, info};

use crate::call;
use crate::house::{Arrivals, House};

/// Counts calls, and refuses those beyond the limit.
#[derive(Clone, Debug)]
struct Admission {
    live: Arc<AtomicU32>,
    max: u32,
}

/// A place among the live calls, freed when dropped.
struct Place(Arc<AtomicU32>);

impl Admission {
    fn admit(&self) -> Option<Place> {
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
    let admission = Admission { live: Arc::default(), max: house.config.sip.calls_max.number() };
    loop {
        let arrival = tokio::select! {
            arrival = arrivals.recv() => arrival,
            () = house.stopping.cancelled() => break,
        };
        let Some(arrival) = arrival else { break };
        match admission.admit() {
            Some(place) => {
                house.calls.spawn(attend(house.clone(), arrival, place));
            }
            None => {
                house.calls.spawn(refuse(house.clone(), arrival));
            }
        }
    }
    // The door goes on ringing while live calls finish: newcomers are told to try elsewhere.
    while let Some(arrival) = arrivals.recv().await {
        refuse(house.clone(), arrival).await;
    }
}

/// Runs one call and sees how it ended: a panic ends this call and no other.
async fn attend(house: Arc<House>, arrival: InboundCall, place: Place) {
    let sip_call_id = arrival.sip_call_id.clone();
    let task = tokio::spawn(call::answer(house, arrival));
    match task.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => info!(error = %error, "A call could not be taken"),
        Err(error) => error!(%error, sip_call_id, "A call broke; its journal is closed as crashed"),
    }
    drop(place);
}

async fn refuse(house: Arc<House>, arrival: InboundCall) {
    let retry_after = house.config.sip.retry_after_s.duration();
    info!("All lines are busy; a call is refused");
    if let Err(error) = arrival.leg.reject(503, "Service Unavailable", Some(retry_after)).await {
        info!(%error, "The refused caller had already gone");
    }
}
