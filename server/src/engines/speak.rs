//! A voice behind HTTP (`POST /v1/audio/speech`), with the embedded one behind it.

use std::sync::Arc;
use std::time::Duration;

use call::{Language, Pcm, SampleRate};
use serde_json::json;
use tts::{Fingerprint, Speech, Style, TEXT_BYTES_MAX, Voice, VoiceError};

use super::remote::{Answer, Missed, Outward, Remote, RemoteError};
use crate::config;

/// Asks an HTTP engine; a clause that it does not speak in time is spoken by the embedded voice, where there is one.
pub(super) struct HttpVoice {
    remote: Remote,
    language: Language,
    model: String,
    voice: String,
    format: config::SoundFormat,
    embedded: Option<Arc<dyn Voice>>,
}

impl HttpVoice {
    pub(super) fn new(
        outward: Arc<Outward>,
        config: &config::HttpVoice,
        language: Language,
        embedded: Option<Arc<dyn Voice>>,
    ) -> Self {
        let name = match language {
            Language::En => "voice.en",
            Language::Zh => "voice.zh",
        };
        let timeout = config.timeout_ms.duration();
        let place = (&config.url, "speech");
        let remote = Remote::new(outward, name, place, config.key.as_ref(), timeout, ANSWER_BYTES_MAX);
        let (model, voice, format) = (config.model.clone(), config.voice.clone(), config.response_format);
        Self { remote, language, model, voice, format, embedded }
    }

    fn ask(&self, remote: &Remote, text: &str, style: Style) -> Result<Speech, RemoteError> {
        let mut body = json!({
            "model": self.model,
            "voice": self.voice,
            "input": tts::without_markup(text),
            "response_format": self.format.as_str(),
        });
        let speed = if style.rate.is_finite() { style.rate.clamp(Style::RATES.0, Style::RATES.1) } else { 1.0 };
        if speed != 1.0 {
            // As some engines know no speed, it is told only when it matters.
            body["speed"] = json!(speed);
        }
        // The engine's own limit is the shorter one.
        let answer = remote.ask(Duration::MAX / 4, None, |http| http.json(&body))?;
        let mut sound = self.sound(answer)?;
        louder(&mut sound.samples, style.gain_db);
        let marks = tts::estimated_marks(text, &sound);
        Ok(Speech { pcm: sound, marks })
    }

    /// The sound of an answer, mono, 24 kHz.
    fn sound(&self, answer: Answer) -> Result<Pcm, RemoteError> {
        let no_sound = RemoteError::NotUnderstood("it is not the sound asked for");
        if answer.kind.starts_with("text/") || answer.kind == "application/json" {
            return Err(no_sound);
        }
        let sound = match self.format {
            config::SoundFormat::Pcm => pcm(&answer.body),
            config::SoundFormat::Wav => media::parse_wav(answer.body).ok().map(|sound| sound.mono()),
        };
        let sound = sound.ok_or(no_sound)?;
        if sound.duration() > SOUND_MAX {
            return Err(RemoteError::AnswerTooLong);
        }
        if sound.samples.iter().all(|sample| sample.unsigned_abs() < SOUND_PEAK_MIN) {
            return Err(RemoteError::NotUnderstood("there is no sound in it"));
        }
        media::resample(&sound, SampleRate::HZ_24000).map_err(|_| RemoteError::NotUnderstood("a rate of no sound"))
    }
}

impl Voice for HttpVoice {
    fn language(&self) -> Language {
        self.language
    }

    /// Of the engine's settings, since its files are not here, and of the embedded voice that speaks in its place.
    fn fingerprint(&self) -> String {
        let embedded = self.embedded.as_ref().map(|voice| voice.fingerprint()).unwrap_or_default();
        let parts = [self.remote.address(), &self.model, &self.voice, self.format.as_str(), &embedded];
        parts.into_iter().fold(Fingerprint::new("http"), Fingerprint::with).finish()
    }

    fn speak(&self, text: &str, style: Style) -> Result<Speech, VoiceError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(VoiceError::TooLong { bytes: text.len() });
        }
        if !tts::without_markup(text).contains(char::is_alphanumeric) {
            return Err(VoiceError::NothingToSay);
        }
        let missed = match self.remote.attempt(|remote| self.ask(remote, text, style)) {
            Ok(speech) => return Ok(speech),
            Err(missed) => missed,
        };
        match (&self.embedded, missed) {
            (Some(embedded), _) => embedded.speak(text, style),
            (None, Missed::Failed(reason)) => Err(VoiceError::Engine(reason.to_string())),
            (None, Missed::Cancelled | Missed::Resting) => {
                Err(VoiceError::Engine("the HTTP voice is being left alone after failures".to_owned()))
            }
        }
    }
}

/// 16 bits, least byte first, at 24 kHz; nothing of an odd length is that.
fn pcm(bytes: &[u8]) -> Option<Pcm> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let samples = pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
    rest.is_empty().then_some(Pcm { rate: SampleRate::HZ_24000, samples })
}

/// Applies a gain that engines cannot be asked for.
fn louder(samples: &mut [i16], gain_db: f32) {
    let gain_db = if gain_db.is_finite() { gain_db.clamp(Style::GAINS_DB.0, Style::GAINS_DB.1) } else { 0.0 };
    if gain_db != 0.0 {
        let gain = 10f32.powf(gain_db / 20.0);
        for sample in samples {
            *sample = (f32::from(*sample) * gain) as i16;
        }
    }
}

/// Two minutes of 48 kHz, 16 bits, one channel, and then some.
const ANSWER_BYTES_MAX: usize = 12 << 20;
/// The longest that a clause can take.
const SOUND_MAX: Duration = Duration::from_secs(120);
/// -60 dB of full scale: below it there is nothing.
const SOUND_PEAK_MIN: u16 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gain_is_kept_within_its_limits_and_does_not_wrap() {
        let mut samples = vec![10_000, -30_000];
        louder(&mut samples, 6.0);
        assert_eq!(samples, [19_952, i16::MIN]);
        louder(&mut samples, f32::NAN);
        assert_eq!(samples, [19_952, i16::MIN]);
    }

    #[test]
    fn raw_sound_has_whole_samples() {
        assert_eq!(pcm(&[1, 0, 255, 255]).unwrap().samples, [1, -1]);
        assert_eq!(pcm(&[1, 0, 255]), None);
    }
}
