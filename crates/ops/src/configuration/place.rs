//! Where in which file something stands, and what is wrong there.

use std::fmt;
use std::sync::Arc;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    file: Arc<str>,
    line: u64,
}

impl Place {
    pub(crate) fn new(file: &Arc<str>, line: u64) -> Self {
        Self {
            file: Arc::clone(file),
            line,
        }
    }

    /// What is wrong here.
    pub(crate) fn problem(&self, text: impl Into<String>) -> Problem {
        Problem {
            place: Some(self.clone()),
            text: text.into(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Something that keeps the work from beginning, or that is worth a warning: with
/// the place that is to be changed, where a file is the cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    place: Option<Place>,
    text: String,
}

impl Problem {
    /// A problem of the surroundings.
    pub fn from_text(text: String) -> Self {
        Self::general(text)
    }

    /// A problem that no line of a file is the cause of.
    pub(crate) fn general(text: impl Into<String>) -> Self {
        Self {
            place: None,
            text: text.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

impl std::error::Error for Problem {}
