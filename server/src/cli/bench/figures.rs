//! Figures of the bench: spreads, word errors, and how far a recogniser's confidence can be believed.

use asr::score::{self, Score};
use call::Language;
use serde::Serialize;
use test_audio::labelled::Labelled;

/// Many measurements of one thing, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Spread {
    /// How many there are. The others are zero when there are none.
    pub(super) count: usize,
    pub(super) p50_ms: i64,
    pub(super) p95_ms: i64,
    pub(super) max_ms: i64,
}

impl Spread {
    /// Percentiles by the nearest rank: each is a value that was measured.
    pub(super) fn of(mut values: Vec<i64>) -> Self {
        values.sort_unstable();
        let rank = |percent: usize| {
            let place = (values.len() * percent).div_ceil(100).saturating_sub(1);
            values.get(place).copied().unwrap_or_default()
        };
        Self { count: values.len(), p50_ms: rank(50), p95_ms: rank(95), max_ms: rank(100) }
    }
}

/// Errors in words (English) or characters (Mandarin).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct WordErrors {
    pub(super) utterances: usize,
    pub(super) unit: &'static str,
    pub(super) errors: usize,
    pub(super) of: usize,
    pub(super) error_rate: f64,
    /// Mandarin: errors in syllables without their tones, where homophones count as right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) syllable_error_rate: Option<f64>,
}

/// How wrong one transcript is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Wrong {
    /// In words or characters.
    pub(super) words: Score,
    /// In toneless syllables; the words again in English.
    pub(super) syllables: Score,
}

impl WordErrors {
    pub(super) fn of(language: Language, transcripts: impl IntoIterator<Item = Wrong>) -> Self {
        let (mut total, mut utterances) = (Wrong::default(), 0);
        for wrong in transcripts {
            total.words.add(wrong.words);
            total.syllables.add(wrong.syllables);
            utterances += 1;
        }
        let (unit, syllable_error_rate) = match language {
            Language::En => ("words", None),
            Language::Zh => ("characters", Some(total.syllables.rate())),
        };
        let Score { errors, reference: of } = total.words;
        Self { utterances, unit, errors, of, error_rate: total.words.rate(), syllable_error_rate }
    }

    /// Such as "7.9 % (38 of 480 characters; 3.1 % of syllables)".
    pub(super) fn in_words(&self) -> String {
        let Self { unit, errors, of, error_rate, syllable_error_rate, .. } = self;
        let syllables = syllable_error_rate.map(|rate| format!("; {:.1} % of syllables", rate * 100.0));
        format!("{:.1} % ({errors} of {of} {unit}{})", error_rate * 100.0, syllables.unwrap_or_default())
    }
}

/// How wrong a transcript is, against the spelling that it is nearest to.
pub(super) fn score(labelled: &Labelled, heard: &str) -> Wrong {
    let against = |expected: &String| match labelled.language {
        Language::En => {
            let words = score::wer(expected, heard);
            Wrong { words, syllables: words }
        }
        Language::Zh => Wrong { words: score::cer(expected, heard), syllables: score::ser(expected, heard) },
    };
    let nearest = labelled.expected.iter().map(against).min_by(|a, b| a.words.rate().total_cmp(&b.words.rate()));
    nearest.unwrap_or_default()
}

/// Whether the recogniser was right as often as it said it would be.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Calibration {
    /// Expected calibration error: how far confidence and truth are apart, weighted by how often; 0.0 is perfect.
    pub(super) ece: f64,
    /// Bins of confidence that hold anything, lowest first.
    pub(super) bins: Vec<Bin>,
}

/// Utterances of about the same confidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Bin {
    /// The confidences in it: from this, included.
    pub(super) from: f64,
    /// To this, not included unless it is 1.0.
    pub(super) to: f64,
    pub(super) count: usize,
    /// The mean of what was said.
    pub(super) confidence: f64,
    /// The share that had no error.
    pub(super) right: f64,
}

