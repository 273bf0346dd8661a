//! One door calls another on this machine, over UDP and TCP, in every way a call can go.

use std::time::Duration;

use tokio::sync::mpsc;

use sip_bridge::{Dial, Door, DoorConfig, DoorError, InboundCall, LegError, LegEvent, LegHandle, Transport};

use crate::common::{ANSWER, OFFER, call_to, called, dial, empty, event, open, port, told};

const BOTH: [Transport; 2] = [Transport::Udp, Transport::Tcp];

/// An established call: the leg of the caller and that of the callee.
async fn talk(
    transport: Transport,
    caller: &Door,
    callee: &Door,
    calls: &mut mpsc::Receiver<InboundCall>,
) -> (LegHandle, LegHandle) {
    let mut out = dial(caller, callee, transport).await;
    let mut call = called(calls).await;
    call.leg.answer(ANSWER.to_owned(), Vec::new()).await.unwrap();
    assert_eq!(told(&mut out).await, "answered 6000");
    assert_eq!(told(&mut call.leg).await, "confirmed -");
    (out, call.leg)
}

#[tokio::test]
async fn a_call_rings_is_answered_and_either_side_hangs_up() {
    let ((caller, _), (callee, mut calls)) = (open().await, open().await);
    for transport in BOTH {
        for caller_hangs_up in [true, false] {
            let mut out = dial(&caller, &callee, transport).await;
            let mut call = called(&mut calls).await;
            assert_eq!((call.from.reveal().as_str(), call.to.as_str()), ("alice", "1001"));
            assert_eq!((call.offer.as_deref(), call.transport), (Some(OFFER), transport));
            assert_eq!(call.user_to_user.as_deref(), Some("abcd;encoding=hex"));
            call.leg.ring().await.unwrap();
            assert_eq!(told(&mut out).await, "ringing");
            call.leg.answer(ANSWER.to_owned(), vec![("X-Flow".to_owned(), "a\r\nb: c".to_owned())]).await.unwrap();
            assert_eq!(told(&mut out).await, "answered 6000");
            assert_eq!(told(&mut call.leg).await, "confirmed -");
            let (first, second) = if caller_hangs_up { (&mut out, &mut call.leg) } else { (&mut call.leg, &mut out) };
            first.hang_up("goodbye").await;
            assert_eq!(told(first).await, "ended Local goodbye 0");
            assert_eq!(told(second).await, "ended Remote bye 0");
            assert_eq!((told(first).await, told(second).await), ("closed".to_owned(), "closed".to_owned()));
            assert_eq!(call.leg.ring().await, Err(LegError::Ended));
        }
    }
    empty(&caller).await;
    empty(&callee).await;
}

#[tokio::test]
async fn a_call_is_rejected_with_the_status_given() {
    let ((caller, _), (callee, mut calls)) = (open().await, open().await);
    for transport in BOTH {
        let mut out = dial(&caller, &callee, transport).await;
        let mut call = called(&mut calls).await;
        assert!(matches!(call.leg.reject(200, "", None).await, Err(LegError::WrongState { .. })));
        call.leg.reject(503, "Busy Hour", Some(Duration::from_secs(9))).await.unwrap();
        let Some(LegEvent::Failed { code, reason }) = event(&mut out).await else { panic!("a failure") };
        assert_eq!((code, reason.as_str()), (503, "Busy Hour"));
        assert_eq!(told(&mut call.leg).await, "ended Local Busy Hour 503");
    }
    empty(&caller).await;
    empty(&callee).await;
}

#[tokio::test]
async fn a_caller_gives_up_before_the_answer() {
    let ((caller, _), (callee, mut calls)) = (open().await, open().await);
    for transport in BOTH {
        let mut out = dial(&caller, &callee, transport).await;
        let mut call = called(&mut calls).await;
        call.leg.ring().await.unwrap();
        assert_eq!(told(&mut out).await, "ringing");
        out.hang_up("changed my mind").await;
        assert_eq!(told(&mut out).await, "ended Local changed my mind 487");
        assert_eq!(told(&mut call.leg).await, "ended Remote cancelled 487");
        assert_eq!(call.leg.answer(ANSWER.to_owned(), Vec::new()).await, Err(LegError::Ended));
    }
    empty(&caller).await;
    empty(&callee).await;
}

