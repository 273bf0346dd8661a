//! Whole calls as scripts, because a conversation is only right as a whole.

mod driver;
#[path = "driver/script.rs"]
mod script;
#[path = "driver/setup.rs"]
mod setup;

use call::{CallEvent, Language};

use script::{check, check_from};

use Language::{En, Zh};

#[test]
fn a_caller_learns_where_the_order_is() {
    let call = check(
        En,
        "bot: This call is recorded. How can I help you?
         user: hello, where is my order please
         bot: order number
         user: two oh four one, double eight four four
         bot: 2 0 4 1, 8 8 4 4. Is that right?
         user: yes that's right
         asked: http://127.0.0.1:8090/orders/20418844
         tool: 200 shipped
         bot: 1299 yuan has been shipped with SF Express. It is expected Tuesday, November 24th.
         bot: anything else
         user: no thank you
         bot: Goodbye
         end: completed",
    );
    let filled =
        call.events.iter().any(|event| matches!(event, CallEvent::SlotFilled { slot, .. } if slot == "order_id"));
    assert!(filled, "the journal knows the slot");
}

#[test]
fn a_mandarin_caller_learns_where_the_order_is() {
    check(
        Zh,
        "bot: 请问有什么可以帮您
         user: 我想查一下我的订单到哪里了
         bot: 订单号
         user: 二零四幺八八四四
         bot: 2 0 4 1，8 8 4 4，对吗
         user: 对的
         asked: /orders/20418844
         tool: 200 shipped
         bot: 1299元，已经由SF Express发出，预计11月24号送达
         user: 没有了，谢谢
         bot: 再见
         end: completed",
    );
}

#[test]
fn a_number_in_the_first_words_is_not_asked_for_again() {
    check(
        En,
        "user: where is my order 20418844\nnot: What is your order number\nbot: 2 0 4 1, 8 8 4 4\nuser: yes\nasked: 20418844",
    );
    check(Zh, "user: 我的订单20418844到哪里了\nbot: 2 0 4 1，8 8 4 4，对吗\nuser: 是的\nasked: 20418844");
}

#[test]
fn a_number_can_be_keyed_with_and_without_the_hash() {
    check(En, "user: track my order\nkeys: 20418844\nbot: Is that right\nkeys: 1\nasked: 20418844");
    check(En, "user: track my order\nkeys: 204*20418844#\nbot: 2 0 4 1, 8 8 4 4\nuser: yes\nasked: 20418844");
    check(En, "user: track my order\nkeys: 2041\nwait: 3100\nbot: cannot be an order number");
}

#[test]
fn a_correction_in_mid_sentence_is_taken() {
    check(En, "user: where is my order\nuser: it's 2041 8843, no sorry, 2041 8844\nbot: 2 0 4 1, 8 8 4 4. Is");
    check(
        En,
        "user: where is my order\nuser: 20418851\nbot: Is that right\nuser: no, it's 2 0 4 1 8 8 4 4\nbot: 2 0 4 1, 8 8 4 4. Is",
    );
    check(Zh, "user: 查订单\nuser: 20418851\nbot: 对吗\nuser: 不对，是二零四一八八四四\nbot: 2 0 4 1，8 8 4 4");
}

#[test]
fn a_number_in_two_breaths_is_joined() {
    check(
        En,
        "user: where is my order\nuser: two zero four one\nsilent:\nuser: eight eight four four\nbot: 2 0 4 1, 8 8 4 4. Is",
    );
    check(En, "user: where is my order\nuser: two zero four one\nwait: 4100\nbot: one by one");
}

#[test]
fn a_wrong_check_digit_is_noticed_and_the_third_time_a_person_helps() {
    check(
        En,
        "user: where is my order
         user: 2041 8843
         bot: 2 0 4 1, 8 8 4 3, and that cannot be an order number
         user: 2041 8845
         bot: key in
         user: 2041 8846
         bot: connecting you
         person: NotUnderstood",
    );
}

#[test]
fn an_unknown_order_is_asked_for_again() {
    check(
        En,
        "user: where is my order
         user: 20418844
         user: yes
         tool: 404
         bot: I cannot find an order with the number 2 0 4 1, 8 8 4 4
         bot: order number
         user: 20418851
         user: yes
         asked: 20418851
         tool: 200 delivered
         bot: has been delivered by SF Express",
    );
}

