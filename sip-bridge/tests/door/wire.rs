//! The door against bytes: what a phone, a broken phone and an attacker may send.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use sip_bridge::{LegError, LegEvent, Transport};

use crate::common::{ANSWER, OFFER, PATIENCE, called, empty, event, open, port, told};
use crate::phone::{Phone, header, status};

#[tokio::test]
async fn what_we_do_not_do_is_refused_in_the_words_of_the_rfc() {
    let (door, _calls) = open().await;
    let mut phone = Phone::new(&door, "refused").await;
    for (method, tag, expected) in [
        ("REGISTER", "", 405),
        ("SUBSCRIBE", "", 405),
        ("MESSAGE", "", 405),
        ("REFER", ";tag=x", 405),
        ("PUBLISH", "", 405),
        ("NOTIFY", ";tag=x", 405),
        ("PRACK", ";tag=x", 405),
        ("FETCH", "", 501),
        ("OPTIONS", "", 200),
        ("OPTIONS", ";tag=x", 481),
        ("BYE", ";tag=x", 481),
        ("BYE", "", 481),
        ("INFO", ";tag=x", 481),
        ("UPDATE", ";tag=x", 481),
        ("INVITE", ";tag=x", 481),
        ("CANCEL", "", 481),
    ] {
        phone.to = format!("<sip:1001@example.org>{tag}");
        phone.call_id = format!("refused-{method}{}", tag.len());
        let response = phone.ask(method, 1, "").await;
        assert_eq!(status(&response), expected, "{method} {response}");
        assert_eq!(header(&response, "User-Agent"), "Hotline");
        assert!(!response.contains("rsip") && header(&response, "Server").is_empty(), "{response}");
        assert!(header(&response, "To").contains(";tag="), "{response}");
        assert!(header(&response, "Via").contains(&format!("rport={}", phone.addr().port())), "{response}");
        if expected == 200 {
            assert!(header(&response, "Accept").contains("application/sdp"), "{response}");
        }
        if matches!(expected, 200 | 405 | 501) {
            assert!(header(&response, "Allow").contains("INVITE"), "{response}");
        }
    }
    assert_eq!(door.legs(), 0);
}

#[tokio::test]
async fn an_invite_sent_again_is_one_call_and_by_another_way_none() {
    let (door, mut calls) = open().await;
    let phone = Phone::new(&door, "again").await;
    let invite = phone.request("INVITE", 1, OFFER);
    for _ in 0..3 {
        phone.send(&invite).await;
    }
    phone.send(invite.replace("z9hG4bKagain", "z9hG4bKother")).await;
    let mut call = called(&mut calls).await;
    assert_eq!(status(&phone.next().await), 482, "RFC 3261 8.2.2.2");
    call.leg.ring().await.unwrap();
    assert_eq!(status(&phone.next().await), 180);
    phone.send(&invite).await;
    assert_eq!(status(&phone.next().await), 180, "the last response, again");
    // What the house says when no codec fits.
    call.leg.reject(488, "Not Acceptable Here", None).await.unwrap();
    let refused = phone.next().await;
    assert!(refused.starts_with("SIP/2.0 488 Not Acceptable Here\r\n"), "{refused}");
    phone.send(&invite).await;
    assert_eq!(status(&phone.next().await), 488);
    assert_eq!(told(&mut call.leg).await, "ended Local Not Acceptable Here 488");
    assert!(calls.try_recv().is_err(), "a second call");
    empty(&door).await;
}

#[tokio::test]
async fn a_caller_without_an_offer_answers_ours_in_its_ack() {
    let (door, mut calls) = open().await;
    let mut phone = Phone::new(&door, "offerless").await;
    let (mut leg, accepted) = phone.established(&door, "", &OFFER.replace("4000", "4010"), &mut calls).await;
    assert_eq!(port(&accepted), "6000");
    // And a re-INVITE without one.
    phone.send(phone.request("INVITE", 2, "")).await;
    let Some(LegEvent::Reoffered { offer: None, reply }) = event(&mut leg).await else { panic!("a change") };
    reply.answer(ANSWER.replace("6000", "6004"));
    assert_eq!(port(&phone.next().await), "6004");
    phone.send(phone.request("ACK", 2, &OFFER.replace("4000", "4012")).replace("2ACK", "2x")).await;
    assert_eq!(told(&mut leg).await, "confirmed 4012");
    assert_eq!(status(&phone.ask("BYE", 3, "").await), 200);
    assert_eq!(told(&mut leg).await, "ended Remote bye 0");
    empty(&door).await;
}

