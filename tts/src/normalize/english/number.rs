//! Numbers as English words, the American way: no "and" after the hundreds, because so the voice was taught.

/// `1204` as "one thousand two hundred four". `digits` holds ASCII digits only; beyond [`CARDINAL_DIGITS_MAX`] of
/// them, or with a zero in front, nobody follows a value, so they are read one by one.
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
        return ONES[0].to_owned();
    }
    let mut words = Vec::new();
    for (scale, &name) in SCALES.iter().enumerate().rev() {
        let group = value / 1_000_u64.pow(scale as u32) % 1_000;
        if group > 0 {
            below_thousand(group as usize, &mut words);
            if !name.is_empty() {
                words.push(name);
            }
        }
    }
    words.join(" ")
}

/// `21` as "twenty first".
pub(super) fn ordinal(digits: &str) -> String {
    let words = cardinal(digits);
    let (head, last) = words.rsplit_once(' ').map_or(("", words.as_str()), |(head, last)| (head, last));
    let last = match IRREGULAR.iter().find(|(plain, _)| *plain == last) {
        Some((_, ordinal)) => (*ordinal).to_owned(),
        None => match last.strip_suffix('y') {
            Some(stem) => format!("{stem}ieth"),
            None => format!("{last}th"),
        },
    };
    if head.is_empty() { last } else { format!("{head} {last}") }
}

/// `1905` as "nineteen oh five", `2026` as "twenty twenty six", `2004` as "two thousand four".
pub(super) fn year(value: u64) -> String {
    let (century, rest) = (value / 100, value % 100);
    if !(11..100).contains(&century) || (century.is_multiple_of(10) && rest < 10) {
        return cardinal_of(value);
    }
    let head = cardinal_of(century);
    match rest {
        0 => format!("{head} hundred"),
        1..=9 => format!("{head} oh {}", cardinal_of(rest)),
        _ => format!("{head} {}", cardinal_of(rest)),
    }
}

/// `3.50` as "three point five zero"; commas between thousands are passed over.
pub(super) fn decimal(number: &str) -> String {
    let plain: String = number.chars().filter(|letter| *letter != ',').collect();
    match plain.split_once('.') {
        None => cardinal(&plain),
        Some((whole, part)) => {
            let whole = if whole.is_empty() { "zero".to_owned() } else { cardinal(whole) };
            format!("{whole} point {}", one_by_one(part))
        }
    }
}

/// Each digit by its name; anything else is passed over.
pub(super) fn one_by_one(digits: &str) -> String {
    let names: Vec<_> =
        digits.chars().filter_map(|digit| digit.to_digit(10)).map(|digit| ONES[digit as usize]).collect();
    names.join(" ")
}

/// Whether a noun after this number stands in the singular.
pub(super) fn is_one(number: &str) -> bool {
    number == "1"
}

fn below_thousand(value: usize, words: &mut Vec<&'static str>) {
    if value >= 100 {
        words.extend([ONES[value / 100], "hundred"]);
    }
    let rest = value % 100;
    if rest >= 20 {
        words.push(TENS[rest / 10]);
    }
    let ones = if rest >= 20 { rest % 10 } else { rest };
    if ones > 0 {
        words.push(ONES[ones]);
    }
}

/// Up to a trillion and its thousands.
const CARDINAL_DIGITS_MAX: usize = 15;

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const SCALES: [&str; 5] = ["", "thousand", "million", "billion", "trillion"];
const IRREGULAR: [(&str, &str); 7] = [
    ("one", "first"),
    ("two", "second"),
    ("three", "third"),
    ("five", "fifth"),
    ("eight", "eighth"),
    ("nine", "ninth"),
    ("twelve", "twelfth"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_the_american_way() {
        let check = |got: String, expected: &str| assert_eq!(got, expected);
        check(cardinal("0"), "zero");
        check(cardinal("1204"), "one thousand two hundred four");
        check(cardinal("1000000"), "one million");
        check(
            cardinal("999999999999999"),
            "nine hundred ninety nine trillion nine hundred ninety nine billion nine hundred ninety nine million nine hundred ninety nine thousand nine hundred ninety nine",
        );
        check(cardinal("007"), "zero zero seven");
        check(ordinal("100"), "one hundredth");
        check(ordinal("32"), "thirty second");
        check(ordinal("20"), "twentieth");
        check(year(1905), "nineteen oh five");
        check(year(1900), "nineteen hundred");
        check(year(2004), "two thousand four");
        check(year(2026), "twenty twenty six");
        check(decimal("1,299.05"), "one thousand two hundred ninety nine point zero five");
        check(decimal(".5"), "zero point five");
    }
}
