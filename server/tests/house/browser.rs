//! Calls from Debian's Chromium, driven over its DevTools protocol by console/test/drive.mjs.

use std::io::Write;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::calls::open_shop;
use crate::fixture::{TestHouse, repository, run, text};

/// The ports of browsers in these tests: few, so that a stranger can try them all.
const PORTS: &str = "ports = \"30990-30998\"\n";

/// Has the page come back as after a change of network, and waits until the server has given new credentials.
const CHANGE_NETWORK: &str = "(async () => {
    const { peer } = hotline.call();
    const password = () => /ice-pwd:(.+)/.exec(peer.remoteDescription.sdp)[1];
    const before = password();
    hotline.call().lose(0);
    for (let turn = 0; turn < 200; turn += 1) {
        await new Promise((done) => setTimeout(done, 50));
        if (password() !== before && peer.connectionState === 'connected') return;
    }
    throw new Error('the call did not come back');
})()";

/// Runs a plan in a browser and returns what it saw.
fn drive(house: &TestHouse, mut plan: Value) -> Value {
    let browser = std::env::var("HOTLINE_CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    assert!(Path::new(&browser).exists(), "{browser} is missing: run scripts/setup.sh, or set HOTLINE_CHROMIUM");
    let profile = tempfile::tempdir().unwrap();
    plan["browser"] = browser.into();
    plan["folder"] = profile.path().to_str().unwrap().into();
    plan["url"] = format!("http://{}/call{}", house.http, plan["query"].as_str().unwrap_or_default()).into();
    let driver = repository().join("console/test/drive.mjs");
    let driven = Command::new("node").arg(driver).arg(plan.to_string()).output().expect("node is installed");
    let told = text(&driven);
    let seen = told.lines().last().and_then(|line| serde_json::from_str(line).ok());
    seen.unwrap_or_else(|| panic!("the browser could not be driven (is console built? make console): {told}"))
}

/// A question after so long a silence that the greeting is over, as the microphone's sound.
fn microphone(house: &TestHouse) -> String {
    let spoken = run(&house.folder, &["speak", "Hello, where is my order?", "-o", "words.wav"]);
    assert!(spoken.status.success(), "{}", text(&spoken));
    let words = media::read_wav(house.folder.join("words.wav")).unwrap().mono();
    let rate = words.rate.hz() as usize;
    let samples = [vec![0; rate * 9], words.samples, vec![0; rate * 60]].concat();
    let file = house.folder.join("microphone.wav");
    media::write_wav(&file, &call::Pcm { rate: words.rate, samples }).unwrap();
    file.to_str().unwrap().to_owned()
}

/// Sends what strangers send to every port of browsers, until it is dropped.
struct Stranger(Arc<AtomicBool>, Option<std::thread::JoinHandle<()>>);

impl Stranger {
    fn begin() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let until = over.clone();
        let task = std::thread::spawn(move || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            // A binding request without a password, a ClientHello cut short, RTP, noise.
            let stun = b"\x00\x01\x00\x00\x21\x12\xa4\x42strangers-id";
            let hello = b"\x16\xfe\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x01\x00\x00\x9e\x00";
            let rtp = b"\x80\x6f\x00\x01\x00\x00\x00\x00\x00\x00\x00\x07sound";
            for round in 0..2_000 {
                for port in 30_990..=30_998_u16 {
                    let packet: &[u8] = [&stun[..], hello, rtp, b"\xff\xff", b""][round % 5];
                    // A closed port answers with an error, which is no matter.
                    let _ = socket.send_to(packet, ("127.0.0.1", port));
                }
                if until.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self(over, Some(task))
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        let _ = self.1.take().map(std::thread::JoinHandle::join);
    }
}

#[test]
fn who_calls_from_a_browser_is_understood_and_answered() {
    let house = TestHouse::start("browser", &format!("{}[webrtc]\n{PORTS}calls_max = 8\n", open_shop()));
    let stranger = Stranger::begin();
    let seen = drive(
        &house,
        json!({ "microphone": microphone(&house), "steps": [
            ["open"], ["at", "idle"], ["call"], ["at", "talking"],
            ["hear", "bot", "after-sales"],
            ["hear", "caller", "order"],
            ["hear", "bot", "order number"],
            // The network changes: a new offer, and the call goes on.
            ["do", CHANGE_NETWORK], ["at", "talking"],
            ["keypad"], ["press", "5"], ["hear", "key", "5"],
            // The same by RFC 4733, as a phone's keys come.
            ["do", "hotline.call().peer.getSenders()[0].dtmf.insertDTMF('7')"], ["hear", "key", "7"],
            ["close"],
        ]}),
    );
    drop(stranger);
    assert_eq!(seen["failure"], Value::Null, "{seen:#}\n{}", house.log());
    assert!(seen["energy"].as_f64().unwrap() > 0.01, "the answer was heard: {seen:#}");
    assert_eq!(seen["console"], json!([]), "nothing breaks the page's own rules");
    let calls =
        house.wait_for("/v1/calls?state=ended", |answer| answer["calls"].as_array().is_some_and(|c| !c.is_empty()));
    let cdr = &calls["calls"][0];
    assert_eq!((&cdr["status"], &cdr["hangup_by"]), (&json!("completed"), &json!("caller")), "{cdr:#}");
    assert_eq!(cdr["reason"], "caller_hung_up");
    let events = house.get(&format!("/v1/calls/{}/events", cdr["call_id"].as_str().unwrap())).unwrap();
    let events = events["events"].as_array().unwrap();
    let keys: Vec<_> = events.iter().filter_map(|event| event["digit"].as_str()).collect();
    assert_eq!(keys, ["5", "7"], "each key once: {events:#?}");
    assert!(events.iter().any(|event| event["codec"] == "opus"), "{events:#?}");
}

#[test]
fn the_page_says_honestly_why_there_is_no_call() {
    let house = TestHouse::start("browser-no", &format!("[webrtc]\n{PORTS}calls_max = 1\n"));
    let refused = drive(
        &house,
        json!({ "refuse": true, "query": "?language=zh", "steps": [["open"], ["call"], ["at", "failed"]] }),
    );
    assert!(refused["text"].as_str().unwrap().contains("麦克风被拒绝使用"), "{refused:#}");
    // Somebody holds the only line.
    let (status, _) = offer(&house, "application/sdp", OFFER);
    assert_eq!(status, "201");
    let full = drive(&house, json!({ "query": "?language=en", "steps": [["open"], ["call"], ["at", "failed"]] }));
    assert!(full["text"].as_str().unwrap().contains("All lines are busy."), "{full:#}");
    let ended = house.get("/v1/calls").unwrap();
    assert_eq!(ended["calls"], json!([]), "nobody connected, so there was no call");
}

#[test]
fn what_is_no_offer_is_refused_with_a_problem() {
    let house = TestHouse::start("browser-offers", &format!("[webrtc]\n{PORTS}calls_max = 8\ntoken = \"{TOKEN}\"\n"));
    let unknown = drive(&house, json!({ "query": "?language=en", "steps": [["open"], ["call"], ["at", "failed"]] }));
    assert!(unknown["text"].as_str().unwrap().contains("This page may not call here."), "{unknown:#}");
    let check = |kind: &str, body: &str, expected: &str, told: &str| {
        let (status, answer) = offer(&house, kind, body);
        assert_eq!(status, expected, "{answer}");
        assert!(answer.contains(told) && answer.contains("way_out"), "{answer}");
    };
    check("application/json", OFFER, "415", "application/sdp");
    check("application/sdp", "hello", "400", "cannot be answered");
    check("application/sdp", &OFFER.replace("opus", "speex"), "400", "cannot be answered");
    check("application/sdp", &"v=0\r\n".repeat(20_000), "413", "too long");
    let (status, answer) = offer(&house, "application/sdp", OFFER);
    assert_eq!(status, "201", "{answer}");
    for part in ["a=ice-lite", "127.0.0.1 309", "typ host", "opus/48000/2", "telephone-event/48000"] {
        assert!(answer.contains(part), "{part} is missing in {answer}");
    }
    let gone = Command::new("curl")
        .args(["-s", "-X", "DELETE", &format!("http://{}/v1/webrtc/calls/0123", house.http)])
        .args(["-H", &format!("Authorization: Bearer {TOKEN}")])
        .output()
        .unwrap();
    assert!(text(&gone).contains("no such call"), "{}", text(&gone));
}

/// What the page must show, where a house asks for it.
const TOKEN: &str = "a token for the page";

/// Sends an offer; returns the status and the answer.
fn offer(house: &TestHouse, kind: &str, body: &str) -> (String, String) {
    let mut curl = Command::new("curl")
        .args(["-s", "-w", "\n%{http_code}", "--max-time", "10", "-H", &format!("Content-Type: {kind}")])
        .args(["-H", &format!("Authorization: Bearer {TOKEN}")])
        .args(["--data-binary", "@-", &format!("http://{}/v1/webrtc/offer?language=en", house.http)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // A body that is refused for its length may not be read to its end.
    let _ = curl.stdin.take().unwrap().write_all(body.as_bytes());
    let output = text(&curl.wait_with_output().unwrap());
    let (answer, status) = output.rsplit_once('\n').unwrap();
    (status.to_owned(), answer.to_owned())
}

/// An offer as browsers make them, of one who never connects.
const OFFER: &str = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
    a=msid-semantic: WMS stream\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 110\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
    a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=ice-options:trickle\r\na=fingerprint:sha-256 \
    00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
    a=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=msid:stream track\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n\
    a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:110 telephone-event/48000\r\na=ssrc:1234 cname:x\r\n\
    m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\n\
    a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=ice-options:trickle\r\na=fingerprint:sha-256 \
    00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n\
    a=setup:actpass\r\na=mid:1\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n";
