//! `hotline talk`, with files in the place of microphone and speaker.

use std::process::Stdio;

use crate::calls::open_shop;
use crate::fixture::{TestHouse, hotline, run, text};

/// A question after so long a silence that the greeting is over.
fn question(house: &TestHouse) {
    let spoken = run(&house.folder, &["speak", "Hello, where is my order?", "-o", "words.wav"]);
    assert!(spoken.status.success(), "{}", text(&spoken));
    let words = media::read_wav(house.folder.join("words.wav")).unwrap().mono();
    let mut samples = vec![0; words.rate.hz() as usize * 9];
    samples.extend(&words.samples);
    media::write_wav(house.folder.join("in.wav"), &call::Pcm { rate: words.rate, samples }).unwrap();
}

fn loud_s(house: &TestHouse) -> f64 {
    let heard = media::read_wav(house.folder.join("out.wav")).unwrap().mono();
    let frames = heard.frames().unwrap();
    frames.iter().filter(|frame| frame.rms() > 200.0).count() as f64 * 0.02
}

#[test]
fn who_talks_is_heard_and_answered() {
    let house = TestHouse::prepare("talk", &open_shop());
    question(&house);
    let talked = run(&house.folder, &["talk", "--input", "in.wav", "--output", "out.wav", "--lang", "en"]);
    let told = text(&talked);
    assert!(talked.status.success(), "{told}");
    for expected in ["Connected", "caller  Hello, where is my order", "wants order_status", "The call is over", ".wav"]
    {
        assert!(told.contains(expected), "{expected:?} is missing in: {told}");
    }
    assert!(loud_s(&house) > 4.0, "greeting and answer were heard: {:.1} s", loud_s(&house));
    assert!(house.folder.join("data/talk/recordings").is_dir(), "kept apart from the calls of a running house");
}

#[test]
fn a_running_house_is_called_and_hears_the_keys_that_are_typed() {
    use std::io::Write;

    let house = TestHouse::start("talk-server", &open_shop());
    question(&house);
    let mut command = hotline(&house.folder);
    command.args(["talk", "--server", &house.uri(), "--input", "in.wav", "--output", "out.wav"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"7x\n#").unwrap();
    let talked = child.wait_with_output().unwrap();
    assert!(talked.status.success(), "{}", text(&talked));
    let calls =
        house.wait_for("/v1/calls?state=ended", |answer| answer["calls"].as_array().is_some_and(|c| !c.is_empty()));
    let id = calls["calls"][0]["call_id"].as_str().unwrap();
    let events = house.get(&format!("/v1/calls/{id}/events")).unwrap();
    let keys: Vec<_> =
        events["events"].as_array().unwrap().iter().filter_map(|event| event["digit"].as_str()).collect();
    assert_eq!(keys, ["7", "#"], "{events:#}");
}

#[test]
fn without_a_microphone_the_way_out_is_told() {
    let house = TestHouse::prepare("talk-deaf", "");
    // Without its configuration the sound library of Linux knows no device, whatever this machine has.
    let talked = hotline(&house.folder).arg("talk").env("ALSA_CONFIG_PATH", "/dev/null").output().unwrap();
    assert!(!talked.status.success());
    let told = text(&talked);
    assert!(told.contains("no microphone found: ") && told.contains("--input FILE.wav"), "{told}");
    let nobody = run(&house.folder, &["talk", "--server", "sip:x@127.0.0.1:9", "--input", "none.wav"]);
    assert!(text(&nobody).contains("none.wav does not exist"), "{}", text(&nobody));
}
