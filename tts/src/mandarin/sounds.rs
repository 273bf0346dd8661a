//! Pinyin to the voice's sounds: IPA with an arrow for the tone, as Kokoro v1.0 was taught.
//!
//! The values are those of misaki's Chinese transcription (after Duanmu 2007 and Lin 2007); the arrow stands right
//! after the nucleus, before a final n or ŋ. The neutral tone has none.

use super::pinyin::Syllable;

/// The sounds of one syllable; nothing for what is no syllable.
pub(super) fn sounds(syllable: &Syllable) -> String {
    let Some(Parts { initial, nucleus, coda }) = parts(&syllable.base) else { return String::new() };
    let tone = match syllable.tone {
        1 => "→",
        2 => "↗",
        3 => "↓",
        4 => "↘",
        _ => "",
    };
    format!("{initial}{nucleus}{tone}{coda}")
}

/// What stands before the tone, carries it, and stands after it.
pub(super) struct Parts {
    initial: &'static str,
    nucleus: &'static str,
    coda: &'static str,
}

/// Takes a syllable without tone apart; `None` when it is not one.
pub(super) fn parts(base: &str) -> Option<Parts> {
    if let Some((_, nucleus, coda)) = WHOLE.iter().find(|(name, ..)| *name == base) {
        return Some(Parts { initial: "", nucleus, coda });
    }
    // The two-letter initials come first in the table.
    let (name, initial) = INITIALS.iter().find(|(name, _)| base.starts_with(name))?;
    let rest = &base[name.len()..];
    let fronted = matches!(*name, "j" | "q" | "x");
    let wanted = match rest {
        "i" if matches!(*name, "zh" | "ch" | "sh" | "r" | "z" | "c" | "s") => "-i",
        "u" if fronted => "v",
        "ue" if fronted || matches!(*name, "n" | "l") => "ve",
        "uan" if fronted => "van",
        "un" if fronted => "vn",
        rest => rest,
    };
    let (_, nucleus, coda) = FINALS.iter().find(|(name, ..)| *name == wanted)?;
    Some(Parts { initial, nucleus, coda })
}

const INITIALS: [(&str, &str); 21] = [
    ("zh", "ꭧ"),
    ("ch", "ꭧʰ"),
    ("sh", "ʂ"),
    ("b", "p"),
    ("p", "pʰ"),
    ("m", "m"),
    ("f", "f"),
    ("d", "t"),
    ("t", "tʰ"),
    ("n", "n"),
    ("l", "l"),
    ("g", "k"),
    ("k", "kʰ"),
    ("h", "x"),
    ("j", "ʨ"),
    ("q", "ʨʰ"),
    ("x", "ɕ"),
    ("r", "ɻ"),
    ("z", "ʦ"),
    ("c", "ʦʰ"),
    ("s", "s"),
];

/// Finals after an initial. `-i` is the buzzed vowel of `zhi` and `zi`.
const FINALS: &[(&str, &str, &str)] = &[
    ("-i", "ɨ", ""),
    ("a", "a", ""),
    ("ai", "ai", ""),
    ("an", "a", "n"),
    ("ang", "a", "ŋ"),
    ("ao", "au", ""),
    ("e", "ɤ", ""),
    ("ei", "ei", ""),
    ("en", "ə", "n"),
    ("eng", "ə", "ŋ"),
    ("i", "i", ""),
    ("ia", "ja", ""),
    ("ian", "jɛ", "n"),
    ("iang", "ja", "ŋ"),
    ("iao", "jau", ""),
    ("ie", "je", ""),
    ("in", "i", "n"),
    ("ing", "i", "ŋ"),
    ("iong", "jʊ", "ŋ"),
    ("iu", "jou", ""),
    ("o", "wo", ""),
    ("ong", "ʊ", "ŋ"),
    ("ou", "ou", ""),
    ("u", "u", ""),
    ("ua", "wa", ""),
    ("uai", "wai", ""),
    ("uan", "wa", "n"),
    ("uang", "wa", "ŋ"),
    ("ui", "wei", ""),
    ("un", "wə", "n"),
    ("uo", "wo", ""),
    ("v", "y", ""),
    ("van", "ɥɛ", "n"),
    ("ve", "ɥe", ""),
    ("vn", "y", "n"),
];

