//! A recogniser behind HTTP (`POST /v1/audio/transcriptions`), with the embedded one behind it.

use std::sync::Arc;
use std::time::Instant;

use asr::{DecodeRequest, Decoded, LanguageChoice, Outside, Recognizer, RecognizerError, Segment};
use call::{AudioFrame, Language, Pcm};
use reqwest::multipart::{Form, Part};
use serde::Deserialize;

use super::remote::{Missed, Outward, Remote, RemoteError};
use crate::config;

/// Asks an HTTP engine; what it does not answer in time, the embedded recogniser decodes in the time that is left.
pub(super) struct HttpRecognizer {
    remote: Remote,
    model: String,
    format: config::TranscriptFormat,
    embedded: Arc<dyn Recognizer>,
}

impl HttpRecognizer {
    pub(super) fn new(outward: Arc<Outward>, config: &config::HttpRecognizer, embedded: Arc<dyn Recognizer>) -> Self {
        let timeout = config.timeout_ms.duration();
        let place = (&config.url, "transcriptions");
        let remote = Remote::new(outward, "recognizer", place, config.key.as_ref(), timeout, ANSWER_BYTES_MAX);
        Self { remote, model: config.model.clone(), format: config.response_format, embedded }
    }

    fn ask(&self, remote: &Remote, request: &DecodeRequest) -> Result<Decoded, RemoteError> {
        let started = Instant::now();
        // Half of the time at most, so that as much is left for the embedded recogniser.
        let limit = request.deadline / 2;
        let form = self.form(request)?;
        let answer = remote.ask(limit, Some(&request.cancel), |http| http.multipart(form))?;
        let transcript: Transcript =
            serde_json::from_slice(&answer.body).map_err(|_| RemoteError::NotUnderstood("no JSON with a text"))?;
        Ok(transcript.outside(request).judged(request, started.elapsed()))
    }

    fn form(&self, request: &DecodeRequest) -> Result<Form, RemoteError> {
        let sound = Pcm { rate: AudioFrame::RATE, samples: request.samples.to_vec() };
        let wav = media::wav_bytes(&sound).map_err(|_| RemoteError::NotUnderstood("the sound is too long to send"))?;
        let file = Part::bytes(wav).file_name("speech.wav").mime_str("audio/wav");
        let file = file.map_err(|_| RemoteError::NotUnderstood("a media type of ours"))?;
        let mut form = Form::new()
            .part("file", file)
            .text("model", self.model.clone())
            .text("response_format", self.format.as_str());
        if let Some(language) = sole_language(&request.language) {
            form = form.text("language", language.code());
        }
        if let Some(prompt) = &request.prompt {
            form = form.text("prompt", prompt.clone());
        }
        Ok(form)
    }
}

impl Recognizer for HttpRecognizer {
    fn decode(&self, request: &DecodeRequest) -> Result<Decoded, RecognizerError> {
        let started = Instant::now();
        if let Some(wordless) = asr::without_words(request) {
            return Ok(wordless);
        }
        match self.remote.attempt(|remote| self.ask(remote, request)) {
            Ok(decoded) => return Ok(decoded),
            Err(Missed::Cancelled) => return Err(RecognizerError::Cancelled),
            Err(Missed::Failed(_) | Missed::Resting) => {}
        }
        let deadline = request.deadline.saturating_sub(started.elapsed());
        if deadline.is_zero() {
            return Err(RecognizerError::DeadlineExceeded(request.deadline));
        }
        self.embedded.decode(&DecodeRequest { deadline, ..request.clone() })
    }
}

/// The language of the sound, if there is only one that it can be.
fn sole_language(choice: &LanguageChoice) -> Option<Language> {
    match choice {
        LanguageChoice::Detect(allowed) => match allowed.as_slice() {
            [only] => Some(*only),
            [] | [_, _, ..] => None,
        },
        LanguageChoice::Fixed(language) => Some(*language),
        // An engine that is told no language finds it out.
        LanguageChoice::Likely { .. } => None,
    }
}

/// What engines answer; of `json` only the text is there.
#[derive(Deserialize)]
struct Transcript {
    text: String,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    segments: Option<Vec<TranscriptSegment>>,
}

