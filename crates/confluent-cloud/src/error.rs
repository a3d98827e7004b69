//! One error for the five shapes that Confluent's APIs answer with.
//!
//! The shapes are told apart in this order: `errors[]` (most of the control
//! plane), `error_code` with `message` (Kafka REST and a few others), a nested
//! `error` (Connect, Metrics, and the newer standard), a bare `message`, and
//! HTML or text. Of what the service says only a short, printable part is
//! kept.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::credentials::Hidden;

/// How much of the service's own words is kept.
const DETAIL_LIMIT: usize = 300;

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The credential is not valid (401, or 403 that says so).
    Unauthorized,
    /// The credential may not do this, or the object is gone (403).
    Forbidden,
    /// There is no such object (404).
    NotFound,
    /// A quota is used up (402, or 400 that says so).
    QuotaExceeded,
    /// Too many requests (429).
    RateLimited {
        /// When the service wants to be asked again, where it says so.
        retry_after: Option<Duration>,
    },
    /// The object is in another state than the request needs (409).
    Conflict,
    /// Any other refusal (4xx).
    Rejected,
    /// The service failed (5xx).
    Upstream,
    /// No connection was made.
    Unreachable,
    /// The request took longer than it may.
    TimedOut,
    /// The request was sent, and the connection broke before the whole answer
    /// was there, or the answer is none that is understood.
    Malformed,
}

/// A failed request: what was asked, what came, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Method and path, such as `POST /iam/v2/api-keys`.
    pub request: String,
    /// What kind of failure.
    pub kind: ErrorKind,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The service's code, such as `forbidden_access`.
    pub code: Option<String>,
    /// The service's words, short and printable.
    pub detail: Option<String>,
    /// The service's id of the request, for its support.
    pub request_id: Option<String>,
}

impl Error {
    /// An error without an answer.
    pub(crate) fn without_answer(request: &str, kind: ErrorKind, detail: Option<String>) -> Self {
        Self {
            request: request.to_owned(),
            kind,
            status: None,
            code: None,
            detail,
            request_id: None,
        }
    }

    /// The error of an answer with this status, headers and body. What repeats
    /// something `hidden` is left out whole, before anything is cut.
    pub(crate) fn of_answer(
        request: &str,
        status: u16,
        retry_after: Option<Duration>,
        request_id: Option<String>,
        body: &[u8],
        hidden: &Hidden,
    ) -> Self {
        let told = Told::read(body, hidden);
        let detail = told.detail.as_deref().unwrap_or("").to_lowercase();
        let code = told.code.as_deref().unwrap_or("");
        let kind = match status {
            401 => ErrorKind::Unauthorized,
            403 if detail.contains("invalid api key") => ErrorKind::Unauthorized,
            402 => ErrorKind::QuotaExceeded,
            400 if detail.contains("currently limited to") || code == "quota_exceeded" => {
                ErrorKind::QuotaExceeded
            }
            403 => ErrorKind::Forbidden,
            404 => ErrorKind::NotFound,
            409 => ErrorKind::Conflict,
            429 => ErrorKind::RateLimited { retry_after },
            400..=499 => ErrorKind::Rejected,
            500..=599 => ErrorKind::Upstream,
            _ => ErrorKind::Malformed,
        };
        Self {
            request: request.to_owned(),
            kind,
            status: Some(status),
            code: told.code,
            detail: told.detail,
            request_id,
        }
    }

