//! The names of what a run makes on the server.

use std::fmt;

/// The beginning of all names.
const PREFIX: &str = "lockkeeper-load-";
/// Digits of an id.
const DIGITS: usize = 8;

/// The id of a run, in the names of all that it makes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId(String);

impl RunId {
    /// An id from a random number.
    pub fn new(random: u32) -> Self {
        Self(format!("{random:08x}"))
    }

    /// Reads an id.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
        if text.len() == DIGITS && text.chars().all(is_digit) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "`{text}` is not the id of a run, such as `1f0c93ab`: the test names it when it begins"
        ))
    }

    /// The run that made something with this name, if one did.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let (id, part) = name.strip_prefix(PREFIX)?.split_once('-')?;
        (!part.is_empty()).then_some(())?;
        Self::parse(id).ok()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The names of a run.
pub(super) struct Names<'r>(&'r RunId);

impl<'r> Names<'r> {
    pub(super) fn of(run: &'r RunId) -> Self {
        Self(run)
    }

    fn named(&self, part: &str) -> String {
        format!("{PREFIX}{}-{part}", self.0)
    }

    /// The auth method.
    pub(super) fn method(&self) -> String {
        self.named("approle")
    }

    /// The policy of the requests.
    pub(super) fn policy(&self) -> String {
        self.named("policy")
    }

    /// The KV engine.
    pub(super) fn kv(&self) -> String {
        self.named("kv")
    }

    /// The engine of the credentials.
    pub(super) fn engine(&self) -> String {
        self.named("creds")
    }

    /// Where logins go.
    pub(super) fn login_path(&self) -> String {
        format!("auth/{}/login", self.method())
    }

    /// A secret in the KV engine.
    pub(super) fn secret(&self, name: &str) -> String {
        format!("{}/data/secret-{name}", self.kv())
    }

    /// Where credentials are read.
    pub(super) fn creds(&self) -> String {
        format!("{}/creds/{ROLE}", self.engine())
    }
}

/// The role of the credentials.
pub(super) const ROLE: &str = "load";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_run_and_other_names_tell_none() {
        let run = RunId::new(0x1f0c);
        let names = Names::of(&run);
        for name in [names.kv(), names.method(), names.policy(), names.engine()] {
            assert_eq!(RunId::of_name(&name), Some(run.clone()), "{name}");
        }
        for name in [
            "secret",
            "lockkeeper-load-",
            "lockkeeper-load-00001f0c",
            "lockkeeper-load-00001f0c-",
            "lockkeeper-load-00001F0C-kv",
            "lockkeeper-load-00001f0-kv",
            "lockkeeper-load-team-kv",
            "my-lockkeeper-load-00001f0c-kv",
        ] {
            assert_eq!(RunId::of_name(name), None, "{name}");
        }
    }
}
