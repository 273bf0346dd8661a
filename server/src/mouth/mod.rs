//! The voices' threads: text in, frames for the wire out, with fixed prompts kept in memory and on disk.
//!
//! Rendering takes milliseconds to a second, so it has threads of its own and bounded queues. A prompt said in every
//! call is rendered once, in the background, while calls are taken; a call that needs it sooner has it rendered at once.

mod cache;
mod lanes;
mod rendered;
mod shelf;

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use call::{AudioFrame, Language, Pii, SampleRate};
use dialog::PromptKind;
use serde::Serialize;
use thiserror::Error;
use tokio::sync::watch;
use tracing::warn;
use tts::{Part, Style, Voice, VoiceError};
use utoipa::ToSchema;

pub use self::rendered::{FrameMark, Rendered};

use self::cache::{Cache, Key};
use self::lanes::{Done, Duty, Job, Lanes, Task};
use self::shelf::Shelf;

/// Why a text is not said.
#[derive(Debug, Error)]
pub enum MouthError {
    /// Too much waits to be said. The machine is overloaded.
    #[error("the voices have more to say than they can: lower sip.calls_max")]
    Busy,
    /// There is no voice for the language.
    #[error("no voice for language {0}: see speech.languages in the configuration")]
    NoVoice(Language),
    /// The folder of rendered prompts cannot be used.
    #[error("cannot keep rendered prompts in {}: {source}; check data.folder", folder.display())]
    Shelf {
        /// Which folder.
        folder: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// A thread could not be started.
    #[error("cannot start a voice thread: {0}")]
    Start(io::Error),
}

/// A clause, how it is said, and the silence after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Say {
    /// The words, as written, with their markup.
    pub text: Pii<String>,
    /// How long to be silent afterwards.
    pub pause: Duration,
    /// The language whose voice says it.
    pub language: Language,
    /// Speed and loudness.
    pub style: Style,
}

impl From<Part> for Say {
    fn from(part: Part) -> Self {
        let Part { clause, language, style, .. } = part;
        Self { text: Pii::new(clause.text), pause: clause.pause, language, style }
    }
}

/// How far the rendering of fixed prompts in the background has come, in clauses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Prepared {
    /// All that are wanted.
    pub total: usize,
    /// Those that play at once.
    pub ready: usize,
    /// Those that no voice can say.
    pub failed: usize,
    /// Which set of prompts this is about: a later one takes the place of an earlier one.
    #[serde(skip)]
    round: u64,
}

impl Prepared {
    /// Whether nothing is left to do.
    pub fn is_done(self) -> bool {
        self.ready + self.failed >= self.total
    }
}

/// The voices of the house. Cheap to copy; the threads end with the last copy.
#[derive(Clone)]
pub struct Mouth {
    voices: Arc<HashMap<Language, Speaker>>,
    cache: Arc<Cache>,
    prepared: Arc<watch::Sender<Prepared>>,
    open: Arc<Open>,
}

/// A voice and what its sound is kept under.
struct Speaker {
    voice: Arc<dyn Voice>,
    fingerprint: String,
}

