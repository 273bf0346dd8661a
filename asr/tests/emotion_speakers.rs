//! Emotion from sound on voices that were never heard in training, with the recordings beside the checkout.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may fail, and says what it measured"
)]

mod common;

use std::path::Path;

use asr::emotion::EmotionModel;
use asr::emotion::train::{Clip, Feeling, Start, TrainConfig, train};
use asr::{Temper, VadModel};
use call::{AudioFrame, Language, Moment, Mood, Pcm, SampleRate};

#[test]
fn shared_emodb_speakers_who_were_left_out_are_told_calm_from_aroused() {
    let Some(folder) = common::shared_speech() else { return };
    let mut paths: Vec<_> =
        std::fs::read_dir(folder.join("emodb")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let clips: Vec<_> = paths.iter().filter_map(|path| clip(path)).collect();
    assert!(clips.len() > 400, "{} clips", clips.len());
    // One hearing of each clip: a fifth of the time of the whole training, and a little worse.
    let config = TrainConfig { hearings: 1, ..TrainConfig::default() };
    let figures = train(&clips, telephone, config).unwrap().figures;
    for (start, rates) in figures.arousal.iter().chain(&figures.anger) {
        println!("{start:?}: {rates:?}");
    }
    let rates = |figures: &[(Start, asr::emotion::train::Rates)], start: Start| {
        figures.iter().find(|(other, _)| *other == start).unwrap().1
    };
    for start in Start::ALL {
        let arousal = rates(&figures.arousal, start);
        assert!(arousal.accuracy > 0.90, "arousal after {start:?}: {arousal:?}");
        assert!(arousal.calibration_error < 0.08, "arousal after {start:?}: {arousal:?}");
        let anger = rates(&figures.anger, start);
        assert!(anger.accuracy > 0.86 && anger.false_alarms < 0.09, "anger after {start:?}: {anger:?}");
    }
    let (stranger, known) = (rates(&figures.arousal, Start::Stranger), rates(&figures.arousal, Start::Calm));
    assert!(known.accuracy > stranger.accuracy, "knowing the caller helps: {stranger:?} {known:?}");
}

#[test]
fn shared_read_speech_of_both_languages_is_not_taken_for_anger() {
    let Some(folder) = common::shared_speech() else { return };
    let model = EmotionModel::shipped();
    let vad = VadModel::load(common::model("vad/silero_vad.onnx")).unwrap();
    let mut calm = 0;
    let mut all = 0;
    for (id, samples, _) in ["en", "zh"].iter().flat_map(|language| common::clips(&folder, language)) {
        let sound = Pcm { rate: SampleRate::HZ_16000, samples: common::telephone(&samples).to_vec() };
        let mut temper = Temper::new(&model);
        let mut vad = vad.stream();
        let mut now = Moment::START;
        for frame in sound.frames().unwrap() {
            now += AudioFrame::DURATION;
            temper.handle_frame(&frame, vad.push(&frame), now);
        }
        temper.handle_words("", Language::En, now);
        let emotion = temper.poll_output().unwrap();
        println!("{id}: {:?}, {emotion:?}", temper.sounds());
        assert!(emotion.moods.angry < 0.3, "{id}: {emotion:?}");
        all += 1;
        calm += usize::from(emotion.mood == Mood::Calm);
    }
    assert!(all >= 10 && calm * 10 >= all * 9, "{calm} of {all} calm");
}

fn clip(path: &Path) -> Option<Clip> {
    let name = path.file_stem()?.to_str()?;
    let feeling = Feeling::from_emodb(name.chars().nth(5)?)?;
    let mut reader = claxon::FlacReader::open(path).unwrap();
    let samples: Vec<i16> = reader.samples().map(|sample| sample.unwrap() as i16).collect();
    Some(Clip { speaker: name[..2].parse().ok()?, feeling, sound: Pcm { rate: SampleRate::HZ_16000, samples } })
}

fn telephone(sound: &Pcm) -> Pcm {
    Pcm { rate: sound.rate, samples: common::telephone(&sound.samples).to_vec() }
}
