//! The sample flow on words that none of its examples holds as they are: what a caller really says.

mod driver;

use std::time::Duration;

use dialog::nlu::ACT_MIN;
use dialog::understand;

const WISHES: &[(&str, &str)] = &[
    ("order_status", "hi I was wondering when my stuff is going to show up"),
    ("order_status", "could you tell me where my parcel has got to"),
    ("order_status", "my delivery is late, what's going on"),
    ("order_status", "has my package left the warehouse"),
    ("order_status", "请问我的包裹现在在哪里"),
    ("order_status", "我前天买的东西发货了没有"),
    ("order_status", "帮我看下快递到哪儿了"),
    ("refund", "I'd like you to give me back the money I paid"),
    ("refund", "how long does a refund take"),
    ("refund", "我想把钱退回来"),
    ("refund", "我的退款怎么还没到账"),
    ("return_exchange", "these shoes are too small, can I swap them"),
    ("return_exchange", "I need to send back what I bought"),
    ("return_exchange", "衣服太大了我想换一件小的"),
    ("return_exchange", "这个东西我想退货"),
    ("fault_report", "the kettle I bought stopped working"),
    ("fault_report", "the screen is broken"),
    ("fault_report", "我买的水壶坏了"),
    ("fault_report", "手机充不了电了"),
    ("invoice", "could you email me an invoice for my purchase"),
    ("invoice", "I need a receipt for my company"),
    ("invoice", "麻烦给我开个发票"),
    ("invoice", "发票抬头能改一下吗"),
    ("agent", "just put me through to a human being"),
    ("agent", "can I talk to somebody real"),
    ("agent", "给我转人工服务"),
    ("agent", "我要和真人客服说话"),
    ("goodbye", "thanks a lot, goodbye"),
    ("goodbye", "好的谢谢，再见"),
    ("repeat", "could you say that once more"),
    ("repeat", "没听清楚，再说一遍好吗"),
    ("hold_on", "hang on a second, let me get it"),
    ("hold_on", "稍等一下我找找"),
];

const STRANGERS: &[&str] = &[
    "how do I get to the airport",
    "who is the president of France",
    "my dog is called Rex",
    "read me the news",
    "what should I have for dinner",
    "add milk to my shopping list",
    "the train leaves at noon",
    "how many people live in China",
    "明天早上几点日出",
    "帮我订一家酒店",
    "我家的狗叫小白",
    "法国的首都在哪里",
    "晚饭吃什么好",
    "给我念一下新闻",
];

#[test]
fn what_callers_really_say_is_understood() {
    let today = jiff::civil::date(2026, 11, 21);
    let (mut right, mut offered, mut wrong_acts) = (0, 0, Vec::new());
    for (wanted, text) in WISHES {
        let understood = understand(&driver::FLOW, text, today);
        let best = understood.ranked.first().expect("a guess");
        let hit = best.intent == *wanted;
        right += usize::from(hit);
        offered += usize::from(hit && understood.intent.is_some());
        if !hit || understood.intent.is_none() {
            println!("{wanted}: {text:?} -> {} {:.2}", best.intent, best.confidence);
        }
        if !hit && best.confidence >= ACT_MIN {
            wrong_acts.push(*text);
        }
    }
    println!("paraphrases: {right} of {} right, {offered} acted on or asked about", WISHES.len());
    let acted = |text: &&&str| understand(&driver::FLOW, text, today).confidence >= ACT_MIN;
    let strangers: Vec<_> = STRANGERS.iter().filter(acted).collect();
    println!(
        "strangers acted on: {} of {}: {strangers:?}; wrong acts: {wrong_acts:?}",
        strangers.len(),
        STRANGERS.len()
    );
    assert!(offered * 10 >= WISHES.len() * 8, "{offered} of {}", WISHES.len());
    assert!(strangers.len() <= 1, "{strangers:?}");
    assert!(wrong_acts.len() <= 1, "{wrong_acts:?}");
}

#[test]
fn a_flow_is_trained_in_less_than_a_second() {
    let yaml = include_str!("../../flows/after-sales.yaml");
    let took = |_| {
        #[expect(clippy::disallowed_methods, reason = "the claim is about real time")]
        let start = std::time::Instant::now();
        assert!(dialog::Flow::load("flows/after-sales.yaml", yaml).is_ok());
        start.elapsed()
    };
    let fastest = (0..3).map(took).min().expect("three tries");
    println!("loading and training took {fastest:?}");
    assert!(fastest < Duration::from_secs(1), "{fastest:?}");
}
