//! Ends of turn in simulated time: how long a finished caller waits, and how often an unfinished one is cut off.
//!
//! Each clip is heard twice: as it is, and with a pause of 0.3 to 1.2 s put in where it is quietest. Sound passes at its
//! own pace in simulated time; decodes are real, and arrive after the time such a decode takes on a quiet machine.

use std::time::Duration;

use asr::{
    DecodeId, DecodeKind, DecodeRequest, Expect, LanguageChoice, Listener, ListenerConfig, ListenerOutput, Recognizer,
    VadModel, Whisper,
};
use call::{AudioFrame, Moment, Pcm, SampleRate};

use crate::common;
use crate::line::Line;
use crate::set::{Clip, Kind};

/// What came of one clip.
struct Outcome {
    turns: Vec<String>,
    /// From the true end of the sound to the last turn's words.
    wait: Duration,
}

pub(crate) fn measure(whisper: &Whisper, clips: &[Clip]) {
    let vad = VadModel::load(common::model("vad/silero_vad.onnx")).unwrap();
    let run = |clip: &Clip, samples: &[i16]| hear(whisper, &vad, &Line::Quiet.carry(samples), clip);
    let (mut cut, mut paused) = (0, 0);
    let mut waits: Vec<(Duration, bool)> = Vec::new();
    for (clip, place) in clips.iter().zip(0..) {
        let samples = trimmed(&clip.samples);
        let whole = run(clip, samples);
        println!("{} {:4} ms {:?}", clip.id, whole.wait.as_millis(), whole.turns);
        waits.push((whole.wait, clip.kind == Kind::Open));
        cut += usize::from(whole.turns.len() > 1);
        if samples.len() < PAUSED_SAMPLES_MIN {
            continue;
        }
        let pause = PAUSES[place % PAUSES.len()];
        let broken = run(clip, &with_pause(samples, pause));
        paused += 1;
        let is_cut = broken.turns.len() > 1;
        cut += usize::from(is_cut);
        if is_cut {
            println!("    cut off at {} ms: {:?}", pause.as_millis(), broken.turns);
        }
    }
    let all = paused + waits.len();
    println!("{cut} of {all} cut off ({:.1} %), {paused} of them with a pause", 100.0 * cut as f32 / all as f32);
    for (name, open) in [("sentences", true), ("answers", false)] {
        let mut these: Vec<Duration> = waits.iter().filter(|wait| wait.1 == open).map(|wait| wait.0).collect();
        these.sort();
        if let Some(p50) = these.get(these.len() / 2) {
            let p95 = these[these.len() * 95 / 100];
            println!("{name}: words after p50 {} ms, p95 {} ms", p50.as_millis(), p95.as_millis());
        }
    }
}

/// Without the silence around the voice.
fn trimmed(samples: &[i16]) -> &[i16] {
    let loudest = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
    let loud = |sample: &i16| sample.unsigned_abs() > loudest / 50;
    let (begin, end) = (samples.iter().position(loud), samples.iter().rposition(loud));
    begin.zip(end).map_or(samples, |(begin, end)| &samples[begin..=end])
}

/// With silence at the quietest 40 ms of the middle.
fn with_pause(samples: &[i16], pause: Duration) -> Vec<i16> {
    let energy = |from: usize| samples[from..from + 640].iter().map(|&sample| i64::from(sample).pow(2)).sum::<i64>();
    let places = (samples.len() * 3 / 10..samples.len() * 7 / 10 - 640).step_by(80);
    let place = places.min_by_key(|&from| energy(from)).unwrap() + 320;
    let silence = vec![0; (pause.as_secs_f64() * 16_000.0) as usize];
    [&samples[..place], &silence, &samples[place..]].concat()
}

fn hear(whisper: &Whisper, vad: &VadModel, samples: &[i16], clip: &Clip) -> Outcome {
    let mut vad = vad.stream();
    let language = LanguageChoice::Fixed(clip.language);
    let mut listener = Listener::new(ListenerConfig::default(), language.clone());
    let expect = clip.kind.expect();
    // A flow knows how long its numbers are, and not what the caller says instead.
    let expect = if expect == Expect::Choice { Expect::Anything } else { expect };
    listener.expect(expect, language, None);
    let sound_ends = Moment::START + Duration::from_secs_f64(0.5 + samples.len() as f64 / 16_000.0);
    let mut now = Moment::START;
    let mut due: Vec<(Moment, DecodeId, DecodeRequest)> = Vec::new();
    let mut outcome = Outcome { turns: Vec::new(), wait: Duration::ZERO };
    let padded = [&[0; 8_000][..], samples, &[0; 3 * 16_000]].concat();
    for frame in (Pcm { rate: SampleRate::HZ_16000, samples: padded }).frames().unwrap() {
        now += AudioFrame::DURATION;
        listener.handle_frame(&frame, vad.push(&frame), now);
        while let Some(place) = due.iter().position(|(at, ..)| *at <= now) {
            let (_, id, request) = due.remove(place);
            listener.handle_decoded(id, whisper.decode(&request), now);
        }
        while let Some(output) = listener.poll_output() {
            match output {
                ListenerOutput::Abandon { id } => due.retain(|(_, waiting, _)| *waiting != id),
                // Partials are shown, and decide nothing here.
                ListenerOutput::Decode { kind: DecodeKind::Partial, .. } => {}
                ListenerOutput::Decode { id, mut request, .. } => {
                    let takes = DECODE_BASE + request.audio().mul_f32(DECODE_PER_SOUND);
                    request.deadline = Duration::from_secs(120);
                    due.push((now + takes, id, request));
                }
                ListenerOutput::Heard { text, .. } => {
                    outcome.turns.push(text.into_revealed());
                    outcome.wait = now - sound_ends;
                }
                ListenerOutput::Guess { .. }
                | ListenerOutput::Partial { .. }
                | ListenerOutput::Promote { .. }
                | ListenerOutput::SpeechStarted { .. }
                | ListenerOutput::SpeechStopped { .. }
                | ListenerOutput::TurnEnded { .. }
                | ListenerOutput::Unclear { .. } => {}
            }
        }
    }
    outcome
}

/// Pauses that people make while they look for a word or turn a page.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(300),
    Duration::from_millis(500),
    Duration::from_millis(700),
    Duration::from_millis(900),
    Duration::from_millis(1_200),
];
/// Shorter clips have no middle to pause in: 1 s.
const PAUSED_SAMPLES_MIN: usize = 16_000;
/// A decode on two threads of a quiet machine takes this long for 2.9 s of sound: 130 ms.
const DECODE_BASE: Duration = Duration::from_millis(60);
/// See [`DECODE_BASE`].
const DECODE_PER_SOUND: f32 = 0.025;
