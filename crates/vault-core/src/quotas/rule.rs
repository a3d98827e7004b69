//! One quota, and which of several counts for a request.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bucket::Limits;
use crate::storage::Version;

/// A quota as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RateLimit {
    #[serde(default)]
    version: Version<1>,
    /// Empty for all paths; a mount with its slash; or a path inside one, at whose
    /// end `*` stands for any ending.
    pub(crate) path: String,
    /// The role of a login, or empty.
    pub(crate) role: String,
    /// Requests in an interval.
    pub(crate) rate: f64,
    /// Seconds.
    pub(crate) interval: u64,
    /// Seconds; zero for the rest of the interval.
    pub(crate) block_interval: u64,
    /// Whether it counts for namespaces below; shown, as there are none.
    pub(crate) inheritable: bool,
}

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// The whole path.
    pub(crate) path: &'a str,
    /// The path of the mount, with its slash; empty if there is none.
    pub(crate) mount: &'a str,
    /// The role of a login, or empty.
    pub(crate) role: &'a str,
}

impl RateLimit {
    /// A quota for a path, with the interval of one second.
    pub(crate) fn new(rate: f64, path: String) -> Self {
        Self {
            version: Version,
            inheritable: path.is_empty(),
            path,
            role: String::new(),
            rate,
            interval: 1,
            block_interval: 0,
        }
    }

    /// Whether another quota would count for the same requests.
    pub(super) fn is_about_same(&self, other: &Self) -> bool {
        (&self.path, &self.role) == (&other.path, &other.role)
    }

    pub(super) fn limits(&self) -> Limits {
        Limits {
            requests: whole(self.rate),
            window: Duration::from_secs(self.interval),
            block: Duration::from_secs(self.block_interval),
        }
    }

    /// How specific it is for a request; none if it is not about it.
    fn specificity(&self, target: Target<'_>) -> Option<(Specific, usize)> {
        if !self.role.is_empty() {
            let fits = self.path == target.mount && self.role == target.role;
            return fits.then_some((Specific::Role, 0));
        }
        if self.path.is_empty() {
            return Some((Specific::Everything, 0));
        }
        if let Some(beginning) = self.path.strip_suffix('*') {
            let fits = target.path.starts_with(beginning);
            return fits.then_some((Specific::Beginning, beginning.len()));
        }
        if self.path == target.path {
            return Some((Specific::Path, 0));
        }
        (self.path == target.mount).then_some((Specific::Mount, 0))
    }
}

/// From the least specific to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Specific {
    Everything,
    Mount,
    Beginning,
    Path,
    Role,
}

/// The quota that counts for a request, and its name.
pub(super) fn most_specific<'a>(
    rules: &'a BTreeMap<String, Arc<RateLimit>>,
    target: Target<'_>,
) -> Option<(&'a str, &'a RateLimit)> {
    let fitting = rules.iter().filter_map(|(name, rule)| {
        let specificity = rule.specificity(target)?;
        Some((specificity, name.as_str(), rule.as_ref()))
    });
    let best = fitting.max_by_key(|(specificity, ..)| *specificity);
    best.map(|(_, name, rule)| (name, rule))
}

/// A rate as a number of requests, rounded up.
fn whole(rate: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it saturates, and rates are above zero"
    )]
    let requests = rate.ceil() as u64;
    requests
}
