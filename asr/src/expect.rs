//! What the mind expects to hear next: what it means for a pause, for the recogniser, and for words that sound alike.
//!
//! A recogniser writes what people usually say, and people seldom say "four two four eight": it writes "for two, for
//! eight". Where a number was asked for we know better, so words that sound like digits are read as digits when they
//! stand among digits. Nothing else is touched: a caller may answer a question of numbers with a sentence.

use call::Language;

use crate::complete::{digits, has_yes_or_no, spoken_words};
use crate::syllable;

/// The kind of answer that was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Expect {
    /// An open question, or none.
    #[default]
    Anything,
    /// One of a few offered things.
    Choice,
    /// A number that the caller dictates, such as an order number.
    Digits {
        /// Fewest digits that make a whole answer.
        min: u8,
        /// Most digits that make sense; with this many the answer is whole.
        max: u8,
    },
    /// Agreement or refusal.
    YesNo,
}

impl Expect {
    /// The words, read in the light of what was asked: where digits were, words that sound like digits and stand among
    /// them are digits ("for for seven one"; 医 between Mandarin digits).
    pub fn repair(self, text: &str, language: Language) -> String {
        match (self, language) {
            (Self::Anything | Self::Choice | Self::YesNo, _) => text.to_owned(),
            (Self::Digits { min, .. }, Language::En) => english_digits(text, usize::from(min)),
            (Self::Digits { min, .. }, Language::Zh) => mandarin_digits(text, usize::from(min)),
        }
    }
}

/// How well words answer what was asked; better fits are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// Not an answer of the kind, or too little or too much of one.
    Poor,
    /// Nothing is known against them.
    Fair,
    /// An answer of the kind.
    Good,
}

/// How well these words answer what was asked, once they are repaired.
pub(crate) fn fit(text: &str, language: Language, expect: Expect) -> Fit {
    let text = &expect.repair(text, language);
    match expect {
        Expect::Anything | Expect::Choice => Fit::Fair,
        Expect::Digits { min, max } => match digits(text, language) {
            // A sentence without any digit is another answer, and not a number badly heard.
            0 if spoken_words(text, language) >= SENTENCE_WORDS_MIN => Fit::Fair,
            count if (usize::from(min)..=usize::from(max)).contains(&count) => Fit::Good,
            // Most likely they are still dictating.
            count if count > 0 && 2 * count < usize::from(min) => Fit::Fair,
            _ => Fit::Poor,
        },
        Expect::YesNo if has_yes_or_no(text, language) => Fit::Good,
        Expect::YesNo if spoken_words(text, language) >= SENTENCE_WORDS_MIN => Fit::Fair,
        Expect::YesNo => Fit::Poor,
    }
}

/// Whether something is a digit, sounds like one, or neither.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// So many digits.
    Digits(usize),
    Other,
    SoundsLike(&'static str),
}

fn english_digits(text: &str, min: usize) -> String {
    let pieces: Vec<&str> = text.split_inclusive(' ').collect();
    let parts: Vec<Part> = pieces.iter().map(|piece| english_part(piece)).collect();
    let read: Vec<Option<&'static str>> = read_runs(&parts, min.saturating_sub(digits(text, Language::En)));
    let spell = |(piece, read): (&&str, &Option<&str>)| match read {
        Some(digit) => piece.to_lowercase().replace(&bare(piece), digit),
        None => (*piece).to_owned(),
    };
    pieces.iter().zip(&read).map(spell).collect()
}

fn english_part(piece: &str) -> Part {
    let word = bare(piece);
    if let Some((_, digit)) = SOUNDS_LIKE_EN.iter().find(|(sound, _)| *sound == word) {
        return Part::SoundsLike(digit);
    }
    match digits(&word, Language::En) {
        0 if !matches!(word.as_str(), "double" | "triple") => Part::Other,
        count => Part::Digits(count),
    }
}

fn bare(piece: &str) -> String {
    piece.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_lowercase()
}

fn mandarin_digits(text: &str, min: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    // Punctuation and blanks stand between the digits of one number and do not part them.
    let places: Vec<usize> = (0..letters.len()).filter(|&place| letters[place].is_alphanumeric()).collect();
    let parts: Vec<Part> = places.iter().map(|&place| mandarin_part(letters[place])).collect();
    let read = read_runs(&parts, min.saturating_sub(digits(text, Language::Zh)));
    let mut letters: Vec<String> = letters.into_iter().map(String::from).collect();
    for (place, digit) in places.iter().zip(read) {
        if let Some(digit) = digit {
            digit.clone_into(&mut letters[*place]);
        }
    }
    letters.concat()
}

fn mandarin_part(letter: char) -> Part {
    if digits(&letter.to_string(), Language::Zh) > 0 {
        return Part::Digits(1);
    }
    let sounds = |&&(sound, _): &&(&str, &str)| syllable::readings(letter).any(|reading| reading == sound);
    SOUNDS_LIKE_ZH.iter().find(sounds).map_or(Part::Other, |(_, digit)| Part::SoundsLike(digit))
}

