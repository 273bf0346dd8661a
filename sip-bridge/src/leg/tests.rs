//! Scripts of messages and orders, and what a leg makes of them; kept apart because the machine is long enough.

use super::*;

/// Feeds `script` to `leg`, one second apart, and writes down what comes out. `wait N` lets N seconds pass.
fn run(mut leg: Leg, script: &[&str]) -> Vec<String> {
    let mut now = Moment::START;
    let mut seen = Vec::new();
    for step in script {
        now += Duration::from_secs(1);
        if let Some(seconds) = step.strip_prefix("wait ") {
            let end = now + Duration::from_secs(seconds.parse().unwrap());
            while let Some(due) = leg.poll_timeout().filter(|due| *due <= end) {
                leg.handle_timeout(due);
                drain(&mut leg, &mut seen);
            }
            now = end;
        } else if let Err(refused) = leg.handle_input(input(step), now) {
            seen.push(format!("{refused:?}"));
        }
        drain(&mut leg, &mut seen);
    }
    seen.push(leg.state().name().to_owned());
    seen
}

fn drain(leg: &mut Leg, seen: &mut Vec<String>) {
    while let Some(output) = leg.poll_output() {
        seen.push(match output {
            LegOutput::Ended { by, reason, code } => format!("Ended {by:?} {reason} {code:?}"),
            LegOutput::Failed { code, .. } => format!("Failed {code}"),
            LegOutput::Refuse { code, .. } => format!("Refuse {code}"),
            LegOutput::RefuseNewReoffer { code } => format!("RefuseNew {code}"),
            LegOutput::RefuseReoffer { code } => format!("RefuseOld {code}"),
            other => format!("{other:?}").split([' ', '{']).next().unwrap().to_owned(),
        });
    }
}

fn input(step: &str) -> LegInput {
    let sdp = step.contains("sdp").then(|| "v=0".to_owned());
    match step.split(' ').next().unwrap() {
        "ack" => LegInput::Acked { sdp },
        "answer" => LegInput::Answer,
        "bye" => LegInput::Bye { reason: None },
        "cancel" => LegInput::Cancel,
        "gone" => LegInput::Gone,
        "hangup" => LegInput::HangUp { reason: "done".to_owned() },
        "reject" => LegInput::Reject { code: 486, reason: "Busy Here".to_owned() },
        "reoffer" => LegInput::Reoffer,
        "settled" => LegInput::ReofferSettled,
        "unacked" => LegInput::ReofferUnacked,
        "ring" => LegInput::Ring,
        "want" => LegInput::WantReoffer,
        "got" => LegInput::WantReofferSettled,
        code => match code.parse().unwrap() {
            code @ 100..=199 => LegInput::Provisional { code, sdp },
            code => LegInput::Final { code, reason: String::new(), sdp },
        },
    }
}

fn check_inbound(script: &[&str], expected: &[&str]) {
    assert_eq!(run(Leg::inbound(), script), expected, "{script:?}");
}

fn check_outbound(script: &[&str], expected: &[&str]) {
    let ring_until = Moment::START + Duration::from_secs(20);
    assert_eq!(run(Leg::outbound(ring_until), script), expected, "{script:?}");
}

#[test]
fn an_inbound_call_rings_is_answered_and_ends() {
    check_inbound(
        &["ring", "ring", "answer", "ack", "bye"],
        &["Ring", "Answer", "Confirmed", "Ended Remote bye None", "Forget", "ended"],
    );
    check_inbound(
        &["answer", "ack sdp", "hangup", "gone"],
        &["Answer", "Confirmed", "Ended Local done None", "Bye", "Forget", "ended"],
    );
    check_inbound(&["reject"], &["Refuse 486", "Ended Local Busy Here Some(486)", "Forget", "ended"]);
    check_inbound(&["ring", "hangup"], &["Ring", "Refuse 603", "Ended Local done Some(603)", "Forget", "ended"]);
}

#[test]
fn a_cancel_before_the_answer_ends_the_call_and_after_it_changes_nothing() {
    let end = ["Refuse 487", "Ended Remote cancelled Some(487)", "Forget", "WrongState(Ended)", "ended"];
    check_inbound(&["cancel", "answer"], &end);
    check_inbound(&["answer", "cancel", "ack"], &["Answer", "Confirmed", "confirmed"]);
}

#[test]
fn a_bye_of_ours_waits_for_the_ack() {
    check_inbound(
        &["answer", "hangup", "hangup", "ack", "gone"],
        &["Answer", "Ended Local done None", "Bye", "Forget", "ended"],
    );
    check_inbound(&["answer", "hangup", "wait 40"], &["Answer", "Ended Local done None", "Bye", "leaving"]);
    check_inbound(
        &["answer", "wait 40", "wait 40"],
        &["Answer", "Bye", "Ended Remote no ACK came Some(408)", "Forget", "ended"],
    );
    check_inbound(&["answer", "hangup", "bye"], &["Answer", "Ended Local done None", "Forget", "ended"]);
}

