//! Whether the sweep may run, and how its last run went. Running it is `sweep`'s
//! part.

use std::time::Duration;

use jiff::Timestamp;

/// How long one periodic call licenses the sweep.
pub(crate) const LICENCE: Duration = Duration::from_mins(2);

/// What the sweep remembers between runs.
#[derive(Default)]
pub(crate) struct Sweep {
    pub(crate) licensed_until: Option<Duration>,
    pub(crate) full_look_at: Option<Duration>,
    pub(crate) last: Option<LastSweep>,
}

impl Sweep {
    /// Of a mount that starts now: the host has the usual time for its first
    /// call.
    pub(crate) fn starting(now: Duration) -> Self {
        Self {
            licensed_until: Some(now + LICENCE),
            ..Self::default()
        }
    }
}

/// How the last sweep went.
#[derive(Debug, Clone)]
pub(crate) struct LastSweep {
    /// When it ended.
    pub(crate) at: Timestamp,
    /// Why it ended early, if it did.
    pub(crate) error: Option<String>,
}

/// Whether a sweep may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Licence {
    /// As long as the host's periodic calls come.
    Periodic,
    /// To the end: a request asked for it.
    Request,
}
