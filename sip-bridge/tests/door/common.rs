//! Two doors on one machine, and what tests ask of them.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc;

use sip_bridge::{
    Algorithm, Dial, Door, DoorConfig, InboundCall, LegEvent, LegHandle, RegistrarConfig, Transport, User,
};

/// Long enough for a loaded machine, short enough for a test that hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) const OFFER: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
pub(crate) const ANSWER: &str =
    "v=0\r\no=- 2 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n";

/// An open door and its callers.
pub(crate) async fn open() -> (Door, mpsc::Receiver<InboundCall>) {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    Door::open(DoorConfig { udp: Some(any), tcp: Some(any), ..DoorConfig::default() }).await.unwrap()
}

/// The same with a registrar.
pub(crate) async fn open_with_users() -> (Door, mpsc::Receiver<InboundCall>) {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let config = DoorConfig { udp: Some(any), tcp: Some(any), registrar: Some(registrar()), ..DoorConfig::default() };
    Door::open(config).await.unwrap()
}

/// A book of users: alice, whose password is `wonder`, and bob with an old phone, whose password is `builder`.
pub(crate) fn registrar() -> RegistrarConfig {
    let ha1 = |algorithm: Algorithm| Some(algorithm.ha1("alice", "hotline", "wonder"));
    let bobs = Some(Algorithm::Md5.ha1("bob", "hotline", "builder"));
    let bob = User { name: "bob".to_owned(), ha1_md5: bobs, ha1_sha256: None };
    let alice = User { name: "alice".to_owned(), ha1_md5: ha1(Algorithm::Md5), ha1_sha256: ha1(Algorithm::Sha256) };
    RegistrarConfig {
        realm: "hotline".to_owned(),
        users: vec![alice, bob],
        expires_min: Duration::from_secs(60),
        expires_max: Duration::from_secs(3_600),
        failures_max: 10,
        block: Duration::from_secs(300),
        nat_pause: Duration::from_secs(2),
        secret: [5; 32],
    }
}

/// A call from one door to another.
pub(crate) async fn dial(from: &Door, to: &Door, transport: Transport) -> LegHandle {
    from.dial(call_to(to, transport)).await.unwrap()
}

/// What such a call is.
pub(crate) fn call_to(to: &Door, transport: Transport) -> Dial {
    let addr = to.local_addr(transport).unwrap();
    Dial {
        to: format!("sip:1001@{addr};transport={}", transport.name()),
        from_user: "alice".to_owned(),
        display: Some("Alice \"A\"".to_owned()),
        sdp: OFFER.to_owned(),
        headers: vec![("User-to-User".to_owned(), "abcd;encoding=hex".to_owned())],
        ring_timeout: PATIENCE,
    }
}

/// The next inbound call.
pub(crate) async fn called(calls: &mut mpsc::Receiver<InboundCall>) -> InboundCall {
    tokio::time::timeout(PATIENCE, calls.recv()).await.expect("a call within reach").expect("an open door")
}

/// The next event, or `None` at the end.
pub(crate) async fn event(leg: &mut LegHandle) -> Option<LegEvent> {
    tokio::time::timeout(PATIENCE, leg.events.recv()).await.expect("an event within reach")
}

/// The next event as text, for comparing.
pub(crate) async fn told(leg: &mut LegHandle) -> String {
    match event(leg).await {
        Some(event) => words(&event),
        None => "closed".to_owned(),
    }
}

fn words(event: &LegEvent) -> String {
    match event {
        LegEvent::Answered { sdp } => format!("answered {}", port(sdp)),
        LegEvent::Confirmed { answer } => format!("confirmed {}", answer.as_deref().map_or("-", port)),
        LegEvent::EarlyMedia { sdp } => format!("early {}", port(sdp)),
        LegEvent::Ended { by, reason, code } => format!("ended {by:?} {reason} {}", code.unwrap_or(0)),
        LegEvent::Failed { code, .. } => format!("failed {code}"),
        LegEvent::Info { digit } => format!("info {}", digit.reveal()),
        LegEvent::Reoffered { offer, .. } => format!("reoffered {}", offer.as_deref().map_or("-", port)),
        LegEvent::Ringing => "ringing".to_owned(),
    }
}

/// The port in a description, which is how the tests tell them apart.
pub(crate) fn port(sdp: &str) -> &str {
    sdp.split("m=audio ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or("?")
}

/// Waits until no leg is left, as none may be after a call.
pub(crate) async fn empty(door: &Door) {
    let until = tokio::time::Instant::now() + PATIENCE;
    while door.legs() > 0 {
        assert!(tokio::time::Instant::now() < until, "{} legs are left", door.legs());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
