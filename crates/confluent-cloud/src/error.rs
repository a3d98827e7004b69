//! One error for all failures of Confluent's APIs: what was asked, what came,
//! whether it may have been done, and what to do about it. How the bodies of
//! answers are read is [`told`](crate::told)'s part.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::credentials::Hidden;
use crate::told::Told;

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
    pub code: Option<Box<str>>,
    /// The service's words, short and printable.
    pub detail: Option<String>,
    /// The service's id of the request, for its support.
    pub request_id: Option<Box<str>>,
    /// How many times it was sent, or tried to be; 0 when it was held back.
    pub attempts: u32,
    /// Whether this or an earlier attempt of the same change may have been
    /// carried out, whatever the last one was answered.
    pub maybe_done: bool,
    /// Whether no connection was made because the server's certificate is not
    /// believed.
    pub untrusted: bool,
}

/// An answer that is no success.
pub(crate) struct Answered<'a> {
    pub(crate) request: &'a str,
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) request_id: Option<String>,
    pub(crate) body: &'a [u8],
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
            attempts: 0,
            maybe_done: false,
            untrusted: false,
        }
    }

    /// The error of an answer. What repeats something `hidden` is left out
    /// whole, before anything is cut.
    pub(crate) fn of_answer(answered: Answered<'_>, hidden: &Hidden) -> Self {
        let Answered {
            request,
            status,
            retry_after,
            request_id,
            body,
        } = answered;
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
            // A proxy may have sent the request on before it gave up.
            408 => ErrorKind::TimedOut,
            409 => ErrorKind::Conflict,
            429 => ErrorKind::RateLimited { retry_after },
            400..=499 => ErrorKind::Rejected,
            500..=599 => ErrorKind::Upstream,
            _ => ErrorKind::Malformed,
        };
        Self {
            status: Some(status),
            code: told.code.map(String::into_boxed_str),
            detail: told.detail,
            request_id: request_id.or(told.request_id).map(String::into_boxed_str),
            ..Self::without_answer(request, kind, None)
        }
    }

    /// Whether the request may have been carried out all the same, in this or
    /// an earlier attempt. A deletion that answers "not found" then may have
    /// been this call's own.
    pub fn outcome_unknown(&self) -> bool {
        self.maybe_done
            || matches!(
                self.kind,
                ErrorKind::Upstream | ErrorKind::TimedOut | ErrorKind::Malformed
            )
    }

    fn remedy(&self) -> Cow<'static, str> {
        if let ErrorKind::RateLimited {
            retry_after: Some(wait),
        } = self.kind
        {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            return format!("try again in {seconds} s").into();
        }
        let remedy = match self.kind {
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
            ErrorKind::Unreachable if self.untrusted => {
                "check the address, and give the root that its certificate comes from (`ca_cert`)"
            }
            ErrorKind::Unreachable => "check the address, the network and the proxy",
        };
        remedy.into()
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
        if self.attempts > 1 {
            write!(f, " (after {} attempts)", self.attempts)?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request id {id})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Credentials;
    use crate::told::DETAIL_LIMIT;

    fn hidden() -> Hidden {
        Credentials::Bearer("admin-canary".to_owned().into()).hidden()
    }

    fn error(status: u16, body: &str) -> Error {
        of_answer(status, body, None)
    }

    fn of_answer(status: u16, body: &str, request_id: Option<&str>) -> Error {
        let answered = Answered {
            request: "POST /iam/v2/api-keys",
            status,
            retry_after: None,
            request_id: request_id.map(str::to_owned),
            body: body.as_bytes(),
        };
        Error::of_answer(answered, &hidden())
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
            include_str!("../fixtures/error_kafka_rest.json"),
            ErrorKind::Forbidden,
            Some("40301"),
            Some("User is not allowed to see role binding rb-Ab3dE"),
        );
        check(
            401,
            include_str!("../fixtures/error_nested.json"),
            ErrorKind::Unauthorized,
            Some("401"),
            Some("Unauthorized"),
        );
        check(
            401,
            include_str!("../fixtures/error_page.html"),
            ErrorKind::Unauthorized,
            None,
            Some("Error 401 Unauthorized"),
        );
        check(
            400,
            include_str!("../fixtures/error_standard.json"),
            ErrorKind::Rejected,
            Some("INVALID_NAME"),
            Some("the name is too long"),
        );
    }

    #[test]
    fn a_request_id_in_the_body_is_told_where_no_header_has_one() {
        let standard = include_str!("../fixtures/error_standard.json");
        let told = |body: &str, header| of_answer(400, body, header).request_id;
        assert_eq!(told(standard, None).as_deref(), Some("r-standard"));
        assert_eq!(told(standard, Some("r-1")).as_deref(), Some("r-1"));
        let list = r#"{"errors":[{"id":"trace-1","detail":"no"}]}"#;
        assert_eq!(told(list, None).as_deref(), Some("trace-1"));
        let echo = r#"{"errors":[{"id":"admin-canary","detail":"no"}]}"#;
        assert_eq!(told(echo, None), None);
    }

    #[test]
    fn a_limited_rate_says_when_to_try_again() {
        let kind = ErrorKind::RateLimited {
            retry_after: Some(Duration::from_millis(39_001)),
        };
        let text = Error::without_answer("GET /x", kind, None).to_string();
        assert!(text.contains("try again in 40 s"), "{text}");
    }

    #[test]
    fn an_earlier_attempt_that_may_have_been_carried_out_is_not_forgotten() {
        let gone = Error {
            maybe_done: true,
            attempts: 2,
            ..error(404, "")
        };
        assert_eq!(gone.kind, ErrorKind::NotFound);
        assert!(gone.outcome_unknown());
        assert!(gone.to_string().ends_with("(after 2 attempts)"), "{gone}");
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
        let body = include_str!("../fixtures/error_forbidden.json");
        let error = of_answer(403, body, Some("r-1"));
        assert_eq!(
            error.to_string(),
            "Confluent Cloud does not allow it (`POST /iam/v2/api-keys`: 403 forbidden_access), saying \
             \"Forbidden Access\": check that owner and resource exist, and that the account's key has \
             a role that allows it, such as OrganizationAdmin (request id r-1)"
        );
    }
}
