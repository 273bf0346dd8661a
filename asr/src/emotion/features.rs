//! What up to two seconds of speech look like: numbers over many sketches.
//!
//! The list is the classic one of emotion research (pitch, loudness, voice quality, rhythm, spectrum) over a band that
//! a telephone carries. Loudness is absolute; it tells something only beside the same caller's other seconds.

use std::collections::VecDeque;

use super::pitch::{self, Pitch};
use super::sketch::{CEPSTRA, HOPS_PER_S, MELS, SHAPES, Sketch};

/// Numbers that describe a window.
pub(super) const FEATURES: usize = PITCH + LOUDNESS + VOICE + RHYTHM + 3 * SHAPES + 3 * CEPSTRA + 2 * MELS + MOVEMENT;

/// Sketches in a full window: two seconds.
pub(super) const WINDOW_HOPS: usize = 2 * HOPS_PER_S;

/// The numbers of a window; `None` when hardly anything in it is speech.
pub(super) fn features(window: &VecDeque<Sketch>) -> Option<[f32; FEATURES]> {
    let sketches: Vec<&Sketch> = window.iter().collect();
    let loudness: Vec<f32> = sketches.iter().map(|sketch| sketch.loudness_db).collect();
    let top = percentile(&loudness, 0.95);
    let active: Vec<usize> = (0..sketches.len()).filter(|&n| loudness[n] > (top - ACTIVE_DB).max(QUIET_DB)).collect();
    if active.len() < ACTIVE_MIN {
        return None;
    }
    let path = pitch::track(sketches.iter().map(|sketch| &sketch.pitches));
    let voiced: Vec<usize> = active.iter().copied().filter(|&n| path[n].is_some()).collect();
    let mut out = Vec::with_capacity(FEATURES);
    push_pitch(&mut out, &path, &voiced);
    push_loudness(&mut out, &loudness, &active);
    push_voice(&mut out, &path, &loudness, &voiced, active.len());
    push_rhythm(&mut out, &loudness, &path, &active);
    let over = |places: &[usize], value: &dyn Fn(&Sketch) -> f32| -> Vec<f32> {
        places.iter().map(|&n| value(sketches[n])).collect()
    };
    for shape in 0..SHAPES {
        let all = over(&active, &|sketch| sketch.shapes[shape]);
        let sung = over(&voiced, &|sketch| sketch.shapes[shape]);
        out.extend([mean(&all), deviation(&all), if sung.is_empty() { mean(&all) } else { mean(&sung) }]);
    }
    for row in 0..CEPSTRA {
        let all = over(&active, &|sketch| sketch.cepstra[row]);
        out.extend([mean(&all), deviation(&all), movement(&all)]);
    }
    for band in 0..MELS {
        let all = over(&active, &|sketch| sketch.mels_db[band] - sketch.loudness_db);
        out.extend([mean(&all), deviation(&all)]);
    }
    push_movement(&mut out, &sketches, &path, &voiced, &active);
    out.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = 0.0);
    <[f32; FEATURES]>::try_from(out).ok()
}

const PITCH: usize = 10;

fn push_pitch(out: &mut Vec<f32>, path: &[Option<Pitch>], voiced: &[usize]) {
    let pitches: Vec<f32> = voiced.iter().filter_map(|&n| path[n]).map(|pitch| pitch.semitones).collect();
    let steps: Vec<f32> = voiced
        .windows(2)
        .filter(|pair| pair[1] == pair[0] + 1)
        .filter_map(|pair| Some(path[pair[1]]?.semitones - path[pair[0]]?.semitones))
        .filter(|step| step.abs() < STEP_MAX)
        .collect();
    let rises: Vec<f32> = steps.iter().copied().filter(|&step| step > 0.0).collect();
    let falls: Vec<f32> = steps.iter().copied().filter(|&step| step < 0.0).collect();
    let (low, high) = (percentile(&pitches, 0.1), percentile(&pitches, 0.9));
    let third = pitches.len() / 3;
    let course = mean(&pitches[pitches.len() - third..]) - mean(&pitches[..third]);
    out.extend([mean(&pitches), deviation(&pitches), low, percentile(&pitches, 0.5), high, high - low]);
    out.extend([mean(&rises), mean(&falls), deviation(&steps), course]);
}

const LOUDNESS: usize = 8;

