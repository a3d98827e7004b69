//! One call: its requests, their attempts, and the time that all of them have
//! together.
//!
//! It decides nothing about what is repeated, which is
//! [`retry`](crate::retry)'s part, and reads no answer, which is
//! [`answer`](crate::answer)'s.

use std::time::{Duration, Instant};

use reqwest::header::ACCEPT;
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::answer::{Answer, Failed};
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
        Answer::receive(name, builder.send().await, &account.hidden).await
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
