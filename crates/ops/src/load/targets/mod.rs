//! What is sent: the targets of a file, in the order of the file.

pub(super) mod address;
mod extended;
mod slapper;
mod template;
mod token;
mod turns;

use std::num::NonZeroU32;

use bytes::Bytes;
use http::{HeaderValue, Method, Uri};

pub(super) use self::address::of_url;
pub use self::address::{Origin, Scheme};
pub use self::slapper::Bodies;
pub use self::template::{Template, Values};
pub use self::token::CurrentToken;
pub use self::turns::Turns;
use super::headers::Headers;

/// The header of a token.
const TOKEN: &str = "X-Vault-Token";

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
    /// What reports call it, if it is not method and path.
    pub name: Option<String>,
    /// How many turns it has for each of a target with the weight 1.
    pub weight: NonZeroU32,
    /// The statuses that are good; those from 200 to 299 if there are none.
    pub expected: Vec<u16>,
    /// Headers of its own.
    pub headers: Headers,
    /// What is kept of its answers.
    pub captures: Vec<Capture>,
    /// What is different in each request.
    pub dynamic: Option<Dynamic>,
}

/// A member of an answer that is kept for other requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// The name by which others ask for it.
    pub name: String,
    /// The names of the members on the way to it.
    pub path: Vec<String>,
}

/// Texts that are filled for each request.
#[derive(Debug, Clone)]
pub struct Dynamic {
    /// In place of the URL.
    pub url: Option<Template>,
    /// Further headers.
    pub headers: Vec<(String, Template)>,
    /// In place of the body.
    pub body: Option<Template>,
}

impl Target {
    /// Sends this token from now on, unless the target has one of its own.
    pub fn send(&mut self, token: &CurrentToken) {
        let dynamic = self.dynamic.get_or_insert_with(|| Dynamic {
            url: None,
            headers: Vec::new(),
            body: None,
        });
        let is_there = self.headers.map.contains_key(TOKEN)
            || dynamic
                .headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case(TOKEN));
        if !is_there {
            let token = Template::current(token.clone());
            dynamic.headers.push((TOKEN.to_owned(), token));
        }
    }
}

impl Dynamic {
    /// The names of the values that it needs.
    fn names(&self) -> impl Iterator<Item = &str> {
        let headers = self.headers.iter().map(|(_, value)| value);
        let texts = self.url.iter().chain(&self.body).chain(headers);
        texts.flat_map(Template::names)
    }
}

/// The targets of a file, at least one: in Slapper's format, or in the extended one
/// if its first line says so. `variable` looks up the environment.
///
/// # Errors
/// The first mistake, with its line.
pub fn parse(
    file: &str,
    text: &str,
    bodies: Bodies,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Target>, Invalid> {
    let first = text.lines().next().unwrap_or_default().trim();
    if first == extended::MARK {
        return extended::parse(file, text, bodies, variable);
    }
    if first.starts_with("@targets") {
        return Err(Invalid {
            file: file.to_owned(),
            line: 1,
            problem: format!("only `{}` is known", extended::MARK),
        });
    }
    slapper::parse(file, text, bodies)
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}

impl Target {
    /// What reports call it: its name, or method and path, without the query, which may hold
    /// a secret.
    pub fn name(&self) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
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
