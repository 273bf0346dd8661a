//! Calls: the list, one of them in full, and the end of one.

use std::collections::HashSet;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use call::{CallEvent, CallId, EventRecord, Moment, TurnLatency};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::live::{Asked, CallControl};
use super::problem::Problem;
use super::state::HttpState;
use crate::journal::{Folders, Header, JournalError};
use crate::store::{CallStatus, Cdr, Cursor, StoredUtterance};
use crate::wire::RecordMode;

/// Which calls.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CallsQuery {
    /// `live` or `ended`; both when left out.
    state: Option<CallsState>,
    /// How many at most, 1 to 500; 50 when left out.
    limit: Option<u32>,
    /// `next` of the page before.
    before: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum CallsState {
    Ended,
    Live,
}

/// A page of calls, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallList {
    calls: Vec<Cdr>,
    /// To be given as `before` for the next page; absent on the last.
    next: Option<String>,
}

/// A call in full.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallDetail {
    #[serde(flatten)]
    cdr: Cdr,
    /// What was said, in order of its beginning.
    transcript: Vec<StoredUtterance>,
    /// Where the time went before each answer of the bot.
    latency: Vec<TurnFigures>,
    /// Where to go on from here.
    links: CallLinks,
}

/// The gap before one answer of the bot, from the caller's last sound to the bot's first, in milliseconds.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TurnFigures {
    /// 1 for the caller's first turn.
    turn: u32,
    /// Waiting in silence to be sure that the caller had finished.
    silence_wait_ms: u32,
    /// Recognising the words.
    decode_ms: u32,
    /// Deciding on the answer, tools included.
    mind_ms: u32,
    /// From the answer to its first sound.
    first_audio_ms: u32,
    /// All of it.
    total_ms: u32,
}

/// Paths that belong to a call.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallLinks {
    /// Its events, as JSON or over a WebSocket.
    events: String,
    /// Its recording, where there is one.
    recording: Option<String>,
    /// Where to POST to end it, while it lives.
    hangup: Option<String>,
}

/// What is to become of a recording.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordingOrder {
    action: RecordingAction,
    /// What stands in the place of a masked sound; silence when left out.
    #[serde(default)]
    with: Mask,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum RecordingAction {
    /// Something else stands in the place of both sides; the recording keeps time.
    Mask,
    /// Nothing is recorded, and the recording becomes that much shorter.
    Pause,
    /// Both sides are recorded again.
    Resume,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Mask {
    #[default]
    Silence,
    Tone,
}

impl RecordingOrder {
    const fn mode(self) -> RecordMode {
        match (self.action, self.with) {
            (RecordingAction::Mask, Mask::Silence) => RecordMode::Silence,
            (RecordingAction::Mask, Mask::Tone) => RecordMode::Tone,
            (RecordingAction::Pause, _) => RecordMode::Paused,
            (RecordingAction::Resume, _) => RecordMode::Running,
        }
    }
}

/// A request that a call has been told of.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Accepted {
    #[schema(value_type = String)]
    call_id: CallId,
}

/// Calls, newest first.
#[utoipa::path(get, path = "/v1/calls", tag = "calls", params(CallsQuery), responses(
    (status = 200, description = "A page of calls", body = CallList),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The database does not answer", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<HttpState>,
    query: Result<Query<CallsQuery>, QueryRejection>,
) -> Result<Json<CallList>, Problem> {
    let Query(query) = query.map_err(Problem::bad_query)?;
    let limit = page_size(query.limit)?;
    let before: Option<Cursor> = query.before.map(|text| text.parse()).transpose().map_err(Problem::bad_query)?;
    let registered = state.live.calls().into_iter().filter(|cdr| match query.state {
        Some(CallsState::Ended) => cdr.status != CallStatus::Live,
        Some(CallsState::Live) => cdr.status == CallStatus::Live,
        None => true,
    });
    let mut calls: Vec<Cdr> = registered.filter(|cdr| before.is_none_or(|before| Cursor::of(cdr) < before)).collect();
    let mut more = false;
    if query.state != Some(CallsState::Live) {
        let page = state.store.calls(before, limit).await?;
        more = page.next.is_some();
        // A call can be in both for a moment; what the register has is at least as new.
        let known: HashSet<CallId> = calls.iter().map(|cdr| cdr.call_id).collect();
        calls.extend(page.calls.into_iter().filter(|cdr| !known.contains(&cdr.call_id)));
        calls.sort_by_key(|cdr| std::cmp::Reverse(Cursor::of(cdr)));
    }
    more |= calls.len() > limit as usize;
    calls.truncate(limit as usize);
    let next = if more { calls.last().map(|cdr| Cursor::of(cdr).to_string()) } else { None };
    Ok(Json(CallList { calls, next }))
}

