//! Labelled sound.

use std::path::Path;
use std::sync::Arc;

use asr::Expect;
use call::Language;

use crate::common;

/// A sound and what is said in it.
pub(crate) struct Clip {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) language: Language,
    pub(crate) samples: Arc<[i16]>,
    pub(crate) text: String,
}

/// What kind of answer it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Choice(String),
    Digits(String),
    Open,
    YesNo(String),
}

impl Kind {
    fn of(field: &str) -> Self {
        match field.split_once(':') {
            Some(("choice", words)) => Self::Choice(words.to_owned()),
            Some(("digits", digits)) => Self::Digits(digits.to_owned()),
            Some(("yesno", answer)) => Self::YesNo(answer.to_owned()),
            Some(_) | None => Self::Open,
        }
    }

    /// What the mind would expect where such an answer is given.
    pub(crate) fn expect(&self) -> Expect {
        match self {
            Self::Choice(_) => Expect::Choice,
            Self::Digits(digits) => {
                let count = u8::try_from(digits.len()).unwrap();
                Expect::Digits { min: count, max: count }
            }
            Self::Open => Expect::Anything,
            Self::YesNo(_) => Expect::YesNo,
        }
    }
}

/// Reads a table and its sounds.
pub(crate) fn read(file: &String) -> Vec<Clip> {
    let path = Path::new(file);
    let table = std::fs::read_to_string(path).expect("the table of the set is readable");
    let name = path.file_stem().unwrap().to_string_lossy();
    let language = if name.starts_with("zh") { Language::Zh } else { Language::En };
    let mut lines = table.lines();
    let header: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let column = |name: &str| header.iter().position(|found| *found == name);
    let (id, text) = (column("id").expect("a column id"), column("text").expect("a column text"));
    let clip = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let kind = column("kind").map_or(Kind::Open, |kind| Kind::of(fields[kind]));
        let sound = path.with_extension("").join(format!("{}.wav", fields[id]));
        sound.is_file().then(|| Clip {
            id: fields[id].to_owned(),
            kind,
            language,
            samples: common::wav(&sound),
            text: fields[text].to_owned(),
        })
    };
    lines.filter_map(clip).collect()
}
