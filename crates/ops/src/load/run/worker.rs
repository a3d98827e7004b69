//! A worker: one request after another, each when it is due.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::exchange::Exchange;
use super::{Shared, nanoseconds};
use crate::load::record::Sample;

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
    let mut exchange = Exchange::new(shared.tls.clone());
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
        let outcome = exchange.run(&shared.requests[target], shared.timeout).await;
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
