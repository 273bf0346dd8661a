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

/// How likely each mood is, 0.0 to 1.0; together 1.0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Moods {
    /// Of [`Mood::Angry`].
    pub angry: f32,
    /// Of [`Mood::Calm`].
    pub calm: f32,
    /// Of [`Mood::Impatient`].
    pub impatient: f32,
    /// Of [`Mood::Pleased`].
    pub pleased: f32,
    /// Of [`Mood::Sad`].
    pub sad: f32,
}

impl Moods {
    /// Nothing is known: each is as likely as the others.
    pub const UNKNOWN: Self = Self { angry: 0.2, calm: 0.2, impatient: 0.2, pleased: 0.2, sad: 0.2 };

    /// How likely one of them is.
    pub const fn of(&self, mood: Mood) -> f32 {
        match mood {
            Mood::Angry => self.angry,
            Mood::Calm => self.calm,
            Mood::Impatient => self.impatient,
            Mood::Pleased => self.pleased,
            Mood::Sad => self.sad,
        }
    }

    /// The likeliest; calm when none stands out.
    pub fn likeliest(&self) -> Mood {
        [Mood::Angry, Mood::Impatient, Mood::Pleased, Mood::Sad]
            .into_iter()
            .fold(Mood::Calm, |best, mood| if self.of(mood) > self.of(best) { mood } else { best })
    }
}

impl Default for Moods {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

/// A mood and how sure we are of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Emotion {
    /// The mood. Another may be a little likelier: a mood is kept until one clearly is.
    pub mood: Mood,
    /// Its probability, 0.0 to 1.0.
    pub probability: f32,
    /// All probabilities; in journals that do not have them, all the same.
    #[serde(default)]
    pub moods: Moods,
}

impl Emotion {
    /// A mood among the probabilities of all.
    pub const fn new(mood: Mood, moods: Moods) -> Self {
        Self { mood, probability: moods.of(mood), moods }
    }

    /// A mood of which the probability is known; the others share the rest.
    pub fn with_probability(mood: Mood, probability: f32) -> Self {
        let of = |other: Mood| if other == mood { probability } else { (1.0 - probability) / 4.0 };
        let moods = Moods {
            angry: of(Mood::Angry),
            calm: of(Mood::Calm),
            impatient: of(Mood::Impatient),
            pleased: of(Mood::Pleased),
            sad: of(Mood::Sad),
        };
        Self { mood, probability, moods }
    }
}

impl Default for Emotion {
    fn default() -> Self {
        Self::with_probability(Mood::Calm, 0.5)
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
    fn an_emotion_of_an_earlier_journal_is_still_read() {
        let emotion: Emotion = serde_json::from_str(r#"{"mood":"angry","probability":0.75}"#).unwrap();
        assert_eq!((emotion.mood, emotion.probability, emotion.moods), (Mood::Angry, 0.75, Moods::UNKNOWN));
        let emotion = Emotion::with_probability(Mood::Angry, 0.75);
        assert_eq!(emotion.moods.likeliest(), Mood::Angry);
        assert_eq!(serde_json::from_str::<Emotion>(&serde_json::to_string(&emotion).unwrap()).unwrap(), emotion);
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
