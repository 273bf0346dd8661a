//! Errors as programs read them: `application/problem+json` (RFC 9457), with a way out for the person behind it.

use axum::Json;
use axum::extract::Request;
use axum::http::header::{ALLOW, CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tracing::warn;
use utoipa::ToSchema;

use super::openai;
use crate::journal::JournalError;
use crate::store::StoreError;

/// An error (RFC 9457 3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The kind of problem; `about:blank` means that the status says it.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words, always the same for one kind.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong this time.
    pub detail: String,
    /// What to do about it.
    pub way_out: String,
}

impl Problem {
    /// A problem of a status, in words.
    pub fn new(status: StatusCode, detail: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            way_out: way_out.into(),
        }
    }

    pub(super) fn bad_query(detail: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail.to_string(), "See the parameters of this path in /openapi.json.")
    }

    pub(super) fn no_such_call() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "There is no call with this id.",
            "Take the call_id, 32 hexadecimal digits, from GET /v1/calls.",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        // For paths that tell it in another shape.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        warn!(%error, "The database did not answer a request");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            error.to_string(),
            "Try again in a minute. If it stays so, see the server's log; calls go on meanwhile, and nothing is lost.",
        )
    }
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        warn!(%error, "A journal could not be read");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            error.to_string(),
            "See the server's log and the permissions of its data folder.",
        )
    }
}

/// Makes every error a problem, also those that layers and extractors make of themselves; where OpenAI's interface is
/// spoken, it is told in that shape.
pub(super) async fn shape(request: Request, next: Next) -> Response {
    let as_openai = request.uri().path().starts_with(openai::PATHS);
    let response = next.run(request).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let is_shaped = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == MEDIA_TYPE);
    if !is_error || is_shaped && !as_openai {
        return response;
    }
    let problem = response.extensions().get().cloned().unwrap_or_else(|| of_status(status));
    let mut shaped = if as_openai { openai::response(&problem) } else { problem.into_response() };
    for name in [ALLOW, CONTENT_RANGE, RETRY_AFTER, WWW_AUTHENTICATE] {
        if let Some(value) = response.headers().get(&name) {
            shaped.headers_mut().insert(name, value.clone());
        }
    }
    shaped
}

/// The problem of a status that nobody gave words to.
fn of_status(status: StatusCode) -> Problem {
    let (detail, way_out) = match status {
        StatusCode::METHOD_NOT_ALLOWED => ("This path does not take this method.", "See /openapi.json."),
        StatusCode::NOT_FOUND => ("There is nothing at this path.", "See /openapi.json for what there is."),
        StatusCode::PAYLOAD_TOO_LARGE => ("The request's body is too long.", "Send less, see /openapi.json."),
        StatusCode::REQUEST_TIMEOUT => ("The answer took too long.", "Try again, or ask for less at once."),
        _ => ("The request could not be served.", "See /openapi.json for what is expected."),
    };
    Problem::new(status, detail, way_out)
}

pub(super) const MEDIA_TYPE: &str = "application/problem+json";
