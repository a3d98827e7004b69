//! A store in memory, for `dev` and for tests.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock};

use async_trait::async_trait;
use logical::{Error, Storage, Write};
use zeroize::Zeroizing;

/// Keys and values in memory, gone with the process. A batch is atomic.
#[derive(Default)]
pub struct MemoryStorage {
    entries: RwLock<BTreeMap<String, Zeroizing<Vec<u8>>>>,
}

impl MemoryStorage {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// All keys, in order.
    pub fn keys(&self) -> Vec<String> {
        self.read().keys().cloned().collect()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Zeroizing<Vec<u8>>>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<String, Zeroizing<Vec<u8>>>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Storage for MemoryStorage {
    async fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        Ok(self.read().get(key).cloned())
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.write()
            .insert(key.to_owned(), Zeroizing::new(value.to_vec()));
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.write().remove(key);
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let entries = self.read();
        let mut names = Vec::new();
        let mut from = Bound::Included(prefix.to_owned());
        // One step for each name, however much lies below a folder.
        while let Some((key, _)) = entries.range((from, Bound::Unbounded)).next() {
            let Some(rest) = key.strip_prefix(prefix) else {
                break;
            };
            if let Some((folder, _)) = rest.split_once('/') {
                names.push(format!("{folder}/"));
                // `0` follows `/` in ASCII, so this is after the whole folder.
                from = Bound::Included(format!("{prefix}{folder}0"));
            } else {
                names.push(rest.to_owned());
                from = Bound::Excluded(key.clone());
            }
        }
        names.sort();
        Ok(names)
    }

    async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        let mut entries = self.write();
        for write in batch {
            match write {
                Write::Put { key, value } => {
                    entries.insert(key, value);
                }
                Write::Delete { key } => {
                    entries.remove(&key);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn store(keys: &[&str]) -> MemoryStorage {
        let store = MemoryStorage::new();
        for key in keys {
            store.put(key, b"value").await.unwrap();
        }
        store
    }

    #[tokio::test]
    async fn a_list_shows_one_level_with_folders_marked() {
        let store = store(&["a", "a/1", "a/2/x", "a.b", "b/1", "c"]).await;
        assert_eq!(store.list("").await.unwrap(), ["a", "a.b", "a/", "b/", "c"]);
        assert_eq!(store.list("a/").await.unwrap(), ["1", "2/"]);
        assert!(store.list("x/").await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_page_starts_after_a_name_and_is_cut() {
        let store = store(&["a", "b", "c", "d"]).await;
        assert_eq!(store.list_page("", "a", 2).await.unwrap(), ["b", "c"]);
    }

    #[tokio::test]
    async fn a_batch_is_applied_in_order() {
        let store = store(&["a"]).await;
        let batch = vec![
            Write::put("b", b"1".to_vec()),
            Write::delete("a"),
            Write::put("b", b"2".to_vec()),
        ];
        store.apply(batch).await.unwrap();
        assert_eq!(store.keys(), ["b"]);
        assert_eq!(store.get("b").await.unwrap().unwrap().as_slice(), b"2");
    }
}
