//! `hotline transcribe`, `speak` and `understand`: the ears, the mouth and the mind alone, on the code a call uses.

use std::io::Write;
use std::num::NonZeroU8;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use asr::{DecodeRequest, LanguageChoice, Recognizer};
use call::{AudioFrame, Language, Pcm};
use clap::Args;
use serde::Serialize;
use tts::Style;

use super::{LanguageArg, Settings, print_json};
use crate::engines;

/// Arguments of `hotline transcribe`.
#[derive(Debug, Args)]
pub(super) struct TranscribeArgs {
    /// Sound files (WAV, any rate; several channels are mixed).
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The language spoken, or auto.
    #[arg(long, default_value = "auto")]
    lang: LanguageArg,
    /// Hear the files through a telephone: 8 kHz, mu-law.
    #[arg(long)]
    telephone: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Transcription<'a> {
    file: &'a str,
    text: &'a str,
    language: Language,
    confidence: f32,
    audio_s: f64,
    cpu_s: f64,
    segments: Vec<SegmentLine<'a>>,
}

#[derive(Serialize)]
struct SegmentLine<'a> {
    start_s: f32,
    end_s: f32,
    text: &'a str,
}

/// Runs `hotline transcribe`. A file that cannot be read does not keep the others from being transcribed.
///
/// # Errors
/// When the model cannot be loaded, or after all files when any could not be read.
pub(super) fn transcribe(args: &TranscribeArgs, settings: &Settings) -> Result<()> {
    let whisper = engines::recognizer(&settings.whisper_file(), NonZeroU8::MIN)?;
    let mut failed = 0;
    for file in &args.files {
        if let Err(error) = transcribe_file(file, args, whisper.as_ref()) {
            failed += 1;
            writeln!(std::io::stderr(), "{}: {error:#}", file.display())?;
        }
    }
    if failed > 0 {
        bail!("{failed} of {} files could not be transcribed", args.files.len());
    }
    Ok(())
}

fn transcribe_file(file: &Path, args: &TranscribeArgs, recognizer: &dyn Recognizer) -> Result<()> {
    let mut sound = read_mono(file)?;
    if args.telephone {
        sound = media::telephone(&sound)?;
    }
    let choice = match args.lang {
        LanguageArg::Auto => LanguageChoice::Detect(Vec::new()),
        LanguageArg::One(language) => LanguageChoice::Fixed(language),
    };
    let mut request = DecodeRequest::new(Arc::from(sound.samples), choice);
    request.deadline = FILE_DEADLINE;
    let decoded = recognizer.decode(&request)?;
    let mut out = std::io::stdout().lock();
    let name = file.display().to_string();
    if !args.json {
        writeln!(out, "{name}: {}", decoded.text)?;
        return Ok(());
    }
    let segments = decoded
        .segments
        .iter()
        .map(|segment| SegmentLine { start_s: segment.start_s, end_s: segment.end_s, text: &segment.text })
        .collect();
    print_json(&Transcription {
        file: &name,
        text: &decoded.text,
        language: decoded.language,
        confidence: decoded.confidence,
        audio_s: decoded.audio.as_secs_f64(),
        cpu_s: decoded.cpu.as_secs_f64(),
        segments,
    })
}

/// A sound file as one channel at the rate of the house.
///
/// # Errors
/// When the file is missing or is not sound we can read.
pub(super) fn read_mono(file: &Path) -> Result<Pcm> {
    let sound = media::read_wav(file)?;
    Ok(media::resample(&sound.mono(), AudioFrame::RATE)?)
}

/// Arguments of `hotline speak`.
#[derive(Debug, Args)]
pub(super) struct SpeakArgs {
    /// What to say.
    text: String,
    /// The WAV file to write.
    #[arg(short, long)]
    output: PathBuf,
    /// The language of the text.
    #[arg(long, default_value = "en")]
    lang: Language,
    /// Speed: 1.0 is the voice's own, 2.0 twice as fast.
    #[arg(long, default_value_t = 1.0)]
    rate: f32,
    /// Print timing as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Spoken {
    file: String,
    clauses: usize,
    first_audio_ms: f64,
    total_ms: f64,
    audio_s: f64,
    real_time_factor: f64,
}

/// Runs `hotline speak`: clause by clause, as in a call.
///
/// # Errors
/// When there is no voice for the language, nothing can be spoken, or the file cannot be written.
pub(super) fn speak(args: &SpeakArgs, settings: &Settings) -> Result<()> {
    let voices = engines::voices(&settings.models, &[args.lang])?;
    let voice = voices.first().with_context(|| format!("there is no voice for language {}", args.lang))?;
    let style = Style { rate: args.rate, ..Style::default() };
    let begin = Instant::now();
    let mut first = None;
    let mut sound: Option<Pcm> = None;
    let clauses = tts::clauses(&args.text, args.lang);
    for clause in &clauses {
        let speech = voice.speak(&clause.text, style)?;
        first.get_or_insert_with(|| begin.elapsed());
        match &mut sound {
            Some(sound) => sound.samples.extend(speech.pcm.samples),
            None => sound = Some(speech.pcm),
        }
    }
    let total = begin.elapsed();
    let sound = sound.context("there is nothing to say in this text")?;
    media::write_wav(&args.output, &sound)?;
    let audio_s = sound.duration().as_secs_f64();
    let spoken = Spoken {
        file: args.output.display().to_string(),
        clauses: clauses.len(),
        first_audio_ms: first.unwrap_or(total).as_secs_f64() * 1e3,
        total_ms: total.as_secs_f64() * 1e3,
        audio_s,
        real_time_factor: total.as_secs_f64() / audio_s.max(0.001),
    };
    if args.json {
        return print_json(&spoken);
    }
    writeln!(
        std::io::stdout(),
        "{}: {:.2} s of speech in {:.0} ms (first sound after {:.0} ms, real-time factor {:.3})",
        spoken.file,
        spoken.audio_s,
        spoken.total_ms,
        spoken.first_audio_ms,
        spoken.real_time_factor
    )?;
    Ok(())
}

/// How long one file may take to decode.
const FILE_DEADLINE: Duration = Duration::from_secs(3_600);
