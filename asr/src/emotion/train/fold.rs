//! One training run, and the round of them in which each speaker is left out once.

use super::super::baseline::Baseline;
use super::super::features::FEATURES;
use super::super::model::{EmotionModel, Head, Parts, Scores};
use super::super::solve::{Example, logistic_regression};
use super::super::voice::trust;
use super::chance::Chance;
use super::figures::{Figures, Judged, Start, calibrate};
use super::{Feeling, Heard, TrainConfig, Trained};

/// Trains on everyone, and judges everyone by those who are not them.
pub(super) fn train(heard: &[Heard], speakers: usize, config: TrainConfig) -> Trained {
    let mut judged = Vec::new();
    for left_out in 0..speakers {
        let others: Vec<&Heard> = heard.iter().filter(|clip| clip.speaker != left_out).collect();
        let model = EmotionModel::new(fit(&others, config));
        let own: Vec<&Heard> = heard.iter().filter(|clip| clip.speaker == left_out && clip.hearing == 0).collect();
        for start in Start::ALL {
            judged.extend((0..own.len()).map(|place| judge(&model, &own, place, start)));
        }
    }
    let everyone: Vec<&Heard> = heard.iter().collect();
    let mut parts = fit(&everyone, config);
    let windows = |pick: fn(&Scores) -> f32, is_yes: fn(Feeling) -> bool| -> Vec<(f32, bool, f64)> {
        let known = judged.iter().filter(|judged| judged.start != Start::Angry);
        let scores = known.flat_map(|judged| {
            let share = 1.0 / judged.windows.len() as f64;
            judged.windows.iter().map(move |scores| (pick(scores), is_yes(judged.feeling), share))
        });
        scores.collect()
    };
    (parts.arousal.slope, parts.arousal.shift) = calibrate(&windows(|s| s.arousal, Feeling::is_aroused));
    (parts.agitation.slope, parts.agitation.shift) =
        calibrate(&windows(|s| s.agitation, |feeling| feeling == Feeling::Anger));
    Trained { model: EmotionModel::new(parts), figures: Figures::of(&judged) }
}

fn fit(clips: &[&Heard], config: TrainConfig) -> Parts {
    let windows = || clips.iter().flat_map(|clip| &clip.windows);
    let count = windows().count().max(1) as f64;
    let moment = |n: usize, power: i32, middle: f64| {
        windows().map(|window| (f64::from(window[n]) - middle).powi(power)).sum::<f64>() / count
    };
    let mean: [f32; FEATURES] = std::array::from_fn(|n| moment(n, 1, 0.0) as f32);
    let scale = std::array::from_fn(|n| 1.0 / moment(n, 2, f64::from(mean[n])).sqrt().max(1e-3) as f32);
    let blank = Head { weights: [0.0; FEATURES], bias: 0.0, slope: 1.0, shift: 0.0 };
    let parts = Parts { mean, scale, arousal: blank.clone(), agitation: blank };
    let ruler = EmotionModel::new(parts.clone());
    let rows = rows(clips, &ruler, config);
    let head = |is_yes: fn(Feeling) -> bool| {
        let yes: f64 = rows.iter().filter(|row| is_yes(row.feeling)).map(|row| row.weight).sum();
        let all: f64 = rows.iter().map(|row| row.weight).sum();
        // Both answers count the same in sum; how common anger is among actors says nothing about callers.
        let balance = |yes_here: bool| if yes_here { all / (2.0 * yes) } else { all / (2.0 * (all - yes)) };
        let examples: Vec<_> = rows
            .iter()
            .map(|row| {
                let is_yes = is_yes(row.feeling);
                Example { values: &row.values, is_yes, weight: row.weight * balance(is_yes) }
            })
            .collect();
        let found = logistic_regression(&examples, config.ridge * all / 1_000.0);
        Head { weights: std::array::from_fn(|n| found[n] as f32), bias: found[FEATURES] as f32, slope: 1.0, shift: 0.0 }
    };
    Parts { arousal: head(Feeling::is_aroused), agitation: head(|feeling| feeling == Feeling::Anger), ..parts }
}

struct Row {
    values: [f32; FEATURES],
    feeling: Feeling,
    weight: f64,
}

/// Every window beside baselines of the same speaker in the same hearing.
fn rows(clips: &[&Heard], ruler: &EmotionModel, config: TrainConfig) -> Vec<Row> {
    let mut chance = Chance::new(config.seed);
    let mut rows = Vec::new();
    for clip in clips {
        let same: Vec<&&Heard> = clips
            .iter()
            .filter(|other| {
                other.speaker == clip.speaker && other.hearing == clip.hearing && !std::ptr::eq(**other, *clip)
            })
            .collect();
        let calm: Vec<&&Heard> = same.iter().copied().filter(|other| other.feeling == Feeling::Neutral).collect();
        for turn in 0..config.baselines.max(1) {
            let mut baseline = Baseline::unknown();
            // The first time a stranger; then after one to ten seconds, mostly calm ones.
            let length = if turn == 0 { 0 } else { 2 + chance.place(19) };
            let pool = if chance.place(10) < 7 && !calm.is_empty() { &calm } else { &same };
            for _ in 0..length {
                let Some(other) = pool.get(chance.place(pool.len())) else { break };
                if let Some(window) = other.windows.get(chance.place(other.windows.len())) {
                    baseline.learn(&ruler.standard(window), 1.0);
                }
            }
            let weight = 1.0 / clip.windows.len().max(1) as f64;
            rows.extend(clip.windows.iter().map(|window| {
                let values = baseline.relative(&ruler.standard(window));
                Row { values, feeling: clip.feeling, weight }
            }));
        }
    }
    rows
}

/// Judges one clip of a speaker who has spoken before as `start` says.
fn judge(model: &EmotionModel, own: &[&Heard], place: usize, start: Start) -> Judged {
    let clip = own[place];
    let mut baseline = Baseline::unknown();
    let before = own.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, other)| other);
    let mut windows_left = match start {
        Start::Angry | Start::Calm => WINDOWS_BEFORE_MAX,
        Start::Everything => usize::MAX,
        Start::Stranger => 0,
    };
    for other in before.filter(|other| start.includes(other.feeling)) {
        for window in &other.windows {
            if windows_left == 0 {
                break;
            }
            windows_left -= 1;
            let standard = model.standard(window);
            let alone = model.sounds(model.scores(&standard, &Baseline::unknown()));
            baseline.learn(&standard, trust(alone.arousal));
        }
    }
    let windows = clip.windows.iter().map(|window| model.scores(&model.standard(window), &baseline)).collect();
    Judged { speaker: clip.speaker, feeling: clip.feeling, start, windows }
}

/// Windows of half a second before the clip: ten seconds.
const WINDOWS_BEFORE_MAX: usize = 20;
