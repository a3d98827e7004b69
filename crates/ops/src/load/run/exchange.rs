//! One exchange: the request of a target and its answer, with the redirects
//! between.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use zeroize::Zeroizing;

use super::connection::{Answer, Connection};
use super::http2::Multiplexed;
use super::prepared::Prepared;
use crate::load::record::Class;
use crate::load::targets::{self, Origin, Scheme};

/// Redirects beyond this many are not followed, as in Go's clients.
const MOST_REDIRECTS: usize = 10;

/// What came of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) status: Option<u16>,
    pub(super) error: Option<Class>,
}

impl Outcome {
    pub(super) fn failed(class: Class) -> Self {
        Self {
            status: None,
            error: Some(class),
        }
    }

    fn answered(answer: &Answer, good: bool) -> Self {
        Self {
            status: Some(answer.status),
            error: (!good).then(|| Class::of_answer(answer.status, &answer.begin)),
        }
    }
}

/// The connections of a worker.
pub(super) enum Exchange {
    /// Its own, one to each server.
    Http1 {
        tls: Option<Arc<ClientConfig>>,
        connections: Vec<(Origin, Connection)>,
    },
    /// Those of all workers.
    Http2(Arc<Multiplexed>),
}

impl Exchange {
    /// With connections of its own.
    pub(super) fn new(tls: Option<Arc<ClientConfig>>) -> Self {
        Self::Http1 {
            tls,
            connections: Vec::new(),
        }
    }

    /// Sends a request, and follows redirects, within the time limit. The beginning
    /// of the body of the answer comes along.
    pub(super) async fn run(
        &mut self,
        request: &Prepared,
        timeout: Duration,
    ) -> (Outcome, Zeroizing<Vec<u8>>) {
        if let Ok(outcome) = tokio::time::timeout(timeout, self.follow(request)).await {
            return outcome;
        }
        // An answer may still come on one of them.
        if let Self::Http1 { connections, .. } = self {
            connections.clear();
        }
        (Outcome::failed(Class::TimedOut), Zeroizing::default())
    }

    async fn follow(&mut self, request: &Prepared) -> (Outcome, Zeroizing<Vec<u8>>) {
        let mut redirected: Option<Prepared> = None;
        for _ in 0..=MOST_REDIRECTS {
            let request = redirected.as_ref().unwrap_or(request);
            let answer = match self.send(request).await {
                Ok(answer) => answer,
                Err(class) => return (Outcome::failed(class), Zeroizing::default()),
            };
            match next(request, &answer) {
                Next::Done => {
                    let good = request.expects(answer.status);
                    return (Outcome::answered(&answer, good), answer.begin);
                }
                Next::Refused => break,
                Next::Request(next) => redirected = Some(*next),
            }
        }
        (Outcome::failed(Class::Redirected), Zeroizing::default())
    }

    async fn send(&mut self, request: &Prepared) -> Result<Answer, Class> {
        let (tls, connections) = match self {
            Self::Http2(connections) => return connections.send(request).await,
            Self::Http1 { tls, connections } => (tls, connections),
        };
        let is_there = |(other, _): &(Origin, Connection)| *other == request.origin;
        let place = connections.iter().position(is_there);
        if let Some(place) = place {
            let (_, connection) = &mut connections[place];
            match connection.reuse(request.request(), request.kept()).await {
                Some(Ok(answer)) => return Ok(answer),
                Some(Err(class)) => {
                    connections.swap_remove(place);
                    return Err(class);
                }
                // It was closed while it was idle, so nothing was sent.
                None => drop(connections.swap_remove(place)),
            }
        }
        let mut connection = Connection::open(&request.origin, tls.as_ref()).await?;
        let answer = connection.send(request.request(), request.kept()).await?;
        connections.push((request.origin.clone(), connection));
        Ok(answer)
    }
}

/// What follows an answer.
enum Next {
    Done,
    Request(Box<Prepared>),
    Refused,
}

fn next(request: &Prepared, answer: &Answer) -> Next {
    let Some(location) = &answer.location else {
        return Next::Done;
    };
    if request.expects(answer.status) {
        return Next::Done;
    }
    let target = request.url().and_then(|url| url.join(location).ok());
    let Some(parts) = target.and_then(|url| targets::of_url(&url, url.as_str())) else {
        return Next::Refused;
    };
    // A token must not leave TLS.
    if request.origin.scheme == Scheme::Https && parts.origin.scheme == Scheme::Http {
        return Next::Refused;
    }
    Next::Request(Box::new(request.redirected(
        answer.status,
        parts.origin,
        parts.path,
    )))
}