#[tokio::test]
async fn a_phone_that_nobody_takes_stops_ringing() {
    let ((caller, _), (callee, mut calls)) = (open().await, open().await);
    for transport in BOTH {
        let ring_timeout = Duration::from_millis(300);
        let mut out = caller.dial(Dial { ring_timeout, ..call_to(&callee, transport) }).await.unwrap();
        let mut call = called(&mut calls).await;
        assert_eq!(told(&mut out).await, "failed 408");
        assert_eq!(told(&mut call.leg).await, "ended Remote cancelled 487");
    }
    empty(&caller).await;
    empty(&callee).await;
}

#[tokio::test]
async fn a_session_is_changed_by_either_side_and_may_be_refused() {
    let ((caller, _), (callee, mut calls)) = (open().await, open().await);
    for transport in BOTH {
        let (mut out, mut inbound) = talk(transport, &caller, &callee, &mut calls).await;
        for round in 0..2 {
            let (asking, asked) = if round == 0 { (&mut out, &mut inbound) } else { (&mut inbound, &mut out) };
            let control = asking.control();
            let held = OFFER.replace("4000", "4002") + "a=sendonly\r\n";
            let order = tokio::spawn(async move { control.reoffer(held).await });
            let Some(LegEvent::Reoffered { offer: Some(offer), reply }) = event(asked).await else {
                panic!("a change")
            };
            assert!(offer.contains("m=audio 4002") && offer.contains("a=sendonly"), "{offer}");
            reply.answer(ANSWER.replace("6000", "6002"));
            assert_eq!(port(&order.await.unwrap().unwrap()), "6002");

            let control = asking.control();
            let order = tokio::spawn(async move { control.reoffer(OFFER.to_owned()).await });
            let Some(LegEvent::Reoffered { reply, .. }) = event(asked).await else { panic!("a change") };
            // While one change is open, another is glare for us, too.
            assert_eq!(asked.reoffer(OFFER.to_owned()).await, Err(LegError::Glare));
            if round == 0 {
                reply.reject(488)
            } else {
                drop(reply)
            }
            assert_eq!(order.await.unwrap(), Err(LegError::Refused { code: 488 }));
        }
        out.hang_up("done").await;
        assert_eq!(told(&mut inbound).await, "ended Remote bye 0");
    }
    empty(&caller).await;
    empty(&callee).await;
}

