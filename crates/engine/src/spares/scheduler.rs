//! Tends pools when they are due, while the host's periodic calls license this node
//! (`lifecycle.md`, 23).

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use logical::Error;

use crate::proving::until;
use crate::state::Engine;

/// Between two looks at what is due, where nothing is.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// Where more is due at once than can be done.
const SHORTEST_NAP: Duration = Duration::from_millis(100);

impl Engine {
    /// The host's periodic call: runs the scheduler unless it runs.
    pub(crate) fn license_spares(self: &Arc<Self>) {
        // The clock may have been set.
        self.pools.earlier.notify_one();
        let engine = Arc::clone(self);
        self.tasks.spawn(Box::pin(async move {
            let Ok(_scheduling) = engine.pools.scheduling.try_lock() else {
                return;
            };
            while engine.is_licensed() {
                if let Err(error) = engine.tend_what_is_due().await {
                    tracing::warn!(
                        error = error.message(),
                        "the spares of roles could not be read and are looked at again"
                    );
                }
                engine.nap_of_spares().await;
            }
        }));
    }

    async fn tend_what_is_due(self: &Arc<Self>) -> Result<(), Error> {
        if !self.pools.knows_all() {
            let mut all = self.pools.pointers.generations().await?;
            let roles = self.roles.all().await?;
            let wanting = roles.into_iter().filter(|role| role.spares.count() > 0);
            all.extend(wanting.map(|role| (role.generation, role.name)));
            self.pools.know_all(all, self.clock.now());
        }
        for (generation, role) in self.pools.take_due(self.clock.now()) {
            let engine = Arc::clone(self);
            self.tasks.spawn(Box::pin(async move {
                if let Ok(_turn) = engine.pools.turns.acquire().await {
                    engine.tend(&generation, &role).await;
                }
            }));
        }
        Ok(())
    }

    /// Waits until something is due, or the host calls.
    async fn nap_of_spares(&self) {
        let due = self.pools.next_due();
        let wait = due.map_or(LONGEST_NAP, |due| until(self.clock.now(), due));
        let wait = wait.clamp(SHORTEST_NAP, LONGEST_NAP);
        let earlier = std::pin::pin!(self.pools.earlier.notified());
        match select(self.tasks.sleep(wait), earlier).await {
            Either::Left(_) | Either::Right(_) => {}
        }
    }
}
