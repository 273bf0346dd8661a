//! Every path of the interface, and the layers around all of them.

use std::time::Duration;

use axum::extract::FromRef;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, patch, post};
use axum::{Router, extract::DefaultBodyLimit};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use super::events::{self, Watchers};
use super::state::HttpState;
use super::{calls, console, guard, problem, recordings, service, speech, webrtc};

/// The whole interface.
pub fn router(state: HttpState) -> Router {
    let shared = Shared { state: state.clone(), watchers: Watchers::default() };
    let speech = Router::new()
        .route("/v1/audio/speech", post(speech::speak))
        .route("/v1/audio/transcriptions", post(speech::transcribe))
        .layer(DefaultBodyLimit::max(speech::SOUND_BYTES_MAX))
        .layer(RequestBodyLimitLayer::new(speech::SOUND_BYTES_MAX))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, speech::SPEECH_WAIT));
    Router::new()
        .route("/", get(service::index))
        .route("/healthz", get(service::health))
        .route("/metrics", get(service::metrics))
        .route("/openapi.json", get(service::openapi))
        .route("/readyz", get(service::ready))
        .route("/v1/agents", get(service::agents))
        .route("/v1/callbacks", get(service::callbacks))
        .route("/v1/calls", get(calls::list))
        .route("/v1/calls/{id}", get(calls::detail))
        .route("/v1/calls/{id}/events", get(events::events))
        .route("/v1/calls/{id}/hangup", post(calls::hang_up))
        .route("/v1/calls/{id}/recording", post(calls::record))
        .route("/v1/flows/reload", post(service::reload_flows))
        .route("/v1/recordings/{id}", get(recordings::recording))
        .route("/v1/webrtc/offer", post(webrtc::offer))
        .route("/v1/webrtc/calls/{id}", patch(webrtc::restart).delete(webrtc::hang_up))
        .route("/call", get(console::page))
        .route("/call/{*file}", get(console::file))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX))
        // The head of an answer; bodies and WebSockets have bounds of their own.
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, ANSWER_WAIT))
        .merge(speech)
        .layer(from_fn_with_state(state, guard::check))
        .layer(from_fn(problem::shape))
        .with_state(shared)
}

/// What handlers take their parts from.
#[derive(Clone)]
struct Shared {
    state: HttpState,
    watchers: Watchers,
}

impl FromRef<Shared> for HttpState {
    fn from_ref(shared: &Shared) -> Self {
        shared.state.clone()
    }
}

impl FromRef<Shared> for Watchers {
    fn from_ref(shared: &Shared) -> Self {
        shared.watchers.clone()
    }
}

/// A session description is some kilobytes; only sound is longer.
const BODY_BYTES_MAX: usize = 64 * 1_024;
/// How long an answer may take to begin.
const ANSWER_WAIT: Duration = Duration::from_secs(15);
