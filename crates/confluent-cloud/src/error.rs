//! One error for all failures of Confluent's APIs: the request, the answer,
//! whether the request may have been carried out, and a remedy. How the bodies of
//! answers are parsed is [`error_detail`](crate::error_detail)'s part.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::credentials::Hidden;
use crate::error_detail::ErrorDetail;

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The credentials are not valid (401, or 403 that says so).
    Unauthorized,
    /// The credentials do not allow this, or the object is gone (403).
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
    /// The pace that this process keeps left no room for the request in time.
    /// Nothing was sent.
    HeldBack {
        /// How long it would have had to wait.
        wait: Duration,
    },
    /// The object is in another state than the request needs (409).
    Conflict,
    /// Any other refusal (4xx).
    Rejected,
    /// The service failed (5xx).
    Upstream,
    /// A refusal (403, 404) that does not look like one of Confluent's, so that
    /// it says nothing about the object.
    NotConfluent,
    /// No connection was made.
    Unreachable,
    /// No connection was made, since the server's certificate is not trusted.
    Untrusted,
    /// No connection was made, since the server does not speak TLS.
    NotTls,
    /// The request took longer than it may.
    TimedOut,
    /// The request was sent, and the connection broke before the whole answer
    /// arrived, or the answer is not understood.
    Malformed,
}

impl ErrorKind {
    /// A word for it, such as `rate_limited`, for labels of measurements.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::QuotaExceeded => "quota_exceeded",
            Self::RateLimited { .. } => "rate_limited",
            Self::HeldBack { .. } => "held_back",
            Self::Conflict => "conflict",
            Self::Rejected => "rejected",
            Self::Upstream => "upstream",
            Self::NotConfluent => "not_confluent",
            Self::Unreachable => "unreachable",
            Self::Untrusted => "untrusted",
            Self::NotTls => "not_tls",
            Self::TimedOut => "timed_out",
            Self::Malformed => "malformed",
        }
    }
}

/// A failed request, with a remedy in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Method and path, such as `POST /iam/v2/api-keys`.
    pub request: String,
    /// The kind of the failure.
    pub kind: ErrorKind,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The service's code, such as `forbidden_access`.
    pub code: Option<Box<str>>,
    /// The service's message, short and printable.
    pub detail: Option<String>,
    /// The service's id of the request, for Confluent's support.
    pub request_id: Option<Box<str>>,
    /// How many times sending it was tried; 0 when it was held back.
    pub attempts: u32,
    /// Whether this or an earlier attempt of the same change may have been
    /// carried out, whatever the last answer says.
    pub maybe_done: bool,
}

