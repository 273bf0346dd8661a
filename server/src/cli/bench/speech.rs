//! `hotline bench speech`: a labelled set through the recogniser alone, and through real calls to a real house.
//!
//! Callers, line and caller's voice are simulated; the house is the one that serves, in this process, reached by SIP and
//! RTP at real speed. Times of words come from the house's journals, times of sound from what the caller heard.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use call::Language;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use test_audio::labelled::{self, Labelled};
use tokio::task::JoinSet;

use super::decode::{self, DecodeFigures};
use super::house::BenchHouse;
use super::level::{Failure, LevelFigures, measure};
use super::material::Speakers;
use super::plan::{Extent, Plan};
use super::report;
use super::trial::{self, Job, Trial};
use crate::cli::{Settings, print_json};
use crate::config::{Log, LogLevel};
use crate::telemetry;

/// Arguments of `hotline bench speech`.
#[derive(Debug, Args)]
pub(in crate::cli) struct SpeechArgs {
    /// The languages to measure: en, zh or all
    #[arg(long, default_value = "all")]
    lang: Languages,
    /// Callers who talk at once; several numbers are measured one after the other
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4, 8])]
    callers: Vec<usize>,
    /// A table like test-audio/sets/utterances.tsv (tab-separated: id, text, and more) instead of the built-in one
    #[arg(long)]
    set: Option<PathBuf>,
    /// The folder of its sounds, ID.wav; the table's name without .tsv when there is such a folder, else our own voices
    #[arg(long, requires = "set")]
    folder: Option<PathBuf>,
    /// Percent of the caller's packets that the line loses, in bursts; each is measured
    #[arg(long, value_delimiter = ',', default_values_t = [0.0, 5.0])]
    loss: Vec<f64>,
    /// Fewer utterances, conditions and numbers of callers: about four minutes
    #[arg(long)]
    quick: bool,
    /// Measure only these parts
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Part::Decode, Part::Ask, Part::TalkOver])]
    only: Vec<Part>,
    /// Keep the sound of calls that failed (left caller, right bot) and a table of them in this folder
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Print JSON; its fields are explained in docs/benchmarks.md
    #[arg(long)]
    json: bool,
}

impl SpeechArgs {
    const fn extent(&self) -> Extent {
        if self.quick { Extent::Quick } else { Extent::Full }
    }
}

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Calls in which something is said and answered
    Ask,
    /// The recogniser alone, faster than real time
    Decode,
    /// Calls in which something sounds while the bot talks
    TalkOver,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ask => "ask",
            Self::Decode => "decode",
            Self::TalkOver => "talk-over",
        })
    }
}

/// One language or all.
#[derive(Clone, Debug)]
pub(super) struct Languages(pub(super) Vec<Language>);

impl std::str::FromStr for Languages {
    type Err = call::UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "all" { Ok(Self(vec![Language::En, Language::Zh])) } else { Ok(Self(vec![text.parse()?])) }
    }
}

/// What a run was measured on.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Machine {
    pub(super) cores: usize,
    /// Programs that wanted a core in the minute before the run, on the average; `None` where the machine does not say.
    pub(super) load_before: Option<f64>,
}

impl Machine {
    fn look() -> Self {
        let load = std::fs::read_to_string("/proc/loadavg").ok();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load_before: load.and_then(|load| load.split_whitespace().next()?.parse().ok()),
        }
    }
}

/// All figures of a run.
#[derive(Debug, Serialize)]
pub(super) struct SpeechReport {
    pub(super) machine: Machine,
    /// Languages that were asked for and have no voice and no recordings.
    pub(super) without_voice: Vec<Language>,
    pub(super) decode: Vec<DecodeFigures>,
    pub(super) levels: Vec<LevelFigures>,
    pub(super) failures: Vec<Failure>,
}