#[tokio::test]
async fn changes_that_cross_on_the_wire_do_not_harm_the_call() {
    let ((caller, _), (callee, mut calls)) = (open().await, open().await);
    for transport in BOTH {
        let (mut out, mut inbound) = talk(transport, &caller, &callee, &mut calls).await;
        let (one, other) = (out.control(), inbound.control());
        let answer_all = |leg: &mut LegHandle| match leg.events.try_recv() {
            Ok(LegEvent::Reoffered { reply, .. }) => reply.answer(ANSWER.to_owned()),
            Ok(other) => panic!("{other:?}"),
            Err(_) => {}
        };
        let both =
            tokio::spawn(async move { tokio::join!(one.reoffer(OFFER.to_owned()), other.reoffer(OFFER.to_owned())) });
        while !both.is_finished() {
            answer_all(&mut out);
            answer_all(&mut inbound);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let (one, other) = both.await.unwrap();
        for result in [&one, &other] {
            assert!(matches!(result, Ok(_) | Err(LegError::Glare | LegError::Refused { code: 500 })), "{result:?}");
        }
        let (one, other) = (out.control(), inbound.control());
        // Byes that cross: both ends are told once.
        tokio::join!(one.hang_up("one"), other.hang_up("other"));
        let (first, second) = (told(&mut out).await, told(&mut inbound).await);
        assert!(first.starts_with("ended") && second.starts_with("ended"), "{first} {second}");
        assert_eq!((told(&mut out).await, told(&mut inbound).await), ("closed".to_owned(), "closed".to_owned()));
    }
    empty(&caller).await;
    empty(&callee).await;
}

#[tokio::test]
async fn a_dropped_leg_hangs_up() {
    let ((caller, _), (callee, mut calls)) = (open().await, open().await);
    for transport in BOTH {
        let (out, mut inbound) = talk(transport, &caller, &callee, &mut calls).await;
        drop(out);
        assert_eq!(told(&mut inbound).await, "ended Remote bye 0");
        let mut out = dial(&caller, &callee, transport).await;
        drop(called(&mut calls).await);
        assert_eq!(told(&mut out).await, "failed 603");
    }
    empty(&caller).await;
    empty(&callee).await;
}

#[tokio::test]
async fn nobody_at_home_is_told() {
    let (caller, _calls) = open().await;
    let mut dial = call_to(&caller, Transport::Tcp);
    // Port 9 of this machine: nobody listens.
    dial.to = "sip:1@127.0.0.1:9;transport=tcp".to_owned();
    let mut out = caller.dial(dial.clone()).await.unwrap();
    assert_eq!(told(&mut out).await, "failed 503");
    for bad in ["1001", "sip:", "http://x", "sip:1@h\r\nX: y", "sip:1@127.0.0.1;transport=ws"] {
        let refused = caller.dial(Dial { to: bad.to_owned(), ..dial.clone() }).await;
        assert!(matches!(refused, Err(DoorError::BadTarget { .. })), "{bad} {refused:?}");
    }
    for secure in ["sips:1@127.0.0.1", "sip:1@127.0.0.1;transport=tls"] {
        let refused = caller.dial(Dial { to: secure.to_owned(), ..dial.clone() }).await;
        assert!(matches!(refused, Err(DoorError::NoTransport(Transport::Tls))), "{secure} {refused:?}");
    }
    empty(&caller).await;
}

#[tokio::test]
async fn a_port_in_use_is_named_with_the_way_out() {
    let (door, _calls) = open().await;
    for (transport, key) in [(Transport::Udp, "sip.udp"), (Transport::Tcp, "sip.tcp")] {
        let addr = door.local_addr(transport);
        let config = match transport {
            Transport::Tls => unreachable!("not in the table"),
            Transport::Udp => DoorConfig { udp: addr, ..DoorConfig::default() },
            Transport::Tcp => DoorConfig { tcp: addr, ..DoorConfig::default() },
        };
        let message = Door::open(config).await.unwrap_err().to_string();
        for word in [key, &addr.unwrap().to_string(), transport.name()] {
            assert!(message.contains(word), "{word} in {message}");
        }
    }
}

#[tokio::test]
async fn a_closed_door_hangs_up_and_lets_go_of_its_port() {
    let ((caller, _), (callee, mut calls)) = (open().await, open().await);
    for transport in BOTH {
        let (out, mut inbound) = talk(transport, &caller, &callee, &mut calls).await;
        assert_eq!(caller.legs(), 1);
        out.hang_up("next").await;
        assert_eq!(told(&mut inbound).await, "ended Remote bye 0");
    }
    let (_out, mut inbound) = talk(Transport::Udp, &caller, &callee, &mut calls).await;
    let (udp, tcp) = (caller.local_addr(Transport::Udp), caller.local_addr(Transport::Tcp));
    caller.close().await;
    assert_eq!(told(&mut inbound).await, "ended Remote bye 0");
    assert!(matches!(caller.dial(call_to(&callee, Transport::Udp)).await, Err(DoorError::Closed)));
    let again = Door::open(DoorConfig { udp, tcp, ..DoorConfig::default() }).await;
    assert!(again.is_ok(), "{again:?}");
    empty(&callee).await;
}