#[tokio::test]
async fn requests_in_a_call_are_answered_and_heard() {
    let (door, mut calls) = open().await;
    let mut phone = Phone::new(&door, "within").await;
    let (mut leg, _) = phone.established(&door, OFFER, "", &mut calls).await;
    assert_eq!(status(&phone.ask("OPTIONS", 2, "").await), 200);
    assert_eq!(status(&phone.ask("UPDATE", 3, "").await), 200);
    phone.send(phone.request("UPDATE", 4, &OFFER.replace("4000", "4020"))).await;
    let Some(LegEvent::Reoffered { offer: Some(offer), reply }) = event(&mut leg).await else { panic!("a change") };
    assert_eq!(port(&offer), "4020");
    reply.answer(ANSWER.replace("6000", "6020"));
    assert_eq!(port(&phone.next().await), "6020");
    for (cseq, kind, body, code, heard) in [
        (5, "application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", 200, "info 5"),
        (6, "application/dtmf-relay", "Signal= *\r\n", 200, "info *"),
        (7, "application/dtmf", "11", 200, "info #"),
        (8, "application/dtmf", "d\r\n", 200, "info D"),
        (9, "application/dtmf", "Z", 400, ""),
        (10, "application/media_control+xml", "<x/>", 415, ""),
    ] {
        phone.extra = format!("Content-Type: {kind}\r\n");
        assert_eq!(status(&phone.ask("INFO", cseq, body).await), code, "{body}");
        if !heard.is_empty() {
            assert_eq!(told(&mut leg).await, heard);
        }
    }
    phone.extra.clear();
    assert_eq!(status(&phone.ask("INFO", 2, "").await), 500, "RFC 3261 12.2.2: older than the last");
    let stranger = phone.request("BYE", 11, "").replace("tag=bob", "tag=eve");
    phone.send(stranger).await;
    assert_eq!(status(&phone.next().await), 481, "another's tag");
    phone.extra = "Reason: SIP;cause=200;text=\"had enough\"\r\n".to_owned();
    assert_eq!(status(&phone.ask("BYE", 12, "").await), 200);
    assert_eq!(told(&mut leg).await, "ended Remote had enough 0");
    empty(&door).await;
}

#[tokio::test]
async fn a_flood_of_digits_is_refused_when_nobody_reads_them() {
    let (door, mut calls) = open().await;
    let mut phone = Phone::new(&door, "flood").await;
    let (mut leg, _) = phone.established(&door, OFFER, "", &mut calls).await;
    phone.extra = "Content-Type: application/dtmf\r\n".to_owned();
    let mut codes = Vec::new();
    for cseq in 2..100 {
        codes.push(status(&phone.ask("INFO", cseq, "1").await));
    }
    assert!(codes.contains(&200) && codes.contains(&503), "{codes:?}");
    phone.extra.clear();
    assert_eq!(status(&phone.ask("BYE", 100, "").await), 200);
    let mut last = told(&mut leg).await;
    while last == "info 1" {
        last = told(&mut leg).await;
    }
    assert_eq!(last, "ended Remote bye 0", "the end is never lost");
    empty(&door).await;
}

#[tokio::test]
async fn a_proxy_that_wants_to_stay_on_the_way_does() {
    let (door, mut calls) = open().await;
    let mut phone = Phone::new(&door, "routed").await;
    let proxy = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let route = format!("<sip:{};lr>, <sip:far.example.org;lr>", proxy.local_addr().unwrap());
    phone.extra = format!("Record-Route: {route}\r\n");
    let (leg, accepted) = phone.established(&door, OFFER, "", &mut calls).await;
    assert!(header(&accepted, "Record-Route").contains(";lr>"), "{accepted}");
    let contact = header(&accepted, "Contact");
    assert_eq!(contact, format!("<sip:{}>", door.local_addr(Transport::Udp).unwrap()));
    leg.hang_up("done").await;
    let mut buffer = [0; 8_192];
    let (length, door_addr) = tokio::time::timeout(PATIENCE, proxy.recv_from(&mut buffer)).await.unwrap().unwrap();
    let bye = String::from_utf8(buffer[..length].to_vec()).unwrap();
    assert!(bye.starts_with(&format!("BYE sip:bob@{} SIP/2.0\r\n", phone.addr())), "{bye}");
    let routes: Vec<_> = bye.lines().filter(|line| line.starts_with("Route: ")).collect();
    assert_eq!(routes.len(), 2, "{bye}");
    assert!(routes[0].contains(&proxy.local_addr().unwrap().to_string()) && routes[1].contains("far.example.org"));
    let answer = bye
        .lines()
        .skip(1)
        .filter(|line| ["Via", "From", "To", "Call-ID", "CSeq"].iter().any(|name| line.starts_with(name)));
    let answer = answer.fold("SIP/2.0 200 OK\r\n".to_owned(), |text, line| text + line + "\r\n");
    proxy.send_to(format!("{answer}Content-Length: 0\r\n\r\n").as_bytes(), door_addr).await.unwrap();
    empty(&door).await;
}

