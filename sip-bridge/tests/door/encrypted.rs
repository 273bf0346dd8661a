//! SIP over TLS: calls by an encrypted stream, and what is told of certificates that will not do.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use sip_bridge::{Door, DoorConfig, TlsIdentity, Transport};

use crate::common::{ANSWER, OFFER, PATIENCE, called, empty, told};
use crate::phone::{Calls, Phone, header, status};

/// Writes a certificate for `localhost` and its key into a folder.
fn certify(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
}

async fn open_encrypted(folder: &Path) -> (Door, Calls) {
    certify(folder);
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let identity = TlsIdentity::read(&folder.join("cert.pem"), &folder.join("key.pem")).unwrap();
    Door::open(DoorConfig { udp: Some(any), tls: Some((any, identity)), ..DoorConfig::default() }).await.unwrap()
}

/// A client that trusts that certificate and no other.
fn connector(folder: &Path) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = builder.with_safe_default_protocol_versions().unwrap();
    TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// The next message on the stream that is not 100; the tests send one at a time.
async fn next(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut buffer = vec![0; 8_192];
    loop {
        let length = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.expect("a message").unwrap();
        assert!(length > 0, "the stream ended");
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if let Some(at) = text.find("SIP/2.0 2").or_else(|| text.starts_with("BYE").then_some(0)) {
            return text[at..].to_owned();
        }
    }
}

#[tokio::test]
async fn a_call_by_an_encrypted_stream_is_answered_and_hung_up_by_it() {
    let folder = tempfile::tempdir().unwrap();
    let (door, mut calls) = open_encrypted(folder.path()).await;
    let addr = door.local_addr(Transport::Tls).unwrap();
    let socket = TcpStream::connect(addr).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector(folder.path()).connect(name, socket).await.unwrap();
    let mut phone = Phone::new(&door, "encrypted").await;
    let by_tls = |message: String| message.replace("SIP/2.0/UDP", "SIP/2.0/TLS");
    stream.write_all(by_tls(phone.request("OPTIONS", 1, "")).as_bytes()).await.unwrap();
    assert_eq!(status(&next(&mut stream).await), 200);
    stream.write_all(by_tls(phone.request("INVITE", 2, OFFER)).as_bytes()).await.unwrap();
    let mut call = called(&mut calls).await;
    assert_eq!(call.transport, Transport::Tls);
    call.leg.answer(ANSWER.to_owned(), Vec::new()).await.unwrap();
    let accepted = next(&mut stream).await;
    assert_eq!(header(&accepted, "Contact"), format!("<sip:{addr};transport=tls>"));
    phone.learn(&accepted);
    stream.write_all(by_tls(phone.request("ACK", 2, "").replace("2ACK", "2x")).as_bytes()).await.unwrap();
    assert_eq!(told(&mut call.leg).await, "confirmed -");
    call.leg.hang_up("done").await;
    let bye = next(&mut stream).await;
    assert!(bye.starts_with("BYE ") && header(&bye, "Via").starts_with("SIP/2.0/TLS"), "{bye}");
    let copied: String =
        ["Via", "From", "To", "Call-ID", "CSeq"].map(|name| format!("{name}: {}\r\n", header(&bye, name))).concat();
    stream.write_all(format!("SIP/2.0 200 OK\r\n{copied}Content-Length: 0\r\n\r\n").as_bytes()).await.unwrap();
    empty(&door).await;
    door.close().await;
}

#[tokio::test]
async fn who_does_not_speak_tls_is_sent_away() {
    let folder = tempfile::tempdir().unwrap();
    let (door, _calls) = open_encrypted(folder.path()).await;
    let phone = Phone::new(&door, "plain").await;
    let mut stream = TcpStream::connect(door.local_addr(Transport::Tls).unwrap()).await.unwrap();
    stream.write_all(phone.request("OPTIONS", 1, "").as_bytes()).await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the stream stays open");
    assert!(!rest.starts_with(b"SIP"), "and is not answered in the clear");
    door.close().await;
}

#[test]
fn files_that_will_not_do_are_named_with_what_is_wrong() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    certify(folder.path());
    certify(other.path());
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let noise = folder.path().join("noise.pem");
    std::fs::write(&noise, "no PEM at all").unwrap();
    for (cert, key, expected) in [
        (&folder.path().join("gone.pem"), &key, "gone.pem"),
        (&noise, &key, "cannot read a certificate from"),
        (&cert, &noise, "cannot read a key from"),
        (&cert, &cert, "cannot read a key from"),
        (&cert, &other.path().join("key.pem"), "cannot be used together"),
    ] {
        let error = TlsIdentity::read(cert, key).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}
