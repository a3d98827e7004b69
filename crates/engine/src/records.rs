//! Records of one kind in a mount's storage: below one prefix, as JSON, with a
//! short-lived cache for what every lease needs, and a lock for each name.
//!
//! Storage is the truth. In a plugin each read of it is a call to the host, so
//! a record that leases need is kept for a few seconds. Whoever writes a record
//! drops the cache before and after the write, the host tells what another node
//! wrote, and what nobody told, such as a write whose answer was lost, expires.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use logical::{Clock, Error, Storage, Write};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedMutexGuard;
use zeroize::Zeroizing;

use crate::codec;

/// How long a record is cached.
const TTL: Duration = Duration::from_secs(5);

/// How many records are cached. A full cache is cleared.
const CAPACITY: usize = 1024;

/// How many records are read at once: in a plugin each is a round trip.
const READ_AT_ONCE: usize = 16;

/// The records of one kind, by name.
pub(crate) struct Records<T> {
    storage: Arc<dyn Storage>,
    prefix: &'static str,
    cache: TtlCache<T>,
    locks: KeyedLock,
}

impl<T: Serialize + DeserializeOwned> Records<T> {
    pub(crate) fn new(
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
        prefix: &'static str,
    ) -> Self {
        Self {
            storage,
            prefix,
            cache: TtlCache::new(clock),
            locks: KeyedLock::default(),
        }
    }

    /// A record, at most a few seconds old.
    pub(crate) async fn cached(&self, name: &str) -> Result<Option<Arc<T>>, Error> {
        let miss = match self.cache.get(name) {
            Ok(record) => return Ok(Some(record)),
            Err(miss) => miss,
        };
        let record = self.read(name).await?.map(Arc::new);
        if let Some(record) = &record {
            self.cache.insert(name, record, &miss);
        }
        Ok(record)
    }

    /// A record, from storage.
    pub(crate) async fn read(&self, name: &str) -> Result<Option<T>, Error> {
        codec::read(&*self.storage, &self.place(name)).await
    }

    /// Stores a record.
    pub(crate) async fn write(&self, name: &str, record: &T) -> Result<(), Error> {
        let (place, bytes) = (self.place(name), Self::encode(record)?);
        let _invalidation = self.invalidation();
        self.storage.put(&place, &bytes).await
    }

    /// Removes a record.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), Error> {
        let _invalidation = self.invalidation();
        self.storage.delete(&self.place(name)).await
    }

    /// The change that stores a record, for a batch of several kinds. Whoever
    /// applies it holds an [`InvalidationGuard`] meanwhile.
    pub(crate) fn put(&self, name: &str, record: &T) -> Result<Write, Error> {
        Ok(Write::put(self.place(name), Self::encode(record)?))
    }

    /// The change that removes a record, for a batch of several kinds.
    pub(crate) fn remove(&self, name: &str) -> Write {
        Write::delete(self.place(name))
    }

    /// The names of all records.
    pub(crate) async fn list(&self) -> Result<Vec<String>, Error> {
        self.storage.list(self.prefix).await
    }

    /// All records of these names, in their order. One that was removed since
    /// is left out.
    pub(crate) async fn read_all(&self, names: &[String]) -> Result<Vec<T>, Error> {
        let reads: Vec<_> = names.iter().map(|name| self.read(name)).collect();
        let records: Vec<Option<T>> = stream::iter(reads)
            .buffered(READ_AT_ONCE)
            .try_collect()
            .await?;
        Ok(records.into_iter().flatten().collect())
    }

    /// Excludes other changes of a record that is read, changed and written.
    pub(crate) async fn lock(&self, name: &str) -> OwnedMutexGuard<()> {
        self.locks.lock(name).await
    }

    /// Reads all records from storage the next time.
    pub(crate) fn invalidate(&self) {
        self.cache.invalidate();
    }

    /// For writes: the cache is dropped now, and again when the write is over,
    /// however it ends.
    pub(crate) fn invalidation(&self) -> InvalidationGuard<'_, T> {
        self.cache.invalidate();
        InvalidationGuard(&self.cache)
    }

    fn place(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn encode(record: &T) -> Result<Zeroizing<Vec<u8>>, Error> {
        codec::encode(record)
    }
}

/// Records that were read a moment ago.
struct TtlCache<T> {
    clock: Arc<dyn Clock>,
    memory: Mutex<Memory<T>>,
}

/// A record was not cached, when it began to be read.
struct Miss {
    epoch: u64,
    at: Duration,
}

struct Memory<T> {
    /// Records, and when they expire in monotonic time.
    records: HashMap<String, (Arc<T>, Duration)>,
    /// Counts invalidations: a read that began in an earlier epoch is not
    /// cached.
    epoch: u64,
}

impl<T> TtlCache<T> {
    fn new(clock: Arc<dyn Clock>) -> Self {
        let memory = Memory {
            records: HashMap::new(),
            epoch: 0,
        };
        Self {
            clock,
            memory: Mutex::new(memory),
        }
    }

    fn get(&self, name: &str) -> Result<Arc<T>, Miss> {
        let now = self.clock.monotonic();
        let memory = self.memory();
        match memory.records.get(name) {
            Some((record, expires)) if now < *expires => Ok(Arc::clone(record)),
            _ => Err(Miss {
                epoch: memory.epoch,
                at: now,
            }),
        }
    }

