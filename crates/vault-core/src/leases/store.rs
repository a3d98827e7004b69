//! Leases in storage: by id, and by token.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use logical::{Error, Storage, Write};

use super::record::{LeaseRecord, Revocation};
use crate::storage::{View, encode};

/// A lease that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Irrevocable {
    pub(crate) lease_id: String,
    pub(crate) error: String,
}

/// The stored leases. Those that were given up are also kept in memory: they
/// are few, and people ask for all of them.
pub(super) struct LeaseStore {
    storage: View,
    irrevocable: Mutex<BTreeMap<String, String>>,
}

impl LeaseStore {
    pub(super) fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage: View::new(storage, "sys/expire/"),
            irrevocable: Mutex::default(),
        }
    }

    pub(super) async fn load(&self, id: &str) -> Result<Option<LeaseRecord>, Error> {
        if id.is_empty() || id.ends_with('/') {
            return Ok(None);
        }
        self.storage.read(&key_of(id)).await
    }

    /// Stores a new lease and the way to it from its token.
    pub(super) async fn create(&self, record: &LeaseRecord) -> Result<(), Error> {
        let batch = vec![
            Write::put(
                token_key(&record.token, &record.id),
                record.id.clone().into_bytes(),
            ),
            Write::put(key_of(&record.id), encode(record)?),
        ];
        self.storage.apply(batch).await
    }

    /// Stores a changed lease.
    pub(super) async fn update(&self, record: &LeaseRecord) -> Result<(), Error> {
        self.storage.write(&key_of(&record.id), record).await?;
        self.given_up().remove(&record.id);
        self.note(record);
        Ok(())
    }

    /// Forgets a lease. Where the store has no transactions and stops half way,
    /// the lease is left, which ends once more, and not the way to it, which
    /// nobody would look for.
    pub(super) async fn delete(&self, record: &LeaseRecord) -> Result<(), Error> {
        let batch = vec![
            Write::delete(token_key(&record.token, &record.id)),
            Write::delete(key_of(&record.id)),
        ];
        self.storage.apply(batch).await?;
        self.given_up().remove(&record.id);
        Ok(())
    }

    /// The names directly below a prefix.
    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.storage.list(&key_of(prefix)).await
    }

    /// At most `limit` names directly below a prefix that sort after `after`.
    pub(super) async fn list_page(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        self.storage.list_page(&key_of(prefix), after, limit).await
    }

    /// The ids of all leases below a prefix that is empty or ends in `/`.
    pub(super) async fn below(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let keys = self.storage.walk(&key_of(prefix)).await?;
        let ids = keys.iter().filter_map(|key| key.strip_prefix(ID));
        Ok(ids.map(str::to_owned).collect())
    }

    /// The salted hashes of all tokens that have leases.
    pub(super) async fn tokens(&self) -> Result<Vec<String>, Error> {
        let folders = self.storage.list(TOKEN).await?;
        let names = folders.iter().filter_map(|name| name.strip_suffix('/'));
        Ok(names.map(str::to_owned).collect())
    }

    /// Removes the way from a token to a lease that does not exist.
    pub(super) async fn remove_from_token(&self, id: &str, salted: &str) -> Result<(), Error> {
        self.storage.delete(&token_key(salted, id)).await
    }

    /// The ids of all leases of a token.
    pub(super) async fn of_token(&self, salted: &str) -> Result<Vec<String>, Error> {
        let folder = format!("{TOKEN}{salted}/");
        let mut ids = Vec::new();
        for name in self.storage.list(&folder).await? {
            if let Some(id) = self.storage.get(&format!("{folder}{name}")).await? {
                ids.push(String::from_utf8_lossy(&id).into_owned());
            }
        }
        Ok(ids)
    }

    /// Remembers a lease that was given up.
    pub(super) fn note(&self, record: &LeaseRecord) {
        if let Revocation::Irrevocable { error } = &record.revocation {
            self.given_up().insert(record.id.clone(), error.clone());
        }
    }

    pub(super) fn irrevocable(&self) -> Vec<Irrevocable> {
        let given_up = self.given_up();
        given_up
            .iter()
            .map(|(lease_id, error)| Irrevocable {
                lease_id: lease_id.clone(),
                error: error.clone(),
            })
            .collect()
    }

    fn given_up(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.irrevocable
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

const ID: &str = "id/";
const TOKEN: &str = "token/";

fn key_of(id: &str) -> String {
    format!("{ID}{id}")
}

/// The last segment of an id is random, so it is a name by itself.
fn token_key(salted: &str, id: &str) -> String {
    let name = id.rsplit('/').next().unwrap_or_default();
    format!("{TOKEN}{salted}/{name}")
}
