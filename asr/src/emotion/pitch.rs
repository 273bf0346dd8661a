//! How high a voice is: candidates by normalised cross-correlation, and the path through them that costs least.
//!
//! A telephone cuts off the fundamental of most men, so a peak in the spectrum will not do; the period of the waveform
//! is still there. A single frame mistakes the octave easily, a path of two seconds seldom.

use super::sketch::RATE_HZ;

/// Candidates kept for each sketch.
pub(super) const CANDIDATES: usize = 4;
/// Samples needed at 8 kHz.
pub(super) const SAMPLES: usize = WINDOW + LAG_MAX + 1;

/// What the pitch may be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Pitch {
    /// Semitones above 100 Hz.
    pub(super) semitones: f32,
    /// How alike one period and the next are, 0.0 (not at all, or no candidate) to 1.0.
    pub(super) strength: f32,
}

/// The strongest periods in the samples, strongest first; strength 0.0 where there are no more.
pub(super) fn candidates(samples: &[f32; SAMPLES]) -> [Pitch; CANDIDATES] {
    let mut found = [Pitch::default(); CANDIDATES];
    let mean = samples.iter().sum::<f32>() / SAMPLES as f32;
    let mut sound = *samples;
    sound.iter_mut().for_each(|sample| *sample -= mean);
    let head = &sound[..WINDOW];
    let energy = dot(head, head);
    if energy < ENERGY_MIN {
        return found;
    }
    let mut likeness = [0.0; LAG_MAX + 2];
    // The energy under the shifted window changes by one sample in and one out.
    let mut shifted = dot(&sound[LAG_MIN - 1..LAG_MIN - 1 + WINDOW], &sound[LAG_MIN - 1..LAG_MIN - 1 + WINDOW]);
    for (lag, place) in likeness.iter_mut().enumerate().take(LAG_MAX + 2).skip(LAG_MIN - 1) {
        if lag + WINDOW > SAMPLES {
            break;
        }
        let product = dot(head, &sound[lag..lag + WINDOW]);
        *place = product / (energy * shifted.max(ENERGY_MIN)).sqrt();
        if lag + WINDOW < SAMPLES {
            shifted += sound[lag + WINDOW] * sound[lag + WINDOW] - sound[lag] * sound[lag];
        }
    }
    for lag in LAG_MIN..LAG_MAX {
        let [before, here, after] = [likeness[lag - 1], likeness[lag], likeness[lag + 1]];
        if here < STRENGTH_MIN || here < before || here <= after {
            continue;
        }
        // The top of the parabola through the three.
        let bend = before - 2.0 * here + after;
        let shift = if bend.abs() < 1e-6 { 0.0 } else { (0.5 * (before - after) / bend).clamp(-0.5, 0.5) };
        let hz = RATE_HZ as f32 / (lag as f32 + shift);
        let pitch = Pitch { semitones: 12.0 * (hz / 100.0).log2(), strength: here.min(1.0) };
        let rank = |pitch: &Pitch| pitch.strength + OCTAVE_GAIN * pitch.semitones / 12.0;
        if let Some(place) = found.iter().position(|other| other.strength == 0.0 || rank(&pitch) > rank(other)) {
            found[place..].rotate_right(1);
            found[place] = pitch;
        }
    }
    found
}

/// The pitch of each moment, `None` where there is no voice: the path of the least cost.
pub(super) fn track<'a>(moments: impl Iterator<Item = &'a [Pitch; CANDIDATES]>) -> Vec<Option<Pitch>> {
    const STATES: usize = CANDIDATES + 1;
    let mut costs = [0.0_f32; STATES];
    let mut before: Option<&[Pitch; CANDIDATES]> = None;
    let mut steps: Vec<(&[Pitch; CANDIDATES], [u8; STATES])> = Vec::new();
    for moment in moments {
        let mut next = [f32::INFINITY; STATES];
        let mut from = [0; STATES];
        for state in 0..STATES {
            let pitch = moment.get(state);
            let here = match pitch {
                Some(pitch) if pitch.strength == 0.0 => continue,
                Some(pitch) => 1.0 - pitch.strength - OCTAVE_GAIN * pitch.semitones / 12.0,
                None => UNVOICED,
            };
            for (earlier, cost) in costs.iter().enumerate() {
                let step = before.map_or(0.0, |before| change(before.get(earlier), pitch));
                if cost + step + here < next[state] {
                    next[state] = cost + step + here;
                    from[state] = earlier as u8;
                }
            }
        }
        costs = next;
        before = Some(moment);
        steps.push((moment, from));
    }
    let mut state = (0..STATES).min_by(|&a, &b| costs[a].total_cmp(&costs[b])).unwrap_or(CANDIDATES);
    let mut path: Vec<_> = steps
        .iter()
        .rev()
        .map(|(moment, from)| {
            let pitch = moment.get(state).copied();
            state = usize::from(from[state]);
            pitch
        })
        .collect();
    path.reverse();
    path
}

