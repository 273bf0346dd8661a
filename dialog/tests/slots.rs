//! Values as callers say them, in both languages: a table for each kind.

use dialog::slots::{self, Dictated, YesNo};
use jiff::civil::date;

fn check_digits(wanted: usize, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let found = slots::digits(text, wanted..=wanted);
        assert_eq!(found, Dictated::Complete((*expected).to_owned()), "{text}");
    }
}

#[test]
fn digits_are_found_however_they_are_said() {
    check_digits(
        8,
        &[
            ("20418844", "20418844"),
            ("2041 8844", "20418844"),
            ("2 0418 844", "20418844"),
            ("2-0-4-1-8-8-4-4", "20418844"),
            ("2, 0, 4, 1, 8, 8, 4, 4.", "20418844"),
            ("20,418,844", "20418844"),
            ("two zero four one eight eight four four", "20418844"),
            ("two oh four one double eight double four", "20418844"),
            ("Two O four one, double-eight, four four", "20418844"),
            ("twenty forty one eighty eight forty four", "20418844"),
        ],
    );
    check_digits(
        8,
        &[
            ("it's uh two zero four one um eight eight and then four four", "20418844"),
            ("my order number is 20418844 thank you", "20418844"),
            ("where is my order 2041 8844 please", "20418844"),
            ("two thousand forty one, eight eight four four", "20418844"),
            ("nought one two three four five six seven", "01234567"),
            ("zero zero zero one two three four five", "00012345"),
            ("triple zero one two three four five", "00012345"),
            ("quadruple five one two three four", "55551234"),
            ("2 to 2 for 1 8 8 4", "22241884"),
        ],
    );
}

#[test]
fn short_numbers_and_hundreds_are_found() {
    check_digits(3, &[("two hundred", "200"), ("two hundred and five", "205"), ("double oh seven", "007")]);
    check_digits(
        3,
        &[("one hundred twenty three", "123"), ("nine one one", "911"), ("三个四", "444"), ("三百五", "350")],
    );
    check_digits(3, &[("三百零五", "305"), ("一百二十三", "123"), ("triple four", "444"), ("a hundred", "100")]);
    check_digits(4, &[("eighteen hundred", "1800"), ("twenty forty one", "2041"), ("两千零四十一", "2041")]);
    check_digits(
        4,
        &[("one thousand two hundred", "1200"), ("一千二", "1200"), ("两千", "2000"), ("nineteen eighty", "1980")],
    );
    check_digits(5, &[("一万两千", "12000"), ("三万", "30000"), ("twelve thousand five hundred", "12500")]);
    check_digits(2, &[("forty two", "42"), ("十五", "15"), ("二十", "20"), ("seventeen", "17"), ("九十九", "99")]);
}

#[test]
fn mandarin_digits_are_found() {
    check_digits(
        8,
        &[
            ("二零四一八八四四", "20418844"),
            ("二零四幺八八四四", "20418844"),
            ("两零四幺，八八四四", "20418844"),
            ("二〇四一八八四四", "20418844"),
            ("二零四一两个八两个四", "20418844"),
            ("订单号是20418844", "20418844"),
            ("我的订单号是 2041 8844 谢谢", "20418844"),
            ("２０４１８８４４", "20418844"),
            ("嗯二零四一然后八八四四", "20418844"),
            ("2041，八八四四", "20418844"),
            ("二零 四一 八八 四四", "20418844"),
        ],
    );
}

#[test]
fn corrections_replace_what_came_before() {
    check_digits(
        8,
        &[
            ("20418843, no, 20418844", "20418844"),
            ("two oh four one no sorry two oh four one eight eight four four", "20418844"),
            ("2041 8843 I mean 44", "20418844"),
            ("20418843 scratch that 20418844", "20418844"),
            ("no it's 2 0 4 1 8 8 4 4", "20418844"),
            ("20418843，不对，20418844", "20418844"),
            ("二零四一八八四三，不对，是四四", "20418844"),
            ("二零四一八八四三，说错了，二零四一八八四四", "20418844"),
        ],
    );
}

#[test]
fn what_is_no_whole_number_is_not_taken_for_one() {
    let check = |text: &str, expected: Dictated| assert_eq!(slots::digits(text, 8..=8), expected, "{text}");
    check("", Dictated::None);
    check("I don't know", Dictated::None);
    check("oh no", Dictated::None);
    check("to be or not to be", Dictated::None);
    check("2041", Dictated::Partial("2041".to_owned()));
    check("二零四一", Dictated::Partial("2041".to_owned()));
    check("204188441", Dictated::TooMany("204188441".to_owned()));
}

#[test]
fn check_digits_follow_luhn() {
    let check = |digits: &str, expected: bool| assert_eq!(slots::luhn_valid(digits), expected, "{digits}");
    check("79927398713", true);
    check("79927398710", false);
    check("20418844", true);
    check("20418842", false);
    check("4111111111111111", true);
    check("", false);
    check("0", false);
    check("2041884x", false);
    check("二零四一", false);
    assert_eq!(slots::luhn_digit("2041884"), Some('4'));
    assert_eq!(slots::luhn_digit(""), None);
}

