//! A recogniser that knows beforehand what will be said: for tests that are about everything but recognition.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use call::Language;

use crate::confidence::Features;
use crate::guard::DropReason;
use crate::recognizer::{DecodeRequest, Decoded, LanguageChoice, Recognizer, RecognizerError, Segment, Verdict};

/// Answers each new sound with the next line of a script, however often that sound is decoded.
///
/// A sound that is at least as long as the one before is the same turn growing (partial, speculative, final) and gets
/// the same line; a shorter one is a new turn and gets the next. When turns may grow, say where the next one begins
/// with [`Scripted::next_turn`].
#[derive(Debug)]
pub struct Scripted {
    script: Mutex<Script>,
}

#[derive(Debug)]
struct Script {
    lines: Vec<String>,
    place: usize,
    longest: usize,
}

impl Scripted {
    /// A recogniser that will hear these lines, in this order. An empty line is speech without words.
    pub fn new<I>(lines: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let lines = lines.into_iter().map(Into::into).collect();
        Self { script: Mutex::new(Script { lines, place: 0, longest: 0 }) }
    }

    /// The sound decoded next is a new turn, whatever its length.
    pub fn next_turn(&self) {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        script.advance();
    }
}

impl Script {
    fn advance(&mut self) {
        if self.longest > 0 {
            self.place += 1;
            self.longest = 0;
        }
    }

    fn line(&mut self, samples: usize) -> String {
        if samples < self.longest {
            self.advance();
        }
        self.longest = samples;
        self.lines.get(self.place).cloned().unwrap_or_default()
    }
}

impl Recognizer for Scripted {
    fn decode(&self, request: &DecodeRequest) -> Result<Decoded, RecognizerError> {
        if request.cancel.is_cancelled() {
            return Err(RecognizerError::Cancelled);
        }
        let text = self.script.lock().unwrap_or_else(PoisonError::into_inner).line(request.samples.len());
        let language = match &request.language {
            LanguageChoice::Fixed(language) => *language,
            LanguageChoice::Detect(_) | LanguageChoice::Likely { .. } if text.is_ascii() => Language::En,
            LanguageChoice::Detect(_) | LanguageChoice::Likely { .. } => Language::Zh,
        };
        let audio = request.audio();
        let silent = text.is_empty();
        let segment = Segment { start_s: 0.0, end_s: audio.as_secs_f32(), text: text.clone() };
        Ok(Decoded {
            text,
            language,
            confidence: if silent { 0.0 } else { 1.0 },
            features: Features::default(),
            no_speech: if silent { 1.0 } else { 0.0 },
            segments: if silent { Vec::new() } else { vec![segment] },
            audio,
            cpu: Duration::ZERO,
            verdict: if silent { Verdict::Dropped(DropReason::NoSpeech) } else { Verdict::Kept },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_turn_gets_its_line_however_often_it_is_decoded() {
        let recognizer = Scripted::new(["where is my order", "", "人工"]);
        let decode = |samples: usize| {
            let language = LanguageChoice::Detect(vec![Language::En, Language::Zh]);
            let decoded = recognizer.decode(&DecodeRequest::new(vec![0; samples].into(), language)).unwrap();
            (decoded.text, decoded.language, decoded.verdict)
        };
        let first = ("where is my order".to_owned(), Language::En, Verdict::Kept);
        assert_eq!(decode(16_000), first);
        assert_eq!(decode(32_000), first);
        assert_eq!(decode(8_000).2, Verdict::Dropped(DropReason::NoSpeech));
        recognizer.next_turn();
        assert_eq!(decode(9_000), ("人工".to_owned(), Language::Zh, Verdict::Kept));
        assert_eq!(decode(100).0, "", "the script is over");
    }
}
