//! The voice and the ears that a simulated phone borrows, and how it uses them without losing the beat.
//!
//! Both are closures that may take seconds, so they run where blocking is allowed: the voice before the call, the ears
//! one turn after the other while the call goes on.

use std::sync::Arc;
use std::time::Duration;

use call::{AudioFrame, Language, Pcm};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::phone::CallError;

/// A voice: turns text into sound, at any rate.
#[derive(Clone)]
pub(crate) struct Mouth {
    #[expect(clippy::type_complexity, reason = "written out once, here, instead of an alias")]
    say: Arc<dyn Fn(&str, Language) -> Result<Pcm, String> + Send + Sync>,
}

/// Ears: write down what is said in 16 kHz sound.
#[derive(Clone)]
pub(crate) struct Ears {
    #[expect(clippy::type_complexity, reason = "written out once, here, instead of an alias")]
    hear: Arc<dyn Fn(Arc<[i16]>, Language) -> Result<String, String> + Send + Sync>,
}

/// A voice and ears for one call.
#[derive(Clone)]
pub(crate) struct Speech {
    pub(crate) mouth: Mouth,
    pub(crate) ears: Ears,
    pub(crate) language: Language,
}

/// Words of one turn of the other side.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) epoch: usize,
    pub(crate) start_ms: u64,
    pub(crate) end_ms: u64,
    pub(crate) text: String,
}

/// Sound on its way to the ears.
struct Job {
    epoch: usize,
    start_ms: u64,
    end_ms: u64,
    sound: Arc<[i16]>,
}

/// The ears at work.
pub(crate) struct Hearing {
    jobs: Option<mpsc::Sender<Job>>,
    words: mpsc::Receiver<Words>,
    task: JoinHandle<()>,
}

impl Speech {
    /// Borrows a voice and ears, sized or not.
    pub(crate) fn new<M, E>(mouth: Arc<M>, ears: Arc<E>, language: Language) -> Self
    where
        M: Fn(&str, Language) -> Result<Pcm, String> + Send + Sync + ?Sized + 'static,
        E: Fn(Arc<[i16]>, Language) -> Result<String, String> + Send + Sync + ?Sized + 'static,
    {
        let say = Arc::new(move |text: &str, language| mouth(text, language));
        let hear = Arc::new(move |sound, language| ears(sound, language));
        Self { mouth: Mouth { say }, ears: Ears { hear }, language }
    }

    /// Speaks text before it is needed.
    pub(crate) async fn say(&self, text: &str) -> Result<Arc<[AudioFrame]>, CallError> {
        let (say, language, owned) = (Arc::clone(&self.mouth.say), self.language, text.to_owned());
        let spoken = tokio::task::spawn_blocking(move || say(&owned, language).and_then(|pcm| frames(&pcm))).await;
        let failed = |reason: String| CallError::Speech { text: text.to_owned(), reason };
        spoken.map_err(|error| failed(error.to_string()))?.map_err(failed)
    }

    /// Puts the ears to work.
    pub(crate) fn listen(&self) -> Hearing {
        let (jobs, mut jobs_out) = mpsc::channel::<Job>(JOBS_MAX);
        let (words_in, words) = mpsc::channel(JOBS_MAX);
        let (ears, language) = (Arc::clone(&self.ears.hear), self.language);
        let task = tokio::spawn(async move {
            while let Some(Job { epoch, start_ms, end_ms, sound }) = jobs_out.recv().await {
                let ears = Arc::clone(&ears);
                let heard = tokio::task::spawn_blocking(move || ears(sound, language)).await;
                let text = match heard {
                    Ok(Ok(text)) => text,
                    Ok(Err(reason)) => {
                        tracing::warn!(%reason, "A simulated phone could not understand");
                        String::new()
                    }
                    Err(error) => {
                        tracing::warn!(%error, "The ears of a simulated phone failed");
                        String::new()
                    }
                };
                if words_in.send(Words { epoch, start_ms, end_ms, text }).await.is_err() {
                    return;
                }
            }
        });
        Hearing { jobs: Some(jobs), words, task }
    }
}

impl Hearing {
    /// Asks for the words of a turn. When too many wait, this one has none.
    pub(crate) fn hear(&self, epoch: usize, start_ms: u64, end_ms: u64, sound: Arc<[i16]>) {
        let job = Job { epoch, start_ms, end_ms, sound };
        if self.jobs.as_ref().is_none_or(|jobs| jobs.try_send(job).is_err()) {
            tracing::warn!("A simulated phone heard more than it could understand");
        }
    }

    /// The next words.
    pub(crate) async fn words(&mut self) -> Option<Words> {
        self.words.recv().await
    }

    /// The words still to come, once the call is over.
    pub(crate) async fn finish(mut self) -> Vec<Words> {
        drop(self.jobs.take());
        let mut rest = Vec::new();
        let drain = async {
            while let Some(words) = self.words.recv().await {
                rest.push(words);
            }
        };
        if tokio::time::timeout(EARS_WAIT_MAX, drain).await.is_err() {
            tracing::warn!("The ears of a simulated phone took too long");
            self.task.abort();
        }
        rest
    }
}

/// Sound as a phone sends it.
pub(crate) fn frames(pcm: &Pcm) -> Result<Arc<[AudioFrame]>, String> {
    if pcm.duration() > SPEECH_MAX {
        return Err(format!("{} s of speech are more than {} s", pcm.duration().as_secs(), SPEECH_MAX.as_secs()));
    }
    let sound = media::resample(pcm, AudioFrame::RATE).map_err(|error| error.to_string())?;
    let frames = sound.frames().unwrap_or_default();
    if frames.is_empty() { Err("there is no sound".to_owned()) } else { Ok(frames.into()) }
}

/// Turns that may wait for the ears.
const JOBS_MAX: usize = 64;
/// How long the ears may take for what is left after a call.
const EARS_WAIT_MAX: Duration = Duration::from_secs(60);
/// The longest single thing to say.
const SPEECH_MAX: Duration = Duration::from_secs(60);
