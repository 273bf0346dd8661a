//! Tells the business, by HTTP, of hand-overs and ended calls.
//!
//! Calls put a message in a bounded queue and go on. A message is signed anew for every attempt, tried again while the
//! other side is away, and written to `webhooks-failed.jsonl` when it could not be delivered, so that nothing is lost
//! silently. The other side may get a message twice and knows it by its `id`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use call::{CallEvent, CallId, EventRecord, Handoff, SessionId};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, StatusCode, redirect};
use serde::Serialize;
use sha2::Sha256;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::config;
use crate::http::Feed;
use crate::journal::Header;
use crate::store::{Cdr, StoredUtterance};
use crate::telemetry;

/// Webhooks cannot be sent.
#[derive(Debug, Error)]
#[error("cannot prepare HTTP for webhooks: {0}")]
pub struct WebhookError(#[from] reqwest::Error);

/// The way to the sending task. Cheap to copy.
#[derive(Clone, Debug)]
pub struct Webhook {
    queue: mpsc::Sender<Message>,
    failed: Arc<PathBuf>,
    tasks: TaskTracker,
    /// Nothing more will be sent.
    closing: CancellationToken,
    /// There is no more time for what is under way.
    hurry: CancellationToken,
}

/// What the other side is told.
#[derive(Debug)]
struct Message {
    call_id: CallId,
    kind: &'static str,
    /// The JSON that is sent and signed.
    body: String,
}

/// The shape of every message.
#[derive(Serialize)]
struct Envelope<'a, T> {
    /// The same whenever the same thing is told again.
    id: String,
    #[serde(rename = "type")]
    kind: &'a str,
    call_id: CallId,
    session_id: SessionId,
    data: &'a T,
}

/// What an agent's screen needs when a person is asked for.
#[derive(Serialize)]
struct TransferData<'a> {
    #[serde(flatten)]
    handoff: &'a Handoff,
    /// What was said so far.
    transcript: Vec<StoredUtterance>,
}

impl Webhook {
    /// Starts the sending task, where webhooks are configured. What cannot be delivered is kept in `data_folder`. A TLS
    /// provider must be installed in the process.
    ///
    /// # Errors
    /// [`WebhookError`] when this machine's certificates cannot be read.
    pub fn start(config: Option<&config::Webhook>, data_folder: &Path) -> Result<Option<Self>, WebhookError> {
        let Some(config) = config else { return Ok(None) };
        let client = Client::builder()
            .timeout(config.timeout_ms.duration())
            // What is signed for one address is not for another.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("hotline/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let (queue, messages) = mpsc::channel(QUEUE_MAX);
        let webhook = Self {
            queue,
            failed: Arc::new(data_folder.join(FAILED_FILE)),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
            hurry: CancellationToken::new(),
        };
        let sender = Sender {
            client,
            url: config.url.as_str().to_owned(),
            secret: config.secret.as_ref().map(|secret| secret.reveal().as_bytes().to_vec()),
            failed: webhook.failed.clone(),
            hurry: webhook.hurry.clone(),
        };
        webhook.tasks.spawn(send_all(Arc::new(sender), messages, webhook.closing.clone()));
        webhook.tasks.close();
        Ok(Some(webhook))
    }

    /// Tells of an event, if it is one that is told: `transfer.requested` with the hand-over and the transcript so far,
    /// `call.ended` with the call's record. `feed` has been told of it before. Never waits.
    pub fn tell(&self, header: &Header, record: &EventRecord, feed: &Feed) {
        if let CallEvent::TransferRequested { handoff } = &record.event {
            let data = TransferData { handoff, transcript: feed.transcript() };
            self.put(header, record.seq, "transfer.requested", &data);
        } else if record.event.is_last()
            && let Some(cdr) = feed.cdr()
        {
            self.tell_ended(&cdr);
        }
    }

