//! The key that the readers of a shared role get: a slot for each generation, and
//! for each scope within it. Memory only; making and looking up the key is not
//! decided here.
//!
//! Where keys have a `max_age`, a slot has a next key as well. The reader who
//! finds nine tenths of the age gone gets the turn to have it made, while all go
//! on with the present one; from `max_age` on the next one is the present one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use jiff::SignedDuration;
use logical::{Clock, Error};
use tokio::sync::oneshot;

use crate::cut_off::cut_off;
use crate::ids::Generation;
use crate::ledger::{Entry, State};
use crate::scope::SlotId;

/// How long after a failure the next key is tried again; doubled up to the
/// longest.
const RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_mins(10);

/// How many slots there are before those are dropped whose key has ended.
const PRUNE_AT: usize = 64;

/// A key that readers share.
#[derive(Clone)]
pub(crate) struct SharedKey {
    pub(crate) entry: Arc<Entry>,
    /// When its intent was written, in monotonic time: before this process, if
    /// it is negative.
    born: SignedDuration,
    /// Whether it was made before a reader asked for it, and is held until one
    /// does.
    pub(crate) reserved: bool,
}

impl SharedKey {
    /// A key that is so old now.
    pub(crate) fn aged(entry: Arc<Entry>, now: Duration, age: Duration, reserved: bool) -> Self {
        let signed = |time| SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        Self {
            entry,
            born: signed(now).saturating_sub(signed(age)),
            reserved,
        }
    }

    /// How old it is, by the monotonic clock: nobody can set that.
    pub(crate) fn age(&self, now: Duration) -> Duration {
        let now = SignedDuration::try_from(now).unwrap_or(SignedDuration::MAX);
        Duration::try_from(now.saturating_sub(self.born)).unwrap_or_default()
    }

    fn has_ended(&self) -> bool {
        let is_live = |state: &State| matches!(state, State::Live { key } if key.secret.is_some());
        self.entry.look(|known| is_live(&known.state)) == Some(false)
    }
}

/// The outcome of a lookup or creation, shared by all readers that wait.
pub(crate) type Coming = Shared<BoxFuture<'static, Result<SharedKey, Error>>>;

/// What one slot's readers share.
enum Slot {
    /// A key that is, or was a moment ago, in use.
    Current { key: SharedKey, next: Next },
    /// A key that is being looked up or made, for all who wait.
    Coming(Coming),
}

/// The key after the present one.
enum Next {
    /// Nobody asked for it yet, or it could not be made so many times.
    Absent {
        failures: u32,
        retry_at: Duration,
    },
    /// It is being made; attempts before this one failed.
    Coming {
        coming: Coming,
        failures: u32,
    },
    Ready(SharedKey),
}

impl Next {
    fn is_there(&self) -> bool {
        match self {
            Self::Absent { .. } => false,
            Self::Coming { .. } => true,
            Self::Ready(key) => !key.has_ended(),
        }
    }
}

const NO_NEXT: Next = Next::Absent {
    failures: 0,
    retry_at: Duration::ZERO,
};

/// What a reader finds in a slot.
pub(crate) enum Claim {
    /// A key, and maybe the turn to have the next one made.
    Key(SharedKey, Option<Turn>),
    /// A key is being looked up or made.
    Wait(Coming),
    /// There is none: the reader looks it up or has it made.
    Turn(Turn),
}

/// What the readers of each slot share.
pub(crate) struct Slots {
    clock: Arc<dyn Clock>,
    table: Mutex<Table>,
}

struct Table {
    slots: HashMap<SlotId, Slot>,
    prune_at: usize,
}

/// The turn of whoever looks up or makes what others wait for. However it ends,
/// the slot is free for the next.
pub(crate) struct Turn {
    slots: Arc<Slots>,
    id: SlotId,
    coming: Coming,
    tell_others: Option<oneshot::Sender<Result<SharedKey, Error>>>,
}

