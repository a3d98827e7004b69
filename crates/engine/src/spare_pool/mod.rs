//! The spares of a mount: keys that are made and proven before somebody reads them.
//! Here is what memory knows of them, and the pointers in storage; making, handing
//! out and letting go of them is `spares`' part.
//!
//! All of memory can be lost: pointers and keys are in storage.

mod pointers;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, OwnedMutexGuard, Semaphore};

use crate::credential::Credential;
use crate::ids::{CredentialId, Generation, RoleName};
use crate::ledger::Entry;
use crate::records::KeyedLock;
use crate::work::{DueQueue, SchedulerState};

pub(crate) use pointers::{AllPins, SparePointers};

/// How many pools are tended at once.
const AT_ONCE: usize = 8;

/// The spares of a mount, a pool for each generation of a role.
pub(crate) struct Pools {
    pub(crate) pointers: Arc<SparePointers>,
    memory: Mutex<Memory>,
    /// Held for a pool by whoever tends it.
    tending: KeyedLock,
    /// Held for a key by the reader of a slot who takes it.
    taking: KeyedLock,
    scheduler: Arc<SchedulerState>,
    /// A key was proven or given up: whoever waits for one looks again.
    pub(crate) changed: Notify,
    pub(crate) turns: Semaphore,
}

#[derive(Default)]
struct Memory {
    due: DueQueue<Generation, ()>,
    /// When storage is asked for all pools, in monotonic time.
    find_at: Duration,
    pools: HashMap<Generation, Pool>,
    /// Keys that are tried now, and when a reader asked for each last, in monotonic
    /// time.
    trying: HashMap<CredentialId, Duration>,
}

/// The spares of a generation.
struct Pool {
    role: RoleName,
    /// When the pointers in storage were read, in monotonic time.
    loaded_at: Option<Duration>,
    keys: BTreeMap<CredentialId, Pooled>,
    failure: Option<Refill>,
    /// Whether the role wants fewer than it did.
    shrinks: bool,
    /// Whether something happened since somebody began to tend it.
    disturbed: bool,
    /// When to look whether the keys still exist, in monotonic time.
    confirm_at: Option<Duration>,
}

#[derive(Clone)]
struct Pooled {
    entry: Arc<Entry>,
    stage: Stage,
}

/// What happens to a spare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is being made.
    Making,
    /// Anybody may take it.
    Free,
    /// A reader waits for it or takes it.
    Claimed,
    /// All readers of a slot wait for it.
    Slot,
    /// It goes.
    Leaving,
}

/// An attempt to refill a pool that failed.
#[derive(Debug, Clone)]
pub(crate) struct Refill {
    pub(crate) attempts: u32,
    pub(crate) error: String,
    pub(crate) retry_at: Timestamp,
}

/// How many spares there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) ready: u64,
    pub(crate) being_made: u64,
}

impl Pools {
    pub(crate) fn new(pointers: Arc<SparePointers>, scheduler: Arc<SchedulerState>) -> Self {
        Self {
            pointers,
            memory: Mutex::default(),
            tending: KeyedLock::default(),
            taking: KeyedLock::default(),
            scheduler,
            changed: Notify::new(),
            turns: Semaphore::new(AT_ONCE),
        }
    }

    /// Excludes others who would tend this pool.
    pub(crate) async fn tend(&self, generation: &Generation) -> OwnedMutexGuard<()> {
        self.tending.lock(&generation.to_string()).await
    }

    /// Excludes other readers who would take this key.
    pub(crate) async fn take(&self, id: &CredentialId) -> OwnedMutexGuard<()> {
        self.taking.lock(&id.to_string()).await
    }

    /// Schedules the pool of a role's generation for a time, and lets the scheduler
    /// know.
    pub(crate) fn schedule(&self, generation: &Generation, role: &RoleName, due: Timestamp) {
        let mut memory = self.memory();
        memory.pool(generation, role).disturbed = true;
        memory.due.schedule(generation, due, ());
        drop(memory);
        self.scheduler.wake();
    }

    /// As [`Self::schedule`], where there is such a pool.
    pub(crate) fn schedule_known(&self, generation: &Generation, due: Timestamp) {
        let mut memory = self.memory();
        if let Some(pool) = memory.pools.get_mut(generation) {
            pool.disturbed = true;
            memory.due.schedule(generation, due, ());
            drop(memory);
            self.scheduler.wake();
        }
    }

    /// Whoever tends a pool begins now: what happens from now on counts.
    pub(crate) fn begin_to_tend(&self, generation: &Generation) {
        if let Some(pool) = self.memory().pools.get_mut(generation) {
            pool.disturbed = false;
        }
    }