    /// Tells that a call has ended, as for one that a start has closed. Never waits.
    pub fn tell_ended(&self, cdr: &Cdr) {
        let header = Header { call_id: cdr.call_id, session_id: cdr.session_id, unix_ms: cdr.start_unix_ms };
        self.put(&header, cdr.last_seq, "call.ended", cdr);
    }

    /// Delivers what is waiting, for `limit` at most; the rest is kept in the file of failed ones.
    pub async fn stop(&self, limit: Duration) {
        self.closing.cancel();
        if timeout(limit, self.tasks.wait()).await.is_err() {
            self.hurry.cancel();
            if timeout(HURRY_WAIT, self.tasks.wait()).await.is_err() {
                warn!("Webhooks under way were given up");
            }
        }
    }

    fn put<T: Serialize>(&self, header: &Header, seq: u64, kind: &'static str, data: &T) {
        let Header { call_id, session_id, unix_ms: _ } = *header;
        let envelope = Envelope { id: format!("{call_id}-{seq}"), kind, call_id, session_id, data };
        let body = match serde_json::to_string(&envelope) {
            Ok(body) => body,
            Err(error) => {
                warn!(%call_id, kind, %error, "A webhook could not be written");
                return;
            }
        };
        let message = match self.queue.try_send(Message { call_id, kind, body }) {
            Ok(()) => return,
            Err(mpsc::error::TrySendError::Closed(message) | mpsc::error::TrySendError::Full(message)) => message,
        };
        let failed = self.failed.clone();
        self.tasks.spawn_blocking(move || keep_failed(&failed, &message, "too many webhooks are waiting"));
    }
}

/// Everything an attempt needs.
struct Sender {
    client: Client,
    url: String,
    secret: Option<Vec<u8>>,
    failed: Arc<PathBuf>,
    hurry: CancellationToken,
}

/// Why an attempt failed, and whether another can succeed.
enum Failed {
    ForGood(String),
    ForNow(String),
}

async fn send_all(sender: Arc<Sender>, mut messages: mpsc::Receiver<Message>, closing: CancellationToken) {
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            // Before new messages, so that a finished one makes room first.
            biased;
            Some(_) = under_way.join_next() => {}
            // Closed for writers; what is in it still comes.
            () = closing.cancelled(), if !messages.is_closed() => messages.close(),
            message = messages.recv(), if under_way.len() < UNDER_WAY_MAX => match message {
                Some(message) => {
                    under_way.spawn(sender.clone().deliver(message));
                }
                None => break,
            },
        }
    }
    while under_way.join_next().await.is_some() {}
}

impl Sender {
    async fn deliver(self: Arc<Self>, message: Message) {
        let mut pause = RETRY_FIRST;
        let mut attempts_left = ATTEMPTS_MAX;
        let reason = loop {
            let attempt = tokio::select! {
                attempt = self.attempt(&message.body) => attempt,
                () = self.hurry.cancelled() => Err(Failed::ForGood("the server stopped".to_owned())),
            };
            attempts_left -= 1;
            match attempt {
                Ok(()) => {
                    debug!(call_id = %message.call_id, kind = message.kind, "Webhook delivered");
                    telemetry::observe_webhook("delivered");
                    return;
                }
                Err(Failed::ForGood(reason)) => break reason,
                Err(Failed::ForNow(reason)) if attempts_left == 0 => break reason,
                Err(Failed::ForNow(reason)) => {
                    debug!(call_id = %message.call_id, kind = message.kind, reason, "Webhook will be tried again");
                }
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = self.hurry.cancelled() => {}
            }
            pause *= 2;
        };
        let failed = self.failed.clone();
        let keeping = tokio::task::spawn_blocking(move || keep_failed(&failed, &message, &reason));
        if keeping.await.is_err() {
            warn!("Keeping a failed webhook broke off");
        }
    }

