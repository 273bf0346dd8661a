//! Sounds of a telephone that are no speech: whatever the voice detector and the recogniser make of them, the listener
//! reports no words.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may fail, and says what it measured"
)]

#[expect(dead_code, reason = "only some of what the tests share is of use here")]
mod common;

use std::f32::consts::TAU;
use std::sync::LazyLock;

use asr::{LanguageChoice, Listener, ListenerConfig, ListenerOutput, Recognizer, VadModel, Whisper, WhisperConfig};
use call::{AudioFrame, Language, Moment, Pcm, SampleRate};

static WHISPER: LazyLock<Whisper> =
    LazyLock::new(|| Whisper::load(common::model("whisper/ggml-base-q8_0.bin"), WhisperConfig::default()).unwrap());
static VAD: LazyLock<VadModel> = LazyLock::new(|| VadModel::load(common::model("vad/silero_vad.onnx")).unwrap());

/// The words that a listener reports, each decode answered at once.
fn heard(samples: &[i16], language: Language) -> Vec<String> {
    let mut vad = VAD.stream();
    let mut listener = Listener::new(ListenerConfig::default(), LanguageChoice::Fixed(language));
    let mut now = Moment::START;
    let mut words = Vec::new();
    let padded = [&[0; 8_000][..], &common::telephone(samples), &[0; 2 * 16_000]].concat();
    for frame in (Pcm { rate: SampleRate::HZ_16000, samples: padded }).frames().unwrap() {
        now += AudioFrame::DURATION;
        listener.handle_frame(&frame, vad.push(&frame), now);
        while let Some(output) = listener.poll_output() {
            match output {
                ListenerOutput::Decode { id, request, .. } => {
                    listener.handle_decoded(id, WHISPER.decode(&request), now);
                }
                ListenerOutput::Heard { text, .. } => words.push(text.into_revealed()),
                ListenerOutput::Abandon { .. }
                | ListenerOutput::Guess { .. }
                | ListenerOutput::Partial { .. }
                | ListenerOutput::Promote { .. }
                | ListenerOutput::SpeechStarted { .. }
                | ListenerOutput::SpeechStopped { .. }
                | ListenerOutput::TurnEnded { .. }
                | ListenerOutput::Unclear { .. } => {}
            }
        }
    }
    words
}

fn check(sounds: &[(&str, Vec<i16>)]) {
    for language in [Language::En, Language::Zh] {
        for (name, samples) in sounds {
            let words = heard(samples, language);
            println!("{language} {name}: {words:?}");
            assert!(words.is_empty(), "{language} {name}: {words:?}");
        }
    }
}

fn sound(seconds: f32, level: f32, mut wave: impl FnMut(f32) -> f32) -> Vec<i16> {
    (0..(seconds * 16_000.0) as usize).map(|index| (level * wave(index as f32 / 16_000.0)) as i16).collect()
}

fn sine(hz: f32, t: f32) -> f32 {
    (TAU * hz * t).sin()
}

/// A tone that is on and off by turns: seconds on, off, on, off.
fn cadence(hz: [f32; 2], pattern: [f32; 4], t: f32) -> f32 {
    let mut rest = t % pattern.iter().sum::<f32>();
    for (span, on) in pattern.into_iter().zip([1.0, 0.0, 1.0, 0.0]) {
        if rest < span {
            return on * (sine(hz[0], t) + sine(hz[1], t));
        }
        rest -= span;
    }
    0.0
}

/// White noise, always the same.
fn noise() -> impl FnMut() -> f32 {
    let mut state = 1u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    }
}

/// A struck string: harmonics that fade, the higher ones sooner.
fn string(hz: f32, age: f32) -> f32 {
    (1u8..6).map(|part| sine(hz * f32::from(part), age) * (-age * f32::from(part) * 1.5).exp() / f32::from(part)).sum()
}

#[test]
fn ring_back_and_busy_tones_of_many_countries_are_no_words() {
    let tone = |hz: [f32; 2], pattern: [f32; 4]| sound(6.0, 4_000.0, |t| cadence(hz, pattern, t));
    check(&[
        ("ring-back of the United Kingdom", tone([400.0, 450.0], [0.4, 0.2, 0.4, 2.0])),
        ("ring-back of China", tone([450.0, 450.0], [1.0, 4.0, 0.0, 0.0])),
        ("ring-back of Germany", tone([425.0, 425.0], [1.0, 4.0, 0.0, 0.0])),
        ("ring-back of France", tone([440.0, 440.0], [1.5, 3.5, 0.0, 0.0])),
        ("ring-back of Japan", tone([400.0, 416.0], [1.0, 2.0, 0.0, 0.0])),
        ("ring-back of the United States", tone([440.0, 480.0], [2.0, 4.0, 0.0, 0.0])),
        ("busy in China", tone([450.0, 450.0], [0.35, 0.35, 0.35, 0.35])),
        ("busy in the United States", tone([480.0, 620.0], [0.5, 0.5, 0.5, 0.5])),
        ("call waiting", tone([425.0, 425.0], [0.2, 0.2, 0.2, 3.0])),
    ]);
}

