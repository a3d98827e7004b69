//! Positions in a text, and what is wrong there.

use std::fmt;

/// A place in a text. Line and column count characters from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Bytes before it, in the text without `\r` before `\n`.
    pub offset: usize,
    /// Its line.
    pub line: usize,
    /// Its column.
    pub column: usize,
}

impl Position {
    /// The beginning of a text.
    pub const START: Self = Self {
        offset: 0,
        line: 1,
        column: 1,
    };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a text was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Where reading stopped.
    pub position: Position,
    /// What was expected there.
    pub problem: String,
}

impl Error {
    /// An error at a position.
    pub fn new(position: Position, problem: impl Into<String>) -> Self {
        Self {
            position,
            problem: problem.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.problem)
    }
}

impl std::error::Error for Error {}
