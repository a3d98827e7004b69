//! The table of mounts, in memory and as one storage entry.
//!
//! Memory is changed first, then the whole table is stored. A failed save may
//! have happened all the same, so it is repeated until storage agrees with
//! memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use logical::{Entropy, Error};
use serde::{Deserialize, Serialize};

use super::names;
use crate::routing::{AUTH, MountEntry};
use crate::storage::{Version, View};

/// Storage key of the table.
const KEY: &str = "core/mounts";

/// The stored form: mounts of engines, and built-in mounts.
#[derive(Default, Serialize, Deserialize)]
struct Stored {
    #[serde(default)]
    version: Version<2>,
    engines: Vec<MountEntry>,
    core: Vec<MountEntry>,
}

/// The table of mounts.
pub(super) struct Table {
    storage: View,
    builtin: Vec<MountEntry>,
    engines: Mutex<BTreeMap<String, MountEntry>>,
    /// Held while the table is being stored.
    saving: tokio::sync::Mutex<()>,
    /// Whether storage may differ from memory.
    is_unsaved: AtomicBool,
}

impl Table {
    /// Loads the table. Built-in mounts that it does not have are added.
    pub(super) async fn open(storage: View, entropy: &dyn Entropy) -> Result<Self, Error> {
        let stored: Option<Stored> = storage.read(KEY).await?;
        let mut stored = stored.unwrap_or_default();
        let known = stored.core.len();
        for entry in builtin_entries(entropy) {
            if stored.core.iter().all(|known| known.path != entry.path) {
                stored.core.push(entry);
            }
        }
        let is_new = stored.core.len() > known;
        let engines = stored.engines.into_iter();
        let table = Self {
            storage,
            builtin: stored.core,
            engines: Mutex::new(engines.map(|entry| (entry.path.clone(), entry)).collect()),
            saving: tokio::sync::Mutex::new(()),
            is_unsaved: AtomicBool::new(is_new),
        };
        table.retry_save().await?;
        Ok(table)
    }

    /// The built-in mounts.
    pub(super) fn builtin(&self) -> &[MountEntry] {
        &self.builtin
    }

    /// The mounts of engines.
    pub(super) fn engines(&self) -> Vec<MountEntry> {
        self.lock().values().cloned().collect()
    }

    pub(super) fn get(&self, path: &str) -> Option<MountEntry> {
        self.lock().get(path).cloned()
    }

    /// Adds an entry, unless its path is taken.
    ///
    /// # Errors
    /// A bad request that names the conflicting path.
    pub(super) fn reserve(&self, entry: MountEntry) -> Result<(), Error> {
        let mut engines = self.lock();
        if let Some(taken) = names::conflict(&entry.path, engines.keys()) {
            let taken = taken.strip_prefix(AUTH).unwrap_or(taken);
            return Err(Error::bad_request(format!(
                "path is already in use at {taken}"
            )));
        }
        engines.insert(entry.path.clone(), entry);
        Ok(())
    }

    /// Checks that no other mount has, contains or is below a path.
    ///
    /// # Errors
    /// A bad request that names the conflicting path.
    pub(super) fn check_free(&self, path: &str) -> Result<(), Error> {
        check_free(path, &self.lock())
    }

    /// Moves the entry of a path to the path that the new entry names, and stores
    /// the table. On failure the old entry is restored.
    ///
    /// # Errors
    /// As [`check_free`](Self::check_free), or an error of storage.
    pub(super) async fn rename(&self, from: &str, entry: MountEntry) -> Result<(), Error> {
        let to = entry.path.clone();
        let old = {
            let mut engines = self.lock();
            check_free(&to, &engines)?;
            engines.insert(to.clone(), entry);
            engines.remove(from)
        };
        let Err(error) = self.save().await else {
            return Ok(());
        };
        self.lock().remove(&to);
        self.restore(from, old, error).await
    }

    /// Inserts an entry and stores the table. On failure the old entry is
    /// restored.
    pub(super) async fn put(&self, entry: MountEntry) -> Result<(), Error> {
        let path = entry.path.clone();
        let old = self.lock().insert(path.clone(), entry);
        self.save_or_restore(&path, old).await
    }

    /// Removes an entry and stores the table. On failure the entry is restored.
    pub(super) async fn remove(&self, path: &str) -> Result<(), Error> {
        let old = self.lock().remove(path);
        self.save_or_restore(path, old).await
    }

    /// Stores the table.
    pub(super) async fn save(&self) -> Result<(), Error> {
        let _saving = self.saving.lock().await;
        self.is_unsaved.store(true, Ordering::Release);
        let stored = Stored {
            version: Version,
            engines: self.engines(),
            core: self.builtin.clone(),
        };
        self.storage.write(KEY, &stored).await?;
        self.is_unsaved.store(false, Ordering::Release);
        Ok(())
    }

    /// Stores the table again if a save failed.
    pub(super) async fn retry_save(&self) -> Result<(), Error> {
        if self.is_unsaved.load(Ordering::Acquire) {
            self.save().await?;
        }
        Ok(())
    }

    async fn save_or_restore(&self, path: &str, old: Option<MountEntry>) -> Result<(), Error> {
        match self.save().await {
            Ok(()) => Ok(()),
            Err(error) => self.restore(path, old, error).await,
        }
    }

    /// Restores the entry of a path after a save that failed with this error.
    async fn restore(
        &self,
        path: &str,
        old: Option<MountEntry>,
        error: Error,
    ) -> Result<(), Error> {
        match old {
            Some(old) => self.lock().insert(path.to_owned(), old),
            None => self.lock().remove(path),
        };
        // The failed save may have happened.
        if let Err(error) = self.save().await {
            tracing::warn!(%error, "the table of mounts cannot be stored and will be retried");
        }
        Err(error)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, MountEntry>> {
        self.engines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_free(path: &str, engines: &BTreeMap<String, MountEntry>) -> Result<(), Error> {
    match names::conflict(path, engines.keys()) {
        None => Ok(()),
        Some(taken) => Err(Error::bad_request(format!(
            "path already in use at \"{taken}\""
        ))),
    }
}

/// The built-in mounts, which are fixed.
fn builtin_entries(entropy: &dyn Entropy) -> Vec<MountEntry> {
    vec![
        MountEntry::builtin(
            "auth/token/",
            "token",
            "auth_token",
            "token based credentials",
            entropy,
        ),
        MountEntry::builtin(
            "cubbyhole/",
            "cubbyhole",
            "cubbyhole",
            "per-token private secret storage",
            entropy,
        ),
        MountEntry::builtin(
            "sys/",
            "system",
            "system",
            "system endpoints used for control, policy and debugging",
            entropy,
        ),
    ]
}
