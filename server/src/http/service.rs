//! What operators and monitoring ask: does it live, can it take calls, how much of what, who is at the desk.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::calls::page_size;
use super::openapi::ApiDoc;
use super::problem::Problem;
use super::state::{AgentStatus, HttpState};
use crate::mouth::Prepared;
use crate::store::{Callback, CallbackState};

/// Where to begin.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Index {
    /// What this is.
    name: String,
    /// Its version.
    version: String,
    /// The description of everything else.
    openapi: String,
    /// Where things are.
    links: BTreeMap<String, String>,
}

/// Whether calls can be taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ready {
    ready: bool,
    /// Live calls.
    calls: usize,
    /// Fixed prompts rendered so far, in clauses. Those that are not yet are rendered when a call needs them.
    prompts: Prepared,
    /// What is missing, and why.
    missing: BTreeMap<String, String>,
}

/// Which callbacks.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CallbacksQuery {
    /// `open` or `done`; both when left out.
    state: Option<CallbackState>,
    /// How many at most, 1 to 500; 50 when left out.
    limit: Option<u32>,
}

/// Promised callbacks, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallbackList {
    callbacks: Vec<Callback>,
}

/// The people who take calls.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AgentList {
    agents: Vec<AgentStatus>,
}

/// The flows in use.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FlowList {
    /// Their names, as in `dialog.flows`.
    flows: Vec<String>,
}

/// What there is here.
#[utoipa::path(get, path = "/", tag = "service", responses((status = 200, description = "Where things are", body = Index)))]
pub(super) async fn index() -> Json<Index> {
    let links = LINKS.map(|(name, path)| (name.to_owned(), path.to_owned()));
    Json(Index {
        name: "Hotline".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        openapi: "/openapi.json".to_owned(),
        links: BTreeMap::from(links),
    })
}

/// Whether the process lives. Needs no token.
#[utoipa::path(get, path = "/healthz", tag = "service", security(()),
    responses((status = 200, description = "It lives", body = String, content_type = "text/plain")))]
pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// Whether calls can be taken, and if not, what is missing.
#[utoipa::path(get, path = "/readyz", tag = "service", responses(
    (status = 200, description = "Calls can be taken", body = Ready),
    (status = 503, description = "They cannot", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn ready(State(state): State<HttpState>) -> Response {
    let missing: BTreeMap<String, String> =
        state.readiness.reasons().into_iter().map(|(part, reason)| (part.to_owned(), reason)).collect();
    if missing.is_empty() {
        return Json(Ready { ready: true, calls: state.live.count(), prompts: *state.prompts.borrow(), missing })
            .into_response();
    }
    let reasons: Vec<_> = missing.iter().map(|(part, reason)| format!("{part}: {reason}")).collect();
    let way_out = "Wait, if it says that something is being loaded; otherwise do as the reason says.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, reasons.join("; "), way_out).into_response()
}

/// The counters of the house, as Prometheus reads them.
#[utoipa::path(get, path = "/metrics", tag = "service",
    responses((status = 200, description = "Prometheus text", body = String, content_type = "text/plain")))]
pub(super) async fn metrics(State(state): State<HttpState>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], state.metrics.render()).into_response()
}

/// This interface, described.
#[utoipa::path(get, path = "/openapi.json", tag = "service",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(super) async fn openapi() -> Response {
    Json(ApiDoc::openapi()).into_response()
}

/// The people who take calls, and what each does.
#[utoipa::path(get, path = "/v1/agents", tag = "desk",
    responses((status = 200, description = "The agents", body = AgentList)))]
pub(super) async fn agents(State(state): State<HttpState>) -> Json<AgentList> {
    Json(AgentList { agents: state.agents.borrow().clone() })
}

/// Reads the flows anew, for the calls to come; calls that live keep theirs. A set with a fault changes nothing.
#[utoipa::path(post, path = "/v1/flows/reload", tag = "service", responses(
    (status = 200, description = "They are read", body = FlowList),
    (status = 422, description = "One has faults; all stay as they were", body = Problem,
        content_type = "application/problem+json"),
))]
pub(super) async fn reload_flows(State(state): State<HttpState>) -> Result<Json<FlowList>, Problem> {
    let reload = state.reload_flows.clone();
    let told = match tokio::task::spawn_blocking(move || reload()).await {
        Ok(Ok(flows)) => return Ok(Json(FlowList { flows })),
        Ok(Err(problem)) => format!("{problem:#}"),
        Err(panic) => panic.to_string(),
    };
    let way_out = "Correct the file (`hotline flow check` tells the same) and ask again; calls go on as before.";
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, told, way_out))
}

/// Callbacks that were promised to callers in calls that have ended, newest first.
#[utoipa::path(get, path = "/v1/callbacks", tag = "desk", params(CallbacksQuery), responses(
    (status = 200, description = "The callbacks", body = CallbackList),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The database does not answer", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn callbacks(
    State(state): State<HttpState>,
    query: Result<Query<CallbacksQuery>, QueryRejection>,
) -> Result<Json<CallbackList>, Problem> {
    let Query(query) = query.map_err(Problem::bad_query)?;
    let callbacks = state.store.callbacks(query.state, page_size(query.limit)?).await?;
    Ok(Json(CallbackList { callbacks }))
}

const LINKS: [(&str, &str); 7] = [
    ("agents", "/v1/agents"),
    ("callbacks", "/v1/callbacks"),
    ("calls", "/v1/calls"),
    ("health", "/healthz"),
    ("live_calls", "/v1/calls?state=live"),
    ("metrics", "/metrics"),
    ("ready", "/readyz"),
];
