//! The loop that ends leases when their time has come.
//!
//! It moves what is due to the queue of its mount and starts workers there; it
//! never waits for an engine itself. Nothing is lost with a worker: a lease
//! whose end failed, timed out or panicked is due again later.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select;
use logical::TaskGroup;
use logical::effects::catch_panic;

use super::Leases;

/// The queue is looked at this often at least, since wall clocks jump.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
/// When a lease is looked at again that could not be ended for a reason that
/// is not its engine's.
pub(super) const AGAIN: Duration = Duration::from_secs(90);

impl Leases {
    /// Starts the loop and the look for what storage holds, among the `loops`
    /// that never end by themselves.
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
            while let Some(id) = self.queue.pop_due(self.clock.now()) {
                self.hand_to_worker(id);
            }
            let sleep = self.tasks.sleep(self.until_next());
            select(sleep, pin!(self.queue.sooner())).await;
        }
    }

    fn hand_to_worker(self: &Arc<Self>, id: Box<str>) {
        // Leases whose mount is gone share the queue of no mount.
        let mount = self.router.route(&id).map(|(mount, _)| mount.path());
        let mount = mount.unwrap_or_default();
        if !self.due.push(&mount, id) {
            return;
        }
        let leases = Arc::clone(self);
        self.tasks.spawn(Box::pin(async move {
            while let Some(id) = leases.due.next(&mount) {
                if catch_panic(leases.end_if_due(&id)).await.is_err() {
                    leases.look_again(&id);
                }
            }
        }));
    }

    /// Puts a lease back that is due and could not be ended.
    pub(super) fn look_again(&self, id: &str) {
        if let Ok(again) = super::later(self.clock.now(), AGAIN) {
            self.queue.insert(id, again);
        }
    }

    fn until_next(&self) -> Duration {
        let now = self.clock.now();
        let until = |due: jiff::Timestamp| {
            Duration::try_from(due.duration_since(now)).unwrap_or(Duration::ZERO)
        };
        self.queue
            .next_due()
            .map_or(LONGEST_SLEEP, until)
            .min(LONGEST_SLEEP)
    }
}
