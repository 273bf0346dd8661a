//! How Mandarin characters sound, without tones: a recogniser that is small hears the syllables and guesses the rest.

use pinyin::ToPinyinMulti;

/// All readings of a character without their tones; none for what is no Han character.
pub(crate) fn readings(letter: char) -> impl Iterator<Item = &'static str> {
    letter.to_pinyin_multi().into_iter().flatten().map(|reading| reading.plain())
}

/// Whether two characters can sound the same but for the tone. What is no Han character sounds only like itself.
pub(crate) fn sound_alike(a: char, b: char) -> bool {
    a == b || readings(a).any(|one| readings(b).any(|other| one == other))
}

/// Whether they can sound the same to somebody who does not tell apart what many speakers and telephones do not: z and
/// zh, c and ch, s and sh, n and l, and the endings n and ng.
pub(crate) fn sound_close(a: char, b: char) -> bool {
    a == b || readings(a).any(|one| readings(b).any(|other| folded(one) == folded(other)))
}

/// A syllable's beginning and end, with the distinctions that get lost on the telephone left out.
fn folded(syllable: &str) -> (&str, &str) {
    let (begin, end) = if let Some(end) = syllable.strip_prefix("zh") {
        ("z", end)
    } else if let Some(end) = syllable.strip_prefix("ch") {
        ("c", end)
    } else if let Some(end) = syllable.strip_prefix("sh") {
        ("s", end)
    } else if let Some(end) = syllable.strip_prefix('n').filter(|end| !end.is_empty()) {
        ("l", end)
    } else {
        ("", syllable)
    };
    let end = if end.ends_with("ang") || end.ends_with("ing") || end.ends_with("eng") {
        end.strip_suffix('g').unwrap_or(end)
    } else {
        end
    };
    match (begin, end.split_at_checked(1)) {
        ("", Some((first @ ("z" | "c" | "s" | "l"), rest))) => (first, rest),
        _ => (begin, end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tones_do_not_count() {
        assert!(sound_alike('订', '定') && sound_alike('五', '物') && sound_alike('a', 'a'));
        assert!(!sound_alike('订', '单') && !sound_alike('a', 'b') && !sound_alike('订', 'd'));
    }

    #[test]
    fn what_telephones_confuse_is_close() {
        let check = |a: char, b: char, expected: bool| assert_eq!(sound_close(a, b), expected, "{a} {b}");
        check('张', '脏', true);
        check('吃', '词', true);
        check('是', '四', true);
        check('你', '李', true);
        check('民', '名', true);
        check('真', '争', true);
        check('单', '当', true);
        check('安', '昂', true);
        check('大', '他', false);
        check('光', '关', true);
    }
}