/// Closes the lanes when nobody can fill them any more.
struct Open(Arc<Lanes>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Mouth {
    /// Starts these voices: `threads` threads for calls, one that serves nothing but fixed prompts a call needs now,
    /// and one that renders prompts in the background and gives way to the others. What is rendered in advance is kept
    /// in `folder`, or in memory only.
    ///
    /// # Errors
    /// [`MouthError::Start`] when the machine gives no thread, [`MouthError::Shelf`] when the folder cannot be used.
    pub fn start(voices: Vec<Arc<dyn Voice>>, threads: usize, folder: Option<PathBuf>) -> Result<Self, MouthError> {
        let open = |folder: PathBuf| {
            Shelf::open(folder.clone(), DISK_BYTES_MAX).map_err(|source| MouthError::Shelf { folder, source })
        };
        let cache = Arc::new(Cache::new(MEMORY_BYTES_MAX, folder.map(open).transpose()?));
        let lanes = Arc::new(Lanes::default());
        let open = Arc::new(Open(lanes.clone()));
        let calls = std::iter::repeat_n(Duty::Calls, threads.max(1));
        for (number, duty) in [Duty::Prompts, Duty::Quiet].into_iter().chain(calls).enumerate() {
            let (lanes, cache) = (lanes.clone(), cache.clone());
            let work = move || serve(&lanes, &cache, duty);
            thread::Builder::new().name(format!("voice-{number}")).spawn(work).map_err(MouthError::Start)?;
        }
        let speaker = |voice: Arc<dyn Voice>| {
            let fingerprint = voice.fingerprint();
            (voice.language(), Speaker { voice, fingerprint })
        };
        let voices = Arc::new(voices.into_iter().map(speaker).collect());
        Ok(Self { voices, cache, prepared: Arc::new(watch::Sender::default()), open })
    }

    /// Returns a clause that is kept already; else has it rendered and handed to `done` on a voice's thread, where
    /// waiting is allowed. So much sound is still to be played before it: of all live text, that which is needed first
    /// is rendered first.
    ///
    /// # Errors
    /// [`MouthError::NoVoice`] or [`MouthError::Busy`]; `done` is not called then.
    pub fn render(
        &self,
        say: Say,
        kind: PromptKind,
        ahead: Duration,
        done: impl FnOnce(Result<Arc<Rendered>, Arc<VoiceError>>) + Send + 'static,
    ) -> Result<Option<Arc<Rendered>>, MouthError> {
        let speaker = self.voices.get(&say.language).ok_or(MouthError::NoVoice(say.language))?;
        let key = Key::new(&speaker.fingerprint, &say);
        if let Some(kept) = self.cache.get(&key) {
            return Ok(Some(kept));
        }
        let job = Job { voice: speaker.voice.clone(), key, say };
        let lanes = &self.open.0;
        let taken = match kind {
            PromptKind::Fixed => lanes.push_fixed(job, Box::new(done)),
            PromptKind::Live => lanes.push_live(job, Instant::now() + ahead, Box::new(done)),
        };
        if taken { Ok(None) } else { Err(MouthError::Busy) }
    }

    /// Has clauses rendered in the background in this order, in the place of those asked for before. Those in a
    /// language without a voice are left out. Returns at once; [`Mouth::prepared`] tells how far it is.
    pub fn prepare(&self, says: impl IntoIterator<Item = Say>) {
        let round = self.prepared.borrow().round + 1;
        let mut seen = HashSet::new();
        let mut jobs: VecDeque<(Job, Done)> = VecDeque::new();
        for say in says {
            let Some(speaker) = self.voices.get(&say.language) else { continue };
            let key = Key::new(&speaker.fingerprint, &say);
            if seen.insert(key) && jobs.len() < PREPARED_MAX {
                let prepared = self.prepared.clone();
                let done = move |result: Result<_, _>| prepared.send_modify(|now| now.count(round, &result));
                jobs.push_back((Job { voice: speaker.voice.clone(), key, say }, Box::new(done)));
            }
        }
        self.prepared.send_replace(Prepared { total: jobs.len(), round, ..Prepared::default() });
        self.open.0.replace_quiet(jobs);
    }

    /// Notes that a call is live until the returned value is dropped: meanwhile the background rests most of the time,
    /// since the recogniser needs the cores.
    pub fn call_begins(&self) -> LiveCall {
        self.open.0.calls.fetch_add(1, Ordering::Relaxed);
        LiveCall(self.open.0.clone())
    }

    /// How far the rendering in the background is.
    pub fn prepared(&self) -> watch::Receiver<Prepared> {
        self.prepared.subscribe()
    }

    /// The languages that have a voice.
    pub fn languages(&self) -> Vec<Language> {
        let mut languages: Vec<_> = self.voices.keys().copied().collect();
        languages.sort_unstable();
        languages
    }
}

/// A call that the voices know of.
pub struct LiveCall(Arc<Lanes>);

impl Drop for LiveCall {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Prepared {
    fn count<T, E>(&mut self, round: u64, result: &Result<T, E>) {
        if self.round == round {
            *(if result.is_ok() { &mut self.ready } else { &mut self.failed }) += 1;
        }
    }
}

/// One thread's work, until the house is closed.
fn serve(lanes: &Lanes, cache: &Cache, duty: Duty) {
    while let Some(task) = lanes.next(duty) {
        match task {
            Task::Fixed(job) => {
                let rendered = kept(&job, cache);
                for done in lanes.waiting_for(&job.key) {
                    done(rendered.clone());
                }
            }
            // It may have been kept since: the same words stand in a prompt.
            Task::Live(job, done) => done(cache.get(&job.key).map_or_else(|| render(&job), Ok)),
            Task::Quiet(job, done) => {
                let began = Instant::now();
                done(kept(&job, cache));
                if lanes.calls.load(Ordering::Relaxed) > 0 {
                    thread::sleep((began.elapsed() * RESTS).min(REST_MAX));
                }
            }
        }
        lanes.finished(duty);
    }
}

/// A fixed prompt: from memory, from disk, or rendered and kept.
fn kept(job: &Job, cache: &Cache) -> Result<Arc<Rendered>, Arc<VoiceError>> {
    if let Some(kept) = cache.fetch(&job.key) {
        return Ok(kept);
    }
    let rendered = render(job);
    match &rendered {
        Ok(rendered) => cache.keep(job.key, rendered.clone()),
        Err(error) => warn!(language = %job.say.language, %error, "A fixed prompt cannot be spoken"),
    }
    rendered
}

fn render(job: &Job) -> Result<Arc<Rendered>, Arc<VoiceError>> {
    let speech = job.voice.speak(job.say.text.reveal(), job.say.style).map_err(Arc::new)?;
    let rendered = Rendered::new(&speech, job.say.pause);
    rendered
        .map(Arc::new)
        .ok_or_else(|| Arc::new(VoiceError::Engine(format!("sound at {} cannot be played", speech.pcm.rate))))
}

/// While there are calls the background rests so many times as long as it works,
const RESTS: u32 = 4;
/// but at most so long.
const REST_MAX: Duration = Duration::from_secs(10);
/// Rendered prompts in memory: about an hour and a half of speech. What is beyond comes from the disk.
const MEMORY_BYTES_MAX: usize = 192 << 20;
/// Rendered prompts on disk.
const DISK_BYTES_MAX: u64 = 512 << 20;
/// Clauses rendered in the background at most.
const PREPARED_MAX: usize = 10_000;
const _: () = assert!(SampleRate::HZ_16000.hz() == AudioFrame::RATE.hz());

#[cfg(test)]
mod tests;
