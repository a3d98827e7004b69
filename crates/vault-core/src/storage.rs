//! Views of the core's storage, JSON in it, and the versions of what is stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use logical::{Condition, Error, Storage, Write};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// The version of a stored record: a member of it. Records from before there
/// were versions have none, and are read as they are; what a newer program
/// wrote is refused, since changing it would lose what is not understood.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Version<const CURRENT: u32>;

impl<const CURRENT: u32> Serialize for Version<CURRENT> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(CURRENT)
    }
}

impl<'de, const CURRENT: u32> Deserialize<'de> for Version<CURRENT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = u32::deserialize(deserializer)?;
        if stored > CURRENT {
            return Err(D::Error::custom(format!(
                "it has version {stored}, and this program reads up to {CURRENT}: use the program \
                 that wrote it, or a newer one"
            )));
        }
        Ok(Self)
    }
}

/// Storage that refuses everything once it is closed. What still runs when the
/// core is sealed cannot write beside its successor.
pub(crate) struct Fence {
    inner: Arc<dyn Storage>,
    is_closed: AtomicBool,
}

impl Fence {
    pub(crate) fn new(inner: Arc<dyn Storage>) -> Self {
        Self {
            inner,
            is_closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    fn check(&self) -> Result<&dyn Storage, Error> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(crate::errors::sealed());
        }
        Ok(self.inner.as_ref())
    }
}

#[async_trait]
impl Storage for Fence {
    async fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        self.check()?.get(key).await
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.check()?.put(key, value).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.check()?.delete(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.check()?.list(prefix).await
    }

    async fn list_page(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        self.check()?.list_page(prefix, after, limit).await
    }

    async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        self.check()?.apply(batch).await
    }

    async fn apply_if(&self, conditions: Vec<Condition>, batch: Vec<Write>) -> Result<bool, Error> {
        self.check()?.apply_if(conditions, batch).await
    }
}

/// The part of the storage below a prefix: what one owner sees.
#[derive(Clone)]
pub(crate) struct View {
    inner: Arc<dyn Storage>,
    prefix: String,
}

impl View {
    /// The part below `prefix`, which ends in `/`.
    pub(crate) fn new(inner: Arc<dyn Storage>, prefix: impl Into<String>) -> Self {
        Self {
            inner,
            prefix: prefix.into(),
        }
    }

    /// The value of a key, read as JSON.
    pub(crate) async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let Some(bytes) = self.get(key).await? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            Error::internal(format!(
                "storage entry `{}{key}` cannot be read: {error}",
                self.prefix
            ))
        })
    }

    /// Stores a value as JSON.
    pub(crate) async fn write<T: Serialize>(&self, key: &str, value: &T) -> Result<(), Error> {
        self.put(key, &encode(value)?).await
    }

    /// Every key below a prefix that is empty or ends in `/`.
    pub(crate) async fn walk(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let mut keys = Vec::new();
        let mut folders = vec![prefix.to_owned()];
        while let Some(folder) = folders.pop() {
            for name in self.list(&folder).await? {
                let path = format!("{folder}{name}");
                if name.ends_with('/') {
                    folders.push(path);
                } else {
                    keys.push(path);
                }
            }
        }
        Ok(keys)
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn writes(&self, batch: Vec<Write>) -> Vec<Write> {
        let writes = batch.into_iter().map(|write| match write {
            Write::Put { key, value } => Write::put(self.key(&key), value),
            Write::Delete { key } => Write::delete(self.key(&key)),
        });
        writes.collect()
    }
}

/// A value as the bytes that are stored.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Zeroizing<Vec<u8>>, Error> {
    serde_json::to_vec(value)
        .map(Zeroizing::new)
        .map_err(|error| Error::internal(format!("a storage entry cannot be encoded: {error}")))
}

#[async_trait]
impl Storage for View {
    async fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        self.inner.get(&self.key(key)).await
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.inner.put(&self.key(key), value).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.inner.delete(&self.key(key)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.inner.list(&self.key(prefix)).await
    }

    async fn list_page(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        self.inner.list_page(&self.key(prefix), after, limit).await
    }

    async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        self.inner.apply(self.writes(batch)).await
    }

    async fn apply_if(&self, conditions: Vec<Condition>, batch: Vec<Write>) -> Result<bool, Error> {
        let conditions = conditions
            .into_iter()
            .map(|condition| match condition {
                Condition::Absent { key } => Condition::absent(self.key(&key)),
                Condition::Unchanged { key, value } => Condition::unchanged(self.key(&key), value),
            })
            .collect();
        self.inner.apply_if(conditions, self.writes(batch)).await
    }
}
