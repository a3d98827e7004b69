//! Static roles that are due.

use std::sync::Arc;

use crate::ids::RoleName;
use crate::state::Engine;

impl Engine {
    /// Asks storage for all static roles, once in the life of a process.
    pub(crate) async fn find_static_roles(&self) {
        if self.rotations.knows_all() {
            return;
        }
        match self.static_roles.list().await {
            Ok(names) => {
                let names: Vec<_> = names.into_iter().map(RoleName::new).collect();
                self.rotations.know_all(&names, self.clock.now());
            }
            Err(error) => tracing::warn!(
                error = error.message(),
                "the static roles could not be read and are looked at again"
            ),
        }
    }

    /// Advances the static roles that are due.
    pub(crate) fn advance_what_is_due(self: &Arc<Self>) {
        for name in self.rotations.take_due(self.clock.now()) {
            self.advance_later(name);
        }
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
}