impl Calibration {
    /// From (confidence, whether there was no error).
    pub(super) fn of(answers: &[(f32, bool)]) -> Self {
        let mut filled: Vec<Vec<(f64, bool)>> = vec![Vec::new(); BINS];
        for &(confidence, right) in answers {
            let confidence = f64::from(confidence).clamp(0.0, 1.0);
            let place = ((confidence * BINS as f64) as usize).min(BINS - 1);
            filled[place].push((confidence, right));
        }
        let mut calibration = Self::default();
        for (index, bin) in filled.iter().enumerate().filter(|(_, bin)| !bin.is_empty()) {
            let count = bin.len() as f64;
            let confidence = bin.iter().map(|(confidence, _)| confidence).sum::<f64>() / count;
            let right = bin.iter().filter(|(_, right)| *right).count() as f64 / count;
            calibration.ece += (confidence - right).abs() * count / answers.len() as f64;
            let (from, to) = (index as f64 / BINS as f64, (index + 1) as f64 / BINS as f64);
            calibration.bins.push(Bin { from, to, count: bin.len(), confidence, right });
        }
        calibration
    }
}

/// Bins of a tenth each.
const BINS: usize = 10;

#[cfg(test)]
mod tests {
    use test_audio::labelled::read_set;

    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        assert_eq!(Spread::of(Vec::new()), Spread::default());
        let spread = Spread::of((1..=100).rev().collect());
        assert_eq!(spread, Spread { count: 100, p50_ms: 50, p95_ms: 95, max_ms: 100 });
        assert_eq!(Spread::of(vec![7]), Spread { count: 1, p50_ms: 7, p95_ms: 7, max_ms: 7 });
    }

    #[test]
    fn the_nearest_spelling_counts() {
        let set =
            read_set("s", "id\ttext\texpected\na\tdouble eight\teight eight / double eight\n", Language::En).unwrap();
        let check = |heard: &str, errors: usize| assert_eq!(score(&set[0], heard).words.errors, errors, "{heard}");
        check("Double eight.", 0);
        check("8, 8", 0);
        check("trouble eight", 1);
        check("", 2);
        let mandarin = read_set("s", "id\ttext\na\t我要退款。\n", Language::Zh).unwrap();
        assert_eq!(score(&mandarin[0], "我要退宽").words, Score { errors: 1, reference: 4 });
    }

    #[test]
    fn mandarin_counts_syllables_beside_characters() {
        let set = read_set("s", "id\ttext\na\t我要退款。\n", Language::Zh).unwrap();
        let found = WordErrors::of(Language::Zh, [score(&set[0], "我药退光"), score(&set[0], "我要退款")]);
        assert_eq!((found.error_rate, found.syllable_error_rate), (0.25, Some(0.125)));
        assert_eq!(found.in_words(), "25.0 % (2 of 8 characters; 12.5 % of syllables)");
        let english = WordErrors::of(Language::En, [Wrong::default()]);
        assert_eq!(english.in_words(), "0.0 % (0 of 0 words)");
    }

    #[test]
    fn calibration_compares_what_was_said_with_what_was_true() {
        assert_eq!(Calibration::of(&[]), Calibration::default());
        let sure_and_right = Calibration::of(&[(1.0, true), (1.0, true)]);
        assert_eq!((sure_and_right.ece, sure_and_right.bins.len()), (0.0, 1));
        // Half of those at 0.95 are wrong, and the one at 0.25 is right.
        let boastful = Calibration::of(&[(0.95, true), (0.95, false), (0.25, true)]);
        assert!((boastful.ece - (0.45 * 2.0 + 0.75) / 3.0).abs() < 1e-6, "{boastful:?}");
        let bins: Vec<_> = boastful.bins.iter().map(|bin| (bin.from, bin.count, bin.right)).collect();
        assert_eq!(bins, [(0.2, 1, 1.0), (0.9, 2, 0.5)]);
    }
}
