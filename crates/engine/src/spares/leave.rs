//! The ends of spares: those that nobody wants any more, and those that no pointer
//! names.

use logical::Error;

use crate::credential::{Credential, Purpose};
use crate::ids::{Generation, HolderId};
use crate::issue::deadline;
use crate::ledger::{Entry, Event, Failure, Holder};
use crate::role::Role;
use crate::spare_pool::Stage;
use crate::state::Engine;

impl Engine {
    /// A spare goes: first what names it, then the key (`lifecycle.md`, 32).
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
        self.unpin(entry, None).await?;
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

    /// A key of a pool that storage does not name is no spare any more: another process
    /// took it, or let go of it.
    pub(super) async fn drop_unnamed(
        &self,
        generation: &Generation,
        entry: &Entry,
        stage: Stage,
    ) -> Result<(), Error> {
        let pools = &self.pools;
        if pools.advance(generation, entry.id(), &[stage], Stage::Leaving) {
            self.rotations.forget_key(entry.id());
            self.release_unnamed_spare(entry).await?;
            pools.remove(generation, entry.id());
        }
        Ok(())
    }

    /// Lets go of a spare that no pointer names: its process died between the two, or
    /// a process that was paused wrote over what another one did
    /// (`lifecycle.md`, 33). The key may have been handed out then, so that one which
    /// works lives on for the time of a lease; who extends the lease holds it again.
    pub(crate) async fn release_unnamed_spare(&self, entry: &Entry) -> Result<(), Error> {
        let spare = |known: &Credential| {
            let (purpose, works) = (known.purpose.clone(), known.is_ready());
            known.is_spare().then_some((purpose, works))
        };
        let spare = match self.ledger.look(entry, spare).await {
            Ok(spare) => spare,
            Err(Failure::Unknown | Failure::Refused(_)) => None,
            Err(Failure::Failed(error)) => return Err(error),
        };
        let Some((
            Purpose::Role {
                role, generation, ..
            },
            works,
        )) = spare
        else {
            return Ok(());
        };
        if self.pools.pointers.names(&generation, entry.id()).await? {
            return Ok(());
        }
        let mut grace = None;
        if works {
            let ttl = match self.roles.get(&role).await? {
                Some(role) => self.lease_times(&role).await?.ttl,
                None => self.system.default_lease_ttl().await?,
            };
            let now = self.timekeeper.deadlines_from();
            let holder = HolderId::derived(&format!("unnamed {}", entry.id()));
            grace = Some((holder, Holder::new(now, deadline(now, ttl, now, ttl))));
        }
        self.unpin(entry, grace).await
    }

    /// Storage is read first: another process may have handed the key out.
    async fn unpin(&self, entry: &Entry, grace: Option<(HolderId, Holder)>) -> Result<(), Error> {
        match self.ledger.refresh(entry).await {
            Ok(()) => {}
            Err(Failure::Unknown | Failure::Refused(_)) => return Ok(()),
            Err(Failure::Failed(error)) => return Err(error),
        }
        match self.ledger.apply(entry, Event::Unpin { grace }).await {
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
