//! Sounds of our own: the beep, the ring a caller hears, and music while on hold.
//!
//! They are computed once at the start from a few sine waves, so that the house plays nobody's property.

use std::f32::consts::TAU;
use std::sync::Arc;

use call::AudioFrame;

/// A tone of 1 kHz for 200 ms, with soft ends.
pub fn beep() -> Arc<[AudioFrame]> {
    let length = rate() / 5;
    let samples = (0..length).map(|n| {
        let edge = (n.min(length - n) as f32 / (rate() as f32 * 0.01)).min(1.0);
        BEEP_LEVEL * edge * sine(1_000.0, n)
    });
    frames(samples)
}

/// What a caller hears while a phone rings: 440 and 480 Hz, 2 s on and 4 s off. Plays round and round.
pub fn ringback() -> Arc<[AudioFrame]> {
    let on = rate() * 2;
    let samples = (0..rate() * 6).map(|n| {
        if n >= on {
            return 0.0;
        }
        let edge = (n.min(on - n) as f32 / (rate() as f32 * 0.01)).min(1.0);
        RING_LEVEL * edge * (sine(440.0, n) + sine(480.0, n))
    });
    frames(samples)
}

/// 16 s of quiet music: plucked notes over four chords. Plays round and round without a seam, because notes that ring
/// on past the end sound on at the beginning.
pub fn hold_music() -> Arc<[AudioFrame]> {
    let length = rate() * NOTE_COUNT * 2 / NOTES_PER_2_S;
    let mut samples = vec![0.0_f32; length];
    for note in 0..NOTE_COUNT {
        let chord = CHORDS[note / NOTES_PER_CHORD % CHORDS.len()];
        let step = ARPEGGIO[note % ARPEGGIO.len()];
        let hz = 220.0 * 2.0_f32.powf(chord[step] / 12.0);
        pluck(&mut samples, note * rate() * 2 / NOTES_PER_2_S, hz, if note % 8 == 0 { 1.0 } else { 0.7 });
    }
    frames(samples.into_iter().map(|sample| sample * MUSIC_LEVEL))
}

/// Adds a note that begins at `start` and dies away over `PLUCK_S`, wrapping around the end.
fn pluck(samples: &mut [f32], start: usize, hz: f32, loudness: f32) {
    let length = samples.len();
    let total = rate() * PLUCK_S;
    for n in 0..total {
        let attack = (n as f32 / (rate() as f32 * 0.008)).min(1.0);
        let release = (total - n) as f32 / total as f32;
        let decay = (-(n as f32) / (rate() as f32 * 0.6)).exp();
        let colour = sine(hz, n) + 0.3 * decay * sine(2.0 * hz, n) + 0.1 * decay * sine(3.0 * hz, n);
        samples[(start + n) % length] += loudness * attack * decay * release * colour;
    }
}

fn sine(hz: f32, n: usize) -> f32 {
    (TAU * (hz * n as f32 / rate() as f32).fract()).sin()
}

fn frames(samples: impl Iterator<Item = f32>) -> Arc<[AudioFrame]> {
    let samples: Vec<i16> = samples.map(|sample| sample as i16).collect();
    let cut = |chunk: &[i16]| {
        let mut frame = AudioFrame::SILENCE;
        frame.0[..chunk.len()].copy_from_slice(chunk);
        frame
    };
    samples.chunks(AudioFrame::SAMPLES).map(cut).collect()
}

const fn rate() -> usize {
    AudioFrame::RATE.hz() as usize
}

const BEEP_LEVEL: f32 = 8_000.0;
const RING_LEVEL: f32 = 3_000.0;
const MUSIC_LEVEL: f32 = 2_400.0;
const NOTE_COUNT: usize = 64;
const NOTES_PER_CHORD: usize = 16;
const NOTES_PER_2_S: usize = 8;
const PLUCK_S: usize = 2;
/// Semitones above 220 Hz: A major, F sharp minor, D major, E major, each with an octave on top.
const CHORDS: [[f32; 4]; 4] =
    [[0.0, 4.0, 7.0, 12.0], [-3.0, 0.0, 4.0, 9.0], [-7.0, 2.0, 5.0, 9.0], [-5.0, -1.0, 2.0, 7.0]];
const ARPEGGIO: [usize; 8] = [0, 2, 1, 3, 2, 1, 3, 1];

#[cfg(test)]
mod tests {
    use super::*;

    fn peak(frames: &[AudioFrame]) -> u16 {
        frames.iter().flat_map(|frame| frame.0).map(i16::unsigned_abs).max().unwrap()
    }

    #[test]
    fn sounds_last_as_long_as_they_say_and_never_clip() {
        for (name, frames, seconds_x10) in [("beep", beep(), 2), ("ring", ringback(), 60), ("music", hold_music(), 160)]
        {
            assert_eq!(frames.len(), seconds_x10 * 5, "{name}");
            let peak = peak(&frames);
            assert!((2_000..20_000).contains(&peak), "{name}: {peak}");
        }
    }

    #[test]
    fn music_has_no_hole_and_no_click_where_it_starts_again() {
        let music = hold_music();
        assert!(music.iter().all(|frame| frame.rms() > 100.0));
        let seam = (i32::from(music[0].0[0]) - i32::from(music[music.len() - 1].0[319])).abs();
        assert!(seam < 1_000, "a step of {seam}");
    }
}
