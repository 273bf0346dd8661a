//! What goes wrong before and around a call is told in a message that names the thing and the way out.

use std::net::{TcpListener, UdpSocket};

use crate::fixture::{TestHouse, hotline, repository, run, text, write};

#[track_caller]
fn check(output: &std::process::Output, expected: &[&str]) {
    let told = text(output);
    assert!(!output.status.success(), "it should have failed: {told}");
    for word in expected {
        assert!(told.contains(word), "{word:?} is missing in: {told}");
    }
    assert!(!told.contains("panicked"), "{told}");
}

#[test]
fn a_taken_sip_port_is_named_with_its_key() {
    let house = TestHouse::prepare("port-sip", "");
    let _taken = UdpSocket::bind(house.sip).unwrap();
    let told = run(&house.folder, &["serve"]);
    check(&told, &[&house.sip.to_string(), "sip.udp"]);
}

#[test]
fn a_taken_http_port_is_named_with_its_key() {
    let house = TestHouse::prepare("port-http", "");
    let _taken = TcpListener::bind(house.http).unwrap();
    check(&run(&house.folder, &["serve"]), &[&house.http.to_string(), "http.listen"]);
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
    let house = TestHouse::prepare("unknown-key", "[limits]\ncall_s_maxx = 5\n");
    for command in [&["serve"][..], &["config", "check"]] {
        check(&run(&house.folder, command), &["hotline.toml:", "call_s_maxx", "call_s_max"]);
    }
}

#[test]
fn a_missing_model_is_named_with_the_way_out() {
    let house = TestHouse::prepare("no-model", "");
    let empty = house.folder.join("no-models");
    let told = hotline(&house.folder).env("HOTLINE_MODELS", &empty).arg("serve").output().unwrap();
    check(&told, &["no-models", "hotline models fetch"]);
}

#[test]
fn a_damaged_model_is_named_with_both_hashes() {
    let house = TestHouse::prepare("bad-model", "");
    let models = house.folder.join("models");
    std::fs::create_dir_all(models.join("vad")).unwrap();
    write(&models, "vad/silero_vad.onnx", b"not a model");
    let told = hotline(&house.folder).env("HOTLINE_MODELS", &models).args(["models", "verify"]).output().unwrap();
    check(&told, &["silero_vad.onnx", "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"]);
    let told = hotline(&house.folder).env("HOTLINE_MODELS", &models).arg("serve").output().unwrap();
    check(&told, &["hotline models fetch"]);
}

#[test]
fn a_flow_with_a_missing_step_and_a_misspelt_intent_is_told_with_file_and_line() {
    let house = TestHouse::prepare("bad-flow", "");
    let good = std::fs::read_to_string(repository().join("flows/after-sales.yaml")).unwrap();
    let bad = good.replacen("go: ask_order", "go: ask_oder", 1);
    assert_ne!(good, bad, "the flow still has what this test breaks");
    let file = write(&house.folder, "bad.yaml", bad.as_bytes());
    let line = bad.lines().position(|line| line.contains("ask_oder")).unwrap() + 1;
    let told = run(&house.folder, &["flow", "check", file.to_str().unwrap()]);
    check(&told, &[&format!("bad.yaml:{line}:"), "ask_oder", "ask_order"]);
}

#[test]
fn a_wrong_sound_file_does_not_stop_the_others() {
    let house = TestHouse::prepare("bad-wav", "");
    write(&house.folder, "noise.wav", &[7; 5_000]);
    let said = run(&house.folder, &["speak", "Good morning, this is a test.", "-o", "good.wav"]);
    assert!(said.status.success(), "{}", text(&said));
    let told = run(&house.folder, &["transcribe", "noise.wav", "missing.wav", "good.wav", "--lang", "en"]);
    check(&told, &["noise.wav", "missing.wav", "ood morning"]);
}

#[test]
fn a_wide_http_address_needs_a_token() {
    let house = TestHouse::prepare("wide-http", "");
    let config = std::fs::read_to_string(house.folder.join("hotline.toml")).unwrap();
    let wide = config.replace(&format!("listen = \"{}\"", house.http), "listen = \"0.0.0.0:0\"");
    assert_ne!(config, wide);
    write(&house.folder, "hotline.toml", wide.as_bytes());
    check(&run(&house.folder, &["serve"]), &["http", "token"]);
}