fn push_loudness(out: &mut Vec<f32>, loudness: &[f32], active: &[usize]) {
    let levels: Vec<f32> = active.iter().map(|&n| loudness[n]).collect();
    let steps: Vec<f32> = active.windows(2).map(|pair| loudness[pair[1]] - loudness[pair[0]]).collect();
    let rises: Vec<f32> = steps.iter().copied().filter(|&step| step > 0.0).collect();
    let falls: Vec<f32> = steps.iter().copied().filter(|&step| step < 0.0).collect();
    let (low, high) = (percentile(&levels, 0.1), percentile(&levels, 0.9));
    out.extend([mean(&levels), deviation(&levels), low, percentile(&levels, 0.5), high, high - low]);
    out.extend([mean(&rises), mean(&falls)]);
}

const VOICE: usize = 6;

fn push_voice(out: &mut Vec<f32>, path: &[Option<Pitch>], loudness: &[f32], voiced: &[usize], active: usize) {
    let strengths: Vec<f32> = voiced.iter().filter_map(|&n| path[n]).map(|pitch| pitch.strength).collect();
    let clarity: Vec<f32> = strengths
        .iter()
        .map(|strength| {
            let part = strength.clamp(0.01, 0.99);
            10.0 * (part / (1.0 - part)).log10()
        })
        .collect();
    // Jitter and shimmer proper compare single periods; at 10 ms the second difference is what is left of them.
    let triples = || voiced.windows(3).filter(|three| three[2] == three[0] + 2);
    let jitter: Vec<f32> = triples()
        .filter_map(|three| {
            let [a, b, c] = [path[three[0]]?.semitones, path[three[1]]?.semitones, path[three[2]]?.semitones];
            Some((a - 2.0 * b + c).abs().min(STEP_MAX))
        })
        .collect();
    let shimmer: Vec<f32> =
        triples().map(|three| (loudness[three[0]] - 2.0 * loudness[three[1]] + loudness[three[2]]).abs()).collect();
    out.extend([mean(&strengths), deviation(&strengths), mean(&clarity), mean(&jitter), mean(&shimmer)]);
    out.push(voiced.len() as f32 / active as f32);
}

const RHYTHM: usize = 7;

fn push_rhythm(out: &mut Vec<f32>, loudness: &[f32], path: &[Option<Pitch>], active: &[usize]) {
    let seconds = loudness.len() as f32 / HOPS_PER_S as f32;
    let smooth: Vec<f32> =
        (0..loudness.len()).map(|n| mean(&loudness[n.saturating_sub(3)..(n + 4).min(loudness.len())])).collect();
    let heights = peaks(&smooth);
    let mut runs = Vec::new();
    let mut run = 0_usize;
    for pitch in path.iter().chain([&None]) {
        if pitch.is_some() {
            run += 1;
        } else if run > 0 {
            runs.push(run as f32 / HOPS_PER_S as f32);
            run = 0;
        }
    }
    let pause = active.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(1);
    out.extend([heights.len() as f32 / seconds, mean(&heights)]);
    out.extend([runs.len() as f32 / seconds, mean(&runs), deviation(&runs)]);
    out.extend([active.len() as f32 / loudness.len() as f32, pause as f32 / HOPS_PER_S as f32]);
}

/// How far each syllable-like peak stands above the lower of the valleys before it, in dB.
fn peaks(smooth: &[f32]) -> Vec<f32> {
    let mut heights = Vec::new();
    let (mut valley, mut top) = (f32::INFINITY, f32::NEG_INFINITY);
    let mut rising = true;
    for &level in smooth {
        if rising {
            top = top.max(level);
            valley = valley.min(level);
            if level < top - PEAK_DB {
                if top - valley > PEAK_DB {
                    heights.push(top - valley);
                }
                (rising, valley) = (false, level);
            }
        } else {
            valley = valley.min(level);
            if level > valley + PEAK_DB {
                (rising, top) = (true, level);
            }
        }
    }
    heights
}

const MOVEMENT: usize = 6;

fn push_movement(out: &mut Vec<f32>, sketches: &[&Sketch], path: &[Option<Pitch>], voiced: &[usize], active: &[usize]) {
    let loudness: Vec<f32> = sketches.iter().map(|sketch| sketch.loudness_db).collect();
    // How much the loudness moves at the pace of words, syllables and sounds: the energy left between two smoothings.
    let smooth = |half: usize| -> Vec<f32> {
        let end = loudness.len();
        (0..end).map(|n| mean(&loudness[n.saturating_sub(half)..(n + half + 1).min(end)])).collect()
    };
    let scales = [smooth(0), smooth(2), smooth(5), smooth(12), smooth(30)];
    for pair in scales.windows(2) {
        let between: Vec<f32> = active.iter().map(|&n| pair[0][n] - pair[1][n]).collect();
        out.push(deviation(&between));
    }
    let pairs = voiced.iter().filter_map(|&n| Some((path[n]?.semitones, loudness[n])));
    let (pitches, levels): (Vec<f32>, Vec<f32>) = pairs.unzip();
    out.push(correlation(&pitches, &levels));
    let (tilts, levels): (Vec<f32>, Vec<f32>) = active.iter().map(|&n| (sketches[n].shapes[0], loudness[n])).unzip();
    out.push(correlation(&tilts, &levels));
}

