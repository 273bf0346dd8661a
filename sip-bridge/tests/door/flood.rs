//! Floods: what they may cost, which is the flooder's own service and nothing else.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use sip_bridge::{Door, DoorConfig, GuardConfig, Transport};

use crate::common::{ANSWER, OFFER, PATIENCE, called, empty, registrar, told};
use crate::phone::{Calls, Phone, header, status};
use crate::wire::{noise, resident_kb};

/// A door that trusts nobody, not even this machine.
async fn wary(change: impl FnOnce(&mut GuardConfig)) -> (Door, Calls) {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let mut guard = GuardConfig { trusted: Vec::new(), ..GuardConfig::default() };
    change(&mut guard);
    let registrar = Some(registrar());
    Door::open(DoorConfig { udp: Some(any), tcp: Some(any), guard, registrar, ..DoorConfig::default() }).await.unwrap()
}

#[tokio::test]
async fn calls_beyond_the_limit_are_put_off_and_the_call_that_is_up_goes_on() {
    let (door, mut calls) = wary(|guard| guard.invites_s_max = 2).await;
    let mut phone = Phone::new(&door, "up").await;
    let (mut leg, _) = phone.established(&door, OFFER, "", &mut calls).await;
    let answering = tokio::spawn(async move {
        while let Some(call) = calls.recv().await {
            let _gone = call.leg.reject(486, "", None).await;
        }
    });
    let flooder = Phone::new(&door, "flooder").await;
    let mut told_later = 0;
    for number in 0..500 {
        flooder.send(flooder.request("INVITE", 1, OFFER).replace("flooder", &format!("flooder{number}"))).await;
        let answer = flooder.within(Duration::from_millis(1)).await;
        if status(&answer) == 503 {
            assert_eq!(header(&answer, "Retry-After"), "30", "{answer}");
            told_later += 1;
        }
    }
    assert!(told_later > 0, "some are told");
    let counts = door.counts();
    assert!(counts.invites_limited > 400, "{counts:?}");
    // Its re-INVITE is none of the flood's, though it comes from the same address.
    phone.send(phone.request("INVITE", 2, OFFER)).await;
    let Some(sip_bridge::LegEvent::Reoffered { reply, .. }) = crate::common::event(&mut leg).await else {
        panic!("the change of a call that is up")
    };
    reply.answer(ANSWER.to_owned());
    assert_eq!(status(&phone.next().await), 200);
    phone.send(phone.request("ACK", 2, "").replace("2ACK", "2x")).await;
    assert_eq!(status(&phone.ask("BYE", 3, "").await), 200);
    assert_eq!(told(&mut leg).await, "ended Remote bye 0");
    answering.abort();
    empty(&door).await;
}

#[tokio::test]
async fn fifty_thousand_registrations_and_twenty_thousand_mutants_leave_no_memory_behind() {
    // With the limits off for this source as well as on: the registrar itself keeps nothing for strangers.
    for trusted in [true, false] {
        let (door, mut calls) = wary(|guard| {
            if trusted {
                guard.registers_s_max = 1_000_000;
            }
        })
        .await;
        let mut phone = Phone::new(&door, "steady").await;
        let (mut leg, _) = phone.established(&door, OFFER, "", &mut calls).await;
        let answering = tokio::spawn(async move {
            while let Some(call) = calls.recv().await {
                let _gone = call.leg.reject(486, "", None).await;
            }
        });
        flood(&door, &phone, 0..500, 0..2_000).await;
        let before = resident_kb();
        flood(&door, &phone, 500..50_500, 2_000..22_000).await;
        let grown = resident_kb().saturating_sub(before);
        println!("resident memory grew by {grown} kB over 70,000 messages; {:?}", door.counts());
        assert!(grown < 20_000, "{grown} kB");
        while !phone.within(Duration::from_millis(300)).await.is_empty() {}
        assert_eq!(status(&phone.ask("BYE", 99_999, "").await), 200, "the call that is up");
        assert_eq!(told(&mut leg).await, "ended Remote bye 0");
        answering.abort();
        empty(&door).await;
    }
}

