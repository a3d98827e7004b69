//! Metrics that an engine or a core reports to its host.

/// A sink for metrics. Names are `snake_case` with a unit as suffix where there
/// is one (`_seconds`, `_total`); labels have low cardinality and never hold a
/// secret, a key's id or a token.
pub trait Metrics: Send + Sync {
    /// Adds to a counter.
    fn count(&self, name: &'static str, labels: &[(&'static str, &str)], amount: u64);

    /// Sets a gauge.
    fn gauge(&self, name: &'static str, labels: &[(&'static str, &str)], value: f64);

    /// Adds one value to a histogram.
    fn observe(&self, name: &'static str, labels: &[(&'static str, &str)], value: f64);
}

/// A sink that drops all metrics.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMetrics;

impl Metrics for NoMetrics {
    fn count(&self, _: &'static str, _: &[(&'static str, &str)], _: u64) {}

    fn gauge(&self, _: &'static str, _: &[(&'static str, &str)], _: f64) {}

    fn observe(&self, _: &'static str, _: &[(&'static str, &str)], _: f64) {}
}
