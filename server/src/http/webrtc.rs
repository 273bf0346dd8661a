//! Calls from browsers: an offer in, an answer out, and the same path to come back or to hang up (the shape of RFC 9725).

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use call::Language;
use serde::Deserialize;
use tracing::warn;
use utoipa::IntoParams;

use super::problem::Problem;
use super::state::{BrowserAccess, HttpState};
use crate::webrtc::OfferError;

/// What the caller has chosen.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OfferQuery {
    /// The language the call is to begin in, `en` or `zh`; the number's when left out.
    #[param(value_type = Option<String>)]
    language: Option<Language>,
    /// The number that is called, as in `[[number]]`; the default flow answers when left out.
    to: Option<String>,
}

/// A browser calls: its offer in, our answer out. ICE-lite: the offer may be sent before any candidate is known.
#[utoipa::path(post, path = "/v1/webrtc/offer", tag = "webrtc", params(OfferQuery),
    request_body(content = String, content_type = "application/sdp"),
    responses(
        (status = 201, description = "The answer; Location is the call", body = String, content_type = "application/sdp"),
        (status = 400, description = "The offer is none, or has no Opus", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Browsers may not call", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not application/sdp", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "All lines are busy", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn offer(
    State(state): State<HttpState>,
    query: Result<Query<OfferQuery>, QueryRejection>,
    headers: HeaderMap,
    body: String,
) -> Result<Response, Response> {
    let access = access(&state).map_err(IntoResponse::into_response)?;
    let Query(query) = query.map_err(|error| Problem::bad_query(error).into_response())?;
    is_sdp(&headers).map_err(IntoResponse::into_response)?;
    let to = query.to.unwrap_or_default();
    if to.len() > NUMBER_BYTES_MAX {
        return Err(Problem::bad_query("to is too long").into_response());
    }
    let answered = access.browsers.offer(body, query.language, to).await.map_err(refused)?;
    let location = format!("/v1/webrtc/calls/{}", answered.id);
    Ok((StatusCode::CREATED, [(CONTENT_TYPE, SDP.to_owned()), (LOCATION, location)], answered.sdp).into_response())
}

/// The browser has another network: its new offer in (ICE restart), our answer out. The call goes on.
#[utoipa::path(patch, path = "/v1/webrtc/calls/{id}", tag = "webrtc",
    params(("id" = String, Path, description = "From the Location of the answer")),
    request_body(content = String, content_type = "application/sdp"),
    responses(
        (status = 200, description = "The answer", body = String, content_type = "application/sdp"),
        (status = 400, description = "The offer is none", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such call", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn restart(
    State(state): State<HttpState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Result<Response, Response> {
    let access = access(&state).map_err(IntoResponse::into_response)?;
    is_sdp(&headers).map_err(IntoResponse::into_response)?;
    let sdp = access.browsers.restart(&id, body).await.map_err(refused)?;
    Ok((StatusCode::OK, [(CONTENT_TYPE, SDP)], sdp).into_response())
}

/// The browser hangs up.
#[utoipa::path(delete, path = "/v1/webrtc/calls/{id}", tag = "webrtc",
    params(("id" = String, Path, description = "From the Location of the answer")),
    responses(
        (status = 204, description = "The call ends"),
        (status = 404, description = "No such call", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn hang_up(State(state): State<HttpState>, Path(id): Path<String>) -> Result<StatusCode, Response> {
    let access = access(&state).map_err(IntoResponse::into_response)?;
    access.browsers.hang_up(&id).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn access(state: &HttpState) -> Result<&BrowserAccess, Problem> {
    state.browsers.as_ref().ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "Calls from browsers are switched off here.",
            "Set webrtc.enabled = true in hotline.toml and start the server again.",
        )
    })
}

fn is_sdp(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(SDP) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        format!("The body must be a session description, application/sdp, not \"{kind}\"."),
        "Send the sdp of RTCPeerConnection.localDescription as it is.",
    ))
}

fn refused(error: OfferError) -> Response {
    let (status, way_out) = match &error {
        OfferError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "Try again in a moment."),
        OfferError::Gone => (StatusCode::NOT_FOUND, "Place a new call with POST /v1/webrtc/offer."),
        OfferError::Offer(_) => (StatusCode::BAD_REQUEST, "Offer one audio stream, as RTCPeerConnection does."),
        OfferError::Machine(_) => (StatusCode::SERVICE_UNAVAILABLE, "See the server's log; try again in a moment."),
    };
    if let OfferError::Machine(reason) = &error {
        warn!(reason, "A browser's call could not be prepared");
    }
    let mut response = Problem::new(status, sentence(&error.to_string()), way_out).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
    }
    response
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

/// Where calls of browsers are.
pub(super) const PATHS: &str = "/v1/webrtc/";
const SDP: &str = "application/sdp";
/// A called number or name.
const NUMBER_BYTES_MAX: usize = 64;
