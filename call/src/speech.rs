//! What was said, by whom, when, and how it sounded.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::moment::Moment;
use crate::pii::{Pii, revealed};

/// A language of the house.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Mandarin Chinese.
    Zh,
}

impl Language {
    /// The ISO 639-1 code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A language code we do not speak.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown language; known are en and zh")]
pub struct UnknownLanguage;

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(code: &str) -> Result<Self, UnknownLanguage> {
        match code.to_ascii_lowercase().as_str() {
            "en" => Ok(Self::En),
            "zh" => Ok(Self::Zh),
            _ => Err(UnknownLanguage),
        }
    }
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// A person of ours.
    Agent,
    /// The machine.
    Bot,
    /// The person on the line.
    Caller,
}

/// A stretch of time, `start` included, `end` not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// When it began.
    pub start: Moment,
    /// When it ended.
    pub end: Moment,
}

impl Span {
    /// How long it is.
    pub fn duration(&self) -> Duration {
        self.end - self.start
    }
}

/// How a caller feels, as far as sound and words tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mood {
    /// Raised voice, hard words.
    Angry,
    /// Nothing out of the ordinary.
    #[default]
    Calm,
    /// Repeats, hurries, asks for a person.
    Impatient,
    /// Thanks, laughs.
    Pleased,
    /// Low or trembling; cannot be told apart by sound alone.
    Sad,
}

/// A mood and how sure we are of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Emotion {
    /// The likeliest mood.
    pub mood: Mood,
    /// Its probability, 0.0 to 1.0.
    pub probability: f32,
}

impl Default for Emotion {
    fn default() -> Self {
        Self { mood: Mood::Calm, probability: 0.5 }
    }
}

/// One finished stretch of speech.
///
/// A bot utterance holds only words whose samples were really sent to the caller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Utterance {
    /// Who spoke.
    pub speaker: Speaker,
    /// From the first sound to the last.
    pub span: Span,
    /// The words.
    #[serde(with = "revealed")]
    pub text: Pii<String>,
    /// How likely the words are right, 0.0 to 1.0; 1.0 for the bot's own.
    pub confidence: f32,
    /// The language spoken.
    pub language: Language,
    /// How the speaker felt; `None` for bot and agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emotion: Option<Emotion>,
}

/// Everything said in a call, in order of its beginning.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Transcript {
    utterances: Vec<Utterance>,
}

impl Transcript {
    /// Adds an utterance at its place in time.
    pub fn push(&mut self, utterance: Utterance) {
        let place = self.utterances.partition_point(|earlier| earlier.span.start <= utterance.span.start);
        self.utterances.insert(place, utterance);
    }

    /// The utterances, earliest first.
    pub fn utterances(&self) -> &[Utterance] {
        &self.utterances
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utterance(speaker: Speaker, start_ms: u64) -> Utterance {
        Utterance {
            speaker,
            span: Span { start: Moment::from_millis(start_ms), end: Moment::from_millis(start_ms + 500) },
            text: Pii::new("hello".to_owned()),
            confidence: 1.0,
            language: Language::En,
            emotion: None,
        }
    }

    #[test]
    fn utterances_stand_in_order_of_their_beginning() {
        let mut transcript = Transcript::default();
        transcript.push(utterance(Speaker::Bot, 1_000));
        transcript.push(utterance(Speaker::Caller, 200));
        let speakers: Vec<_> = transcript.utterances().iter().map(|utterance| utterance.speaker).collect();
        assert_eq!(speakers, [Speaker::Caller, Speaker::Bot]);
    }

    #[test]
    fn an_utterance_survives_json_but_not_debug() {
        let before = utterance(Speaker::Caller, 0);
        let json = serde_json::to_string(&before).unwrap();
        assert!(json.contains("hello"), "the journal holds the words");
        assert_eq!(serde_json::from_str::<Utterance>(&json).unwrap(), before);
        assert!(!format!("{before:?}").contains("hello"), "a log does not");
    }
}
