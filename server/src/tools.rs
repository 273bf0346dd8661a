//! Asks the business's systems over HTTP on behalf of a flow.
//!
//! Every request has a time limit and every answer a size limit. A failure is told in a word or two, so that the flow
//! can say it to the caller and the journal can hold it.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode, Url};
use serde_json::Value;
use thiserror::Error;

/// An answer of a business system.
#[derive(Clone, Debug)]
pub struct ToolAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body; `null` when it was empty.
    pub body: Value,
}

/// Why a business system did not answer as it should.
#[derive(Debug, Error)]
pub enum ToolError {
    /// The answer is longer than we read.
    #[error("answer too long")]
    AnswerTooLong,
    /// The flow's method or address is wrong once its variables are filled in.
    #[error("bad request: {0}")]
    BadRequest(String),
    /// The answer is not JSON.
    #[error("not json")]
    NotJson,
    /// Nobody listens, or the connection broke.
    #[error("unreachable")]
    Unreachable,
    /// The system says it is broken (5xx).
    #[error("status {0}")]
    ServerFault(u16),
    /// No answer in time.
    #[error("timeout")]
    Timeout,
}

/// The HTTP client all calls share.
#[derive(Clone, Debug)]
pub struct Tools {
    client: Client,
}

impl Tools {
    /// A client with connections kept open between calls.
    ///
    /// # Errors
    /// When the TLS set-up of the machine is broken.
    pub fn new() -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .user_agent("Hotline")
            .redirect(reqwest::redirect::Policy::limited(REDIRECTS_MAX))
            .build()?;
        Ok(Self { client })
    }

    /// Sends one request and reads the answer. A 4xx status is an answer; 5xx is a failure.
    ///
    /// # Errors
    /// [`ToolError`], within `timeout`.
    pub async fn ask(
        &self,
        method: &str,
        url: &str,
        body: Option<&Value>,
        timeout: Duration,
    ) -> Result<ToolAnswer, ToolError> {
        let method: Method = method.parse().map_err(|_| ToolError::BadRequest("method".to_owned()))?;
        let url: Url = url.parse().map_err(|_| ToolError::BadRequest("url".to_owned()))?;
        let mut request = self.client.request(method, url).timeout(timeout);
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut response = request.send().await.map_err(|error| classify(&error))?;
        let status = response.status();
        if status.is_server_error() {
            return Err(ToolError::ServerFault(status.as_u16()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error))? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(ToolError::AnswerTooLong);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(ToolAnswer { status: status.as_u16(), body: parse(status, &bytes)? })
    }
}

/// A success must be JSON; the body of a refusal is often a page or nothing, and is not needed.
fn parse(status: StatusCode, bytes: &[u8]) -> Result<Value, ToolError> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    match serde_json::from_slice(bytes) {
        Ok(body) => Ok(body),
        Err(_) if status.is_success() => Err(ToolError::NotJson),
        Err(_) => Ok(Value::Null),
    }
}

fn classify(error: &reqwest::Error) -> ToolError {
    if error.is_timeout() { ToolError::Timeout } else { ToolError::Unreachable }
}

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections kept open to one system.
const IDLE_CONNECTIONS_MAX: usize = 16;
/// Redirects followed before giving up.
const REDIRECTS_MAX: usize = 3;
/// An order is a few kilobytes; this is a list of hundreds.
const ANSWER_BYTES_MAX: usize = 1 << 20;
