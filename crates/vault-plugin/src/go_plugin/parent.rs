//! Whether the host is still there.
//!
//! Nothing ends a plugin whose host was killed: its pipes break and it gets
//! another parent. So it looks at its parent. A signal at the parent's death
//! would be tied to the thread that started us, which Go may end at any time.

use std::time::Duration;

use rustix::process::{Pid, getppid};

/// How long an orphan may live.
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
