//! The speech engines of this house for other programs, by the interface that OpenAI published.
//!
//! So that one house can be another's engine, and tools that know that interface need nothing of ours. Callers of this
//! house go first: see [`Guests`](crate::guests::Guests). Neither sound nor words are kept or logged.

use std::time::Duration;

use asr::{DecodeRequest, Decoded, LanguageChoice};
use axum::Json;
use axum::body::Bytes;
use axum::extract::multipart::MultipartError;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use call::{AudioFrame, Language, Pii};
use serde::{Deserialize, Serialize};
use tts::{Style, VoiceError};
use utoipa::ToSchema;

use super::openai::OpenAiError;
use super::problem::Problem;
use super::state::HttpState;
use crate::engines::written_language;
use crate::guests::GuestError;

/// Sound to write down. Other fields of OpenAI's interface are accepted and change nothing.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the description of a form that is read field by field")]
pub(super) struct TranscriptionForm {
    /// A WAV file of a minute at most: 8, 16, 24 or 32 bits or 32-bit floats, any rate and channels.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Accepted and ignored: there is one model.
    model: Option<String>,
    /// `en` or `zh`; found out from the sound when left out.
    language: Option<String>,
    /// Names and products to lean towards.
    prompt: Option<String>,
    /// `json` (when left out), `text` or `verbose_json`.
    response_format: Option<String>,
}

/// A transcript.
#[derive(Serialize, ToSchema)]
pub(super) struct Transcription {
    /// The words; empty when there are none.
    text: String,
}

/// A transcript with all that is known of it.
#[derive(Serialize, ToSchema)]
pub(super) struct VerboseTranscription {
    /// Always `transcribe`.
    task: &'static str,
    /// `english` or `chinese`.
    language: &'static str,
    /// Seconds of sound.
    duration: f64,
    /// The words; empty when there are none.
    text: String,
    /// The same with their places.
    segments: Vec<TranscriptionSegment>,
}

/// A stretch of a transcript.
#[derive(Serialize, ToSchema)]
pub(super) struct TranscriptionSegment {
    id: usize,
    /// Seconds from the start of the sound.
    start: f32,
    /// Seconds from the start of the sound.
    end: f32,
    text: String,
    /// Mean natural logarithm of the probabilities of the words, the same for all segments.
    avg_logprob: f32,
    /// How likely it is that nobody spoke.
    no_speech_prob: f32,
}

/// A text to speak. Other fields of OpenAI's interface are accepted and change nothing.
#[derive(Deserialize, ToSchema)]
pub(super) struct SpeechRequest {
    /// What to say, 4096 characters at most.
    input: String,
    /// `en` or `zh`; with any other name the language is that of the letters.
    #[serde(default)]
    voice: String,
    /// `wav` (when left out) or `pcm`: 24 kHz, 16 bits, one channel.
    #[serde(default)]
    response_format: Option<String>,
    /// 0.25 to 4.0, where 1.0 is the voice's own pace; what the voice cannot do is brought nearer.
    #[serde(default)]
    speed: Option<f32>,
}

/// Write down what is said in a sound file.
#[utoipa::path(post, path = "/v1/audio/transcriptions", tag = "speech",
    request_body(content = TranscriptionForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The transcript, in the shape asked for", content(
            (Transcription = "application/json"), (VerboseTranscription = "application/json"), (String = "text/plain"))),
        (status = 400, description = "The form is wrong", body = OpenAiError),
        (status = 413, description = "The sound is too long", body = OpenAiError),
        (status = 503, description = "Callers need the engines", body = OpenAiError),
))]
pub(super) async fn transcribe(
    State(state): State<HttpState>,
    form: Result<Multipart, axum::extract::multipart::MultipartRejection>,
) -> Result<Response, Problem> {
    let _place = state.guests.enter().map_err(guest_problem)?;
    let form = form.map_err(|error| refused(error.body_text()))?;
    let form = Form::read(form).await?;
    let format = Format::read(form.format.as_deref())?;
    let request = form.request().await?;
    let decoded = state.guests.transcribe(request).await.map_err(guest_problem)?;
    Ok(match format {
        Format::Json => Json(Transcription { text: decoded.text }).into_response(),
        Format::Text => ([(CONTENT_TYPE, "text/plain; charset=utf-8")], decoded.text).into_response(),
        Format::Verbose => Json(verbose(decoded)).into_response(),
    })
}

/// Speak a text.
#[utoipa::path(post, path = "/v1/audio/speech", tag = "speech", request_body = SpeechRequest, responses(
    (status = 200, description = "The sound, in the shape asked for", content(
        (Vec<u8> = "audio/wav"), (Vec<u8> = "audio/pcm"))),
    (status = 400, description = "The request is wrong", body = OpenAiError),
    (status = 503, description = "Callers need the engines", body = OpenAiError),
))]
pub(super) async fn speak(
    State(state): State<HttpState>,
    request: Result<Json<SpeechRequest>, JsonRejection>,
) -> Result<Response, Problem> {
    let _place = state.guests.enter().map_err(guest_problem)?;
    let Json(request) = request.map_err(|error| refused(error.body_text()))?;
    let SpeechRequest { input, voice, response_format, speed } = request;
    if input.chars().count() > INPUT_CHARS_MAX {
        return Err(refused("input is longer than 4096 characters."));
    }
    let rate = speed.unwrap_or(1.0);
    if !(0.25..=4.0).contains(&rate) {
        return Err(refused("speed lies outside 0.25 to 4.0."));
    }
    let raw = match response_format.as_deref() {
        None | Some("wav") => false,
        Some("pcm") => true,
        Some(_) => return Err(refused("response_format is neither wav nor pcm; others are not spoken here.")),
    };
    let language = voice.parse().unwrap_or_else(|_| written_language(&input));
    let style = Style { rate, ..Style::default() };
    let sound = state.guests.speak(Pii::new(input), language, style).await.map_err(guest_problem)?;
    if raw {
        let bytes: Vec<u8> = sound.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        return Ok(([(CONTENT_TYPE, "audio/pcm")], bytes).into_response());
    }
    let bytes = media::wav_bytes(&sound).map_err(|error| refused(error.to_string()))?;
    Ok(([(CONTENT_TYPE, "audio/wav")], bytes).into_response())
}

