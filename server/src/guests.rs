//! Ears and voices for guests: programs, or other houses, that use this one as their speech engine.
//!
//! Callers come first. A guest's decode waits in the lane of the recogniser that gives way to all others, never on all
//! of its threads at once; a guest's text is spoken by one thread that stands back from everything. When guests ask for
//! more than that, they are told to come again.

use std::collections::HashMap;
use std::io;
use std::num::NonZeroU8;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use asr::{DecodeId, DecodeKind, DecodeRequest, Decoded, RecognizerError};
use call::{CallId, Language, LegId, Pcm, Pii};
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;
use tts::{Style, Voice, VoiceError};

use crate::ears::Ears;
use crate::telemetry;

/// Why a guest is not served.
#[derive(Debug, Error)]
pub enum GuestError {
    /// Too much is asked of the house at this moment.
    #[error("callers and other requests take all of the speech engines")]
    Busy,
    /// No voice speaks the language.
    #[error("no voice of this server speaks the language {0}")]
    NoVoice(Language),
    /// The recogniser could not do it.
    #[error(transparent)]
    Recognizer(RecognizerError),
    /// The voice could not do it.
    #[error(transparent)]
    Voice(VoiceError),
}

/// What a guest wants said.
struct Job {
    voice: Arc<dyn Voice>,
    text: Pii<String>,
    style: Style,
    done: oneshot::Sender<Result<Pcm, VoiceError>>,
}

/// Serves guests. Cheap to copy.
#[derive(Clone)]
pub struct Guests {
    ears: Ears,
    voices: Arc<HashMap<Language, Arc<dyn Voice>>>,
    /// Requests that are here at all.
    places: Arc<Semaphore>,
    /// Decodes that wait or run.
    decodes: Arc<Semaphore>,
    jobs: SyncSender<Job>,
}

/// A guest's place; given back when dropped.
#[derive(Debug)]
pub struct Place(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

impl Guests {
    /// Starts the thread that speaks. `decodes_max` is how many decodes the ears do at once; guests leave callers one.
    ///
    /// # Errors
    /// When the machine gives no thread.
    pub fn start(ears: Ears, voices: &[Arc<dyn Voice>], decodes_max: NonZeroU8) -> io::Result<Self> {
        let (jobs, receiver) = sync_channel(JOBS_MAX);
        thread::Builder::new().name("guests".to_owned()).spawn(move || speak_all(&receiver))?;
        let voices = voices.iter().map(|voice| (voice.language(), voice.clone())).collect();
        let decodes = usize::from(decodes_max.get()).saturating_sub(1).max(1);
        Ok(Self {
            ears,
            voices: Arc::new(voices),
            places: Arc::new(Semaphore::new(PLACES_MAX)),
            decodes: Arc::new(Semaphore::new(decodes)),
            jobs,
        })
    }

    /// A place for one request, to be taken before its body is read, so that the memory of all is bounded.
    ///
    /// # Errors
    /// [`GuestError::Busy`].
    pub fn enter(&self) -> Result<Place, GuestError> {
        self.places.clone().try_acquire_owned().map(Place).map_err(|_| GuestError::Busy)
    }

    /// Has sound decoded. Given up, the decode stops.
    ///
    /// # Errors
    /// [`GuestError::Busy`] when callers need the ears, [`GuestError::Recognizer`] when they fail.
    pub async fn transcribe(&self, request: DecodeRequest) -> Result<Decoded, GuestError> {
        counted("transcribe", self.decode(request).await)
    }

    async fn decode(&self, request: DecodeRequest) -> Result<Decoded, GuestError> {
        let turn = timeout(TURN_WAIT, self.decodes.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(GuestError::Busy) };
        let listener = (CallId::from_bits(rand::random()), LegId::CALLER);
        let _leaving = Leaving { ears: self.ears.clone(), listener };
        let (done, decoded) = oneshot::channel();
        self.ears.decode(listener, DecodeId(1), DecodeKind::Partial, request, move |result| {
            // The guest may be gone.
            let _ = done.send(result);
        });
        match decoded.await {
            Ok(Ok(decoded)) => Ok(decoded),
            // Displaced by a caller's, the decode may also be gone without a word.
            Ok(Err(RecognizerError::Busy { .. })) | Err(_) => Err(GuestError::Busy),
            Ok(Err(error)) => Err(GuestError::Recognizer(error)),
        }
    }

    /// Has a text spoken, at 24 kHz, clause after clause. Given up, it ends with the clause being spoken.
    ///
    /// # Errors
    /// [`GuestError::NoVoice`], [`GuestError::Busy`], or [`GuestError::Voice`] when the text cannot be spoken.
    pub async fn speak(&self, text: Pii<String>, language: Language, style: Style) -> Result<Pcm, GuestError> {
        counted("speak", self.say(text, language, style).await)
    }

    async fn say(&self, text: Pii<String>, language: Language, style: Style) -> Result<Pcm, GuestError> {
        let voice = self.voices.get(&language).ok_or(GuestError::NoVoice(language))?.clone();
        let (done, spoken) = oneshot::channel();
        self.jobs.try_send(Job { voice, text, style, done }).map_err(|_| GuestError::Busy)?;
        spoken.await.map_err(|_| GuestError::Busy)?.map_err(GuestError::Voice)
    }
}

fn counted<T>(work: &'static str, result: Result<T, GuestError>) -> Result<T, GuestError> {
    let outcome = match &result {
        Ok(_) => "ok",
        Err(GuestError::Busy) => "busy",
        Err(GuestError::NoVoice(_) | GuestError::Recognizer(_) | GuestError::Voice(_)) => "failed",
    };
    telemetry::observe_guest(work, outcome);
    result
}

/// Tells the ears that a guest has gone, however that came.
struct Leaving {
    ears: Ears,
    listener: (CallId, LegId),
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.ears.hang_up(self.listener);
    }
}

fn speak_all(jobs: &Receiver<Job>) {
    // Callers' voices and the wire go first when cores are short. Where the machine forbids it, all are equal.
    let _ = rustix::process::nice(NICENESS);
    while let Ok(job) = jobs.recv() {
        let spoken = speak(&job);
        // The guest may be gone.
        let _ = job.done.send(spoken);
    }
}

fn speak(job: &Job) -> Result<Pcm, VoiceError> {
    let mut sound: Option<Pcm> = None;
    for clause in tts::clauses(job.text.reveal(), job.voice.language()) {
        if job.done.is_closed() {
            break;
        }
        let speech = match job.voice.speak(&clause.text, job.style) {
            Ok(speech) => speech,
            // A clause of marks between clauses of words.
            Err(VoiceError::NothingToSay) => continue,
            Err(error) => return Err(error),
        };
        let silence = clause.pause.as_millis() as usize * speech.pcm.rate.hz() as usize / 1_000;
        let whole = sound.get_or_insert(Pcm { rate: speech.pcm.rate, samples: Vec::new() });
        whole.samples.extend(speech.pcm.samples);
        whole.samples.resize(whole.samples.len() + silence, 0);
    }
    sound.ok_or(VoiceError::NothingToSay)
}

/// Requests of guests at once, each with its sound in memory.
const PLACES_MAX: usize = 16;
/// Texts that wait to be spoken.
const JOBS_MAX: usize = 8;
/// How long a guest waits for the ears before being told to come again.
const TURN_WAIT: Duration = Duration::from_secs(2);
/// How much a guest's voice stands back from everything else (nice(2)).
const NICENESS: i32 = 10;
