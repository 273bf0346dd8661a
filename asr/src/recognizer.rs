//! What a recogniser is asked and what it answers.
//!
//! A decode blocks the thread it runs on, so requests carry their own deadline and can be cancelled from outside: a
//! caller who goes on speaking makes the decode of the half sentence worthless, and the core is needed elsewhere.

use std::fmt;
use std::num::NonZeroU8;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thiserror::Error;

use call::{AudioFrame, Language};

use crate::confidence::Features;
use crate::expect::Expect;
use crate::guard::DropReason;

/// Turns sound into words. One object serves all calls; each running decode needs a thread of its own.
pub trait Recognizer: Send + Sync {
    /// Decodes one stretch of sound and blocks until that is done.
    ///
    /// A stretch without words is not an error: see [`Decoded::verdict`].
    ///
    /// # Errors
    /// [`RecognizerError`] when the engine could not do its work: no free state, out of time, cancelled, or broken.
    fn decode(&self, request: &DecodeRequest) -> Result<Decoded, RecognizerError>;
}

/// Why a decode was wanted. Finals are somebody waiting for an answer, so they go before all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DecodeKind {
    /// The turn is over and its words are needed now.
    Final,
    /// The speaker is still talking; the words are shown, nothing depends on them.
    Partial,
    /// The speaker pauses; if the turn turns out to be over, these are its words.
    Speculative,
}

/// One decode of one listener, numbered from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecodeId(pub u64);

impl fmt::Display for DecodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Which language the sound is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LanguageChoice {
    /// Whichever of these the sound is likeliest to be in; an empty list means any language of the house.
    Detect(Vec<Language>),
    /// Known.
    Fixed(Language),
    /// Most likely the first; the others are tried when the words make no sense in it.
    Likely {
        /// The language that was spoken so far.
        expected: Language,
        /// Those that the speaker may have changed to.
        others: Vec<Language>,
    },
}

impl LanguageChoice {
    /// The language to begin with; that of the house where any may come.
    pub fn first(&self) -> Language {
        match self {
            Self::Detect(allowed) => allowed.first().copied().unwrap_or_default(),
            Self::Fixed(language) | Self::Likely { expected: language, .. } => *language,
        }
    }
}

impl Default for LanguageChoice {
    fn default() -> Self {
        Self::Fixed(Language::default())
    }
}

/// Stops a decode from outside. Clones share one flag.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the decode to stop; it returns [`RecognizerError::Cancelled`] within some milliseconds.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// One stretch of sound to decode.
#[derive(Clone)]
pub struct DecodeRequest {
    /// Mono sound at 16 kHz, 16 bits, of any length.
    pub samples: Arc<[i16]>,
    /// The language, or the ones to choose from.
    pub language: LanguageChoice,
    /// Words the recogniser should lean towards: names and products, as a sentence in the language spoken.
    pub prompt: Option<String>,
    /// Threads for this one decode: one under load, two when the machine is idle.
    pub threads: NonZeroU8,
    /// From the call of `decode`, how long it may take.
    pub deadline: Duration,
    /// The kind of answer expected.
    pub expect: Expect,
    /// Stops the decode early.
    pub cancel: Cancel,
}

impl DecodeRequest {
    /// A request with one thread, no prompt, no expectation and [`DecodeRequest::DEADLINE`].
    pub fn new(samples: Arc<[i16]>, language: LanguageChoice) -> Self {
        Self {
            samples,
            language,
            prompt: None,
            threads: NonZeroU8::MIN,
            deadline: Self::DEADLINE,
            expect: Expect::Anything,
            cancel: Cancel::default(),
        }
    }

    /// The deadline of a request that names no other: longer than a caller would wait.
    pub const DEADLINE: Duration = Duration::from_secs(10);

    /// How long the sound lasts.
    pub fn audio(&self) -> Duration {
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(AudioFrame::RATE.hz()))
    }
}

