//! The phonemes that Kokoro v1.0 knows, and their numbers.
//!
//! The published table of 178 numbers, of which 114 have a phoneme: IPA for Mandarin with an arrow for the tone, and
//! misaki's letters for English diphthongs. Hibari knows the same phonemes by the same numbers.

/// The number of a phoneme or mark; nothing when the network does not know it.
pub(super) fn token(phoneme: char) -> Option<i32> {
    RUNS.iter().find_map(|&(first, phonemes)| {
        let at = phonemes.chars().position(|known| known == phoneme)?;
        Some(first + i32::try_from(at).ok()?)
    })
}

/// Phonemes whose numbers follow one another, and the number of the first.
const RUNS: &[(i32, &str)] = &[
    (1, ";:,.!?"),
    (9, "—…\"()“” \u{303}ʣʥʦʨᵝꭧAI"),
    (31, "O"),
    (33, "Q"),
    (35, "ST"),
    (39, "W"),
    (41, "Yᵊabcdef"),
    (50, "hijklmnopqrstuvwxyzɑɐɒæ"),
    (75, "βɔɕç"),
    (80, "ɖðʤə"),
    (85, "ɚɛɜ"),
    (90, "ɟ"),
    (92, "ɡ"),
    (99, "ɥ"),
    (101, "ɨɪʝ"),
    (110, "ɯɰŋɳɲɴø"),
    (118, "ɸθœ"),
    (123, "ɹ"),
    (125, "ɾɻ"),
    (128, "ʁɽʂʃʈʧ"),
    (135, "ʊʋ"),
    (138, "ʌɣɤ"),
    (142, "χʎ"),
    (147, "ʒʔ"),
    (156, "ˈˌː"),
    (162, "ʰ"),
    (164, "ʲ"),
    (169, "↓"),
    (171, "→↗↘"),
    (177, "ᵻ"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phonemes_have_their_published_numbers_and_no_two_share_one() {
        for (phoneme, number) in
            [(';', 1), (' ', 16), ('a', 43), ('ŋ', 112), ('ɕ', 77), ('ꭧ', 23), ('→', 171), ('↘', 173), ('ᵻ', 177)]
        {
            assert_eq!(token(phoneme), Some(number), "{phoneme}");
        }
        assert_eq!(token('您'), None);
        let all: Vec<char> = RUNS.iter().flat_map(|(_, phonemes)| phonemes.chars()).collect();
        let numbers: std::collections::BTreeSet<_> = all.iter().filter_map(|&phoneme| token(phoneme)).collect();
        assert_eq!((all.len(), numbers.len()), (114, 114));
    }
}