fn mean(values: &[f32]) -> f32 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f32>() / values.len() as f32 }
}

fn deviation(values: &[f32]) -> f32 {
    let middle = mean(values);
    let squares: f32 = values.iter().map(|value| (value - middle).powi(2)).sum();
    if values.is_empty() { 0.0 } else { (squares / values.len() as f32).sqrt() }
}

/// The mean step from one value to the next.
fn movement(values: &[f32]) -> f32 {
    let steps: f32 = values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum();
    if values.len() < 2 { 0.0 } else { steps / (values.len() - 1) as f32 }
}

fn percentile(values: &[f32], part: f32) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let place = (part * sorted.len().saturating_sub(1) as f32).round() as usize;
    sorted.get(place).copied().unwrap_or(0.0)
}

fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let product: f32 = a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum();
    let size = deviation(a) * deviation(b) * a.len() as f32;
    if size < 1e-6 { 0.0 } else { product / size }
}

/// A sketch counts as speech when it is at most this far below the loud ones.
const ACTIVE_DB: f32 = 25.0;
/// Below this there is only the line.
const QUIET_DB: f32 = -70.0;
/// Fewer active sketches than these say nothing: 200 ms.
const ACTIVE_MIN: usize = HOPS_PER_S / 5;
/// A larger step of pitch in 10 ms is a mistake, in semitones.
const STEP_MAX: f32 = 4.0;
/// What a peak of loudness must stand out by, in dB.
const PEAK_DB: f32 = 3.0;

#[cfg(test)]
mod tests {
    use super::super::sketch::Sketcher;
    use super::*;
    use call::AudioFrame;
    use std::f32::consts::TAU;

    /// A buzz whose loudness goes up and down `beats` times a second.
    fn buzz(hz: f32, amplitude: f32, beats: f32) -> [f32; FEATURES] {
        let mut sketcher = Sketcher::new();
        let sample = |n: usize| {
            let time = n as f32 / 16_000.0;
            let tone: f32 = (1..12).map(|k| (TAU * hz * k as f32 * time).cos() / k as f32).sum();
            let envelope = 0.55 - 0.45 * (TAU * beats * time).cos();
            (amplitude * envelope * tone / 3.2) as i16
        };
        let frame = |number: usize| AudioFrame(std::array::from_fn(|n| sample(number * 320 + n)));
        let window: VecDeque<Sketch> = (0..100).flat_map(|number| sketcher.sketch(&frame(number))).collect();
        features(&window).unwrap()
    }

    #[test]
    fn pitch_loudness_and_rhythm_stand_in_the_features() {
        let (low, high) = (buzz(110.0, 6_000.0, 4.0), buzz(220.0, 6_000.0, 4.0));
        assert!((high[0] - low[0] - 12.0).abs() < 0.5, "an octave: {} {}", low[0], high[0]);
        let (soft, loud) = (buzz(160.0, 1_500.0, 4.0), buzz(160.0, 15_000.0, 4.0));
        assert!((loud[PITCH] - soft[PITCH] - 20.0).abs() < 1.5, "20 dB: {} {}", soft[PITCH], loud[PITCH]);
        let rate = PITCH + LOUDNESS + VOICE;
        let (slow, fast) = (buzz(160.0, 6_000.0, 3.0)[rate], buzz(160.0, 6_000.0, 6.0)[rate]);
        assert!((slow - 3.0).abs() <= 0.6 && (fast - 6.0).abs() <= 1.1, "{slow} {fast} peaks a second");
    }

    #[test]
    fn silence_has_no_features() {
        let mut sketcher = Sketcher::new();
        let window: VecDeque<Sketch> = (0..100).flat_map(|_| sketcher.sketch(&AudioFrame::SILENCE)).collect();
        assert_eq!(features(&window), None);
        assert_eq!(features(&VecDeque::new()), None);
    }
}
