//! The voices' threads: text in, frames for the wire out, with fixed prompts kept in memory.
//!
//! Rendering takes milliseconds to a second, so it has threads of its own and a bounded queue. A prompt said in every
//! call is rendered once, at start-up.

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use call::{AudioFrame, Language, Pii, SampleRate};
use dialog::PromptKind;
use thiserror::Error;
use tracing::warn;
use tts::{Speech, Style, Voice, VoiceError};

/// A clause as sound, ready for the wire.
#[derive(Debug)]
pub struct Rendered {
    /// 20 ms each.
    pub frames: Arc<[AudioFrame]>,
    /// Where words end, in order.
    pub marks: Vec<FrameMark>,
}

/// Where a word ends, in the text and in the sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameMark {
    /// Byte offset just behind the word.
    pub end_byte: usize,
    /// Frames from the beginning until the word is out.
    pub end_frame: usize,
}

impl Rendered {
    /// How many bytes of `text` a listener has heard after `frames`. A word counts when all of it was sent.
    pub fn bytes_heard(&self, frames: usize, text: &str) -> usize {
        if frames >= self.frames.len() {
            return text.len();
        }
        let heard = self.marks.iter().take_while(|mark| mark.end_frame <= frames).last();
        heard.map_or(0, |mark| mark.end_byte.min(text.len()))
    }

    /// Sound for the wire, followed by so much silence.
    fn new(speech: &Speech, pause: Duration) -> Option<Self> {
        let mut pcm = media::resample(&speech.pcm, AudioFrame::RATE).ok()?;
        let silence = pause.as_millis() as usize * (AudioFrame::RATE.hz() as usize / 1_000);
        pcm.samples.resize(pcm.samples.len() + silence, 0);
        let frames: Arc<[AudioFrame]> = pcm.frames()?.into();
        let per_frame = speech.pcm.rate.samples_per_frame();
        let to_frame = |mark: &tts::Mark| FrameMark {
            end_byte: mark.end_byte,
            end_frame: mark.end_sample.div_ceil(per_frame).min(frames.len()),
        };
        let marks = speech.marks.iter().map(to_frame).collect();
        Some(Self { frames, marks })
    }
}

/// Why a text is not said.
#[derive(Debug, Error)]
pub enum MouthError {
    /// Too much waits to be said. The machine is overloaded.
    #[error("the voices have more to say than they can: lower sip.calls_max")]
    Busy,
    /// There is no voice for the language.
    #[error("no voice for language {0}: see speech.languages in the configuration")]
    NoVoice(Language),
    /// A thread could not be started.
    #[error("cannot start a voice thread: {0}")]
    Start(io::Error),
}

type Done = Box<dyn FnOnce(Result<Arc<Rendered>, VoiceError>) + Send>;
type Cache = Mutex<HashMap<(Language, Say), Arc<Rendered>>>;

/// A clause and the silence after it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Say {
    /// The words, as written.
    pub text: Pii<String>,
    /// How long to be silent afterwards.
    pub pause: Duration,
}

impl From<tts::Clause> for Say {
    fn from(clause: tts::Clause) -> Self {
        Self { text: Pii::new(clause.text), pause: clause.pause }
    }
}

struct Job {
    voice: Arc<dyn Voice>,
    say: Say,
    kind: PromptKind,
    style: Style,
    done: Done,
}

/// The voices of the house.
#[derive(Clone)]
pub struct Mouth {
    voices: Arc<HashMap<Language, Arc<dyn Voice>>>,
    jobs: SyncSender<Job>,
    cache: Arc<Cache>,
}

impl Mouth {
    /// Starts `threads` threads for these voices.
    ///
    /// # Errors
    /// [`MouthError::Start`] when the machine gives no thread.
    pub fn start(voices: Vec<Arc<dyn Voice>>, threads: usize) -> Result<Self, MouthError> {
        let (jobs, receiver) = sync_channel(JOBS_MAX);
        let receiver = Arc::new(Mutex::new(receiver));
        let cache = Arc::new(Cache::default());
        for number in 0..threads.max(1) {
            let (receiver, cache) = (receiver.clone(), cache.clone());
            let spawned = thread::Builder::new().name(format!("voice-{number}")).spawn(move || run(&receiver, &cache));
            spawned.map_err(MouthError::Start)?;
        }
        let voices = voices.into_iter().map(|voice| (voice.language(), voice)).collect();
        Ok(Self { voices: Arc::new(voices), jobs, cache })
    }

