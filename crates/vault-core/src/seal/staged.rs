//! A store in memory for what is written before there is a store: its content
//! becomes one batch.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use logical::{Error, Storage, Write};
use zeroize::Zeroizing;

/// Entries that are not stored yet.
#[derive(Default)]
pub(super) struct Staged(Mutex<BTreeMap<String, Zeroizing<Vec<u8>>>>);

impl Staged {
    /// Everything that was written, and nothing is left.
    pub(super) fn take(&self) -> Vec<Write> {
        let entries = std::mem::take(&mut *self.entries());
        entries
            .into_iter()
            .map(|(key, value)| Write::put(key, value))
            .collect()
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Zeroizing<Vec<u8>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Storage for Staged {
    async fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        Ok(self.entries().get(key).cloned())
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        let value = Zeroizing::new(value.to_vec());
        self.entries().insert(key.to_owned(), value);
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.entries().remove(key);
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let entries = self.entries();
        let mut names: Vec<String> = entries
            .keys()
            .filter_map(|key| key.strip_prefix(prefix))
            .map(|rest| match rest.find('/') {
                Some(slash) => rest[..=slash].to_owned(),
                None => rest.to_owned(),
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }
}
