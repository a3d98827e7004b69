//! The scheduler: advances static roles and tends pools of spares when they are due,
//! while the host's periodic calls license this node (`lifecycle.md`, 23). Keys are
//! the sweep's.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, join, select};

use crate::proving::until;
use crate::state::Engine;

/// Between two looks at what is due, where nothing is.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// Where more is due at once than can be done.
const SHORTEST_NAP: Duration = Duration::from_millis(100);

impl Engine {
    /// The host's periodic call: runs the scheduler unless it runs.
    pub(crate) fn license_scheduler(self: &Arc<Self>) {
        // The clock may have been set.
        self.scheduler.wake();
        let engine = Arc::clone(self);
        self.tasks.spawn(Box::pin(async move {
            let Some(_running) = engine.scheduler.try_run() else {
                return;
            };
            while engine.is_licensed() {
                join(engine.find_static_roles(), engine.find_pools()).await;
                engine.advance_what_is_due();
                engine.tend_what_is_due();
                engine.confirm_served_later();
                engine.nap().await;
            }
        }));
    }

    /// Waits until something is due, or somebody wakes the scheduler.
    async fn nap(&self) {
        let due = [self.rotations.next_due(), self.pools.next_due()];
        let due = due.into_iter().flatten().min();
        let wait = due.map_or(LONGEST_NAP, |due| until(self.clock.now(), due));
        let wait = wait.clamp(SHORTEST_NAP, LONGEST_NAP);
        let woken = std::pin::pin!(self.scheduler.woken());
        match select(self.tasks.sleep(wait), woken).await {
            Either::Left(_) | Either::Right(_) => {}
        }
    }
}