fn change(from: Option<&Pitch>, to: Option<&Pitch>) -> f32 {
    match (from, to) {
        (Some(from), Some(to)) => LEAP * (from.semitones - to.semitones).abs() / 12.0,
        (None, None) => 0.0,
        (None, Some(_)) | (Some(_), None) => ONSET,
    }
}

/// Written over eight sums so that the compiler may use vectors.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for n in 0..8 {
            sums[n] += a[n] * b[n];
        }
    }
    sums.iter().sum()
}

/// Samples compared: 30 ms.
const WINDOW: usize = 240;
/// 500 Hz.
const LAG_MIN: usize = 16;
/// 60 Hz.
const LAG_MAX: usize = 133;
/// About -76 dB.
const ENERGY_MIN: f32 = 6e-6;
const STRENGTH_MIN: f32 = 0.3;
/// A period twice as long is as periodic; the shorter is preferred by this much an octave.
const OCTAVE_GAIN: f32 = 0.04;
/// Without voice: as dear as a strength of 0.5.
const UNVOICED: f32 = 0.5;
/// Cost of a leap by an octave.
const LEAP: f32 = 0.6;
/// Cost of the voice setting in or out.
const ONSET: f32 = 0.12;

const _: () = assert!(WINDOW.is_multiple_of(8));

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    /// A voice of harmonics above `cut_hz` only.
    fn voice(hz: f32, cut_hz: f32) -> [f32; SAMPLES] {
        std::array::from_fn(|n| {
            let harmonics = (1..30).map(|k| k as f32 * hz).filter(|&f| f > cut_hz && f < 3_400.0);
            harmonics.map(|f| 0.1 * (TAU * f * n as f32 / RATE_HZ as f32).cos() / (f / hz)).sum()
        })
    }

    #[track_caller]
    fn check(hz: f32, cut_hz: f32) {
        let sound = voice(hz, cut_hz);
        let moments = [candidates(&sound); 20];
        let path = track(moments.iter());
        let expected = 12.0 * (hz / 100.0).log2();
        for pitch in path {
            let pitch = pitch.unwrap();
            assert!((pitch.semitones - expected).abs() < 0.35, "{hz} Hz above {cut_hz}: {pitch:?}, not {expected}");
        }
    }

    #[test]
    fn a_voice_is_found_with_and_without_its_fundamental() {
        for hz in [80.0, 100.0, 140.0, 190.0, 220.0, 300.0, 400.0] {
            check(hz, 0.0);
            check(hz, 300.0_f32.min(hz * 2.5));
        }
    }

    #[test]
    fn noise_and_silence_have_no_pitch() {
        assert!(track([candidates(&[0.0; SAMPLES]); 5].iter()).iter().all(Option::is_none));
        let mut seed = 1_u32;
        let mut noise = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) as f32 / 65_536.0 - 0.5
        };
        let moments: Vec<_> = (0..40).map(|_| candidates(&std::array::from_fn(|_| noise()))).collect();
        let voiced = track(moments.iter()).iter().flatten().count();
        assert!(voiced <= 4, "{voiced} of 40");
    }

    #[test]
    fn one_frame_an_octave_off_is_mended() {
        let right = candidates(&voice(200.0, 0.0));
        let mut wrong = right;
        wrong[0] = Pitch { semitones: 0.0, strength: 1.0 };
        wrong[1] = Pitch { semitones: 12.0, strength: 0.9 };
        let moments = [right, right, right, wrong, right, right];
        let path = track(moments.iter());
        assert!(path.iter().all(|pitch| (pitch.unwrap().semitones - 12.0).abs() < 0.5), "{path:?}");
    }

    #[test]
    fn nothing_has_no_path() {
        assert!(track(std::iter::empty()).is_empty());
    }
}
