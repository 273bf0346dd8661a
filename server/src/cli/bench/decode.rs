//! The fast part of `hotline bench speech`: the recogniser alone on whole sounds, clean and spoilt in known ways.

use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use asr::{DecodeRequest, Decoded, LanguageChoice, Recognizer};
use call::{Language, Pcm};
use serde::Serialize;
use test_audio::labelled::{Labelled, UtteranceKind};
use test_audio::line::{self, LossPattern};

use super::figures::{Calibration, WordErrors, score};
use super::material::Speakers;
use super::plan::Extent;
use crate::cli::Settings;
use crate::engines;

/// Figures of one language under one condition.
#[derive(Clone, Debug, Serialize)]
pub(super) struct DecodeFigures {
    pub(super) language: Language,
    pub(super) condition: &'static str,
    pub(super) words: WordErrors,
    pub(super) calibration: Calibration,
    pub(super) audio_s: f64,
    pub(super) decode_s: f64,
    /// What was wrong.
    pub(super) mistakes: Vec<Mistake>,
}

/// An utterance that was not heard as it was said.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Mistake {
    pub(super) id: String,
    pub(super) said: String,
    pub(super) heard: String,
    pub(super) errors: usize,
}

/// What is done to a sound before it is decoded.
struct Condition {
    name: &'static str,
    rate: f32,
    spoil: fn(&Pcm) -> Result<Pcm>,
}

/// A telephone, and the same with 5 % of its packets lost in bursts of two on the average, without concealment.
const CONDITIONS: [Condition; 9] = [
    Condition { name: "clean", rate: 1.0, spoil: |sound| Ok(sound.clone()) },
    Condition { name: "g711", rate: 1.0, spoil: |sound| Ok(line::telephone(sound)?) },
    Condition { name: "g711, 5 % lost", rate: 1.0, spoil: |sound| Ok(lose(&line::telephone(sound)?)) },
    Condition {
        name: "g711, noise 20 dB",
        rate: 1.0,
        spoil: |sound| Ok(line::telephone(&line::noise(sound, 20.0, 1))?),
    },
    Condition {
        name: "g711, noise 10 dB",
        rate: 1.0,
        spoil: |sound| Ok(line::telephone(&line::noise(sound, 10.0, 1))?),
    },
    Condition { name: "g711, 15 dB softer", rate: 1.0, spoil: |sound| Ok(line::telephone(&line::gain(sound, -15.0))?) },
    Condition { name: "g711, 6 dB louder", rate: 1.0, spoil: |sound| Ok(line::telephone(&line::gain(sound, 6.0))?) },
    Condition { name: "g711, 1.3 times as fast", rate: 1.3, spoil: |sound| Ok(line::telephone(sound)?) },
    Condition { name: "g711, 0.8 times as fast", rate: 0.8, spoil: |sound| Ok(line::telephone(sound)?) },
];

fn lose(sound: &Pcm) -> Pcm {
    line::lose_packets(sound, LossPattern::Bursts { share: 0.05, run_mean: 2.0 }, 5)
}

/// Decodes every utterance of words under every condition; only the first three of them in a quick run.
///
/// # Errors
/// When a model is missing or a sound cannot be made.
pub(super) fn decode(
    set: &[Labelled],
    speakers: &Speakers,
    settings: &Settings,
    extent: Extent,
    step: &dyn Fn(),
) -> Result<Vec<DecodeFigures>> {
    let whisper = engines::recognizer(&settings.whisper_file(), NonZeroU8::MIN)?;
    let conditions = match extent {
        Extent::Full => &CONDITIONS[..],
        Extent::Quick => &CONDITIONS[..QUICK_CONDITIONS],
    };
    let mut figures = Vec::new();
    for language in [Language::En, Language::Zh] {
        let has_words = |one: &&Labelled| one.language == language && one.kind != UtteranceKind::Backchannel;
        let own: Vec<_> = set.iter().filter(has_words).collect();
        for condition in conditions.iter().filter(|condition| condition.rate == 1.0 || !speakers.are_recordings()) {
            if !own.is_empty() {
                figures.push(decode_all(&own, language, condition, speakers, whisper.as_ref(), step)?);
            }
        }
    }
    Ok(figures)
}

fn decode_all(
    set: &[&Labelled],
    language: Language,
    condition: &Condition,
    speakers: &Speakers,
    recognizer: &dyn Recognizer,
    step: &dyn Fn(),
) -> Result<DecodeFigures> {
    let (mut scores, mut answers, mut mistakes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut audio_s, mut decode_s) = (0.0, 0.0);
    for labelled in set {
        let sound = (condition.spoil)(&speakers.sound(labelled, condition.rate)?.sound)?;
        let decoded = hear(recognizer, sound, language)?;
        let found = score(labelled, &decoded.text);
        if found.words.errors > 0 {
            let (id, said, heard) = (labelled.id.clone(), labelled.text(), decoded.text.clone());
            mistakes.push(Mistake { id, said, heard, errors: found.words.errors });
        }
        scores.push(found);
        answers.push((decoded.confidence, found.words.errors == 0));
        audio_s += decoded.audio.as_secs_f64();
        decode_s += decoded.cpu.as_secs_f64();
        step();
    }
    let (words, calibration) = (WordErrors::of(language, scores), Calibration::of(&answers));
    Ok(DecodeFigures { language, condition: condition.name, words, calibration, audio_s, decode_s, mistakes })
}

/// Decodes 16 kHz sound, however long that takes: a bench waits where a caller would not.
///
/// # Errors
/// When the recogniser fails.
pub(super) fn hear(recognizer: &dyn Recognizer, sound: Pcm, language: Language) -> Result<Decoded> {
    let mut request = DecodeRequest::new(Arc::from(sound.samples), LanguageChoice::Fixed(language));
    request.deadline = DEADLINE;
    Ok(recognizer.decode(&request)?)
}

/// Decodes there will be, for showing progress.
pub(super) fn count(set: &[Labelled], speakers: &Speakers, extent: Extent) -> usize {
    let words = set.iter().filter(|one| one.kind != UtteranceKind::Backchannel).count();
    let own_speed = CONDITIONS.iter().filter(|condition| condition.rate == 1.0).count();
    words
        * match extent {
            Extent::Full if speakers.are_recordings() => own_speed,
            Extent::Full => CONDITIONS.len(),
            Extent::Quick => QUICK_CONDITIONS,
        }
}

/// How long one decode may take on a machine that does something else.
const DEADLINE: Duration = Duration::from_secs(120);
/// Clean, telephone, telephone with loss.
const QUICK_CONDITIONS: usize = 3;
