//! The ears with the models that ship: what speech becomes, and what must not become words.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may fail, and says what it measured"
)]

mod common;

use std::f32::consts::TAU;
use std::num::NonZeroU8;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use asr::score::{Score, cer, wer};
use asr::{
    DecodeId, DecodeKind, DecodeRequest, Decoded, LanguageChoice, Listener, ListenerConfig, ListenerOutput, Recognizer,
    RecognizerError, Speculation, VadModel, Verdict, Whisper, WhisperConfig,
};
use call::{AudioFrame, Language, Moment, Pcm, SampleRate};

static WHISPER: LazyLock<Whisper> = LazyLock::new(|| {
    let config = WhisperConfig { states_max: NonZeroU8::new(8).unwrap() };
    Whisper::load(common::model("whisper/ggml-base-q8_0.bin"), config).unwrap()
});
static VAD: LazyLock<VadModel> = LazyLock::new(|| VadModel::load(common::model("vad/silero_vad.onnx")).unwrap());

#[derive(Clone, Copy, Debug)]
enum Line {
    Clean,
    Telephone,
}

fn through(line: Line, samples: &Arc<[i16]>) -> Arc<[i16]> {
    match line {
        Line::Clean => Arc::clone(samples),
        Line::Telephone => common::telephone(samples),
    }
}

fn decode(samples: Arc<[i16]>, language: LanguageChoice) -> Decoded {
    let request = DecodeRequest { deadline: Duration::from_secs(120), ..DecodeRequest::new(samples, language) };
    WHISPER.decode(&request).unwrap()
}

/// Decodes all clips of a language and returns their common score.
fn score(language: Language, line: Line) -> Option<Score> {
    let folder = common::shared_speech()?;
    let mut whole = Score::default();
    for (id, samples, text) in common::clips(&folder, language.code()) {
        let decoded = decode(through(line, &samples), LanguageChoice::Fixed(language));
        let one = match language {
            Language::En => wer(&text, &decoded.text),
            Language::Zh => cer(&text, &decoded.text),
        };
        println!(
            "{id:12} {line:?} {:2}/{:2} conf {:.2} nosp {:.2} {:5.1} s in {:4} ms {:?}: {}",
            one.errors,
            one.reference,
            decoded.confidence,
            decoded.no_speech,
            decoded.audio.as_secs_f32(),
            decoded.cpu.as_millis(),
            decoded.verdict,
            decoded.text
        );
        whole.add(one);
    }
    println!("{language} {line:?}: {} errors of {} = {:.1} %", whole.errors, whole.reference, 100.0 * whole.rate());
    Some(whole)
}

#[test]
fn shared_english_is_understood_through_a_telephone() {
    for (line, most) in [(Line::Clean, 0.08), (Line::Telephone, 0.08)] {
        let Some(score) = score(Language::En, line) else { return };
        assert!(score.rate() <= most, "{line:?}: {:.3}", score.rate());
    }
}

#[test]
fn shared_mandarin_is_understood_through_a_telephone() {
    for (line, most) in [(Line::Clean, 0.22), (Line::Telephone, 0.22)] {
        let Some(score) = score(Language::Zh, line) else { return };
        assert!(score.rate() <= most, "{line:?}: {:.3}", score.rate());
    }
}

#[test]
fn shared_speech_tells_its_language() {
    let Some(folder) = common::shared_speech() else { return };
    let mut wrong = Vec::new();
    for language in [Language::En, Language::Zh] {
        for (id, samples, _) in common::clips(&folder, language.code()) {
            let sound = through(Line::Telephone, &samples);
            let decoded = decode(sound, LanguageChoice::Detect(vec![Language::En, Language::Zh]));
            if decoded.language != language {
                wrong.push(id);
            }
        }
    }
    assert!(wrong.len() <= 1, "taken for the other language: {wrong:?}");
}

#[test]
fn shared_speech_sounds_like_speech_to_the_voice_detector() {
    let Some(folder) = common::shared_speech() else { return };
    for (id, samples, _) in common::clips(&folder, "en") {
        let share = speech_share(&common::telephone(&samples));
        assert!(share > 0.4, "{id}: speech in {:.0} % of the frames", 100.0 * share);
    }
}

/// The part of the frames that the voice detector takes for speech.
fn speech_share(samples: &[i16]) -> f32 {
    let mut vad = VAD.stream();
    let frames = Pcm { rate: SampleRate::HZ_16000, samples: samples.to_vec() }.frames().unwrap();
    let speech = frames.iter().filter(|frame| vad.push(frame) > 0.5).count();
    speech as f32 / frames.len() as f32
}

