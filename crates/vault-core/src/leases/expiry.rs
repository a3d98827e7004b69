//! The loop that revokes expired leases.
//!
//! The loop moves due leases to the queue of their mount and starts workers for
//! it; it never waits for an engine. A lease whose revocation fails, times out
//! or panics is queued again.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select;
use logical::TaskGroup;
use logical::effects::catch_panic;

use super::Leases;
use crate::tokens::later;

/// Longest interval between two looks at the queue, because wall clocks jump.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
/// Delay before a lease is queued again after a failure that is not its
/// engine's.
pub(super) const REQUEUE_AFTER: Duration = Duration::from_secs(90);

impl Leases {
    /// Starts restoration and expiration of leases in the group `loops`.
    pub(crate) fn run(self: &Arc<Self>, loops: &dyn TaskGroup) {
        let leases = Arc::clone(self);
        loops.spawn(Box::pin(
            async move { leases.restore_in_background().await },
        ));
        let leases = Arc::clone(self);
        loops.spawn(Box::pin(async move { leases.expire().await }));
    }

    async fn expire(self: Arc<Self>) {
        loop {
            while let Some(id) = self.due_queue.pop_due(self.clock.now()) {
                self.hand_to_worker(id);
            }
            let sleep = self.tasks.sleep(self.until_next());
            select(sleep, pin!(self.due_queue.sooner())).await;
        }
    }

    fn hand_to_worker(self: &Arc<Self>, id: Box<str>) {
        // Leases without a mount share one queue.
        let mount = self.router.route(&id).map(|(mount, _)| mount.path());
        let mount = mount.unwrap_or_default();
        if !self.worker_queues.push(&mount, id) {
            return;
        }
        let leases = Arc::clone(self);
        self.tasks.spawn(Box::pin(async move {
            while let Some(id) = leases.worker_queues.next(&mount) {
                if catch_panic(leases.expire_if_due(&id)).await.is_err() {
                    leases.requeue(&id);
                }
            }
        }));
    }

    /// Queues a lease again that is due and could not be revoked.
    pub(super) fn requeue(&self, id: &str) {
        if let Ok(again) = later(self.clock.now(), REQUEUE_AFTER) {
            self.due_queue.insert(id, again);
        }
    }

    fn until_next(&self) -> Duration {
        let now = self.clock.now();
        let until = |due: jiff::Timestamp| {
            Duration::try_from(due.duration_since(now)).unwrap_or(Duration::ZERO)
        };
        self.due_queue
            .next_due()
            .map_or(LONGEST_SLEEP, until)
            .min(LONGEST_SLEEP)
    }
}
