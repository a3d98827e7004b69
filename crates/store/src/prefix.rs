//! A store below a prefix of another: a mount's own view.

use std::sync::Arc;

use async_trait::async_trait;
use logical::{Error, Storage, Write};
use zeroize::Zeroizing;

/// All keys of this store lie below a prefix of the inner one.
pub struct PrefixStorage {
    inner: Arc<dyn Storage>,
    prefix: String,
}

impl PrefixStorage {
    /// The part of a store below `prefix`, which ends in `/`.
    pub fn new(inner: Arc<dyn Storage>, prefix: impl Into<String>) -> Self {
        Self {
            inner,
            prefix: prefix.into(),
        }
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }
}

#[async_trait]
impl Storage for PrefixStorage {
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
                Write::Put { key, value } => Write::Put {
                    key: self.key(&key),
                    value,
                },
                Write::Delete { key } => Write::Delete {
                    key: self.key(&key),
                },
            })
            .collect();
        self.inner.apply(batch).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStorage;

    #[tokio::test]
    async fn two_views_of_one_store_do_not_see_each_other() {
        let store = Arc::new(MemoryStorage::new());
        let one = PrefixStorage::new(Arc::clone(&store) as Arc<dyn Storage>, "one/");
        let two = PrefixStorage::new(Arc::clone(&store) as Arc<dyn Storage>, "two/");
        one.apply(vec![Write::put("key", b"1".to_vec())])
            .await
            .unwrap();
        assert_eq!(two.get("key").await.unwrap(), None);
        assert_eq!(one.list("").await.unwrap(), ["key"]);
        assert_eq!(store.keys(), ["one/key"]);
    }
}
