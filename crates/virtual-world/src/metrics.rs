//! What was measured, for a test to look at.

use std::collections::BTreeMap;
use std::sync::Mutex;

use logical::Metrics;

use crate::lock;

/// The measurements so far: sums of counters, numbers of observations, and the
/// last value of gauges.
///
/// Each has a key, its name and its labels: `keys_total kind=shared outcome=made`.
#[derive(Debug, Default)]
pub struct Measurements(Mutex<BTreeMap<String, f64>>);

impl Measurements {
    /// What the measurement with this key is, if anything was measured.
    pub fn of(&self, key: &str) -> Option<f64> {
        lock(&self.0).get(key).copied()
    }

    /// All of them as text, for the message of a test that fails, or to search.
    pub fn all(&self) -> String {
        format!("{:#?}", lock(&self.0))
    }

    fn note(&self, name: &str, labels: &[(&'static str, &str)], value: impl Fn(f64) -> f64) {
        let labels = labels
            .iter()
            .map(|(name, value)| format!(" {name}={value}"));
        let key = format!("{name}{}", labels.collect::<String>());
        let mut measured = lock(&self.0);
        let before = measured.entry(key).or_default();
        *before = value(*before);
    }
}

impl Metrics for Measurements {
    fn count(&self, name: &'static str, labels: &[(&'static str, &str)], amount: u64) {
        let amount = u32::try_from(amount).map_or(f64::INFINITY, f64::from);
        self.note(name, labels, |before| before + amount);
    }

    fn gauge(&self, name: &'static str, labels: &[(&'static str, &str)], value: f64) {
        self.note(name, labels, |_| value);
    }

    fn observe(&self, name: &'static str, labels: &[(&'static str, &str)], _: f64) {
        self.note(name, labels, |before| before + 1.0);
    }
}