/// Syllables without an initial, as they are spelled. `r` is the colouring of 儿 behind another syllable.
const WHOLE: &[(&str, &str, &str)] = &[
    ("a", "a", ""),
    ("ai", "ai", ""),
    ("an", "a", "n"),
    ("ang", "a", "ŋ"),
    ("ao", "au", ""),
    ("e", "ɤ", ""),
    ("ê", "ɛ", ""),
    ("ei", "ei", ""),
    ("en", "ə", "n"),
    ("eng", "ə", "ŋ"),
    ("er", "ɚ", ""),
    ("r", "ɚ", ""),
    ("o", "ɔ", ""),
    ("ou", "ou", ""),
    ("m", "m", ""),
    ("n", "n", ""),
    ("ng", "ŋ", ""),
    ("hm", "hm", ""),
    ("hng", "hŋ", ""),
    ("yi", "i", ""),
    ("ya", "ja", ""),
    ("yan", "jɛ", "n"),
    ("yang", "ja", "ŋ"),
    ("yao", "jau", ""),
    ("ye", "je", ""),
    ("yin", "i", "n"),
    ("ying", "i", "ŋ"),
    ("yo", "jɔ", ""),
    ("yong", "jʊ", "ŋ"),
    ("you", "jou", ""),
    ("yu", "y", ""),
    ("yuan", "ɥɛ", "n"),
    ("yue", "ɥe", ""),
    ("yun", "y", "n"),
    ("wa", "wa", ""),
    ("wai", "wai", ""),
    ("wan", "wa", "n"),
    ("wang", "wa", "ŋ"),
    ("wei", "wei", ""),
    ("wen", "wə", "n"),
    ("weng", "wə", "ŋ"),
    ("wo", "wo", ""),
    ("wu", "u", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syllables_sound_as_the_voice_was_taught() {
        let check = |pinyin: &str, expected: &str| {
            let syllable = Syllable::parse(pinyin).unwrap();
            assert_eq!(sounds(&syllable), expected, "{pinyin}");
        };
        check("nin2", "ni↗n");
        check("hao3", "xau↓");
        check("dian4", "tjɛ↘n");
        check("hua4", "xwa↘");
        check("xie4", "ɕje↘");
        check("xie5", "ɕje");
        check("shi4", "ʂɨ↘");
        check("zi3", "ʦɨ↓");
        check("ri4", "ɻɨ↘");
        check("de5", "tɤ");
        check("lv4", "ly↘");
        check("lü4", "ly↘");
        check("nve4", "nɥe↘");
        check("jue2", "ʨɥe↗");
        check("quan2", "ʨʰɥɛ↗n");
        check("xun2", "ɕy↗n");
        check("zhuang1", "ꭧwa→ŋ");
        check("chong2", "ꭧʰʊ↗ŋ");
        check("bo1", "pwo→");
        check("hui4", "xwei↘");
        check("gui4", "kwei↘");
        check("liu2", "ljou↗");
        check("lun4", "lwə↘n");
        check("yuan2", "ɥɛ↗n");
        check("yong4", "jʊ↘ŋ");
        check("weng1", "wə→ŋ");
        check("er4", "ɚ↘");
        check("qiong2", "ʨʰjʊ↗ŋ");
    }

    #[test]
    fn what_is_no_syllable_is_refused() {
        for text in ["", "4", "hang9", "xyz1", "b2", "zhx3", "你"] {
            assert_eq!(Syllable::parse(text), None, "{text}");
        }
    }
}
