//! Another root key, whole or not at all.

use std::sync::Mutex;

use virtual_world::Fault;

use super::*;

const BESIDE: &str = "core/beside";

fn beside() -> Vec<Write> {
    vec![Write::put(BESIDE, b"new".to_vec())]
}

/// An open barrier with a value, over storage that fails on demand.
async fn over_storage() -> (Arc<VirtualStorage>, Barrier) {
    let storage = Arc::new(VirtualStorage::new(&Arc::new(Process::new())));
    let barrier = over(Arc::<VirtualStorage>::clone(&storage), 1);
    barrier.initialize(key(1), Vec::new()).await.unwrap();
    barrier.unseal(key(1)).await.unwrap();
    barrier.put("a", CANARY).await.unwrap();
    (storage, barrier)
}

#[tokio::test]
async fn another_root_key_opens_what_the_old_one_no_longer_does() {
    let (barrier, below) = open().await;
    barrier.put("a", CANARY).await.unwrap();
    barrier.rotate().await.unwrap();
    barrier.rekey(key(2), beside()).await.unwrap();
    assert_eq!(raw(&below, BESIDE).await, b"new");
    assert_eq!(barrier.get("a").await.unwrap().unwrap().as_slice(), CANARY);
    // What changes the ring later is under the new root key.
    barrier.rotate().await.unwrap();
    assert!(again(&below, key(1)).await.is_err());
    let opened = again(&below, key(2)).await.unwrap();
    assert_eq!(opened.get("a").await.unwrap().unwrap().as_slice(), CANARY);
    assert_eq!(opened.key_status().unwrap().term, 3);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_is_decided_by_what_is_stored() {
    for (fault, is_stored) in [(Fault::Lost, false), (Fault::Done, true)] {
        let (storage, barrier) = over_storage().await;
        storage.fail_next_writes(1, fault);
        let changed = barrier.rekey(key(2), beside()).await;
        assert_eq!(changed.is_ok(), is_stored, "{fault:?}");
        barrier.rotate().await.unwrap();
        let root = if is_stored { key(2) } else { key(1) };
        let opened = again(storage.disk(), root).await.unwrap();
        assert_eq!(opened.get("a").await.unwrap().unwrap().as_slice(), CANARY);
        let beside = storage.disk().get(BESIDE).await.unwrap();
        assert_eq!(beside.is_some(), is_stored);
    }
}

#[tokio::test(start_paused = true)]
async fn the_ring_is_not_written_while_nobody_knows_which_is_stored() {
    for (fault, root) in [(Fault::Lost, key(1)), (Fault::Done, key(2))] {
        let (storage, barrier) = over_storage().await;
        storage.fail_next_writes(1, fault);
        storage.fail_next_reads(2);
        barrier.rekey(key(2), beside()).await.unwrap_err();
        // Nor can it be found out now.
        barrier.rotate().await.unwrap_err();
        barrier.rotate().await.unwrap();
        let opened = again(storage.disk(), root).await.unwrap();
        assert_eq!(opened.key_status().unwrap().term, 2, "{fault:?}");
    }
}

/// A store that carries out what it was handed in that order, whether or not the
/// callers stay, as one with a writer of its own.
#[derive(Default)]
struct Queued {
    below: Arc<MemoryStorage>,
    /// What was handed over while the writer was held up.
    waiting: Mutex<Vec<Vec<Write>>>,
    holds_next: Mutex<bool>,
}

#[async_trait]
impl Storage for Queued {
    async fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        self.below.get(key).await
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        self.apply(vec![Write::put(key, value.to_vec())]).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.apply(vec![Write::delete(key)]).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.below.list(prefix).await
    }

    async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        if std::mem::take(&mut *self.holds_next.lock().unwrap()) {
            self.waiting.lock().unwrap().push(batch);
            return std::future::pending().await;
        }
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap());
        for earlier in waiting {
            self.below.apply(earlier).await?;
        }
        self.below.apply(batch).await
    }

    async fn apply_if(&self, conditions: Vec<Condition>, batch: Vec<Write>) -> Result<bool, Error> {
        self.below.apply_if(conditions, batch).await
    }
}

/// An open barrier whose root key is about to change: the store was handed the
/// change, and its caller was dropped.
async fn with_a_change_that_waits() -> (Arc<MemoryStorage>, Barrier) {
    let storage = Arc::new(Queued::default());
    let barrier = over(Arc::<Queued>::clone(&storage), 1);
    barrier.initialize(key(1), Vec::new()).await.unwrap();
    barrier.unseal(key(1)).await.unwrap();
    *storage.holds_next.lock().unwrap() = true;
    let moment = std::time::Duration::from_millis(1);
    let dropped = tokio::time::timeout(moment, barrier.rekey(key(2), beside())).await;
    assert!(dropped.is_err(), "it was not dropped");
    (Arc::clone(&storage.below), barrier)
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_caller_was_dropped_is_waited_for_before_the_next() {
    let (below, barrier) = with_a_change_that_waits().await;
    barrier.rotate().await.unwrap();
    assert_eq!(raw(&below, BESIDE).await, b"new");
    let opened = again(&below, key(2)).await.unwrap();
    assert_eq!(opened.key_status().unwrap().term, 2);
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_caller_was_dropped_at_sealing_decides_what_unseals() {
    let (below, barrier) = with_a_change_that_waits().await;
    barrier.seal();
    barrier.unseal(key(1)).await.unwrap_err();
    barrier.unseal(key(2)).await.unwrap();
    barrier.rotate().await.unwrap();
    assert_eq!(raw(&below, BESIDE).await, b"new");
    assert!(again(&below, key(2)).await.is_ok());
}
