//! Many callers at once who only listen: whether every packet of everybody's greeting comes in time.
//!
//! Each has a socket and a thread of its own, so that what is measured is the sender and not a queue in front of the
//! measure.

use std::time::Duration;

use call::Codec;
use serde::Serialize;
use sip_bridge::{Door, Transport};
use tokio::task::JoinSet;

use crate::echo::LineEffects;
use crate::phone::{CallError, Phone, Route};
use crate::report::{EndedBy, RtpReport};
use crate::wire::Listener;

/// A load to put on a house.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// Whom to call: `sip:NAME@HOST:PORT`.
    pub to: String,
    /// Who calls: the user part of From.
    pub from: String,
    /// How SIP travels.
    pub transport: Transport,
    /// How many calls, at most 1,000.
    pub calls: usize,
    /// The time between the beginnings of two calls.
    pub interval: Duration,
    /// How long each listens, unless they hang up earlier.
    pub hold: Duration,
    /// What the callers speak, best first.
    pub codecs: Vec<Codec>,
}

/// What became of one call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoadCall {
    /// The status that answered it; `None` when there was none.
    pub sip_code: Option<u16>,
    /// Why there was no call, in words.
    pub failure: Option<String>,
    /// Who hung up.
    pub ended_by: EndedBy,
    /// How much sound was heard, in milliseconds.
    pub heard_ms: u64,
    /// From the answer to the first sound, in milliseconds.
    pub first_sound_ms: Option<u64>,
    /// What arrived.
    pub rtp: RtpReport,
}

/// What became of all.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoadReport {
    /// Calls tried.
    pub calls: usize,
    /// Calls answered.
    pub answered: usize,
    /// Calls in which something was heard.
    pub heard: usize,
    /// The longest gap between two packets of any call, in milliseconds.
    pub gap_max_ms: f64,
    /// Packets lost in all calls.
    pub lost: u64,
    /// Packets received in all calls.
    pub received: u64,
    /// One by one, in the order they began.
    pub each: Vec<LoadCall>,
}

/// Places the calls, listens, hangs up.
///
/// # Errors
/// [`CallError`] when the address to call cannot be reached at all; single calls that fail are in the report.
pub async fn load(plan: LoadPlan) -> Result<LoadReport, CallError> {
    let route = Route::find(&plan.to, plan.transport).await?;
    let door = route.open_door(plan.transport).await?;
    let calls = plan.calls.min(CALLS_MAX);
    let mut running = JoinSet::new();
    for index in 0..calls {
        let (door, route, plan) = (door.clone(), route.clone(), plan.clone());
        running.spawn(async move {
            tokio::time::sleep(plan.interval.saturating_mul(index as u32)).await;
            (index, one_call(&door, &route, &plan).await)
        });
    }
    let mut each = Vec::with_capacity(calls);
    while let Some(done) = running.join_next().await {
        match done {
            Ok(call) => each.push(call),
            Err(error) => tracing::error!(%error, "A call of the load ended badly"),
        }
    }
    door.close().await;
    each.sort_by_key(|(index, _)| *index);
    let each: Vec<LoadCall> = each.into_iter().map(|(_, call)| call).collect();
    Ok(LoadReport {
        calls,
        answered: each.iter().filter(|call| call.failure.is_none()).count(),
        heard: each.iter().filter(|call| call.heard_ms > 0).count(),
        gap_max_ms: each.iter().map(|call| call.rtp.gap_max_ms).fold(0.0, f64::max),
        lost: each.iter().map(|call| call.rtp.lost).sum(),
        received: each.iter().map(|call| call.rtp.received).sum(),
        each,
    })
}

async fn one_call(door: &Door, route: &Route, plan: &LoadPlan) -> LoadCall {
    let line = LineEffects::default();
    match Phone::dial(door, route, &plan.from, &plan.codecs, Listener::Nobody, line, || {}).await {
        Ok(mut phone) => {
            let ended_by = phone.stay(plan.hold).await.unwrap_or(EndedBy::Us);
            let wire = phone.hang_up("load finished").await;
            LoadCall {
                sip_code: Some(200),
                failure: None,
                ended_by,
                heard_ms: wire.loud_ms,
                first_sound_ms: wire.first_loud_ms,
                rtp: wire.rtp,
            }
        }
        Err(error) => {
            let sip_code = if let CallError::Refused { code, .. } = error { Some(code) } else { None };
            LoadCall {
                sip_code,
                failure: Some(error.to_string()),
                ended_by: EndedBy::Them,
                heard_ms: 0,
                first_sound_ms: None,
                rtp: RtpReport::default(),
            }
        }
    }
}

/// Calls at once; each has a thread.
const CALLS_MAX: usize = 1_000;
