//! Another root key, whole or not at all.

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
