//! The result of one attempt: an answer of the 2xx kind, or a failure and its
//! cause.
//!
//! Nothing is decided here: whether to try again is [`retry`](crate::retry)'s
//! part, and what follows for the pace [`pace`](crate::pace)'s.

use std::time::Duration;

use reqwest::Response;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::credentials::Hidden;
use crate::error::Answered;
use crate::pace::{LimitHeaders, Outcome};
use crate::retry::Cause;
use crate::{Error, ErrorKind};

/// How many characters of a header are kept.
const HEADER_LIMIT: usize = 100;

/// The largest answer that is read, in bytes: far above a page of 100 keys.
const ANSWER_LIMIT: usize = 8 << 20;

/// The longest wait that a service may ask for, in seconds: a day.
const LONGEST_WAIT: u64 = 24 * 60 * 60;

const RESET: &str = "x-ratelimit-reset";

/// An answer of the 2xx kind.
pub(crate) struct Answer {
    request: String,
    status: u16,
    request_id: Option<String>,
    body: Zeroizing<Vec<u8>>,
    /// The rate limit that the headers report.
    pub(crate) limit_headers: Option<LimitHeaders>,
}

/// How much of an answer is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// All of it; one that is longer than any of the API's is an error.
    Whole,
    /// The first bytes.
    Beginning(usize),
}

/// An attempt without an answer of the 2xx kind.
pub(crate) struct Failed {
    /// What went wrong.
    pub(crate) error: Error,
    /// Why, as far as it matters for another attempt.
    pub(crate) cause: Cause,
    /// When the service wants to be asked again.
    pub(crate) retry_after: Option<Duration>,
    /// The rate limit that the headers report.
    pub(crate) limit_headers: Option<LimitHeaders>,
}

impl Failed {
    fn without_answer(error: Error, cause: Cause) -> Self {
        Self {
            error,
            cause,
            retry_after: None,
            limit_headers: None,
        }
    }

    /// What the failure says about the load of the service.
    pub(crate) fn outcome(&self) -> Outcome {
        match (self.error.kind, self.error.status) {
            (_, Some(429)) => Outcome::Limited(self.retry_after),
            (ErrorKind::TimedOut, _) | (_, Some(500..=599)) => Outcome::Failed,
            (_, Some(_)) => Outcome::Answered,
            (_, None) => Outcome::Unknown,
        }
    }
}

impl Answer {
    /// Reads the whole answer of an attempt.
    pub(crate) async fn receive(
        request: String,
        sent: Result<Response, reqwest::Error>,
        hidden: &Hidden,
    ) -> Result<Self, Failed> {
        Self::receive_up_to(request, sent, hidden, Extent::Whole).await
    }

    /// Reads the answer of an attempt up to a number of bytes.
    pub(crate) async fn receive_beginning(
        request: String,
        sent: Result<Response, reqwest::Error>,
        hidden: &Hidden,
        limit: usize,
    ) -> Result<Self, Failed> {
        Self::receive_up_to(request, sent, hidden, Extent::Beginning(limit)).await
    }

    async fn receive_up_to(
        request: String,
        sent: Result<Response, reqwest::Error>,
        hidden: &Hidden,
        extent: Extent,
    ) -> Result<Self, Failed> {
        let response = sent.map_err(|error| unanswered(&request, &error))?;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers());
        let limit_headers = limit_headers(response.headers());
        let request_id = header(response.headers(), "x-request-id", hidden);
        let body = read(response, &request, status, extent).await?;
        if (200..300).contains(&status) {
            return Ok(Self {
                request,
                status,
                request_id,
                body,
                limit_headers,
            });
        }
        let answered = Answered {
            request: &request,
            status,
            retry_after,
            request_id,
            body: &body,
        };
        Err(Failed {
            error: Error::of_answer(answered, hidden),
            cause: match status {
                429 => Cause::Limited,
                // A proxy gave up on the request, and may have sent it on.
                408 => Cause::Lost,
                // The vendor's stubs say 501 for what stays failed.
                500 | 502..=599 => Cause::Failed,
                _ => Cause::Final,
            },
            retry_after: retry_after.filter(|_| matches!(status, 429 | 503)),
            limit_headers,
        })
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// The first character of the body that is not white space.
    pub(crate) fn first_character(&self) -> Option<char> {
        let first = self.body.trim_ascii_start().first()?;
        Some(char::from(*first))
    }

    /// The body as a type.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // Only the place: the error's own text may quote a secret.
            let place = format!("line {} column {}", error.line(), error.column());
            self.malformed(place)
        })
    }

    /// The error for a success that cannot be used.
    pub(crate) fn malformed(&self, detail: String) -> Error {
        Error {
            request_id: self.request_id.clone().map(String::into_boxed_str),
            ..malformed(&self.request, self.status, detail)
        }
    }
}

