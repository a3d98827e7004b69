//! A cache of stored records, so that a request does not read and parse its
//! token and its entity again.
//!
//! A record is evicted before it is changed in storage, and reads that began
//! before the end of a change are not cached. Missing records are not cached.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Maximum number of entries; the cache is emptied when it is reached.
const CAPACITY: usize = 4096;

/// Records by key.
pub(crate) struct RecordCache<T>(Mutex<State<T>>);

struct State<T> {
    entries: HashMap<Box<str>, Arc<T>>,
    /// Incremented at the beginning and the end of each change.
    epoch: u64,
}

/// Guards a change of a record in storage: reads that began before it is dropped
/// are not cached.
pub(crate) struct InvalidationGuard<'a, T> {
    cache: &'a RecordCache<T>,
    key: &'a str,
}

impl<T> Default for RecordCache<T> {
    fn default() -> Self {
        Self(Mutex::new(State {
            entries: HashMap::new(),
            epoch: 0,
        }))
    }
}

impl<T> RecordCache<T> {
    /// A cached record, or the current epoch for [`insert`](Self::insert).
    pub(crate) fn get(&self, key: &str) -> Result<Arc<T>, u64> {
        let state = self.lock();
        state.entries.get(key).cloned().ok_or(state.epoch)
    }

    /// Caches a record that was read from storage in this epoch.
    pub(crate) fn insert(&self, key: &str, entry: &Arc<T>, epoch: u64) {
        let mut state = self.lock();
        if state.epoch != epoch {
            return;
        }
        if state.entries.len() >= CAPACITY {
            state.entries.clear();
        }
        state.entries.insert(key.into(), Arc::clone(entry));
    }

    /// Evicts a record that is about to be changed in storage.
    pub(crate) fn invalidate<'a>(&'a self, key: &'a str) -> InvalidationGuard<'a, T> {
        self.evict(key);
        InvalidationGuard { cache: self, key }
    }

    fn evict(&self, key: &str) {
        let mut state = self.lock();
        state.epoch = state.epoch.wrapping_add(1);
        state.entries.remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for InvalidationGuard<'_, T> {
    fn drop(&mut self) {
        self.cache.evict(self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Arc<u8> {
        Arc::new(7)
    }

    #[test]
    fn what_was_read_before_a_change_ended_is_not_kept() {
        let cache = RecordCache::default();
        let before = cache.get("a").unwrap_err();
        let change = cache.invalidate("a");
        cache.insert("a", &entry(), before);
        let meanwhile = cache.get("a").unwrap_err();
        cache.insert("a", &entry(), meanwhile);
        drop(change);
        assert!(cache.get("a").is_err());
        cache.insert("a", &entry(), meanwhile);
        assert!(cache.get("a").is_err());
        let after = cache.get("a").unwrap_err();
        cache.insert("a", &entry(), after);
        assert!(cache.get("a").is_ok());
    }

    #[test]
    fn it_never_holds_more_than_its_capacity() {
        let cache = RecordCache::default();
        for number in 0..=CAPACITY {
            cache.insert(&number.to_string(), &entry(), 0);
        }
        assert_eq!(cache.lock().entries.len(), 1);
    }
}