#[test]
fn byes_that_cross_end_the_call_once() {
    check_inbound(
        &["answer", "ack", "hangup", "bye", "gone"],
        &["Answer", "Confirmed", "Ended Local done None", "Bye", "Forget", "ended"],
    );
    check_inbound(&["answer", "bye", "ack"], &["Answer", "Ended Remote bye None", "Forget", "ended"]);
}

#[test]
fn an_outbound_call_is_answered_refused_or_given_up() {
    check_outbound(&["100", "180", "180", "200 sdp"], &["Ringing", "Answered", "confirmed"]);
    check_outbound(&["183 sdp", "200 sdp"], &["EarlyMedia", "Answered", "confirmed"]);
    check_outbound(&["100", "486"], &["Failed 486", "Forget", "ended"]);
    check_outbound(&["180", "wait 30", "487"], &["Ringing", "Failed 408", "Cancel", "Forget", "ended"]);
    check_outbound(&["wait 30", "wait 30"], &["Failed 408", "Forget", "ended"]);
    check_outbound(&["200"], &["Failed 488", "Bye", "leaving"]);
}

#[test]
fn a_cancel_of_ours_waits_for_their_first_word_and_may_cross_a_200() {
    let given_up = "Ended Local done Some(487)";
    check_outbound(&["hangup", "100", "487"], &[given_up, "Cancel", "Forget", "ended"]);
    check_outbound(&["100", "hangup", "180", "487"], &[given_up, "Cancel", "Forget", "ended"]);
    check_outbound(&["180", "hangup", "200 sdp", "gone"], &["Ringing", given_up, "Cancel", "Bye", "Forget", "ended"]);
    check_outbound(&["hangup", "200 sdp", "bye"], &[given_up, "Bye", "leaving"]);
}

#[test]
fn changes_that_meet_are_refused_and_the_call_goes_on() {
    let up = ["Answered"];
    let check = |script: &[&str], expected: &[&str]| {
        check_outbound(&[&["200 sdp"], script].concat(), &[&up, expected].concat());
    };
    check(&["reoffer", "settled", "reoffer"], &["Reoffered", "Reoffered", "confirmed"]);
    check(&["want", "reoffer", "got", "reoffer"], &["Reoffer", "RefuseNew 491", "Reoffered", "confirmed"]);
    check(&["reoffer", "reoffer", "want"], &["Reoffered", "RefuseNew 500", "Glare", "confirmed"]);
    check(&["reoffer", "wait 15", "reoffer"], &["Reoffered", "RefuseOld 500", "Reoffered", "confirmed"]);
    check(&["reoffer", "bye"], &["Reoffered", "Ended Remote bye None", "RefuseOld 487", "Forget", "ended"]);
    check(&["reoffer", "settled", "unacked"], &["Reoffered", "Ended Remote no ACK came Some(408)", "Bye", "leaving"]);
}

#[test]
fn a_change_that_overtakes_its_ack_waits_for_it() {
    let kept = ["Answer", "HoldReoffer"];
    let check = |script: &[&str], expected: &[&str]| {
        check_inbound(&[&["answer", "reoffer"], script].concat(), &[&kept, expected].concat());
    };
    check(&["ack", "settled", "reoffer"], &["Confirmed", "Reoffered", "Reoffered", "confirmed"]);
    check(&["reoffer", "ack"], &["RefuseNew 500", "Confirmed", "Reoffered", "confirmed"]);
    check(&["ack", "wait 15"], &["Confirmed", "Reoffered", "RefuseOld 500", "confirmed"]);
    check(&["bye"], &["Ended Remote bye None", "RefuseOld 487", "Forget", "ended"]);
    check(&["hangup", "ack"], &["Ended Local done None", "RefuseOld 487", "Bye", "leaving"]);
    check(&["wait 40"], &["RefuseOld 487", "Bye", "Ended Remote no ACK came Some(408)", "leaving"]);
}

#[test]
fn a_change_before_the_call_is_up_is_refused_as_the_rfc_says() {
    check_inbound(&["ring", "reoffer"], &["Ring", "RefuseNew 500", "ringing"]);
    check_outbound(&["180", "reoffer"], &["Ringing", "RefuseNew 491", "ringing"]);
}

#[test]
fn no_order_of_messages_gives_two_endings_or_none() {
    let steps = [
        "100", "180", "200 sdp", "486", "ack", "answer", "bye", "cancel", "gone", "got", "hangup", "reject", "reoffer",
        "ring", "settled", "unacked", "wait 12", "want",
    ];
    let mut seed = 7_u64;
    for round in 0..20_000 {
        let mut script = Vec::new();
        for _ in 0..8 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            script.push(steps[(seed >> 33) as usize % steps.len()]);
        }
        script.extend(["hangup", "wait 40", "wait 40"]);
        let (leg, whose) = match round % 2 {
            0 => (Leg::inbound(), "inbound"),
            _ => (Leg::outbound(Moment::START + Duration::from_secs(20)), "outbound"),
        };
        let seen = run(leg, &script);
        let endings = seen.iter().filter(|what| what.starts_with("Ended") || what.starts_with("Failed")).count();
        let forgotten = seen.iter().filter(|what| *what == "Forget").count();
        assert_eq!((endings, forgotten), (1, 1), "{whose} {script:?} {seen:?}");
    }
}
