//! Which key the readers of a shared role get: one slot for each generation.
//! Memory only; who makes or looks up the key is not decided here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, Shared};
use logical::Error;

use crate::ids::Generation;
use crate::ledger::Entry;

/// What the readers of each generation share.
#[derive(Default)]
pub(crate) struct Slots {
    by_generation: Mutex<HashMap<Generation, Slot>>,
}

/// What one generation's readers share.
#[derive(Clone)]
pub(crate) enum Slot {
    /// A key that is, or was a moment ago, in use.
    Current(Arc<Entry>),
    /// A key that is being looked up or made, for all who wait.
    Coming(Coming),
}

/// The outcome of a lookup or creation, shared by all readers that wait.
pub(crate) type Coming = Shared<BoxFuture<'static, Result<Arc<Entry>, Error>>>;

impl Slots {
    /// Changes the slots. Nothing awaits while they are locked.
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut HashMap<Generation, Slot>) -> T) -> T {
        let mut slots = self
            .by_generation
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        change(&mut slots)
    }

    /// Forgets a generation whose role is gone or has another target.
    pub(crate) fn forget(&self, generation: &Generation) {
        self.with(|slots| slots.remove(generation));
    }

    /// Forgets a key that can no longer be held, unless another took its place.
    pub(crate) fn forget_entry(&self, generation: &Generation, stale: &Arc<Entry>) {
        self.with(|slots| {
            if let Some(Slot::Current(current)) = slots.get(generation)
                && Arc::ptr_eq(current, stale)
            {
                slots.remove(generation);
            }
        });
    }
}
