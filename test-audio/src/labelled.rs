//! Labelled sets: what is said, what kind of thing it is, and what a recogniser should write.
//!
//! A set is a tab-separated table whose first line names the columns: `id` and `text`, and where wanted `lang`, `kind`,
//! `pause_ms` and `expected`. A `|` in the text is a place where the speaker falls silent for `pause_ms`. `expected`
//! holds the accepted spellings, with ` / ` between them; the text itself when left out. Sounds are not in the set:
//! they are made by a voice, or lie beside the table.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use call::Language;
use serde::Serialize;

/// What callers of a call centre say, in English and Mandarin.
pub const UTTERANCES: &str = include_str!("../sets/utterances.tsv");
/// What the bot of a call centre says, with many numbers: 40 sentences in each language.
pub const SENTENCES: &str = include_str!("../sets/sentences.tsv");

/// What kind of thing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UtteranceKind {
    /// "Mm-hm": says that somebody listens, and does not ask to speak.
    Backchannel,
    /// About a bill.
    Bill,
    /// About an internet connection.
    Broadband,
    /// Chooses one of several.
    Choice,
    /// Reads out figures.
    Digits,
    /// Asks to speak now.
    Interruption,
    /// Names an amount, a count or a date.
    Number,
    /// About an order.
    Order,
    /// One sentence with silence inside.
    Pause,
    /// Names a product.
    Product,
    /// Anything: sets that do not say.
    Recording,
    /// About money back.
    Refund,
    /// Yes or no.
    YesNo,
}

impl UtteranceKind {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Backchannel,
        Self::Bill,
        Self::Broadband,
        Self::Choice,
        Self::Digits,
        Self::Interruption,
        Self::Number,
        Self::Order,
        Self::Pause,
        Self::Product,
        Self::Recording,
        Self::Refund,
        Self::YesNo,
    ];

    /// The name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Backchannel => "backchannel",
            Self::Bill => "bill",
            Self::Broadband => "broadband",
            Self::Choice => "choice",
            Self::Digits => "digits",
            Self::Interruption => "interruption",
            Self::Number => "number",
            Self::Order => "order",
            Self::Pause => "pause",
            Self::Product => "product",
            Self::Recording => "recording",
            Self::Refund => "refund",
            Self::YesNo => "yes_no",
        }
    }
}

impl fmt::Display for UtteranceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for UtteranceKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::name).join(", ");
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| format!("unknown kind {name:?}; known are {}", known()))
    }
}

/// One line of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// Unique in its set.
    pub id: String,
    /// The language spoken.
    pub language: Language,
    /// What kind of thing is said.
    pub kind: UtteranceKind,
    /// The words between pauses, at least one part.
    pub parts: Vec<String>,
    /// How long the speaker is silent between two parts.
    pub pause: Duration,
    /// The spellings a recogniser may write, at least one.
    pub expected: Vec<String>,
}

impl Labelled {
    /// The words without the places of pauses.
    pub fn text(&self) -> String {
        self.parts.join(" ")
    }
}

/// What is wrong with a set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {reason}")]
pub struct SetError {
    /// The set's name, as given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what is wanted instead.
    pub reason: String,
}

/// Reads a set; `language` is that of lines that name none.
///
/// # Errors
/// [`SetError`] with the first line that is wrong, also when there is no line at all.
pub fn read_set(file: &str, table: &str, language: Language) -> Result<Vec<Labelled>, SetError> {
    let wrong = |line: usize, reason: String| SetError { file: file.to_owned(), line, reason };
    let mut lines = table.lines().enumerate();
    let header: Vec<_> = lines.next().map(|(_, line)| line.split('\t').collect()).unwrap_or_default();
    for needed in ["id", "text"] {
        if !header.contains(&needed) {
            return Err(wrong(1, format!("the first line must name the column {needed:?}, separated by tabs")));
        }
    }
    let (mut ids, mut set) = (BTreeSet::new(), Vec::new());
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let fields: Vec<_> = line.split('\t').collect();
        let field = |name: &str| {
            let place = header.iter().position(|column| *column == name)?;
            fields.get(place).map(|value| value.trim()).filter(|value| !value.is_empty())
        };
        let labelled = read_line(field, language).map_err(|reason| wrong(index + 1, reason))?;
        if !ids.insert(labelled.id.clone()) {
            return Err(wrong(index + 1, format!("the id {:?} is there twice", labelled.id)));
        }
        set.push(labelled);
    }
    if set.is_empty() { Err(wrong(1, "there is no line after the first".to_owned())) } else { Ok(set) }
}

