//! Tends pools when they are due, while the host's periodic calls license this node
//! (`lifecycle.md`, 23).

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use logical::Error;

use super::make::LOADED_FOR;
use crate::ids::{Generation, RoleName};
use crate::proving::until;
use crate::state::Engine;

/// Between two looks at what is due, where nothing is.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// How soon storage is asked again for the pools after it failed.
const FIND_AGAIN: Duration = Duration::from_mins(1);

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
                engine.find_pools().await;
                engine.tend_what_is_due();
                engine.nap_of_spares().await;
            }
        }));
    }

    /// Asks storage for all pools, now and then: a process that was active before this
    /// one may have begun a pool after it was asked. Pools that are known are tended
    /// whatever storage answers.
    async fn find_pools(&self) {
        let at = self.clock.monotonic();
        if !self.pools.takes_turn_to_find(at, LOADED_FOR) {
            return;
        }
        match self.all_pools().await {
            Ok(all) => self.pools.know(all, self.clock.now()),
            Err(error) => {
                tracing::warn!(
                    error = error.message(),
                    "the spares of roles could not be read and are looked at again"
                );
                self.pools.find_again_at(at + FIND_AGAIN);
            }
        }
    }

    async fn all_pools(&self) -> Result<Vec<(Generation, RoleName)>, Error> {
        let mut all = self.pools.pointers.generations().await?;
        let roles = self.roles.all().await?;
        let wanting = roles.into_iter().filter(|role| role.spares.count() > 0);
        all.extend(wanting.map(|role| (role.generation, role.name)));
        Ok(all)
    }

    fn tend_what_is_due(self: &Arc<Self>) {
        for (generation, role) in self.pools.take_due(self.clock.now()) {
            let engine = Arc::clone(self);
            self.tasks.spawn(Box::pin(async move {
                if let Ok(_turn) = engine.pools.turns.acquire().await {
                    engine.tend(&generation, &role).await;
                }
            }));
        }
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
