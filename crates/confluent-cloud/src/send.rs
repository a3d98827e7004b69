//! One call: its requests, their attempts, and the time that all of them have
//! together.
//!
//! [`retry`](crate::retry) decides what is sent again, [`pace`](crate::pace) when
//! a request may be sent, and [`answer`](crate::answer) reads answers.

use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::ACCEPT;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::Instrument as _;

use crate::answer::{Answer, Failed};
use crate::budget::Turn;
use crate::pace::{Class, QueueEnd, RemovalBy, TurnRequest};
use crate::retry::{Cause, is_idempotent};
use crate::underway::Underway;
use crate::{Client, Error, ErrorKind};

/// Within the 30 s that a caller gives a POST for a new key.
const CREATE_LIMIT: Duration = Duration::from_secs(29);

/// Within the 10 s after which a host must know whether a revocation failed.
const DELETE_LIMIT: Duration = Duration::from_secs(9);

const OTHER_LIMIT: Duration = Duration::from_secs(30);

/// How long a request of the sweep may wait for its turn: no client waits for its
/// answer.
const SWEEP_PATIENCE: Duration = Duration::from_mins(1);

/// A request that creates something is not sent with less time than this for its
/// answer: without an answer it is unknown what was created.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// A request to the API.
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
    /// The time of one attempt.
    limit: Duration,
    began: Instant,
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
        let began = self.effects.now();
        let queue = if self.class == Class::Removal(RemovalBy::Sweep) {
            SWEEP_PATIENCE
        } else {
            Duration::ZERO
        };
        Call {
            client: self,
            limit,
            began,
            ends: began + queue + limit,
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
}

impl Call<'_> {
    /// Sends a request until there is an answer or no sense in trying again,
    /// and reads the whole answer. What is logged on the way has method and path, and
    /// the span of the host's request around it.
    pub(crate) async fn send(&self, request: &Request<'_>) -> Result<Answer, Error> {
        let (method, path) = (request.method.as_str(), request.path);
        let span = tracing::debug_span!("confluent", method, path);
        let send = async {
            let answer = self.send_until_answered(request).await;
            match &answer {
                Ok(answer) => tracing::debug!(status = answer.status(), "Confluent Cloud answered"),
                Err(error) => tracing::debug!(%error, "a request to Confluent Cloud failed"),
            }
            answer
        };
        send.instrument(span).await
    }

    async fn send_until_answered(&self, request: &Request<'_>) -> Result<Answer, Error> {
        let retries = &self.client.retries;
        let latest = self.latest(&request.method);
        let mut earlier: Option<Error> = None;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let turn = match self.turn(request, attempt, latest).await {
                Ok(turn) => turn,
                Err(wait) => {
                    return Err(earlier.unwrap_or_else(|| self.held_back(request, wait)));
                }
            };
            let now = self.client.effects.now();
            if now >= latest {
                return Err(earlier.unwrap_or_else(|| self.too_late(request)));
            }
            let left = self.ends.saturating_duration_since(now).min(self.limit);
            let limit = if retries.is_last(attempt) || !is_idempotent(&request.method) {
                left
            } else {
                // A request that hangs once may be answered the next time.
                left.min(self.limit / 2)
            };
            let mut failed = match self.attempt(request, limit, turn).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let error = &mut failed.error;
            error.attempts = attempt;
            error.maybe_done = request.changes()
                && (error.outcome_unknown() || earlier.is_some_and(|earlier| earlier.maybe_done));
            if !failed.cause.may_repeat(&request.method) {
                return Err(failed.error);
            }
            let Some(pause) = self.pause(&failed, attempt, latest) else {
                return Err(failed.error);
            };
            if !pause.is_zero() {
                self.client.effects.sleep(pause).await;
            }
            earlier = Some(failed.error);
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

    /// Waits until the pace of the organization lets the request through.
    async fn turn(
        &self,
        request: &Request<'_>,
        attempt: u32,
        latest: Instant,
    ) -> Result<Option<Turn>, Duration> {
        let client = self.client;
        let Some(budgets) = &client.budgets else {
            return Ok(None);
        };
        let wanted = TurnRequest {
            class: client.class,
            flow: &client.flow,
            path: request.path,
            until: self.queued_until(latest),
            end: if attempt == 1 {
                QueueEnd::Back
            } else {
                QueueEnd::Front
            },
        };
        let turn = budgets.turn(&client.account, &client.effects, &wanted);
        client.reported(turn).await.map(Some)
    }

    /// Until when an attempt may wait for its turn. The caller's patience counts
    /// from the start of the call, for retries as well; once it is used up, a retry
    /// is sent only if there is room at once.
    fn queued_until(&self, latest: Instant) -> Instant {
        let patience = self.client.patience;
        let Some(until) = patience.and_then(|patience| self.began.checked_add(patience)) else {
            return latest;
        };
        latest.min(until.max(self.client.effects.now()))
    }

    /// How long to wait after a failed attempt; `None` to give up.
    fn pause(&self, failed: &Failed, attempt: u32, latest: Instant) -> Option<Duration> {
        let retries = &self.client.retries;
        if failed.cause == Cause::Limited && self.client.budgets.is_some() {
            // The pace is closed for as long as the service asks.
            return (!retries.is_last(attempt)).then_some(Duration::ZERO);
        }
        let effects = &self.client.effects;
        let left = latest.saturating_duration_since(effects.now());
        retries.pause(attempt, failed.retry_after, left, effects.random())
    }

    async fn attempt(
        &self,
        request: &Request<'_>,
        limit: Duration,
        turn: Option<Turn>,
    ) -> Result<Answer, Failed> {
        let account = &self.client.account;
        let pool = self.client.connections.pool();
        let address = account.endpoint.join(request.path, request.query);
        let mut builder = pool
            .http
            .request(request.method.clone(), address)
            .timeout(limit)
            .header(ACCEPT, "application/json");
        builder = account.credentials.authenticate(builder);
        if let Some(body) = request.body {
            builder = builder.json(body);
        }
        let underway = Underway::begin(self.client, &request.method, request.path, turn);
        let answer = Answer::receive(request.name(), builder.send().await, &account.hidden).await;
        underway.end(&answer);
        if matches!(&answer, Err(failed) if failed.error.kind == ErrorKind::TimedOut) {
            self.client.connections.empty(&pool);
        }
        answer
    }

    /// The pace of the organization leaves no room for the request in time.
    fn held_back(&self, request: &Request<'_>, wait: Duration) -> Error {
        let whose = self.client.account.organization_in_words();
        Error::without_answer(&request.name(), ErrorKind::HeldBack { wait }, Some(whose))
    }

    /// The time was used up before the request could be sent.
    fn too_late(&self, request: &Request<'_>) -> Error {
        if request.changes() {
            // Only the pace holds back a first request.
            return self.held_back(request, Duration::from_secs(1));
        }
        let detail = "no time was left to send it".to_owned();
        Error::without_answer(&request.name(), ErrorKind::TimedOut, Some(detail))
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
}
