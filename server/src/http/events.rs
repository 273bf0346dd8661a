//! The events of one call: all so far as JSON, or over a WebSocket from any number on and then as they happen.
//!
//! Nothing is missed and nothing told twice: the watcher is entered before the journal is read, and an event is in the
//! journal before it is told, so every event is in one of the two, and its number shows when it is in both.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::UPGRADE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use call::EventRecord;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};

use super::calls;
use super::problem::Problem;
use super::state::HttpState;

/// Places for WebSockets.
#[derive(Clone)]
pub(super) struct Watchers(Arc<Semaphore>);

impl Default for Watchers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(WATCHERS_MAX)))
    }
}

/// From where on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsQuery {
    /// The number of the last event already seen; 0, or left out, for all.
    after: Option<u64>,
    /// How many at most, 1 to 10000, when asking for JSON; 1000 when left out.
    limit: Option<u32>,
}

/// Events of a call, in order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventList {
    /// Each has `seq`, `at` (microseconds since the server started), `unix_ms`, `type`, and fields of its type.
    #[schema(value_type = Vec<Object>)]
    events: Vec<EventRecord>,
    /// To be given as `after` for those that follow; absent when there are none yet.
    next: Option<u64>,
}

/// Events of a call: as JSON, or, when asked to upgrade, one message each over a WebSocket until the call ends.
///
/// A watcher that is too slow is closed with code 1013 and resumes with `after`; code 1000 means that the call is over.
#[utoipa::path(get, path = "/v1/calls/{id}/events", tag = "calls",
    params(("id" = String, Path, description = "The call_id"), EventsQuery),
    responses(
        (status = 101, description = "A WebSocket with one event in each message"),
        (status = 200, description = "The events so far", body = EventList),
        (status = 404, description = "No such call", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many watchers", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn events(
    State(state): State<HttpState>,
    State(watchers): State<Watchers>,
    Path(id): Path<String>,
    query: Result<Query<EventsQuery>, QueryRejection>,
    parts: Parts,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(Problem::bad_query)?;
    let after = query.after.unwrap_or(0);
    let cdr = calls::find(&state, &id).await?;
    // Watching begins before the journal is read: see the head of this file.
    let live = state.live.watch(cdr.call_id).map(|(_, live)| live);
    let header = calls::header_of(&cdr);
    let journalled = calls::journalled(&state.folders, header).await?.ok_or_else(no_journal)?;
    let missed = journalled.into_iter().filter(|record| record.seq > after);
    match upgrade {
        Ok(upgrade) => {
            let place = watchers.0.try_acquire_owned().map_err(|_| no_place())?;
            let watch =
                Watch { missed: missed.collect(), live, last: after, closing: state.closing.clone(), _place: place };
            let upgrade = upgrade.max_message_size(MESSAGE_BYTES_MAX).max_frame_size(MESSAGE_BYTES_MAX);
            Ok(upgrade.on_upgrade(|socket| watch.run(socket)))
        }
        Err(rejection) if parts.headers.contains_key(UPGRADE) => Ok(rejection.into_response()),
        Err(_) => {
            let limit = list_size(query.limit)?;
            let mut events: Vec<_> = missed.take(limit + 1).collect();
            let more = events.len() > limit;
            events.truncate(limit);
            let next = if more { events.last().map(|record| record.seq) } else { None };
            Ok(Json(EventList { events, next }).into_response())
        }
    }
}

/// One watcher.
struct Watch {
    missed: Vec<EventRecord>,
    live: Option<Receiver<Arc<EventRecord>>>,
    /// The number of the last event told.
    last: u64,
    closing: CancellationToken,
    _place: OwnedSemaphorePermit,
}

/// The watcher is gone, or does not take what it is sent.
struct Gone;

/// Why a WebSocket is closed (RFC 6455 7.4.1, and 1013 of its registry).
enum Farewell {
    CallOver,
    ServerStops,
    TooSlow,
}

impl Watch {
    async fn run(mut self, mut socket: WebSocket) {
        if let Ok(farewell) = self.tell(&mut socket).await {
            let (code, reason) = match farewell {
                Farewell::CallOver => (1000, "the call is over".to_owned()),
                Farewell::ServerStops => (1001, format!("the server stops; resume with after={}", self.last)),
                Farewell::TooSlow => (1013, format!("too slow; resume with after={}", self.last)),
            };
            let frame = CloseFrame { code, reason: reason.into() };
            // The other side may have gone first.
            let _ = timeout(SEND_WAIT, socket.send(Message::Close(Some(frame)))).await;
        }
    }

    async fn tell(&mut self, socket: &mut WebSocket) -> Result<Farewell, Gone> {
        for record in std::mem::take(&mut self.missed) {
            if self.send(socket, &record).await? == Told::Last {
                return Ok(Farewell::CallOver);
            }
        }
        let Some(mut live) = self.live.take() else { return Ok(Farewell::CallOver) };
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                event = live.recv() => match event {
                    Ok(record) if record.seq <= self.last => {}
                    Ok(record) => {
                        if self.send(socket, &record).await? == Told::Last {
                            return Ok(Farewell::CallOver);
                        }
                    }
                    // The call broke off; its last events are in the journal by the time the watcher resumes.
                    Err(RecvError::Closed | RecvError::Lagged(_)) => return Ok(Farewell::TooSlow),
                },
                message = socket.recv() => match message {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Gone),
                    Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Text(_))) => {
                        heard = Instant::now();
                    }
                },
                _ = heartbeat.tick() => {
                    if heard.elapsed() > SILENCE_MAX {
                        return Err(Gone);
                    }
                    deliver(socket, Message::Ping(Vec::new().into())).await?;
                }
                () = self.closing.cancelled() => return Ok(Farewell::ServerStops),
            }
        }
    }

    async fn send(&mut self, socket: &mut WebSocket, record: &EventRecord) -> Result<Told, Gone> {
        let text = serde_json::to_string(record).map_err(|_| Gone)?;
        deliver(socket, Message::Text(text.into())).await?;
        self.last = record.seq;
        Ok(if record.event.is_last() { Told::Last } else { Told::One })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Last,
    One,
}

async fn deliver(socket: &mut WebSocket, message: Message) -> Result<(), Gone> {
    match timeout(SEND_WAIT, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Gone),
    }
}

fn list_size(limit: Option<u32>) -> Result<usize, Problem> {
    match limit.unwrap_or(LIST_DEFAULT) {
        limit @ 1..=LIST_MAX => Ok(limit as usize),
        limit => Err(Problem::bad_query(format!("limit is {limit}; it must be from 1 to {LIST_MAX}"))),
    }
}

fn no_journal() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "The journal of this call is not kept any more.",
        "GET /v1/calls/{id} still has its record and transcript.",
    )
}

fn no_place() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        format!("{WATCHERS_MAX} watchers are connected already."),
        "Close some, or ask for the events as JSON.",
    )
}

/// WebSockets open at once.
const WATCHERS_MAX: usize = 256;
/// What a watcher may say: nothing but control frames has a meaning.
const MESSAGE_BYTES_MAX: usize = 4_096;
/// How long a watcher may take to accept one message.
const SEND_WAIT: Duration = Duration::from_secs(10);
/// How often a watcher is asked whether it is there.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// How long it may leave that unanswered.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Events of a JSON answer when nothing is said.
const LIST_DEFAULT: u32 = 1_000;
/// Events of a JSON answer at most.
const LIST_MAX: u32 = 10_000;