impl Slots {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let table = Table {
            slots: HashMap::new(),
            prune_at: PRUNE_AT,
        };
        Self {
            clock,
            table: Mutex::new(table),
        }
    }

    /// What is there for a reader. The next key is only prepared where it may be.
    pub(crate) fn claim(
        self: &Arc<Self>,
        id: &SlotId,
        max_age: Option<Duration>,
        may_prepare: impl FnOnce() -> bool,
    ) -> Claim {
        let mut table = self.table();
        let mut prepares = None;
        if let Some(max_age) = max_age {
            let now = self.clock.monotonic();
            table.replace_aged(id, max_age, now);
            prepares = Some((max_age.saturating_sub(max_age / 10), now));
        }
        match table.slots.get_mut(id) {
            Some(Slot::Coming(coming)) => Claim::Wait(coming.clone()),
            Some(Slot::Current { key, next }) => {
                let mut turn = None;
                if let Some((from, now)) = prepares
                    && let Next::Absent { failures, retry_at } = *next
                    && key.age(now) >= from
                    && now >= retry_at
                    && may_prepare()
                {
                    let begun = Turn::begin(self, id);
                    *next = Next::Coming {
                        coming: begun.coming.clone(),
                        failures,
                    };
                    turn = Some(begun);
                }
                Claim::Key(key.clone(), turn)
            }
            None => {
                let turn = Turn::begin(self, id);
                table.prune();
                let coming = Slot::Coming(turn.coming.clone());
                table.slots.insert(id.clone(), coming);
                Claim::Turn(turn)
            }
        }
    }

    /// Forgets a generation whose role is gone or has another target.
    pub(crate) fn forget(&self, generation: &Generation) {
        let others = |id: &SlotId| id.generation != *generation;
        self.table().slots.retain(|id, _| others(id));
    }

    /// Forgets a key that can no longer be held, unless another took its place. In
    /// the place of a next key another is prepared after a while.
    pub(crate) fn forget_entry(&self, id: &SlotId, stale: &Arc<Entry>) {
        let mut table = self.table();
        let Some(Slot::Current { key, next }) = table.slots.get_mut(id) else {
            return;
        };
        if Arc::ptr_eq(&key.entry, stale) {
            table.go_on(id);
        } else if matches!(next, Next::Ready(next) if Arc::ptr_eq(&next.entry, stale)) {
            *next = Next::Absent {
                failures: 1,
                retry_at: self.clock.monotonic() + retry_after(0),
            };
        }
    }

    /// The first reader of a key that was made before anybody asked for it: it
    /// need not be held for others any more.
    pub(crate) fn take_reserved(&self, id: &SlotId, taken: &Arc<Entry>) -> bool {
        match self.table().slots.get_mut(id) {
            Some(Slot::Current { key, .. }) if Arc::ptr_eq(&key.entry, taken) => {
                std::mem::take(&mut key.reserved)
            }
            _ => false,
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// A key that is too old for new readers gives way to the next one, or to
    /// nothing.
    fn replace_aged(&mut self, id: &SlotId, max_age: Duration, now: Duration) {
        while let Some(Slot::Current { key, .. }) = self.slots.get(id)
            && key.age(now) >= max_age
        {
            self.go_on(id);
        }
    }

    /// The present key gives way.
    fn go_on(&mut self, id: &SlotId) {
        let Some(Slot::Current { next, .. }) = self.slots.remove(id) else {
            return;
        };
        let slot = match next {
            Next::Ready(key) => Slot::Current { key, next: NO_NEXT },
            Next::Coming { coming, .. } => Slot::Coming(coming),
            Next::Absent { .. } => return,
        };
        self.slots.insert(id.clone(), slot);
    }

    /// Where tokens share keys, slots come and go with them.
    fn prune(&mut self) {
        if self.slots.len() < self.prune_at {
            return;
        }
        self.slots.retain(|_, slot| match slot {
            Slot::Current { key, next } => !key.has_ended() || next.is_there(),
            Slot::Coming(_) => true,
        });
        self.prune_at = (self.slots.len() * 2).max(PRUNE_AT);
    }
}

impl Turn {
    fn begin(slots: &Arc<Slots>, id: &SlotId) -> Self {
        let (sender, receiver) = oneshot::channel();
        let coming = receiver
            .map(|received| received.unwrap_or_else(|_| Err(cut_off())))
            .boxed()
            .shared();
        Self {
            slots: Arc::clone(slots),
            id: id.clone(),
            coming,
            tell_others: Some(sender),
        }
    }

    /// Ends the turn with what came of it: the key, and the next one where there
    /// is one already. Gives whether readers will find it.
    pub(crate) fn end(mut self, found: Result<(SharedKey, Option<SharedKey>), Error>) -> bool {
        let key = found.as_ref().ok().map(|(key, _)| key.clone());
        let (found, next) = match found {
            Ok((key, next)) => (Ok(key), next),
            Err(error) => (Err(error), None),
        };
        let placed = self.leave(key, next);
        if let Some(others) = self.tell_others.take() {
            let _ = others.send(found);
        }
        placed
    }

    /// Leaves the slot to a key or to the next reader, unless it was forgotten.
    fn leave(&self, made: Option<SharedKey>, after: Option<SharedKey>) -> bool {
        let mut table = self.slots.table();
        let placed = made.is_some();
        match table.slots.get_mut(&self.id) {
            Some(Slot::Coming(coming)) if coming.ptr_eq(&self.coming) => {
                match made {
                    Some(key) => {
                        let next = after.map_or(NO_NEXT, Next::Ready);
                        let slot = Slot::Current { key, next };
                        table.slots.insert(self.id.clone(), slot)
                    }
                    None => table.slots.remove(&self.id),
                };
                placed
            }
            Some(Slot::Current { next, .. }) => match next {
                Next::Coming { coming, failures } if coming.ptr_eq(&self.coming) => {
                    *next = match made {
                        Some(key) => Next::Ready(key),
                        None => Next::Absent {
                            failures: failures.saturating_add(1),
                            retry_at: self.slots.clock.monotonic() + retry_after(*failures),
                        },
                    };
                    placed
                }
                _ => false,
            },
            _ => false,
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.tell_others.is_some() {
            self.leave(None, None);
        }
    }
}

/// How long after its failure an attempt is repeated, when so many had failed
/// before it.
fn retry_after(failures: u32) -> Duration {
    let doubled = RETRY.saturating_mul(2_u32.saturating_pow(failures));
    doubled.min(LONGEST_RETRY)
}

#[cfg(test)]
mod tests;
