//! Views of the core's storage, JSON encoding, record versions, and closing
//! storage.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use logical::effects::within;
use logical::{Condition, Entropy, Error, RunToCompletion, Storage, TaskGroup, Write};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::RwLock;
use zeroize::Zeroizing;

/// The version of a stored record, which is a member of it. Records from before
/// versions were introduced have none and are read as they are. Records of a
/// newer program are refused, since rewriting them would lose data.
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

/// Storage that can be closed, after which no code that still holds it can
/// write.
///
/// Closing waits for writes in progress. A store may carry out a write although
/// its caller is gone, so each write runs to completion in tasks of the fence's
/// own, and is in progress until the store has answered.
pub(crate) struct Fence {
    inner: Arc<dyn Storage>,
    tasks: Arc<dyn TaskGroup>,
    /// The error that calls return once the fence is closed.
    closed: fn() -> Error,
    is_closed: AtomicBool,
    /// Held shared by each write in progress.
    writing: Arc<RwLock<()>>,
}

impl Fence {
    /// An open fence around `inner`. The group `tasks` must not be shared.
    pub(crate) fn new(
        inner: Arc<dyn Storage>,
        tasks: Arc<dyn TaskGroup>,
        closed: fn() -> Error,
    ) -> Self {
        Self {
            inner,
            tasks,
            closed,
            is_closed: AtomicBool::new(false),
            writing: Arc::default(),
        }
    }

    /// Refuses all further calls, and waits up to `limit` for writes in
    /// progress. Returns whether all of them have ended. Calling it again waits
    /// longer.
    pub(crate) async fn close(&self, limit: Duration) -> bool {
        self.is_closed.store(true, Ordering::SeqCst);
        let ended = within(self.tasks.as_ref(), limit, self.writing.write()).await;
        ended.is_some()
    }

    fn check(&self) -> Result<&dyn Storage, Error> {
        if self.is_closed.load(Ordering::SeqCst) {
            return Err((self.closed)());
        }
        Ok(self.inner.as_ref())
    }

    async fn write<T, F>(&self, write: impl FnOnce(Arc<dyn Storage>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.check()?;
        // Fails only while the fence is being closed.
        let writing = Arc::clone(&self.writing).try_read_owned();
        let writing = writing.map_err(|_| (self.closed)())?;
        // Checked again with the lock held, so that closing misses no write.
        self.check()?;
        let write = write(Arc::clone(&self.inner));
        let work = async move {
            let written = write.await;
            drop(writing);
            written
        };
        RunToCompletion::new(Arc::clone(&self.tasks) as _, work).await
    }
}

#[async_trait]
impl Storage for Fence {
    async fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        self.check()?.get(key).await
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        let value = Zeroizing::new(value.to_vec());
        self.apply(vec![Write::put(key, value)]).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.apply(vec![Write::delete(key)]).await
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
        self.write(|inner| async move { inner.apply(batch).await })
            .await
    }

    async fn apply_if(&self, conditions: Vec<Condition>, batch: Vec<Write>) -> Result<bool, Error> {
        self.write(|inner| async move { inner.apply_if(conditions, batch).await })
            .await
    }
}

/// The storage below a prefix, as its owner sees it.
#[derive(Clone)]
pub(crate) struct View {
    inner: Arc<dyn Storage>,
    prefix: String,
}

impl View {
    /// A view of the keys below `prefix`, which ends in `/`.
    pub(crate) fn new(inner: Arc<dyn Storage>, prefix: impl Into<String>) -> Self {
        Self {
            inner,
            prefix: prefix.into(),
        }
    }

    /// Reads the value of a key as JSON.
    pub(crate) async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let Some(bytes) = self.get(key).await? else {
            return Ok(None);
        };
        parse(&self.key(key), &bytes).map(Some)
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

    /// Random bytes that stay the same from the first call on.
    pub(crate) async fn secret(
        &self,
        entropy: &dyn Entropy,
        key: &str,
        length: usize,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        if let Some(secret) = self.get(key).await? {
            return Ok(secret);
        }
        let mut secret = Zeroizing::new(vec![0; length]);
        entropy.fill(&mut secret);
        self.put(key, &secret).await?;
        Ok(secret)
    }

    fn key(&self, key: &str) -> String {
        [self.prefix.as_str(), key].concat()
    }

    /// The same changes with the keys of the storage that this is a view of.
    pub(crate) fn writes(&self, batch: Vec<Write>) -> Vec<Write> {
        let writes = batch.into_iter().map(|write| match write {
            Write::Put { key, value } => Write::put(self.key(&key), value),
            Write::Delete { key } => Write::delete(self.key(&key)),
        });
        writes.collect()
    }
}

impl View {
    /// The same conditions with the keys of the storage that this is a view of.
    pub(crate) fn conditions(&self, conditions: Vec<Condition>) -> Vec<Condition> {
        let conditions = conditions.into_iter().map(|condition| match condition {
            Condition::Absent { key } => Condition::absent(self.key(&key)),
            Condition::Unchanged { key, value } => Condition::unchanged(self.key(&key), value),
        });
        conditions.collect()
    }
}

/// Reads the JSON of a storage entry.
pub(crate) fn parse<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::internal(format!("storage entry `{key}` cannot be read: {error}")))
}

/// Encodes a value for storage.
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
        let conditions = self.conditions(conditions);
        self.inner.apply_if(conditions, self.writes(batch)).await
    }
}

#[cfg(test)]
mod tests {
    use runtime::TokioTasks;
    use virtual_world::{Timing, World};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A fence around storage that carries out each write after ten seconds,
    /// even if its caller is gone.
    fn fence(world: &World) -> Fence {
        let storage = &world.storage;
        storage.set_write_delay(10 * SECOND, Timing::Late);
        let tasks = Arc::new(TokioTasks::new());
        Fence::new(Arc::clone(storage) as _, tasks, crate::errors::sealed)
    }

    #[tokio::test(start_paused = true)]
    async fn closing_waits_for_a_write_whose_caller_is_gone() {
        let world = World::new();
        let fence = fence(&world);
        let dropped = tokio::time::timeout(SECOND, fence.put("key", b"value")).await;
        assert!(dropped.is_err());
        assert!(fence.close(20 * SECOND).await);
        assert_eq!(world.storage.disk().keys(), ["key"]);
        world.storage.disk().delete("key").await.unwrap();
        tokio::time::sleep(20 * SECOND).await;
        assert!(world.storage.disk().keys().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn closing_gives_up_after_its_limit_and_can_be_repeated() {
        let world = World::new();
        let fence = fence(&world);
        let dropped = tokio::time::timeout(SECOND, fence.delete("key")).await;
        assert!(dropped.is_err());
        assert!(!fence.close(5 * SECOND).await);
        assert!(fence.close(5 * SECOND).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_fence_refuses_every_call() {
        let world = World::new();
        let fence = fence(&world);
        assert!(fence.close(SECOND).await);
        assert!(fence.get("key").await.is_err());
        assert!(fence.list("").await.is_err());
        assert!(fence.list_page("", "", 1).await.is_err());
        assert!(fence.put("key", b"value").await.is_err());
        assert!(fence.delete("key").await.is_err());
        let batch = || vec![Write::put("key", b"value".to_vec())];
        assert!(fence.apply(batch()).await.is_err());
        assert!(fence.apply_if(Vec::new(), batch()).await.is_err());
        tokio::time::sleep(20 * SECOND).await;
        assert!(world.storage.disk().keys().is_empty());
    }
}
