//! What the client reports of its requests, as measurements of the host.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use confluent_cloud::ids::OrganizationId;
use confluent_cloud::{PaceStatus, Recorder, RequestReport, TurnReport};
use logical::{Metrics, NoMetrics};

/// Requests to Confluent Cloud by method, endpoint and outcome. Each attempt
/// counts; rate limits (429) have the outcome `rate_limited`.
const REQUESTS: &str = "confluent_requests_total";
/// How long they took, by method and endpoint.
const LATENCY: &str = "confluent_request_seconds";
/// How long requests waited for their turn in the pace, by class and whether
/// they were then sent.
const WAITS: &str = "confluent_pace_wait_seconds";
/// The rate limit learned so far, by organization; infinite where there is none.
const RATE: &str = "confluent_pace_requests_per_second";
/// Requests in flight, by organization.
const IN_FLIGHT: &str = "confluent_requests_in_flight";
/// Requests that wait for their turn, by organization.
const WAITING: &str = "confluent_pace_waiting_requests";

/// Where the reports of all clients go: to the host, once it has said where.
pub(crate) struct Measurements(Mutex<Arc<dyn Metrics>>);

impl Measurements {
    /// From now on, reports go there.
    pub(crate) fn go_to(&self, metrics: Arc<dyn Metrics>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = metrics;
    }

    fn metrics(&self) -> Arc<dyn Metrics> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for Measurements {
    fn default() -> Self {
        Self(Mutex::new(Arc::new(NoMetrics)))
    }
}

impl fmt::Debug for Measurements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Measurements")
    }
}

impl Recorder for Measurements {
    fn request(&self, request: &RequestReport) {
        let metrics = self.metrics();
        let [method, endpoint] = [("method", request.method), ("endpoint", request.endpoint)];
        let outcome = ("outcome", request.outcome.word());
        metrics.count(REQUESTS, &[method, endpoint, outcome], 1);
        metrics.observe(LATENCY, &[method, endpoint], request.took.as_secs_f64());
    }

    fn turn(&self, turn: &TurnReport) {
        let outcome = if turn.granted { "sent" } else { "held_back" };
        let labels = [("class", turn.class.word()), ("outcome", outcome)];
        let waited = turn.waited.as_secs_f64();
        self.metrics().observe(WAITS, &labels, waited);
    }

    fn pace(&self, organization: &OrganizationId, pace: &PaceStatus) {
        let metrics = self.metrics();
        let labels = [("organization", organization.as_str())];
        let rate = pace.requests_per_second.unwrap_or(f64::INFINITY);
        metrics.gauge(RATE, &labels, rate);
        metrics.gauge(IN_FLIGHT, &labels, count(pace.in_flight));
        let waiting = &pace.waiting;
        let waiting = waiting.operator
            + waiting.readers
            + waiting.rotations
            + waiting.removals
            + waiting.background;
        metrics.gauge(WAITING, &labels, count(waiting));
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