#[test]
fn yes_and_no_are_told_apart() {
    for text in [
        "yes",
        "Yeah.",
        "yep that's right",
        "correct",
        "sure",
        "okay",
        "yes please",
        "of course",
        "right",
        "exactly",
        "that is correct",
        "no problem",
        "是的",
        "对",
        "对的",
        "没错",
        "好的",
        "可以",
        "嗯",
        "没问题",
        "行",
        "正确",
    ] {
        assert_eq!(slots::yes_no(text), Some(YesNo::Yes), "{text}");
    }
    for text in [
        "no",
        "Nope.",
        "no thanks",
        "no thank you",
        "that's wrong",
        "not really",
        "that's not right",
        "incorrect",
        "no that's all",
        "nothing else",
        "不是",
        "不对",
        "没有了",
        "不用了",
        "不需要",
        "不行",
        "没有，谢谢",
        "错了",
        "不要",
        "no it isn't right",
    ] {
        assert_eq!(slots::yes_no(text), Some(YesNo::No), "{text}");
    }
    for text in ["", "maybe", "where is my order", "20418844", "也许吧", "我的订单"] {
        assert_eq!(slots::yes_no(text), None, "{text}");
    }
}

#[test]
fn murmurs_are_no_answers() {
    for text in ["mm-hm", "uh huh", "Hmm.", "嗯", "嗯嗯", "哦", "okay", "I see", "Okay, right.", "好的。", "对对"]
    {
        assert!(slots::is_backchannel(text), "{text}");
    }
    for text in ["no", "yes I want a refund", "stop", "不是", ""] {
        assert!(!slots::is_backchannel(text), "{text}");
    }
}

#[test]
fn dates_are_counted_from_the_day_of_the_call() {
    // A Saturday.
    let today = date(2026, 11, 21);
    let check = |text: &str, month: i8, day: i8| {
        let found = slots::date(text, today).map(|date| (date.month(), date.day()));
        assert_eq!(found, Some((month, day)), "{text}");
    };
    check("today", 11, 21);
    check("tomorrow please", 11, 22);
    check("yesterday", 11, 20);
    check("the day after tomorrow", 11, 23);
    check("the day before yesterday", 11, 19);
    check("in three days", 11, 24);
    check("two weeks ago", 11, 7);
    check("a week from now", 11, 28);
    check("2026-11-24", 11, 24);
    check("November 24th", 11, 24);
    check("the 24th of November", 11, 24);
    check("Nov 24", 11, 24);
    check("november twenty fourth", 11, 24);
    check("December first", 12, 1);
    check("the 3rd", 12, 3);
    check("on Monday", 11, 23);
    check("next Friday", 11, 27);
    check("last Wednesday", 11, 11);
    check("今天", 11, 21);
    check("明天下午", 11, 22);
    check("后天", 11, 23);
    check("大后天", 11, 24);
    check("昨天", 11, 20);
    check("前天", 11, 19);
    check("三天后", 11, 24);
    check("11月24号", 11, 24);
    check("十一月二十四日", 11, 24);
    check("十二月一号", 12, 1);
    check("24号", 11, 24);
    check("下周三", 11, 25);
    check("星期一", 11, 23);
    for text in ["", "never", "february 31st", "whenever", "随便", "99月99号"] {
        assert_eq!(slots::date(text, today), None, "{text}");
    }
}

#[test]
fn amounts_are_taken_to_the_cent() {
    let check = |text: &str, expected: &str| {
        assert_eq!(slots::amount(text).map(|amount| amount.to_text()).as_deref(), Some(expected), "{text}");
    };
    check("1299", "1299.00");
    check("¥1,299.00", "1299.00");
    check("$19.90", "19.90");
    check("1299 yuan", "1299.00");
    check("one thousand two hundred ninety nine yuan", "1299.00");
    check("twelve fifty", "12.50");
    check("fifty pounds", "50.00");
    check("twenty euros", "20.00");
    check("5 dollars and 20 cents", "5.20");
    check("一千二百九十九元", "1299.00");
    check("三块五", "3.50");
    check("三块五毛", "3.50");
    check("一百块", "100.00");
    check("两万元", "20000.00");
    assert_eq!(slots::amount("a lot of money"), None);
    assert_eq!(slots::amount("20 pounds").and_then(|amount| amount.currency), Some(slots::Currency::Gbp));
    assert_eq!(slots::amount("100美元").and_then(|amount| amount.currency), Some(slots::Currency::Usd));
}

#[test]
fn telephone_numbers_and_codes_are_taken() {
    let phone = |text: &str, expected: Option<&str>| assert_eq!(slots::phone(text).as_deref(), expected, "{text}");
    phone("13800138000", Some("13800138000"));
    phone("138 0013 8000", Some("13800138000"));
    phone("幺三八零零幺三八零零零", Some("13800138000"));
    phone("plus four four two oh seven nine four six oh one two three", Some("+442079460123"));
    phone("+44 20 7946 0123", Some("+442079460123"));
    phone("my number is 555 0123 please", Some("5550123"));
    phone("12345", None);
    phone("anonymous", None);
    let code = |text: &str, expected: Option<&str>| assert_eq!(slots::code(text).as_deref(), expected, "{text}");
    code("A B one two", Some("AB12"));
    code("B for bravo, 7", Some("B7"));
    code("alpha tango 42", Some("AT42"));
    code("", None);
}