#[tokio::test]
async fn a_late_answer_after_a_cancel_is_refused_to_the_house() {
    let (door, mut calls) = open().await;
    let phone = Phone::new(&door, "cancelled").await;
    let invite = phone.request("INVITE", 1, OFFER);
    phone.send(&invite).await;
    let mut call = called(&mut calls).await;
    let cancel = phone.request("CANCEL", 1, "").replace("1CANCEL\r\n", "1INVITE\r\n");
    phone.send(cancel).await;
    let mut codes = [status(&phone.next().await), status(&phone.next().await)];
    codes.sort_unstable();
    assert_eq!(codes, [200, 487]);
    assert_eq!(told(&mut call.leg).await, "ended Remote cancelled 487");
    assert_eq!(call.leg.answer(ANSWER.to_owned(), Vec::new()).await, Err(LegError::Ended));
    empty(&door).await;
}

/// Numbers that look random and are the same every time.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(length);
    for _ in 0..length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.push((state >> 33) as u8);
    }
    bytes
}

#[tokio::test]
async fn random_bytes_harm_nobody() {
    let (door, mut calls) = open().await;
    let mut phone = Phone::new(&door, "survivor").await;
    let (mut leg, _) = phone.established(&door, OFFER, "", &mut calls).await;
    for seed in 0..50 {
        phone.send(&noise(seed, 10_240)).await;
        phone.send(&noise(seed, 100 + seed as usize)).await;
        let mut stream = TcpStream::connect(door.local_addr(Transport::Tcp).unwrap()).await.unwrap();
        // The door may close before all is written.
        let _closed = stream.write_all(&noise(seed, 10_240)).await;
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "a stream of noise stays open, seed {seed}");
    }
    assert_eq!(status(&phone.ask("BYE", 2, "").await), 200);
    assert_eq!(told(&mut leg).await, "ended Remote bye 0");
    empty(&door).await;
}

/// What the process holds, by the kernel's word.
pub(crate) fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn a_bad_message_on_a_stream_is_answered_and_the_stream_goes_on() {
    let (door, _calls) = open().await;
    let phone = Phone::new(&door, "stream").await;
    let mut stream = TcpStream::connect(door.local_addr(Transport::Tcp).unwrap()).await.unwrap();
    let options = phone.request("OPTIONS", 1, "");
    let bad = phone.request("INVITE", 1, OFFER).replace("CSeq: 1", "CSeq: one");
    let unknown = phone.request("FETCH", 1, "");
    for (sent, expected) in [
        (&b"\r\n\r\n"[..], "\r\n"),
        (bad.as_bytes(), "SIP/2.0 400 Bad CSeq"),
        (unknown.as_bytes(), "SIP/2.0 501"),
        (options.as_bytes(), "SIP/2.0 200 OK"),
    ] {
        // In two pieces, as a network would.
        let (first, second) = sent.split_at(sent.len() / 2);
        stream.write_all(first).await.unwrap();
        stream.flush().await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        stream.write_all(second).await.unwrap();
        let mut buffer = [0; 4_096];
        let length = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap().unwrap();
        let answer = String::from_utf8_lossy(&buffer[..length]);
        assert!(answer.starts_with(expected), "{answer}");
    }
    // A length that cannot be: told, and closed, because nothing after it can be found.
    let endless = options.replace("Content-Length: 0", "Content-Length: 9999999");
    stream.write_all(endless.as_bytes()).await.unwrap();
    let mut rest = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut rest)).await.unwrap().unwrap();
    assert!(rest.starts_with("SIP/2.0 400"), "{rest}");
}
