//! Pools of spares that are due.

use std::sync::Arc;
use std::time::Duration;

use logical::Error;

use super::make::LOADED_FOR;
use crate::ids::{Generation, RoleName};
use crate::state::Engine;

/// How soon storage is asked again for the pools after it failed.
const FIND_AGAIN: Duration = Duration::from_mins(1);

impl Engine {
    /// Asks storage for all pools, now and then: a process that was active before this
    /// one may have begun a pool after it was asked. Pools that are known are tended
    /// whatever storage answers.
    pub(crate) async fn find_pools(&self) {
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

    /// Tends the pools that are due.
    pub(crate) fn tend_what_is_due(self: &Arc<Self>) {
        for (generation, role) in self.pools.take_due(self.clock.now()) {
            let engine = Arc::clone(self);
            self.tasks.spawn(Box::pin(async move {
                if let Ok(_turn) = engine.pools.turns.acquire().await {
                    engine.tend(&generation, &role).await;
                }
            }));
        }
    }
}
