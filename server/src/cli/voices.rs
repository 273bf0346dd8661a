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
    let speech = &settings.config.speech;
    let voices = engines::voices(&settings.models, &speech.languages, &speech.lexicon)?;
    let whisper = engines::recognizer(&settings.whisper_file(), PHONES_MAX)?;
    let mouth: Mouth = Arc::new(move |text: &str, language: Language| say(&voices, text, language));
    let ears: Ears = Arc::new(move |samples: Arc<[i16]>, language: Language| {
        let request = DecodeRequest::new(samples, LanguageChoice::Fixed(language));
        whisper.decode(&request).map(|decoded| decoded.text).map_err(|error| error.to_string())
    });
    Ok((mouth, ears))
}

fn say(voices: &[Arc<dyn Voice>], text: &str, language: Language) -> Result<Pcm, String> {
    let mut sound: Option<Pcm> = None;
    for part in tts::parts(text, language, Style::default()) {
        let voice = voices.iter().find(|voice| voice.language() == part.language);
        let voice = voice
            .ok_or_else(|| format!("there is no voice for language {} yet; use a WAV file or keys", part.language))?;
        let speech = voice.speak(&part.clause.text, part.style).map_err(|error| error.to_string())?;
        match &mut sound {
            Some(sound) => sound.samples.extend(speech.pcm.samples),
            None => sound = Some(speech.pcm),
        }
    }
    sound.ok_or_else(|| "there is nothing to say in this text".to_owned())
}

/// Simulated phones that may listen at once.
const PHONES_MAX: NonZeroU8 = NonZeroU8::MIN.saturating_add(3);
