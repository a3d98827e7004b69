//! Tokens that were looked up lately, so that a request does not read and parse
//! its token again and again.
//!
//! It holds what storage holds, or less: a token leaves it before it is changed
//! in storage, and nothing that was read meanwhile is kept. A token that does
//! not exist is never remembered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::TokenEntry;

/// So many tokens are kept; then all are forgotten, and those in use come back.
const CAPACITY: usize = 4096;

#[derive(Default)]
pub(super) struct TokenCache(Mutex<Known>);

#[derive(Default)]
struct Known {
    entries: HashMap<Box<str>, Arc<TokenEntry>>,
    /// How many changes began or ended so far.
    changes: u64,
}

/// A change of a token that is under way. However it ends, what was read
/// before its end is not kept.
pub(super) struct Change<'a> {
    cache: &'a TokenCache,
    salted: &'a str,
}

impl TokenCache {
    /// A token that is kept, or how many changes there were, for
    /// [`keep`](Self::keep).
    pub(super) fn get(&self, salted: &str) -> Result<Arc<TokenEntry>, u64> {
        let known = self.known();
        known.entries.get(salted).cloned().ok_or(known.changes)
    }

    /// Keeps what was read from storage, unless a token was changed since.
    pub(super) fn keep(&self, salted: &str, entry: &Arc<TokenEntry>, changes: u64) {
        let mut known = self.known();
        if known.changes != changes {
            return;
        }
        if known.entries.len() >= CAPACITY {
            known.entries.clear();
        }
        known.entries.insert(salted.into(), Arc::clone(entry));
    }

    /// A token is about to be changed in storage.
    pub(super) fn change<'a>(&'a self, salted: &'a str) -> Change<'a> {
        self.forget(salted);
        Change {
            cache: self,
            salted,
        }
    }

    fn forget(&self, salted: &str) {
        let mut known = self.known();
        known.changes = known.changes.wrapping_add(1);
        known.entries.remove(salted);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.cache.forget(self.salted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Arc<TokenEntry> {
        Arc::new(TokenEntry {
            version: crate::storage::Version,
            accessor: String::new(),
            policies: Vec::new(),
            display_name: String::new(),
            path: String::new(),
            issue_time: String::new(),
            orphan: true,
            is_revoked: false,
        })
    }

    #[test]
    fn what_was_read_before_a_change_ended_is_not_kept() {
        let cache = TokenCache::default();
        let before = cache.get("a").unwrap_err();
        let change = cache.change("a");
        cache.keep("a", &entry(), before);
        let meanwhile = cache.get("a").unwrap_err();
        cache.keep("a", &entry(), meanwhile);
        drop(change);
        assert!(cache.get("a").is_err());
        cache.keep("a", &entry(), meanwhile);
        assert!(cache.get("a").is_err());
        let after = cache.get("a").unwrap_err();
        cache.keep("a", &entry(), after);
        assert!(cache.get("a").is_ok());
    }

    #[test]
    fn it_never_holds_more_than_its_capacity() {
        let cache = TokenCache::default();
        for number in 0..=CAPACITY {
            cache.keep(&number.to_string(), &entry(), 0);
        }
        assert_eq!(cache.known().entries.len(), 1);
    }
}
