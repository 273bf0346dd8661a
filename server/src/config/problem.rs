//! What can be wrong with a configuration, and how it is told.
//!
//! A problem names the file, the line, the key and the way out, in that order: the reader's eye goes from where to what
//! to what now.

use std::fmt;
use std::io;
use std::path::PathBuf;

use serde::Serialize;
use thiserror::Error;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigProblem {
    /// The configuration file.
    pub file: PathBuf,
    /// The line, counted from 1; `None` where the trouble is something that is not there.
    pub line: Option<usize>,
    /// The character in the line, counted from 1.
    pub column: Option<usize>,
    /// The key with its sections, such as `sip.calls_max`; empty where the file cannot be read that far.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub hint: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, "{line}:{column}:")?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "; {}", self.hint) }
    }
}

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The operator's: the file says something that cannot be, each item once.
    #[error("{}", join(.0))]
    Invalid(Vec<ConfigProblem>),
    /// The machine's: the file cannot be read.
    #[error("{}: cannot read the configuration ({reason}); name another with --config FILE", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the machine says.
        reason: io::Error,
    },
}

fn join(problems: &[ConfigProblem]) -> String {
    let lines: Vec<_> = problems.iter().map(ConfigProblem::to_string).collect();
    lines.join("\n")
}

/// The known word nearest to a misspelt one, if any is near enough to be meant.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let near_max = 1 + word.chars().count() / 3;
    let distances = known.iter().map(|&candidate| (edits(word, candidate), candidate));
    distances.filter(|&(distance, _)| distance <= near_max).min().map(|(_, candidate)| candidate)
}

/// How many letters must be put in, taken out or changed to get from one word to the other (Levenshtein 1966).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (done, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = done + 1;
        for (place, &other) in to.iter().enumerate() {
            let change = diagonal + usize::from(letter != other);
            diagonal = row[place + 1];
            row[place + 1] = change.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered_only_when_it_is_near() {
        let known = ["calls_max", "public_address", "retry_after_s"];
        assert_eq!(nearest("calls_mx", &known), Some("calls_max"));
        assert_eq!(nearest("max_calls", &known), None);
        assert_eq!(nearest("retry_after", &known), Some("retry_after_s"));
        assert_eq!(nearest("", &known), None);
        assert_eq!(edits("kitten", "sitting"), 3);
    }
}
