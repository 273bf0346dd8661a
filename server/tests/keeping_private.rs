//! What callers say stays out of the log: a call is kept, watched, told and recovered under a log that hears all of us.

#![expect(clippy::unwrap_used, reason = "what cannot be prepared or read fails its test")]

mod kept;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kept::{Keeping, PRIVATE, append, header, open_call, repair, whole_call};
use server::config::LogLevel;
use server::journal::{Journal, recover};
use server::telemetry;
use server::webhook::Webhook;
use tracing_subscriber::EnvFilter;

#[tokio::test(flavor = "multi_thread")]
async fn no_name_number_or_word_of_a_caller_is_logged() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(telemetry::filter(LogLevel::Trace)))
        .with_writer(move || writer.clone())
        .init();
    let keeping = Keeping::start(None).await;
    let hook = "url = \"http://127.0.0.1:9/hooks\"\ntimeout_ms = 500";
    let webhook = Webhook::start(Some(&toml::from_str(hook).unwrap()), keeping.folder.path()).unwrap().unwrap();

    let mut call = keeping.begin(header(1));
    for event in whole_call(&header(1)) {
        let record = Arc::new(append(&mut call.journal, event));
        call.feed.publish(record.clone());
        webhook.tell(&header(1), &record, &call.feed);
    }
    keeping.projector.settle(call.journal, call.feed);
    keeping.until_settled(header(1).call_id).await;
    for path in ["/v1/calls", "/v1/callbacks", "/v1/calls?limit=x", "/nowhere?from=+8613800138000"] {
        keeping.get(path).await;
    }
    for rest in ["", "/events"] {
        keeping.get(&format!("/v1/calls/{}{rest}", header(1).call_id)).await;
    }
    webhook.stop(Duration::from_millis(100)).await;
    let mut crashed = Journal::create(&keeping.folders.live, header(2)).unwrap();
    open_call(&header(2)).into_iter().for_each(|event| drop(append(&mut crashed, event)));
    // A database that fails, and a journal with a line that is not ours, are logged as well.
    let text = std::fs::read_to_string(crashed.path()).unwrap();
    std::fs::write(crashed.path(), format!("{text}{{\"seq\":\"Wang Fang\"}}\n")).unwrap();
    recover(&keeping.folders, &keeping.store, repair).await.unwrap();
    keeping.store.close().await;
    assert_eq!(keeping.get("/v1/callbacks").await.0, 503);

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for expected in ["Call settled", "Webhook not delivered", "Call closed from its journal", "did not answer"] {
        assert!(text.contains(expected), "the log was on: {expected}\n{text}");
    }
    for private in PRIVATE {
        assert!(!text.contains(private), "{private} was logged:\n{text}");
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