/// The fields that matter.
#[derive(Default)]
struct Form {
    file: Option<Bytes>,
    language: Option<String>,
    prompt: Option<String>,
    format: Option<String>,
}

impl Form {
    async fn read(mut multipart: Multipart) -> Result<Self, Problem> {
        let mut form = Self::default();
        for _ in 0..FIELDS_MAX {
            let Some(field) = multipart.next_field().await.map_err(multipart_problem)? else { return Ok(form) };
            let name = field.name().unwrap_or_default().to_owned();
            match name.as_str() {
                "file" => form.file = Some(field.bytes().await.map_err(multipart_problem)?),
                "language" => form.language = Some(field.text().await.map_err(multipart_problem)?),
                "prompt" => form.prompt = Some(field.text().await.map_err(multipart_problem)?),
                "response_format" => form.format = Some(field.text().await.map_err(multipart_problem)?),
                _ => {}
            }
        }
        Err(refused("The form has too many fields."))
    }

    async fn request(self) -> Result<DecodeRequest, Problem> {
        let file = self.file.ok_or_else(|| refused("The form has no field file with a WAV file."))?;
        let language = match self.language.as_deref().filter(|language| !language.is_empty()) {
            Some(code) => {
                let language = code.parse().map_err(|_| refused("language is neither en nor zh."))?;
                LanguageChoice::Fixed(language)
            }
            None => LanguageChoice::Detect(Vec::new()),
        };
        // Reading and resampling a minute of sound takes longer than other requests should wait.
        let samples = tokio::task::spawn_blocking(move || sound(file)).await;
        let samples = samples.map_err(|_| refused("file could not be read."))??;
        let mut request = DecodeRequest::new(samples.into(), language);
        request.prompt = self.prompt.filter(|prompt| !prompt.is_empty() && prompt.len() <= PROMPT_BYTES_MAX);
        request.deadline = DECODE_MAX;
        Ok(request)
    }
}

/// One channel at the rate of the house.
fn sound(file: Bytes) -> Result<Vec<i16>, Problem> {
    let wrong = |detail: String| refused(format!("file cannot be read: {detail}."));
    let sound = media::parse_wav(file.into()).map_err(|error| wrong(error.to_string()))?.mono();
    if sound.duration() > SOUND_MAX {
        let way_out = "Cut it into stretches of a minute at most, in its pauses.";
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "The sound is longer than a minute.", way_out));
    }
    Ok(media::resample(&sound, AudioFrame::RATE).map_err(|error| wrong(error.to_string()))?.samples)
}

enum Format {
    Json,
    Text,
    Verbose,
}

impl Format {
    fn read(word: Option<&str>) -> Result<Self, Problem> {
        match word {
            None | Some("" | "json") => Ok(Self::Json),
            Some("text") => Ok(Self::Text),
            Some("verbose_json") => Ok(Self::Verbose),
            Some(_) => Err(refused("response_format is none of json, text and verbose_json.")),
        }
    }
}

fn verbose(decoded: Decoded) -> VerboseTranscription {
    let avg_logprob = decoded.confidence.max(f32::MIN_POSITIVE).ln();
    let no_speech_prob = decoded.no_speech;
    let segments = decoded.segments.into_iter().enumerate().map(|(id, segment)| TranscriptionSegment {
        id,
        start: segment.start_s,
        end: segment.end_s,
        text: segment.text,
        avg_logprob,
        no_speech_prob,
    });
    VerboseTranscription {
        task: "transcribe",
        language: match decoded.language {
            Language::En => "english",
            Language::Zh => "chinese",
        },
        duration: decoded.audio.as_secs_f64(),
        segments: segments.collect(),
        text: decoded.text,
    }
}

fn refused(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail, "See this path in /openapi.json.")
}

fn multipart_problem(error: MultipartError) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let way_out = "Send a minute of sound at most; 16 kHz and one channel are enough.";
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "The file is too large.", way_out);
    }
    refused(error.body_text())
}

fn guest_problem(error: GuestError) -> Problem {
    let detail = error.to_string();
    match error {
        GuestError::NoVoice(_) | GuestError::Voice(VoiceError::NothingToSay | VoiceError::TooLong { .. }) => {
            refused(detail)
        }
        GuestError::Busy | GuestError::Recognizer(_) | GuestError::Voice(_) => {
            let way_out = "Try again in a second, or use an engine of your own meanwhile.";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail, way_out)
        }
    }
}

/// A minute of stereo at 48 kHz, 16 bits, and then some.
pub(super) const SOUND_BYTES_MAX: usize = 16 << 20;
/// How long an answer of these paths may take to begin.
pub(super) const SPEECH_WAIT: Duration = Duration::from_secs(60);
/// The longest sound: one decode of it takes some seconds of one thread.
const SOUND_MAX: Duration = Duration::from_secs(60);
/// How long that decode may take.
const DECODE_MAX: Duration = Duration::from_secs(40);
/// As in OpenAI's interface.
const INPUT_CHARS_MAX: usize = 4_096;
/// A longer prompt is left out: it is a hint.
const PROMPT_BYTES_MAX: usize = 2_000;
/// Fields of a form.
const FIELDS_MAX: usize = 32;