/// White noise between plus and minus `level`, always the same.
fn noise(samples: usize, level: i32) -> Arc<[i16]> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (((i64::from(state >> 8) * i64::from(2 * level)) >> 24) - i64::from(level)) as i16
    };
    std::iter::repeat_with(next).take(samples).collect()
}

/// Noise that rises and falls like speech, so that it is worth a decode.
fn bursts(samples: usize) -> Arc<[i16]> {
    let loud = |(index, &sample): (usize, &i16)| if index / 3_200 % 2 == 0 { sample } else { sample / 50 };
    noise(samples, 8_000).iter().enumerate().map(loud).collect()
}

/// Sounds of a telephone line on which nobody speaks.
fn wordless() -> Vec<(&'static str, Arc<[i16]>)> {
    let sound = |seconds: f32, level: f32, wave: &dyn Fn(f32) -> f32| -> Arc<[i16]> {
        (0..(seconds * 16_000.0) as usize).map(|index| (level * wave(index as f32 / 16_000.0)) as i16).collect()
    };
    let sine = |hz: f32, t: f32| (TAU * hz * t).sin();
    vec![
        ("silence", sound(3.0, 0.0, &|_| 0.0)),
        ("quiet noise", noise(3 * 16_000, 60)),
        ("loud noise", noise(3 * 16_000, 2_000)),
        ("hum", sound(3.0, 1_500.0, &|t| sine(50.0, t) + 0.4 * sine(150.0, t) + 0.2 * sine(250.0, t))),
        ("ring-back", sound(5.0, 4_000.0, &|t| if t % 3.0 < 1.0 { sine(440.0, t) + sine(480.0, t) } else { 0.0 })),
        ("a key", sound(0.4, 6_000.0, &|t| sine(770.0, t) + sine(1_336.0, t))),
        ("keys", sound(3.0, 6_000.0, &|t| if t % 0.4 < 0.15 { sine(697.0, t) + sine(1_209.0, t) } else { 0.0 })),
        ("dial tone", sound(4.0, 5_000.0, &|t| sine(350.0, t) + sine(440.0, t))),
        ("fax", sound(3.0, 8_000.0, &|t| if t % 1.0 < 0.5 { sine(1_100.0, t) } else { 0.0 })),
    ]
}

#[test]
fn silence_hum_and_tones_are_not_speech() {
    for (name, samples) in wordless() {
        let share = speech_share(&samples);
        assert!(share < 0.1, "{name}: speech in {:.0} % of the frames", 100.0 * share);
    }
}

#[test]
fn silence_hum_and_tones_give_no_words() {
    for language in [Language::En, Language::Zh] {
        for (name, samples) in wordless() {
            let decoded = decode(samples, LanguageChoice::Fixed(language));
            println!("{language} {name}: {:?} {:?} {}", decoded.verdict, decoded, decoded.text);
            assert!(matches!(decoded.verdict, Verdict::Dropped(_)), "{language} {name}: {}", decoded.text);
        }
    }
}

