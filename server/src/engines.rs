//! Loads the speech engines a configuration names, for the server and for the commands alike.
//!
//! The embedded engines are always there. Where an engine over HTTP is configured it is asked first, and the embedded
//! one does what it leaves undone, in the middle of a call too.

mod breaker;
mod hear;
mod remote;
mod speak;

use std::num::NonZeroU8;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use asr::{EmotionModel, Recognizer, VadModel, Whisper, WhisperConfig};
use call::Language;
use tracing::warn;
use tts::{Hibari, Kokoro, Voice};

use self::hear::HttpRecognizer;
use self::remote::Outward;
use self::speak::HttpVoice;
use crate::config::{Config, Lexicons, Speech};

/// The recogniser that calls use, as configured: the embedded one, behind one over HTTP where there is any.
///
/// # Errors
/// When the model is missing, or HTTP cannot be prepared; the message names the way out.
pub fn configured_recognizer(config: &Config, decodes_max: NonZeroU8) -> Result<Arc<dyn Recognizer>> {
    let file = whisper_file(&config.models_folder(), config.speech.whisper.as_deref());
    recognizer_over_http(&config.speech, recognizer(&file, decodes_max)?)
}

/// The voices that calls use, as configured: the embedded ones, behind those over HTTP where there are any.
///
/// # Errors
/// As [`configured_recognizer`].
pub fn configured_voices(config: &Config) -> Result<Vec<Arc<dyn Voice>>> {
    voices_over_http(&config.speech, voices(&config.models_folder(), &config.speech.languages, &config.speech.lexicon)?)
}

/// Puts the configured recogniser over HTTP, if there is one, before this one.
///
/// # Errors
/// When HTTP cannot be prepared: no thread, or certificates that cannot be read.
pub fn recognizer_over_http(speech: &Speech, embedded: Arc<dyn Recognizer>) -> Result<Arc<dyn Recognizer>> {
    let Some(engine) = &speech.recognizer else { return Ok(embedded) };
    let outward = Outward::start().context("cannot prepare HTTP for speech.recognizer")?;
    Ok(Arc::new(HttpRecognizer::new(outward, engine, embedded)))
}

/// Puts the configured voices over HTTP, if there are any, before those of the same language.
///
/// # Errors
/// As [`recognizer_over_http`].
pub fn voices_over_http(speech: &Speech, mut voices: Vec<Arc<dyn Voice>>) -> Result<Vec<Arc<dyn Voice>>> {
    if speech.voice.is_empty() {
        return Ok(voices);
    }
    let outward = Outward::start().context("cannot prepare HTTP for speech.voice")?;
    for (language, engine) in speech.voice.iter() {
        let place = voices.iter().position(|voice| voice.language() == language);
        let embedded = place.map(|place| voices.swap_remove(place));
        if embedded.is_none() {
            warn!(%language, "No embedded voice speaks this language: while the HTTP voice fails, nothing is heard");
        }
        voices.push(Arc::new(HttpVoice::new(outward.clone(), engine, language, embedded)));
    }
    Ok(voices)
}

/// The language whose letters a text is written in.
pub fn written_language(text: &str) -> Language {
    let is_han = |letter: char| matches!(letter, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}');
    if text.contains(is_han) { Language::Zh } else { Language::En }
}

/// The recogniser of the house.
///
/// # Errors
/// When the model is missing or is not one; the message names the file and the way out.
pub fn recognizer(file: &Path, decodes_max: NonZeroU8) -> Result<Arc<Whisper>> {
    let whisper = Whisper::load(file, WhisperConfig { states_max: decodes_max })
        .context("the recogniser is needed to understand callers")?;
    Ok(Arc::new(whisper))
}

/// The voice-activity network.
///
/// # Errors
/// As [`recognizer`].
pub fn voice_activity(models: &Path) -> Result<VadModel> {
    VadModel::load(models.join("vad/silero_vad.onnx")).context("voice activity is needed to hear callers")
}

/// The weights that tell how a caller sounds: the configured file, or those built in.
///
/// # Errors
/// When the file is missing or is not one; the message names it and the way out.
pub fn emotion(configured: Option<&Path>) -> Result<EmotionModel> {
    let Some(file) = configured else { return Ok(EmotionModel::shipped()) };
    let read = || format!("cannot use the emotion weights {}; see speech.emotion", file.display());
    let bytes = std::fs::read(file).with_context(read)?;
    EmotionModel::parse(&bytes).with_context(read)
}

/// Where the recogniser's model is, unless the configuration names another file.
pub fn whisper_file(models: &Path, configured: Option<&Path>) -> PathBuf {
    configured.map_or_else(|| models.join("whisper/ggml-base-q8_0.bin"), Path::to_owned)
}

/// The voices of the house, for those of `languages` that have one, with the words of the business.
///
/// # Errors
/// As [`recognizer`], and when a voice cannot say a word of the lexicon as it is written there.
pub fn voices(models: &Path, languages: &[Language], lexicon: &Lexicons) -> Result<Vec<Arc<dyn Voice>>> {
    // Mandarin needs it too: for Latin words.
    let english = Hibari::load(&models.join("hibari")).context("a voice is needed to answer callers")?;
    let english = english.with_lexicon(&lexicon.en).context("see [speech.lexicon.en] in the configuration")?;
    let english = Arc::new(english);
    let mut voices: Vec<Arc<dyn Voice>> = Vec::with_capacity(languages.len());
    for language in languages {
        match language {
            Language::En => voices.push(english.clone()),
            Language::Zh => {
                let kokoro = stood_back(|| Kokoro::load(&models.join("kokoro"), Some(english.clone())))?;
                let kokoro = kokoro.context("a Mandarin voice is needed, as \"zh\" is among speech.languages")?;
                let kokoro =
                    kokoro.with_lexicon(&lexicon.zh).context("see [speech.lexicon.zh] in the configuration")?;
                voices.push(Arc::new(kokoro));
            }
        }
    }
    Ok(voices)
}

/// Loads something whose threads are to stand back behind those of the wire and of the ears: threads take their place
/// in the queue for the cores (nice(2)) from the one that starts them.
///
/// # Errors
/// When the machine gives no thread, or loading panicked.
fn stood_back<T: Send>(load: impl FnOnce() -> T + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let loading = std::thread::Builder::new().name("voice-load".to_owned()).spawn_scoped(scope, || {
            // Where the machine forbids it, all are equal.
            let _ = rustix::process::nice(VOICE_NICENESS);
            load()
        })?;
        loading.join().map_err(|_| anyhow!("loading the voice panicked"))
    })
}

/// Behind the recogniser, whose words are waited for.
const VOICE_NICENESS: i32 = 10;

/// Models of the manifest that a house with these languages can do without.
pub fn spared(languages: &[Language]) -> &'static [&'static str] {
    if languages.contains(&Language::Zh) { &[] } else { &["kokoro"] }
}
