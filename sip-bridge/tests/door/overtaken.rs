//! Messages that arrive in another order than they were sent in, as datagrams do.

use sip_bridge::LegEvent;

use crate::common::{ANSWER, OFFER, called, empty, event, open, port, told};
use crate::phone::{Calls, Leg, Phone, header, status};

/// A call that the door has answered and the phone has not acknowledged.
async fn answered(phone: &mut Phone, calls: &mut Calls, offer: &str) -> Leg {
    phone.send(phone.request("INVITE", 1, offer)).await;
    let call = called(calls).await;
    call.leg.answer(ANSWER.to_owned(), Vec::new()).await.unwrap();
    let accepted = phone.next().await;
    assert_eq!(status(&accepted), 200);
    phone.learn(&accepted);
    call.leg
}

/// The final response to `asked`, over the 200 that is repeated until its ACK comes (RFC 3261 13.3.1.4).
async fn response_to(phone: &Phone, asked: &str) -> String {
    loop {
        let response = phone.next().await;
        if header(&response, "CSeq") == asked {
            return response;
        }
    }
}

#[tokio::test]
async fn a_change_that_overtakes_the_ack_is_accepted_when_the_ack_is_there() {
    for (offer, answer) in [(OFFER, ""), ("", OFFER)] {
        let (door, mut calls) = open().await;
        let mut phone = Phone::new(&door, "overtaken").await;
        let mut leg = answered(&mut phone, &mut calls, offer).await;
        phone.send(phone.request("INVITE", 2, &OFFER.replace("4000", "4030"))).await;
        // Either order of the two is possible on the wire, and within the house.
        tokio::task::yield_now().await;
        phone.send(phone.request("ACK", 1, answer).replace("1ACK", "1x")).await;
        assert!(told(&mut leg).await.starts_with("confirmed"), "first the call, then its change");
        let Some(LegEvent::Reoffered { offer: Some(offer), reply }) = event(&mut leg).await else {
            panic!("the change is not lost")
        };
        assert_eq!(port(&offer), "4030");
        reply.answer(ANSWER.replace("6000", "6030"));
        let accepted = response_to(&phone, "2 INVITE").await;
        assert_eq!((status(&accepted), port(&accepted)), (200, "6030"), "{accepted}");
        phone.send(phone.request("ACK", 2, "").replace("2ACK", "2x")).await;
        assert_eq!(status(&phone.ask("BYE", 3, "").await), 200);
        assert_eq!(told(&mut leg).await, "ended Remote bye 0");
        empty(&door).await;
    }
}

#[tokio::test]
async fn a_second_change_without_the_ack_is_told_when_to_come_again() {
    let (door, mut calls) = open().await;
    let mut phone = Phone::new(&door, "twice").await;
    let mut leg = answered(&mut phone, &mut calls, OFFER).await;
    phone.send(phone.request("INVITE", 2, OFFER)).await;
    phone.send(phone.request("INVITE", 3, OFFER)).await;
    let refused = response_to(&phone, "3 INVITE").await;
    assert_eq!((status(&refused), header(&refused, "Retry-After")), (500, "2"), "RFC 3261 14.2");
    phone.send(phone.request("ACK", 3, "").replace("z9hG4bKtwice3ACK", "z9hG4bKtwice3INVITE")).await;
    assert_eq!(status(&phone.ask("BYE", 4, "").await), 200);
    assert_eq!(status(&response_to(&phone, "2 INVITE").await), 487, "RFC 3261 15.1.2");
    assert_eq!(told(&mut leg).await, "ended Remote bye 0");
    empty(&door).await;
}
