//! What came of one attempt: an answer of use, or why there is none.
//!
//! It tells what it saw and decides nothing: whether to ask again is
//! [`retry`](crate::retry)'s part.

use std::time::Duration;

use reqwest::Response;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::credentials::Hidden;
use crate::error::Answered;
use crate::retry::Cause;
use crate::{Error, ErrorKind};

/// How much of a header is kept.
const HEADER_LIMIT: usize = 100;

/// The largest answer that is read: far above a page of 100 keys.
const ANSWER_LIMIT: usize = 8 << 20;

/// A wait that a service asks for is no longer than a day, in seconds.
const LONGEST_WAIT: u64 = 24 * 60 * 60;

/// An answer of the 2xx kind.
pub(crate) struct Answer {
    request: String,
    status: u16,
    request_id: Option<String>,
    body: Zeroizing<Vec<u8>>,
}

/// An attempt without an answer of the 2xx kind.
pub(crate) struct Failed {
    /// What went wrong.
    pub(crate) error: Error,
    /// Why, as far as it matters for another attempt.
    pub(crate) cause: Cause,
    /// When the service wants to be asked again.
    pub(crate) told: Option<Duration>,
}

impl Answer {
    /// Reads what came of an attempt.
    pub(crate) async fn receive(
        request: String,
        sent: Result<Response, reqwest::Error>,
        hidden: &Hidden,
    ) -> Result<Self, Failed> {
        let response = sent.map_err(|error| unanswered(&request, &error))?;
        let status = response.status().as_u16();
        let told = when_to_return(response.headers());
        let request_id = header(response.headers(), "x-request-id", hidden);
        let body = read(response, &request, status).await?;
        if (200..300).contains(&status) {
            return Ok(Self {
                request,
                status,
                request_id,
                body,
            });
        }
        let answered = Answered {
            request: &request,
            status,
            retry_after: told,
            request_id,
            body: &body,
        };
        Err(Failed {
            error: Error::of_answer(answered, hidden),
            cause: match status {
                429 => Cause::Limited,
                // The vendor's stubs say 501 for what stays failed.
                500 | 502..=599 => Cause::Failed,
                _ => Cause::Final,
            },
            told: told.filter(|_| matches!(status, 429 | 503)),
        })
    }

    /// The body as a type.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // The place only: the error's own text may quote a secret.
            let place = format!("line {} column {}", error.line(), error.column());
            self.malformed(place)
        })
    }

    /// The error for an answer that is well received and of no use.
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

/// `Retry-After`, or else the seconds until the period of the limit ends.
/// Confluent sends both as whole seconds from now.
fn when_to_return(headers: &HeaderMap) -> Option<Duration> {
    [RETRY_AFTER.as_str(), "x-ratelimit-reset"]
        .into_iter()
        .find_map(|name| {
            let seconds = headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
            // More would be a point in time, not a wait.
            (seconds <= LONGEST_WAIT).then(|| Duration::from_secs(seconds))
        })
}

/// The whole body, in one piece, so that growing leaves no copies of a secret
/// behind.
async fn read(
    mut response: Response,
    request: &str,
    status: u16,
) -> Result<Zeroizing<Vec<u8>>, Failed> {
    let expected = response
        .content_length()
        .unwrap_or(0)
        .min(ANSWER_LIMIT as u64);
    let mut read = Zeroizing::new(Vec::with_capacity(usize::try_from(expected).unwrap_or(0)));
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| cut_off(request, status, &error))?
    {
        if read.len() + chunk.len() > ANSWER_LIMIT {
            let detail = format!("the answer is longer than {ANSWER_LIMIT} bytes");
            return Err(Failed {
                error: malformed(request, status, detail),
                cause: Cause::Final,
                told: None,
            });
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

/// A cut answer does not tell whether the request was carried out.
fn cut_off(request: &str, status: u16, error: &reqwest::Error) -> Failed {
    let kind = if error.is_timeout() {
        ErrorKind::TimedOut
    } else {
        ErrorKind::Malformed
    };
    let detail = Some("the answer was cut off".into());
    Failed {
        error: Error {
            status: Some(status),
            ..Error::without_answer(request, kind, detail)
        },
        cause: Cause::Lost,
        told: None,
    }
}

/// Before a connection stands nothing can have happened; after that a request
/// without an answer may have been carried out.
fn unanswered(request: &str, error: &reqwest::Error) -> Failed {
    let untrusted = error.is_connect() && is_of_tls(error);
    let (kind, cause) = if untrusted {
        (ErrorKind::Unreachable, Cause::Final)
    } else if error.is_connect() {
        (ErrorKind::Unreachable, Cause::Unsent)
    } else if error.is_timeout() {
        (ErrorKind::TimedOut, Cause::Lost)
    } else {
        (ErrorKind::Malformed, Cause::Lost)
    };
    Failed {
        error: Error {
            untrusted,
            ..Error::without_answer(request, kind, Some(root_cause(error)))
        },
        cause,
        told: None,
    }
}

/// Whether the two sides do not agree on how to trust each other, which they
/// will not do the next time either.
fn is_of_tls(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<rustls::Error>() {
            return true;
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
    false
}

/// The innermost cause, which is the one that a person can act on; reqwest's
/// own text would repeat the whole address.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string().chars().take(200).collect()
}
