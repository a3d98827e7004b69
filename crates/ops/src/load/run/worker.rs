//! A worker: one request after another, each when it is due.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use zeroize::Zeroizing;

use super::exchange::{Exchange, Outcome};
use super::prepared::Prepared;
use super::{Shared, nanoseconds};
use crate::load::record::{Class, Sample};

/// A request in flight, counted for as long as this lives, so that one that is cut
/// off is not counted for ever.
struct InFlight<'s>(&'s AtomicU64);

impl<'s> InFlight<'s> {
    fn new(count: &'s AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Works until the plan is over or the test is stopped.
pub(super) async fn work(shared: Arc<Shared>) {
    let mut exchange = match &shared.multiplexed {
        Some(connections) => Exchange::Http2(Arc::clone(connections)),
        None => Exchange::new(shared.tls.clone()),
    };
    while let Ok(permit) = shared.due.acquire().await {
        permit.forget();
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        if number >= shared.total.load(Ordering::Acquire) {
            return;
        }
        let target = shared.turns.target(number);
        let sent = shared.now();
        let planned = shared.plan().instant_of(number).unwrap_or(sent).min(sent);
        if nanoseconds(planned) >= shared.since.load(Ordering::Relaxed) {
            shared.sent.fetch_add(1, Ordering::Relaxed);
        }
        let _in_flight = InFlight::new(&shared.in_flight);
        let outcome = send(&shared, &mut exchange, target, number).await;
        let done = shared.now();
        shared.record().add(&Sample {
            target,
            planned,
            sent,
            done,
            status: outcome.status,
            error: outcome.error,
        });
    }
}

/// Sends the request of a target, filled where it has places for values, and keeps
/// what is to be captured of its answer.
async fn send(shared: &Shared, exchange: &mut Exchange, target: usize, number: u64) -> Outcome {
    let request = &shared.requests[target];
    let filled = if request.is_dynamic() {
        let Some(filled) = request.filled(number, &shared.values()) else {
            return Outcome::failed(Class::NotCaptured);
        };
        Some(filled)
    } else {
        None
    };
    let request = filled.as_ref().unwrap_or(request);
    let (outcome, body) = exchange.run(request, shared.timeout).await;
    if outcome.error.is_none() && !request.captures.is_empty() {
        capture(shared, request, &body);
    }
    outcome
}

fn capture(shared: &Shared, request: &Prepared, body: &[u8]) {
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) else {
        return;
    };
    for capture in &request.captures {
        let mut path = capture.path.iter();
        let found = path.try_fold(&body, |value, name| value.get(name));
        let text = match found {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => {
                value.to_string()
            }
            _ => continue,
        };
        let name = capture.name.clone();
        shared.values().insert(name, Zeroizing::new(text));
    }
}
