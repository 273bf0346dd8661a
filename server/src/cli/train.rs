//! `hotline train`: makes weights from one's own recordings, and says how good they are before anybody relies on them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use asr::emotion::train::{Clip, Feeling, Figures, Rates, Start, TrainConfig, train};
use call::{AudioFrame, Pcm, SampleRate};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::print_json;
use super::speech::read_mono;

/// `hotline train`.
#[derive(Debug, Subcommand)]
pub(super) enum TrainCommand {
    /// Weights that tell from the sound of a voice how aroused and how angry it is
    ///
    /// Prints how good they are on speakers that were left out of the training, behind a telephone (G.711, 8 kHz), and
    /// writes them to a file for speech.emotion in the configuration.
    Emotion(EmotionArgs),
}

/// Arguments of `hotline train emotion`.
#[derive(Debug, Args)]
pub(super) struct EmotionArgs {
    /// Folder of WAV or FLAC files named as in EmoDB: two digits of the speaker first, and sixth the feeling
    /// (W anger, L boredom, E disgust, A fear, F happiness, T sadness, N neutral), as in 03a01Fa.wav
    #[arg(long)]
    data: PathBuf,
    /// The file to write
    #[arg(long, default_value = "emotion.bin")]
    out: PathBuf,
    /// Another seed gives other noises and baselines
    #[arg(long, default_value_t = TrainConfig::default().seed)]
    seed: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs `hotline train`.
///
/// # Errors
/// When there is not enough to learn from, a file cannot be read, or the weights cannot be written.
pub(super) fn run(command: &TrainCommand) -> Result<()> {
    match command {
        TrainCommand::Emotion(args) => emotion(args),
    }
}

#[derive(Serialize)]
struct Report<'a> {
    file: String,
    clips: usize,
    speakers: usize,
    figures: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    what: &'a str,
    after: &'a str,
    accuracy: f64,
    found: f64,
    false_alarms: f64,
    window_accuracy: f64,
    calibration_error: f64,
}

fn emotion(args: &EmotionArgs) -> Result<()> {
    let clips = read_clips(&args.data)?;
    let config = TrainConfig { seed: args.seed, ..TrainConfig::default() };
    #[expect(clippy::expect_used, reason = "every clip was brought to 16 kHz when it was read")]
    let line = |sound: &Pcm| media::telephone(sound).expect("16 kHz can be resampled");
    let trained = train(&clips, line, config).with_context(|| format!("cannot train on {}", args.data.display()))?;
    fs::write(&args.out, trained.model.to_bytes())
        .with_context(|| format!("cannot write the weights to {}; choose another --out", args.out.display()))?;
    let figures = &trained.figures;
    let report = Report {
        file: args.out.display().to_string(),
        clips: figures.clips,
        speakers: figures.speakers,
        figures: lines(figures),
    };
    if args.json { print_json(&report) } else { print(&report) }
}

fn lines(figures: &Figures) -> Vec<Line<'static>> {
    let line = |what: &'static str| {
        move |&(start, rates): &(Start, Rates)| Line {
            what,
            after: after(start),
            accuracy: rates.accuracy,
            found: rates.found,
            false_alarms: rates.false_alarms,
            window_accuracy: rates.window_accuracy,
            calibration_error: rates.calibration_error,
        }
    };
    let arousal = figures.arousal.iter().map(line("arousal"));
    let without = figures.arousal_without_disgust.iter().map(line("arousal, no disgust"));
    arousal.chain(without).chain(figures.anger.iter().map(line("anger"))).collect()
}

const fn after(start: Start) -> &'static str {
    match start {
        Start::Angry => "10 s of anger",
        Start::Calm => "10 s neutral",
        Start::Everything => "all their other clips",
        Start::Stranger => "nothing",
    }
}

fn print(report: &Report<'_>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} clips of {} speakers, each judged by the others:", report.clips, report.speakers)?;
    writeln!(out, "{:<20} {:<22} right   found   false   windows  calibration", "", "heard before")?;
    for line in &report.figures {
        let percent = |part: f64| format!("{:.1} %", 100.0 * part);
        let numbers = [line.accuracy, line.found, line.false_alarms, line.window_accuracy].map(percent);
        let [right, found, alarms, windows] = numbers;
        let off = line.calibration_error;
        writeln!(
            out,
            "{:<20} {:<22} {right:<7} {found:<7} {alarms:<7} {windows:<8} off by {off:.3}",
            line.what, line.after
        )?;
    }
    writeln!(out, "weights: {}", report.file)?;
    Ok(())
}

/// Every file of the folder whose name says who speaks and how, in the order of the names.
fn read_clips(folder: &Path) -> Result<Vec<Clip>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read --data {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    let mut clips = Vec::new();
    for path in &paths {
        let Some((speaker, feeling)) = named(path) else { continue };
        let sound = read(path).with_context(|| format!("cannot read {}", path.display()))?;
        clips.push(Clip { speaker, feeling, sound });
    }
    if clips.is_empty() {
        bail!("{} holds no WAV or FLAC file named as in EmoDB, such as 03a01Fa.wav", folder.display());
    }
    Ok(clips)
}

/// Speaker and feeling of an EmoDB file name.
fn named(path: &Path) -> Option<(u32, Feeling)> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    if !["wav", "flac"].contains(&ending.as_str()) {
        return None;
    }
    let name = path.file_stem()?.to_str()?;
    Some((name.get(..2)?.parse().ok()?, Feeling::from_emodb(name.chars().nth(5)?)?))
}

fn read(path: &Path) -> Result<Pcm> {
    if !path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("flac")) {
        return read_mono(path);
    }
    let mut reader = claxon::FlacReader::open(path)?;
    let format = reader.streaminfo();
    if format.channels != 1 || !(8..=24).contains(&format.bits_per_sample) {
        bail!("it has {} channels of {} bits; give one channel of 8 to 24", format.channels, format.bits_per_sample);
    }
    let rate = SampleRate::new(format.sample_rate).context("its rate is zero")?;
    let bits = format.bits_per_sample;
    let narrow = |sample: i32| if bits <= 16 { (sample << (16 - bits)) as i16 } else { (sample >> (bits - 16)) as i16 };
    let samples = reader.samples().map(|sample| Ok(narrow(sample?))).collect::<Result<Vec<i16>>>()?;
    Ok(media::resample(&Pcm { rate, samples }, AudioFrame::RATE)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_who_speaks_and_how() {
        let check = |name: &str, expected| assert_eq!(named(Path::new(name)), expected, "{name}");
        check("a/03a01Fa.wav", Some((3, Feeling::Happiness)));
        check("16b10Wb.FLAC", Some((16, Feeling::Anger)));
        check("03a01Xa.wav", None);
        check("readme.txt", None);
        check("é3.wav", None);
        check("", None);
    }

    #[test]
    fn a_folder_without_speech_is_named_with_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let error = read_clips(folder.path()).unwrap_err().to_string();
        assert!(error.contains("03a01Fa.wav"), "{error}");
        fs::write(folder.path().join("03a01Fa.flac"), b"fLaC, but no more").unwrap();
        let error = format!("{:#}", read_clips(folder.path()).unwrap_err());
        assert!(error.contains("03a01Fa.flac"), "{error}");
    }
}