    async fn attempt(&self, body: &str) -> Result<(), Failed> {
        let mut request = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(body.to_owned());
        if let Some(secret) = &self.secret {
            // Signed at the moment of sending, so that a receiver can refuse old messages that somebody plays again.
            let unix_s = jiff::Timestamp::now().as_second();
            request = request.header(SIGNATURE_HEADER, signature(secret, unix_s, body));
        }
        // The address may hold a secret of its own, so it is not repeated.
        let response = request.send().await.map_err(|error| Failed::ForNow(error.without_url().to_string()))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let reason = format!("status {}", status.as_u16());
        let passes =
            status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
        Err(if passes { Failed::ForNow(reason) } else { Failed::ForGood(reason) })
    }
}

/// `t={unix_s},v1={hex}`, where `hex` is the HMAC-SHA256 (RFC 2104) of `{unix_s}.{body}` under the secret.
fn signature(secret: &[u8], unix_s: i64, body: &str) -> String {
    format!("t={unix_s},v1={}", keyed_digest(secret, &format!("{unix_s}.{body}")))
}

fn keyed_digest(secret: &[u8], text: &str) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 2)")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length is good");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Appends a message that could not be delivered, with the reason, as one line of JSON.
fn keep_failed(file: &Path, message: &Message, reason: &str) {
    telemetry::observe_webhook("failed");
    match append_failed(file, message, reason) {
        Ok(()) => {
            warn!(call_id = %message.call_id, kind = message.kind, reason, "Webhook not delivered, kept in {FAILED_FILE}")
        }
        Err(error) => {
            warn!(call_id = %message.call_id, kind = message.kind, reason, %error, "Webhook not delivered and lost");
        }
    }
}

fn append_failed(file: &Path, message: &Message, reason: &str) -> io::Result<()> {
    let unix_ms = jiff::Timestamp::now().as_millisecond();
    let reason = serde_json::to_string(reason)?;
    let line = format!("{{\"unix_ms\":{unix_ms},\"reason\":{reason},\"message\":{}}}\n", message.body);
    let mut file = OpenOptions::new().append(true).create(true).mode(OWNER_ONLY).open(file)?;
    if file.metadata()?.len() + line.len() as u64 > FAILED_BYTES_MAX {
        return Err(io::Error::other("the file of failed webhooks is full; deal with it and move it away"));
    }
    file.write_all(line.as_bytes())
}

/// The header that carries the signature.
const SIGNATURE_HEADER: &str = "hotline-signature";
/// Where messages go that could not be delivered.
const FAILED_FILE: &str = "webhooks-failed.jsonl";
/// How large that file may grow.
const FAILED_BYTES_MAX: u64 = 64 << 20;
const OWNER_ONLY: u32 = 0o600;
/// Messages waiting.
const QUEUE_MAX: usize = 1_024;
/// Messages being delivered at once, so that a hand-over does not wait behind another's retries.
const UNDER_WAY_MAX: usize = 16;
/// The first attempt and five more.
const ATTEMPTS_MAX: u32 = 6;
/// The first pause between attempts, doubled each time: all in all half a minute.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// How long writing the last failed ones may take.
const HURRY_WAIT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_covers_the_time_and_the_body() {
        let fox = "The quick brown fox jumps over the lazy dog";
        let known = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";
        assert_eq!(keyed_digest(b"key", fox), known, "a published value");
        let signed = signature(b"secret", 5, "{}");
        assert_eq!(signed, format!("t=5,v1={}", keyed_digest(b"secret", "5.{}")));
        assert_ne!(signed, signature(b"secret", 6, "{}"));
    }

    #[test]
    fn a_failed_message_is_one_line_of_json_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FAILED_FILE);
        let call_id = CallId::from_bits(1);
        for body in ["{\"id\":\"a\"}", "{\"id\":\"b\"}"] {
            append_failed(&file, &Message { call_id, kind: "call.ended", body: body.into() }, "status 500").unwrap();
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["message"]["id"], "b");
        assert_eq!(lines[1]["reason"], "status 500");
    }
}