    /// A pool was tended, and is looked at again then, or earlier if something
    /// happened meanwhile.
    pub(crate) fn tended(&self, generation: &Generation, again: Timestamp, now: Timestamp) {
        let mut memory = self.memory();
        let Some(pool) = memory.pools.get(generation) else {
            return;
        };
        let due = if pool.disturbed { now } else { again };
        memory.due.schedule(generation, due, ());
        drop(memory);
        self.scheduler.wake();
    }

    /// The role wants fewer spares than before.
    pub(crate) fn shrink(&self, generation: &Generation, role: &RoleName) {
        self.memory().pool(generation, role).shrinks = true;
    }

    /// Whether the role wants fewer spares than it did when this was asked last.
    pub(crate) fn takes_turn_to_shrink(&self, generation: &Generation) -> bool {
        let mut memory = self.memory();
        let pool = memory.pools.get_mut(generation);
        pool.is_some_and(|pool| std::mem::take(&mut pool.shrinks))
    }

    /// Nobody need look at a pool again, unless it has keys.
    pub(crate) fn forget(&self, generation: &Generation) {
        let mut memory = self.memory();
        if memory
            .pools
            .get(generation)
            .is_none_or(|pool| pool.keys.is_empty() && !pool.disturbed)
        {
            memory.pools.remove(generation);
            memory.due.remove(generation);
        }
    }

    /// Pools that are due, with their roles.
    pub(crate) fn take_due(&self, now: Timestamp) -> Vec<(Generation, RoleName)> {
        let mut memory = self.memory();
        let due = memory.due.take_due(now);
        due.into_iter()
            .filter_map(|generation| {
                let role = memory.pools.get(&generation)?.role.clone();
                Some((generation, role))
            })
            .collect()
    }

