//! What a phone of another make does to us, written out message by message over UDP.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::fixture::{TestHouse, run, text};

/// A phone that knows just enough SIP (RFC 3261) to be strict about the answers.
struct Phone {
    socket: UdpSocket,
    house: SocketAddr,
    call_id: String,
    to_tag: String,
    cseq: u32,
}

impl Phone {
    fn new(house: &TestHouse) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let call_id = format!("{}@phone", socket.local_addr().expect("bound").port());
        Self { socket, house: house.sip, call_id, to_tag: String::new(), cseq: 1 }
    }

    fn send(&self, method: &str, body: &str) {
        let port = self.socket.local_addr().expect("bound").port();
        let (cseq, call_id, tag, house) = (self.cseq, &self.call_id, &self.to_tag, self.house);
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let message = format!(
            "{method} sip:hotline@{house} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{method}{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:1001@127.0.0.1>;tag=phone\r\nTo: <sip:hotline@{house}>{tag}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:1001@127.0.0.1:{port}>\r\n{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.socket.send_to(message.as_bytes(), self.house).expect("the datagram leaves");
    }

    /// The final answer to the last request; its To tag is kept and, for an INVITE, acknowledged with `ack`.
    fn answer(&mut self, method: &str, ack: &str) -> String {
        let mut buffer = [0; 4_000];
        for _ in 0..10 {
            let length = self.socket.recv(&mut buffer).expect("an answer");
            let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let ours = answer.contains(&format!("CSeq: {} {method}", self.cseq));
            if !ours || answer.starts_with("SIP/2.0 1") {
                continue;
            }
            if let Some(tag) =
                answer.lines().find(|line| line.starts_with("To:")).and_then(|to| to.split(";tag=").nth(1))
            {
                self.to_tag = format!(";tag={}", tag.trim());
            }
            if method == "INVITE" {
                self.send("ACK", ack);
            }
            return answer;
        }
        panic!("no final answer to {method}");
    }
}

fn sdp(payload: u8, direction: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP {payload}\r\n\
         a={direction}\r\n"
    )
}

fn event_types(house: &TestHouse) -> String {
    let calls = house.get("/v1/calls").expect("calls are listed");
    let id = calls["calls"][0]["call_id"].as_str().expect("there is one").to_owned();
    house.get(&format!("/v1/calls/{id}/events")).expect("it has events").to_string()
}

#[test]
fn hold_and_resume_by_another_phone_are_answered_and_kept() {
    let house = TestHouse::start("hold", "");
    let mut phone = Phone::new(&house);
    phone.send("INVITE", &sdp(0, "sendrecv"));
    assert!(phone.answer("INVITE", "").starts_with("SIP/2.0 200"));
    for (direction, mirrored) in [("sendonly", "a=recvonly"), ("sendrecv", "a=sendrecv")] {
        phone.cseq += 1;
        phone.send("INVITE", &sdp(0, direction));
        let answer = phone.answer("INVITE", "");
        assert!(answer.starts_with("SIP/2.0 200") && answer.contains(mirrored), "{answer}");
    }
    phone.cseq += 1;
    phone.send("BYE", "");
    assert!(phone.answer("BYE", "").starts_with("SIP/2.0 200"));
    house.wait_for("/v1/calls?state=ended", |answer| answer["calls"].as_array().is_some_and(|calls| calls.len() == 1));
    let events = event_types(&house);
    assert!(events.contains("call.held") && events.contains("call.resumed"), "{events}");
}

#[test]
fn an_invite_without_an_offer_gets_ours_and_talks_after_the_ack() {
    let house = TestHouse::start("offerless", "");
    let mut phone = Phone::new(&house);
    phone.send("INVITE", "");
    let answer = phone.answer("INVITE", &sdp(8, "sendrecv"));
    assert!(answer.starts_with("SIP/2.0 200") && answer.contains("m=audio"), "{answer}");
    house.wait_for("/v1/calls?state=live", |answer| answer.to_string().contains("answer_unix_ms\":1"));
    phone.cseq += 1;
    phone.send("BYE", "");
    assert!(phone.answer("BYE", "").starts_with("SIP/2.0 200"));
    house.wait_for("/v1/calls?state=ended", |answer| answer["calls"].as_array().is_some_and(|calls| calls.len() == 1));
    assert!(event_types(&house).contains("\"codec\":\"pcma\""), "the caller's choice is taken");
}

#[test]
fn what_we_cannot_serve_is_refused_with_the_right_status() {
    let house = TestHouse::start("refused", "");
    let mut phone = Phone::new(&house);
    phone.send("INVITE", &sdp(18, "sendrecv"));
    assert!(phone.answer("INVITE", "").starts_with("SIP/2.0 488"), "no codec fits");
    for (method, status) in [("REGISTER", "SIP/2.0 405"), ("DANCE", "SIP/2.0 501"), ("OPTIONS", "SIP/2.0 200")] {
        let mut phone = Phone::new(&house);
        phone.send(method, "");
        assert!(phone.answer(method, "").starts_with(status), "{method}");
    }
}

#[test]
fn calls_beyond_the_limit_are_told_to_come_back_later() {
    let mut house = TestHouse::prepare("limit", "");
    let file = house.folder.join("hotline.toml");
    let config = std::fs::read_to_string(&file).expect("it was written");
    std::fs::write(&file, config.replace("calls_max = 250", "calls_max = 2\nretry_after_s = 7")).expect("room");
    house.launch();
    let load = run(&house.folder, &["bench", "calls", &house.uri(), "--calls", "3", "--hold", "3", "--json"]);
    let told = text(&load);
    assert_eq!(told.matches("\"sip_code\":503").count(), 1, "{told}");
    house.wait_for("/v1/calls?state=live", |answer| answer["calls"].as_array().is_some_and(Vec::is_empty));
    std::thread::sleep(Duration::from_millis(500));
    let mut held: Vec<Phone> = (0..2).map(|_| Phone::new(&house)).collect();
    for phone in &mut held {
        phone.send("INVITE", &sdp(0, "sendrecv"));
        assert!(phone.answer("INVITE", "").starts_with("SIP/2.0 200"));
    }
    let mut third = Phone::new(&house);
    third.send("INVITE", &sdp(0, "sendrecv"));
    let answer = third.answer("INVITE", "");
    assert!(answer.starts_with("SIP/2.0 503") && answer.contains("Retry-After: 7"), "{answer}");
}
