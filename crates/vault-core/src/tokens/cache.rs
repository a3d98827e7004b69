//! A cache of tokens, so that a request does not read and parse its token
//! again.
//!
//! An entry is evicted before the token is changed in storage, and reads that
//! began before the end of a change are not cached. Missing tokens are not
//! cached.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::TokenEntry;

/// Maximum number of entries; the cache is emptied when it is reached.
const CAPACITY: usize = 4096;

#[derive(Default)]
pub(super) struct TokenCache(Mutex<State>);

#[derive(Default)]
struct State {
    entries: HashMap<Box<str>, Arc<TokenEntry>>,
    /// Incremented at the beginning and the end of each change.
    epoch: u64,
}

/// Guards a change of a token in storage: reads that began before it is dropped
/// are not cached.
pub(super) struct InvalidationGuard<'a> {
    cache: &'a TokenCache,
    salted: &'a str,
}

impl TokenCache {
    /// A cached token, or the current epoch for [`insert`](Self::insert).
    pub(super) fn get(&self, salted: &str) -> Result<Arc<TokenEntry>, u64> {
        let state = self.lock();
        state.entries.get(salted).cloned().ok_or(state.epoch)
    }

    /// Caches a token that was read from storage in this epoch.
    pub(super) fn insert(&self, salted: &str, entry: &Arc<TokenEntry>, epoch: u64) {
        let mut state = self.lock();
        if state.epoch != epoch {
            return;
        }
        if state.entries.len() >= CAPACITY {
            state.entries.clear();
        }
        state.entries.insert(salted.into(), Arc::clone(entry));
    }

    /// Evicts a token that is about to be changed in storage.
    pub(super) fn invalidate<'a>(&'a self, salted: &'a str) -> InvalidationGuard<'a> {
        self.evict(salted);
        InvalidationGuard {
            cache: self,
            salted,
        }
    }

    fn evict(&self, salted: &str) {
        let mut state = self.lock();
        state.epoch = state.epoch.wrapping_add(1);
        state.entries.remove(salted);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InvalidationGuard<'_> {
    fn drop(&mut self) {
        self.cache.evict(self.salted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Arc<TokenEntry> {
        Arc::new(crate::tokens::tests::entry())
    }

    #[test]
    fn what_was_read_before_a_change_ended_is_not_kept() {
        let cache = TokenCache::default();
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
        let cache = TokenCache::default();
        for number in 0..=CAPACITY {
            cache.insert(&number.to_string(), &entry(), 0);
        }
        assert_eq!(cache.lock().entries.len(), 1);
    }
}
