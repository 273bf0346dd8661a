//! Whole calls on a real server: SIP and RTP over sockets, real models, a real shop over HTTP, a real database.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use test_audio::shop::{self, Faults, Stock};

use crate::fixture::{TestHouse, hotline, repository, run, text, write};

/// A sample shop on a port of its own; returns the configuration that points to it.
pub(crate) fn open_shop() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let stock = Stock::new(jiff::Zoned::now().date());
            shop::serve(listener, stock, Faults::default(), std::future::pending()).await.unwrap();
        });
    });
    format!("[dialog.vars]\nbackend = \"http://{address}\"\n")
}

fn scenario(house: &TestHouse, yaml: &str) -> Value {
    let file = write(&house.folder, "scenario.yaml", yaml.as_bytes());
    let output =
        run(&house.folder, &["call", &house.uri(), "--scenario", file.to_str().unwrap(), "--from", CALLER, "--json"]);
    let told = text(&output);
    let line = told.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("no report: {told}"));
    let report: Value = serde_json::from_str(line).unwrap();
    assert_eq!(report["outcome"], "helped", "{report:#}\n{}", house.log());
    report
}

/// The one call of this house, once it has ended.
fn ended_call(house: &TestHouse) -> Value {
    let calls =
        house.wait_for("/v1/calls?state=ended", |answer| answer["calls"].as_array().is_some_and(|c| !c.is_empty()));
    let id = calls["calls"][0]["call_id"].as_str().unwrap().to_owned();
    house.get(&format!("/v1/calls/{id}")).unwrap()
}

/// The number our caller calls from; the bot may call it back.
const CALLER: &str = "13800138000";

#[test]
fn a_caller_learns_where_the_order_is_and_then_talks_to_a_person() {
    let house = TestHouse::prepare("demo", "");
    let output = run(&house.folder, &["demo", "--once"]);
    let told = text(&output);
    assert!(output.status.success(), "{told}");
    for expected in ["The caller was helped", "wants order_status", "hear each other", "answered in"] {
        assert!(told.contains(expected), "{expected:?} is missing in: {told}");
    }
}

#[test]
fn keys_do_as_well_as_words_and_the_log_holds_neither() {
    let house = TestHouse::start("keys", &format!("{}[log]\nlevel = \"trace\"\n", open_shop()));
    let yaml = std::fs::read_to_string(repository().join("test-audio/scenarios/order-by-keypad.yaml")).unwrap();
    scenario(&house, &yaml);
    let call = ended_call(&house).to_string();
    assert!(call.contains("order_status"), "{call}");
    let log = house.log();
    assert!(log.contains("Call ended"), "the log tells of the call: {log}");
    for private in [CALLER, "20418844", "2041884", "where is my", "Where is my", "1299.0", "1299 yuan", "1,299"] {
        assert!(!log.contains(private), "the log holds {private:?}");
    }
}

#[test]
fn a_caller_who_speaks_mandarin_to_an_english_greeting_is_answered_in_mandarin() {
    let house = TestHouse::start("mandarin", &format!("[speech]\nlanguages = [\"en\", \"zh\"]\n{}", open_shop()));
    let yaml = std::fs::read_to_string(repository().join("test-audio/scenarios/order-status-zh.yaml")).unwrap();
    scenario(&house, &yaml);
    let call = ended_call(&house).to_string();
    assert!(call.contains("order_status") && call.contains("订单号"), "{call}");
}

#[test]
fn a_dead_backend_is_told_to_the_caller_and_a_person_is_offered() {
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let house = TestHouse::start("dead-shop", &format!("[dialog.vars]\nbackend = \"http://{dead}\"\n"));
    scenario(
        &house,
        r#"
name: dead-backend
turns:
  - expect: { event: response }
  - user: Where is my order 2 0 4 1 8 8 4 4?
    expect: { event: response }
  - user: Yes, that is right.
    expect: { event: response, within_ms: 20000, text_contains: "sorry | system | cannot | colleague | person" }
"#,
    );
}

