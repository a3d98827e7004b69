//! When the mount's heartbeat is due, which tells how long this engine was away.

use std::time::Duration;

/// What memory keeps between two heartbeats.
#[derive(Default)]
pub(crate) struct Presence {
    /// When the next one is due, in monotonic time; none before the first.
    pub(crate) next: Option<Duration>,
}