/// One call: its record, what was said, what an agent was told, and how fast the bot answered.
#[utoipa::path(get, path = "/v1/calls/{id}", tag = "calls", params(("id" = String, Path, description = "The call_id")),
    responses(
        (status = 200, description = "The call", body = CallDetail),
        (status = 404, description = "No such call", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn detail(
    State(state): State<HttpState>,
    Path(id): Path<String>,
) -> Result<Json<CallDetail>, Problem> {
    let cdr = find(&state, &id).await?;
    let events = journalled(&state.folders, header_of(&cdr)).await?;
    let (cdr, transcript, latency) = match events {
        Some(events) => {
            let latency = events.iter().filter_map(turn_figures).collect();
            (Cdr::from_events(&header_of(&cdr), &events), transcript(&events), latency)
        }
        // The journal has been taken away; the rows have the words.
        None => {
            let transcript = state.store.transcript(cdr.call_id).await?;
            (cdr, transcript, Vec::new())
        }
    };
    let live = cdr.status == CallStatus::Live;
    let links = CallLinks {
        events: format!("/v1/calls/{}/events", cdr.call_id),
        recording: cdr.recording.as_ref().map(|_| format!("/v1/recordings/{}", cdr.call_id)),
        hangup: live.then(|| format!("/v1/calls/{}/hangup", cdr.call_id)),
    };
    Ok(Json(CallDetail { cdr, transcript, latency, links }))
}

/// Asks a live call to end.
#[utoipa::path(post, path = "/v1/calls/{id}/hangup", tag = "calls",
    params(("id" = String, Path, description = "The call_id")),
    responses(
        (status = 202, description = "The call will end", body = Accepted),
        (status = 404, description = "No such call", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It has ended", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It is too busy", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn hang_up(State(state): State<HttpState>, Path(id): Path<String>) -> Result<Response, Problem> {
    ask(&state, &id, CallControl::HangUp).await
}

/// Pauses, masks or resumes the recording of a live call, for example while a card number is told. The bot goes on
/// hearing the caller.
#[utoipa::path(post, path = "/v1/calls/{id}/recording", tag = "calls", request_body = RecordingOrder,
    params(("id" = String, Path, description = "The call_id")),
    responses(
        (status = 202, description = "The call goes on so within a beat of 20 ms", body = Accepted),
        (status = 400, description = "The order makes no sense", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such call", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It has ended", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It is too busy", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn record(
    State(state): State<HttpState>,
    Path(id): Path<String>,
    order: Result<Json<RecordingOrder>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(order) = order.map_err(|error| {
        let way_out = r#"Send {"action": "pause"}, "mask" (with "silence" or "tone") or "resume"."#;
        Problem::new(StatusCode::BAD_REQUEST, error.body_text(), way_out)
    })?;
    ask(&state, &id, CallControl::Record(order.mode())).await
}

/// Tells a live call what is wanted of it.
async fn ask(state: &HttpState, id: &str, control: CallControl) -> Result<Response, Problem> {
    let call_id = parse_id(id)?;
    match state.live.ask(call_id, control) {
        Asked::Busy => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The call has more requests waiting than it can take.",
            "Try again in a second.",
        )),
        Asked::NotLive => {
            find(state, id).await?;
            Err(Problem::new(StatusCode::CONFLICT, "The call has ended already.", "There is nothing left to do."))
        }
        Asked::Yes => Ok((StatusCode::ACCEPTED, Json(Accepted { call_id })).into_response()),
    }
}

/// The record of a call, live or ended.
pub(super) async fn find(state: &HttpState, id: &str) -> Result<Cdr, Problem> {
    let call_id = parse_id(id)?;
    if let Some(cdr) = state.live.call(call_id) {
        return Ok(cdr);
    }
    state.store.call(call_id).await?.ok_or_else(Problem::no_such_call)
}

/// The events of a call, read off the threads that calls need.
pub(super) async fn journalled(folders: &Folders, header: Header) -> Result<Option<Vec<EventRecord>>, Problem> {
    let folders = folders.clone();
    let reading = tokio::task::spawn_blocking(move || folders.events(&header));
    reading.await.map_err(|error| JournalError::Read(std::io::Error::other(error)))?.map_err(Problem::from)
}

pub(super) fn header_of(cdr: &Cdr) -> Header {
    Header { call_id: cdr.call_id, session_id: cdr.session_id, unix_ms: cdr.start_unix_ms }
}

/// The number of things on a page.
pub(super) fn page_size(limit: Option<u32>) -> Result<u32, Problem> {
    match limit.unwrap_or(PAGE_DEFAULT) {
        limit @ 1..=PAGE_MAX => Ok(limit),
        limit => Err(Problem::bad_query(format!("limit is {limit}; it must be from 1 to {PAGE_MAX}"))),
    }
}

fn parse_id(id: &str) -> Result<CallId, Problem> {
    id.parse().map_err(|_| Problem::no_such_call())
}

fn transcript(events: &[EventRecord]) -> Vec<StoredUtterance> {
    let start = events.first().map_or(Moment::START, |first| first.at);
    let mut said: Vec<_> = events.iter().filter_map(|record| StoredUtterance::of(record, start)).collect();
    said.sort_by_key(|utterance| (utterance.start_ms, utterance.seq));
    said
}

fn turn_figures(record: &EventRecord) -> Option<TurnFigures> {
    let CallEvent::TurnCompleted { turn, latency } = &record.event else { return None };
    let TurnLatency { silence_wait_ms, decode_ms, mind_ms, first_audio_ms } = *latency;
    let total_ms = latency.total_ms();
    Some(TurnFigures { turn: *turn, silence_wait_ms, decode_ms, mind_ms, first_audio_ms, total_ms })
}

/// Things on a page when nothing is said.
const PAGE_DEFAULT: u32 = 50;
/// Things on a page at most.
const PAGE_MAX: u32 = 500;