/// Runs `hotline bench speech`. Exits with 1 when a call was lost.
///
/// # Errors
/// When something to be measured cannot be read, or the house does not start.
pub(super) async fn run(args: SpeechArgs, settings: Settings) -> Result<ExitCode> {
    telemetry::init(&Log { level: LogLevel::Error, ..settings.config.log.clone() })?;
    let (all, recordings) = load(&args)?;
    let speakers = Speakers::load(&settings, recordings)?;
    let (languages, without_voice): (Vec<_>, Vec<_>) =
        args.lang.0.iter().partition(|&&language| speakers.speaks(language));
    let set: Vec<_> = all.into_iter().filter(|one| languages.contains(&one.language)).collect();
    let (machine, decode, levels, failures) = (Machine::look(), Vec::new(), Vec::new(), Vec::new());
    let mut found = SpeechReport { machine, without_voice, decode, levels, failures };
    if args.only.contains(&Part::Decode) {
        let bar = bar(decode::count(&set, &speakers, args.extent()), "utterances decoded");
        found.decode = decode::decode(&set, &speakers, &settings, args.extent(), &|| bar.inc(1))?;
        bar.finish_and_clear();
    }
    if !set.is_empty() && (args.only.contains(&Part::Ask) || args.only.contains(&Part::TalkOver)) {
        call_all(&args, &set, &speakers, &settings, &mut found).await?;
    }
    if args.json {
        print_json(&found)?;
    } else {
        report::print(&found)?;
    }
    let lost: usize = found.levels.iter().map(|level| level.calls_lost).sum();
    Ok(if lost == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The set, and the folder of its sounds if it has one.
fn load(args: &SpeechArgs) -> Result<(Vec<Labelled>, Option<PathBuf>)> {
    let language = args.lang.0.first().copied().unwrap_or_default();
    let Some(file) = &args.set else {
        return Ok((labelled::read_set("utterances.tsv", labelled::UTTERANCES, language)?, None));
    };
    let table = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let beside = file.with_extension("");
    let folder = args.folder.clone().or_else(|| beside.is_dir().then_some(beside));
    Ok((labelled::read_set(&file.display().to_string(), &table, language)?, folder))
}

/// Places all calls and measures them.
async fn call_all(
    args: &SpeechArgs,
    set: &[Labelled],
    speakers: &Speakers,
    settings: &Settings,
    found: &mut SpeechReport,
) -> Result<()> {
    if args.callers.iter().any(|&callers| callers == 0 || callers > CALLERS_MAX) {
        bail!("--callers must be between 1 and {CALLERS_MAX}");
    }
    if args.loss.iter().any(|loss| !(0.0..100.0).contains(loss)) {
        bail!("--loss is percent, from 0 to less than 100");
    }
    if let Some(folder) = &args.keep {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let levels = levels(args);
    let mut plan = Plan {
        speakers,
        extent: args.extent(),
        languages: args.lang.0.clone(),
        asks: args.only.contains(&Part::Ask),
        talks_over: args.only.contains(&Part::TalkOver),
        loss: args.loss.clone(),
        jobs: 0,
    };
    let jobs: Vec<_> = levels.iter().map(|&callers| plan.level(set, callers)).collect::<Result<_>>()?;
    let house = BenchHouse::start(settings).await?;
    let languages: Vec<_> = args.lang.0.iter().copied().filter(|&one| speakers.speaks(one)).collect();
    let mut references: [Arc<[i16]>; 2] = [Arc::default(), Arc::default()];
    if args.only.contains(&Part::TalkOver) {
        for &language in languages.iter().filter(|&&language| speakers.voice(language).is_some()) {
            references[language as usize] = trial::reference(language, house.uri(language)).await?.into();
        }
    }
    let bar = bar(plan.jobs, "calls");
    let mut trials = Vec::new();
    for (jobs, &callers) in jobs.into_iter().zip(&levels) {
        bar.set_message(format!("calls, {callers} at once"));
        trials.extend(place_all(jobs, callers, &house, &references, args.keep.as_deref(), &bar).await);
    }
    bar.finish_and_clear();
    let journals = house.stop().await?;
    for &callers in &levels {
        for &language in &languages {
            found.levels.push(measure(callers, language, &trials, &journals, &mut found.failures));
        }
    }
    if let Some(folder) = &args.keep {
        report::keep_failures(folder, &trials, &found.failures)?;
    }
    Ok(())
}

/// A quick run measures one caller and four of those that were asked for, or the first if neither was.
fn levels(args: &SpeechArgs) -> Vec<usize> {
    if !args.quick || args.callers.len() <= 2 {
        return args.callers.clone();
    }
    let few: Vec<_> = args.callers.iter().copied().filter(|callers| [1, 4].contains(callers)).collect();
    if few.is_empty() { args.callers[..1].to_vec() } else { few }
}

/// Places calls, so many at once, in order.
async fn place_all(
    jobs: Vec<Job>,
    callers: usize,
    house: &BenchHouse,
    references: &[Arc<[i16]>; 2],
    keep: Option<&Path>,
    bar: &ProgressBar,
) -> Vec<Trial> {
    let jobs: VecDeque<_> = jobs.into_iter().map(|job| (house.uri(job.language), job)).collect();
    let jobs = Arc::new(Mutex::new(jobs));
    let mut working = JoinSet::new();
    for number in 0..callers {
        let (jobs, references, keep, bar) = (jobs.clone(), references.clone(), keep.map(Path::to_owned), bar.clone());
        working.spawn(async move {
            // People do not call in step.
            tokio::time::sleep(STAGGER * u32::try_from(number).unwrap_or(0)).await;
            let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let mut trials = Vec::new();
            while let Some((to, job)) = next() {
                let reference = references[job.language as usize].clone();
                trials.push(trial::place(job, to, &reference, keep.as_deref()).await);
                bar.inc(1);
            }
            trials
        });
    }
    working.join_all().await.into_iter().flatten().collect()
}

fn bar(length: usize, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(length as u64).with_message(what);
    // The template is our own; where it would not parse the built-in one does.
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}, {elapsed} of about {duration}") {
        bar.set_style(style);
    }
    bar
}

/// More callers than this are a matter for `hotline bench calls`.
const CALLERS_MAX: usize = 64;
/// Between the first calls of two callers.
const STAGGER: Duration = Duration::from_millis(700);