    /// When the next pool is due.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.memory().due.next_due()
    }

    /// Whether it is time to ask storage for all pools, at first and after each
    /// interval.
    pub(crate) fn takes_turn_to_find(&self, now: Duration, interval: Duration) -> bool {
        let mut memory = self.memory();
        let is_time = now >= memory.find_at;
        if is_time {
            memory.find_at = now + interval;
        }
        is_time
    }

    /// Storage did not say which pools there are, and is asked again then.
    pub(crate) fn find_again_at(&self, at: Duration) {
        self.memory().find_at = at;
    }

    /// Schedules the pools that storage has and that are not scheduled.
    pub(crate) fn know(&self, all: Vec<(Generation, RoleName)>, now: Timestamp) {
        let mut memory = self.memory();
        for (generation, role) in all {
            memory.pool(&generation, &role);
            if memory.due.due(&generation).is_none() {
                memory.due.schedule(&generation, now, ());
            }
        }
    }

    /// When the pointers of a pool were read, in monotonic time.
    pub(crate) fn loaded_at(&self, generation: &Generation) -> Option<Duration> {
        self.memory().pools.get(generation)?.loaded_at
    }

    /// The keys that pointers in storage name, as read at a moment of monotonic time.
    pub(crate) fn learn(
        &self,
        generation: &Generation,
        role: &RoleName,
        entries: Vec<Arc<Entry>>,
        at: Duration,
    ) {
        let mut memory = self.memory();
        let pool = memory.pool(generation, role);
        for entry in entries {
            let stage = Stage::Free;
            let id = entry.id().clone();
            pool.keys.entry(id).or_insert(Pooled { entry, stage });
        }
        pool.loaded_at = Some(at);
    }

    /// A key is about to be made.
    pub(crate) fn begin(&self, generation: &Generation, role: &RoleName, entry: &Arc<Entry>) {
        let pooled = Pooled {
            entry: Arc::clone(entry),
            stage: Stage::Making,
        };
        let mut memory = self.memory();
        let pool = memory.pool(generation, role);
        pool.keys.insert(entry.id().clone(), pooled);
    }

    /// Claims the free key that ranks highest, for a reader that takes it or waits for
    /// it; none where no key ranks.
    pub(crate) fn claim<R: Ord>(
        &self,
        generation: &Generation,
        rank: impl Fn(&Credential) -> Option<R>,
    ) -> Option<Arc<Entry>> {
        let mut memory = self.memory();
        let keys = &mut memory.pools.get_mut(generation)?.keys;
        let free = keys
            .values_mut()
            .filter(|pooled| pooled.stage == Stage::Free);
        let ranked = free.filter_map(|pooled| {
            let rank = pooled.entry.look(&rank).flatten()?;
            Some((rank, pooled))
        });
        let (_, best) = ranked.max_by(|(one, _), (other, _)| one.cmp(other))?;
        best.stage = Stage::Claimed;
        Some(Arc::clone(&best.entry))
    }

    /// Moves a key to another stage, if it is at one of these.
    pub(crate) fn advance(
        &self,
        generation: &Generation,
        id: &CredentialId,
        from: &[Stage],
        to: Stage,
    ) -> bool {
        let mut memory = self.memory();
        let keys = memory.pools.get_mut(generation).map(|pool| &mut pool.keys);
        let pooled = keys.and_then(|keys| keys.get_mut(id));
        match pooled.filter(|pooled| from.contains(&pooled.stage)) {
            Some(pooled) => {
                pooled.stage = to;
                true
            }
            None => false,
        }
    }

    /// A key is no spare any more, neither here nor in storage.
    pub(crate) fn remove(&self, generation: &Generation, id: &CredentialId) {
        if let Some(pool) = self.memory().pools.get_mut(generation) {
            pool.keys.remove(id);
        }
    }

    /// Whether a key is a spare, or one that is being taken.
    pub(crate) fn has(&self, generation: &Generation, id: &CredentialId) -> bool {
        let memory = self.memory();
        let pool = memory.pools.get(generation);
        pool.is_some_and(|pool| pool.keys.contains_key(id))
    }

    /// The keys of a pool.
    pub(crate) fn keys(&self, generation: &Generation) -> Vec<(Arc<Entry>, Stage)> {
        let memory = self.memory();
        let pool = memory.pools.get(generation);
        let keys = pool.into_iter().flat_map(|pool| pool.keys.values());
        keys.map(|pooled| (Arc::clone(&pooled.entry), pooled.stage))
            .collect()
    }

    /// How many spares all pools have.
    pub(crate) fn counts(&self) -> Counts {
        let memory = self.memory();
        let mut counts = Counts::default();
        for pooled in memory.pools.values().flat_map(|pool| pool.keys.values()) {
            if pooled.stage == Stage::Leaving {
                continue;
            }
            counts.add(pooled.entry.look(Credential::is_ready).unwrap_or_default());
        }
        counts
    }

    /// Notes how an attempt to refill a pool went.
    pub(crate) fn refilled(&self, generation: &Generation, failure: Option<Refill>) {
        if let Some(pool) = self.memory().pools.get_mut(generation) {
            pool.failure = failure;
        }
    }

    /// Why a pool was not refilled last.
    pub(crate) fn failure(&self, generation: &Generation) -> Option<Refill> {
        self.memory().pools.get(generation)?.failure.clone()
    }

    /// Pools that could not be refilled, by role.
    pub(crate) fn failures(&self) -> BTreeMap<RoleName, Refill> {
        let memory = self.memory();
        let pools = memory.pools.values();
        pools
            .filter_map(|pool| Some((pool.role.clone(), pool.failure.clone()?)))
            .collect()
    }

    /// Whether it is time to look whether the keys of a pool still exist.
    pub(crate) fn takes_turn_to_confirm(
        &self,
        generation: &Generation,
        now: Duration,
        interval: Duration,
    ) -> bool {
        let mut memory = self.memory();
        let Some(pool) = memory.pools.get_mut(generation) else {
            return false;
        };
        let at = *pool.confirm_at.get_or_insert(now + interval);
        let is_time = now >= at;
        if is_time {
            pool.confirm_at = Some(now + interval);
        }
        is_time
    }

    /// Somebody wants to know whether a key works. Gives whether it is to be tried
    /// from now on, since nobody tries it.
    pub(crate) fn begin_to_try(&self, id: &CredentialId, now: Duration) -> bool {
        self.memory().trying.insert(id.clone(), now).is_none()
    }

    /// When somebody asked last whether a key works.
    pub(crate) fn asked_at(&self, id: &CredentialId) -> Option<Duration> {
        self.memory().trying.get(id).copied()
    }

    /// A key is tried no more.
    pub(crate) fn end_trying(&self, id: &CredentialId) {
        self.memory().trying.remove(id);
        self.changed.notify_waiters();
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn pool(&mut self, generation: &Generation, role: &RoleName) -> &mut Pool {
        let pool = self.pools.entry(generation.clone());
        pool.or_insert_with(|| Pool {
            role: role.clone(),
            loaded_at: None,
            keys: BTreeMap::new(),
            failure: None,
            shrinks: false,
            disturbed: false,
            confirm_at: None,
        })
    }
}

impl Counts {
    /// Counts a key.
    pub(crate) fn add(&mut self, is_ready: bool) {
        if is_ready {
            self.ready += 1;
        } else {
            self.being_made += 1;
        }
    }
}