/// What each part that only sounds like a digit is to be read as, if it is.
///
/// Between digits, and behind two of them, it is one. Before them it may be the last word of a sentence ("the number
/// for ..."), so there it counts only while `missing` digits are wanted.
fn read_runs(parts: &[Part], missing: usize) -> Vec<Option<&'static str>> {
    let mut read = vec![None; parts.len()];
    let mut missing = missing;
    let mut begin = 0;
    for run in parts.chunk_by(|a, b| (*a == Part::Other) == (*b == Part::Other)) {
        let places = begin..begin + run.len();
        begin = places.end;
        let sure: usize = run.iter().map(|part| if let Part::Digits(count) = part { *count } else { 0 }).sum();
        let Some(first) = run.iter().position(|part| matches!(part, Part::Digits(_))) else { continue };
        if sure < RUN_DIGITS_MIN {
            continue;
        }
        for (part, place) in run.iter().zip(places.clone()).skip(first) {
            if let Part::SoundsLike(digit) = part {
                read[place] = Some(*digit);
                missing = missing.saturating_sub(1);
            }
        }
        for (part, place) in run[..first].iter().zip(places).rev() {
            match part {
                Part::SoundsLike(digit) if missing > 0 => {
                    read[place] = Some(*digit);
                    missing -= 1;
                }
                Part::Digits(_) | Part::Other | Part::SoundsLike(_) => break,
            }
        }
    }
    read
}

/// As many words are a sentence and no bare answer.
const SENTENCE_WORDS_MIN: usize = 4;
/// With fewer real digits around it a word that sounds like one is left alone.
const RUN_DIGITS_MIN: usize = 2;

/// English words that the recogniser writes for digits.
const SOUNDS_LIKE_EN: [(&str, &str); 15] = [
    ("ate", "eight"),
    ("fife", "five"),
    ("for", "four"),
    ("fore", "four"),
    ("free", "three"),
    ("nein", "nine"),
    ("niner", "nine"),
    ("sex", "six"),
    ("sicks", "six"),
    ("to", "two"),
    ("too", "two"),
    ("tree", "three"),
    ("tu", "two"),
    ("won", "one"),
    ("zeros", "zero"),
];

/// Toneless syllables of the Mandarin digits; 幺 is one on the telephone.
const SOUNDS_LIKE_ZH: [(&str, &str); 12] = [
    ("ba", "八"),
    ("er", "二"),
    ("jiu", "九"),
    ("liang", "两"),
    ("ling", "零"),
    ("liu", "六"),
    ("qi", "七"),
    ("san", "三"),
    ("si", "四"),
    ("wu", "五"),
    ("yao", "幺"),
    ("yi", "一"),
];

#[cfg(test)]
mod tests {
    use super::*;

    const EIGHT: Expect = Expect::Digits { min: 8, max: 8 };

    #[test]
    fn words_that_sound_like_digits_are_digits_among_digits() {
        let check = |text: &str, expected: &str| assert_eq!(EIGHT.repair(text, Language::En), expected, "{text}");
        check("for for seven one to zero nine three", "four four seven one two zero nine three");
        check("It's four, for, seven, won. Two zero nine three.", "It's four, four, seven, one. Two zero nine three.");
        check("The number is for 4712093", "The number is four 4712093");
        check("The number for it is 4471 2093", "The number for it is 4471 2093");
        check("I have been waiting for two weeks to get it", "I have been waiting for two weeks to get it");
        check("one two three for", "one two three four");
        check("", "");
    }

    #[test]
    fn a_number_that_is_whole_takes_no_word_before_it() {
        let check = |text: &str, expected: &str| assert_eq!(EIGHT.repair(text, Language::En), expected, "{text}");
        check("here is the order number for 44712093", "here is the order number for 44712093");
        check(
            "the number for four four seven one two zero nine three",
            "the number for four four seven one two zero nine three",
        );
    }

    #[test]
    fn mandarin_digits_are_restored_by_sound() {
        let check = |text: &str, expected: &str| assert_eq!(EIGHT.repair(text, Language::Zh), expected, "{text}");
        check("四四七医二零九三", "四四七一二零九三");
        check("是四七一，二零久三五", "是四七一，二零九三五");
        check("我没有订单号", "我没有订单号");
        check("妖三五七二零九三", "幺三五七二零九三");
        check("我要三五七二零九三四", "我要三五七二零九三四");
    }

    #[test]
    fn other_questions_change_no_word() {
        for expect in [Expect::Anything, Expect::Choice, Expect::YesNo] {
            assert_eq!(expect.repair("one two for", Language::En), "one two for");
        }
    }

    #[test]
    fn an_answer_of_the_kind_fits_best() {
        let check = |text: &str, expect, expected| assert_eq!(fit(text, Language::En, expect), expected, "{text}");
        check("4471 2093", EIGHT, Fit::Good);
        check("4471 209", EIGHT, Fit::Poor);
        check("447", EIGHT, Fit::Fair);
        check("", EIGHT, Fit::Poor);
        check("I do not have it here.", EIGHT, Fit::Fair);
        check("Yes, please", Expect::YesNo, Fit::Good);
        check("Chess", Expect::YesNo, Fit::Poor);
        check("Chess", Expect::Anything, Fit::Fair);
    }
}