/// Registrations of strangers, and INVITEs with a few bytes changed, added or taken out.
async fn flood(door: &Door, phone: &Phone, registers: std::ops::Range<u32>, mutants: std::ops::Range<u64>) {
    let stranger = Phone::new(door, "stranger").await;
    for number in registers {
        let name = format!("s{number}");
        stranger.send(stranger.request("REGISTER", 1, "").replace("stranger", &name).replace("1001", &name)).await;
        stranger.drain(number).await;
    }
    for round in mutants {
        let mut bytes = phone.request("INVITE", 1, OFFER).replace("steady", "mutant").into_bytes();
        for change in noise(round, 24).chunks(6) {
            let place = (usize::from(change[0]) * 256 + usize::from(change[1])) % bytes.len();
            match change[2] % 3 {
                0 => bytes[place] = change[3],
                1 => drop(bytes.remove(place)),
                _ => bytes.insert(place, change[4]),
            }
        }
        stranger.send(&bytes).await;
        stranger.drain(round as u32).await;
    }
}

#[tokio::test]
async fn a_flood_over_streams_is_cut_and_a_source_has_so_many_connections() {
    let (door, _calls) = wary(|guard| guard.connections_max = 8).await;
    let addr = door.local_addr(Transport::Tcp).unwrap();
    let mut streams = Vec::new();
    let mut refused = 0;
    let phone = Phone::new(&door, "stream").await;
    for _ in 0..20 {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        // A connection that is refused may be so before or after the bytes are on their way.
        let written = stream.write_all(phone.request("OPTIONS", 1, "").as_bytes()).await;
        let mut buffer = [0; 2_048];
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap();
        match (written, read) {
            (Ok(()), Ok(length @ 1..)) => {
                assert!(buffer[..length].starts_with(b"SIP/2.0 200"));
                streams.push(stream);
            }
            _ => refused += 1,
        }
    }
    assert_eq!((streams.len(), refused), (8, 12));
    assert_eq!(door.counts().connections_refused, 12);
    // Room again when one goes.
    streams.pop();
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let _refused = stream.write_all(phone.request("OPTIONS", 1, "").as_bytes()).await;
        let mut buffer = [0; 64];
        if matches!(tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await, Ok(Ok(1..))) {
            break;
        }
        assert!(tokio::time::Instant::now() < until, "no room came back");
    }
    door.close().await;
}

#[tokio::test]
async fn idle_and_dawdling_connections_are_closed_and_those_of_calls_are_not() {
    let (door, mut calls) = wary(|guard| guard.idle = Duration::from_millis(300)).await;
    let addr = door.local_addr(Transport::Tcp).unwrap();
    let phone = Phone::new(&door, "kept").await;
    let mut busy = TcpStream::connect(addr).await.unwrap();
    let invite = phone.request("INVITE", 1, OFFER).replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    busy.write_all(invite.as_bytes()).await.unwrap();
    let mut call = called(&mut calls).await;
    call.leg.answer(ANSWER.to_owned(), Vec::new()).await.unwrap();
    let mut idle = TcpStream::connect(addr).await.unwrap();
    let mut dawdling = TcpStream::connect(addr).await.unwrap();
    dawdling.write_all(b"INVITE sip:1001@x SIP/2.0\r\nVia: ").await.unwrap();
    for stream in [&mut idle, &mut dawdling] {
        let mut rest = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("closed").unwrap();
        assert!(rest.is_empty());
    }
    // The call's stream has been silent for longer; what we send still goes by it.
    let mut buffer = vec![0; 4_096];
    let length = tokio::time::timeout(PATIENCE, busy.read(&mut buffer)).await.unwrap().unwrap();
    let accepted = String::from_utf8_lossy(&buffer[..length]).into_owned();
    let accepted = &accepted[accepted.find("SIP/2.0 200").expect("the call is answered")..];
    let mut phone = phone;
    phone.learn(accepted);
    let ack = phone.request("ACK", 1, "").replace("SIP/2.0/UDP", "SIP/2.0/TCP").replace("1ACK", "1x");
    busy.write_all(ack.as_bytes()).await.unwrap();
    assert_eq!(told(&mut call.leg).await, "confirmed -");
    tokio::time::sleep(Duration::from_millis(700)).await;
    call.leg.hang_up("done").await;
    let length = tokio::time::timeout(PATIENCE, busy.read(&mut buffer)).await.unwrap().unwrap();
    assert!(buffer[..length].starts_with(b"BYE "), "{}", String::from_utf8_lossy(&buffer[..length]));
    door.close().await;
}
