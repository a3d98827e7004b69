//! Storage of leases: by id, with an index by token.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use logical::{Error, Storage, Write};

use super::record::{LeaseRecord, Revocation};
use crate::storage::{View, encode, parse};
use crate::tokens::{LEASES, TokenLease};

/// An irrevocable lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Irrevocable {
    pub(crate) lease_id: String,
    pub(crate) error: String,
}

/// What is stored under the id of a lease.
pub(super) enum Stored {
    /// The lease of a secret.
    Secret(Box<LeaseRecord>),
    /// The lease of the token with this salted hash.
    Token(String),
}

/// The stored leases. Irrevocable ones are cached in memory: they are few, and
/// are always listed as a whole.
pub(super) struct LeaseStore {
    storage: View,
    irrevocable: Mutex<BTreeMap<String, String>>,
}

impl LeaseStore {
    pub(super) fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage: View::new(storage, "sys/"),
            irrevocable: Mutex::default(),
        }
    }

    /// The lease of a secret.
    pub(super) async fn load(&self, id: &str) -> Result<Option<LeaseRecord>, Error> {
        Ok(match self.load_any(id).await? {
            Some(Stored::Secret(record)) => Some(*record),
            Some(Stored::Token(_)) | None => None,
        })
    }

    /// The lease of a secret or of a token.
    pub(super) async fn load_any(&self, id: &str) -> Result<Option<Stored>, Error> {
        if id.is_empty() || id.ends_with('/') {
            return Ok(None);
        }
        let key = key_of(id);
        let Some(bytes) = self.storage.get(&key).await? else {
            return Ok(None);
        };
        if let Ok(TokenLease { token_lease_of }) = serde_json::from_slice(&bytes) {
            return Ok(Some(Stored::Token(token_lease_of)));
        }
        parse(&format!("sys/{key}"), &bytes).map(|record| Some(Stored::Secret(Box::new(record))))
    }

    /// Stores a new lease and its index entry.
    pub(super) async fn create(&self, record: &LeaseRecord) -> Result<(), Error> {
        let mut batch = Vec::with_capacity(2);
        if !record.token.is_empty() {
            let index = token_key(&record.token, &record.id);
            batch.push(Write::put(index, record.id.clone().into_bytes()));
        }
        batch.push(Write::put(key_of(&record.id), encode(record)?));
        self.storage.apply(batch).await
    }

    /// Updates a lease.
    pub(super) async fn update(&self, record: &LeaseRecord) -> Result<(), Error> {
        self.storage.write(&key_of(&record.id), record).await?;
        self.cached().remove(&record.id);
        self.cache_if_irrevocable(record);
        Ok(())
    }

    /// Deletes a lease. If a store without transactions stops half way, the
    /// lease remains and is revoked again; a remaining index entry would never
    /// be looked for.
    pub(super) async fn delete(&self, record: &LeaseRecord) -> Result<(), Error> {
        let batch = vec![
            Write::delete(token_key(&record.token, &record.id)),
            Write::delete(key_of(&record.id)),
        ];
        self.storage.apply(batch).await?;
        self.cached().remove(&record.id);
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
        let ids = keys.iter().filter_map(|key| key.strip_prefix(LEASES));
        Ok(ids.map(str::to_owned).collect())
    }

    /// The salted hashes of all tokens that have leases.
    pub(super) async fn tokens(&self) -> Result<Vec<String>, Error> {
        let folders = self.storage.list(TOKEN).await?;
        let names = folders.iter().filter_map(|name| name.strip_suffix('/'));
        Ok(names.map(str::to_owned).collect())
    }

    /// Removes the index entry of a lease that does not exist.
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

    /// Caches a lease if it is irrevocable.
    pub(super) fn cache_if_irrevocable(&self, record: &LeaseRecord) {
        if let Revocation::Irrevocable { error } = &record.revocation {
            self.cached().insert(record.id.clone(), error.clone());
        }
    }

    pub(super) fn irrevocable(&self) -> Vec<Irrevocable> {
        let cached = self.cached();
        cached
            .iter()
            .map(|(lease_id, error)| Irrevocable {
                lease_id: lease_id.clone(),
                error: error.clone(),
            })
            .collect()
    }

    fn cached(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.irrevocable
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The index of secrets' leases by token.
const TOKEN: &str = "expire/token/";

fn key_of(id: &str) -> String {
    [LEASES, id].concat()
}

/// The last segment of an id is random, so it is unique by itself.
fn token_key(salted: &str, id: &str) -> String {
    let name = id.rsplit('/').next().unwrap_or_default();
    [TOKEN, salted, "/", name].concat()
}
