//! Numbers as Mandarin words.
//!
//! Two is 两 in front of 千, 万, 亿, of a leading 百 and of a measure word, and 二 elsewhere, as GB/T 15835 and daily
//! speech have it.

/// `1204` as 一千二百零四. `digits` holds ASCII digits only; with a zero in front, or beyond
/// [`CARDINAL_DIGITS_MAX`] of them, they are read one by one.
pub(super) fn cardinal(digits: &str) -> String {
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    if digits.is_empty() || leading_zero || digits.len() > CARDINAL_DIGITS_MAX {
        return one_by_one(digits);
    }
    match digits.parse::<u64>() {
        Ok(value) => cardinal_of(value),
        Err(_) => one_by_one(digits),
    }
}

/// The same for a number.
pub(super) fn cardinal_of(value: u64) -> String {
    if value == 0 {
        return "零".to_owned();
    }
    let mut out = String::new();
    let mut zero = false;
    for (scale, name) in SCALES.iter().enumerate().rev() {
        let group = value / 10_000_u64.pow(scale as u32) % 10_000;
        if group == 0 {
            // 一万亿, but 一万二千亿: what counts 万亿 leaves the 亿 to the next group.
            if scale == 2 && !out.is_empty() {
                out.push_str(name);
            }
            zero = !out.is_empty();
            continue;
        }
        if !out.is_empty() && (zero || group < 1_000) {
            out.push('零');
        }
        zero = false;
        let leading = out.is_empty();
        if group == 2 && scale > 0 {
            out.push('两');
        } else {
            below_ten_thousand(group as usize, leading, &mut out);
        }
        out.push_str(name);
    }
    out
}

/// A count before a measure word: as [`cardinal`], but a lone 2 is 两.
pub(super) fn count(number: &str) -> String {
    if number == "2" { "两".to_owned() } else { decimal(number) }
}

/// `3.50` as 三点五零; commas between thousands are passed over.
pub(super) fn decimal(number: &str) -> String {
    let plain: String = number.chars().filter(|letter| *letter != ',').collect();
    match plain.split_once('.') {
        None => cardinal(&plain),
        Some((whole, part)) => {
            format!("{}点{}", if whole == "2" { "二".to_owned() } else { cardinal(whole) }, one_by_one(part))
        }
    }
}

/// Each digit by its name.
pub(super) fn one_by_one(digits: &str) -> String {
    digits.chars().filter_map(|digit| digit.to_digit(10)).map(|digit| ONES[digit as usize]).collect()
}

/// Each digit by its name on the telephone, where 1 is 幺 so that it is not heard as 7.
pub(super) fn telephone_digits(digits: &str) -> String {
    one_by_one(digits).replace('一', "幺")
}

fn below_ten_thousand(value: usize, leading: bool, out: &mut String) {
    let mut zero = false;
    let begin = out.len();
    for (place, name) in [(1_000, "千"), (100, "百"), (10, "十"), (1, "")] {
        let digit = value / place % 10;
        if digit == 0 {
            zero = out.len() > begin;
            continue;
        }
        if zero {
            out.push('零');
            zero = false;
        }
        let first = leading && out.len() == begin;
        match (digit, place) {
            // 10 to 19 on their own: 十五, but 一百一十五.
            (1, 10) if first => {}
            (2, 100 | 1_000) if first => out.push('两'),
            _ => out.push(ONES[digit]),
        }
        out.push_str(name);
    }
}

/// Up to 9999 亿 and their 万.
const CARDINAL_DIGITS_MAX: usize = 15;
const ONES: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];
const SCALES: [&str; 4] = ["", "万", "亿", "万"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_by_fours_with_their_zeros() {
        let check = |digits: &str, expected: &str| assert_eq!(cardinal(digits), expected, "{digits}");
        check("0", "零");
        check("2", "二");
        check("10", "十");
        check("12", "十二");
        check("20", "二十");
        check("100", "一百");
        check("105", "一百零五");
        check("110", "一百一十");
        check("115", "一百一十五");
        check("200", "两百");
        check("212", "两百一十二");
        check("1000", "一千");
        check("1005", "一千零五");
        check("1050", "一千零五十");
        check("1204", "一千二百零四");
        check("2000", "两千");
        check("2200", "两千二百");
        check("10000", "一万");
        check("10500", "一万零五百");
        check("12000", "一万二千");
        check("20000", "两万");
        check("22000", "两万二千");
        check("100005", "十万零五");
        check("110000", "十一万");
        check("1000000", "一百万");
        check("10100000", "一千零一十万");
        check("100000000", "一亿");
        check("200000000", "两亿");
        check("100010000", "一亿零一万");
        check("100000001", "一亿零一");
        check("1234567890123", "一万二千三百四十五亿六千七百八十九万零一百二十三");
        check("007", "零零七");
    }

    #[test]
    fn two_before_a_measure_word_is_liang() {
        assert_eq!(count("2"), "两");
        assert_eq!(count("12"), "十二");
        assert_eq!(count("2.5"), "二点五");
        assert_eq!(decimal("1,299.05"), "一千二百九十九点零五");
        assert_eq!(telephone_digits("110"), "幺幺零");
    }
}
