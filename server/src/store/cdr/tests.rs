//! The record of whole calls and of every beginning of one.

use call::{Codec, Emotion, HandoffReason, Span};

use super::*;

fn header() -> Header {
    Header { call_id: CallId::from_bits(1), session_id: SessionId::from_bits(2), unix_ms: 1_700_000_000_000 }
}

fn events(list: Vec<(u64, CallEvent)>) -> Vec<EventRecord> {
    let record = |(seq, (at_ms, event)): (u64, (u64, CallEvent))| EventRecord {
        seq,
        at: Moment::from_millis(at_ms),
        unix_ms: header().unix_ms + i64::try_from(at_ms).unwrap(),
        event,
    };
    (1..).zip(list).map(record).collect()
}

fn created() -> CallEvent {
    CallEvent::Created {
        direction: Direction::Inbound,
        from: Pii::new("+8613800138000".into()),
        to: "400".into(),
        flow: "after-sales".into(),
    }
}

fn ended(by: HangupBy, reason: &str) -> CallEvent {
    CallEvent::Ended { reason: reason.into(), hangup_by: by, sip_code: None }
}

fn handoff() -> Handoff {
    Handoff {
        reason: HandoffReason::CallerAsked,
        intent: Some("order_status".into()),
        queue: "support".into(),
        language: Language::En,
        emotion: Emotion::default(),
        slots: vec![],
        tried: vec![],
        brief: Pii::new("A caller asks for a person.".into()),
    }
}

fn transferred_call() -> Vec<EventRecord> {
    let alice = || AgentId::new("alice");
    let utterance = Utterance {
        speaker: Speaker::Caller,
        span: Span { start: Moment::from_millis(3_000), end: Moment::from_millis(4_000) },
        text: Pii::new("where is my order".into()),
        confidence: 0.9,
        language: Language::En,
        emotion: Some(Emotion::with_probability(Mood::Impatient, 0.8)),
    };
    events(vec![
        (0, created()),
        (1_000, CallEvent::Answered { codec: Codec::Pcmu }),
        (4_000, CallEvent::Said { utterance }),
        (4_500, CallEvent::IntentDetected { intent: "order_status".into(), confidence: 0.9 }),
        (6_000, CallEvent::ToolFailed { tool: "order".into(), reason: "timeout".into(), took_ms: 1_000 }),
        (11_000, CallEvent::TransferRequested { handoff: handoff() }),
        (12_000, CallEvent::QueueOffered { agent: alice() }),
        (15_000, CallEvent::QueueConnected { agent: alice() }),
        (18_000, CallEvent::Bridged { agent: alice(), leg: LegId(1) }),
        (20_000, CallEvent::Held { leg: LegId(1) }),
        (21_000, CallEvent::Held { leg: LegId::CALLER }),
        (24_000, CallEvent::Resumed { leg: LegId(1) }),
        (25_000, CallEvent::Resumed { leg: LegId::CALLER }),
        (30_000, ended(HangupBy::Caller, "caller_hung_up")),
    ])
}

#[test]
fn each_second_of_a_call_counts_once() {
    let cdr = Cdr::from_events(&header(), &transferred_call());
    assert_eq!((cdr.bot_s, cdr.wait_s, cdr.talk_s, cdr.hold_s), (10.0, 7.0, 7.0, 5.0));
    let answered_s = (cdr.end_unix_ms.unwrap() - cdr.answer_unix_ms.unwrap()) as f64 / 1_000.0;
    assert_eq!(cdr.bot_s + cdr.wait_s + cdr.talk_s + cdr.hold_s, answered_s);
}

#[test]
fn a_record_names_who_what_and_why() {
    let cdr = Cdr::from_events(&header(), &transferred_call());
    assert_eq!(cdr.status, CallStatus::Completed);
    assert_eq!(cdr.agent, Some(AgentId::new("alice")));
    assert_eq!(cdr.queue.as_deref(), Some("support"));
    assert_eq!(cdr.intent.as_deref(), Some("order_status"));
    assert_eq!(cdr.mood, Some(Mood::Impatient));
    assert_eq!(cdr.last_error.as_deref(), Some("tool order: timeout"));
    assert_eq!(cdr.hangup_by, Some(HangupBy::Caller));
    assert!(!format!("{cdr:?}").contains("138"), "a number is never printed");
}

#[test]
fn nobody_found_goes_back_to_the_bot() {
    let cdr = Cdr::from_events(
        &header(),
        &events(vec![
            (0, created()),
            (0, CallEvent::Answered { codec: Codec::Pcmu }),
            (1_000, CallEvent::TransferRequested { handoff: handoff() }),
            (5_000, CallEvent::QueueLeft { reason: "no_agent".into() }),
            (5_000, CallEvent::TransferFailed { reason: "no_agent".into() }),
            (8_000, ended(HangupBy::Bot, "completed")),
        ]),
    );
    assert_eq!((cdr.bot_s, cdr.wait_s, cdr.talk_s), (4.0, 4.0, 0.0));
    assert_eq!(cdr.last_error.as_deref(), Some("transfer: no_agent"));
}

#[test]
fn the_status_says_how_a_call_came_out() {
    let answered = || CallEvent::Answered { codec: Codec::Pcma };
    let check = |list: Vec<CallEvent>, expected: CallStatus| {
        let list = std::iter::once(created()).chain(list).map(|event| (0, event)).collect();
        assert_eq!(Cdr::from_events(&header(), &events(list)).status, expected);
    };
    check(vec![], CallStatus::Live);
    check(vec![answered()], CallStatus::Live);
    check(vec![answered(), ended(HangupBy::Bot, "completed")], CallStatus::Completed);
    check(vec![ended(HangupBy::Caller, "caller_hung_up")], CallStatus::Abandoned);
    check(vec![ended(HangupBy::System, "rejected")], CallStatus::Rejected);
    check(vec![answered(), ended(HangupBy::System, "crash")], CallStatus::Crashed);
    check(vec![ended(HangupBy::System, "crash")], CallStatus::Crashed);
}

#[test]
fn a_clock_that_steps_back_does_no_harm() {
    let mut list = transferred_call();
    list[5].at = Moment::START;
    let cdr = Cdr::from_events(&header(), &list);
    let total = cdr.bot_s + cdr.wait_s + cdr.talk_s + cdr.hold_s;
    assert_eq!(total, 29.0, "no second is counted twice");
}
