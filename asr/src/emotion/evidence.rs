//! Evidence for each mood, as natural logs of likelihoods, and the probabilities it comes to.

use call::{Mood, Moods};

use super::model::Sounds;

/// The moods in the order of their evidence.
const MOODS: [Mood; 5] = [Mood::Angry, Mood::Calm, Mood::Impatient, Mood::Pleased, Mood::Sad];

/// How much likelier each mood makes what was observed, as a natural log; only differences matter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Evidence([f32; MOODS.len()]);

impl Evidence {
    pub(super) fn add(&mut self, mood: Mood, weight: f32) {
        self.0[place(mood)] += weight;
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self(std::array::from_fn(|n| self.0[n] + other.0[n]))
    }

    pub(super) fn times(self, factor: f32) -> Self {
        Self(self.0.map(|value| value * factor))
    }

    pub(super) fn capped(self, most: f32) -> Self {
        Self(self.0.map(|value| value.clamp(-most, most)))
    }

    #[cfg(test)]
    pub(super) fn highest(self) -> Mood {
        MOODS.into_iter().max_by(|&a, &b| self.0[place(a)].total_cmp(&self.0[place(b)])).unwrap_or_default()
    }

    /// What the sound of the voice says. Calm callers vary in arousal, so arousal alone proves little; anger needs both.
    pub(super) fn of_sound(sounds: Sounds) -> Self {
        let arousal = log_odds(sounds.arousal).clamp(SOUND_MIN, SOUND_MAX);
        let agitation = (log_odds(sounds.agitation) - log_odds(ANGER_TRAINED)).clamp(SOUND_MIN, SOUND_MAX);
        let mut evidence = Self::default();
        evidence.add(Mood::Angry, 0.5 * arousal + 0.7 * agitation);
        evidence.add(Mood::Calm, -0.5 * arousal);
        evidence.add(Mood::Impatient, 0.4 * arousal + 0.2 * agitation);
        evidence.add(Mood::Pleased, 0.3 * arousal - 0.3 * agitation);
        evidence.add(Mood::Sad, -0.2 * arousal - 0.2 * agitation);
        evidence
    }

    /// The probabilities of the moods after all evidence, beginning with how common they are among callers.
    pub(super) fn moods(self) -> Moods {
        let scores: [f32; MOODS.len()] = std::array::from_fn(|n| COMMON[n].ln() + self.0[n]);
        let top = scores.into_iter().fold(f32::NEG_INFINITY, f32::max);
        let parts = scores.map(|score| (score - top).exp());
        let sum: f32 = parts.iter().sum();
        let part = |mood: Mood| parts[place(mood)] / sum;
        Moods {
            angry: part(Mood::Angry),
            calm: part(Mood::Calm),
            impatient: part(Mood::Impatient),
            pleased: part(Mood::Pleased),
            sad: part(Mood::Sad),
        }
    }
}

fn place(mood: Mood) -> usize {
    match mood {
        Mood::Angry => 0,
        Mood::Calm => 1,
        Mood::Impatient => 2,
        Mood::Pleased => 3,
        Mood::Sad => 4,
    }
}

fn log_odds(probability: f32) -> f32 {
    let inside = probability.clamp(1e-4, 1.0 - 1e-4);
    (inside / (1.0 - inside)).ln()
}

/// How common each mood is among utterances of callers, in the order of `MOODS`. A guess on the safe side, to be
/// replaced by counts of one's own calls.
const COMMON: [f32; MOODS.len()] = [0.04, 0.80, 0.07, 0.06, 0.03];
/// How common anger was in the speech trained on; more than that counts for it.
const ANGER_TRAINED: f32 = 0.23;
/// Sound is believed up to these log odds: it was learned from actors.
const SOUND_MAX: f32 = 3.0;
/// A level voice proves less than a raised one: there is cold anger.
const SOUND_MIN: f32 = -1.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(moods: Moods) -> f32 {
        MOODS.into_iter().map(|mood| moods.of(mood)).sum()
    }

    #[test]
    fn without_evidence_callers_are_calm() {
        let moods = Evidence::default().moods();
        assert_eq!(moods.likeliest(), Mood::Calm);
        assert!((sum(moods) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn a_furious_voice_is_angry_and_a_lively_one_is_not() {
        let furious = Evidence::of_sound(Sounds { arousal: 0.97, agitation: 0.95 }).moods();
        assert_eq!(furious.likeliest(), Mood::Angry);
        assert!(furious.angry < 0.9, "sound alone is never sure: {furious:?}");
        let lively = Evidence::of_sound(Sounds { arousal: 0.8, agitation: 0.15 }).moods();
        assert_eq!(lively.likeliest(), Mood::Calm, "{lively:?}");
    }

    #[test]
    fn hard_words_in_a_level_voice_still_count() {
        let level = Evidence::of_sound(Sounds { arousal: 0.02, agitation: 0.03 });
        let mut words = Evidence::default();
        words.add(Mood::Angry, 5.0);
        assert_eq!(level.plus(words).moods().likeliest(), Mood::Angry);
        let mut words = Evidence::default();
        words.add(Mood::Pleased, 2.0);
        assert_eq!(level.plus(words).moods().likeliest(), Mood::Calm, "thanks are manners");
    }

    #[test]
    fn extremes_still_sum_to_one() {
        for value in [0.0, 1.0, f32::MIN_POSITIVE] {
            let moods = Evidence::of_sound(Sounds { arousal: value, agitation: value }).moods();
            assert!((sum(moods) - 1.0).abs() < 1e-5, "{moods:?}");
        }
    }
}
