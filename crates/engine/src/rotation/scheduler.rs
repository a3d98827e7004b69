//! Advances static roles when they are due, while the host's periodic calls
//! license this node (`lifecycle.md`, 23).

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use logical::Error;

use crate::ids::RoleName;
use crate::proving::until;
use crate::state::Engine;

/// Between two looks at what is due, where nothing is.
const LONGEST_NAP: Duration = Duration::from_secs(30);

/// Where more is due at once than can be done.
const SHORTEST_NAP: Duration = Duration::from_millis(100);

impl Engine {
    /// The host's periodic call: runs the scheduler unless it runs.
    pub(crate) fn license_rotations(self: &Arc<Self>) {
        // The clock may have been set.
        self.rotations.earlier.notify_one();
        let engine = Arc::clone(self);
        self.tasks.spawn(Box::pin(async move {
            let Ok(_scheduling) = engine.rotations.scheduling.try_lock() else {
                return;
            };
            while engine.is_licensed() {
                if let Err(error) = engine.rotate_what_is_due().await {
                    tracing::warn!(
                        error = error.message(),
                        "the static roles could not be read and are looked at again"
                    );
                }
                engine.confirm_served_later();
                engine.nap().await;
            }
        }));
    }

    async fn rotate_what_is_due(self: &Arc<Self>) -> Result<(), Error> {
        if !self.rotations.knows_all() {
            let names = self.static_roles.list().await?;
            let names: Vec<_> = names.into_iter().map(RoleName::new).collect();
            self.rotations.know_all(&names, self.clock.now());
        }
        for name in self.rotations.take_due(self.clock.now()) {
            self.advance_later(name);
        }
        Ok(())
    }

    /// Advances a static role in the background, as far as it goes.
    pub(super) fn advance_later(self: &Arc<Self>, name: RoleName) {
        let engine = Arc::clone(self);
        self.tasks.spawn(Box::pin(async move {
            if let Ok(_turn) = engine.rotations.turns.acquire().await {
                engine.advance(&name).await;
            }
        }));
    }

    /// Waits until something is due, or the host calls.
    async fn nap(&self) {
        let due = self.rotations.next_due();
        let wait = due.map_or(LONGEST_NAP, |due| until(self.clock.now(), due));
        let wait = wait.clamp(SHORTEST_NAP, LONGEST_NAP);
        let earlier = std::pin::pin!(self.rotations.earlier.notified());
        match select(self.tasks.sleep(wait), earlier).await {
            Either::Left(_) | Either::Right(_) => {}
        }
    }
}
