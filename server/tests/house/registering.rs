//! An agent's own phone, baresip: it registers with a password and takes a hand-over.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::fixture::{TestHouse, hotline, run, text, write};

/// A baresip that answers by itself and says nothing. It ends with the value.
struct Baresip(Child);

impl Baresip {
    fn start(house: &TestHouse, user: &str, password: &str) -> Self {
        let folder = house.folder.join("baresip");
        std::fs::create_dir_all(&folder).expect("a folder for the phone");
        let sip = house.sip;
        let account =
            format!("<sip:{user}@{sip};transport=udp>;auth_user={user};auth_pass={password};answermode=auto\n");
        write(&folder, "accounts", account.as_bytes());
        let config = format!(
            "sip_listen 127.0.0.1:0\naudio_player aubridge,nil\naudio_source aubridge,nil\naudio_alert aubridge,nil\n\
             module_path {}\nmodule g711.so\nmodule aubridge.so\nmodule_tmp account.so\nmodule_app menu.so\n",
            modules().display()
        );
        write(&folder, "config", config.as_bytes());
        let mut command = Command::new("baresip");
        command.arg("-f").arg(&folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("baresip is installed by `make setup` (Debian package baresip-core)"))
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where Debian keeps the modules, with or without the name of the machine in it.
fn modules() -> PathBuf {
    let machines = ["", "x86_64-linux-gnu/", "aarch64-linux-gnu/"];
    let folders = machines.map(|machine| Path::new("/usr/lib").join(machine).join("baresip/modules"));
    folders.into_iter().find(|folder| folder.is_dir()).expect("the modules of baresip-core")
}

/// What `hotline user add` prints for a password.
fn add_user(folder: &Path, args: &[&str], password: &str) -> std::process::Output {
    let mut command = hotline(folder);
    command.args(["user", "add"]).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    writeln!(child.stdin.take().expect("piped"), "{password}").expect("it reads");
    child.wait_with_output().expect("it ends")
}

const CALLER: &str = "
name: to-an-agent
language: en
persona: James Morton, in a hurry.
goal: Talk to a person.
call_s_max: 120
end: hang_up
turns:
  - expect: { event: response, within_ms: 6000 }
  - user: I want to speak to an agent, please.
    barge_in: true
    wait_s: 1.5
    expect: { event: call.ended, absent: true, within_ms: 30000 }
";

#[test]
fn an_agents_baresip_registers_and_takes_a_hand_over() {
    let mut house = TestHouse::prepare("registered", "");
    let short = add_user(&house.folder, &["bob"], "short");
    assert!(!short.status.success() && text(&short).contains("openssl rand"), "{}", text(&short));
    let added = add_user(&house.folder, &["bob", "--only-md5"], "builder-of-houses");
    assert!(added.status.success(), "{}", text(&added));
    let section = String::from_utf8(added.stdout).expect("text");
    assert!(section.contains("ha1_md5") && !section.contains("builder"), "{section}");
    let file = house.folder.join("hotline.toml");
    let mut config = std::fs::read_to_string(&file).expect("it was written");
    let agent = "[[agent]]\nid = \"bob\"\nuser = \"bob\"\nqueues = [\"after_sales\"]\n";
    write!(config, "{section}{agent}").expect("room");
    std::fs::write(&file, config).expect("room");
    let shown = run(&house.folder, &["config", "show"]);
    assert!(text(&shown).contains("[secret]") && !text(&shown).contains(&section[30..]), "{}", text(&shown));
    house.launch();
    let _phone = Baresip::start(&house, "bob", "builder-of-houses");
    let until = Instant::now() + Duration::from_secs(30);
    while !house.text("/metrics").contains("hotline_sip_phones_registered 1") {
        assert!(Instant::now() < until, "the phone never registered: {}", house.text("/metrics"));
        std::thread::sleep(Duration::from_millis(100));
    }
    let scenario = write(&house.folder, "to-an-agent.yaml", CALLER.as_bytes());
    let told = run(&house.folder, &["call", &house.uri(), "--scenario", scenario.to_str().expect("text"), "--json"]);
    let calls = house
        .wait_for("/v1/calls?state=ended", |answer| answer["calls"].as_array().is_some_and(|calls| calls.len() == 1));
    let id = calls["calls"][0]["call_id"].as_str().expect("there is one").to_owned();
    let events = house.get(&format!("/v1/calls/{id}/events")).expect("it has events").to_string();
    assert!(events.contains("call.bridged"), "{events}\n{}\n{}", text(&told), house.log());
}

#[test]
fn passwords_guessed_at_the_door_are_refused_and_counted() {
    let mut house = TestHouse::prepare("guessing", "");
    let added = add_user(&house.folder, &["carol"], "long enough for a test");
    let file = house.folder.join("hotline.toml");
    let config = std::fs::read_to_string(&file).expect("it was written");
    let section = String::from_utf8(added.stdout).expect("text");
    std::fs::write(&file, format!("{config}{section}")).expect("room");
    house.launch();
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let ask = |cseq: u32, more: &str| {
        let message = format!(
            "REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bKg{cseq}\r\nFrom: <sip:carol@h>;tag=g\r\n\
             To: <sip:carol@h>\r\nCall-ID: guess\r\nCSeq: {cseq} REGISTER\r\n{more}Content-Length: 0\r\n\r\n"
        );
        socket.send_to(message.as_bytes(), house.sip).expect("the datagram leaves");
        let mut buffer = [0; 2_000];
        let length = socket.recv(&mut buffer).expect("an answer");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let challenge = ask(1, "");
    assert!(challenge.starts_with("SIP/2.0 401") && challenge.contains("SHA-256"), "{challenge}");
    let nonce = challenge.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a nonce").to_owned();
    let guess = format!(
        "Authorization: Digest username=\"carol\", realm=\"hotline\", nonce=\"{nonce}\", uri=\"sip:h\", qop=auth, \
         nc=00000001, cnonce=\"c\", response=\"00000000000000000000000000000000\"\r\n"
    );
    assert!(ask(2, &guess).starts_with("SIP/2.0 403"));
    let until = Instant::now() + Duration::from_secs(10);
    while !house.text("/metrics").contains("hotline_sip_passwords_wrong_total 1") {
        assert!(Instant::now() < until, "the guess is not counted");
        std::thread::sleep(Duration::from_millis(100));
    }
}
