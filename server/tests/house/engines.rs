//! Two real houses, one the speech engine of the other, in a real call.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::calls::open_shop;
use crate::fixture::{TestHouse, hotline, run, text, write};

const TOKEN: &str = "sesame-open-sesame";

/// The call's words, which the engine is sent and no log may hold.
const SCENARIO: &str = r#"
name: engine-dies
turns:
  - expect: { event: response }
  - user: Where is my order 2 0 4 1 8 8 4 4?
    expect: { event: response, within_ms: 30000 }
  - user: Yes, that is right.
    expect: { event: response, within_ms: 30000, text_contains: "shipped" }
"#;

#[test]
fn a_caller_is_helped_although_the_engine_dies_in_the_middle_of_the_call() {
    let mut engine = TestHouse::prepare("engine", "");
    let file = engine.folder.join("hotline.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, config.replace("[http]\n", &format!("[http]\ntoken = \"{TOKEN}\"\n"))).unwrap();
    engine.launch_with(&["-H", &format!("Authorization: Bearer {TOKEN}")]);
    let section = format!("url = \"http://{}\"\nkey = \"{TOKEN}\"\ntimeout_ms = 20000\n", engine.http);
    let speech = format!("[speech.recognizer]\n{section}[speech.voice.en]\n{section}[log]\nlevel = \"trace\"\n");
    let house = engine.beside("served", &format!("{}{speech}", open_shop()));
    // Requests to an engine by what became of them; on a busy machine not every decode is answered in time.
    let counted = |engine: &str, wanted: fn(&str) -> bool| {
        let metrics = house.text("/metrics");
        let prefix = format!("hotline_engine_requests_total{{engine=\"{engine}\",outcome=\"");
        let counts = metrics.lines().filter_map(|line| line.strip_prefix(&prefix)?.split_once("\"} "));
        counts.filter(|(outcome, _)| wanted(outcome)).filter_map(|(_, count)| count.parse::<u64>().ok()).sum::<u64>()
    };

    let scenario = write(&house.folder, "scenario.yaml", SCENARIO.as_bytes());
    let mut command = hotline(&house.folder);
    command.args(["call", &house.uri(), "--json", "--scenario"]).arg(scenario);
    let caller = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(90);
    while counted("recognizer", |_| true) == 0 {
        assert!(Instant::now() < deadline, "the engine was never asked:\n{}", house.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    engine.kill();
    let told = text(&caller.wait_with_output().unwrap());
    let line = told.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("no report: {told}"));
    let report: Value = serde_json::from_str(line).unwrap();
    assert_eq!(report["outcome"], "helped", "{report:#}\n{}", house.log());

    assert!(counted("voice.en", |outcome| outcome == "ok") > 0, "the prompts were spoken by the engine");
    assert!(counted("recognizer", |outcome| matches!(outcome, "unreachable" | "resting")) > 0, "the engine was missed");
    let log = house.log();
    assert!(log.contains("the embedded one steps in"), "{log}");
    for private in [TOKEN, "Where is my", "where is my", "20418844", "1299.0", "1299 yuan", "1,299"] {
        assert!(!log.contains(private), "the log holds {private:?}");
    }
}

#[test]
fn the_commands_use_the_configured_engines_and_say_when_they_are_of_no_use() {
    let dead = "[speech.recognizer]\nurl = \"http://127.0.0.1:9\"\n[speech.voice.en]\nurl = \"http://127.0.0.1:9\"\n";
    let house = TestHouse::prepare("dead-engine", dead);
    let spoken = run(&house.folder, &["speak", "Where is my order?", "-o", "out.wav"]);
    assert!(spoken.status.success(), "{}", text(&spoken));
    let heard = run(&house.folder, &["transcribe", "out.wav", "--lang", "en"]);
    assert!(text(&heard).to_lowercase().contains("where is my order"), "{}", text(&heard));
}