#[test]
fn a_person_is_reached_at_any_time() {
    check(En, "user: agent\nbot: connecting you\nperson: CallerAsked\nconnected:\nuser: hello\nsilent:");
    check(
        En,
        "user: where is my order\nuser: this is taking forever, I want to talk to a real person\nperson: CallerAsked",
    );
    check(En, "user: where is my order\nkeys: 0\nwait: 3100\nperson: CallerAsked");
    check(Zh, "user: 转人工\nbot: 转接人工\nperson: CallerAsked");
    check(Zh, "user: 查订单\nuser: 20418844\nuser: 我要找人工客服\nperson: CallerAsked");
}

#[test]
fn the_person_is_told_what_is_known() {
    let call =
        check(En, "user: where is my order 20418844\nuser: yes\ntool: 200 shipped\nuser: let me speak to a human");
    let handoff = call.handoff.expect("a handoff");
    assert_eq!(handoff.intent.as_deref(), Some("order_status"));
    assert_eq!(handoff.queue, "after_sales");
    let slot = |name: &str| handoff.slots.iter().find(|slot| slot.name == name).map(|slot| slot.value.reveal().clone());
    assert_eq!(slot("order_id").as_deref(), Some("20418844"));
    assert_eq!(slot("order.carrier").as_deref(), Some("SF Express"));
    assert!(handoff.tried.iter().any(|tried| tried.step == "look_up" && tried.outcome == "done"));
    let brief = handoff.brief.reveal();
    assert!(brief.contains("find out where your order is") || brief.contains("2 0 4 1, 8 8 4 4"), "{brief}");
}

#[test]
fn nobody_free_becomes_a_callback() {
    check(
        En,
        "user: agent
         nobody:
         bot: nobody can take your call
         bot: call you back on 1 3 8, 0 0 1 3, 8 0 0 0?
         user: yes please
         stored: 13800138000
         bot: will call you back
         end: callback",
    );
    check(
        Zh,
        "user: 转人工
         nobody:
         bot: 没有同事可以接听
         user: 不用这个号码
         bot: 哪个号码
         user: 幺三九零零幺三九零零零
         bot: 1 3 9，0 0 1 3，9 0 0 0，对吗
         user: 对
         stored: 13900139000
         end: callback",
    );
    check(En, "user: agent\nnobody:\nuser: no\nkeys: 13900139000#\nbot: Is that right\nkeys: 1\nstored: 13900139000");
    check_from(
        En,
        "anonymous",
        "user: agent\nnobody:\nbot: Which number\nuser: no\nbot: Please call again\nend: callback_declined",
    );
}

#[test]
fn asking_again_for_a_person_when_nobody_is_there_gets_the_truth() {
    check(
        En,
        "user: agent\nnobody:\nuser: I want to talk to a real person\nbot: still nobody is free\nbot: call you back on",
    );
}

#[test]
fn a_slow_tool_is_filled_and_a_dead_one_admitted() {
    check(
        En,
        "user: where is my order 20418844
         user: yes
         wait: 950
         bot: moment
         wait: 5000
         bot: l
         fail: timeout
         asked: 20418844
         fail: timeout
         bot: cannot reach our order system
         bot: connect you to a colleague?
         user: yes
         person: ToolFailed",
    );
    check(
        En,
        "user: where is my order 20418844\nuser: yes\ntool: 500\ntool: 500\nbot: cannot reach\nuser: no\nbot: How can I help",
    );
    check(En, "user: where is my order 20418844\nuser: yes\nwait: 14000\nbot: cannot reach");
}

#[test]
fn an_answer_that_lacks_what_is_to_be_said_is_not_made_up() {
    check(
        En,
        "user: where is my order 20418844\nuser: yes\ntool: 200 broken\nnot: shipped\nbot: cannot reach our order system",
    );
}

