//! A faulty flow is refused with every fault at its place, because a designer mends a file and not an error.

#![expect(clippy::expect_used, reason = "helpers of tests fail by panicking")]

use call::Language;
use dialog::Flow;

const GOOD: &str = include_str!("../../flows/after-sales.yaml");

/// Breaks the sample flow wherever it says so and expects one message about it.
fn check(from: &str, to: &str, expected: &str) {
    assert!(GOOD.contains(from), "the sample has no {from:?} to break");
    let broken = GOOD.replace(from, to);
    let errors = Flow::load("flows/after-sales.yaml", &broken).expect_err(expected).to_string();
    assert!(errors.contains(expected), "wanted {expected:?} in:\n{errors}");
}

/// The line of the first place where the sample holds a text.
fn line(text: &str) -> usize {
    GOOD.lines().position(|line| line.contains(text)).expect("the sample holds it") + 1
}

#[test]
fn the_sample_flow_is_whole() {
    let flow = Flow::load("flows/after-sales.yaml", GOOD).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(flow.name(), "after-sales");
    assert_eq!(flow.config_names(), ["backend"]);
    assert!(flow.fixed_prompts().iter().any(|(_, text)| text == "How can I help you?"));
    assert!(!flow.fixed_prompts().iter().any(|(_, text)| text.contains("{{")));
}

#[test]
fn the_words_that_callers_say_are_told() {
    let flow = Flow::load("flows/after-sales.yaml", GOOD).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(flow.words().any(|word| word == (Language::Zh, "订单")), "from the vocabulary");
    assert!(flow.examples().any(|example| example == (Language::En, "where is my order")));
    check("vocabulary:\n", "vocabulary:\n  fr: [commande]\n", "language \"fr\" does not exist");
}

#[test]
fn a_missing_step_is_named_with_its_place_and_the_nearest_name() {
    let at = line("go: ask_order");
    let expected =
        format!("flows/after-sales.yaml:{at}:9: step \"ask_oder\" does not exist; did you mean \"ask_order\"?");
    check("go: ask_order", "go: ask_oder", &expected);
}

#[test]
fn misspelt_names_are_told() {
    check("listen: [order_status, refund", "listen: [order_staus, refund", "did you mean \"order_status\"?");
    check("ask_order: { ask: order_id", "ask_order: { ask: order_ident", "slot \"order_ident\" does not exist");
    check("call: find_order", "call: find_oder", "tool \"find_oder\" does not exist; did you mean \"find_order\"?");
    check(
        "{{ order.carrier }}",
        "{{ oder.carrier }}",
        "template variable \"oder\" does not exist; did you mean \"order\"?",
    );
    check("check: luhn", "check: luhm", "did you mean \"luhn\"?");
    check("type: digits", "type: digit", "did you mean \"digits\"?");
    check("barge_in: forbidden", "barge_in: forbiden", "did you mean \"forbidden\"?");
    check("ask_order: { ask", "ask_order: { pauses: lon, ask", "pauses \"lon\" does not exist; did you mean \"long\"?");
    check("    retry: 1", "    retrys: 1", "tool key \"retrys\" does not exist; did you mean \"retry\"?");
}

#[test]
fn what_is_missing_is_told() {
    check("start: greeting", "start: ''", "flow has no entry");
    check("      zh: \"您好，欢迎致电售后服务。本次通话会被录音。\"\n", "", "\"say\" has no text in \"zh\"");
    check("  hold_on:\n    en: \"Of", "  holdon:\n    en: \"Of", "\"prompts\" has no \"hold_on\"");
    check("    next: open\n", "    next: what_else\n", "step \"open\" is never reached");
    check("    ok: tell_status\n", "", "this step has no \"ok\"");
}

