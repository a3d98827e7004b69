//! Views of the core's storage, and JSON in it.

use std::sync::Arc;

use async_trait::async_trait;
use logical::{Error, Storage, Write};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

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
        let batch = batch
            .into_iter()
            .map(|write| match write {
                Write::Put { key, value } => Write::put(self.key(&key), value),
                Write::Delete { key } => Write::delete(self.key(&key)),
            })
            .collect();
        self.inner.apply(batch).await
    }
}