/// A call in virtual time: frames every 20 ms, decodes that take as long as they take.
fn turns(samples: &[i16]) -> Vec<(String, Duration, Duration, Speculation)> {
    let mut vad = VAD.stream();
    let mut listener = Listener::new(ListenerConfig::default(), LanguageChoice::Fixed(Language::En));
    let mut now = Moment::START;
    let mut due: Vec<(Moment, DecodeId, DecodeRequest)> = Vec::new();
    let mut heard = Vec::new();
    let padded = [&[0; 16_000][..], samples, &[0; 3 * 16_000]].concat();
    for frame in (Pcm { rate: SampleRate::HZ_16000, samples: padded }).frames().unwrap() {
        now += AudioFrame::DURATION;
        listener.handle_frame(&frame, vad.push(&frame), now);
        while let Some(place) = due.iter().position(|(at, _, _)| *at <= now) {
            let (_, id, request) = due.remove(place);
            listener.handle_decoded(id, WHISPER.decode(&request), now);
        }
        while let Some(output) = listener.poll_output() {
            match output {
                ListenerOutput::Abandon { id } => due.retain(|(_, waiting, _)| *waiting != id),
                // The partials would only make this test slow.
                ListenerOutput::Decode { kind: DecodeKind::Partial, .. } => {}
                ListenerOutput::Decode { id, request, .. } => due.push((now + DECODE_TAKES, id, request)),
                ListenerOutput::Heard { text, silence_wait, decode, speculation, .. } => {
                    heard.push((text.into_revealed(), silence_wait, decode, speculation));
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
    heard
}

/// A decode of a short turn on one thread of a quiet machine.
const DECODE_TAKES: Duration = Duration::from_millis(200);

#[test]
fn shared_speech_is_heard_turn_by_turn() {
    let Some(folder) = common::shared_speech() else { return };
    let mut whole = Score::default();
    let (mut turns_heard, mut used, mut clips) = (0, 0, 0);
    let mut gaps = Vec::new();
    for (id, samples, text) in common::clips(&folder, "en") {
        let heard = turns(&common::telephone(&samples));
        let words: Vec<&str> = heard.iter().map(|(text, ..)| text.as_str()).collect();
        let one = wer(&text, &words.join(" "));
        println!("{id:12} {:2}/{:2} in {} turns: {}", one.errors, one.reference, heard.len(), words.join(" | "));
        whole.add(one);
        clips += 1;
        turns_heard += heard.len();
        used += heard.iter().filter(|(_, _, _, speculation)| *speculation == Speculation::Used).count();
        gaps.extend(heard.iter().map(|(_, wait, decode, _)| *wait + *decode));
    }
    gaps.sort();
    println!(
        "{clips} clips in {turns_heard} turns, {used} by speculation, WER {:.1} %, words after a median of {:?}",
        100.0 * whole.rate(),
        gaps[gaps.len() / 2]
    );
    assert!(whole.rate() <= 0.12, "{:.3}", whole.rate());
    assert!(used * 10 >= turns_heard * 9, "{used} of {turns_heard} early decodes were used");
    assert!(gaps[gaps.len() / 2] <= Duration::from_millis(600), "{:?}", gaps[gaps.len() / 2]);
}

#[test]
fn shared_speech_of_one_caller_never_reaches_another() {
    let Some(folder) = common::shared_speech() else { return };
    let clips = common::clips(&folder, "en");
    let [first, second] = ["ls1995", "ami"].map(|id| &clips.iter().find(|clip| clip.0 == id).unwrap().1);
    let one_state = WhisperConfig { states_max: NonZeroU8::MIN };
    let whisper = Whisper::load(common::model("whisper/ggml-base-q8_0.bin"), one_state).unwrap();
    let decode = |samples: &Arc<[i16]>| {
        whisper.decode(&DecodeRequest::new(common::telephone(samples), LanguageChoice::default())).unwrap().text
    };
    let fresh = decode(second);
    decode(first);
    assert_eq!(decode(second), fresh, "what a state decoded before changes what it hears now");
}

#[test]
fn a_decode_stops_at_its_deadline_and_when_it_is_cancelled() {
    let noise = bursts(20 * 16_000);
    let language = LanguageChoice::Fixed(Language::En);
    let hurried = DecodeRequest { deadline: Duration::from_millis(20), ..DecodeRequest::new(noise, language) };
    let late = WHISPER.decode(&hurried).unwrap_err();
    assert_eq!(late, RecognizerError::DeadlineExceeded(Duration::from_millis(20)));

    let patient = DecodeRequest { deadline: Duration::from_secs(60), ..hurried };
    std::thread::scope(|scope| {
        let running = scope.spawn(|| WHISPER.decode(&patient));
        patient.cancel.cancel();
        assert_eq!(running.join().unwrap().unwrap_err(), RecognizerError::Cancelled);
    });
}

#[test]
fn decodes_beyond_the_limit_are_refused_and_states_come_back() {
    let whisper =
        Whisper::load(common::model("whisper/ggml-base-q8_0.bin"), WhisperConfig { states_max: NonZeroU8::MIN })
            .unwrap();
    let noise = bursts(5 * 16_000);
    let request = DecodeRequest::new(noise, LanguageChoice::default());
    let refused = std::thread::scope(|scope| {
        let decodes: Vec<_> = (0..3).map(|_| scope.spawn(|| whisper.decode(&request))).collect();
        let answers = decodes.into_iter().map(|decode| decode.join().unwrap());
        answers.filter(|answer| matches!(answer, Err(RecognizerError::Busy { states_max: 1 }))).count()
    });
    assert!(refused >= 1, "three at once with one state");
    whisper.decode(&request).unwrap();
}

#[test]
fn the_frame_size_of_the_house_fits_the_voice_detector() {
    let mut vad = VAD.stream();
    let frame = AudioFrame([4_000; AudioFrame::SAMPLES]);
    let all_valid = (0..200).map(|_| vad.push(&frame)).all(|speech| (0.0..=1.0).contains(&speech));
    assert!(all_valid);
}
