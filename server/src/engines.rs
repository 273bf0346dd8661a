//! Loads the speech engines a configuration names, for the server and for the commands alike.

use std::num::NonZeroU8;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use asr::{VadModel, Whisper, WhisperConfig};
use call::Language;
use tts::{Hibari, Kokoro, Voice};

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

/// Where the recogniser's model is, unless the configuration names another file.
pub fn whisper_file(models: &Path, configured: Option<&Path>) -> PathBuf {
    configured.map_or_else(|| models.join("whisper/ggml-base-q8_0.bin"), Path::to_owned)
}

/// The voices of the house, for those of `languages` that have one.
///
/// # Errors
/// As [`recognizer`].
pub fn voices(models: &Path, languages: &[Language]) -> Result<Vec<Arc<dyn Voice>>> {
    let hibari = || Hibari::load(&models.join("hibari")).context("a voice is needed to answer callers");
    // Mandarin needs it too: for Latin words.
    let english = Arc::new(hibari()?);
    let mut voices: Vec<Arc<dyn Voice>> = Vec::with_capacity(languages.len());
    for language in languages {
        match language {
            Language::En => voices.push(english.clone()),
            Language::Zh => {
                let kokoro = Kokoro::load(&models.join("kokoro"), Some(english.clone()));
                voices
                    .push(Arc::new(kokoro.context("a Mandarin voice is needed, as \"zh\" is among speech.languages")?));
            }
        }
    }
    Ok(voices)
}

/// Models of the manifest that a house with these languages can do without.
pub fn spared(languages: &[Language]) -> &'static [&'static str] {
    if languages.contains(&Language::Zh) { &[] } else { &["kokoro"] }
}
