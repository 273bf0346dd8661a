//! What a simulated caller does and expects, as a YAML file that a person can read aloud.
//!
//! Field names are those of Pipecat's evals, so that scenarios for other bots need little change. A caller knows only
//! what it hears, so the events it can expect are `response` (the other side begins to speak) and `call.ended`.
//!
//! ```yaml
//! name: order-status
//! language: en                 # en or zh; the default is en
//! persona: In a hurry.         # for the reader
//! goal: Learn where the order is.
//! call_s_max: 120              # the call is given up after this
//! end: hang_up                 # or `wait`: the other side must hang up
//! turns:
//!   - expect: { event: response, text_contains: welcome }
//!   - user: Where is my order?
//!     wait_s: 0.3              # think this long before speaking
//!     expect: { event: response, within_ms: 4000, text_contains: "order number | number of your order" }
//!   - dtmf: "20418844#"
//!     expect:
//!       - { event: response, text_contains: [shipped, SF Express] }
//!       - { event: call.ended, absent: true, within_ms: 3000 }
//! ```
//!
//! Exactly one of `user` (text), `file` (WAV, relative to the scenario) and `dtmf` makes a turn; none of them makes a
//! turn of listening. `barge_in: true` speaks without waiting for the other side to finish. Of `text_contains` every
//! entry must be heard; ` | ` parts alternatives; case, punctuation and spaces do not count.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use call::Language;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;
use thiserror::Error;

/// A whole call as one side plans it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Where it was read from, for messages.
    pub file: String,
    /// What it is called.
    pub name: String,
    /// What the caller speaks and expects to hear.
    pub language: Language,
    /// Who calls, for the reader.
    pub persona: Option<String>,
    /// What they want, for the reader.
    pub goal: Option<String>,
    /// How the call should end.
    pub ending: Ending,
    /// The longest the call may take.
    pub call_max: Duration,
    /// In order.
    pub turns: Vec<Turn>,
}

/// How a call ends when all turns are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Ending {
    /// The caller hangs up.
    #[default]
    #[serde(rename = "hang_up")]
    HangUp,
    /// The other side must hang up.
    #[serde(rename = "wait")]
    Wait,
}

/// One turn of the caller and what should come of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Its line in the file.
    pub line: u64,
    /// What the caller does.
    pub act: Act,
    /// When.
    pub start: Start,
    /// How long to think first.
    pub wait: Duration,
    /// What must, or must not, follow.
    pub expect: Vec<Expect>,
}

/// What a caller does in a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Plays a recording.
    File(PathBuf),
    /// Presses keys.
    Keys(String),
    /// Only listens.
    Listen,
    /// Speaks.
    Speak(String),
}

/// When a turn begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// When the other side has finished speaking.
    AfterThem,
    /// At once, over them if need be.
    BargeIn,
}

/// Something that must, or must not, happen after a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// Its line in the file.
    pub line: u64,
    /// What.
    pub event: ExpectedEvent,
    /// How soon after the caller's last sound.
    pub within: Duration,
    /// Every entry must be heard; each is a list of alternatives.
    pub text: Vec<Vec<String>>,
    /// Whether it must happen.
    pub presence: Presence,
}

/// What a caller can notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum ExpectedEvent {
    /// The other side hangs up.
    #[serde(rename = "call.ended")]
    CallEnded,
    /// The other side speaks.
    #[serde(rename = "response")]
    Response,
}

/// Whether an expected event must happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It must not.
    Absent,
    /// It must.
    Required,
}

/// A scenario that cannot be used. Shown as `file:line:column: message`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct ScenarioError {
    /// Which file.
    pub file: String,
    /// The line, from 1; 0 when the file could not be read at all.
    pub line: u64,
    /// The column, from 1; 0 when unknown.
    pub column: u64,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Scenario {
    /// Reads a file; or, when there is no such file and `path` is the bare name of a scenario that comes with the
    /// program, that.
    ///
    /// # Errors
    /// When there is neither, or it is no scenario.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(yaml) => Self::parse(&file, &yaml),
            Err(error) => match BUILT_IN.iter().find(|(name, _)| *name == file) {
                Some((name, yaml)) => Self::parse(name, yaml),
                None => {
                    let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
                    let message = format!("{error}; scenarios that need no file are {}", names.join(", "));
                    Err(ScenarioError { file, line: 0, column: 0, message })
                }
            },
        }
    }

    /// Reads YAML; `file` names it in messages and is what WAV files are relative to.
    ///
    /// # Errors
    /// When it is no scenario.
    pub fn parse(file: &str, yaml: &str) -> Result<Self, ScenarioError> {
        let raw: RawScenario = serde_saphyr::from_str(yaml).map_err(|error| {
            let (line, column) = error.location().map_or((0, 0), |place| (place.line(), place.column()));
            let plain = error.without_snippet().to_string();
            // The place stands in front already.
            let message = plain.split(" at line ").next().unwrap_or(&plain).to_owned();
            ScenarioError { file: file.to_owned(), line, column, message }
        })?;
        Reader { file }.scenario(raw)
    }
}