#[test]
fn keys_hum_clicks_and_noise_are_no_words() {
    let keys = [(697.0, 1_209.0), (770.0, 1_336.0), (852.0, 1_477.0), (941.0, 1_336.0), (697.0, 1_477.0)];
    let run = |t: f32| {
        let (low, high) = keys[(t / 0.25) as usize % keys.len()];
        if t % 0.25 < 0.12 { sine(low, t) + sine(high, t) } else { 0.0 }
    };
    let hum = |hz: f32| {
        sound(4.0, 1_200.0, move |t| (1u8..12).map(|part| sine(hz * f32::from(part), t) / f32::from(part)).sum())
    };
    let mut dice = noise();
    let clicks = sound(4.0, 9_000.0, |t| if t % 0.17 < 0.006 { dice() * (1.0 - t % 0.17 / 0.006) } else { 0.0 });
    let mut dice = noise();
    let hiss = sound(4.0, 1_500.0, |_| dice());
    check(&[
        ("a number that is keyed", sound(4.0, 6_000.0, run)),
        ("hum of 50 Hz", hum(50.0)),
        ("hum of 60 Hz", hum(60.0)),
        ("a keyboard", clicks),
        ("hiss", hiss),
        ("silence", vec![0; 4 * 16_000]),
    ]);
}

#[test]
fn coughs_and_breath_are_no_words() {
    // Noise through one slow pole, with a body that opens at once and closes slowly.
    let shaped = |spans: &'static [(f32, f32, f32)], level: f32, pole: f32| {
        let mut dice = noise();
        let mut state = 0.0;
        sound(3.0, level, move |t| {
            state = pole * state + (1.0 - pole) * dice();
            let loud = |&(from, rise, fall): &(f32, f32, f32)| {
                let age = t - from;
                if age < 0.0 { 0.0 } else { (age / rise).min(1.0) * (-age / fall).exp() }
            };
            state * spans.iter().map(loud).sum::<f32>()
        })
    };
    check(&[
        ("a cough", shaped(&[(0.5, 0.01, 0.09), (0.85, 0.01, 0.12)], 60_000.0, 0.7)),
        ("a clearing throat", shaped(&[(0.4, 0.05, 0.2), (1.0, 0.05, 0.25)], 40_000.0, 0.9)),
        ("breath", shaped(&[(0.3, 0.4, 0.5), (1.8, 0.4, 0.5)], 9_000.0, 0.3)),
        ("a door", shaped(&[(0.6, 0.003, 0.05)], 200_000.0, 0.97)),
    ]);
}

#[test]
fn music_is_no_words() {
    let notes = [262.0, 330.0, 392.0, 523.0, 392.0, 330.0];
    let arpeggio = |t: f32| string(notes[(t / 0.25) as usize % notes.len()], t % 0.25);
    let chords = [[220.0, 277.0, 330.0], [196.0, 247.0, 294.0], [175.0, 220.0, 262.0], [196.0, 247.0, 294.0]];
    let strummed = |t: f32| chords[t as usize % chords.len()].map(|hz| string(hz, t % 1.0)).iter().sum::<f32>();
    let organ =
        |t: f32| chords[(t / 2.0) as usize % chords.len()].map(|hz| sine(hz, t) + 0.5 * sine(2.0 * hz, t)).iter().sum();
    let mut dice = noise();
    let mut drums = |t: f32| {
        let kick = sine(60.0 + 60.0 * (-(t % 0.5) * 30.0).exp(), t) * (-(t % 0.5) * 12.0).exp();
        let hat = dice() * (-((t + 0.25) % 0.5) * 40.0).exp();
        kick + 0.5 * hat
    };
    let band = sound(8.0, 3_500.0, |t| 0.8 * drums(t) + arpeggio(t) + 0.4 * string(110.0, t % 0.5));
    check(&[
        ("an arpeggio", sound(8.0, 4_000.0, arpeggio)),
        ("strummed chords", sound(8.0, 3_000.0, strummed)),
        ("an organ", sound(8.0, 1_500.0, organ)),
        ("a band", band),
    ]);
}
