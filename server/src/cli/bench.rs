//! `hotline bench`: measures on sound and packets, the same way for everybody.

use std::io::Write;
use std::num::NonZeroU8;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use asr::score::{self, Score};
use asr::{DecodeRequest, LanguageChoice, Recognizer};
use call::{AudioFrame, Codec, Language, Pcm};
use clap::Subcommand;
use serde::Serialize;
use sip_bridge::Transport;
use test_audio::gap::turn_gaps;
use test_audio::{LoadPlan, load};

use super::speech::read_mono;
use super::{Settings, bench_voice, print_json, voices};
use crate::engines;

/// `hotline bench`.
#[derive(Debug, Subcommand)]
pub(super) enum BenchCommand {
    /// Many calls at once that listen: answered, first sound, largest gap between RTP packets
    Calls {
        /// Whom to call, such as sip:hotline@127.0.0.1:5060
        to: String,
        /// How many calls
        #[arg(long, default_value_t = 50)]
        calls: usize,
        /// Calls begun per second
        #[arg(long, default_value_t = 20.0)]
        rate: f64,
        /// How long each listens, in seconds
        #[arg(long, default_value_t = 8.0)]
        hold: f64,
        /// Call over TCP
        #[arg(long)]
        tcp: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Words right and wrong: over a labelled set, or over our own voice without one
    Speech {
        /// A table with the columns id and text (tab-separated); sounds are FOLDER/ID.wav beside it
        #[arg(long)]
        set: Option<PathBuf>,
        /// The folder of the sounds; the table's name without .tsv when left out
        #[arg(long)]
        folder: Option<PathBuf>,
        /// The language of the set
        #[arg(long, default_value = "en")]
        lang: Language,
        /// Through a telephone: 8 kHz, mu-law
        #[arg(long)]
        telephone: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Gaps between the caller's last sound and the answer's first, on stereo recordings
    Turns {
        /// Recordings (left caller, right bot)
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// From a text to its first packet: kept in memory, kept on disk, and live
    Voice {
        /// The language of the texts
        #[arg(long, default_value = "en")]
        lang: Language,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs `hotline bench`.
///
/// # Errors
/// When something to be measured cannot be read or reached.
pub(super) async fn run(command: BenchCommand, settings: Settings) -> Result<ExitCode> {
    match command {
        BenchCommand::Calls { to, calls, rate, hold, tcp, json } => {
            bench_calls(to, calls, rate, hold, if tcp { Transport::Tcp } else { Transport::Udp }, json).await
        }
        BenchCommand::Speech { set, folder, lang, telephone, json } => {
            bench_speech(set.as_deref(), folder, lang, telephone, json, &settings)
        }
        BenchCommand::Turns { files, json } => bench_turns(&files, json),
        BenchCommand::Voice { lang, json } => {
            let texts = match lang {
                Language::En => &SENTENCES,
                Language::Zh => &SENTENCES_ZH,
            };
            bench_voice::run(texts, lang, json, &settings).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn bench_calls(
    to: String,
    calls: usize,
    rate: f64,
    hold: f64,
    transport: Transport,
    json: bool,
) -> Result<ExitCode> {
    let interval = Duration::try_from_secs_f64(1.0 / rate).context("--rate must be above zero")?;
    let hold = Duration::try_from_secs_f64(hold).context("--hold must not be negative")?;
    let codecs = vec![Codec::Pcmu, Codec::Pcma];
    let plan = LoadPlan { to, from: "bench".to_owned(), transport, calls, interval, hold, codecs };
    let report = load(plan).await?;
    if json {
        print_json(&report)?;
    } else {
        writeln!(
            std::io::stdout(),
            "{} calls, {} answered, {} heard sound; largest gap between packets {:.1} ms, {} of {} packets lost",
            report.calls,
            report.answered,
            report.heard,
            report.gap_max_ms,
            report.lost,
            report.received + report.lost
        )?;
    }
    Ok(if report.answered == report.calls { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Serialize)]
struct SpeechScore {
    utterances: usize,
    unit: &'static str,
    errors: usize,
    of: usize,
    error_rate: f64,
    audio_s: f64,
    decode_s: f64,
}

/// A labelled sound.
struct Sample {
    name: String,
    text: String,
    sound: Pcm,
}

fn bench_speech(
    set: Option<&Path>,
    folder: Option<PathBuf>,
    language: Language,
    telephone: bool,
    json: bool,
    settings: &Settings,
) -> Result<ExitCode> {
    let samples = match set {
        Some(set) => read_set(set, &folder.unwrap_or_else(|| set.with_extension("")))?,
        None => speak_set(language, settings)?,
    };
    let whisper = engines::recognizer(&settings.whisper_file(), NonZeroU8::MIN)?;
    let mut total = Score::default();
    let (mut audio_s, mut decode_s) = (0.0, 0.0);
    for sample in &samples {
        let sound = if telephone { media::telephone(&sample.sound)? } else { sample.sound.clone() };
        let request = DecodeRequest::new(Arc::from(sound.samples), LanguageChoice::Fixed(language));
        let decoded = whisper.decode(&request)?;
        let score = match language {
            Language::En => score::wer(&sample.text, &decoded.text),
            Language::Zh => score::cer(&sample.text, &decoded.text),
        };
        if score.errors > 0 && !json {
            writeln!(
                std::io::stdout(),
                "{}: {} of {} wrong\n    said:  {}\n    heard: {}",
                sample.name,
                score.errors,
                score.reference,
                sample.text,
                decoded.text
            )?;
        }
        total.add(score);
        audio_s += decoded.audio.as_secs_f64();
        decode_s += decoded.cpu.as_secs_f64();
    }
    let unit = match language {
        Language::En => "words",
        Language::Zh => "characters",
    };
    let result = SpeechScore {
        utterances: samples.len(),
        unit,
        errors: total.errors,
        of: total.reference,
        error_rate: total.rate(),
        audio_s,
        decode_s,
    };
    if json {
        print_json(&result)?;
    } else {
        let (rate, factor) = (result.error_rate * 100.0, decode_s / audio_s.max(0.001));
        writeln!(
            std::io::stdout(),
            "{} utterances: {} of {} {unit} wrong, {rate:.1} %; {audio_s:.1} s of sound decoded in {decode_s:.1} s \
             (real-time factor {factor:.3})",
            result.utterances,
            result.errors,
            result.of
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn read_set(set: &Path, folder: &Path) -> Result<Vec<Sample>> {
    let table = std::fs::read_to_string(set).with_context(|| format!("cannot read {}", set.display()))?;
    let mut lines = table.lines();
    let header: Vec<_> = lines.next().unwrap_or_default().split('\t').collect();
    let column = |name: &str| header.iter().position(|&found| found == name);
    let (Some(id), Some(text)) = (column("id"), column("text")) else {
        bail!("{}: the first line must name the columns id and text, separated by tabs", set.display());
    };
    let mut samples = Vec::new();
    for (number, line) in lines.enumerate() {
        let fields: Vec<_> = line.split('\t').collect();
        let (Some(name), Some(text)) = (fields.get(id), fields.get(text)) else {
            bail!("{}:{}: too few columns", set.display(), number + 2);
        };
        let sound = read_mono(&folder.join(format!("{name}.wav")))?;
        samples.push(Sample { name: (*name).to_owned(), text: (*text).to_owned(), sound });
    }
    Ok(samples)
}

fn speak_set(language: Language, settings: &Settings) -> Result<Vec<Sample>> {
    let (mouth, _) = voices::load(settings)?;
    let speak = |text: &&str| {
        let sound = mouth(text, language).map_err(anyhow::Error::msg)?;
        let sound = media::resample(&sound, AudioFrame::RATE)?;
        Ok(Sample { name: "own voice".to_owned(), text: (*text).to_owned(), sound })
    };
    SENTENCES.iter().map(speak).collect()
}

#[derive(Serialize)]
struct TurnGaps {
    file: String,
    gaps_ms: Vec<u64>,
    median_ms: Option<u64>,
}

fn bench_turns(files: &[PathBuf], json: bool) -> Result<ExitCode> {
    let mut all = Vec::new();
    for file in files {
        let sound = media::read_wav(file)?;
        let [left, right] = sound.channels.as_slice() else {
            bail!("{}: a recording has two channels, this has {}", file.display(), sound.channels.len());
        };
        let gaps = turn_gaps(left, right, sound.rate);
        if !json {
            for gap in &gaps {
                writeln!(
                    std::io::stdout(),
                    "{}: {:>7.2} s to {:>7.2} s  {:>5} ms",
                    file.display(),
                    gap.caller_end_ms as f64 / 1e3,
                    gap.bot_start_ms as f64 / 1e3,
                    gap.gap_ms
                )?;
            }
        }
        all.extend(gaps.into_iter().map(|gap| gap.gap_ms));
    }
    all.sort_unstable();
    let median_ms = all.get(all.len() / 2).copied();
    if json {
        let file = files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
        print_json(&TurnGaps { file, gaps_ms: all, median_ms })?;
    } else if let Some(median) = median_ms {
        writeln!(std::io::stdout(), "median of {} turns: {median} ms", all.len())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What a call centre says: numbers, dates, money, names, times.
const SENTENCES: [&str; 10] = [
    "Thank you for calling. How can I help you today?",
    "Your order 2 0 4 1 8 8 4 4 was shipped on the 18th of November.",
    "The total is one thousand two hundred ninety nine yuan.",
    "It will arrive tomorrow between nine and twelve in the morning.",
    "Please tell me the eight digits of your order number.",
    "I am sorry, I did not understand that. Could you say it again?",
    "The refund of 45 dollars will be in your account within three days.",
    "Your parcel is with the carrier and will be delivered on Tuesday.",
    "All our agents are busy. May we call you back this afternoon?",
    "I will connect you to a colleague who can help you with the invoice.",
];

/// The same in Mandarin.
const SENTENCES_ZH: [&str; 10] = [
    "您好，感谢您的来电，请问有什么可以帮您？",
    "您的订单已经发货，预计明天送达。",
    "请告诉我您的八位订单号。",
    "对不起，我没有听清楚，请您再说一遍。",
    "一共是一千二百九十九元。",
    "退款会在三天之内退回您的账户。",
    "我帮您转接同事，请稍等。",
    "现在所有的客服都在忙，今天下午给您回电可以吗？",
    "您的包裹正在派送，快递员会给您打电话。",
    "还有什么可以帮您？",
];
