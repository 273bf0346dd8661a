//! Phones that register and are called where they are.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::process::{Child, Command};

use sip_bridge::{Algorithm, Contact, Door, Transport};

use crate::common::{ANSWER, OFFER, PATIENCE, call_to, empty, open_with_users, told};
use crate::peers::{free_port, sipp};
use crate::phone::{Phone, header, status};

/// Takes part in the digest as a phone does.
fn proof(challenge: &str, uri: &str, algorithm: Algorithm, password: &str) -> String {
    let nonce = challenge.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let hash = |text: String| {
        // `ha1` joins three texts with colons and hashes them; every text of the digest has two colons or more.
        let parts: Vec<_> = text.splitn(3, ':').collect();
        algorithm.ha1(parts[0], parts[1], parts[2])
    };
    let (ha1, ha2) = (algorithm.ha1("alice", "hotline", password), hash(format!("REGISTER:{uri}")));
    let response = hash(format!("{ha1}:{nonce}:00000001:cn:auth:{ha2}"));
    format!(
        "Authorization: Digest username=\"alice\", realm=\"hotline\", nonce=\"{nonce}\", uri=\"{uri}\", \
         algorithm={}, qop=auth, nc=00000001, cnonce=\"cn\", response=\"{response}\"\r\n",
        algorithm.name()
    )
}

#[tokio::test]
async fn a_phone_behind_nat_is_rung_where_it_registered_from() {
    for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
        let (door, _calls) = open_with_users().await;
        let mut phone = Phone::new(&door, "nat").await;
        phone.to = "<sip:alice@example.org>".to_owned();
        let challenge = phone.ask("REGISTER", 1, "").await;
        assert_eq!(status(&challenge), 401);
        let uri = format!("sip:1001@{}", door.local_addr(Transport::Udp).unwrap());
        let register = |cseq: u32, password: &str| {
            let proof = proof(&challenge, &uri, algorithm, password);
            // A private address, as a phone behind a router knows itself.
            let own = format!("<sip:bob@{}>", phone.addr());
            phone
                .request("REGISTER", cseq, "")
                .replace(&own, "<sip:alice@10.1.2.3:5062>")
                .replace("Content-L", &format!("{proof}Content-L"))
        };
        phone.send(register(2, "wander")).await;
        assert_eq!(status(&phone.next().await), 403);
        phone.send(register(3, "wonder")).await;
        let granted = phone.next().await;
        assert_eq!(status(&granted), 200, "{granted}");
        assert_eq!(header(&granted, "Contact"), "<sip:alice@10.1.2.3:5062>;expires=3600");
        let contacts = door.contacts("alice");
        assert_eq!((contacts.len(), contacts[0].source), (1, phone.addr()));
        let mut leg = door.dial_contact(call_to(&door, Transport::Udp), &contacts[0]).await.unwrap();
        let invite = phone.next().await;
        assert!(invite.starts_with("INVITE sip:alice@10.1.2.3:5062 SIP/2.0\r\n"), "{invite}");
        let copied: String = ["Via", "From", "To", "Call-ID", "CSeq"]
            .map(|name| format!("{name}: {}\r\n", header(&invite, name)))
            .concat();
        let to = format!("To: {}", header(&invite, "To"));
        let tagged = copied.replace(&to, &format!("{to};tag=phone"));
        let answer = format!(
            "SIP/2.0 200 OK\r\n{tagged}Contact: <sip:alice@10.1.2.3:5062>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{ANSWER}",
            ANSWER.len()
        );
        phone.send(answer).await;
        assert_eq!(told(&mut leg).await, "answered 6000");
        let mut next = phone.next().await;
        assert!(next.starts_with("ACK "), "the ACK too goes where the phone is: {next}");
        leg.hang_up("done").await;
        next = phone.next().await;
        assert!(next.starts_with("BYE "), "{next}");
        let copied: String = ["Via", "From", "To", "Call-ID", "CSeq"]
            .map(|name| format!("{name}: {}\r\n", header(&next, name)))
            .concat();
        phone.send(format!("SIP/2.0 200 OK\r\n{copied}Content-Length: 0\r\n\r\n")).await;
        empty(&door).await;
    }
}

#[tokio::test]
async fn sipp_registers_and_is_called_over_udp_and_over_the_stream_it_registered_by() {
    // SIPp knows no SHA-256 and takes the first challenge there is; bob has no hash but that of MD5.
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/door/scenarios/register.xml");
    for (transport, mode) in [(Transport::Udp, "u1"), (Transport::Tcp, "t1")] {
        let (door, _calls) = open_with_users().await;
        let target = door.local_addr(transport).unwrap().to_string();
        let port = free_port().to_string();
        let (succeeded, text) =
            sipp(&[&target, "-sf", scenario, "-i", "127.0.0.1", "-p", &port, "-m", "1", "-t", mode]).await;
        assert!(succeeded, "{text}");
        let contacts = door.contacts("bob");
        assert_eq!(contacts.len(), 1);
        assert_eq!(contacts[0].transport, transport);
        if transport == Transport::Udp {
            // SIPp has gone; whoever has its port now is rung.
            let phone = UdpSocket::bind(contacts[0].source).await.unwrap();
            let _leg = door.dial_contact(call_to(&door, transport), &contacts[0]).await.unwrap();
            let mut buffer = [0; 4_096];
            let length = tokio::time::timeout(PATIENCE, phone.recv(&mut buffer)).await.unwrap().unwrap();
            assert!(buffer[..length].starts_with(b"INVITE sip:bob@127.0.0.1:"));
            assert!(String::from_utf8_lossy(&buffer[..length]).ends_with(OFFER));
        }
        door.close().await;
    }
}

