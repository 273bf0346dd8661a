//! `hotline bench speech` measures a real call: one utterance, spoken, heard, answered and accounted for.

use serde_json::Value;

use crate::fixture::{TestHouse, run, text, write};

#[test]
fn one_utterance_goes_through_a_real_call_and_is_measured() {
    let house = TestHouse::prepare("bench", "");
    let set = "id\tlang\tkind\ttext\none\ten\torder\tWhere is my order?\n";
    write(&house.folder, "set.tsv", set.as_bytes());
    let args = ["--set", "set.tsv", "--lang", "en", "--callers", "1", "--loss", "0", "--only", "ask", "--json"];
    let output = run(&house.folder, &[["bench", "speech"].as_slice(), &args].concat());
    assert!(output.status.success(), "{}", text(&output));
    let found: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let level = &found["levels"][0];
    let counts = ["calls", "calls_lost", "utterances_lost", "packets_lost"].map(|name| level[name].as_u64());
    assert_eq!(counts, [Some(1), Some(0), Some(0), Some(0)], "{found}");
    assert_eq!(level["words"][0]["words"]["errors"], 0, "{found}");
    assert_eq!(level["words"][0]["words"]["of"], 4);
    // One call gives one of each; how long they are is the machine's business.
    for part in ["final_text", "voice_to_voice"] {
        assert_eq!(level[part]["count"], 1, "{part}: {found}");
    }
    assert_eq!(level["parts"]["first_audio_cached"]["count"], 1, "it is answered with a kept sentence: {found}");
    assert!(level["voice_to_voice"]["p50_ms"].as_i64() > level["parts"]["silence_wait"]["p50_ms"].as_i64(), "{found}");
    assert_eq!(found["failures"].as_array().map(Vec::len), Some(0), "{found}");
}

#[test]
fn what_cannot_be_measured_is_refused_with_the_way_out() {
    let house = TestHouse::prepare("bench-refused", "");
    write(&house.folder, "set.tsv", b"id\tlang\ttext\none\ten\t\n");
    let check = |args: &[&str], expected: &str| {
        let output = run(&house.folder, &[["bench", "speech"].as_slice(), args].concat());
        assert!(!output.status.success() && text(&output).contains(expected), "{args:?}: {}", text(&output));
    };
    check(&["--set", "set.tsv"], "set.tsv:2: the column \"text\" is empty");
    check(&["--set", "missing.tsv"], "cannot read missing.tsv");
    check(&["--lang", "fr"], "known are en and zh");
    check(&["--callers", "0", "--only", "ask", "--lang", "en"], "--callers must be between 1 and 64");
}