fn header(headers: &HeaderMap, name: &str, hidden: &Hidden) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    let shown = !hidden.appears_in(value);
    shown.then(|| value.chars().take(HEADER_LIMIT).collect())
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// A header of whole seconds from now, which is Confluent's form. More than a
/// day would be a point in time and not a wait.
fn wait(headers: &HeaderMap, name: &str) -> Option<Duration> {
    let seconds = number(headers, name).filter(|seconds| *seconds <= LONGEST_WAIT);
    seconds.map(Duration::from_secs)
}

/// The later of `Retry-After` and the end of the limit's period.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    wait(headers, RETRY_AFTER.as_str()).max(wait(headers, RESET))
}

fn limit_headers(headers: &HeaderMap) -> Option<LimitHeaders> {
    let count = |name| u32::try_from(number(headers, name)?).ok();
    Some(LimitHeaders {
        limit: count("x-ratelimit-limit")?,
        remaining: count("x-ratelimit-remaining")?,
        reset: wait(headers, RESET)?,
    })
}

/// The whole body, in one piece, so that growing leaves no copies of a secret
/// behind.
async fn read(
    mut response: Response,
    request: &str,
    status: u16,
    extent: Extent,
) -> Result<Zeroizing<Vec<u8>>, Failed> {
    let limit = match extent {
        Extent::Whole => ANSWER_LIMIT,
        Extent::Beginning(limit) => limit,
    };
    let expected = response.content_length().unwrap_or(0).min(limit as u64);
    let mut read = Zeroizing::new(Vec::with_capacity(usize::try_from(expected).unwrap_or(0)));
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| cut_off(request, status, &error))?
    {
        let room = limit - read.len();
        if chunk.len() > room && extent != Extent::Whole {
            read.extend_from_slice(&chunk[..room]);
            break;
        }
        if chunk.len() > room {
            let detail = format!("the answer is longer than {ANSWER_LIMIT} bytes");
            let error = malformed(request, status, detail);
            return Err(Failed::without_answer(error, Cause::Final));
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read)
}

fn malformed(request: &str, status: u16, detail: String) -> Error {
    Error {
        status: Some(status),
        ..Error::without_answer(request, ErrorKind::Malformed, Some(detail))
    }
}

/// A truncated answer does not show whether the request was carried out.
fn cut_off(request: &str, status: u16, error: &reqwest::Error) -> Failed {
    let kind = if error.is_timeout() {
        ErrorKind::TimedOut
    } else {
        ErrorKind::Malformed
    };
    let detail = Some("the answer was cut off".into());
    let error = Error {
        status: Some(status),
        ..Error::without_answer(request, kind, detail)
    };
    Failed::without_answer(error, Cause::Lost)
}

/// Before there is a connection nothing can have happened; after that a request
/// without an answer may have been carried out.
fn unanswered(request: &str, error: &reqwest::Error) -> Failed {
    let (kind, cause) = if error.is_connect() {
        match tls_error(error) {
            Some(rustls::Error::InvalidCertificate(_)) => (ErrorKind::Untrusted, Cause::Final),
            // What came was no TLS record, such as a line of HTTP.
            Some(rustls::Error::InvalidMessage(_)) => (ErrorKind::NotTls, Cause::Final),
            // The two sides will not agree the next time either.
            Some(_) => (ErrorKind::Unreachable, Cause::Final),
            None => (ErrorKind::Unreachable, Cause::Unsent),
        }
    } else if error.is_timeout() {
        (ErrorKind::TimedOut, Cause::Lost)
    } else {
        (ErrorKind::Malformed, Cause::Lost)
    };
    let detail = Some(address_and_cause(error));
    Failed::without_answer(Error::without_answer(request, kind, detail), cause)
}

/// The address that was asked, without path and query, and the root cause.
fn address_and_cause(error: &reqwest::Error) -> String {
    let cause = root_cause(error);
    match error.url() {
        Some(url) => format!("{}: {cause}", url.origin().ascii_serialization()),
        None => cause,
    }
}

/// What went wrong in TLS, if that is the cause.
fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(of_tls) = error.downcast_ref::<rustls::Error>() {
            return Some(of_tls);
        }
        let within = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        cause = match within {
            // Its `source` would leave out what it holds.
            Some(within) => Some(within),
            None => error.source(),
        };
    }
    None
}

/// The innermost cause, which is the one to act on; reqwest's own text would
/// repeat the whole address.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string().chars().take(200).collect()
}
