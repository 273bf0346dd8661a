//! The web interface over real connections, with a real database and real files.

#![expect(clippy::unwrap_used, reason = "what cannot be prepared or read fails its test")]

mod kept;

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use call::{CallEvent, CallId, EventRecord, LegId, Moment};
use kept::{Keeping, header, open_call, recording_name, whole_call};
use serde_json::{Value, json};
use server::http::CallControl;
use server::wire::RecordMode;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

const TOKEN: &str = "sesame-open-sesame";

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_listed_newest_first_a_page_at_a_time() {
    let keeping = Keeping::start(None).await;
    for number in [1, 2, 3] {
        keeping.settled(header(number)).await;
    }
    let mut live = keeping.begin(header(4));
    open_call(&header(4)).into_iter().for_each(|event| live.record(event));
    let ids = |list: &Value| -> Vec<CallId> {
        let calls = list["calls"].as_array().unwrap().iter();
        calls.map(|call| call["call_id"].as_str().unwrap().parse().unwrap()).collect()
    };
    let numbers = |numbers: &[u128]| numbers.iter().map(|&number| CallId::from_bits(number)).collect::<Vec<_>>();

    let (status, all) = keeping.get("/v1/calls").await;
    assert_eq!((status, ids(&all)), (200, numbers(&[4, 3, 2, 1])));
    assert_eq!(all["next"], Value::Null);
    assert_eq!(ids(&keeping.get("/v1/calls?state=live").await.1), numbers(&[4]));
    assert_eq!(ids(&keeping.get("/v1/calls?state=ended").await.1), numbers(&[3, 2, 1]));

    let (_, first) = keeping.get("/v1/calls?limit=3").await;
    assert_eq!(ids(&first), numbers(&[4, 3, 2]));
    let (_, second) = keeping.get(&format!("/v1/calls?limit=3&before={}", first["next"].as_str().unwrap())).await;
    assert_eq!((ids(&second), &second["next"]), (numbers(&[1]), &Value::Null));

    for wrong in ["limit=0", "limit=501", "state=dead", "before=yesterday", "colour=red"] {
        let (status, problem) = keeping.get(&format!("/v1/calls?{wrong}")).await;
        assert_eq!(status, 400, "{wrong}");
        assert!(problem["way_out"].as_str().unwrap().contains("/openapi.json"), "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_shows_the_same_while_it_is_settled_and_afterwards() {
    let keeping = Keeping::start(None).await;
    let mut call = keeping.begin(header(1));
    whole_call(&header(1)).into_iter().for_each(|event| call.record(event));
    let path = format!("/v1/calls/{}", header(1).call_id);
    let before = keeping.get(&path).await;
    keeping.projector.settle(call.journal, call.feed);
    keeping.until_settled(header(1).call_id).await;
    let after = keeping.get(&path).await;
    assert_eq!(before, after);

    let (status, call) = after;
    assert_eq!(status, 200);
    assert_eq!(call["status"], "completed");
    assert_eq!(call["from"], "+8613800138000");
    assert_eq!(call["handoff"]["slots"][0]["value"], "48213");
    assert_eq!(call["transcript"].as_array().unwrap().len(), 2);
    assert_eq!(call["transcript"][0]["speaker"], "bot");
    assert_eq!(call["latency"][0]["total_ms"], 465);
    assert_eq!(call["links"]["recording"], format!("/v1/recordings/{}", header(1).call_id));
    assert_eq!(call["links"]["hangup"], Value::Null, "it has ended");

    // Without its journal, the database still has record and words.
    std::fs::remove_dir_all(&keeping.folders.recordings).unwrap();
    let (status, rows) = keeping.get(&path).await;
    assert_eq!(status, 200);
    assert_eq!(rows["transcript"], call["transcript"]);
    assert_eq!(rows["handoff"], call["handoff"]);
    assert_eq!(rows["talk_s"], call["talk_s"]);
    assert_eq!(keeping.get(&format!("{path}/events")).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_problem_with_a_way_out() {
    let keeping = Keeping::start(None).await;
    let unknown = CallId::from_bits(99);
    for path in [
        format!("/v1/calls/{unknown}"),
        "/v1/calls/nonsense".to_owned(),
        format!("/v1/calls/{unknown}/events"),
        format!("/v1/recordings/{unknown}"),
        "/v2".to_owned(),
    ] {
        let response = reqwest::get(keeping.url(&path)).await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path}");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["status"], 404);
        assert!(problem["way_out"].as_str().is_some_and(|way_out| !way_out.is_empty()), "{path}");
    }
    let client = reqwest::Client::new();
    let response = client.delete(keeping.url("/v1/calls")).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["allow"].to_str().unwrap()), (405, "GET,HEAD"));
    let long = "x".repeat(100_000);
    let response = client.post(keeping.url(&format!("/v1/calls/{unknown}/hangup"))).body(long).send().await.unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_token_nothing_is_told_but_that_the_server_lives() {
    let keeping = Keeping::start(Some(TOKEN)).await;
    let client = reqwest::Client::new();
    for path in documented_paths() {
        let url = keeping.url(&path);
        for wrong in [None, Some("Bearer sesame-open-sesamf"), Some("Basic sesame-open-sesame")] {
            let mut request = client.get(&url);
            if let Some(wrong) = wrong {
                request = request.header("authorization", wrong);
            }
            let response = request.send().await.unwrap();
            // The page for calls is for everybody; it tells nothing and needs a token of its own to call.
            let is_open = path == "/healthz" || path.starts_with("/call");
            assert_eq!(response.status() != 401, is_open, "{path} with {wrong:?}: {}", response.status());
        }
        let response = client.get(&url).bearer_auth(TOKEN).send().await.unwrap();
        assert_ne!(response.status(), 401, "{path}");
    }
    let request = keeping.url("/v1/calls/x/events").replace("http:", "ws:").into_client_request().unwrap();
    let stream = TcpStream::connect(keeping.address).unwrap();
    assert!(
        tokio::task::spawn_blocking(|| tungstenite::client(request, stream).is_err()).await.unwrap(),
        "nor over a WebSocket"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_path_is_served_and_the_description_is_openapi_3_1() {
    let keeping = Keeping::start(None).await;
    let (status, document) = keeping.get("/openapi.json").await;
    assert_eq!(status, 200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    let client = reqwest::Client::new();
    for path in documented_paths() {
        let response = client.get(keeping.url(&path)).send().await.unwrap();
        let text = response.text().await.unwrap();
        assert!(!text.contains("nothing at this path"), "{path}");
    }
    let served = include_str!("../src/http/router.rs").lines().filter_map(|line| line.split("route(\"").nth(1));
    let served: BTreeSet<_> = served.map(|rest| rest.split('"').next().unwrap().replace("{*", "{")).collect();
    let documented: BTreeSet<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(served, documented);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_that_resumes_misses_nothing_and_hears_nothing_twice() {
    let keeping = Keeping::start(None).await;
    let mut call = keeping.begin(header(1));
    let mut events = open_call(&header(1));
    events.extend((0..300).map(|_| CallEvent::Held { leg: LegId::CALLER }));
    events.push(whole_call(&header(1)).pop().unwrap());
    let total = events.len() as u64;
    call.record(events.remove(0));
    let projector = keeping.projector.clone();
    let leading = tokio::spawn(async move {
        for event in events {
            call.record(event);
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        projector.settle(call.journal, call.feed);
    });
    let (address, call_id) = (keeping.address, header(1).call_id);
    let watching = tokio::task::spawn_blocking(move || {
        let mut seen: Vec<u64> = Vec::new();
        // Goes away after every 1, 2, 3 ... events and resumes after the last it has seen.
        for patience in 1_usize.. {
            let mut socket = watch(address, call_id, seen.last().copied().unwrap_or(0));
            for _ in 0..patience {
                match socket.read().unwrap() {
                    Message::Text(text) => {
                        seen.push(serde_json::from_str::<EventRecord>(text.as_str()).unwrap().seq);
                    }
                    Message::Close(frame) => return (seen, frame.unwrap().code),
                    _ => {}
                }
            }
        }
        unreachable!("the call ends before patience does")
    });
    let (seen, code) = tokio::time::timeout(Duration::from_secs(60), watching).await.unwrap().unwrap();
    leading.await.unwrap();
    assert_eq!(seen, (1..=total).collect::<Vec<_>>());
    assert_eq!(code, CloseCode::Normal);
    keeping.until_settled(call_id).await;

    let (_, page) = keeping.get(&format!("/v1/calls/{call_id}/events?after=5&limit=2")).await;
    assert_eq!(
        (&page["events"][0]["seq"], &page["events"][1]["seq"], &page["next"]),
        (&6.into(), &7.into(), &7.into())
    );
    let (_, rest) = keeping.get(&format!("/v1/calls/{call_id}/events?after={}", total - 1)).await;
    assert_eq!((&rest["events"][0]["type"], &rest["next"]), (&"call.ended".into(), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_that_is_too_slow_is_told_to_resume() {
    let keeping = Keeping::start(None).await;
    let mut call = keeping.begin(header(1));
    call.record(open_call(&header(1)).remove(0));
    let (address, call_id) = (keeping.address, header(1).call_id);
    let mut socket = tokio::task::spawn_blocking(move || watch(address, call_id, 0)).await.unwrap();
    // More than the sockets on the way hold, while nobody reads.
    for seq in 2..200_000 {
        let event = CallEvent::StepEntered { step: "a step with a name that fills the sockets".into() };
        call.feed.publish(Arc::new(EventRecord { seq, at: Moment::START, unix_ms: 0, event }));
    }
    let frame = tokio::task::spawn_blocking(move || {
        loop {
            if let Message::Close(frame) = socket.read().unwrap() {
                return frame.unwrap();
            }
        }
    });
    let frame = tokio::time::timeout(Duration::from_secs(30), frame).await.unwrap().unwrap();
    assert_eq!(frame.code, CloseCode::Again);
    assert!(frame.reason.as_str().contains("after="), "{}", frame.reason.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_served_whole_and_in_parts_also_of_a_live_call() {
    let keeping = Keeping::start(None).await;
    let mut call = keeping.begin(header(1));
    let client = reqwest::Client::new();
    let url = keeping.url(&format!("/v1/recordings/{}", header(1).call_id));
    call.record(open_call(&header(1)).remove(0));
    assert_eq!(client.get(&url).send().await.unwrap().status(), 404, "nothing is recorded yet");
    call.record(CallEvent::RecordingStarted { path: recording_name(&header(1)) });
    assert_eq!(client.get(&url).send().await.unwrap().status(), 404, "the file is not there yet");

    let sound: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let file = keeping.folders.recordings.join(recording_name(&header(1)));
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, &sound).unwrap();

    let whole = client.get(&url).send().await.unwrap();
    assert_eq!((whole.status().as_u16(), &whole.headers()["content-type"]), (200, &"audio/wav".parse().unwrap()));
    assert_eq!(whole.bytes().await.unwrap(), sound);
    let check = async |range: &str, status: u16, content_range: &str, expected: &[u8]| {
        let response = client.get(&url).header("range", range).send().await.unwrap();
        assert_eq!(response.status(), status, "{range}");
        assert_eq!(response.headers()["content-range"].to_str().unwrap(), content_range, "{range}");
        if status == 206 {
            assert_eq!(response.bytes().await.unwrap(), expected, "{range}");
        }
    };
    check("bytes=10-19", 206, "bytes 10-19/100000", &sound[10..20]).await;
    check("bytes=99990-", 206, "bytes 99990-99999/100000", &sound[99_990..]).await;
    check("bytes=-500", 206, "bytes 99500-99999/100000", &sound[99_500..]).await;
    check("bytes=100000-", 416, "bytes */100000", &[]).await;
    let head = client.head(&url).send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.headers()["content-length"].to_str().unwrap()), (200, "100000"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_outside_its_folder_is_not_served() {
    let keeping = Keeping::start(None).await;
    let mut call = keeping.begin(header(1));
    std::fs::write(keeping.folder.path().join("secret.wav"), "secret").unwrap();
    call.record(CallEvent::RecordingStarted { path: "../secret.wav".into() });
    assert_eq!(keeping.get(&format!("/v1/recordings/{}", header(1).call_id)).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_call_is_asked_to_end_and_an_ended_one_is_not() {
    let keeping = Keeping::start(None).await;
    let mut call = keeping.begin(header(1));
    call.record(open_call(&header(1)).remove(0));
    let post = async |id: CallId| {
        let url = keeping.url(&format!("/v1/calls/{id}/hangup"));
        reqwest::Client::new().post(url).send().await.unwrap().status().as_u16()
    };
    assert_eq!(post(header(1).call_id).await, 202);
    assert_eq!(post(header(1).call_id).await, 503, "one request waits already");
    assert_eq!(call.controls.recv().await, Some(CallControl::HangUp));
    call.record(whole_call(&header(1)).pop().unwrap());
    assert_eq!(post(header(1).call_id).await, 409);
    keeping.projector.settle(call.journal, call.feed);
    keeping.until_settled(header(1).call_id).await;
    assert_eq!(post(header(1).call_id).await, 409);
    assert_eq!(post(CallId::from_bits(99)).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recording_of_a_live_call_is_paused_masked_and_resumed() {
    let keeping = Keeping::start(None).await;
    let mut call = keeping.begin(header(1));
    call.record(open_call(&header(1)).remove(0));
    let url = keeping.url(&format!("/v1/calls/{}/recording", header(1).call_id));
    let post =
        async |order: Value| reqwest::Client::new().post(&url).json(&order).send().await.unwrap().status().as_u16();
    let cases = [
        (json!({ "action": "mask" }), RecordMode::Silence),
        (json!({ "action": "mask", "with": "tone" }), RecordMode::Tone),
        (json!({ "action": "pause" }), RecordMode::Paused),
        (json!({ "action": "resume" }), RecordMode::Running),
    ];
    for (order, mode) in cases {
        assert_eq!(post(order).await, 202);
        assert_eq!(call.controls.recv().await, Some(CallControl::Record(mode)));
    }
    for order in [json!({ "action": "erase" }), json!({}), json!({ "action": "mask", "with": "music" })] {
        assert_eq!(post(order.clone()).await, 400, "{order}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn web_pages_of_others_stay_out() {
    let keeping = Keeping::start(None).await;
    let client = reqwest::Client::new();
    let check = async |name: &str, value: &str, expected: u16| {
        let response = client.get(keeping.url("/v1/calls")).header(name, value).send().await.unwrap();
        assert_eq!(response.status(), expected, "{name}: {value}");
    };
    check("origin", "https://evil.example", 403).await;
    check("host", "rebound.example", 403).await;
    check("origin", &keeping.url(""), 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_what_is_missing() {
    let keeping = Keeping::start(None).await;
    keeping.readiness.missing("models", "the recogniser is being loaded");
    let (status, problem) = keeping.get("/readyz").await;
    assert_eq!((status, &problem["detail"]), (503, &"models: the recogniser is being loaded".into()));
    keeping.readiness.present("models");
    assert_eq!(keeping.get("/readyz").await.0, 200);
    let (_, agents) = keeping.get("/v1/agents").await;
    assert_eq!((&agents["agents"][0]["id"], &agents["agents"][0]["state"]), (&"alice".into(), &"idle".into()));
    keeping.settled(header(1)).await;
    let (_, open) = keeping.get("/v1/callbacks?state=open").await;
    assert_eq!(open["callbacks"][0]["number"], "callback-number-77");
    assert_eq!(keeping.get("/v1/callbacks?state=done").await.1["callbacks"].as_array().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_says_so_to_watchers_and_ends() {
    let keeping = Keeping::start(None).await;
    let mut call = keeping.begin(header(1));
    call.record(open_call(&header(1)).remove(0));
    let (address, call_id) = (keeping.address, header(1).call_id);
    let mut socket = tokio::task::spawn_blocking(move || watch(address, call_id, 0)).await.unwrap();
    keeping.closing.cancel();
    let frame = tokio::task::spawn_blocking(move || {
        loop {
            if let Message::Close(frame) = socket.read().unwrap() {
                return frame.unwrap();
            }
        }
    });
    let frame = tokio::time::timeout(Duration::from_secs(10), frame).await.unwrap().unwrap();
    assert_eq!((frame.code, frame.reason.as_str()), (CloseCode::Away, "the server stops; resume with after=1"));
    tokio::time::timeout(Duration::from_secs(10), keeping.http).await.unwrap().unwrap();
}

fn watch(address: std::net::SocketAddr, call_id: CallId, after: u64) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = format!("ws://{address}/v1/calls/{call_id}/events?after={after}").into_client_request().unwrap();
    tungstenite::client(request, stream).unwrap().0
}

/// The paths of the description that can be asked with GET, for a call that is not there.
fn documented_paths() -> Vec<String> {
    let document = serde_json::to_value(server::http::document()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let readable = paths.filter(|(_, operations)| operations.get("get").is_some());
    readable.map(|(path, _)| path.replace("{id}", &CallId::from_bits(99).to_string())).collect()
}
