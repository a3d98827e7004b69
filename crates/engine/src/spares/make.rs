//! Making spares, and what storage knows of them.

use std::sync::Arc;
use std::time::Duration;

use logical::Error;

use super::decide::{rank, sharing_of};
use crate::control_plane::Caller;
use crate::credential::{Proving, Purpose};
use crate::ids::{CredentialId, Generation, RoleName};
use crate::issue::being_removed;
use crate::ledger::{Entry, Failure};
use crate::making::Order;
use crate::role::Role;
use crate::spare_pool::{Counts, Stage};
use crate::state::Engine;

/// How many keys of entities or tokens a role has at most that no lease holds yet.
const MOST_WAITING: usize = 50;

/// For how long a pool in memory is taken to be as storage has it.
pub(super) const LOADED_FOR: Duration = Duration::from_mins(10);

/// A spare that a reader waits for or takes. Dropped, it is anybody's again.
pub(super) struct Claim {
    engine: Arc<Engine>,
    generation: Generation,
    pub(super) entry: Arc<Entry>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        let pools = &self.engine.pools;
        let id = self.entry.id();
        if pools.advance(&self.generation, id, &[Stage::Claimed], Stage::Free) {
            pools.schedule_known(&self.generation, self.engine.clock.now());
        }
    }
}

impl Claim {
    /// The key stays claimed: it is what all readers of a slot wait for.
    pub(super) fn leave_to_slot(self) -> Arc<Entry> {
        let entry = Arc::clone(&self.entry);
        let (pools, id) = (&self.engine.pools, entry.id());
        pools.advance(&self.generation, id, &[Stage::Claimed], Stage::Slot);
        pools.schedule_known(&self.generation, self.engine.clock.now());
        entry
    }
}

/// The stage of a key that is being made, however that ends.
struct Making<'a> {
    engine: &'a Engine,
    generation: &'a Generation,
    id: CredentialId,
    then: Stage,
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        let pools = &self.engine.pools;
        pools.advance(self.generation, &self.id, &[Stage::Making], self.then);
        if self.then == Stage::Free {
            // It could not be made: its pointer goes.
            pools.schedule_known(self.generation, self.engine.clock.now());
        }
    }
}

impl Engine {
    /// A spare for a reader of a role: one that works if there is one, else one that
    /// is being proven, else a new one. Must run to completion.
    pub(super) async fn claim_or_make(
        self: &Arc<Self>,
        role: &Role,
        purpose: Purpose,
        caller: Caller,
    ) -> Result<Claim, Error> {
        match self.claim(role, &purpose).await? {
            Some(claim) => Ok(claim),
            None => self.make_claimed(role, purpose, caller).await,
        }
    }

    /// A spare that is made for `purpose` and that somebody may take; none where there
    /// is none.
    pub(super) async fn claim(
        self: &Arc<Self>,
        role: &Role,
        purpose: &Purpose,
    ) -> Result<Option<Claim>, Error> {
        self.load_pool(&role.generation, &role.name).await?;
        let account = self.accounts.required().await?;
        let organization = account.organization.as_ref();
        let now = self.timekeeper.intents_from();
        let claimed = self.pools.claim(&role.generation, |credential| {
            rank(credential, (role, purpose), organization, now)
        });
        Ok(claimed.map(|entry| self.claimed(role, entry)))
    }

    fn claimed(self: &Arc<Self>, role: &Role, entry: Arc<Entry>) -> Claim {
        Claim {
            engine: Arc::clone(self),
            generation: role.generation.clone(),
            entry,
        }
    }

    async fn make_claimed(
        self: &Arc<Self>,
        role: &Role,
        purpose: Purpose,
        caller: Caller,
    ) -> Result<Claim, Error> {
        if role.sharing.is_scoped() {
            self.must_have_room(role)?;
        }
        let made = self.make_spare(role, purpose, caller, Stage::Claimed);
        let entry = made.await?;
        Ok(self.claimed(role, entry))
    }

