//! How a caller is spoken to: slower and softer when they are upset.
//!
//! There are two manners and no more, so that every fixed prompt can be rendered in both before it is needed.

use call::{Emotion, Mood};
use tts::Style;

/// Every manner in which prompts may be said, the most frequent first.
pub(crate) const STYLES: [Style; 2] = [CALM, SOOTHING];

/// The manner for a caller who feels so. An impatient caller would not thank us for speaking slowly.
pub(crate) fn towards(emotion: Emotion) -> Style {
    let upset = match emotion.mood {
        Mood::Angry | Mood::Sad => emotion.probability >= UPSET_MIN,
        Mood::Calm | Mood::Impatient | Mood::Pleased => false,
    };
    if upset { SOOTHING } else { CALM }
}

const CALM: Style = Style { rate: 1.0, gain_db: 0.0 };
const SOOTHING: Style = Style { rate: 0.93, gain_db: -2.0 };
/// How sure we must be of a mood to speak otherwise.
const UPSET_MIN: f32 = 0.5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upset_caller_is_spoken_to_slower_and_softer() {
        let check = |mood, probability, expected: Style| {
            assert_eq!(towards(Emotion::with_probability(mood, probability)), expected, "{mood:?} {probability}");
            assert!(STYLES.contains(&expected), "rendered before it is needed");
        };
        check(Mood::Angry, 0.8, SOOTHING);
        check(Mood::Sad, 0.5, SOOTHING);
        check(Mood::Angry, 0.4, CALM);
        check(Mood::Impatient, 0.9, CALM);
        check(Mood::Calm, 0.9, CALM);
        check(Mood::Pleased, 0.9, CALM);
    }
}
