//! Errors in the shape that OpenAI's clients read, for the paths that speak its interface.

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;

/// An error as OpenAI's clients read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct OpenAiError {
    /// The error.
    error: OpenAiErrorBody,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct OpenAiErrorBody {
    /// What went wrong this time, and what to do about it.
    message: String,
    /// `invalid_request_error`, `rate_limit_error` or `server_error`.
    #[serde(rename = "type")]
    kind: String,
    /// Always null: the message names the parameter.
    param: Option<String>,
    /// `invalid_api_key`, or null.
    code: Option<String>,
}

/// The paths whose errors have this shape.
pub(super) const PATHS: &str = "/v1/audio/";

/// A problem in this shape.
pub(super) fn response(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = match status {
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        _ if status.is_server_error() => "server_error",
        _ => "invalid_request_error",
    };
    let code = (status == StatusCode::UNAUTHORIZED).then(|| "invalid_api_key".to_owned());
    let message = format!("{} {}", problem.detail, problem.way_out);
    let error = OpenAiErrorBody { message, kind: kind.to_owned(), param: None, code };
    let mut response = (status, Json(OpenAiError { error })).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