    fn insert(&self, name: &str, record: &Arc<T>, miss: &Miss) {
        let mut memory = self.memory();
        if memory.epoch != miss.epoch {
            return;
        }
        if memory.records.len() >= CAPACITY {
            memory.records.clear();
        }
        let cached = (Arc::clone(record), miss.at + TTL);
        memory.records.insert(name.to_owned(), cached);
    }

    fn invalidate(&self) {
        let mut memory = self.memory();
        memory.records.clear();
        memory.epoch += 1;
    }

    fn memory(&self) -> MutexGuard<'_, Memory<T>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A write in flight: nothing that is read meanwhile stays cached after it.
#[must_use = "the write is over when this is dropped"]
pub(crate) struct InvalidationGuard<'a, T>(&'a TtlCache<T>);

impl<T> Drop for InvalidationGuard<'_, T> {
    fn drop(&mut self) {
        self.0.invalidate();
    }
}

/// A mutex for each name in use.
#[derive(Default)]
pub(crate) struct KeyedLock {
    locks: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

impl KeyedLock {
    pub(crate) async fn lock(&self, name: &str) -> OwnedMutexGuard<()> {
        let mutex = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            let known = locks.get(name).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                locks.retain(|_, mutex| mutex.strong_count() > 0);
                let mutex = Arc::new(tokio::sync::Mutex::new(()));
                locks.insert(name.to_owned(), Arc::downgrade(&mutex));
                mutex
            })
        };
        mutex.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use store::MemoryStorage;
    use tokio::time::{sleep, timeout};
    use virtual_world::VirtualClock;

    use super::*;

    /// A storage that reads at once and answers a second later.
    #[derive(Default)]
    struct Slow(MemoryStorage);

    #[async_trait]
    impl Storage for Slow {
        async fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
            let value = self.0.get(key).await;
            sleep(Duration::from_secs(1)).await;
            value
        }

        async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
            self.0.put(key, value).await
        }

        async fn delete(&self, key: &str) -> Result<(), Error> {
            self.0.delete(key).await
        }

        async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
            self.0.list(prefix).await
        }
    }

    /// Another node writes: this one is not told.
    async fn store(storage: &Slow, name: &str, text: &str) {
        let bytes = codec::encode(&text).unwrap();
        storage.put(&format!("texts/{name}"), &bytes).await.unwrap();
    }

    async fn caching(text: &str) -> (Arc<Slow>, Records<String>) {
        let storage = Arc::new(Slow::default());
        store(&storage, "name", text).await;
        let clock = Arc::new(VirtualClock::new());
        let records = Records::new(Arc::clone(&storage) as Arc<dyn Storage>, clock, "texts/");
        assert_eq!(get(&records).await, text);
        (storage, records)
    }

    async fn get(records: &Records<String>) -> String {
        let record = records.cached("name").await.unwrap();
        record.map_or_else(String::new, |record| record.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn a_cached_record_expires_after_five_seconds() {
        let (storage, records) = caching("old").await;
        store(&storage, "name", "new").await;
        sleep(Duration::from_millis(3999)).await;
        assert_eq!(get(&records).await, "old");
        sleep(Duration::from_millis(1)).await;
        assert_eq!(get(&records).await, "new");
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_that_is_written_is_not_served_from_the_cache() {
        let (_storage, records) = caching("old").await;
        records.write("name", &"new".to_owned()).await.unwrap();
        assert_eq!(get(&records).await, "new");
        records.delete("name").await.unwrap();
        assert_eq!(get(&records).await, "");
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_began_before_a_write_is_not_cached_after_it() {
        let (_storage, records) = caching("old").await;
        records.invalidate();
        let write = async {
            sleep(Duration::from_millis(500)).await;
            records.write("name", &"new".to_owned()).await.unwrap();
        };
        let (read, ()) = tokio::join!(get(&records), write);
        assert_eq!(read, "old");
        assert_eq!(get(&records).await, "new");
    }

    #[tokio::test(start_paused = true)]
    async fn the_cache_holds_no_more_than_its_capacity() {
        let (storage, records) = caching("old").await;
        for number in 0..=CAPACITY {
            let name = format!("name-{number}");
            store(&storage, &name, "text").await;
            records.cached(&name).await.unwrap();
            assert!(records.cache.memory().records.len() <= CAPACITY);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_records_come_in_the_order_of_their_names_without_those_that_went() {
        let (storage, records) = caching("first").await;
        store(&storage, "other", "second").await;
        let names = ["name", "gone", "other"].map(str::to_owned);
        assert_eq!(
            records.read_all(&names).await.unwrap(),
            ["first", "second"].map(str::to_owned)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_lock_excludes_its_own_name_only_and_is_forgotten_with_its_last_user() {
        let (_storage, records) = caching("old").await;
        let held = records.lock("name").await;
        let second = timeout(Duration::from_secs(1), records.lock("name")).await;
        assert!(second.is_err(), "the same name waits");
        drop(records.lock("other").await);
        drop(held);
        drop(records.lock("name").await);
        drop(records.lock("third").await);
        assert_eq!(records.locks.locks.lock().unwrap().len(), 1);
    }
}
