//! `[speech.recognizer]` and `[speech.voice.LANG]`: speech engines reached over HTTP, where the operator names any; and
//! `[speech.lexicon.LANG]` for the embedded ones.
//!
//! They speak the interface that OpenAI published and many servers have, this house among them. A section that is left
//! out means the embedded engine; one that is there needs an address and has defaults for the rest.

use std::collections::BTreeMap;

use call::Language;
use serde::{Deserialize, Serialize};

use super::values::{HttpUrl, Millis, Secret};

/// `[speech.recognizer]`: another recogniser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpRecognizer {
    /// Where the engine is, without `/v1/audio/transcriptions`; `/v1` at the end may stand there.
    pub url: HttpUrl,
    /// What is sent as `Authorization: Bearer`; nothing when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret>,
    /// The engine's model.
    #[serde(default = "recognizer_model")]
    pub model: String,
    /// The shape of answer asked for.
    #[serde(default)]
    pub response_format: TranscriptFormat,
    /// How long one decode may take, in milliseconds; then the embedded recogniser does it.
    #[serde(default = "timeout")]
    pub timeout_ms: Millis,
}

/// What a recogniser is asked to answer with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TranscriptFormat {
    /// The text and no more.
    Json,
    /// The text, its language, its places and how likely it is.
    #[default]
    VerboseJson,
}

impl TranscriptFormat {
    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::VerboseJson => "verbose_json",
        }
    }
}

/// `[speech.voice.en]`, `[speech.voice.zh]`: another voice for one language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpVoice {
    /// Where the engine is, without `/v1/audio/speech`; `/v1` at the end may stand there.
    pub url: HttpUrl,
    /// What is sent as `Authorization: Bearer`; nothing when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret>,
    /// The engine's model.
    #[serde(default = "voice_model")]
    pub model: String,
    /// The engine's name for the voice.
    #[serde(default = "voice_name")]
    pub voice: String,
    /// The shape of sound asked for.
    #[serde(default)]
    pub response_format: SoundFormat,
    /// How long one clause may take, in milliseconds; then the embedded voice speaks it.
    #[serde(default = "timeout")]
    pub timeout_ms: Millis,
}

/// What a voice is asked to answer with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SoundFormat {
    /// 24 kHz, 16 bits, one channel, least byte first, without a header.
    Pcm,
    /// A WAV file at any rate.
    #[default]
    Wav,
}

impl SoundFormat {
    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pcm => "pcm",
            Self::Wav => "wav",
        }
    }
}

/// `[speech.voice]`: the languages that another voice speaks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpVoices {
    /// English.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub en: Option<HttpVoice>,
    /// Mandarin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zh: Option<HttpVoice>,
}

impl HttpVoices {
    /// The voices that are configured, each with its language.
    pub fn iter(&self) -> impl Iterator<Item = (Language, &HttpVoice)> {
        let voices = [(Language::En, &self.en), (Language::Zh, &self.zh)];
        voices.into_iter().filter_map(|(language, voice)| Some((language, voice.as_ref()?)))
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

/// `[speech.lexicon.en]`, `[speech.lexicon.zh]`: how words of the business are said, by language.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lexicons {
    /// English: `Huawei = "wah way"`, or sounds between slashes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub en: BTreeMap<String, String>,
    /// Mandarin: `"华为" = "hua2 wei2"`, or other characters that sound so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub zh: BTreeMap<String, String>,
}

impl Lexicons {
    /// The words of one language.
    pub const fn of(&self, language: Language) -> &BTreeMap<String, String> {
        match language {
            Language::En => &self.en,
            Language::Zh => &self.zh,
        }
    }

    /// Whether there is no word at all.
    pub fn is_empty(&self) -> bool {
        self.en.is_empty() && self.zh.is_empty()
    }
}

/// A caller waits for it, and the embedded engine must have time to do the same after it.
const fn timeout() -> Millis {
    const { Millis::built_in(2_500) }
}

fn recognizer_model() -> String {
    "whisper-1".to_owned()
}

fn voice_model() -> String {
    "tts-1".to_owned()
}

fn voice_name() -> String {
    "alloy".to_owned()
}
