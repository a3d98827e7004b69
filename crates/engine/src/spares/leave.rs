//! The ends of spares: those that nobody wants any more, and those that no pointer
//! names.

use logical::Error;

use crate::credential::Purpose;
use crate::ids::Generation;
use crate::ledger::{Entry, Event, Failure};
use crate::role::Role;
use crate::spare_pool::Stage;
use crate::state::Engine;

impl Engine {
    /// A spare goes: first what names it, then the key (`lifecycle-2.md`, 32).
    pub(super) async fn let_go_spare(
        &self,
        generation: &Generation,
        entry: &Entry,
    ) -> Result<(), Error> {
        let id = entry.id();
        let any = [Stage::Free, Stage::Claimed, Stage::Slot, Stage::Making];
        self.pools.advance(generation, id, &any, Stage::Leaving);
        self.rotations.forget_key(id);
        self.pools.pointers.delete(generation, id).await?;
        self.unpin(entry).await?;
        self.pools.remove(generation, id);
        self.pools.changed.notify_waiters();
        Ok(())
    }

    /// The pointer of a key that is no spare goes.
    pub(super) async fn strike_spare(
        &self,
        generation: &Generation,
        entry: &Entry,
    ) -> Result<(), Error> {
        self.pools.pointers.delete(generation, entry.id()).await?;
        self.pools.remove(generation, entry.id());
        Ok(())
    }

    /// Lets go of a spare that no pointer names: its process died between the two
    /// (`lifecycle-2.md`, 33).
    pub(crate) async fn release_unnamed_spare(&self, entry: &Entry) -> Result<(), Error> {
        let pinned = entry.look(|known| known.pinned.then(|| known.purpose.clone()));
        let Some(Purpose::Role { generation, .. }) = pinned.flatten() else {
            return Ok(());
        };
        if self.pools.pointers.names(&generation, entry.id()).await? {
            return Ok(());
        }
        self.unpin(entry).await
    }

    /// Storage is read first: another process may have handed the key out.
    async fn unpin(&self, entry: &Entry) -> Result<(), Error> {
        match self.ledger.refresh(entry).await {
            Ok(()) => {}
            Err(Failure::Unknown | Failure::Refused(_)) => return Ok(()),
            Err(Failure::Failed(error)) => return Err(error),
        }
        let unpin = Event::Unpin {
            grace: None,
            now: self.clock.now(),
        };
        match self.ledger.apply(entry, unpin).await {
            Ok(()) | Err(Failure::Unknown | Failure::Refused(_)) => Ok(()),
            // A deletion that failed is the sweep's.
            Err(Failure::Failed(error)) => match entry.look(|known| known.pinned) {
                Some(false) => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// A role was written or deleted: spares of its earlier state go, and those of its
    /// new one are made.
    pub(crate) fn tend_changed_role(&self, earlier: Option<&Role>, role: Option<&Role>) {
        let now = self.clock.now();
        let with_spares = [earlier, role].into_iter().flatten();
        for role in with_spares.filter(|role| role.asks_readiness()) {
            self.pools.schedule(&role.generation, &role.name, now);
        }
        if let (Some(earlier), Some(role)) = (earlier, role)
            && earlier.generation == role.generation
            && role.spares.count() < earlier.spares.count()
        {
            self.pools.shrink(&role.generation, &role.name);
        }
    }
}