    /// Keys of entities or tokens that are tried, or wait for their readers to read
    /// again, have no holder that limits count.
    fn must_have_room(&self, role: &Role) -> Result<(), Error> {
        let keys = self.pools.keys(&role.generation);
        let waiting = keys.iter().filter(|(_, stage)| *stage != Stage::Leaving);
        let most = match role.caps.max_active {
            0 => MOST_WAITING,
            leases => MOST_WAITING.min(usize::try_from(leases).unwrap_or(MOST_WAITING)),
        };
        if waiting.count() < most {
            return Ok(());
        }
        Err(Error::rate_limited(format!(
            "{most} keys of role `{}` wait for the entities or tokens that they were made for: \
             try again later, read again with the same token, or share by role",
            role.name
        )))
    }

    /// Makes a spare, which is at a stage then. What becomes of one that could not be
    /// made is decided by whoever tends the pool. Must run to completion.
    pub(super) async fn make_spare(
        self: &Arc<Self>,
        role: &Role,
        purpose: Purpose,
        caller: Caller,
        then: Stage,
    ) -> Result<Arc<Entry>, Error> {
        let id = CredentialId::random(&*self.entropy);
        let entry = self.ledger.entry(&id);
        self.pools.begin(&role.generation, &role.name, &entry);
        let mut making = Making {
            engine: self,
            generation: &role.generation,
            id: id.clone(),
            then: Stage::Free,
        };
        let pointers = &self.pools.pointers;
        pointers.put(&role.generation, &id, &role.name).await?;
        let description = if role.key_description.is_empty() {
            format!("Made by Lockkeeper: role {}", role.name)
        } else {
            role.key_description.clone()
        };
        let order = Order {
            id,
            purpose,
            target: role.target.clone(),
            sharing: sharing_of(role),
            pinned: true,
            proving: Proving::UnderWay,
            description,
            requester: None,
            caller,
        };
        let allowed = async {
            if self.is_tainted().await? {
                return Err(being_removed());
            }
            Ok(())
        };
        let made = self.create(order, allowed, |()| None).await;
        let (made, ()) = made?;
        making.then = then;
        Ok(made.entry)
    }

    /// Reads the pointers of a pool from storage, once.
    pub(super) async fn load_pool(
        &self,
        generation: &Generation,
        role: &RoleName,
    ) -> Result<(), Error> {
        if self.pools.loaded_at(generation).is_some() {
            return Ok(());
        }
        self.learn_pool(generation, role).await
    }

    /// Reads a pool from storage now and then: a process that was active before this
    /// one may have made a spare, or handed one out, after it was read.
    pub(super) async fn keep_pool_loaded(
        &self,
        generation: &Generation,
        role: &RoleName,
    ) -> Result<(), Error> {
        let now = self.clock.monotonic();
        let loaded_at = self.pools.loaded_at(generation);
        if loaded_at.is_some_and(|at| now.saturating_sub(at) < LOADED_FOR) {
            return Ok(());
        }
        self.learn_pool(generation, role).await
    }

    async fn learn_pool(&self, generation: &Generation, role: &RoleName) -> Result<(), Error> {
        let now = self.clock.monotonic();
        // What is made or claimed from here on changes by this process alone.
        let before = self.pools.keys(generation);
        let named = self.pools.pointers.of(generation).await?;
        for (entry, stage) in before {
            if matches!(stage, Stage::Making | Stage::Claimed) {
                continue;
            }
            match self.ledger.refresh(&entry).await {
                Ok(()) | Err(Failure::Unknown | Failure::Refused(_)) => {}
                Err(Failure::Failed(error)) => return Err(error),
            }
            if !named.contains(entry.id()) {
                self.drop_unnamed(generation, &entry, stage).await?;
            }
        }
        let mut entries = Vec::new();
        for id in named {
            let entry = self.ledger.entry(&id);
            match self.ledger.load(&entry).await {
                Ok(()) | Err(Failure::Unknown | Failure::Refused(_)) => entries.push(entry),
                Err(Failure::Failed(error)) => return Err(error),
            }
        }
        self.pools.learn(generation, role, entries, now);
        Ok(())
    }

    /// How many spares a role has, by storage: a standby's memory is not kept up to
    /// date.
    pub(crate) async fn spares_in_storage(&self, role: &Role) -> Result<Counts, Error> {
        let mut counts = Counts::default();
        for id in self.pools.pointers.of(&role.generation).await? {
            let known = self.ledger.store.load(&id).await?;
            if let Some(known) = known.filter(|known| known.pinned) {
                counts.add(known.is_ready());
            }
        }
        Ok(counts)
    }
}
