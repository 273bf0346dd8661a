//! The door against SIPp, a tester that is not ours.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use sip_bridge::{Door, LegEvent, Transport};

use crate::common::{ANSWER, empty, open};

/// Answers every call and waits for its end.
async fn answer_all(mut calls: tokio::sync::mpsc::Receiver<sip_bridge::InboundCall>) {
    while let Some(mut call) = calls.recv().await {
        tokio::spawn(async move {
            call.leg.ring().await?;
            call.leg.answer(ANSWER.to_owned(), Vec::new()).await?;
            while let Some(event) = call.leg.events.recv().await {
                if matches!(event, LegEvent::Ended { .. }) {
                    break;
                }
            }
            Ok::<(), sip_bridge::LegError>(())
        });
    }
}

/// Runs SIPp and says how it ended.
pub(crate) async fn sipp(arguments: &[&str]) -> (bool, String) {
    let folder = std::env::temp_dir();
    let mut command = Command::new("sipp");
    command.args(arguments).args(["-nostdin", "-timeout", "60", "-timeout_error"]).current_dir(folder);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.expect("SIPp is installed by `make setup` (Debian package sip-tester)");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

async fn calls_of_sipp(transport: Transport, mode: &str) {
    let (door, calls) = open().await;
    let answering = tokio::spawn(answer_all(calls));
    let target = door.local_addr(transport).unwrap().to_string();
    let (succeeded, text) = sipp(&["-sn", "uac", &target, "-m", "50", "-r", "20", "-d", "200", "-t", mode]).await;
    assert!(succeeded, "{text}");
    empty(&door).await;
    answering.abort();
}

#[tokio::test]
async fn fifty_calls_of_sipp_over_udp_succeed() {
    calls_of_sipp(Transport::Udp, "u1").await;
}

#[tokio::test]
async fn fifty_calls_of_sipp_over_tcp_succeed() {
    calls_of_sipp(Transport::Tcp, "t1").await;
}

#[tokio::test]
async fn sipp_is_called_and_hangs_up_or_is_hung_up() {
    for (transport, mode) in [(Transport::Udp, "u1"), (Transport::Tcp, "t1")] {
        let (door, _calls) = open().await;
        let port = free_port();
        let answering = tokio::spawn(async move {
            sipp(&["-sn", "uas", "-i", "127.0.0.1", "-p", &port.to_string(), "-m", "5", "-t", mode]).await
        });
        // SIPp says nothing when it is ready: call until it answers.
        let mut answered = 0;
        for _ in 0..100 {
            if answered == 5 {
                break;
            }
            answered += u32::from(call_once(&door, port, transport).await);
        }
        assert_eq!(answered, 5, "{transport:?}");
        let (succeeded, text) = answering.await.unwrap();
        assert!(succeeded, "{text}");
        empty(&door).await;
    }
}

/// Calls, waits for the answer, hangs up; whether it was answered.
async fn call_once(door: &Door, port: u16, transport: Transport) -> bool {
    let mut dial = crate::common::call_to(door, transport);
    dial.to = format!("sip:uas@127.0.0.1:{port};transport={}", transport.name());
    dial.ring_timeout = Duration::from_millis(700);
    let mut leg = door.dial(dial).await.unwrap();
    let mut answered = false;
    while let Some(event) = leg.events.recv().await {
        match event {
            LegEvent::Answered { .. } => {
                answered = true;
                leg.hang_up("heard you").await;
            }
            LegEvent::Failed { .. } => tokio::time::sleep(Duration::from_millis(50)).await,
            LegEvent::Confirmed { .. }
            | LegEvent::EarlyMedia { .. }
            | LegEvent::Ended { .. }
            | LegEvent::Info { .. }
            | LegEvent::Reoffered { .. }
            | LegEvent::Ringing => {}
        }
    }
    answered
}

pub(crate) fn free_port() -> u16 {
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
