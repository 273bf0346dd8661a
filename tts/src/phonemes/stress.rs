//! Stress marks in phoneme strings: how loud a word is in its sentence.
//!
//! The alphabet is the one the voice was trained on (Misaki's for English): one character for each sound, capitals
//! for diphthongs, a stress mark before the vowel it belongs to.

/// The main stress of a word.
pub(crate) const PRIMARY: char = 'ˈ';
/// A lesser stress.
pub(crate) const SECONDARY: char = 'ˌ';

/// What may be done to the stress of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restress {
    /// A word without any stress gets a lesser one: a name, a word that begins with a capital.
    Lift,
    /// Any word gets the main stress: capitals throughout, emphasis.
    Main,
    /// The main stress becomes a lesser one and lesser ones go: the weaker half of a compound.
    Weaken,
}

/// Applies a change of stress.
pub(crate) fn restressed(sounds: &str, change: Restress) -> String {
    let has_primary = sounds.contains(PRIMARY);
    let has_secondary = sounds.contains(SECONDARY);
    match change {
        Restress::Weaken if has_primary => sounds
            .chars()
            .filter(|&sound| sound != SECONDARY)
            .map(|sound| if sound == PRIMARY { SECONDARY } else { sound })
            .collect(),
        Restress::Lift if !has_primary && !has_secondary => before_first_vowel(sounds, SECONDARY),
        Restress::Main if !has_primary && has_secondary => sounds.replace(SECONDARY, "ˈ"),
        Restress::Main if !has_primary => before_first_vowel(sounds, PRIMARY),
        Restress::Lift | Restress::Main | Restress::Weaken => sounds.to_owned(),
    }
}

/// How heavy a word is: its sounds, diphthongs and affricates counted twice.
pub(crate) fn weight(sounds: &str) -> usize {
    sounds.chars().map(|sound| if "AIOQWYʤʧ".contains(sound) { 2 } else { 1 }).sum()
}

/// Whether a sound is a vowel.
pub(crate) fn is_vowel(sound: char) -> bool {
    "AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻ".contains(sound)
}

/// Whether a sound is a consonant.
pub(crate) fn is_consonant(sound: char) -> bool {
    "bdfhjklmnpstvwzðŋɡɹɾʃʒʤʧθ".contains(sound)
}

fn before_first_vowel(sounds: &str, stress: char) -> String {
    let mut out = sounds.to_owned();
    if let Some(at) = sounds.find(is_vowel) {
        out.insert(at, stress);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stress_is_lifted_and_weakened() {
        let check = |sounds, change, expected: &str| assert_eq!(restressed(sounds, change), expected, "{sounds}");
        check("həlˈO", Restress::Weaken, "həlˌO");
        check("tə", Restress::Lift, "tˌə");
        check("ænd", Restress::Main, "ˈænd");
        check("ˌʌndəɹ", Restress::Main, "ˈʌndəɹ");
        check("ɹˌiəlˈIz", Restress::Lift, "ɹˌiəlˈIz");
        check("hm", Restress::Main, "hm");
    }
}