    /// Returns a clause that is kept already; else has it rendered and handed to `done` on a voice's thread, where
    /// waiting is allowed.
    ///
    /// # Errors
    /// [`MouthError::NoVoice`] or [`MouthError::Busy`]; `done` is not called then.
    pub fn render(
        &self,
        say: Say,
        language: Language,
        kind: PromptKind,
        done: impl FnOnce(Result<Arc<Rendered>, VoiceError>) + Send + 'static,
    ) -> Result<Option<Arc<Rendered>>, MouthError> {
        let voice = self.voices.get(&language).ok_or(MouthError::NoVoice(language))?.clone();
        if let Some(kept) = kept(&self.cache, language, &say) {
            return Ok(Some(kept));
        }
        let job = Job { voice, say, kind, style: Style::default(), done: Box::new(done) };
        match self.jobs.try_send(job) {
            Ok(()) => Ok(None),
            Err(TrySendError::Disconnected(_) | TrySendError::Full(_)) => Err(MouthError::Busy),
        }
    }

    /// Renders and keeps the clauses of fixed prompts; returns how many are kept now.
    ///
    /// Blocks until all are done: for start-up and for the commands.
    ///
    /// # Errors
    /// [`MouthError::NoVoice`] when a prompt's language has no voice.
    pub fn prepare(&self, prompts: &[(Language, String)]) -> Result<usize, MouthError> {
        for (language, text) in prompts {
            let voice = self.voices.get(language).ok_or(MouthError::NoVoice(*language))?;
            for clause in tts::clauses(text, *language) {
                let say = Say::from(clause);
                if kept(&self.cache, *language, &say).is_none() {
                    let rendered = render(voice.as_ref(), &say, Style::default());
                    keep(&self.cache, *language, say, rendered);
                }
            }
        }
        Ok(self.cache.lock().unwrap_or_else(PoisonError::into_inner).len())
    }

    /// The languages that have a voice.
    pub fn languages(&self) -> Vec<Language> {
        let mut languages: Vec<_> = self.voices.keys().copied().collect();
        languages.sort_unstable();
        languages
    }
}

fn run(jobs: &Mutex<Receiver<Job>>, cache: &Cache) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let rendered = render(job.voice.as_ref(), &job.say, job.style);
        match job.kind {
            PromptKind::Fixed => match rendered {
                Ok(rendered) => {
                    keep(cache, job.voice.language(), job.say, Ok(rendered.clone()));
                    (job.done)(Ok(rendered));
                }
                Err(error) => (job.done)(Err(error)),
            },
            PromptKind::Live => (job.done)(rendered),
        }
    }
}

fn render(voice: &dyn Voice, say: &Say, style: Style) -> Result<Arc<Rendered>, VoiceError> {
    let speech = voice.speak(say.text.reveal(), style)?;
    let rendered = Rendered::new(&speech, say.pause);
    rendered.map(Arc::new).ok_or_else(|| VoiceError::Engine(format!("sound at {} cannot be played", speech.pcm.rate)))
}

fn kept(cache: &Cache, language: Language, say: &Say) -> Option<Arc<Rendered>> {
    let cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
    cache.get(&(language, say.clone())).cloned()
}

fn keep(cache: &Cache, language: Language, say: Say, rendered: Result<Arc<Rendered>, VoiceError>) {
    match rendered {
        Ok(rendered) => {
            let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
            if cache.len() < CACHE_MAX {
                cache.insert((language, say), rendered);
            }
        }
        Err(error) => warn!(%error, "A fixed prompt cannot be spoken"),
    }
}

/// Clauses waiting to be rendered, of all calls.
const JOBS_MAX: usize = 512;
/// Clauses kept in memory, about 100 kB each.
const CACHE_MAX: usize = 1_000;
const _: () = assert!(SampleRate::HZ_16000.hz() == AudioFrame::RATE.hz());