#[test]
fn what_cannot_work_is_told() {
    check("{{config.backend}}/orders", "ftp://shop/orders", "is no web address");
    check("{{config.backend}}/orders", "http://${SHOP}/orders", "belongs to the server's configuration");
    check("{{ order.carrier }}", "{{ order.carrier", "this template cannot be read");
    check("timeout_ms: 6000", "timeout_ms: soon", "must be a number from 100 to 60000");
    check("on: { 404: unknown_order }", "on: { nope: unknown_order }", "is no HTTP status");
    check("languages: [en, zh]", "languages: [en, fr]", "language \"fr\" does not exist");
    check("    next: open\n", "    next: greeting\n", "leads back to itself without waiting");
    check("save_as: order\n", "save_as: config\n", "hides another value");
    check("name: after-sales", "name: [after-sales", "this is not YAML");
}

#[test]
fn all_problems_are_told_at_once() {
    let broken = GOOD.replace("go: ask_order", "go: ask_oder").replace("check: luhn", "check: luhm");
    let errors = Flow::load("x.yaml", &broken).expect_err("two problems");
    assert!(errors.problems.len() >= 2, "{errors}");
    assert!(errors.problems.is_sorted_by_key(|problem| problem.line));
}

#[test]
fn the_schema_knows_the_same_keys() {
    let schema: serde_json::Value = serde_json::from_str(include_str!("../../flows/flow.schema.json")).expect("JSON");
    let keys = |part: &serde_json::Value| {
        let mut keys: Vec<String> = part["properties"].as_object().expect("properties").keys().cloned().collect();
        keys.sort();
        keys
    };
    // The loader names the keys it knows when it meets one that is like none of them.
    let known = |from: &str, to: &str, what: &str| {
        let broken = GOOD.replace(from, to);
        let errors = Flow::load("x.yaml", &broken).expect_err("an unknown key").to_string();
        let start = format!("{what} key \"qqqqqqqqqqqq\" does not exist; known: ");
        let line = errors.lines().find_map(|line| line.split_once(&start)).expect(&errors).1.to_owned();
        let mut keys: Vec<String> = line.split(", ").map(str::to_owned).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&schema), known("queue: after", "qqqqqqqqqqqq: 1\nqueue: after", "flow"));
    let part = |name: &str| keys(&schema["$defs"][name]);
    assert_eq!(part("intent"), known("    go: ask_order", "    qqqqqqqqqqqq: 1\n    go: ask_order", "intent"));
    assert_eq!(part("slot"), known("    type: digits", "    qqqqqqqqqqqq: 1\n    type: digits", "slot"));
    assert_eq!(part("tool"), known("    method: GET", "    qqqqqqqqqqqq: 1\n    method: GET", "tool"));
    assert_eq!(part("step"), known("    next: open", "    qqqqqqqqqqqq: 1\n    next: open", "step"));
    assert_eq!(part("prompts"), known("prompts:\n", "prompts:\n  qqqqqqqqqqqq: {}\n", "prompt"));
}

#[test]
fn wrong_markup_is_told_with_its_place() {
    let text = "How can I help you?";
    let at = line(text);
    let wrong = "\"How <brek/> can I help you?\"";
    let expected = "markup <brek> does not exist; known: break, emphasis, lang, prosody, say-as";
    let quoted = GOOD.contains(&format!("\"{text}\""));
    let (from, to) = if quoted { (format!("\"{text}\""), wrong) } else { (text.to_owned(), wrong) };
    check(&from, to, &format!("flows/after-sales.yaml:{at}:"));
    check(&from, to, expected);
}

#[test]
fn clauses_that_every_call_says_are_known_though_the_text_has_values() {
    let flow = Flow::load("flows/after-sales.yaml", GOOD).unwrap_or_else(|errors| panic!("{errors}"));
    let live = flow.live_prompts();
    assert!(live.iter().any(|(_, text)| text.contains(dialog::HOLE)));
    assert!(live.iter().all(|(_, text)| !text.contains("{{") && !text.contains("{%")));
}
