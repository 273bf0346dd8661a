//! Where each word of the text as given ends in the sound.
//!
//! What is spoken differs from what is written: `$5` is two words, an emoji none. A mark therefore stands at the end
//! of each written word once all that it says has been said: of what spaces enclose, and in Mandarin, which has none,
//! of what was read as a word.

use std::ops::Range;

use crate::clause::is_han;
use crate::voice::Mark;

/// The end of one spoken word.
pub(crate) struct WordEnd {
    /// The bytes of text it stands for.
    pub(crate) span: Range<usize>,
    /// Where it ends in the sound, before silence was cut.
    pub(crate) sample: usize,
}

/// Marks for `text`; `cut_start` samples were cut in front and `length` are left.
pub(crate) fn marks(text: &str, ends: &[WordEnd], cut_start: usize, length: usize) -> Vec<Mark> {
    let mut out: Vec<Mark> = Vec::new();
    for (at, end) in ends.iter().enumerate() {
        let end_byte = word_end(text, end.span.end);
        let more = ends.get(at + 1).is_some_and(|next| next.span.start < end_byte);
        let end_sample = end.sample.saturating_sub(cut_start);
        let later = out.last().is_none_or(|last| last.end_byte < end_byte && last.end_sample < end_sample);
        if !more && later && end_sample > 0 && end_sample < length {
            out.push(Mark { end_byte, end_sample });
        }
    }
    let whole = Mark { end_byte: text.trim_end().len(), end_sample: length };
    out.retain(|mark| mark.end_byte < whole.end_byte);
    out.push(whole);
    out
}

/// The end of the written word that has a letter before `from`; markup in it is part of it, and so is the punctuation
/// behind it. Behind a Han character everything but punctuation is another word.
fn word_end(text: &str, from: usize) -> usize {
    let (before, rest) = text.split_at_checked(from).unwrap_or((text, ""));
    let is_han_word = before.chars().next_back().is_some_and(is_han);
    let is_next = |letter: char| {
        matches!(letter, ' ' | '\t' | '\n' | '<') || is_han(letter) || is_han_word && letter.is_alphanumeric()
    };
    rest.find(is_next).map_or(text.len(), |next| from + next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, ends: &[(Range<usize>, usize)], expected: &[(usize, usize)]) {
        let ends: Vec<_> = ends.iter().map(|(span, sample)| WordEnd { span: span.clone(), sample: *sample }).collect();
        let got: Vec<_> = marks(text, &ends, 10, 1_000).iter().map(|mark| (mark.end_byte, mark.end_sample)).collect();
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn a_mark_stands_where_a_written_word_ends() {
        check(
            "Pay $5, now! ",
            &[(0..3, 110), (4..6, 300), (4..6, 500), (8..11, 900)],
            &[(3, 100), (7, 490), (12, 1_000)],
        );
        check("up-to-date 👍", &[(0..10, 700)], &[(10, 690), (15, 1_000)]);
        check("and/or", &[(0..3, 200), (4..6, 400)], &[(6, 1_000)]);
    }

    #[test]
    fn mandarin_has_a_mark_at_each_word_that_was_read() {
        check("您好，请问", &[(0..6, 310), (9..15, 700)], &[(9, 300), (15, 1_000)]);
        check("订单20418号", &[(0..6, 210), (6..11, 510), (11..14, 900)], &[(6, 200), (11, 500), (14, 1_000)]);
        check("用 iPhone 吧。", &[(0..3, 110), (4..10, 410), (11..14, 700)], &[(3, 100), (10, 400), (17, 1_000)]);
    }

    #[test]
    fn marks_grow_whatever_the_voice_says() {
        check("a b c", &[(0..1, 500), (2..3, 500), (4..5, 5_000)], &[(1, 490), (5, 1_000)]);
        check("a b", &[(0..1, 5), (2..3, 700)], &[(3, 1_000)]);
    }
}
