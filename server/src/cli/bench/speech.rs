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
use call::{AudioFrame, Language};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use test_audio::labelled::{self, Labelled, UtteranceKind};
use test_audio::sounds;
use tokio::task::JoinSet;

use super::decode::{self, DecodeFigures};
use super::house::BenchHouse;
use super::level::{Failure, LevelFigures, measure};
use super::material::{Material, Speakers};
use super::report;
use super::trial::{self, Disturbance, Job, Task, Trial};
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
        let bar = bar(decode::count(&set, &speakers, args.quick), "utterances decoded");
        found.decode = decode::decode(&set, &speakers, &settings, args.quick, &|| bar.inc(1))?;
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
    let mut plan = Plan { args, speakers, jobs: 0 };
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

/// Chooses what is said in which call.
struct Plan<'a> {
    args: &'a SpeechArgs,
    speakers: &'a Speakers,
    jobs: usize,
}

impl Plan<'_> {
    /// The calls of all languages with so many callers at once, mixed as they would come.
    fn level(&mut self, set: &[Labelled], callers: usize) -> Result<Vec<Job>> {
        let mut jobs = Vec::new();
        for &language in self.args.lang.0.iter().filter(|&&language| self.speakers.speaks(language)) {
            let own = |wanted: &dyn Fn(UtteranceKind) -> bool| -> Vec<&Labelled> {
                set.iter().filter(|one| one.language == language && wanted(one.kind)).collect()
            };
            let mut tasks = Vec::new();
            if self.args.only.contains(&Part::Ask) {
                let pauses = own(&|kind| kind == UtteranceKind::Pause);
                let words = own(&|kind| !matches!(kind, UtteranceKind::Backchannel | UtteranceKind::Pause));
                tasks.extend(self.ask(&words, self.words_max(callers))?);
                tasks.extend(self.ask(&pauses, self.pauses_max(callers))?);
            }
            if self.args.only.contains(&Part::TalkOver) && self.speakers.voice(language).is_some() {
                let interruptions = own(&|kind| kind == UtteranceKind::Interruption);
                let backchannels = own(&|kind| kind == UtteranceKind::Backchannel);
                tasks.extend(self.talk_over(language, callers, &interruptions, &backchannels)?);
            }
            for task in tasks {
                self.jobs += 1;
                jobs.push(Job { from: format!("{}", 10_000 + self.jobs), language, callers, task });
            }
        }
        Ok(mixed(jobs))
    }

    const fn words_max(&self, callers: usize) -> usize {
        match (self.args.quick, callers) {
            (true, 1) => 6,
            (true, _) => 16,
            (false, _) => 16 * callers,
        }
    }

    const fn pauses_max(&self, callers: usize) -> usize {
        if self.args.quick && callers == 1 { 3 } else { 8 }
    }

    /// Asks over every line; when quick, over each in turn.
    fn ask(&self, set: &[&Labelled], at_most: usize) -> Result<Vec<Task>> {
        let mut tasks = Vec::new();
        for (index, labelled) in spread(set, at_most).enumerate() {
            let material = Arc::new(self.speakers.sound(labelled, 1.0)?);
            for (nth, loss) in self.args.loss.iter().enumerate() {
                if !self.args.quick || index % self.args.loss.len() == nth {
                    tasks.push(Task::Ask { material: material.clone(), loss: loss / 100.0 });
                }
            }
        }
        Ok(tasks)
    }

    fn talk_over(
        &self,
        language: Language,
        callers: usize,
        interruptions: &[&Labelled],
        backchannels: &[&Labelled],
    ) -> Result<Vec<Task>> {
        let each = match (self.args.quick, callers) {
            (true, 1) => 1,
            (true, _) | (false, 1) => 2,
            (false, _) => callers.clamp(3, 6),
        };
        let mut tasks = Vec::new();
        for disturbance in Disturbance::ALL {
            for nth in 0..each {
                // Between 1.5 s, which is needed to find the prompt, and 3 s.
                let after = Duration::from_millis(1_500 + (nth * 370 % 1_500) as u64);
                let said = match disturbance {
                    Disturbance::Backchannel => backchannels,
                    Disturbance::EchoWords | Disturbance::Words => interruptions,
                    Disturbance::Cough | Disturbance::Echo | Disturbance::Music => &[],
                };
                let sound = match disturbance {
                    Disturbance::Cough => Some(wordless("cough", language, sounds::cough(nth as u64))),
                    Disturbance::Echo => None,
                    Disturbance::Music => Some(wordless("music", language, sounds::music(MUSIC))),
                    Disturbance::Backchannel | Disturbance::EchoWords | Disturbance::Words if said.is_empty() => break,
                    Disturbance::Backchannel | Disturbance::EchoWords | Disturbance::Words => {
                        Some(self.speakers.sound(said[nth % said.len()], 1.0)?)
                    }
                };
                tasks.push(Task::TalkOver { disturbance, sound: sound.map(Arc::new), after });
            }
        }
        Ok(tasks)
    }
}

/// A sound without words.
fn wordless(name: &str, language: Language, sound: call::Pcm) -> Material {
    debug_assert_eq!(sound.rate, AudioFrame::RATE);
    let labelled = Labelled {
        id: name.to_owned(),
        language,
        kind: UtteranceKind::Recording,
        parts: vec![format!("[{name}]")],
        pause: Duration::ZERO,
        expected: vec![String::new()],
    };
    Material { labelled, sound, first_word: None }
}

/// At most so many of them, from the whole of the set.
fn spread<'a>(set: &'a [&'a Labelled], at_most: usize) -> impl Iterator<Item = &'a Labelled> {
    let count = at_most.min(set.len());
    (0..count).map(move |index| set[index * set.len() / count])
}

/// In an order that puts what was alike apart, the same in every run.
fn mixed<T>(mut items: Vec<T>) -> Vec<T> {
    let mut dice = test_audio::Dice::new(items.len() as u64);
    for end in (1..items.len()).rev() {
        items.swap(end, (dice.bits() % (end as u64 + 1)) as usize);
    }
    items
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
/// How long music sounds.
const MUSIC: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_comes_from_the_whole_set() {
        let set = labelled::read_set("u", labelled::UTTERANCES, Language::En).unwrap();
        let english: Vec<_> = set.iter().filter(|one| one.language == Language::En).collect();
        let ids = |at_most| spread(&english, at_most).map(|one| one.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(3), ["en01", "en24", "en47"]);
        assert_eq!(ids(1_000).len(), english.len());
        assert_eq!(spread(&[], 4).count(), 0);
    }

    #[test]
    fn mixing_keeps_everything_and_is_the_same_every_time() {
        let numbers: Vec<_> = (0..50).collect();
        let mut once = mixed(numbers.clone());
        assert_eq!(once, mixed(numbers.clone()));
        assert_ne!(once, numbers);
        once.sort_unstable();
        assert_eq!(once, numbers);
    }
}
