//! What is wrong with a flow file, where, and what to do about it.

use std::fmt;

use thiserror::Error;

/// One problem, at its place in the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowProblem {
    /// 1 for the first line.
    pub line: usize,
    /// 1 for the first character of the line.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// The way out, where one is known.
    pub hint: Option<String>,
}

impl fmt::Display for FlowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a flow file: one problem a line when printed, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", self.lines().join("\n"))]
pub struct FlowErrors {
    /// What the file was called.
    pub file: String,
    /// At least one.
    pub problems: Vec<FlowProblem>,
}

impl FlowErrors {
    fn lines(&self) -> Vec<String> {
        self.problems.iter().map(|problem| format!("{}:{problem}", self.file)).collect()
    }
}
