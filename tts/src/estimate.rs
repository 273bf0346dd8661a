//! Where words end in a sound that came without that knowledge, as from a voice reached over HTTP.
//!
//! An estimate: each written word gets the share of the sound that its letters make likely, counted from the first
//! audible sample to the last. Marks are set late rather than early, since they decide what a caller is taken to have
//! heard: a word that was half said does not count.

use call::Pcm;

use crate::clause::TAG_CHARS_MAX;
use crate::voice::Mark;

/// Marks for a text and its sound at any rate, as [`Speech`](crate::Speech) holds them: both fields grow, and the last
/// mark stands at the end of both. Markup in the text is not spoken. A Mandarin character is a word.
pub fn estimated_marks(text: &str, sound: &Pcm) -> Vec<Mark> {
    let words = words(text);
    let total: usize = words.iter().map(|word| word.weight).sum();
    let length = sound.samples.len();
    let (start, end) = audible(&sound.samples);
    let late = sound.rate.hz() as usize * LATE_MS / 1_000;
    let whole = Mark { end_byte: text.trim_end().len(), end_sample: length };
    let mut marks: Vec<Mark> = Vec::with_capacity(words.len());
    let mut sum = 0;
    for word in words {
        sum += word.weight;
        // In u128, so that no length of text and sound overflows.
        let share = ((end - start) as u128 * sum as u128 / total.max(1) as u128) as usize;
        let mark = Mark { end_byte: word.end_byte, end_sample: start + share + late };
        let later = marks.last().is_none_or(|last| last.end_byte < mark.end_byte && last.end_sample < mark.end_sample);
        if later && mark.end_sample < whole.end_sample && mark.end_byte < whole.end_byte {
            marks.push(mark);
        }
    }
    marks.push(whole);
    marks
}

/// The text that a voice without markup is given: tags are left out, and what is to be spelled stands apart.
pub fn without_markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut spelling = false;
    while let Some(letter) = rest.chars().next() {
        if let Some(length) = tag_length(rest) {
            let tag = &rest[..length];
            spelling = tag.starts_with("<say-as") && SPELLED.iter().any(|kind| tag.contains(kind));
            if !out.ends_with(' ') && tag.starts_with("<break") {
                out.push(' ');
            }
            rest = &rest[length..];
            continue;
        }
        if spelling && letter.is_alphanumeric() && out.ends_with(char::is_alphanumeric) {
            out.push(' ');
        }
        out.push(letter);
        rest = &rest[letter.len_utf8()..];
    }
    out.trim().to_owned()
}

struct Word {
    end_byte: usize,
    weight: usize,
}

fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let (mut at, mut weight, mut end_byte) = (0, 0, 0);
    while let Some(letter) = text[at..].chars().next() {
        if let Some(length) = tag_length(&text[at..]) {
            at += length;
            continue;
        }
        let next = at + letter.len_utf8();
        if (letter.is_whitespace() || is_han(letter)) && weight > 0 {
            words.push(Word { end_byte, weight });
            weight = 0;
        }
        if !letter.is_whitespace() {
            weight += letter_weight(letter);
            end_byte = next;
        }
        at = next;
    }
    if weight > 0 {
        words.push(Word { end_byte, weight });
    }
    words
}

/// How long a letter is said, against an English one.
fn letter_weight(letter: char) -> usize {
    if is_han(letter) || letter.is_numeric() {
        SYLLABLE
    } else if letter.is_alphanumeric() {
        1
    } else if PAUSES.contains(letter) {
        PAUSE
    } else {
        0
    }
}

fn is_han(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// The length of the tag that the text begins with, if it begins with one.
fn tag_length(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('<')?;
    let named = inside.strip_prefix('/').unwrap_or(inside).starts_with(|first: char| first.is_ascii_alphabetic());
    let end = inside.find('>').filter(|&end| end <= TAG_CHARS_MAX && !inside[..end].contains('<'))?;
    named.then_some(end + 2)
}

/// From the first audible sample to behind the last.
fn audible(samples: &[i16]) -> (usize, usize) {
    let loud = |sample: &i16| sample.unsigned_abs() > AUDIBLE;
    let start = samples.iter().position(loud).unwrap_or(0);
    let end = samples.iter().rposition(loud).map_or(samples.len(), |last| last + 1);
    (start, end)
}

/// A digit or a Mandarin character lasts as long as so many English letters.
const SYLLABLE: usize = 4;
/// A comma lasts as long as so many letters.
const PAUSE: usize = 2;
const PAUSES: &str = ",.;:?!—，。；：？！、…";
/// How much later than estimated a word counts as said: the estimate is seldom off by more.
const LATE_MS: usize = 80;
/// -36 dB of full scale: breath and dither lie below.
const AUDIBLE: u16 = 500;
/// Kinds of `<say-as>` whose letters are said one by one.
const SPELLED: [&str; 4] = ["characters", "digits", "spell-out", "telephone"];

#[cfg(test)]
mod tests {
    use call::SampleRate;
    use proptest::prelude::*;

    use super::*;

    fn sound(silence: usize, loud: usize, after: usize) -> Pcm {
        let mut samples = vec![0; silence];
        samples.resize(silence + loud, 5_000);
        samples.resize(silence + loud + after, 0);
        Pcm { rate: SampleRate::HZ_24000, samples }
    }

    fn check(text: &str, sound: &Pcm, expected: &[(usize, usize)]) {
        let marks: Vec<_> = estimated_marks(text, sound).iter().map(|mark| (mark.end_byte, mark.end_sample)).collect();
        assert_eq!(marks, expected, "{text}");
    }

    #[test]
    fn words_share_the_sound_by_their_letters() {
        // 80 ms late is 1,920 samples.
        check("four five", &sound(0, 24_000, 0), &[(4, 13_920), (9, 24_000)]);
        check("a 12", &sound(2_400, 24_000, 2_400), &[(1, 2_400 + 2_666 + 1_920), (4, 28_800)]);
        check("您好，在", &sound(0, 28_000, 0), &[(3, 9_920), (9, 21_920), (12, 28_000)]);
        check("go <break time=\"1s\"/> on. ", &sound(0, 24_000, 0), &[(2, 9_920), (25, 24_000)]);
        check("", &sound(0, 100, 0), &[(0, 100)]);
        check("so short", &sound(0, 100, 0), &[(8, 100)]);
    }

    #[test]
    fn markup_is_not_sent_and_what_is_spelled_stands_apart() {
        let check = |text: &str, expected: &str| assert_eq!(without_markup(text), expected);
        check("Hold on.<break time=\"1s\"/>Here.", "Hold on. Here.");
        check(
            "It is <say-as interpret-as=\"characters\">AB-12</say-as>, <emphasis>right</emphasis>?",
            "It is A B-1 2, right?",
        );
        check("3 < 4 and 5 > 4", "3 < 4 and 5 > 4");
    }

    proptest! {
        #[test]
        fn marks_grow_and_end_with_the_text(text in "[a-z0-9 ,。我你<>/]{0,40}", length in 0usize..50_000) {
            let marks = estimated_marks(&text, &sound(length / 10, length, length / 7));
            let whole = marks.last().unwrap();
            prop_assert_eq!(whole.end_byte, text.trim_end().len());
            for pair in marks.windows(2) {
                prop_assert!(pair[0].end_byte < pair[1].end_byte && pair[0].end_sample < pair[1].end_sample);
            }
            prop_assert!(marks.iter().all(|mark| text.is_char_boundary(mark.end_byte)));
        }
    }
}
