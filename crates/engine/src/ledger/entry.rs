//! Entries in memory: a credential is cached from its first read until its last
//! user drops it.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::change::{ChangeId, Journal, Pending, empty_journal};
use super::holder_index::{Doubts, HolderIndex};
use crate::credential::{Credential, State};
use crate::ids::CredentialId;

/// How long a shared key is assumed to exist after it was confirmed
/// (`lifecycle.md`, 17).
const CONFIRMED_FOR: Duration = Duration::from_mins(5);

/// The cached state of a credential, with its locks.
pub(crate) struct Entry {
    pub(super) id: CredentialId,
    memory: Mutex<Memory>,
    /// Held while the entry is read or written. It makes concurrent readers share
    /// one read, keeps writes in order, and keeps a read from returning state that
    /// a concurrent write has replaced.
    pub(super) writing: tokio::sync::Mutex<()>,
    /// Until when the key is known to exist, in milliseconds of monotonic time;
    /// zero when this process has not asked.
    confirmed_until: AtomicU64,
    /// Held while Confluent is asked whether the key exists, so that concurrent
    /// readers share one request.
    pub(super) confirming: tokio::sync::Mutex<()>,
    /// Held while the key is deleted, so that concurrent deletions share one
    /// request.
    pub(super) deleting: tokio::sync::Mutex<()>,
    /// Pending changes.
    pub(super) journal: Journal,
}

#[derive(Default)]
pub(super) struct Memory {
    pub(super) credential: Option<Credential>,
    /// Counts failed writes: a change decided before a failure must not be written
    /// after it.
    pub(super) epoch: u64,
    /// Changes that have not been written yet. Their holders count even when the
    /// rest is read again.
    pub(super) pending: BTreeMap<ChangeId, Pending>,
    /// In which entries the holders of a shared key lie.
    pub(super) index: HolderIndex,
    /// What a failed write may have changed: it is read again before the next
    /// decision.
    pub(super) doubts: Doubts,
}

impl Memory {
    /// The credential, if nothing of its own entry is in doubt.
    pub(super) fn known(&self) -> Option<&Credential> {
        self.credential.as_ref().filter(|_| !self.doubts.state)
    }

    /// Whether memory equals storage once the pending changes are written.
    pub(super) fn is_current(&self) -> bool {
        self.credential.is_some() && self.doubts.is_empty()
    }

    /// Counts holders whose writes are under way.
    pub(super) fn count_pending(&mut self) {
        let Some(credential) = &mut self.credential else {
            return;
        };
        for (id, holder) in self.pending.values().flat_map(|change| &change.put) {
            credential
                .holders
                .entry(id.clone())
                .and_modify(|known| known.extend_to(holder.deadline()))
                .or_insert_with(|| holder.clone());
        }
    }
}

impl Entry {
    /// The entry of a credential as it is in storage.
    #[cfg(test)]
    pub(crate) fn of(credential: Credential) -> Arc<Self> {
        let entry = Entries::default().entry(&credential.id);
        entry.memory().credential = Some(credential);
        entry
    }

    pub(crate) fn id(&self) -> &CredentialId {
        &self.id
    }

    /// The cached credential.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Credential) -> T) -> Option<T> {
        self.memory().known().map(look)
    }

    /// As [`Entry::look`], if memory has all of it, the holders too.
    pub(super) fn look_at_current<T>(&self, look: impl FnOnce(&Credential) -> T) -> Option<T> {
        let memory = self.memory();
        let current = memory.credential.as_ref();
        current.filter(|_| memory.is_current()).map(look)
    }

    /// Whether the key is gone.
    pub(super) fn is_gone(&self) -> bool {
        self.look(|known| matches!(known.state, State::Gone { .. })) == Some(true)
    }

    /// Notes that the key was just made, or seen at Confluent.
    pub(super) fn confirm(&self, now: Duration) {
        let until = u64::try_from((now + CONFIRMED_FOR).as_millis()).unwrap_or(u64::MAX);
        self.confirmed_until.store(until, Ordering::Relaxed);
    }

    /// Whether this process made the key, or saw it at Confluent.
    pub(super) fn was_confirmed(&self) -> bool {
        self.confirmed_until.load(Ordering::Relaxed) != 0
    }

    pub(super) fn is_confirmed(&self, now: Duration) -> bool {
        now.as_millis() < u128::from(self.confirmed_until.load(Ordering::Relaxed))
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The entries in use. All users of a credential share one entry, which is dropped
/// with the last of them.
#[derive(Default)]
pub(super) struct Entries {
    by_id: HashMap<CredentialId, Weak<Entry>>,
    clear_at: usize,
}

impl Entries {
    pub(super) fn entry(&mut self, id: &CredentialId) -> Arc<Entry> {
        if let Some(entry) = self.by_id.get(id).and_then(Weak::upgrade) {
            return entry;
        }
        if self.by_id.len() >= self.clear_at {
            self.by_id.retain(|_, entry| entry.strong_count() > 0);
            self.clear_at = (self.by_id.len() * 2).max(64);
        }
        let entry = Arc::new(Entry {
            id: id.clone(),
            memory: Mutex::default(),
            writing: tokio::sync::Mutex::new(()),
            confirmed_until: AtomicU64::new(0),
            confirming: tokio::sync::Mutex::new(()),
            deleting: tokio::sync::Mutex::new(()),
            journal: empty_journal(),
        });
        self.by_id.insert(id.clone(), Arc::downgrade(&entry));
        entry
    }
}

/// Locks a mutex, even a poisoned one.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
