//! What an answer tells of a key. Pure.
//!
//! A proxy or a firewall answers as well, with any status. So only what looks
//! like an answer of the service that was asked counts as a login; 401 counts in
//! any form, since Kafka REST itself answers it with a page of its server.

use std::time::Duration;

use crate::answer::Answer;
use crate::{Error, ErrorKind};

/// What an answer tells of a key, with words on the answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    LoggedIn,
    WithoutRights(String),
    NotYet(String),
    Nothing(String),
    /// The service limits the rate, and may say for how long.
    TooMany(Option<Duration>),
}

/// The answers of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// An object; without rights `error_code` 40301.
    Kafka,
    /// An array; without rights an `error_code` that begins with 403.
    SchemaRegistry,
    /// An object with `data`; without rights any of Confluent's forms.
    List,
}

impl Shape {
    /// What an answer of the 2xx kind tells.
    pub(super) fn of_answer(self, answer: &Answer) -> Verdict {
        let first = match self {
            Self::Kafka | Self::List => '{',
            Self::SchemaRegistry => '[',
        };
        match answer.status() {
            200 if answer.first_character() == Some(first) => Verdict::LoggedIn,
            200 => Verdict::Nothing("200, and an answer of another service".to_owned()),
            other => Verdict::Nothing(other.to_string()),
        }
    }

    /// What an error tells.
    pub(super) fn of_error(self, error: &Error) -> Verdict {
        match error.kind {
            ErrorKind::Unauthorized => Verdict::NotYet(words(error)),
            ErrorKind::Forbidden if self.has_code_of_missing_rights(error) => {
                Verdict::WithoutRights(words(error))
            }
            ErrorKind::RateLimited { retry_after } => Verdict::TooMany(retry_after),
            ErrorKind::HeldBack { wait } => Verdict::TooMany(Some(wait)),
            ErrorKind::Forbidden
            | ErrorKind::NotFound
            | ErrorKind::QuotaExceeded
            | ErrorKind::Conflict
            | ErrorKind::Rejected
            | ErrorKind::Upstream
            | ErrorKind::NotConfluent
            | ErrorKind::Unreachable
            | ErrorKind::Untrusted
            | ErrorKind::NotTls
            | ErrorKind::TimedOut
            | ErrorKind::Malformed => Verdict::Nothing(words(error)),
        }
    }

    fn has_code_of_missing_rights(self, error: &Error) -> bool {
        let code = error.code.as_deref().unwrap_or_default();
        match self {
            Self::Kafka => code == "40301",
            Self::SchemaRegistry => code.starts_with("403"),
            Self::List => true,
        }
    }
}

/// The answer in words, without a remedy: what to do depends on how long the key
/// has been refused.
fn words(error: &Error) -> String {
    let what = match (error.status, error.kind) {
        (Some(status), _) => status.to_string(),
        (None, ErrorKind::TimedOut) => "no answer in time".to_owned(),
        (None, ErrorKind::Untrusted) => "the certificate is not trusted".to_owned(),
        (None, ErrorKind::NotTls) => "the server does not speak TLS".to_owned(),
        (None, _) => "no answer".to_owned(),
    };
    let code = error.code.as_deref().map(|code| format!(" {code}"));
    let detail = error.detail.as_deref();
    let detail = detail.map(|detail| format!(", saying \"{detail}\""));
    [Some(what), code, detail].into_iter().flatten().collect()
}
