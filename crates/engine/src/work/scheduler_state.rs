//! What the scheduler shares with those who give it work.

use tokio::sync::{Mutex, MutexGuard, Notify};

/// The state of a mount's scheduler.
#[derive(Default)]
pub(crate) struct SchedulerState {
    /// Held by the scheduler that runs.
    running: Mutex<()>,
    earlier: Notify,
}

impl SchedulerState {
    /// The right to run; none while another scheduler of this mount runs.
    pub(crate) fn try_run(&self) -> Option<MutexGuard<'_, ()>> {
        self.running.try_lock().ok()
    }

    /// Something may be due earlier than the scheduler knows.
    pub(crate) fn wake(&self) {
        self.earlier.notify_one();
    }

    /// Waits until something may be due earlier.
    pub(crate) async fn woken(&self) {
        self.earlier.notified().await;
    }
}
