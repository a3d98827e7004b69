//! Counts of the requests that were answered, so that a load test can compare
//! what it asked for with what reached Confluent Cloud.

use std::collections::BTreeMap;

use serde::Serialize;

/// Requests of one kind that ended in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestCount {
    /// The method.
    pub method: String,
    /// The path with placeholders, such as `/iam/v2/api-keys/{id}`, without
    /// `/api` in front; `other` for paths that lead nowhere.
    pub path: String,
    /// The status of the answer; `None` when the connection ended without one.
    pub status: Option<u16>,
    /// How many there were.
    pub count: u64,
}

/// Methods, paths and statuses with how often each was seen.
#[derive(Debug, Default)]
pub(crate) struct Counts(BTreeMap<(String, String, Option<u16>), u64>);

impl Counts {
    pub(crate) fn add(&mut self, method: &str, path: &str, status: Option<u16>) {
        let kind = (method.to_owned(), path.to_owned(), status);
        *self.0.entry(kind).or_default() += 1;
    }

    pub(crate) fn all(&self) -> Vec<RequestCount> {
        let all = self.0.iter();
        all.map(|((method, path, status), count)| RequestCount {
            method: method.clone(),
            path: path.clone(),
            status: *status,
            count: *count,
        })
        .collect()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
