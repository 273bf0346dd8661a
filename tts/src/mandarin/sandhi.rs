//! Tones as they are spoken: 一 and 不, third tones in a row, verbs said twice, and 儿 at the end of a word.
//!
//! The rules are those of Duanmu (2007, chapter 11) as far as they can be applied without knowing the sentence.

use super::pinyin::Syllable;

/// A word in the making: its characters and their syllables, one for each.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) letters: Vec<char>,
    pub(super) syllables: Vec<Syllable>,
    /// Where this word comes from its parts, their lengths in characters: 展览|馆.
    pub(super) parts: Vec<usize>,
    /// Whether a business gave its tones, which then stay.
    pub(super) fixed: bool,
}

/// Changes the tones of the words of one breath.
pub(super) fn apply(words: &mut [Reading]) {
    for word in words.iter_mut().filter(|word| !word.fixed) {
        coloured(word);
        doubled(word);
    }
    one_and_not(words);
    for word in words.iter_mut().filter(|word| !word.fixed) {
        third_tones_inside(word);
    }
    third_tones_between(words);
}

/// 儿 that only colours the syllable before it.
fn coloured(word: &mut Reading) {
    let text: String = word.letters.iter().collect();
    let last = word.letters.len().saturating_sub(1);
    let own_syllable = KEEPS_ER.iter().any(|ending| text.ends_with(ending));
    if last > 0 && word.letters[last] == '儿' && !own_syllable {
        word.syllables[last] = Syllable { base: "r".to_owned(), tone: 5 };
    }
}

/// 看看, 试试: the second is light.
fn doubled(word: &mut Reading) {
    if let ([first, second], [_, syllable]) = (word.letters.as_slice(), word.syllables.as_mut_slice())
        && first == second
        && DOUBLED_VERBS.contains(*first)
    {
        syllable.tone = 5;
    }
}

/// 一 and 不 depend on the tone that follows, whatever word it is in.
fn one_and_not(words: &mut [Reading]) {
    let letters: Vec<char> = words.iter().flat_map(|word| word.letters.iter().copied()).collect();
    let tones: Vec<u8> = words.iter().flat_map(|word| word.syllables.iter().map(|syllable| syllable.tone)).collect();
    let ends: Vec<usize> = words
        .iter()
        .scan(0, |end, word| {
            *end += word.letters.len();
            Some(*end)
        })
        .collect();
    let mut at = 0;
    for word in words {
        for (letter, syllable) in word.letters.iter().zip(&mut word.syllables) {
            let tone = match letter {
                _ if word.fixed => None,
                '一' => one(&letters, &tones, &ends, at),
                '不' => not(&letters, &tones, at),
                _ => None,
            };
            if let Some(tone) = tone {
                syllable.tone = tone;
            }
            at += 1;
        }
    }
}

/// The tone of 一 at this place.
fn one(letters: &[char], tones: &[u8], ends: &[usize], at: usize) -> Option<u8> {
    let before = at.checked_sub(1).map(|before| letters[before]);
    let next = letters.get(at + 1).copied();
    let numeral = |letter: Option<char>| letter.is_some_and(|letter| DIGITS.contains(letter));
    // 看一看: between the two the word is light.
    if before.is_some() && before == next && !numeral(before) {
        return Some(5);
    }
    let counts_on = next.is_some_and(|next| "百千万亿".contains(next));
    let ordinal = before.is_some_and(|before| "第初十周期".contains(before))
        || (at >= 2 && letters[at - 2..at].iter().collect::<String>() == "星期")
        || (at >= 2 && letters[at - 2..at].iter().collect::<String>() == "礼拜");
    let named = next.is_some_and(|next| "月号楼级期季班".contains(next)) && next != Some('期')
        || next == Some('日') && before.is_some_and(|before| "月十".contains(before));
    let point = before == Some('点') || next == Some('点') && numeral(letters.get(at + 2).copied());
    let in_number = numeral(before) || numeral(next) || point || ordinal || named;
    // 统一, 唯一, 万一: the end of a word of more than one character.
    let ends_word = ends.contains(&(at + 1)) && at > 0 && !ends.contains(&at);
    let ten = next == Some('十') || before.is_some_and(|before| "百千万亿零".contains(before)) && !counts_on;
    if (in_number || ends_word || ten) && !(counts_on && !numeral(before)) {
        return Some(1);
    }
    match tones.get(at + 1)? {
        4 => Some(2),
        // 一个 has a light 个 that once fell.
        5 if matches!(next, Some('个')) => Some(2),
        5 => Some(1),
        _ => Some(4),
    }
}

