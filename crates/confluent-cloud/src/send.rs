//! One call: its requests, their attempts, and the time that all of them have
//! together.
//!
//! It decides nothing about what is repeated, which is
//! [`retry`](crate::retry)'s part, and knows nothing of what is asked.

use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, HeaderMap, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::credentials::Hidden;
use crate::error::Answered;
use crate::retry::{Cause, is_idempotent};
use crate::{Client, Credentials, Error, ErrorKind};

/// Within the 30 s that a caller gives a POST for a new key.
const CREATE_LIMIT: Duration = Duration::from_secs(29);

/// Within the 10 s after which a host must know whether a revocation failed.
const DELETE_LIMIT: Duration = Duration::from_secs(9);

const OTHER_LIMIT: Duration = Duration::from_secs(30);

/// What makes something is not sent with less time than this for its answer:
/// without one nobody would know what was made.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// How much of a header is kept.
const HEADER_LIMIT: usize = 100;

/// The largest answer that is read: far above a page of 100 keys.
const ANSWER_LIMIT: usize = 8 << 20;

/// A wait that a service asks for is no longer than a day, in seconds.
const LONGEST_WAIT: u64 = 24 * 60 * 60;

/// What is asked of the API.
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    /// Begins with a slash.
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) body: Option<&'a Value>,
}

/// One call of a caller, which may be several requests and has one time limit.
pub(crate) struct Call<'a> {
    client: &'a Client,
    limit: Duration,
    ends: Instant,
}

/// An answer of the 2xx kind.
pub(crate) struct Answer {
    request: String,
    status: u16,
    request_id: Option<String>,
    body: Zeroizing<Vec<u8>>,
}

/// An attempt without an answer of the 2xx kind.
struct Failed {
    error: Error,
    cause: Cause,
    /// When the service wants to be asked again.
    told: Option<Duration>,
}

impl Client {
    /// Begins a call; its time runs from here.
    pub(crate) fn call(&self, method: &Method) -> Call<'_> {
        let limit = match *method {
            Method::POST => CREATE_LIMIT,
            Method::DELETE => DELETE_LIMIT,
            _ => OTHER_LIMIT,
        };
        Call {
            client: self,
            limit,
            ends: self.effects.now() + limit,
        }
    }

    /// A call of one request.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, Error> {
        let call = self.call(&method);
        let request = Request {
            method,
            path,
            query,
            body,
        };
        call.send(&request).await
    }

    /// A call of one request that is answered with an object.
    pub(crate) async fn object<W: DeserializeOwned, T>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
        read: impl FnOnce(W) -> Result<T, String>,
    ) -> Result<T, Error> {
        let answer = self.send(method, path, query, body).await?;
        read(answer.json()?).map_err(|why| answer.malformed(why))
    }

    fn authenticate(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.account.credentials {
            Credentials::Basic { key_id, secret } => {
                request.basic_auth(key_id.as_str(), Some(secret.expose()))
            }
            Credentials::Bearer(token) => request.bearer_auth(token.as_str()),
        }
    }
}

impl Call<'_> {
    /// Sends a request until there is an answer or no sense in asking again,
    /// and reads the whole answer.
    pub(crate) async fn send(&self, request: &Request<'_>) -> Result<Answer, Error> {
        let retries = &self.client.retries;
        let latest = self.latest(&request.method);
        let mut failed: Option<Error> = None;
        let mut attempt = 0;
        loop {
            attempt += 1;
            if let Err(wait) = self.client.turn(latest).await {
                return Err(failed.unwrap_or_else(|| request.held_back(wait)));
            }
            let now = self.client.effects.now();
            if now >= latest {
                return Err(failed.unwrap_or_else(|| request.too_late()));
            }
            let left = self.ends.saturating_duration_since(now);
            let limit = if retries.is_last(attempt) || !is_idempotent(&request.method) {
                left
            } else {
                // What hangs once may answer the next time.
                left.min(self.limit / 2)
            };
            let Failed {
                mut error,
                cause,
                told,
            } = match self.attempt(request, limit).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            error.attempts = attempt;
            error.maybe_done = request.changes()
                && (error.outcome_unknown() || failed.is_some_and(|earlier| earlier.maybe_done));
            if let (Cause::Limited, Some(told)) = (cause, told) {
                self.client.hold_back(told);
            }
            if !cause.may_repeat(&request.method) {
                return Err(error);
            }
            let random = self.client.effects.random();
            let left = latest.saturating_duration_since(self.client.effects.now());
            let Some(pause) = retries.pause(attempt, told, left, random) else {
                return Err(error);
            };
            self.client.effects.sleep(pause).await;
            failed = Some(error);
        }
    }

    /// When the last attempt may begin.
    fn latest(&self, method: &Method) -> Instant {
        let kept = if is_idempotent(method) {
            Duration::ZERO
        } else {
            ANSWER_TIME
        };
        self.ends.checked_sub(kept).unwrap_or(self.ends)
    }

    async fn attempt(&self, request: &Request<'_>, limit: Duration) -> Result<Answer, Failed> {
        let account = &self.client.account;
        let name = request.name();
        let address = account.endpoint.join(request.path, request.query);
        let mut builder = self
            .client
            .http
            .request(request.method.clone(), address)
            .timeout(limit)
            .header(ACCEPT, "application/json");
        builder = self.client.authenticate(builder);
        if let Some(body) = request.body {
            builder = builder.json(body);
        }
        let response = builder
            .send()
            .await
            .map_err(|error| unanswered(&name, &error))?;
        let status = response.status().as_u16();
        let told = when_to_return(response.headers());
        let request_id = header(response.headers(), "x-request-id", &account.hidden);
        let body = read(response, &name, status).await?;
        if (200..300).contains(&status) {
            return Ok(Answer {
                request: name,
                status,
                request_id,
                body,
            });
        }
        let answered = Answered {
            request: &name,
            status,
            retry_after: told,
            request_id,
            body: &body,
        };
        Err(Failed {
            error: Error::of_answer(answered, &account.hidden),
            cause: match status {
                429 => Cause::Limited,
                // The vendor's stubs say 501 for what stays failed.
                500 | 502..=599 => Cause::Failed,
                _ => Cause::Final,
            },
            told: told.filter(|_| matches!(status, 429 | 503)),
        })
    }
}

impl Request<'_> {
    /// Method and path, without the query: the form that errors name.
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn changes(&self) -> bool {
        self.method != Method::GET
    }

    /// The pace of the organization leaves no room for it in time.
    fn held_back(&self, wait: Duration) -> Error {
        let kind = ErrorKind::RateLimited {
            retry_after: Some(wait),
        };
        let detail = "it was not sent, to keep the pace of the organization".to_owned();
        Error::without_answer(&self.name(), kind, Some(detail))
    }

    /// The time was used up before the request could be sent.
    fn too_late(&self) -> Error {
        let kind = if self.changes() {
            // Only the pace of the organization holds back a first request.
            ErrorKind::RateLimited { retry_after: None }
        } else {
            ErrorKind::TimedOut
        };
        let detail = "no time was left to send it".to_owned();
        Error::without_answer(&self.name(), kind, Some(detail))
    }
}

impl Answer {
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
