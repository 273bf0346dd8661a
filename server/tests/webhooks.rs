//! Webhooks over real connections: signed, tried again, and never lost without a trace.

#![expect(clippy::unwrap_used, reason = "what cannot be prepared or read fails its test")]

mod kept;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use call::CallEvent;
use hmac::{Hmac, KeyInit, Mac};
use kept::{Keeping, TestCall, append, header, whole_call};
use serde_json::Value;
use server::webhook::Webhook;
use sha2::Sha256;
use tokio::net::TcpListener;

const SECRET: &str = "a-secret-of-the-shop";

#[tokio::test(flavor = "multi_thread")]
async fn a_hand_over_and_the_end_are_told_signed_and_with_all_an_agent_needs() {
    let keeping = Keeping::start(None).await;
    let shop = Shop::open(vec![]).await;
    let webhook = webhook(shop.address, keeping.folder.path());
    tell_whole_call(&webhook, &mut keeping.begin(header(1)));
    webhook.stop(Duration::from_secs(10)).await;

    let heard = shop.heard();
    let kinds: Vec<_> = heard.iter().map(|(_, body)| json(body)["type"].clone()).collect();
    assert_eq!(kinds, ["transfer.requested", "call.ended"]);
    for (signature, body) in &heard {
        check_signature(signature, body);
    }
    let handoff = json(&heard[0].1);
    assert_eq!(handoff["call_id"], header(1).call_id.to_string());
    assert_eq!(handoff["session_id"], header(1).session_id.to_string());
    assert_eq!((&handoff["data"]["reason"], &handoff["data"]["queue"]), (&"caller_asked".into(), &"support".into()));
    assert_eq!(handoff["data"]["slots"][0]["value"], "48213");
    assert_eq!(handoff["data"]["transcript"].as_array().unwrap().len(), 2);
    let ended = json(&heard[1].1);
    assert_eq!((&ended["data"]["status"], &ended["data"]["hangup_by"]), (&"completed".into(), &"caller".into()));
    assert_ne!(handoff["id"], ended["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_failed_for_now_comes_again_under_the_same_id() {
    let keeping = Keeping::start(None).await;
    let busy = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS];
    let shop = Shop::open(busy.to_vec()).await;
    let webhook = webhook(shop.address, keeping.folder.path());
    tell_end(&webhook, &mut keeping.begin(header(1)));
    webhook.stop(Duration::from_secs(20)).await;
    let heard = shop.heard();
    assert_eq!(heard.len(), 3);
    assert!(heard.iter().all(|(_, body)| json(body)["id"] == json(&heard[0].1)["id"]));
    assert!(failed(keeping.folder.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_refused_is_kept_and_not_sent_again() {
    let keeping = Keeping::start(None).await;
    let shop = Shop::open(vec![StatusCode::FOUND]).await;
    let webhook = webhook(shop.address, keeping.folder.path());
    tell_end(&webhook, &mut keeping.begin(header(1)));
    webhook.stop(Duration::from_secs(20)).await;
    assert_eq!(shop.heard().len(), 1);
    let failed = failed(keeping.folder.path());
    assert_eq!((failed.len(), &failed[0]["reason"]), (1, &"status 302".into()));
    assert_eq!(failed[0]["message"]["type"], "call.ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_takes_before_the_server_stops_is_kept() {
    let keeping = Keeping::start(None).await;
    // A port on which nobody listens.
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let webhook = webhook(address, keeping.folder.path());
    for number in 1..=40 {
        tell_end(&webhook, &mut keeping.begin(header(number)));
    }
    webhook.stop(Duration::from_millis(300)).await;
    let mut ids: Vec<_> = failed(keeping.folder.path()).iter().map(|line| line["message"]["id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 40);
    // A message after the end is kept as well.
    tell_end(&webhook, &mut keeping.begin(header(41)));
    kept::eventually("it is kept", || failed(keeping.folder.path()).len() == 41).await;
}

#[tokio::test]
async fn without_a_configuration_nothing_is_sent() {
    assert!(Webhook::start(None, Path::new("nowhere")).unwrap().is_none());
}

fn webhook(address: SocketAddr, folder: &Path) -> Webhook {
    let toml = format!("url = \"http://{address}/hooks\"\nsecret = \"{SECRET}\"\ntimeout_ms = 2000");
    Webhook::start(Some(&toml::from_str(&toml).unwrap()), folder).unwrap().unwrap()
}

fn tell_whole_call(webhook: &Webhook, call: &mut TestCall) {
    for event in whole_call(&call.journal.header()) {
        tell(webhook, call, event);
    }
}

fn tell_end(webhook: &Webhook, call: &mut TestCall) {
    let ended = whole_call(&call.journal.header()).pop().unwrap();
    tell(webhook, call, ended);
}

fn tell(webhook: &Webhook, call: &mut TestCall, event: CallEvent) {
    let record = Arc::new(append(&mut call.journal, event));
    call.feed.publish(record.clone());
    webhook.tell(&call.journal.header(), &record, &call.feed);
}

fn check_signature(signature: &str, body: &str) {
    let (time, digest) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    assert!(time.parse::<i64>().unwrap() > 1_700_000_000);
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{time}.{body}").as_bytes());
    let expected: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, expected);
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn failed(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("webhooks-failed.jsonl")).unwrap_or_default();
    text.lines().map(json).collect()
}

/// The business's side: answers with each status in turn, and with 204 when there are no more.
struct Shop {
    address: SocketAddr,
    inner: Arc<Mutex<ShopInner>>,
}

#[derive(Default)]
struct ShopInner {
    answers: Vec<StatusCode>,
    heard: Vec<(String, String)>,
}

impl Shop {
    async fn open(answers: Vec<StatusCode>) -> Self {
        let inner = Arc::new(Mutex::new(ShopInner { answers, heard: Vec::new() }));
        let router = Router::new().route("/hooks", post(hear)).with_state(inner.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, inner }
    }

    /// Signature and body of each message, as they came; hand-overs before ends, for they may cross.
    fn heard(&self) -> Vec<(String, String)> {
        let mut heard = self.inner.lock().unwrap().heard.clone();
        heard.sort_by_key(|(_, body)| std::cmp::Reverse(json(body)["type"].to_string()));
        heard
    }
}

async fn hear(State(shop): State<Arc<Mutex<ShopInner>>>, headers: HeaderMap, body: String) -> StatusCode {
    let mut shop = shop.lock().unwrap();
    let signature = headers["hotline-signature"].to_str().unwrap().to_owned();
    shop.heard.push((signature, body));
    if shop.answers.is_empty() { StatusCode::NO_CONTENT } else { shop.answers.remove(0) }
}