#[tokio::test]
async fn the_way_to_a_phone_behind_nat_is_kept_open() {
    let (door, _calls) = open_with_users().await;
    let mut phone = Phone::new(&door, "kept").await;
    phone.to = "<sip:alice@example.org>".to_owned();
    let challenge = phone.ask("REGISTER", 1, "").await;
    let uri = format!("sip:1001@{}", door.local_addr(Transport::Udp).unwrap());
    let proof = proof(&challenge, &uri, Algorithm::Sha256, "wonder");
    let own = format!("<sip:bob@{}>", phone.addr());
    let register = phone.request("REGISTER", 2, "").replace(&own, "<sip:alice@10.1.2.3:5062>");
    phone.send(register.replace("Content-L", &format!("{proof}Content-L"))).await;
    assert_eq!(status(&phone.next().await), 200);
    let ping = phone.within(Duration::from_secs(60)).await;
    assert!(ping.starts_with("OPTIONS sip:alice@10.1.2.3:5062 SIP/2.0\r\n"), "{ping}");
    door.close().await;
}

/// A baresip that has an account of the door, answers by itself and says nothing. It ends with the value.
struct Baresip {
    _child: Child,
    folder: PathBuf,
}

impl Baresip {
    fn start(door: &Door, user: &str, password: &str, transport: Transport) -> Self {
        let folder = std::env::temp_dir().join(format!("hotline-baresip-{}-{}", std::process::id(), free_port()));
        std::fs::create_dir_all(&folder).unwrap();
        let addr = door.local_addr(transport).unwrap();
        let account = format!(
            "<sip:{user}@{addr};transport={}>;auth_user={user};auth_pass={password};answermode=auto;regint=60\n",
            transport.name()
        );
        std::fs::write(folder.join("accounts"), account).unwrap();
        let modules = modules();
        let config = format!(
            "sip_listen 127.0.0.1:0\naudio_player aubridge,nil\naudio_source aubridge,nil\naudio_alert aubridge,nil\n\
             module_path {}\nmodule g711.so\nmodule aubridge.so\nmodule_tmp account.so\nmodule_app menu.so\n",
            modules.display()
        );
        std::fs::write(folder.join("config"), config).unwrap();
        let mut command = Command::new("baresip");
        command.arg("-f").arg(&folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.kill_on_drop(true).spawn();
        Self { _child: child.expect("baresip is installed by `make setup` (Debian package baresip-core)"), folder }
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        // A folder that stays behind hurts nobody.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Where Debian keeps the modules, with or without the name of the machine in it.
fn modules() -> PathBuf {
    let folders = [
        "/usr/lib/baresip/modules",
        "/usr/lib/x86_64-linux-gnu/baresip/modules",
        "/usr/lib/aarch64-linux-gnu/baresip/modules",
    ];
    folders.map(PathBuf::from).into_iter().find(|folder| folder.is_dir()).expect("the modules of baresip-core")
}

/// The first phone of a user, once there is one.
async fn registered(door: &Door, user: &str) -> Contact {
    let until = tokio::time::Instant::now() + 3 * PATIENCE;
    loop {
        if let Some(contact) = door.contacts(user).into_iter().next() {
            return contact;
        }
        assert!(tokio::time::Instant::now() < until, "{user} never registered; {:?}", door.counts());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn baresip_registers_by_either_transport_and_takes_a_call() {
    // This one gives up when SHA-256 is offered beside MD5; see docs/decisions/0011.
    let (user, password) = ("bob", "builder");
    for transport in [Transport::Udp, Transport::Tcp] {
        let (door, _calls) = open_with_users().await;
        let _baresip = Baresip::start(&door, user, password, transport);
        let contact = registered(&door, user).await;
        assert_eq!(contact.transport, transport);
        let mut leg = door.dial_contact(call_to(&door, transport), &contact).await.unwrap();
        let mut last = told(&mut leg).await;
        while last == "ringing" || last.starts_with("early") {
            last = told(&mut leg).await;
        }
        assert!(last.starts_with("answered "), "{last}");
        leg.hang_up("done").await;
        assert_eq!(told(&mut leg).await, "ended Local done 0");
        empty(&door).await;
        door.close().await;
    }
}
