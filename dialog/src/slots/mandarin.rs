//! Mandarin numbers: 二零四幺, 两千零四十一, 三个四, and telephone digits.

use super::speech::Piece;

const CORRECTIONS: [&str; 9] = ["我说错了", "说错了", "应该是", "不对", "不是", "错了", "等等", "更正", "不不"];
const FILLERS: [&str; 10] = ["嗯", "呃", "啊", "那个", "然后", "再", "就是", "额", "哦", "杠"];

/// The piece of Mandarin that begins at a token, and how many tokens it takes.
pub(super) fn piece(tokens: &[String], at: usize) -> Option<(Piece, usize)> {
    let letters: Vec<char> = tokens[at..].iter().map_while(|token| single(token)).collect();
    let first = *letters.first()?;
    for word in CORRECTIONS {
        let word: Vec<char> = word.chars().collect();
        if letters.starts_with(&word) {
            return Some((Piece::Correction, word.len()));
        }
    }
    // 三个四 is 444; 一个八 is one eight.
    if let (Some(times), Some('个'), Some(digit)) =
        (small(first), letters.get(1), letters.get(2).and_then(|d| digit(*d)))
    {
        return Some((Piece::Number(digit.to_string().repeat(times)), 3));
    }
    if let (Some(times), Some("个"), Some(digit)) =
        (small(first), tokens.get(at + 1).map(String::as_str), tokens.get(at + 2).and_then(|token| ascii(token)))
    {
        return Some((Piece::Number(digit.repeat(times)), 3));
    }
    if let Some((value, taken)) = cardinal(&letters) {
        return Some((Piece::Number(value.to_string()), taken));
    }
    if let Some(digit) = digit(first) {
        return Some((Piece::Number(digit.to_string()), 1));
    }
    let filler = FILLERS.iter().map(|word| word.chars().collect::<Vec<_>>()).find(|word| letters.starts_with(word));
    filler.map(|word| (Piece::Filler, word.len()))
}

/// A number with 十, 百, 千 or 万 in it, and how many characters it takes.
pub(super) fn cardinal(letters: &[char]) -> Option<(u64, usize)> {
    let mut total = 0_u64;
    let mut section = 0_u64;
    let mut at = 0;
    let mut last_unit = 10_000_000_000_u64;
    let mut units = 0;
    loop {
        let zero = letters.get(at).is_some_and(|letter| matches!(letter, '零' | '〇')) && units > 0;
        let from = at + usize::from(zero);
        let first = letters.get(from).copied();
        let value = first.and_then(digit).filter(|value| *value > 0);
        let bare_ten = first == Some('十') && (units == 0 || last_unit > 10);
        let unit = letters.get(from + usize::from(!bare_ten)).copied().and_then(unit).filter(|unit| *unit <= 1_000);
        match (value.or(bare_ten.then_some(1)), if bare_ten { Some(10) } else { unit }) {
            (Some(value), Some(unit)) if unit < last_unit => {
                section += value * unit;
                at = from + usize::from(!bare_ten) + 1;
                last_unit = unit;
                units += 1;
            }
            (Some(value), None) if units > 0 && (last_unit == 10 || zero) => {
                section += value;
                at = from + 1;
                last_unit = 1;
            }
            // 三百五 is 350.
            (Some(value), None) if units > 0 && (100..=10_000).contains(&last_unit) => {
                section += value * last_unit / 10;
                at = from + 1;
                last_unit = 1;
            }
            // 三万 and 两亿 begin with a bare digit.
            (Some(value), None) if units == 0 && matches!(letters.get(from + 1), Some('万' | '亿')) => {
                section += value;
                at = from + 1;
            }
            (Some(_) | None, Some(_) | None) => {}
        }
        match letters.get(at) {
            Some('万') if section > 0 && total == 0 => {
                total = section * 10_000;
                section = 0;
                last_unit = 10_000;
                units += 1;
                at += 1;
            }
            Some(_) | None => {
                let again = at > from && last_unit > 1;
                if !again {
                    break;
                }
            }
        }
    }
    (units > 0).then_some((total + section, at))
}

/// The digit a character stands for; 幺 is how telephone numbers say one.
pub(super) fn digit(letter: char) -> Option<u64> {
    "零一二三四五六七八九".chars().position(|digit| digit == letter).map(|place| place as u64).or(match letter {
        '〇' | '洞' => Some(0),
        '幺' => Some(1),
        '两' | '兩' => Some(2),
        '拐' => Some(7),
        _ => None,
    })
}

fn unit(letter: char) -> Option<u64> {
    match letter {
        '十' => Some(10),
        '百' => Some(100),
        '千' => Some(1_000),
        _ => None,
    }
}

fn small(letter: char) -> Option<usize> {
    digit(letter).and_then(|times| usize::try_from(times).ok()).filter(|times| (1..=9).contains(times))
}

fn single(token: &str) -> Option<char> {
    let mut letters = token.chars();
    letters.next().filter(|letter| crate::nlu::is_han(*letter) && letters.next().is_none())
}

fn ascii(token: &str) -> Option<&str> {
    (token.len() == 1 && token.bytes().all(|byte| byte.is_ascii_digit())).then_some(token)
}
