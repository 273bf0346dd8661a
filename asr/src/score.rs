//! How wrong a transcript is: word and character error rates for tests and benches.
//!
//! Spelling is not an error of hearing, so both sides are normalised first. English: small letters, no punctuation,
//! titles spelled out ("Mr." is "mister"), "oh" between digits is zero, numbers in figures are read out, and runs of
//! single digits are one word each ("102" is "one zero two" or "one hundred two": whichever the reference says, see
//! [`wer`]). Mandarin: simplified characters, no punctuation, figures read as the reference says them; [`ser`] compares
//! their sounds.

mod mandarin;

use crate::syllable::sound_alike;

/// Errors and the length of the reference they are counted against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Substitutions, deletions and insertions.
    pub errors: usize,
    /// Words or characters of the reference.
    pub reference: usize,
}

impl Score {
    /// Errors for each word or character; 0.0 of nothing.
    pub fn rate(&self) -> f64 {
        if self.reference == 0 { 0.0 } else { self.errors as f64 / self.reference as f64 }
    }

    /// Adds the score of another text.
    pub fn add(&mut self, other: Self) {
        self.errors += other.errors;
        self.reference += other.reference;
    }
}

/// Word errors of an English transcript.
///
/// A number in figures can be read in two ways, "one hundred two" and "one zero two". Both are tried for the
/// hypothesis and the kinder one counts.
pub fn wer(reference: &str, hypothesis: &str) -> Score {
    let reference = english(reference, Figures::DigitByDigit);
    let errors = [Figures::AsNumbers, Figures::DigitByDigit]
        .into_iter()
        .map(|figures| distance(&reference, &english(hypothesis, figures)))
        .min();
    Score { errors: errors.unwrap_or(reference.len()), reference: reference.len() }
}

/// Character errors of a Mandarin transcript. Figures are read in the way that is nearest to the reference.
pub fn cer(reference: &str, hypothesis: &str) -> Score {
    let reference = mandarin::reference(reference);
    let errors = mandarin::fewest(hypothesis, |heard| distance(&reference, heard));
    Score { errors, reference: reference.len() }
}

/// Toneless syllable errors of a Mandarin transcript: homophones count as right, because the meaning of what was heard
/// is looked for by sound too.
pub fn ser(reference: &str, hypothesis: &str) -> Score {
    let reference = mandarin::reference(reference);
    let errors = mandarin::fewest(hypothesis, |heard| distance_by(&reference, heard, |a, b| sound_alike(*a, *b)));
    Score { errors, reference: reference.len() }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Figures {
    AsNumbers,
    DigitByDigit,
}

fn english(text: &str, figures: Figures) -> Vec<String> {
    let text = dollars_last(&text.to_lowercase().replace('’', "'"));
    let mut words = Vec::new();
    for token in text.split(|letter: char| !letter.is_alphanumeric() && letter != '\'' && letter != ',') {
        // "1,002" is one number; "one, two" are two words.
        let solid = token.replace(',', "");
        if !solid.is_empty() && solid.chars().all(|letter| letter.is_ascii_digit()) {
            match solid.parse() {
                // Figures in groups are never a year.
                Ok(number) if token.trim_matches(',').contains(',') => read_plainly(number, &mut words),
                Ok(_) | Err(_) => read_figures(&solid, figures, &mut words),
            }
        } else {
            for word in token.split(',') {
                let word = word.trim_matches('\'');
                split_letters_and_digits(word, figures, &mut words);
            }
        }
    }
    words
}

/// "a12" is "a one two".
fn split_letters_and_digits(word: &str, figures: Figures, words: &mut Vec<String>) {
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let digit = first.is_ascii_digit();
        let end = rest.find(|letter: char| letter.is_ascii_digit() != digit).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        if digit {
            read_figures(part, figures, words);
        } else {
            let spelled = SPELLINGS.iter().find(|(from, _)| *from == part).map_or(part, |(_, to)| to);
            words.extend(spelled.split(' ').map(str::to_owned));
        }
        rest = after;
    }
}

fn read_figures(figures: &str, reading: Figures, words: &mut Vec<String>) {
    let number = match reading {
        Figures::AsNumbers if !figures.starts_with('0') => {
            figures.parse::<u32>().ok().filter(|&number| number < 1_000_000)
        }
        Figures::AsNumbers | Figures::DigitByDigit => None,
    };
    match number {
        Some(number) => read_number(number, words),
        None => {
            let digits = figures.bytes().map(|digit| UNITS[usize::from(digit - b'0')].to_owned());
            words.extend(digits);
        }
    }
}

/// "$45" is said "45 dollars".
fn dollars_last(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find('$') {
        let (before, after) = (&rest[..place], &rest[place + 1..]);
        let figures =
            after.len() - after.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ',').len();
        let figures = after[..figures].trim_end_matches(',').len();
        out.push_str(before);
        out.push_str(&after[..figures]);
        if figures > 0 {
            out.push_str(" dollars");
        }
        rest = &after[figures..];
    }
    out.push_str(rest);
    out
}