#[test]
fn a_late_result_is_dropped() {
    let call = check(En, "user: where is my order 20418844\nuser: yes\nuser: agent\nperson: CallerAsked");
    assert!(call.tool.is_some());
    check(En, "user: where is my order 20418844\nuser: yes\nuser: agent\ntool: 200 shipped\nsilent:");
}

#[test]
fn an_answer_to_a_request_that_was_repeated_is_dropped() {
    check(
        En,
        "user: where is my order 20418844
         user: yes
         fail: refused
         late: 200
         silent:
         tool: 200 delivered
         not: cancelled
         bot: has been delivered",
    );
}

#[test]
fn silence_is_asked_about_twice_in_other_words() {
    check(
        En,
        "wait: 7000
         bot: I did not hear anything. How can I help
         wait: 9500
         silent:
         wait: 4500
         bot: I still cannot hear you
         wait: 13500
         silent:
         wait: 5000
         bot: connecting you
         person: NotUnderstood",
    );
}

#[test]
fn nonsense_is_asked_about_twice_in_other_words() {
    check(
        En,
        "user: the purple mountain sings
         bot: I did not understand that
         user: green ideas sleep
         bot: I still do not understand
         user: what is the weather like
         person: NotUnderstood",
    );
    check(
        Zh,
        "user: 今天天气怎么样\nbot: 我没有听懂\nuser: 放一首歌\nbot: 还是没有听懂\nuser: 讲个笑话\nperson: NotUnderstood",
    );
}

#[test]
fn hold_on_gives_time() {
    check(
        En,
        "user: where is my order\nuser: hold on a moment\nbot: take your time\nwait: 15000\nsilent:\nuser: 20418844\nbot: Is that right",
    );
    check(Zh, "user: 查订单\nuser: 等一下\nbot: 不着急\nwait: 15000\nsilent:\nwait: 6000\nbot: 没有听到号码");
}

#[test]
fn repeat_says_it_again() {
    check(
        En,
        "user: where is my order 20418844\nuser: sorry, could you repeat that\nbot: I have 2 0 4 1, 8 8 4 4. Is that right?",
    );
    check(Zh, "user: 再说一遍\nbot: 请问有什么可以帮您");
}

#[test]
fn words_over_a_prompt_stop_it_and_a_murmur_does_not() {
    let call =
        check(En, "user: where is my order\nhold:\nuser: 20418844\nbot: Is that right\nuser: yes\nasked: 20418844");
    assert_eq!(call.stops, 1);
    let call = check(En, "user: where is my order\nhold:\nuser: hold on\nuser: mm-hm\nsilent:");
    assert_eq!(call.stops, 0);
}

#[test]
fn a_goodbye_is_heard_whole() {
    check(En, "hold:\nuser: okay goodbye then\nbot: Goodbye\nuser: wait\nsilent:\nplay:\nend: completed");
}

#[test]
fn another_wish_in_mid_question_is_followed() {
    check(
        En,
        "user: where is my order\nuser: actually I want a refund\nbot: order number\nuser: 20418844\nuser: yes\ntool: 200 delivered\nbot: A colleague will check the refund\nperson: FlowAsked",
    );
    check(
        En,
        "user: I would like to return an item\nuser: 20418844\nuser: yes\ntool: 200 delivered\nbot: return or exchange\nperson: FlowAsked",
    );
}

#[test]
fn the_caller_chooses_the_language() {
    check(En, "user: 我的订单到哪里了\nbot: 订单号");
    check(Zh, "user: where is my order please\nbot: order number");
}

#[test]
fn a_language_that_is_asked_for_is_spoken_from_then_on() {
    check(En, "user: where is my order\nbot: order number\nuser: can we speak Chinese please\nbot: 订单号");
    check(Zh, "user: 我的订单到哪里了\nbot: 订单号\nuser: 我不会说中文\nbot: order number");
    check(En, "user: 请说中文\nbot: 请问有什么可以帮您");
}

#[test]
fn a_shutdown_is_announced() {
    check(En, "shutdown:\nbot: Please call again in a few minutes\nend: shutdown");
}

#[test]
fn nothing_follows_a_hang_up() {
    let call = check(En, "user: where is my order\ngone:\nuser: hello\nsilent:");
    assert_eq!(call.hung_up, None);
}
