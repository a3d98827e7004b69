//! The measurements that a mount reported.

use std::collections::BTreeMap;
use std::sync::Mutex;

use logical::Metrics;

/// The measurements so far: sums of counters and the last value of gauges, by
/// name and labels.
#[derive(Default)]
pub(crate) struct Taken(Mutex<BTreeMap<String, f64>>);

impl Taken {
    fn note(&self, name: &str, labels: &[(&'static str, &str)], value: impl Fn(f64) -> f64) {
        let labels = labels
            .iter()
            .map(|(name, value)| format!(" {name}={value}"));
        let key = format!("{name}{}", labels.collect::<String>());
        let mut taken = self.0.lock().unwrap();
        let before = taken.entry(key).or_default();
        *before = value(*before);
    }

    pub(crate) fn of(&self, key: &str) -> Option<f64> {
        self.0.lock().unwrap().get(key).copied()
    }

    pub(crate) fn all(&self) -> String {
        format!("{:#?}", self.0.lock().unwrap())
    }
}

impl Metrics for Taken {
    fn count(&self, name: &'static str, labels: &[(&'static str, &str)], amount: u64) {
        let amount = f64::from(u32::try_from(amount).unwrap());
        self.note(name, labels, |before| before + amount);
    }

    fn gauge(&self, name: &'static str, labels: &[(&'static str, &str)], value: f64) {
        self.note(name, labels, |_| value);
    }

    fn observe(&self, name: &'static str, labels: &[(&'static str, &str)], _: f64) {
        self.note(name, labels, |before| before + 1.0);
    }
}
