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
}

impl WordErrors {
    pub(super) fn of(language: Language, scores: impl IntoIterator<Item = Score>) -> Self {
        let (mut total, mut utterances) = (Score::default(), 0);
        for score in scores {
            total.add(score);
            utterances += 1;
        }
        let unit = match language {
            Language::En => "words",
            Language::Zh => "characters",
        };
        Self { utterances, unit, errors: total.errors, of: total.reference, error_rate: total.rate() }
    }
}

/// How wrong a transcript is, against the spelling that it is nearest to.
pub(super) fn score(labelled: &Labelled, heard: &str) -> Score {
    let against = |expected: &String| match labelled.language {
        Language::En => score::wer(expected, heard),
        Language::Zh => score::cer(expected, heard),
    };
    labelled.expected.iter().map(against).min_by(|a, b| a.rate().total_cmp(&b.rate())).unwrap_or_default()
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
        let check = |heard: &str, errors: usize| assert_eq!(score(&set[0], heard).errors, errors, "{heard}");
        check("Double eight.", 0);
        check("8, 8", 0);
        check("trouble eight", 1);
        check("", 2);
        let mandarin = read_set("s", "id\ttext\na\t我要退款。\n", Language::Zh).unwrap();
        assert_eq!(score(&mandarin[0], "我要退宽"), Score { errors: 1, reference: 4 });
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
