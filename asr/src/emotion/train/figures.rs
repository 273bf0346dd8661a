//! How good the classifier is: figures over clips whose speakers it never heard.

use super::super::model::{Scores, logistic};
use super::super::solve::{Example, logistic_regression};
use super::Feeling;

/// What the speaker was heard saying before the clip that is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Ten seconds of angry speech: a caller who begins angry.
    Angry,
    /// Ten seconds of neutral speech: a caller who states their business.
    Calm,
    /// All their other clips, of every feeling, as the literature normalises.
    Everything,
    /// Nothing: the first words of a call.
    Stranger,
}

impl Start {
    /// Every start.
    pub const ALL: [Self; 4] = [Self::Angry, Self::Calm, Self::Everything, Self::Stranger];

    pub(super) fn includes(self, feeling: Feeling) -> bool {
        match self {
            Self::Angry => feeling == Feeling::Anger,
            Self::Calm => feeling == Feeling::Neutral,
            Self::Everything => true,
            Self::Stranger => false,
        }
    }
}

/// One clip and what was thought of it.
pub(super) struct Judged {
    pub(super) speaker: usize,
    pub(super) feeling: Feeling,
    pub(super) start: Start,
    pub(super) windows: Vec<Scores>,
}

/// All figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Clips judged.
    pub clips: usize,
    /// Speakers, each left out once.
    pub speakers: usize,
    /// Aroused or not, after each start.
    pub arousal: Vec<(Start, Rates)>,
    /// The same without disgust, whose arousal the literature does not agree on.
    pub arousal_without_disgust: Vec<(Start, Rates)>,
    /// Angry or not, after each start.
    pub anger: Vec<(Start, Rates)>,
}

/// How good a yes or no is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Clips judged rightly, 0.0 to 1.0.
    pub accuracy: f64,
    /// Of the clips that are, the part found.
    pub found: f64,
    /// Of the clips that are not, the part taken for it.
    pub false_alarms: f64,
    /// Single windows (up to 2 s) judged rightly.
    pub window_accuracy: f64,
    /// How far stated probability and frequency lie apart, in the mean over clips (expected calibration error).
    pub calibration_error: f64,
}

impl Figures {
    pub(super) fn of(judged: &[Judged]) -> Self {
        let speakers = judged.iter().map(|clip| clip.speaker + 1).max().unwrap_or(0);
        let after = |pick: fn(&Scores) -> f32, is_yes: fn(Feeling) -> bool, counts: fn(Feeling) -> bool| {
            let rate = |start: Start| {
                let clips: Vec<&Judged> =
                    judged.iter().filter(|clip| clip.start == start && counts(clip.feeling)).collect();
                (start, rates(&clips, pick, is_yes, speakers))
            };
            Start::ALL.map(rate).to_vec()
        };
        Self {
            clips: judged.iter().filter(|clip| clip.start == Start::Stranger).count(),
            speakers,
            arousal: after(|s| s.arousal, Feeling::is_aroused, |_| true),
            arousal_without_disgust: after(|s| s.arousal, Feeling::is_aroused, |f| f != Feeling::Disgust),
            anger: after(|s| s.agitation, |f| f == Feeling::Anger, |_| true),
        }
    }
}

/// Calibration, too, is learned from the other speakers.
fn rates(clips: &[&Judged], pick: fn(&Scores) -> f32, is_yes: fn(Feeling) -> bool, speakers: usize) -> Rates {
    let mut stated = Vec::new();
    let (mut windows, mut windows_right) = (0_usize, 0_usize);
    for speaker in 0..speakers {
        let others = clips.iter().filter(|clip| clip.speaker != speaker);
        let pairs: Vec<_> = others
            .flat_map(|clip| {
                let share = 1.0 / clip.windows.len() as f64;
                clip.windows.iter().map(move |scores| (pick(scores), is_yes(clip.feeling), share))
            })
            .collect();
        let (slope, shift) = calibrate(&pairs);
        for clip in clips.iter().filter(|clip| clip.speaker == speaker && !clip.windows.is_empty()) {
            let scores: Vec<f32> = clip.windows.iter().map(pick).collect();
            let mean = scores.iter().sum::<f32>() / scores.len() as f32;
            stated.push((logistic(slope * mean + shift), is_yes(clip.feeling)));
            windows += scores.len();
            windows_right +=
                scores.iter().filter(|&score| (slope * score + shift > 0.0) == is_yes(clip.feeling)).count();
        }
    }
    let part = |of: &dyn Fn(bool) -> bool, hit: &dyn Fn(f32, bool) -> bool| {
        let all = stated.iter().filter(|(_, yes)| of(*yes)).count();
        let hits = stated.iter().filter(|(likely, yes)| of(*yes) && hit(*likely, *yes)).count();
        hits as f64 / all.max(1) as f64
    };
    Rates {
        accuracy: part(&|_| true, &|likely, yes| (likely > 0.5) == yes),
        found: part(&|yes| yes, &|likely, _| likely > 0.5),
        false_alarms: part(&|yes| !yes, &|likely, _| likely > 0.5),
        window_accuracy: windows_right as f64 / windows.max(1) as f64,
        calibration_error: calibration_error(&stated),
    }
}

/// Slope and shift that make probabilities of scores (Platt 1999).
pub(super) fn calibrate(scores: &[(f32, bool, f64)]) -> (f32, f32) {
    let values: Vec<[f32; 1]> = scores.iter().map(|(score, _, _)| [*score]).collect();
    let examples: Vec<_> = values
        .iter()
        .zip(scores)
        .map(|(values, (_, is_yes, weight))| Example { values, is_yes: *is_yes, weight: *weight })
        .collect();
    match logistic_regression(&examples, 1e-3).as_slice() {
        [slope, shift] => (*slope as f32, *shift as f32),
        _ => (1.0, 0.0),
    }
}

fn calibration_error(stated: &[(f32, bool)]) -> f64 {
    const BINS: usize = 10;
    let mut bins = [(0.0, 0.0, 0.0); BINS];
    for (likely, yes) in stated {
        let (count, sum, hits) = &mut bins[((likely * BINS as f32) as usize).min(BINS - 1)];
        *count += 1.0;
        *sum += f64::from(*likely);
        *hits += f64::from(u8::from(*yes));
    }
    bins.iter().map(|(_, sum, hits): &(f64, f64, f64)| (sum - hits).abs()).sum::<f64>() / stated.len().max(1) as f64
}
