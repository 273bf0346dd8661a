//! A speech engine behind HTTP: how it is asked, how long, and what is said when it does not answer as it should.
//!
//! Recognisers and voices block the thread they run on. Their requests run on one thread of this module's own, so that
//! they can be asked from any thread, have a time limit, and end at once when nobody wants the answer any more.
//! Neither keys, nor words, nor what an engine says of them enter an error: errors are logged.

use std::error::Error as _;
use std::io;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use asr::Cancel;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, Response, redirect};
use thiserror::Error;
use tokio::runtime::Runtime;
use tracing::{info, warn};

use super::breaker::Breaker;
use crate::config::{HttpUrl, Secret};
use crate::telemetry;

/// Why an engine is of no use for one request.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum RemoteError {
    /// Theirs: more than any clause or sentence needs.
    #[error("the answer is too long")]
    AnswerTooLong,
    /// Ours: nobody wants the answer any more. No failure of the engine.
    #[error("cancelled")]
    Cancelled,
    /// The operator's: the connection is not to be trusted.
    #[error(
        "its certificate is not accepted ({0}); check the name in the url, the clock, and that this machine knows who \
         issued it (SSL_CERT_FILE names a file of issuers)"
    )]
    Certificate(String),
    /// The operator's: the engine wants another key, or does not know the path or model.
    #[error("it refused the request with status {0}; check its url, key, model and voice in [speech]")]
    Refused(u16),
    /// Theirs: it says that it is broken or busy.
    #[error("it failed with status {0}")]
    Failed(u16),
    /// Theirs: the answer is not what was asked for.
    #[error("its answer makes no sense: {0}")]
    NotUnderstood(&'static str),
    /// Theirs: no answer in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The machine's: nobody listens there, or the connection broke.
    #[error("it cannot be reached ({0})")]
    Unreachable(String),
}

impl RemoteError {
    /// The kind of failure as a label of a counter.
    const fn word(&self) -> &'static str {
        match self {
            Self::AnswerTooLong => "too_long",
            Self::Cancelled => "cancelled",
            Self::Certificate(_) => "certificate",
            Self::Refused(_) => "refused",
            Self::Failed(_) => "failed",
            Self::NotUnderstood(_) => "not_understood",
            Self::Timeout(_) => "timeout",
            Self::Unreachable(_) => "unreachable",
        }
    }
}

/// Why the embedded engine is to do it.
#[derive(Debug)]
pub(super) enum Missed {
    /// Nobody wants it any more.
    Cancelled,
    /// The engine failed.
    Failed(RemoteError),
    /// The engine is left alone for a while.
    Resting,
}

/// What an engine answered.
pub(super) struct Answer {
    /// The media type, without parameters; empty when it told none.
    pub(super) kind: String,
    pub(super) body: Vec<u8>,
}

/// The HTTP client that all engines share, and the thread it works on.
#[derive(Debug)]
pub(super) struct Outward {
    client: Client,
    /// There until dropped.
    runtime: Option<Runtime>,
}

impl Outward {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the machine gives no thread, or its certificates cannot be read.
    pub(super) fn start() -> io::Result<Arc<Self>> {
        // Installing it twice is harmless.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            // The sound of callers and the key go where the operator said and nowhere else.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("hotline/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(io::Error::other)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("engines")
            .enable_all()
            .build()?;
        Ok(Arc::new(Self { client, runtime: Some(runtime) }))
    }
}

impl Drop for Outward {
    /// Waits for nobody, so that it may be dropped on any thread.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// One engine.
#[derive(Debug)]
pub(super) struct Remote {
    outward: Arc<Outward>,
    /// What it is called in log lines and counters.
    name: &'static str,
    address: String,
    key: Option<Secret>,
    timeout: Duration,
    answer_bytes_max: usize,
    breaker: Mutex<Breaker>,
}

impl Remote {
    /// Where it is asked.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// An engine at `url` whose interface is at `path` below it.
    pub(super) fn new(
        outward: Arc<Outward>,
        name: &'static str,
        (url, path): (&HttpUrl, &str),
        key: Option<&Secret>,
        timeout: Duration,
        answer_bytes_max: usize,
    ) -> Self {
        let base = url.as_str().trim_end_matches('/');
        let base = base.strip_suffix("/v1").unwrap_or(base);
        let address = format!("{base}/v1/audio/{path}");
        if base.starts_with("http://") && !is_this_machine(base) {
            warn!(engine = name, "Speech goes to another machine unencrypted; use https in [speech]");
        }
        info!(engine = name, url = base, "Speech goes to an engine over HTTP first");
        let (key, breaker) = (key.cloned(), Mutex::default());
        Self { outward, name, address, key, timeout, answer_bytes_max, breaker }
    }

