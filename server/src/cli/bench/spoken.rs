//! `hotline bench voices`: our voices speak sentences full of numbers, and our ears write them down.

use std::io::Write;
use std::num::NonZeroU8;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use asr::Recognizer;
use call::{AudioFrame, Language, Pcm};
use clap::Args;
use serde::Serialize;
use test_audio::labelled::{self, Labelled};
use tts::{Style, Voice};

use super::decode::{Mistake, hear};
use super::figures::{Spread, WordErrors, score};
use super::material::{Speakers, silence};
use super::speech::Languages;
use crate::cli::{Settings, print_json};
use crate::engines;

/// Arguments of `hotline bench voices`.
#[derive(Debug, Args)]
pub(in crate::cli) struct VoicesArgs {
    /// The voices to measure: en, zh or all
    #[arg(long, default_value = "all")]
    lang: Languages,
    /// Print JSON, one object a voice
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct VoiceFigures {
    language: Language,
    clean: WordErrors,
    g711: WordErrors,
    /// How long the first clause of a sentence takes until its sound can be played.
    first_clause: Spread,
    /// Time to speak for each second of speech.
    real_time_factor: f64,
    /// What was not heard as it was said, through G.711 or clean.
    mistakes: Vec<Mistake>,
}

/// Runs `hotline bench voices`.
///
/// # Errors
/// When a model is missing or a voice fails.
pub(super) fn run(args: &VoicesArgs, settings: &Settings) -> Result<ExitCode> {
    let set = labelled::read_set("sentences.tsv", labelled::SENTENCES, Language::En)?;
    let speakers = Speakers::load(settings, None)?;
    let whisper = engines::recognizer(&settings.whisper_file(), NonZeroU8::MIN)?;
    for &language in &args.lang.0 {
        let Some(voice) = speakers.voice(language) else {
            writeln!(std::io::stderr(), "{language}: there is no voice yet, so nothing was measured")?;
            continue;
        };
        let own: Vec<_> = set.iter().filter(|one| one.language == language).collect();
        let figures = measure(&own, voice.as_ref(), whisper.as_ref())?;
        if args.json {
            print_json(&figures)?;
        } else {
            print(&figures)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(set: &[&Labelled], voice: &dyn Voice, recognizer: &dyn Recognizer) -> Result<VoiceFigures> {
    let language = voice.language();
    let (mut clean, mut g711, mut first_clause, mut mistakes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut speaking_s, mut speech_s) = (0.0, 0.0);
    for labelled in set {
        let begin = Instant::now();
        let (mut samples, mut before) = (Vec::new(), Duration::ZERO);
        for (index, clause) in tts::clauses(&labelled.text(), language).into_iter().enumerate() {
            // As a caller hears it: without the silence between them, clauses run into one another.
            silence(&mut samples, before);
            before = clause.pause;
            let speech = voice.speak(&clause.text, Style::default())?;
            samples.extend(media::resample(&speech.pcm, AudioFrame::RATE)?.samples);
            if index == 0 {
                first_clause.push(i64::try_from(begin.elapsed().as_millis()).unwrap_or(i64::MAX));
            }
        }
        speaking_s += begin.elapsed().as_secs_f64();
        let sound = Pcm { rate: AudioFrame::RATE, samples };
        speech_s += sound.duration().as_secs_f64();
        for (sound, scores) in [(media::telephone(&sound)?, &mut g711), (sound, &mut clean)] {
            let heard = hear(recognizer, sound, language)?.text;
            let found = score(labelled, &heard);
            if found.words.errors > 0 {
                mistakes.push(Mistake {
                    id: labelled.id.clone(),
                    said: labelled.text(),
                    heard,
                    errors: found.words.errors,
                });
            }
            scores.push(found);
        }
    }
    Ok(VoiceFigures {
        language,
        clean: WordErrors::of(language, clean),
        g711: WordErrors::of(language, g711),
        first_clause: Spread::of(first_clause),
        real_time_factor: speaking_s / f64::max(speech_s, 0.001),
        mistakes,
    })
}

fn print(figures: &VoiceFigures) -> Result<()> {
    let VoiceFigures { language, clean, g711, first_clause, real_time_factor, mistakes } = figures;
    for Mistake { id, said, heard, .. } in mistakes {
        writeln!(std::io::stdout(), "{id}\n    said:  {said}\n    heard: {heard}")?;
    }
    writeln!(
        std::io::stdout(),
        "{language}: {} sentences; wrong clean {}, through G.711 {}; first clause p50 {} ms, p95 {} ms, real-time \
         factor {real_time_factor:.3}",
        clean.utterances,
        clean.in_words(),
        g711.in_words(),
        first_clause.p50_ms,
        first_clause.p95_ms
    )?;
    Ok(())
}