fn read_number(number: u32, words: &mut Vec<String>) {
    // Years are read in pairs: 1813 is "eighteen thirteen".
    if (1_100..2_000).contains(&number) && number % 100 >= 10 {
        read_plainly(number / 100, words);
        read_plainly(number % 100, words);
    } else {
        read_plainly(number, words);
    }
}

fn read_plainly(number: u32, words: &mut Vec<String>) {
    if number >= 1_000 {
        read_plainly(number / 1_000, words);
        words.push("thousand".to_owned());
        if !number.is_multiple_of(1_000) {
            read_plainly(number % 1_000, words);
        }
    } else if number >= 100 {
        read_plainly(number / 100, words);
        words.push("hundred".to_owned());
        if !number.is_multiple_of(100) {
            read_plainly(number % 100, words);
        }
    } else if number >= 20 {
        words.push(TENS[number as usize / 10].to_owned());
        if !number.is_multiple_of(10) {
            read_plainly(number % 10, words);
        }
    } else {
        words.push(UNITS[number as usize].to_owned());
    }
}

/// The fewest substitutions, deletions and insertions that turn one into the other (Levenshtein).
fn distance<T: PartialEq>(reference: &[T], hypothesis: &[T]) -> usize {
    distance_by(reference, hypothesis, T::eq)
}

fn distance_by<T>(reference: &[T], hypothesis: &[T], same: impl Fn(&T, &T) -> bool) -> usize {
    let mut row: Vec<usize> = (0..=hypothesis.len()).collect();
    for (index, expected) in reference.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (place, heard) in hypothesis.iter().enumerate() {
            let substituted = diagonal + usize::from(!same(expected, heard));
            diagonal = row[place + 1];
            row[place + 1] = substituted.min(row[place] + 1).min(diagonal + 1);
        }
    }
    row[hypothesis.len()]
}

/// Spellings of the same sounds.
const SPELLINGS: [(&str, &str); 16] = [
    ("mr", "mister"),
    ("mrs", "missus"),
    ("dr", "doctor"),
    ("st", "saint"),
    ("oh", "zero"),
    ("ok", "okay"),
    ("alright", "all right"),
    ("meters", "metres"),
    ("favorite", "favourite"),
    ("color", "colour"),
    ("gray", "grey"),
    ("etc", "et cetera"),
    ("i'm", "i am"),
    ("it's", "it is"),
    ("can't", "cannot"),
    ("don't", "do not"),
];

const UNITS: [&str; 20] = [
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_is_not_an_error_of_hearing() {
        let check = |reference: &str, hypothesis: &str, errors: usize| {
            assert_eq!(wer(reference, hypothesis).errors, errors, "{reference} / {hypothesis}");
        };
        check("mister dashwood had leisure", "Mr. Dashwood had leisure.", 0);
        check("one zero two", "102", 0);
        check("one zero two", "1-0-2", 0);
        check("nine oh two", "902", 0);
        check("go forward ten meters", "Go forward 10 meters.", 0);
        check("in eighteen thirteen", "In 1813.", 0);
        check("one thousand and two", "1,002", 1);
        check("order a one two", "order A12", 0);
        check("ill-disposed", "ill disposed", 0);
        check("I'm fine", "I am fine", 0);
    }

    #[test]
    fn errors_are_counted_against_the_reference() {
        assert_eq!(wer("where is my order", "where is the order now"), Score { errors: 2, reference: 4 });
        assert_eq!(wer("where is my order", ""), Score { errors: 4, reference: 4 });
        assert_eq!(wer("", "you"), Score { errors: 1, reference: 0 });
        let mut whole = wer("a b", "a c");
        whole.add(wer("a b", "a b"));
        assert_eq!(whole.rate(), 0.25);
    }

    #[test]
    fn mandarin_counts_characters_in_either_script() {
        assert_eq!(cer("我的订单在哪里", "我的訂單，在哪裡？"), Score { errors: 0, reference: 7 });
        assert_eq!(cer("二零二六年", "2026年"), Score { errors: 0, reference: 5 });
        assert_eq!(cer("砸自己的脚", "杂自己的脚").errors, 1);
        assert_eq!(ser("砸自己的脚", "杂自己的脚"), Score { errors: 0, reference: 5 });
        assert_eq!(ser("砸自己的脚", "打自己的").errors, 2);
    }

    #[test]
    fn how_a_number_is_written_is_not_an_error_of_hearing() {
        let check = |reference: &str, hypothesis: &str, errors: usize| {
            assert_eq!(cer(reference, hypothesis).errors, errors, "{reference} / {hypothesis}");
        };
        check("一共是一千二百九十九元", "一共是1,299元", 0);
        check("二零四一八八四四", "20418844", 0);
        check("手机尾号是幺三五八", "手机尾号是1358", 0);
        check("节省了百分之十五", "節省了15%", 0);
        check("派送了两次", "派送了2次", 0);
        check("派送了两次", "派送了二次", 1);
        check("两百元押金", "200元押金", 0);
        check("三月三号", "3月3日", 1);
        check("一百零二元", "120元", 2);
        check("需要五到七个工作日", "需要5-7个工作日", 0);
        check("验证码是四八一五", "验证码是4-8-15", 0);
        check("上午九点到十二点", "上午9:00到12点", 0);
        check("二零四一八八四四", "2041844", 1);
    }
}