/// The tone of 不 at this place.
fn not(letters: &[char], tones: &[u8], at: usize) -> Option<u8> {
    let before = at.checked_sub(1).map(|before| letters[before]);
    let next = letters.get(at + 1).copied();
    if before.is_some() && before == next {
        return Some(5);
    }
    match tones.get(at + 1)? {
        4 => Some(2),
        _ => Some(4),
    }
}

/// Third tones in a row inside a word: 展览馆 is 展览 and 馆 and rises twice, 小老虎 is 小 and 老虎 and rises once.
fn third_tones_inside(word: &mut Reading) {
    let mut start = 0;
    let parts = if word.parts.is_empty() { vec![word.syllables.len()] } else { word.parts.clone() };
    for &length in &parts {
        let end = (start + length).min(word.syllables.len());
        raise(&mut word.syllables[start..end]);
        start = end;
    }
    // Then where the parts meet.
    let mut edge = 0;
    for &length in &parts[..parts.len().saturating_sub(1)] {
        edge += length;
        if edge < word.syllables.len() && word.syllables[edge - 1].tone == 3 && word.syllables[edge].tone == 3 {
            word.syllables[edge - 1].tone = 2;
        }
    }
}

/// Every third tone that stands before another becomes a second.
fn raise(syllables: &mut [Syllable]) {
    for at in 1..syllables.len() {
        if syllables[at].tone == 3 && syllables[at - 1].tone == 3 {
            syllables[at - 1].tone = 2;
        }
    }
}

/// Third tones that meet between words, where one of the words has a single syllable: 很|好, 我|想|买. Two longer words
/// are two feet, and between feet the tone may stay.
fn third_tones_between(words: &mut [Reading]) {
    let mut at = 0;
    while at + 1 < words.len() {
        // A run of words of one syllable goes by pairs, so that 我也|想走 rises in each; an odd one joins the last.
        let mut end = at;
        while end < words.len() && words[end].syllables.len() == 1 && words[end].syllables[0].tone == 3 {
            end += 1;
        }
        let run = end - at;
        if run >= 2 {
            let run_words = &mut words[at..end];
            for (place, word) in run_words.iter_mut().enumerate() {
                let closes_pair = place % 2 == 1 && place + 2 != run;
                if place + 1 < run && !closes_pair && !word.fixed {
                    word.syllables[0].tone = 2;
                }
            }
            at = end - 1;
        }
        let (left, right) = words.split_at_mut(at + 1);
        if let ([.., before], [after, ..]) = (left, right) {
            let single = before.syllables.len() == 1 || after.syllables.len() == 1;
            let meets = before.syllables.last().is_some_and(|last| last.tone == 3)
                && after.syllables.first().is_some_and(|first| first.tone == 3);
            if single
                && meets
                && !before.fixed
                && let Some(last) = before.syllables.last_mut()
            {
                last.tone = 2;
            }
        }
        at += 1;
    }
}

/// Digits by their names; 十, 百 and 两 are no such names.
const DIGITS: &str = "零〇一二三四五六七八九幺";
/// Verbs that are said twice to ask lightly.
const DOUBLED_VERBS: &str = "看试听说问查聊找想等谢瞧读写用学走坐谈猜算逛尝摸讲玩练歇帮催核对改记念";
/// Words in which 儿 is a syllable.
const KEEPS_ER: &[&str] = &[
    "女儿",
    "婴儿",
    "幼儿",
    "少儿",
    "孤儿",
    "胎儿",
    "健儿",
    "生儿",
    "育儿",
    "患儿",
    "早产儿",
    "宠儿",
    "男儿",
    "小儿",
    "托儿",
];