impl Expect {
    /// Whether all the words that must be heard are in `heard`.
    pub fn text_is_in(&self, heard: &str) -> bool {
        let heard = folded(heard);
        self.text.iter().all(|choices| choices.iter().any(|choice| heard.contains(&folded(choice))))
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.presence, self.event) {
            (Presence::Absent, ExpectedEvent::CallEnded) => f.write_str("no hang-up")?,
            (Presence::Absent, ExpectedEvent::Response) => f.write_str("no response")?,
            (Presence::Required, ExpectedEvent::CallEnded) => f.write_str("a hang-up")?,
            (Presence::Required, ExpectedEvent::Response) => f.write_str("a response")?,
        }
        for choices in &self.text {
            write!(f, " with \"{}\"", choices.join(" | "))?;
        }
        write!(f, " within {} ms", self.within.as_millis())
    }
}

/// Text as it is compared: letters and digits of any script, in lower case.
fn folded(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Turns what serde read into what is valid.
struct Reader<'a> {
    file: &'a str,
}

impl Reader<'_> {
    fn scenario(&self, raw: RawScenario) -> Result<Scenario, ScenarioError> {
        let language = match &raw.language {
            Some(code) => code.value.parse().map_err(|error: call::UnknownLanguage| self.error(code, &error))?,
            None => Language::En,
        };
        let call_s = raw.call_s_max.as_ref().map_or(CALL_S_DEFAULT, |seconds| seconds.value);
        if let Some(place) = raw.call_s_max.as_ref().filter(|_| !(1..=CALL_S_MAX).contains(&call_s)) {
            return Err(self.error(place, &format_args!("call_s_max must be between 1 and {CALL_S_MAX}")));
        }
        if raw.turns.value.is_empty() || raw.turns.value.len() > TURNS_MAX {
            return Err(self.error(&raw.turns, &format_args!("a scenario has 1 to {TURNS_MAX} turns")));
        }
        let turns = raw.turns.value.into_iter().map(|turn| self.turn(turn)).collect::<Result<_, _>>()?;
        Ok(Scenario {
            file: self.file.to_owned(),
            name: raw.name,
            language,
            persona: raw.persona,
            goal: raw.goal,
            ending: raw.end,
            call_max: Duration::from_secs(call_s),
            turns,
        })
    }

    fn turn(&self, spanned: Spanned<RawTurn>) -> Result<Turn, ScenarioError> {
        let raw = &spanned.value;
        let act = match (&raw.user, &raw.file, &raw.dtmf) {
            (Some(text), None, None) => Act::Speak(self.speech(text)?),
            (None, Some(file), None) => Act::File(self.wav(file)),
            (None, None, Some(keys)) => Act::Keys(self.keys(keys)?),
            (None, None, None) => Act::Listen,
            _ => return Err(self.error(&spanned, &"a turn has only one of user, file and dtmf")),
        };
        if act == Act::Listen && raw.expect.0.is_empty() {
            return Err(self.error(&spanned, &"a turn without user, file and dtmf must expect something"));
        }
        let wait_s = raw.wait_s.as_ref().map_or(0.0, |seconds| seconds.value);
        if let Some(place) = raw.wait_s.as_ref().filter(|_| !(0.0..=WAIT_S_MAX).contains(&wait_s)) {
            return Err(self.error(place, &format_args!("wait_s must be between 0 and {WAIT_S_MAX}")));
        }
        Ok(Turn {
            line: spanned.referenced.line(),
            act,
            start: if raw.barge_in { Start::BargeIn } else { Start::AfterThem },
            wait: Duration::from_secs_f64(wait_s),
            expect: raw.expect.0.iter().map(|expect| self.expect(expect)).collect::<Result<_, _>>()?,
        })
    }

    fn speech(&self, text: &Spanned<String>) -> Result<String, ScenarioError> {
        if folded(&text.value).is_empty() || text.value.len() > SPEECH_MAX {
            return Err(self.error(text, &format_args!("user needs words, at most {SPEECH_MAX} bytes of them")));
        }
        Ok(text.value.clone())
    }

    fn wav(&self, file: &str) -> PathBuf {
        Path::new(self.file).parent().unwrap_or(Path::new("")).join(file)
    }

    fn keys(&self, keys: &Spanned<String>) -> Result<String, ScenarioError> {
        let known = keys.value.chars().all(|key| matches!(key, '0'..='9' | '*' | '#' | 'A'..='D'));
        if !known || keys.value.is_empty() || keys.value.len() > KEYS_MAX {
            let message = format!("dtmf has 1 to {KEYS_MAX} of the keys 0-9, *, # and A-D, in quotes");
            return Err(self.error(keys, &message));
        }
        Ok(keys.value.clone())
    }

    fn expect(&self, raw: &RawExpect) -> Result<Expect, ScenarioError> {
        // Errors point at the event, which every expectation has.
        let place = &raw.event;
        let alternatives = |entry: &String| -> Vec<String> { entry.split(" | ").map(str::to_owned).collect() };
        let text: Vec<Vec<String>> = raw.text_contains.0.iter().map(alternatives).collect();
        if text.iter().flatten().any(|choice| folded(choice).is_empty()) {
            return Err(self.error(place, &"text_contains has an entry without letters or digits"));
        }
        if place.value == ExpectedEvent::CallEnded && !text.is_empty() {
            return Err(self.error(place, &"call.ended has no text"));
        }
        if raw.within_ms == Some(0) || raw.within_ms > Some(CALL_S_MAX * 1_000) {
            let message = format!("within_ms must be between 1 and {}", CALL_S_MAX * 1_000);
            return Err(self.error(place, &message));
        }
        Ok(Expect {
            line: place.referenced.line(),
            event: place.value,
            within: raw.within_ms.map_or(WITHIN_DEFAULT, Duration::from_millis),
            text,
            presence: if raw.absent { Presence::Absent } else { Presence::Required },
        })
    }

    fn error<T>(&self, place: &Spanned<T>, message: &dyn fmt::Display) -> ScenarioError {
        ScenarioError {
            file: self.file.to_owned(),
            line: place.referenced.line(),
            column: place.referenced.column(),
            message: message.to_string(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScenario {
    name: String,
    language: Option<Spanned<String>>,
    persona: Option<String>,
    goal: Option<String>,
    call_s_max: Option<Spanned<u64>>,
    #[serde(default)]
    end: Ending,
    turns: Spanned<Vec<Spanned<RawTurn>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTurn {
    user: Option<Spanned<String>>,
    file: Option<String>,
    dtmf: Option<Spanned<String>>,
    wait_s: Option<Spanned<f64>>,
    #[serde(default)]
    barge_in: bool,
    #[serde(default)]
    expect: OneOrMany<RawExpect>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExpect {
    event: Spanned<ExpectedEvent>,
    within_ms: Option<u64>,
    #[serde(default)]
    text_contains: OneOrMany<String>,
    #[serde(default)]
    absent: bool,
}

/// A list that may be written without brackets when it has one entry. Read by hand, because serde's untagged enums
/// forget where in the file they are.
struct OneOrMany<T>(Vec<T>);

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor(std::marker::PhantomData))
    }
}

struct OneOrManyVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for OneOrManyVisitor<T> {
    type Value = OneOrMany<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one entry or a list of them")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        T::deserialize(serde::de::value::StrDeserializer::new(text)).map(|one| OneOrMany(vec![one]))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|one| OneOrMany(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMany)
    }
}

/// Turns in a scenario.
pub const TURNS_MAX: usize = 64;
/// Bytes of text in one turn.
const SPEECH_MAX: usize = 1_000;
/// Keys in one turn.
const KEYS_MAX: usize = 64;
/// The longest thought before a turn, in seconds.
const WAIT_S_MAX: f64 = 60.0;
/// The longest call a scenario may ask for, in seconds.
const CALL_S_MAX: u64 = 600;
/// The longest call when the scenario says nothing, in seconds.
const CALL_S_DEFAULT: u64 = 180;
/// How soon things must happen when the scenario says nothing.
pub(crate) const WITHIN_DEFAULT: Duration = Duration::from_secs(15);

/// Scenarios that come with the program, by their names.
const BUILT_IN: [(&str, &str); 5] = [
    ("agent-first", include_str!("../scenarios/agent-first.yaml")),
    ("order-by-keypad", include_str!("../scenarios/order-by-keypad.yaml")),
    ("order-status-then-agent", include_str!("../scenarios/order-status-then-agent.yaml")),
    ("order-status-zh", include_str!("../scenarios/order-status-zh.yaml")),
    ("silent-caller", include_str!("../scenarios/silent-caller.yaml")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_of_the_house_is_sound_and_asks_about_a_real_order() {
        for (name, _) in BUILT_IN {
            let scenario = Scenario::load(Path::new(name)).unwrap();
            assert_eq!(scenario.name, name);
            for turn in &scenario.turns {
                if let Act::Keys(keys) = &turn.act {
                    // Either the order's number, or 1 for yes.
                    assert!(keys == "1" || keys.trim_end_matches('#') == crate::shop::Stock::DEMO_ORDER, "{name}");
                }
            }
        }
    }

    #[test]
    fn a_scenario_is_read_with_its_lines() {
        let yaml = "name: x\nlanguage: zh\nend: wait\nturns:\n  - user: 你好\n    barge_in: true\n    wait_s: 0.5\n    \
                    expect:\n      - { event: response, text_contains: [a, b | c] }\n      \
                    - { event: call.ended, absent: true, within_ms: 900 }\n  - dtmf: \"1#\"\n    \
                    expect: { event: response, text_contains: \"So, 2 0\" }\n  - file: hello.wav\n";
        let scenario = Scenario::parse("calls/x.yaml", yaml).unwrap();
        assert_eq!((scenario.language, scenario.ending), (Language::Zh, Ending::Wait));
        let first = &scenario.turns[0];
        assert_eq!((first.line, first.start, first.wait), (5, Start::BargeIn, Duration::from_millis(500)));
        assert_eq!(first.expect[0].text, [vec!["a"], vec!["b", "c"]]);
        assert_eq!(first.expect[1].line, 10);
        assert_eq!(first.expect[1].presence, Presence::Absent);
        assert_eq!(scenario.turns[1].act, Act::Keys("1#".to_owned()));
        assert!(scenario.turns[1].expect[0].text_is_in("Thanks. So 20 it is"));
        assert!(!scenario.turns[1].expect[0].text_is_in("Thanks. So 30 it is"));
        assert_eq!(scenario.turns[2].act, Act::File("calls/hello.wav".into()));
    }

    /// A scenario with one mistake, and how the message must begin.
    fn check(yaml: &str, expected: &str) {
        let error = Scenario::parse("bad.yaml", yaml).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}\nis not\n{expected}");
    }

    #[test]
    fn mistakes_are_named_with_file_and_line() {
        check("name: x\nturns: []\n", "bad.yaml:2:8: a scenario has 1 to 64 turns");
        check("name: x\n", "bad.yaml:1:");
        check("name: x\nturns:\n  - usr: hello\n", "bad.yaml:3:5: unknown field `usr`");
        check("name: x\nlanguage: fr\nturns:\n  - user: hi\n", "bad.yaml:2:11: unknown language; known are en and zh");
        check("name: x\nturns:\n  - user: hi\n    dtmf: \"1\"\n", "bad.yaml:3:5: a turn has only one of");
        check("name: x\nturns:\n  - wait_s: 1\n", "bad.yaml:3:5: a turn without user, file and dtmf");
        check("name: x\nturns:\n  - dtmf: \"12e\"\n", "bad.yaml:3:11: dtmf has 1 to 64 of the keys");
        check("name: x\nturns:\n  - user: \"...\"\n", "bad.yaml:3:11: user needs words");
        check("name: x\nturns:\n  - user: hi\n    wait_s: -1\n", "bad.yaml:4:13: wait_s must be");
        check("name: x\ncall_s_max: 0\nturns:\n  - user: hi\n", "bad.yaml:2:13: call_s_max must be");
        let expect = |rest: &str| format!("name: x\nturns:\n  - user: hi\n    expect: {{ {rest} }}\n");
        check(&expect("event: applause"), "bad.yaml:4:");
        check(&expect("event: response, within: 3"), "bad.yaml:4:");
        check(&expect("event: call.ended, text_contains: bye"), "bad.yaml:4:22: call.ended has no text");
        check(&expect("event: response, text_contains: \"a | ?\""), "bad.yaml:4:22: text_contains has an entry");
        check(&expect("event: response, within_ms: 0"), "bad.yaml:4:22: within_ms must be");
        check("name: [\n", "bad.yaml:");
    }

    #[test]
    fn a_missing_file_says_what_there_is() {
        let error = Scenario::load(Path::new("nowhere.yaml")).unwrap_err().to_string();
        assert!(error.starts_with("nowhere.yaml:0:0: ") && error.contains("order-by-keypad"), "{error}");
    }
}
