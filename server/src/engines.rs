//! Loads the speech engines a configuration names, for the server and for the commands alike.

use std::num::NonZeroU8;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use asr::{EmotionModel, VadModel, Whisper, WhisperConfig};
use call::Language;
use tts::{Hibari, Voice};

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

/// The languages that have a voice.
pub const SPOKEN: [Language; 1] = [Language::En];

/// The voices of the house.
///
/// # Errors
/// As [`recognizer`].
pub fn voices(models: &Path) -> Result<Vec<Arc<dyn Voice>>> {
    let english = Hibari::load(&models.join("hibari")).context("a voice is needed to answer callers")?;
    Ok(vec![Arc::new(english)])
}
