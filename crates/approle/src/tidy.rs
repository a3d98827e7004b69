//! Removes secret ids that expired. A login checks for itself, so this only
//! frees storage.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use logical::Error;

use crate::method::AppRole;

/// Seconds between two runs that nobody asked for.
const INTERVAL: u64 = 15 * 60;

/// Ends a run when dropped, even if it panicked.
struct Running<'a>(&'a AtomicBool);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl AppRole {
    /// Starts a run in the background if the last one was long ago.
    pub(crate) fn tidy_now_and_then(self: &Arc<Self>) {
        let now = self.clock.monotonic().as_secs();
        if now.saturating_sub(self.tidying.last.load(Ordering::SeqCst)) >= INTERVAL {
            self.tidy_in_background();
        }
    }

    /// Starts a run in the background, unless one is in progress.
    pub(crate) fn tidy_in_background(self: &Arc<Self>) {
        let method = Arc::clone(self);
        self.tasks.spawn(Box::pin(async move {
            match method.tidy().await {
                Ok(removed) => tracing::debug!(removed, "secret ids were tidied"),
                Err(error) => tracing::warn!(%error, "tidying secret ids failed"),
            }
        }));
    }

    async fn tidy(&self) -> Result<usize, Error> {
        if self.tidying.is_running.swap(true, Ordering::SeqCst) {
            return Ok(0);
        }
        let _running = Running(&self.tidying.is_running);
        let now = self.clock.monotonic().as_secs();
        self.tidying.last.store(now, Ordering::SeqCst);
        let mut removed = 0;
        for key in self.store.all_secret_ids().await? {
            let Some(found) = self.store.found(key).await? else {
                continue;
            };
            if found.entry.is_expired(self.clock.now()) && self.store.remove(&found).await? {
                removed += 1;
            }
        }
        Ok(removed)
    }
}