    /// Whether the request may have been carried out all the same.
    pub fn outcome_unknown(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Upstream | ErrorKind::TimedOut | ErrorKind::Malformed
        )
    }

    fn remedy(&self) -> &'static str {
        match self.kind {
            ErrorKind::Unauthorized => {
                "check key and secret, and that it is a Cloud API key and not one of a cluster"
            }
            ErrorKind::Forbidden => {
                "check that owner and resource exist, and that the account's key has a role that \
                 allows it, such as OrganizationAdmin"
            }
            ErrorKind::NotFound => "check the id",
            ErrorKind::QuotaExceeded => {
                "revoke leases that are not needed, share one key (`multi_use_key`), or ask Confluent \
                 to raise the quota"
            }
            ErrorKind::RateLimited { .. } => "try again later",
            ErrorKind::Conflict | ErrorKind::Rejected => "check what was asked for",
            ErrorKind::Upstream | ErrorKind::TimedOut | ErrorKind::Malformed => {
                "try again, and look at Confluent's status page if it stays"
            }
            ErrorKind::Unreachable => "check the address, the network and the proxy",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ErrorKind::Unauthorized => "Confluent Cloud does not accept the account's key",
            ErrorKind::Forbidden => "Confluent Cloud does not allow it",
            ErrorKind::NotFound => "Confluent Cloud does not know it",
            ErrorKind::QuotaExceeded => "a quota of Confluent Cloud is used up",
            ErrorKind::RateLimited { .. } => "Confluent Cloud limits the rate of requests",
            ErrorKind::Conflict | ErrorKind::Rejected => "Confluent Cloud refuses it",
            ErrorKind::Upstream => "Confluent Cloud failed",
            ErrorKind::Unreachable => "Confluent Cloud cannot be reached",
            ErrorKind::TimedOut => "Confluent Cloud did not answer in time",
            ErrorKind::Malformed if self.status.is_none() => {
                "the connection to Confluent Cloud broke before the answer"
            }
            ErrorKind::Malformed => "Confluent Cloud gave an answer that is not understood",
        };
        write!(f, "{what} (`{}`", self.request)?;
        if let Some(status) = self.status {
            write!(f, ": {status}")?;
        }
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        f.write_str(")")?;
        if let Some(detail) = &self.detail {
            write!(f, ", saying \"{detail}\"")?;
        }
        write!(f, ": {}", self.remedy())?;
        if let Some(id) = &self.request_id {
            write!(f, " (request id {id})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// What a body says.
#[derive(Default)]
struct Told {
    code: Option<String>,
    detail: Option<String>,
}

impl Told {
    fn read(body: &[u8], hidden: &Hidden) -> Self {
        let told = match serde_json::from_slice::<Value>(body) {
            Ok(json) => Self::of_json(&json),
            Err(_) => Self::of_text(&String::from_utf8_lossy(body)),
        };
        let shown = |text: Option<String>| {
            text.filter(|text| !hidden.appears_in(text))
                .map(|text| printable(&text))
                .filter(|text| !text.is_empty())
        };
        Self {
            code: shown(told.code),
            detail: shown(told.detail),
        }
    }

    fn of_json(json: &Value) -> Self {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let member = |object: &Value, names: &[&str]| {
            names
                .iter()
                .find_map(|name| object.get(name).and_then(text))
        };
        if let Some(first) = json.pointer("/errors/0") {
            return Self {
                code: member(first, &["code"]),
                detail: member(first, &["detail", "message", "title"]),
            };
        }
        if json.get("error_code").is_some() {
            return Self {
                code: member(json, &["error_code"]),
                detail: member(json, &["message"]),
            };
        }
        match json.get("error") {
            Some(nested @ Value::Object(_)) => Self {
                code: member(nested, &["code"]),
                detail: member(nested, &["message"]),
            },
            _ => Self {
                code: None,
                detail: member(json, &["message", "error"]),
            },
        }
    }

    /// Of HTML only the title, of other text the beginning.
    fn of_text(text: &str) -> Self {
        let title = text
            .split_once("<title>")
            .and_then(|(_, rest)| rest.split_once("</title>"))
            .map(|(title, _)| title);
        // Broken JSON may hold anything, a new secret too.
        let is_markup = text.trim_start().starts_with(['<', '{', '[', '"']);
        let detail = match title {
            Some(title) => Some(title.to_owned()),
            None if is_markup => None,
            None => Some(text.to_owned()),
        };
        Self { code: None, detail }
    }
}

/// The text on one line, without control characters, and not too long.
fn printable(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words
        .chars()
        .filter(|c| !c.is_control())
        .take(DETAIL_LIMIT)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Credentials;

    fn hidden() -> Hidden {
        Credentials::Bearer("admin-canary".to_owned().into()).hidden()
    }

    fn error(status: u16, body: &str) -> Error {
        Error::of_answer("POST /x", status, None, None, body.as_bytes(), &hidden())
    }

    fn check(status: u16, body: &str, kind: ErrorKind, code: Option<&str>, detail: Option<&str>) {
        let error = error(status, body);
        assert_eq!(error.kind, kind, "{body}");
        assert_eq!(error.code.as_deref(), code, "{body}");
        assert_eq!(error.detail.as_deref(), detail, "{body}");
    }

    #[test]
    fn all_five_shapes_become_one_error() {
        check(
            403,
            include_str!("../fixtures/error_forbidden.json"),
            ErrorKind::Forbidden,
            Some("forbidden_access"),
            Some("Forbidden Access"),
        );
        check(
            403,
            r#"{"error_code":40301,"message":"gone"}"#,
            ErrorKind::Forbidden,
            Some("40301"),
            Some("gone"),
        );
        check(
            401,
            r#"{"error":{"code":401,"message":"Unauthorized"}}"#,
            ErrorKind::Unauthorized,
            Some("401"),
            Some("Unauthorized"),
        );
        check(
            401,
            "<html><head><title>Error 401 Unauthorized</title></head></html>",
            ErrorKind::Unauthorized,
            None,
            Some("Error 401 Unauthorized"),
        );
        check(
            400,
            r#"{"status":400,"error":{"code":"BAD_NAME","message":"no"},"requestId":"r"}"#,
            ErrorKind::Rejected,
            Some("BAD_NAME"),
            Some("no"),
        );
    }

    #[test]
    fn a_quota_is_known_by_status_and_by_text() {
        let text =
            r#"{"errors":[{"status":"400","detail":"sa-1 is currently limited to 10 keys"}]}"#;
        assert_eq!(error(400, text).kind, ErrorKind::QuotaExceeded);
        assert_eq!(error(402, "").kind, ErrorKind::QuotaExceeded);
        assert_eq!(error(400, "{}").kind, ErrorKind::Rejected);
    }

    #[test]
    fn a_403_that_speaks_of_an_invalid_key_is_about_the_credential() {
        let text = r#"{"error":{"code":403,"message":"invalid API key"}}"#;
        assert_eq!(error(403, text).kind, ErrorKind::Unauthorized);
    }

    #[test]
    fn only_failures_after_the_request_was_sent_leave_the_outcome_open() {
        assert!(error(500, "").outcome_unknown());
        assert!(error(302, "").outcome_unknown());
        for status in [400, 401, 402, 403, 404, 409, 422, 429] {
            assert!(!error(status, "").outcome_unknown(), "{status}");
        }
        let unreachable = Error::without_answer("GET /", ErrorKind::Unreachable, None);
        assert!(!unreachable.outcome_unknown());
    }

    #[test]
    fn long_and_unprintable_answers_are_cut() {
        let error = error(500, &format!("a\u{7}\n{}", "b".repeat(5000)));
        assert_eq!(error.detail.unwrap().len(), DETAIL_LIMIT);
    }

    #[test]
    fn an_answer_never_carries_a_secret_into_the_error() {
        let cut = r#"{"id":"K7Q2M4ZB6RXN3TWD","spec":{"secret":"cfltcanary"#;
        assert_eq!(error(502, cut).detail, None);
        let echo = r#"{"message":"bad password admin-canary"}"#;
        assert_eq!(error(401, echo).detail, None);
    }

    #[test]
    fn a_secret_that_would_be_cut_leaves_no_beginning_in_the_error() {
        for before in DETAIL_LIMIT - 12..=DETAIL_LIMIT {
            let echo = format!(r#"{{"message":"{}admin-canary"}}"#, "x".repeat(before));
            assert_eq!(error(401, &echo).detail, None, "{before}");
        }
    }

    #[test]
    fn a_broken_connection_is_told_apart_from_a_strange_answer() {
        let broken = Error::without_answer("POST /x", ErrorKind::Malformed, None);
        assert!(broken.to_string().contains("connection"));
        assert!(error(204, "").to_string().contains("not understood"));
    }

    #[test]
    fn an_error_reads_as_a_sentence_with_a_remedy() {
        let error = Error::of_answer(
            "POST /iam/v2/api-keys",
            403,
            None,
            Some("r-1".into()),
            include_bytes!("../fixtures/error_forbidden.json"),
            &hidden(),
        );
        assert_eq!(
            error.to_string(),
            "Confluent Cloud does not allow it (`POST /iam/v2/api-keys`: 403 forbidden_access), saying \
             \"Forbidden Access\": check that owner and resource exist, and that the account's key has \
             a role that allows it, such as OrganizationAdmin (request id r-1)"
        );
    }
}
