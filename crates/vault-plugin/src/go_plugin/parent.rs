//! Detects the death of the host.
//!
//! A plugin whose host was killed is not ended by anything: its pipes break and
//! it gets another parent. So the parent is polled. A parent-death signal would
//! be tied to the thread that started this process, which Go may end at any
//! time.

use std::time::Duration;

use rustix::process::{Pid, getppid};

/// Polling interval, the longest life of an orphan.
const INTERVAL: Duration = Duration::from_secs(1);

/// The process that started this one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parent(Option<Pid>);

impl Parent {
    /// The present parent. Read it early: one that ended before is not missed.
    pub(crate) fn now() -> Self {
        Self(getppid())
    }

    /// Returns when this process has another parent.
    pub(crate) async fn gone(self) {
        while getppid() == self.0 {
            tokio::time::sleep(INTERVAL).await;
        }
    }
}