fn read_line<'a>(field: impl Fn(&str) -> Option<&'a str>, language: Language) -> Result<Labelled, String> {
    let needed = |name: &str| field(name).ok_or_else(|| format!("the column {name:?} is empty"));
    let text = needed("text")?;
    let parts: Vec<_> = text.split('|').map(|part| part.trim().to_owned()).collect();
    if parts.iter().any(String::is_empty) {
        return Err("there are no words beside a `|`".to_owned());
    }
    let pause = field("pause_ms").unwrap_or("0").parse().map_err(|_| "pause_ms is no whole number".to_owned())?;
    let pause = Duration::from_millis(pause);
    if pause > PAUSE_MAX || pause.is_zero() != (parts.len() == 1) {
        return Err(format!("pause_ms goes with `|` in the text, up to {}", PAUSE_MAX.as_millis()));
    }
    let language = field("lang").map_or(Ok(language), str::parse).map_err(|error| error.to_string())?;
    let kind = field("kind").map_or(Ok(UtteranceKind::Recording), str::parse)?;
    let expected = match field("expected") {
        Some(spellings) => spellings.split(" / ").map(|spelling| spelling.trim().to_owned()).collect(),
        None => vec![parts.join(" ")],
    };
    Ok(Labelled { id: needed("id")?.to_owned(), language, kind, parts, pause, expected })
}

/// The longest pause inside an utterance.
const PAUSE_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(table: &str, expected: &str) {
        assert_eq!(read_set("s.tsv", table, Language::En).unwrap_err().to_string(), expected, "{table:?}");
    }

    #[test]
    fn the_utterances_are_many_and_of_every_kind_in_both_languages() {
        let set = read_set("utterances.tsv", UTTERANCES, Language::En).unwrap();
        assert!(set.len() >= 120, "{}", set.len());
        for language in [Language::En, Language::Zh] {
            let own: Vec<_> = set.iter().filter(|labelled| labelled.language == language).collect();
            assert!(own.len() >= 60, "{language}: {}", own.len());
            for kind in UtteranceKind::ALL {
                let is_there = own.iter().any(|labelled| labelled.kind == kind);
                assert_eq!(is_there, kind != UtteranceKind::Recording, "{language} {kind}");
            }
            let pauses: Vec<_> =
                own.iter().filter(|one| one.parts.len() > 1).map(|one| one.pause.as_millis()).collect();
            assert_eq!((pauses.iter().min(), pauses.iter().max()), (Some(&300), Some(&1_200)), "{language}");
        }
    }

    #[test]
    fn there_are_40_sentences_in_each_language() {
        let set = read_set("sentences.tsv", SENTENCES, Language::En).unwrap();
        for language in [Language::En, Language::Zh] {
            assert_eq!(set.iter().filter(|labelled| labelled.language == language).count(), 40);
        }
    }

    #[test]
    fn pauses_and_spellings_are_read() {
        let table = "id\ttext\tpause_ms\texpected\na\tone | two\t300\t1 2 / one two\n\nb\tthree\n";
        let set = read_set("s.tsv", table, Language::Zh).unwrap();
        assert_eq!(
            (set[0].parts.as_slice(), set[0].pause.as_millis()),
            (["one".to_owned(), "two".into()].as_slice(), 300)
        );
        assert_eq!(set[0].expected, ["1 2", "one two"]);
        assert_eq!((set[0].text().as_str(), set[0].language), ("one two", Language::Zh));
        assert_eq!(
            (set[1].expected.as_slice(), set[1].kind),
            (["three".to_owned()].as_slice(), UtteranceKind::Recording)
        );
    }

    #[test]
    fn a_wrong_set_is_refused_with_its_line() {
        check("", "s.tsv:1: the first line must name the column \"id\", separated by tabs");
        check("id\ttext\n", "s.tsv:1: there is no line after the first");
        check("id\ttext\na\tb\na\tc\n", "s.tsv:3: the id \"a\" is there twice");
        check("id\ttext\na\t\n", "s.tsv:2: the column \"text\" is empty");
        check("id\ttext\na\tb | c\n", "s.tsv:2: pause_ms goes with `|` in the text, up to 10000");
        check("id\ttext\tlang\na\tb\tfr\n", "s.tsv:2: unknown language; known are en and zh");
        assert!(read_set("s.tsv", "id\ttext\tkind\na\tb\tsong\n", Language::En).unwrap_err().reason.contains("yes_no"));
    }
}
