//! Mouth and ears for the simulated people: the house's own engines behind the closures that `test-audio` asks for.

use std::num::NonZeroU8;
use std::sync::Arc;

use anyhow::Result;
use asr::{DecodeRequest, LanguageChoice, Recognizer};
use call::{Language, Pcm};
use tts::{Style, Voice};

use super::Settings;
use crate::engines;

/// Speaks a text at any rate.
pub(super) type Mouth = Arc<dyn Fn(&str, Language) -> Result<Pcm, String> + Send + Sync>;
/// Writes down 16 kHz sound.
pub(super) type Ears = Arc<dyn Fn(Arc<[i16]>, Language) -> Result<String, String> + Send + Sync>;

/// The engines of one simulated person.
///
/// # Errors
/// When a model is missing.
pub(super) fn load(settings: &Settings) -> Result<(Mouth, Ears)> {
    let voices = engines::voices(&settings.models, &settings.config.speech.languages)?;
    let whisper = engines::recognizer(&settings.whisper_file(), PHONES_MAX)?;
    let mouth: Mouth = Arc::new(move |text: &str, language: Language| say(&voices, text, language));
    let ears: Ears = Arc::new(move |samples: Arc<[i16]>, language: Language| {
        let request = DecodeRequest::new(samples, LanguageChoice::Fixed(language));
        whisper.decode(&request).map(|decoded| decoded.text).map_err(|error| error.to_string())
    });
    Ok((mouth, ears))
}

fn say(voices: &[Arc<dyn Voice>], text: &str, language: Language) -> Result<Pcm, String> {
    let voice = voices.iter().find(|voice| voice.language() == language);
    let voice = voice.ok_or_else(|| {
        format!("there is no voice for language {language}: it is not among speech.languages; use a WAV file or keys")
    })?;
    let mut sound: Option<Pcm> = None;
    for clause in tts::clauses(text, language) {
        let speech = voice.speak(&clause.text, Style::default()).map_err(|error| error.to_string())?;
        match &mut sound {
            Some(sound) => sound.samples.extend(speech.pcm.samples),
            None => sound = Some(speech.pcm),
        }
    }
    sound.ok_or_else(|| "there is nothing to say in this text".to_owned())
}

/// Simulated phones that may listen at once.
const PHONES_MAX: NonZeroU8 = NonZeroU8::MIN.saturating_add(3);