#[test]
fn when_nobody_answers_a_callback_is_promised_and_kept() {
    let house = TestHouse::start("callback", &open_shop());
    scenario(
        &house,
        r#"
name: no-agent
turns:
  - expect: { event: response }
  - user: I want to talk to a real person, please.
    expect: { event: response, within_ms: 20000, text_contains: "call you back | callback | call back" }
  - user: Yes, please.
    expect: { event: response, within_ms: 15000 }
"#,
    );
    house.wait_for("/v1/callbacks", |answer| answer.to_string().contains("after_sales"));
}

fn sipp(house: &TestHouse, arguments: &[&str]) -> Child {
    let mut command = Command::new("sipp");
    command.args(["-sn", "uac", &house.sip.to_string(), "-i", "127.0.0.1", "-nostdin"]).args(arguments);
    command.current_dir(&house.folder).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("sipp is installed by `make setup`")
}

#[test]
fn sipp_places_200_calls_at_20_a_second_over_udp_and_tcp() {
    let house = TestHouse::start("sipp", &open_shop());
    for transport in ["u1", "t1"] {
        let status = sipp(&house, &["-t", transport, "-m", "200", "-r", "20", "-d", "500", "-timeout", "60s"]).wait();
        assert!(status.unwrap().success(), "{transport}: {}", house.log());
    }
    house.wait_for("/v1/calls?state=live", |answer| answer["calls"].as_array().is_some_and(Vec::is_empty));
}

#[test]
fn a_crash_in_the_middle_of_five_calls_loses_no_record_and_at_most_a_second_of_sound() {
    let mut house = TestHouse::start("crash", &open_shop());
    let mut callers = sipp(&house, &["-m", "5", "-r", "5", "-d", "30000"]);
    house.wait_for("/v1/calls?state=live", |answer| answer["calls"].as_array().is_some_and(|calls| calls.len() == 5));
    std::thread::sleep(Duration::from_secs(4));
    house.kill();
    callers.kill().unwrap();
    callers.wait().unwrap();
    let mut played = Vec::new();
    for entry in walk(&house.folder.join("data/recordings")) {
        if entry.extension().is_some_and(|extension| extension == "wav") {
            let sound = media::read_wav(&entry).expect("it plays as the crash left it");
            played.push(sound.channels[0].len() as f64 / f64::from(sound.rate.hz()));
        }
    }
    assert_eq!(played.len(), 5, "{played:?}");
    assert!(played.iter().all(|&seconds| seconds >= 3.0), "four seconds were recorded, one may be lost: {played:?}");
    house.launch();
    let calls = house.get("/v1/calls?state=ended").unwrap();
    let calls = calls["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 5);
    for call in calls {
        assert_eq!(call["reason"], "crash", "{call}");
        assert_eq!(call["hangup_by"], "system", "{call}");
        assert!(call["recording_s"].as_f64().is_some_and(|seconds| seconds >= 3.0), "{call}");
    }
}

#[test]
fn a_stop_lets_the_caller_hear_goodbye() {
    let mut house = TestHouse::start("stop", &format!("{}[limits]\nshutdown_s = 1\n", open_shop()));
    let mut callers = sipp(&house, &["-m", "1", "-d", "60000"]);
    house.wait_for("/v1/calls?state=live", |answer| answer["calls"].as_array().is_some_and(|calls| calls.len() == 1));
    std::thread::sleep(Duration::from_secs(1));
    house.stop_gently();
    callers.kill().unwrap();
    callers.wait().unwrap();
    house.launch();
    let call = ended_call(&house).to_string().to_lowercase();
    assert!(call.contains("goodbye") || call.contains("bye"), "the goodbye is in the transcript: {call}");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn the_simulated_agent_says_when_its_port_is_taken() {
    let house = TestHouse::prepare("agent-port", "");
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = hotline(&house.folder).args(["agent", "--listen", &address]).output().unwrap();
    assert!(!output.status.success());
    assert!(text(&output).contains(&address), "{}", text(&output));
}
