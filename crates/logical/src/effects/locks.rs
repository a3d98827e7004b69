//! Locks by name; each exists only while it is held or awaited.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

type Slot = Arc<tokio::sync::Mutex<()>>;

/// One lock for each name.
#[derive(Default)]
pub struct NamedLocks {
    slots: Mutex<HashMap<String, Slot>>,
}

/// Holds the lock of one name until dropped.
pub struct NamedGuard<'a> {
    locks: &'a NamedLocks,
    name: String,
    guard: Option<OwnedMutexGuard<()>>,
}

impl NamedLocks {
    /// Acquires the lock of a name.
    pub async fn lock(&self, name: &str) -> NamedGuard<'_> {
        let (slot, mut held) = self.slot(name);
        held.guard = Some(slot.lock_owned().await);
        held
    }

    /// Acquires the lock of a name, or returns `None` if it is held.
    pub fn try_lock(&self, name: &str) -> Option<NamedGuard<'_>> {
        let (slot, mut held) = self.slot(name);
        held.guard = Some(slot.try_lock_owned().ok()?);
        Some(held)
    }

    /// The slot of a name, and a guard that does not hold it yet, so that a
    /// cancelled wait cleans up as well.
    fn slot(&self, name: &str) -> (Slot, NamedGuard<'_>) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = Arc::clone(slots.entry(name.to_owned()).or_default());
        let guard = NamedGuard {
            locks: self,
            name: name.to_owned(),
            guard: None,
        };
        (slot, guard)
    }
}

impl Drop for NamedGuard<'_> {
    fn drop(&mut self) {
        self.guard = None;
        let mut slots = self
            .locks
            .slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let unused = slots
            .get(&self.name)
            .is_some_and(|slot| Arc::strong_count(slot) == 1);
        if unused {
            slots.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_name_is_held_by_one_at_a_time_and_then_forgotten() {
        let locks = NamedLocks::default();
        let held = locks.lock("a").await;
        let other = tokio::time::timeout(Duration::from_millis(5), locks.lock("a")).await;
        assert!(other.is_err());
        drop(locks.lock("b").await);
        assert!(locks.try_lock("a").is_none());
        drop(held);
        drop(locks.try_lock("a").unwrap());
        drop(locks.lock("a").await);
        assert!(locks.slots.lock().unwrap().is_empty());
    }
}
