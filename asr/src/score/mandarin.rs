//! A Mandarin transcript against its reference, whatever way its numbers are written.
//!
//! "129" is how 一百二十九 is written, and also how 一二九 is; which of the two was heard does not show. So figures of a
//! transcript are read in every way that they can be said, and the one that is nearest to the reference counts, as for
//! English. Numbers in characters are compared as they are: 二 for 两 is an error where the recogniser wrote 二.

use call::Language;

use crate::clean::clean;

/// The characters of a reference: simplified, no punctuation, figures digit by digit.
pub(super) fn reference(text: &str) -> Vec<char> {
    clean(text, Language::Zh).chars().filter(|letter| letter.is_alphanumeric()).map(digit_name).collect()
}

/// The fewest errors of `hypothesis` over all readings of its figures; `errors` compares it with the reference.
pub(super) fn fewest(hypothesis: &str, errors: impl Fn(&[char]) -> usize) -> usize {
    let parts = parts(&clean(hypothesis, Language::Zh));
    let mut chosen = vec![0; parts.len()];
    let mut fewest = errors(&written(&parts, &chosen));
    for (place, readings) in parts.iter().enumerate() {
        for reading in 1..readings.len() {
            let before = std::mem::replace(&mut chosen[place], reading);
            let found = errors(&written(&parts, &chosen));
            if found < fewest {
                fewest = found;
            } else {
                chosen[place] = before;
            }
        }
    }
    fewest
}

/// The text cut around its figures, each part with the ways it can be read; letters have one.
fn parts(text: &str) -> Vec<Vec<String>> {
    let letters: Vec<char> = text.chars().collect();
    let mut parts = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let length = letters[at..].iter().take_while(|letter| !letter.is_ascii_digit()).count();
        let plain: String = letters[at..at + length].iter().filter(|letter| letter.is_alphanumeric()).collect();
        let between = at > 0 && at + length < letters.len();
        // "5-7" is how 五到七 is written, and "4-8-1-5" how digits are; which of the two was heard does not show.
        let range = between && matches!(letters[at..at + length], ['-' | '~' | '–' | '～']);
        parts.push(if range { RANGES.map(str::to_owned).to_vec() } else { vec![plain.replace('〇', "零")] });
        at += length;
        let (length, readings) = figure(&letters[at..]);
        at += length;
        parts.extend((length > 0).then_some(readings));
    }
    parts
}

/// The length of the number at the beginning, with its commas, point, colon or per cent, and how it can be read.
fn figure(letters: &[char]) -> (usize, Vec<String>) {
    let digits_at = |from: usize| letters.iter().skip(from).take_while(|letter| letter.is_ascii_digit()).count();
    let mut end = digits_at(0);
    if end == 0 {
        return (0, Vec::new());
    }
    while letters.get(end) == Some(&',') && digits_at(end + 1) == 3 {
        end += 4;
    }
    let whole: String = letters[..end].iter().filter(|letter| letter.is_ascii_digit()).collect();
    let mut readings = readings(&whole);
    let part = digits_at(end + 1);
    match letters.get(end) {
        Some('.') if part > 0 => {
            let behind: String = letters[end + 1..=end + part].iter().copied().map(digit_name).collect();
            readings.iter_mut().for_each(|reading| reading.push_str(&format!("点{behind}")));
            end += part + 1;
        }
        Some(':' | '：') if part == 2 => {
            let minutes: String = letters[end + 1..=end + part].iter().collect();
            let minutes = if minutes == "00" { String::new() } else { cardinal(&minutes).unwrap_or_default() };
            readings.iter_mut().for_each(|reading| reading.push_str(&format!("点{minutes}")));
            end += part + 1;
        }
        Some(_) | None => {}
    }
    if letters.get(end) == Some(&'%') {
        readings.iter_mut().for_each(|reading| reading.insert_str(0, "百分之"));
        end += 1;
    }
    (end, readings)
}

/// Digit by digit with 一 and with 幺, and as a number with 二 and with 两.
fn readings(digits: &str) -> Vec<String> {
    let names: String = digits.chars().map(digit_name).collect();
    let number = cardinal(digits).unwrap_or_else(|| names.clone());
    let mut pair = number.clone();
    for scale in ["百", "千", "万"] {
        pair = pair.replace(&format!("二{scale}"), &format!("两{scale}"));
    }
    if pair == "二" {
        pair = "两".to_owned();
    }
    let mut readings = vec![names.clone(), names.replace('一', "幺"), number, pair];
    readings.dedup();
    readings
}

/// A number up to 99,999,999 in characters, without a zero in front.
fn cardinal(digits: &str) -> Option<String> {
    let value: u32 = digits.trim_start_matches('0').parse().ok().filter(|&value| value < 100_000_000)?;
    let (high, low) = (value / 10_000, value % 10_000);
    let mut out = String::new();
    if high > 0 {
        below_ten_thousand(high, &mut out);
        out.push('万');
    }
    if high > 0 && (1..1_000).contains(&low) {
        out.push('零');
    }
    below_ten_thousand(low, &mut out);
    Some(out.strip_prefix("一十").map(|rest| format!("十{rest}")).unwrap_or(out))
}

fn below_ten_thousand(value: u32, out: &mut String) {
    let (mut begun, mut gap) = (false, false);
    for (size, name) in [(1_000, "千"), (100, "百"), (10, "十"), (1, "")] {
        let digit = value / size % 10;
        if digit == 0 {
            gap = begun;
            continue;
        }
        if gap {
            out.push('零');
        }
        out.push(NAMES[digit as usize]);
        out.push_str(name);
        (begun, gap) = (true, false);
    }
}

fn digit_name(letter: char) -> char {
    letter.to_digit(10).map_or(if letter == '〇' { '零' } else { letter }, |digit| NAMES[digit as usize])
}

fn written(parts: &[Vec<String>], chosen: &[usize]) -> Vec<char> {
    parts
        .iter()
        .zip(chosen)
        .filter_map(|(readings, &reading)| readings.get(reading))
        .flat_map(|text| text.chars())
        .collect()
}

/// How a dash between figures is said.
const RANGES: [&str; 3] = ["", "到", "至"];
const NAMES: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_out() {
        let check = |digits: &str, expected: &str| assert_eq!(cardinal(digits).as_deref(), Some(expected), "{digits}");
        check("10", "十");
        check("15", "十五");
        check("115", "一百一十五");
        check("1299", "一千二百九十九");
        check("1005", "一千零五");
        check("10020", "一万零二十");
        check("200000", "二十万");
        check("05", "五");
        assert_eq!(cardinal("123456789"), None);
        assert_eq!(cardinal("0"), None);
    }

    #[test]
    fn figures_are_read_with_what_belongs_to_them() {
        let check = |text: &str, expected: &[&str]| {
            let letters: Vec<char> = text.chars().collect();
            assert_eq!(figure(&letters).1, expected, "{text}");
        };
        check("12", &["一二", "幺二", "十二"]);
        check("2次", &["二", "两"]);
        check("15%", &["百分之一五", "百分之幺五", "百分之十五"]);
        check("0.5", &["零点五"]);
        check("9:00", &["九点"]);
        check("8:30", &["八点三十"]);
        check("元", &[]);
        assert_eq!(figure(&['1', ',', '0', '0', '0', ',']).0, 5);
    }
}
