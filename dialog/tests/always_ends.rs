//! Whatever happens in whatever order: no panic, no flood, and never a wait without a limit.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod driver;
#[path = "driver/setup.rs"]
mod setup;

use call::{Language, Moment, Pii};
use dialog::{Conversation, Input, Output, Phase};
use proptest::prelude::*;

/// More outputs than any single input should ever cause.
const OUTPUTS_PER_INPUT_MAX: usize = 64;

fn words() -> impl Strategy<Value = String> {
    let known = proptest::sample::select(vec![
        "where is my order",
        "20418844",
        "2041",
        "8844",
        "yes",
        "no",
        "agent",
        "goodbye",
        "repeat that please",
        "hold on a moment",
        "I want a refund",
        "no, it's 20418844",
        "mm-hm",
        "13900139000",
        "another order",
        "转人工",
        "我的订单到哪里了",
        "二零四幺八八四四",
        "对",
        "不对",
        "等一下",
        "再说一遍",
        "没有了",
        "退款",
        "purple mountains",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => ".{0,80}"]
}

fn input() -> impl Strategy<Value = Input> {
    let heard = (words(), any::<bool>(), 0.0_f32..1.0).prop_map(|(text, zh, confidence)| Input::Heard {
        text: Pii::new(text),
        language: if zh { Language::Zh } else { Language::En },
        confidence,
        emotion: None,
    });
    let key = proptest::sample::select("0123456789*#ABx".chars().collect::<Vec<_>>());
    let status = proptest::sample::select(vec![200_u16, 204, 404, 500, 302, 99]);
    let body = proptest::sample::select(vec![
        serde_json::Value::Null,
        serde_json::json!([]),
        serde_json::json!({"status": "shipped"}),
        serde_json::json!({"status": {"a": [1]}, "total": "x"}),
        serde_json::json!({"status": "delivered", "total": 1e300, "currency": "CNY", "carrier": "SF", "expected": "soon"}),
        serde_json::json!({"status": "shipped", "total": 5, "currency": 7, "carrier": "SF", "expected": "2026-13-99"}),
    ]);
    prop_oneof![
        8 => heard,
        6 => key.prop_map(|key| Input::Digit(Pii::new(key))),
        4 => (0_u64..40).prop_map(|id| Input::SayFinished { id }),
        1 => (0_u64..40).prop_map(|id| Input::SayStopped { id }),
        4 => (0_u64..6, status, body).prop_map(|(id, status, body)| Input::ToolReturned { id, status, body }),
        1 => (0_u64..6).prop_map(|id| Input::ToolFailed { id, reason: "refused".to_owned() }),
        2 => Just(Input::SpeechStarted),
        1 => Just(Input::Unclear),
        1 => Just(Input::Started),
        1 => Just(Input::TransferFailed { reason: "no_answer".to_owned() }),
    ]
}

fn drain(talk: &mut Conversation) -> Vec<Output> {
    let outputs: Vec<Output> = std::iter::from_fn(|| talk.poll_output()).collect();
    assert!(outputs.len() <= OUTPUTS_PER_INPUT_MAX, "{} outputs of one input", outputs.len());
    if let Some(end) = outputs.iter().position(|output| matches!(output, Output::HangUp { .. })) {
        assert_eq!(end + 1, outputs.len(), "nothing follows the end");
    }
    outputs
}

/// Plays inputs, then leaves the caller silent and everybody else mute: the call must end by itself.
fn play(inputs: Vec<(Input, u64)>, caller: &str) {
    let mut now = Moment::from_millis(5);
    let setup = setup::setup(Language::En, caller);
    let mut talk = Conversation::new(driver::FLOW.clone(), setup, now);
    talk.handle_input(Input::Started, now);
    drain(&mut talk);
    for (input, millis) in inputs {
        now += std::time::Duration::from_millis(millis);
        while let Some(due) = talk.poll_timeout().filter(|due| *due <= now) {
            talk.handle_timeout(due.max(Moment::START));
            drain(&mut talk);
            assert!(talk.poll_timeout().is_none_or(|next| next > due), "a timeout that does not pass");
        }
        talk.handle_input(input, now);
        drain(&mut talk);
        let ended = matches!(talk.phase(), Phase::Over | Phase::Connected);
        assert!(ended || talk.poll_timeout().is_some(), "a wait without a limit in {:?}", talk.phase());
    }
    for _ in 0..200 {
        if talk.phase() == Phase::Over {
            return;
        }
        now = now.max(talk.poll_timeout().expect("a limit"));
        talk.handle_timeout(now);
        drain(&mut talk);
    }
    panic!("the call did not end: {:?}", talk.phase());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_call_never_panics_floods_or_hangs(
        inputs in proptest::collection::vec((input(), 0_u64..9_000), 0..60),
        withheld in any::<bool>(),
    ) {
        play(inputs, if withheld { "anonymous" } else { "13800138000" });
    }

    #[test]
    fn any_text_is_a_flow_or_a_list_of_problems(text in "([a-z_]{1,8}: ?[\\[\\]{}a-z0-9\"'&*!|>, ]{0,20}\n ?){0,12}") {
        if let Err(errors) = dialog::Flow::load("x.yaml", &text) {
            prop_assert!(!errors.problems.is_empty());
        }
    }

    #[test]
    fn any_text_can_be_searched_for_values(text in ".{0,120}") {
        let _ = dialog::slots::digits(&text, 8..=8);
        let _ = dialog::slots::yes_no(&text);
        let _ = dialog::slots::amount(&text);
        let _ = dialog::slots::phone(&text);
        let _ = dialog::slots::code(&text);
        let _ = dialog::slots::date(&text, jiff::civil::date(2026, 11, 21));
    }

    #[test]
    fn any_words_of_numbers_can_be_searched(
        words in proptest::collection::vec(proptest::sample::select(vec![
            "two", "hundred", "thousand", "million", "and", "twenty", "oh", "double", "a", "9", "99999999999999999999",
            "3.999", ",", ".", "三", "十", "百", "千", "万", "零", "个", "块", "毛", "月", "号", "days", "ago", "first", "monday", "下", "周",
        ]), 0..14),
    ) {
        let text = words.join(" ");
        let _ = dialog::slots::digits(&text, 8..=8);
        let _ = dialog::slots::amount(&text);
        let _ = dialog::slots::date(&text, jiff::civil::date(2026, 11, 21));
        let _ = dialog::slots::digits(&words.concat(), 1..=32);
        let _ = dialog::slots::amount(&words.concat());
        let _ = dialog::slots::date(&words.concat(), jiff::civil::date(2026, 11, 21));
    }
}
