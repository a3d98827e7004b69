//! Records of storage that every lease needs and that seldom change, kept in
//! memory for a few seconds: roles and accounts. In a plugin each read of
//! storage is a call to the host.
//!
//! Storage stays the truth. Whoever writes a record says so before and after;
//! what another node wrote, the host tells; and what nobody told of, such as a
//! write whose answer was lost, counts after a few seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use logical::{Clock, Error, Storage};
use serde::de::DeserializeOwned;

use crate::ledger::codec;

/// How long a record is kept.
const KEPT_FOR: Duration = Duration::from_secs(5);

/// How many records are kept; with more, all are read again.
const MOST: usize = 1024;

/// Records of one kind, by their place in storage.
pub(crate) struct Remembered<T> {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    memory: Mutex<Memory<T>>,
}

struct Memory<T> {
    /// Records, and until when they are kept, in monotonic time.
    records: HashMap<String, (Arc<T>, Duration)>,
    /// How often something was forgotten: what was read before that is not
    /// kept.
    forgotten: u64,
}

impl<T: DeserializeOwned> Remembered<T> {
    pub(crate) fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        let memory = Memory {
            records: HashMap::new(),
            forgotten: 0,
        };
        Self {
            storage,
            clock,
            memory: Mutex::new(memory),
        }
    }

    /// The record at a place, as it was a few seconds ago at the latest.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Arc<T>>, Error> {
        let now = self.clock.monotonic();
        let forgotten = {
            let memory = self.memory();
            match memory.records.get(key) {
                Some((record, until)) if now < *until => return Ok(Some(Arc::clone(record))),
                _ => memory.forgotten,
            }
        };
        let Some(record) = self.read(key).await?.map(Arc::new) else {
            return Ok(None);
        };
        let mut memory = self.memory();
        if memory.forgotten == forgotten {
            if memory.records.len() >= MOST {
                memory.records.clear();
            }
            let kept = (Arc::clone(&record), now + KEPT_FOR);
            memory.records.insert(key.to_owned(), kept);
        }
        Ok(Some(record))
    }

    /// The record at a place, from storage.
    pub(crate) async fn read(&self, key: &str) -> Result<Option<T>, Error> {
        codec::read(&*self.storage, key).await
    }

    /// Drops what is known.
    pub(crate) fn forget(&self) {
        let mut memory = self.memory();
        memory.records.clear();
        memory.forgotten += 1;
    }

    /// For whoever writes a record: what is known is dropped now, and again
    /// when the write is over, however it ends.
    pub(crate) fn changing(&self) -> Changing<'_, T> {
        self.forget();
        Changing(self)
    }

    fn memory(&self) -> MutexGuard<'_, Memory<T>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A write that is under way.
#[must_use = "the write is over when this is dropped"]
pub(crate) struct Changing<'a, T: DeserializeOwned>(&'a Remembered<T>);

impl<T: DeserializeOwned> Drop for Changing<'_, T> {
    fn drop(&mut self) {
        self.0.forget();
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use jiff::Timestamp;
    use store::MemoryStorage;
    use tokio::time::{Instant, sleep};
    use zeroize::Zeroizing;

    use super::*;

    /// A clock that moves with tokio's.
    struct TokioClock(Instant);

    impl Clock for TokioClock {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn monotonic(&self) -> Duration {
            self.0.elapsed()
        }
    }

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

    async fn store(storage: &Slow, text: &str) {
        let bytes = codec::encode(&text).unwrap();
        storage.put("place", &bytes).await.unwrap();
    }

    async fn remembering(text: &str) -> (Arc<Slow>, Remembered<String>) {
        let storage = Arc::new(Slow::default());
        store(&storage, text).await;
        let clock = Arc::new(TokioClock(Instant::now()));
        let remembered = Remembered::new(Arc::clone(&storage) as Arc<dyn Storage>, clock);
        assert_eq!(get(&remembered).await, text);
        (storage, remembered)
    }

    async fn get(remembered: &Remembered<String>) -> String {
        let record = remembered.get("place").await.unwrap();
        record.map_or_else(String::new, |record| record.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_that_nobody_told_of_counts_after_five_seconds() {
        let (storage, remembered) = remembering("old").await;
        store(&storage, "new").await;
        sleep(Duration::from_millis(3999)).await;
        assert_eq!(get(&remembered).await, "old");
        sleep(Duration::from_millis(1)).await;
        assert_eq!(get(&remembered).await, "new");
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_that_is_changed_is_read_anew() {
        let (storage, remembered) = remembering("old").await;
        let changing = remembered.changing();
        store(&storage, "new").await;
        assert_eq!(get(&remembered).await, "new");
        drop(changing);
        storage.delete("place").await.unwrap();
        assert_eq!(get(&remembered).await, "");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_read_before_a_change_is_not_kept_after_it() {
        let (storage, remembered) = remembering("old").await;
        remembered.forget();
        let change = async {
            sleep(Duration::from_millis(500)).await;
            let _changing = remembered.changing();
            store(&storage, "new").await;
        };
        let (read, ()) = tokio::join!(get(&remembered), change);
        assert_eq!(read, "old");
        assert_eq!(get(&remembered).await, "new");
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_records_are_kept_than_there_is_room_for() {
        let (storage, remembered) = remembering("old").await;
        for number in 0..=MOST {
            let key = format!("place-{number}");
            let bytes = codec::encode(&"text").unwrap();
            storage.put(&key, &bytes).await.unwrap();
            remembered.get(&key).await.unwrap();
            assert!(remembered.memory().records.len() <= MOST);
        }
    }
}