    /// Does one piece of work with the engine, unless it is being left alone; counts and logs what becomes of it.
    pub(super) fn attempt<T>(&self, work: impl FnOnce(&Self) -> Result<T, RemoteError>) -> Result<T, Missed> {
        let started = Instant::now();
        if !self.breaker().allows(started) {
            telemetry::observe_engine(self.name, "resting", Duration::ZERO);
            return Err(Missed::Resting);
        }
        let result = work(self);
        let now = Instant::now();
        telemetry::observe_engine(self.name, result.as_ref().map_or_else(RemoteError::word, |_| "ok"), now - started);
        match result {
            Ok(done) => {
                self.breaker().answered();
                Ok(done)
            }
            Err(RemoteError::Cancelled) => {
                self.breaker().gave_up(now);
                Err(Missed::Cancelled)
            }
            Err(reason) => {
                let begins_rest = self.breaker().failed(now);
                warn!(engine = self.name, %reason, "An HTTP speech engine was of no use; the embedded one steps in");
                if begins_rest {
                    warn!(engine = self.name, "It is left alone for a while and then tried again");
                }
                Err(Missed::Failed(reason))
            }
        }
    }

    /// Sends one request and reads the answer; blocks until that is done, but no longer than the engine's own limit or
    /// `limit`. Ends early when `cancel` asks for it.
    pub(super) fn ask(
        &self,
        limit: Duration,
        cancel: Option<&Cancel>,
        body: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answer, RemoteError> {
        let limit = limit.min(self.timeout);
        let Some(runtime) = &self.outward.runtime else {
            return Err(RemoteError::Unreachable("the server is stopping".to_owned()));
        };
        let mut request = self.outward.client.post(&self.address).timeout(limit);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.reveal());
        }
        let request = body(request);
        let bytes_max = self.answer_bytes_max;
        let (done, answer) = sync_channel(1);
        let task = runtime.spawn(async move {
            // Nobody may be waiting any more.
            let _ = done.send(exchange(request, bytes_max, limit).await);
        });
        let deadline = Instant::now() + limit + GRACE;
        loop {
            match answer.recv_timeout(CANCEL_LOOK) {
                Ok(answer) => return answer,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(RemoteError::Unreachable("the request broke off".to_owned()));
                }
                Err(RecvTimeoutError::Timeout) => {
                    let cancelled = cancel.is_some_and(Cancel::is_cancelled);
                    if cancelled || Instant::now() >= deadline {
                        task.abort();
                        return Err(if cancelled { RemoteError::Cancelled } else { RemoteError::Timeout(limit) });
                    }
                }
            }
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn exchange(request: RequestBuilder, bytes_max: usize, limit: Duration) -> Result<Answer, RemoteError> {
    let failed = |error: reqwest::Error| classify(error, limit);
    let mut response: Response = request.send().await.map_err(failed)?;
    let status = response.status();
    if !status.is_success() {
        let busy = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
        let code = status.as_u16();
        return Err(if busy { RemoteError::Failed(code) } else { RemoteError::Refused(code) });
    }
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > bytes_max {
            return Err(RemoteError::AnswerTooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { kind, body })
}

/// Tells apart what an operator would do about it. Messages come from the HTTP and TLS libraries and hold no words.
fn classify(error: reqwest::Error, limit: Duration) -> RemoteError {
    if error.is_timeout() {
        return RemoteError::Timeout(limit);
    }
    let error = error.without_url();
    let mut deepest = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        deepest = cause.to_string();
        source = cause.source();
    }
    if deepest.contains("certificate") { RemoteError::Certificate(deepest) } else { RemoteError::Unreachable(deepest) }
}

fn is_this_machine(base: &str) -> bool {
    let host = base.trim_start_matches("http://").split('/').next().unwrap_or_default();
    ["127.", "localhost", "[::1]"].iter().any(|name| host.starts_with(name))
}

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Connections kept open to one engine.
const IDLE_CONNECTIONS_MAX: usize = 16;
/// How often it is looked whether the answer is still wanted.
const CANCEL_LOOK: Duration = Duration::from_millis(20);
/// The HTTP client keeps the limit itself; this is for a client that does not.
const GRACE: Duration = Duration::from_millis(500);
