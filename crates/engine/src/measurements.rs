//! What the engine reports of its keys, as measurements of the host.
//!
//! Labels are of few values: never a key, an owner or a role. Gauges name their
//! mount by the host's stable id of it, since those of two mounts would
//! overwrite each other otherwise.

use std::sync::Arc;

use logical::{ErrorClass, Metrics};

use crate::control_plane::RemovalBy;
use crate::credential::Purpose;

/// Attempts to make a key, by purpose and outcome: `made`, or the cause.
const CREATIONS: &str = "engine_key_creations_total";
/// Credentials that were handed out, by whether the key is shared.
const HANDED_OUT: &str = "engine_credentials_total";
/// Attempts to delete a key, by who asked for it and outcome.
const DELETIONS: &str = "engine_key_deletions_total";
/// Keys that are not gone, by mount and stage.
const KEYS: &str = "engine_keys";
/// Deletions that did not come to pass yet, by mount and cause.
const DELETIONS_DUE: &str = "engine_key_deletions_due";

/// Rotations of static roles that ended, by outcome: `done`, `late` (done after
/// the planned time, by more than a minute), or `failed` (an attempt).
const ROTATIONS: &str = "engine_rotations_total";

/// New keys that were tried to the end, by outcome: on what each counts as working,
/// or `not_ready`.
const PROOFS: &str = "engine_key_proofs_total";

/// Old keys of static roles that waited for silence and ended: `quiet`, or `in_use`
/// (at `max_overlap`, although something may use them).
const OLD_KEYS: &str = "engine_old_keys_ended_total";

/// Where the measurements of a mount go.
pub(crate) struct Measurements {
    metrics: Arc<dyn Metrics>,
    /// The host's stable id of the mount.
    mount: String,
}

impl Measurements {
    pub(crate) fn new(metrics: Arc<dyn Metrics>, mount: String) -> Self {
        Self { metrics, mount }
    }

    /// A key was made, or could not be for a cause.
    pub(crate) fn creation(&self, purpose: &'static str, outcome: &'static str) {
        let labels = [("purpose", purpose), ("outcome", outcome)];
        self.metrics.count(CREATIONS, &labels, 1);
    }

    /// A reader was handed a credential.
    pub(crate) fn handed_out(&self, is_shared: bool) {
        let key = if is_shared { "shared" } else { "single_use" };
        self.metrics.count(HANDED_OUT, &[("key", key)], 1);
    }

    /// A key was deleted, or could not be.
    pub(crate) fn deletion(&self, by: RemovalBy, outcome: &'static str) {
        let by = match by {
            RemovalBy::Operator => "operator",
            RemovalBy::Host => "host",
            RemovalBy::Sweep => "sweep",
        };
        let labels = [("by", by), ("outcome", outcome)];
        self.metrics.count(DELETIONS, &labels, 1);
    }

    /// A rotation ended, or an attempt at it failed.
    pub(crate) fn rotation(&self, outcome: &'static str) {
        self.metrics.count(ROTATIONS, &[("outcome", outcome)], 1);
    }

    /// A new key was tried to the end.
    pub(crate) fn proof(&self, outcome: &'static str) {
        self.metrics.count(PROOFS, &[("outcome", outcome)], 1);
    }

    /// An old key that waited for silence ended.
    pub(crate) fn old_key_ended(&self, outcome: &'static str) {
        self.metrics.count(OLD_KEYS, &[("outcome", outcome)], 1);
    }

    /// How many keys are at a stage.
    pub(crate) fn keys(&self, stage: &'static str, count: usize) {
        self.gauge(KEYS, ("stage", stage), count);
    }

    /// How many deletions did not come to pass yet, for a cause.
    pub(crate) fn deletions_due(&self, cause: &'static str, count: usize) {
        self.gauge(DELETIONS_DUE, ("cause", cause), count);
    }

    fn gauge(&self, name: &'static str, label: (&'static str, &str), count: usize) {
        let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let labels = [("mount", self.mount.as_str()), label];
        self.metrics.gauge(name, &labels, count);
    }
}

/// The purpose of a key as a label.
pub(crate) fn purpose(purpose: &Purpose) -> &'static str {
    match purpose {
        Purpose::Role { .. } => "role",
        Purpose::Static { .. } => "static_role",
    }
}

/// The cause of a failure that Confluent has no part in, as a label.
pub(crate) fn cause(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::ReadOnlyStorage => "read_only",
        ErrorClass::UpstreamRateLimited => "rate_limited",
        ErrorClass::UpstreamFailed => "unavailable",
        ErrorClass::Internal | ErrorClass::Unrecoverable => "internal",
        _ => "refused",
    }
}
