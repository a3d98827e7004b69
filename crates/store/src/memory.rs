//! A store in memory, for `dev` and for tests.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{PoisonError, RwLock};

use async_trait::async_trait;
use logical::{Condition, Error, Storage, Write};
use zeroize::Zeroizing;

/// Keys and values in memory, gone with the process. A batch is atomic.
#[derive(Default)]
pub struct MemoryStorage {
    folders: RwLock<Folders>,
}

/// Entries by folder, which is empty or ends in `/`, and by name. Keys of one
/// folder share a long prefix, which is stored and compared once this way. Names
/// are sorted when they are listed, which is rare.
type Folders = BTreeMap<Box<str>, HashMap<Box<str>, Zeroizing<Box<[u8]>>>>;

impl MemoryStorage {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// All keys, in order.
    pub fn keys(&self) -> Vec<String> {
        let folders = self.read();
        let mut keys: Vec<String> = folders
            .iter()
            .flat_map(|(folder, names)| names.keys().map(move |name| format!("{folder}{name}")))
            .collect();
        keys.sort();
        keys
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Folders> {
        self.folders.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Folders> {
        self.folders.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key as folder and name.
fn split(key: &str) -> (&str, &str) {
    key.split_at(key.rfind('/').map_or(0, |slash| slash + 1))
}

/// Stores an exact-size copy: the capacity of a grown buffer is often twice its
/// length.
fn put(folders: &mut Folders, key: &str, value: &[u8]) {
    let (folder, name) = split(key);
    let value = Zeroizing::new(Box::from(value));
    if let Some(names) = folders.get_mut(folder) {
        names.insert(name.into(), value);
    } else {
        folders.insert(folder.into(), HashMap::from([(name.into(), value)]));
    }
}

fn delete(folders: &mut Folders, key: &str) {
    let (folder, name) = split(key);
    if let Some(names) = folders.get_mut(folder) {
        names.remove(name);
        if names.is_empty() {
            folders.remove(folder);
        }
    }
}

fn get<'a>(folders: &'a Folders, key: &str) -> Option<&'a [u8]> {
    let (folder, name) = split(key);
    folders.get(folder)?.get(name).map(|value| &***value)
}

fn apply(folders: &mut Folders, batch: &[Write]) {
    for write in batch {
        match write {
            Write::Put { key, value } => put(folders, key, value),
            Write::Delete { key } => delete(folders, key),
        }
    }
}

#[async_trait]
impl Storage for MemoryStorage {
    async fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let folders = self.read();
        let value = get(&folders, key);
        Ok(value.map(|value| Zeroizing::new(value.to_vec())))
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        put(&mut self.write(), key, value);
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        delete(&mut self.write(), key);
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let folders = self.read();
        // A prefix may end in the middle of a name.
        let (folder, beginning) = split(prefix);
        let mut names: Vec<String> = folders
            .get(folder)
            .into_iter()
            .flat_map(HashMap::keys)
            .filter_map(|name| name.strip_prefix(beginning).map(str::to_owned))
            .collect();
        let mut from = Bound::Excluded(folder.to_owned());
        // One step per folder, however many entries are below it.
        while let Some((below, _)) = folders
            .range::<str, _>((as_str(&from), Bound::Unbounded))
            .next()
        {
            let Some(rest) = below.strip_prefix(folder) else {
                break;
            };
            let name = rest.split('/').next().unwrap_or_default();
            if let Some(rest) = name.strip_prefix(beginning) {
                names.push(format!("{rest}/"));
            }
            // `0` follows `/` in ASCII, so this is after the whole folder.
            from = Bound::Included(format!("{folder}{name}0"));
        }
        names.sort();
        Ok(names)
    }

    async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        apply(&mut self.write(), &batch);
        Ok(())
    }

    async fn apply_if(&self, conditions: Vec<Condition>, batch: Vec<Write>) -> Result<bool, Error> {
        let mut folders = self.write();
        let holds = |condition: &Condition| condition.holds(get(&folders, condition.key()));
        let all_hold = conditions.iter().all(holds);
        if all_hold {
            apply(&mut folders, &batch);
        }
        Ok(all_hold)
    }
}

fn as_str(bound: &Bound<String>) -> Bound<&str> {
    bound.as_ref().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

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
    async fn folders_come_in_the_order_of_their_names_whatever_follows_them() {
        let store = store(&["a!/1", "a/1", "a0/1/2", "a/b/c", "1"]).await;
        assert_eq!(store.list("").await.unwrap(), ["1", "a!/", "a/", "a0/"]);
        assert_eq!(store.list("a/").await.unwrap(), ["1", "b/"]);
        assert_eq!(store.keys(), ["1", "a!/1", "a/1", "a/b/c", "a0/1/2"]);
    }

    #[tokio::test]
    async fn a_folder_goes_with_its_last_entry() {
        let store = store(&["a/1", "a/b/2"]).await;
        store.delete("a/1").await.unwrap();
        store.delete("a/unknown").await.unwrap();
        assert_eq!(store.list("").await.unwrap(), ["a/"]);
        store.delete("a/b/2").await.unwrap();
        assert!(store.list("").await.unwrap().is_empty());
        assert_eq!(store.get("a/b/2").await.unwrap(), None);
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

    #[tokio::test]
    async fn a_batch_is_applied_only_if_all_its_conditions_hold() {
        let store = store(&["a"]).await;
        let batch = || vec![Write::put("b", b"1".to_vec())];
        for (conditions, holds) in [
            (vec![Condition::absent("a")], false),
            (vec![Condition::unchanged("a", b"other".to_vec())], false),
            (vec![Condition::unchanged("x", b"value".to_vec())], false),
            (
                vec![
                    Condition::absent("x"),
                    Condition::unchanged("a", b"value".to_vec()),
                ],
                true,
            ),
        ] {
            let applied = store.apply_if(conditions.clone(), batch()).await.unwrap();
            assert_eq!(applied, holds, "{conditions:?}");
            assert_eq!(store.get("b").await.unwrap().is_some(), holds);
        }
    }

    #[test]
    fn conditions_are_looked_at_together_with_the_changes() {
        const WRITERS: usize = 4;
        const KEYS: usize = 5_000;
        let store = MemoryStorage::new();
        let won: usize = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|_| {
                    scope.spawn(|| {
                        let attempts = (0..KEYS).map(|number| {
                            let key = format!("{number}");
                            let batch = vec![Write::put(&key, b"x".to_vec())];
                            let applied = store.apply_if(vec![Condition::absent(&key)], batch);
                            let applied = applied.now_or_never().unwrap().unwrap();
                            usize::from(applied)
                        });
                        attempts.sum::<usize>()
                    })
                })
                .collect();
            writers
                .into_iter()
                .map(|writer| writer.join().unwrap())
                .sum()
        });
        assert_eq!(won, KEYS);
    }
}