/// Prints no words: prompts hold names.
impl fmt::Debug for DecodeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecodeRequest")
            .field("audio", &self.audio())
            .field("language", &self.language)
            .field("threads", &self.threads)
            .field("deadline", &self.deadline)
            .field("expect", &self.expect)
            .finish_non_exhaustive()
    }
}

/// Whether the words are to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No: the text is empty, and this is why.
    Dropped(DropReason),
    /// Yes.
    Kept,
}

/// A stretch of the decoded sound and its words.
#[derive(Clone, PartialEq)]
pub struct Segment {
    /// From the start of the sound, in seconds.
    pub start_s: f32,
    /// From the start of the sound, in seconds.
    pub end_s: f32,
    /// Its words.
    pub text: String,
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Segment({:.2} to {:.2} s, [pii])", self.start_s, self.end_s)
    }
}

/// What a recogniser made of the sound.
#[derive(Clone, PartialEq)]
pub struct Decoded {
    /// The words, cleaned; empty unless `verdict` is [`Verdict::Kept`].
    pub text: String,
    /// The language they are in.
    pub language: Language,
    /// The share of the words that is likely to be right, 0.0 to 1.0; see [`confidence`](crate::confidence).
    pub confidence: f32,
    /// What that is made of.
    pub features: Features,
    /// How likely it is that nobody spoke, 0.0 to 1.0. Whisper hardly ever says more than 0.01 of a sound it decodes.
    pub no_speech: f32,
    /// The same words with their places.
    pub segments: Vec<Segment>,
    /// How long the sound lasts.
    pub audio: Duration,
    /// How long the decode took on its thread.
    pub cpu: Duration,
    /// Whether the words are to be believed.
    pub verdict: Verdict,
}

/// Prints everything but the words.
impl fmt::Debug for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoded")
            .field("language", &self.language)
            .field("confidence", &self.confidence)
            .field("no_speech", &self.no_speech)
            .field("segments", &self.segments.len())
            .field("audio", &self.audio)
            .field("cpu", &self.cpu)
            .field("verdict", &self.verdict)
            .finish_non_exhaustive()
    }
}

/// A recogniser could not do its work.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecognizerError {
    /// Ours: more decodes at once than the recogniser was told to allow.
    #[error("all {states_max} states of the recogniser are in use")]
    Busy {
        /// The limit.
        states_max: usize,
    },
    /// Ours: the request was cancelled.
    #[error("the decode was cancelled")]
    Cancelled,
    /// The machine's: the decode ran out of time.
    #[error("the decode took longer than {0:?}")]
    DeadlineExceeded(Duration),
    /// The machine's: the engine failed.
    #[error("the speech engine failed: {0}")]
    Engine(String),
    /// The operator's: the model file is missing or is not one.
    #[error("cannot load the speech model {path}: {reason}; run `make setup`")]
    Load {
        /// Where it was looked for.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_holds_no_words() {
        let mut request = DecodeRequest::new(Arc::from(vec![0i16; 16_000]), LanguageChoice::default());
        request.prompt = Some("Wang Fang".to_owned());
        let decoded = Decoded {
            text: "my name is Wang Fang".to_owned(),
            language: Language::En,
            confidence: 0.9,
            features: Features::default(),
            no_speech: 0.0,
            segments: vec![Segment { start_s: 0.0, end_s: 1.0, text: "my name is Wang Fang".to_owned() }],
            audio: request.audio(),
            cpu: Duration::ZERO,
            verdict: Verdict::Kept,
        };
        let printed = format!("{request:?} {decoded:?} {:?}", decoded.segments);
        assert!(!printed.contains("Wang"), "{printed}");
        assert_eq!(decoded.audio, Duration::from_secs(1));
    }

    #[test]
    fn clones_of_a_cancel_share_one_flag() {
        let cancel = Cancel::default();
        let other = cancel.clone();
        assert!(!other.is_cancelled());
        cancel.cancel();
        assert!(other.is_cancelled());
    }
}
