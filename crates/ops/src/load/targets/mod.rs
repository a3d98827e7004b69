//! What is sent: the targets of a file, in the order of the file.

mod address;
mod slapper;
mod turns;

use bytes::Bytes;
use http::{HeaderValue, Method, Uri};

pub(super) use self::address::of_url;
pub use self::address::{Origin, Scheme};
pub use self::slapper::{Bodies, parse};
pub use self::turns::Turns;

/// One request, as often as its turn comes.
#[derive(Clone)]
pub struct Target {
    /// The method, as it is written.
    pub method: Method,
    /// Where the server is.
    pub origin: Origin,
    /// The path and query, as they are written.
    pub path: Uri,
    /// The value of `Authorization` from a user and a password in the URL.
    pub authorization: Option<HeaderValue>,
    /// The body; wiped when the last copy is dropped.
    pub body: Bytes,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}

impl Target {
    /// What reports call it: method and path, without the query, which may hold
    /// a secret.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path.path())
    }
}

/// What is wrong with a file of targets, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {problem}")]
pub struct Invalid {
    /// The file, as it was named.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong, without the content of a body.
    pub problem: String,
}