/// An answer that is not a success.
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
        }
    }

    /// The error of an answer. A text that contains something `hidden` is dropped
    /// as a whole, before anything is truncated.
    pub(crate) fn of_answer(answered: Answered<'_>, hidden: &Hidden) -> Self {
        let Answered {
            request,
            status,
            retry_after,
            request_id,
            body,
        } = answered;
        let read = ErrorDetail::read(body, hidden);
        let detail = read.detail.as_deref().unwrap_or("").to_lowercase();
        let code = read.code.as_deref().unwrap_or("");
        let kind = match status {
            401 => ErrorKind::Unauthorized,
            402 => ErrorKind::QuotaExceeded,
            400 if detail.contains("currently limited to") || code == "quota_exceeded" => {
                ErrorKind::QuotaExceeded
            }
            403 | 404 if !read.is_confluents => ErrorKind::NotConfluent,
            403 if detail.contains("invalid api key") => ErrorKind::Unauthorized,
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
            code: read.code.map(String::into_boxed_str),
            detail: read.detail,
            request_id: request_id.or(read.request_id).map(String::into_boxed_str),
            ..Self::without_answer(request, kind, None)
        }
    }

    /// Whether the request may have been carried out all the same, in this or
    /// an earlier attempt. A deletion that is answered with "not found" then may
    /// have succeeded in this very call.
    pub fn outcome_unknown(&self) -> bool {
        self.maybe_done
            || matches!(
                self.kind,
                ErrorKind::Upstream
                    | ErrorKind::NotConfluent
                    | ErrorKind::TimedOut
                    | ErrorKind::Malformed
            )
    }

    fn remedy(&self) -> Cow<'static, str> {
        let remedy = match self.kind {
            ErrorKind::RateLimited {
                retry_after: Some(wait),
            } => return format!("try again in {} s", whole_seconds(wait)).into(),
            ErrorKind::HeldBack { wait } => {
                return format!("about {}s more; try again then", whole_seconds(wait)).into();
            }
            ErrorKind::Unauthorized => {
                "check key and secret, and that it is a Cloud API key and not one of a cluster; a new \
                 key may need half a minute before it works"
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
            ErrorKind::RateLimited { retry_after: None } => "try again later",
            ErrorKind::Conflict | ErrorKind::Rejected => "check what was asked for",
            ErrorKind::Upstream | ErrorKind::TimedOut | ErrorKind::Malformed => {
                "try again, and look at Confluent's status page if it stays"
            }
            ErrorKind::NotConfluent => "check `url`, and what stands between it and here",
            ErrorKind::Untrusted => {
                "check `url`, and give the root that its certificate comes from (`ca_cert`)"
            }
            ErrorKind::NotTls => "check scheme and port of `url`",
            ErrorKind::Unreachable => "check `url`, the network and the proxy",
        };
        remedy.into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ErrorKind::HeldBack { .. } => {
                let whose = self.detail.as_deref().unwrap_or("the organization");
                let (request, remedy) = (&self.request, self.remedy());
                return write!(
                    f,
                    "Lockkeeper keeps the pace of {whose}, so that `{request}` was not sent: {remedy}"
                );
            }
            ErrorKind::Unauthorized => "Confluent Cloud does not accept the account's key",
            ErrorKind::Forbidden => "Confluent Cloud does not allow it",
            ErrorKind::NotFound => "Confluent Cloud does not know it",
            ErrorKind::QuotaExceeded => "a quota of Confluent Cloud is used up",
            ErrorKind::RateLimited { .. } => "Confluent Cloud limits the rate of requests",
            ErrorKind::Conflict | ErrorKind::Rejected => "Confluent Cloud refuses it",
            ErrorKind::Upstream => "Confluent Cloud failed",
            ErrorKind::NotConfluent => "`url` does not answer as Confluent Cloud does",
            ErrorKind::Unreachable => "Confluent Cloud cannot be reached",
            ErrorKind::Untrusted => "the certificate of Confluent Cloud's server is not trusted",
            ErrorKind::NotTls => "the server at `url` does not speak TLS",
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

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Credentials;
    use crate::error_detail::DETAIL_LIMIT;

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
            ..error(404, include_str!("../fixtures/error_key_not_found.json"))
        };
        assert_eq!(gone.kind, ErrorKind::NotFound);
        assert!(gone.outcome_unknown());
        assert!(gone.to_string().contains("(after 2 attempts)"), "{gone}");
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
    fn a_refusal_that_is_not_in_confluents_form_says_nothing_about_the_object() {
        for body in [
            "",
            "Forbidden",
            "<html><title>Blocked: invalid API key</title></html>",
            "{}",
            "[]",
            r#"{"message":"Forbidden"}"#,
            r#"{"errors":[]}"#,
            r#"{"errors":["permission denied"]}"#,
            r#"{"errors":[{}]}"#,
            r#"{"error":"forbidden"}"#,
            r#"{"error":{"root_cause":[]},"status":403}"#,
            r#"{"kind":"Status","message":"forbidden","code":403}"#,
        ] {
            for status in [403, 404] {
                let error = error(status, body);
                assert_eq!(error.kind, ErrorKind::NotConfluent, "{body}");
                // A proxy may have kept back the answer of a request that was
                // carried out.
                assert!(error.outcome_unknown());
                let text = error.to_string();
                assert!(text.starts_with("`url` does not answer as Confluent Cloud does"));
                assert!(text.contains("check `url`"), "{text}");
            }
        }
    }

    #[test]
    fn a_request_that_was_held_back_is_told_in_our_own_words() {
        let wait = Duration::from_millis(11_200);
        let whose = Some("organization `o-1`".to_owned());
        let request = "POST /iam/v2/api-keys";
        let error = Error::without_answer(request, ErrorKind::HeldBack { wait }, whose);
        assert_eq!(
            error.to_string(),
            "Lockkeeper keeps the pace of organization `o-1`, so that `POST /iam/v2/api-keys` was not \
             sent: about 12s more; try again then"
        );
        assert!(!error.outcome_unknown());
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
            let body = include_str!("../fixtures/error_forbidden.json");
            assert!(!error(status, body).outcome_unknown(), "{status}");
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