#[derive(Deserialize)]
struct TranscriptSegment {
    #[serde(default)]
    start: f32,
    #[serde(default)]
    end: f32,
    text: String,
    #[serde(default)]
    avg_logprob: Option<f32>,
    #[serde(default)]
    no_speech_prob: Option<f32>,
}

impl Transcript {
    fn outside(self, request: &DecodeRequest) -> Outside {
        let language = self.spoken_language(&request.language);
        let audio_s = request.audio().as_secs_f32();
        let told = self.segments.unwrap_or_default();
        if told.is_empty() {
            let segment = Segment { start_s: 0.0, end_s: audio_s, text: self.text };
            return Outside { language, segments: vec![segment], mean_log_prob: None, no_speech: 0.0 };
        }
        // Tokens are not counted on the wire; letters stand for them.
        let (mut sum, mut letters) = (0.0, 0.0);
        for segment in &told {
            if let Some(log) = segment.avg_logprob {
                let weight = segment.text.chars().count() as f32;
                sum += log * weight;
                letters += weight;
            }
        }
        let mean_log_prob = (letters > 0.0).then(|| sum / letters);
        let no_speech = told.iter().filter_map(|segment| segment.no_speech_prob).fold(f32::INFINITY, f32::min);
        let no_speech = if no_speech.is_finite() { no_speech } else { 0.0 };
        let within = |seconds: f32| if seconds.is_finite() { seconds.clamp(0.0, audio_s) } else { 0.0 };
        let segment = |told: TranscriptSegment| {
            let start_s = within(told.start);
            Segment { start_s, end_s: within(told.end).max(start_s), text: told.text }
        };
        Outside { language, segments: told.into_iter().map(segment).collect(), mean_log_prob, no_speech }
    }

    /// The language asked for, or the one told, or the one whose letters these are.
    fn spoken_language(&self, choice: &LanguageChoice) -> Language {
        if let Some(language) = sole_language(choice) {
            return language;
        }
        let told = self.language.as_deref().map(str::to_ascii_lowercase);
        let told = match told.as_deref() {
            Some("en" | "english") => Some(Language::En),
            Some("zh" | "chinese" | "mandarin") => Some(Language::Zh),
            Some(_) | None => None,
        };
        told.unwrap_or_else(|| super::written_language(&self.text))
    }
}

/// A transcript of a minute with all its places is some kilobytes; some engines add every token.
const ANSWER_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn outside(json: &str, choice: LanguageChoice) -> Outside {
        let transcript: Transcript = serde_json::from_str(json).unwrap();
        transcript.outside(&DecodeRequest::new(vec![0; 32_000].into(), choice))
    }

    #[test]
    fn answers_of_both_shapes_are_read() {
        let plain = outside(r#"{"text":"我要退货"}"#, LanguageChoice::Detect(Vec::new()));
        assert_eq!((plain.language, plain.segments[0].end_s, plain.mean_log_prob), (Language::Zh, 2.0, None));
        let verbose = outside(
            r#"{"task":"transcribe","language":"english","duration":2.0,"text":"Yes. No.","segments":[
                {"id":0,"start":0.0,"end":0.5,"text":" Yes.","avg_logprob":-0.25,"no_speech_prob":0.125,"tokens":[1]},
                {"id":1,"start":0.5,"end":9e9,"text":" No..","avg_logprob":-0.75,"no_speech_prob":0.5}]}"#,
            LanguageChoice::Detect(vec![Language::En, Language::Zh]),
        );
        assert_eq!((verbose.language, verbose.mean_log_prob, verbose.no_speech), (Language::En, Some(-0.5), 0.125));
        assert_eq!((verbose.segments[1].start_s, verbose.segments[1].end_s), (0.5, 2.0));
        assert!(serde_json::from_str::<Transcript>("{\"error\":{}}").is_err());
    }

    #[test]
    fn the_language_asked_for_is_the_language() {
        let fixed = outside(r#"{"text":"ni hao","language":"english"}"#, LanguageChoice::Fixed(Language::Zh));
        assert_eq!(fixed.language, Language::Zh);
    }
}
