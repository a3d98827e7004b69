//! The barrier over a store in memory, and over one that fails.

use std::collections::HashSet;

use logical::ErrorClass;
use store::MemoryStorage;
use virtual_world::{Process, SeededEntropy, VirtualClock, VirtualStorage};

use super::*;

mod rekey;
mod rotation;

const CANARY: &[u8] = b"canary-that-nobody-may-see";

fn key(number: u8) -> Key {
    Key::from_bytes(&[number; 32]).unwrap()
}

fn over(below: Arc<dyn Storage>, seed: u64) -> Barrier {
    let clock = Arc::new(VirtualClock::new());
    Barrier::new(below, Arc::new(SeededEntropy::new(seed)), clock)
}

/// An open barrier and the store below it.
async fn open() -> (Barrier, Arc<MemoryStorage>) {
    let below = Arc::new(MemoryStorage::new());
    let barrier = over(Arc::<MemoryStorage>::clone(&below), 1);
    barrier.initialize(key(1), Vec::new()).await.unwrap();
    barrier.unseal(key(1)).await.unwrap();
    (barrier, below)
}

/// The same store after a restart.
async fn again(below: &Arc<MemoryStorage>, root: Key) -> Result<Barrier, Error> {
    let barrier = over(Arc::<MemoryStorage>::clone(below), 2);
    barrier.unseal(root).await.map(|()| barrier)
}

async fn raw(below: &MemoryStorage, path: &str) -> Vec<u8> {
    below.get(path).await.unwrap().unwrap().to_vec()
}

#[tokio::test]
async fn values_come_back_and_are_not_in_the_store_below() {
    let (barrier, below) = open().await;
    barrier.put("a/one", CANARY).await.unwrap();
    barrier.put("a/empty", b"").await.unwrap();
    let batch = vec![
        Write::put("a/two", CANARY.to_vec()),
        Write::delete("a/empty"),
    ];
    barrier.apply(batch).await.unwrap();
    assert_eq!(barrier.list("a/").await.unwrap(), ["one", "two"]);
    assert_eq!(barrier.list_page("a/", "one", 1).await.unwrap(), ["two"]);
    for path in ["a/one", "a/two"] {
        assert_eq!(barrier.get(path).await.unwrap().unwrap().as_slice(), CANARY);
    }
    for path in below.keys() {
        let stored = raw(&below, &path).await;
        assert!(
            !stored.windows(6).any(|part| part == &CANARY[..6]),
            "{path}"
        );
        assert!(
            !stored
                .windows(6)
                .any(|part| part == b"BAQEBA" || part == [1; 6]),
            "{path}"
        );
    }
    barrier.delete("a/one").await.unwrap();
    assert!(barrier.get("a/one").await.unwrap().is_none());
}

#[tokio::test]
async fn the_header_is_that_of_vaults_barrier() {
    let (barrier, below) = open().await;
    barrier.put("a", CANARY).await.unwrap();
    let stored = raw(&below, "a").await;
    assert_eq!(stored[..5], [0, 0, 0, 1, 2]);
    assert_eq!(stored.len(), 4 + 1 + 12 + CANARY.len() + 16);
    barrier.rotate().await.unwrap();
    barrier.put("a", CANARY).await.unwrap();
    assert_eq!(raw(&below, "a").await[..5], [0, 0, 0, 2, 2]);
    assert_eq!(raw(&below, KEYRING).await[..5], [0, 0, 0, 1, 2]);
}

/// P2.
#[tokio::test]
async fn a_value_that_was_changed_in_any_byte_or_moved_is_refused() {
    let (barrier, below) = open().await;
    barrier.put("a", CANARY).await.unwrap();
    barrier.put("b", b"other").await.unwrap();
    let whole = raw(&below, "a").await;
    for byte in 0..whole.len() {
        let mut changed = whole.clone();
        changed[byte] ^= 0x10;
        below.put("a", &changed).await.unwrap();
        let error = barrier.get("a").await.unwrap_err().to_string();
        let text = "the stored value of `a` was changed or moved: restore a backup";
        assert_eq!(error, text, "byte {byte}");
    }
    for length in 0..whole.len() {
        below.put("a", &whole[..length]).await.unwrap();
        assert!(barrier.get("a").await.is_err(), "{length} bytes");
    }
    below.put("b", &whole).await.unwrap();
    assert!(barrier.get("b").await.is_err());
    below.put("a", &whole).await.unwrap();
    assert!(barrier.get("a").await.is_ok());
}

#[tokio::test]
async fn after_a_rotation_old_values_are_read_also_after_a_restart() {
    let (barrier, below) = open().await;
    barrier.put("old", b"1").await.unwrap();
    barrier.rotate().await.unwrap();
    barrier.put("new", b"2").await.unwrap();
    assert_eq!(barrier.key_status().unwrap().term, 2);
    let restarted = again(&below, key(1)).await.unwrap();
    for barrier in [barrier, restarted] {
        assert_eq!(barrier.get("old").await.unwrap().unwrap().as_slice(), b"1");
        assert_eq!(barrier.get("new").await.unwrap().unwrap().as_slice(), b"2");
        assert_eq!(barrier.key_status().unwrap().term, 2);
    }
}

#[tokio::test]
async fn a_sealed_barrier_does_nothing() {
    let (barrier, below) = open().await;
    barrier.put("a", b"1").await.unwrap();
    barrier.seal();
    assert!(barrier.is_sealed());
    let results = [
        barrier.get("a").await.map(|_| ()),
        barrier.put("a", b"2").await,
        barrier.delete("a").await,
        barrier.list("").await.map(|_| ()),
        barrier.list_page("", "", 1).await.map(|_| ()),
        barrier.apply(vec![Write::delete("a")]).await,
        barrier.apply_if(Vec::new(), Vec::new()).await.map(|_| ()),
        barrier.rotate().await,
        barrier.key_status().map(|_| ()),
    ];
    for result in results {
        let error = result.unwrap_err();
        assert_eq!(
            (error.class(), error.message()),
            (ErrorClass::Status(503), "Vault is sealed")
        );
    }
    barrier.unseal(key(1)).await.unwrap();
    assert_eq!(barrier.get("a").await.unwrap().unwrap().as_slice(), b"1");
    assert_eq!(below.keys(), ["a", KEYRING]);
}

#[tokio::test]
async fn only_the_root_key_opens_and_a_store_is_initialized_once() {
    let (barrier, below) = open().await;
    let error = again(&below, key(2)).await.unwrap_err();
    assert_eq!(error.to_string(), "the key does not open the store");
    let before = raw(&below, KEYRING).await;
    assert!(barrier.initialize(key(3), Vec::new()).await.is_err());
    assert_eq!(raw(&below, KEYRING).await, before);
    assert!(barrier.is_initialized().await.unwrap());
    let empty = over(Arc::new(MemoryStorage::new()), 1);
    assert!(!empty.is_initialized().await.unwrap());
    let error = empty.unseal(key(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "the store is not initialized");
}

#[tokio::test]
async fn a_ring_of_a_newer_release_is_refused_as_such() {
    let (_barrier, below) = open().await;
    let cipher = key(1).cipher().unwrap();
    let ring = sealed_value::open(&cipher, KEYRING, &raw(&below, KEYRING).await).unwrap();
    let newer = String::from_utf8(ring.to_vec()).unwrap();
    let newer = newer.replace("\"version\":1", "\"version\":2");
    let entropy = SeededEntropy::new(3);
    let newer = sealed_value::seal(&cipher, 1, KEYRING, newer.as_bytes(), &entropy).unwrap();
    below.put(KEYRING, &newer).await.unwrap();
    let error = again(&below, key(1)).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Internal);
    assert_eq!(
        error.to_string(),
        "the keyring has version 2, and this program reads up to 1: use the program that wrote it, or a newer one"
    );
}

#[tokio::test]
async fn the_ring_cannot_be_read_or_written_from_above() {
    let (barrier, below) = open().await;
    let before = raw(&below, KEYRING).await;
    assert!(barrier.get(KEYRING).await.is_err());
    assert!(barrier.put(KEYRING, b"x").await.is_err());
    assert!(barrier.delete(KEYRING).await.is_err());
    assert!(barrier.apply(vec![Write::delete(KEYRING)]).await.is_err());
    // The first write notes uses of the key, which seals the ring anew.
    assert!(Keyring::open(key(1), &raw(&below, KEYRING).await).is_ok());
    assert!(Keyring::open(key(1), &before).is_ok());
}

/// P15.
#[tokio::test]
async fn no_nonce_is_used_twice() {
    let (barrier, below) = open().await;
    let mut nonces = HashSet::new();
    for _ in 0..5_000 {
        barrier.put("same", b"same").await.unwrap();
        assert!(nonces.insert(raw(&below, "same").await[5..17].to_vec()));
    }
}

#[tokio::test]
async fn a_key_is_replaced_before_it_was_used_too_often() {
    let (mut barrier, below) = open().await;
    barrier.max_encryptions = 10;
    for number in 0..35 {
        barrier.put(&format!("v/{number}"), b"x").await.unwrap();
        assert!(barrier.key_status().unwrap().encryptions <= 10);
    }
    assert_eq!(barrier.key_status().unwrap().term, 4);
    let mut uses = [0; 5];
    for name in below.list("v/").await.unwrap() {
        uses[usize::from(raw(&below, &format!("v/{name}")).await[3])] += 1;
    }
    assert_eq!(uses, [0, 10, 10, 10, 5]);
    let large = (0..11).map(|number| Write::put(number.to_string(), Vec::new()));
    assert!(barrier.apply(large.collect()).await.is_err());
}

#[tokio::test]
async fn uses_of_a_key_are_never_counted_too_low_after_a_crash() {
    let (barrier, below) = open().await;
    for _ in 0..3 {
        barrier.put("a", b"1").await.unwrap();
    }
    let counted = barrier.key_status().unwrap().encryptions;
    assert_eq!(counted, 3);
    // The process ends without a word.
    drop(barrier);
    let restarted = again(&below, key(1)).await.unwrap();
    let counted = restarted.key_status().unwrap().encryptions;
    assert!((3..=3 + 2 * RESERVE).contains(&counted), "{counted}");
    restarted.put("a", b"1").await.unwrap();
    assert!(restarted.key_status().unwrap().encryptions > counted);
}

#[tokio::test]
async fn conditions_are_about_values_not_about_their_seals() {
    let (barrier, _below) = open().await;
    let batch = || vec![Write::put("b", b"2".to_vec())];
    barrier.put("a", b"1").await.unwrap();
    let wrong = vec![Condition::unchanged("a", b"9".to_vec())];
    assert!(!barrier.apply_if(wrong, batch()).await.unwrap());
    assert!(barrier.get("b").await.unwrap().is_none());
    // Sealed anew with another nonce and another key.
    barrier.rotate().await.unwrap();
    barrier.put("a", b"1").await.unwrap();
    let right = vec![
        Condition::unchanged("a", b"1".to_vec()),
        Condition::absent("c"),
    ];
    assert!(barrier.apply_if(right, batch()).await.unwrap());
    assert_eq!(barrier.get("b").await.unwrap().unwrap().as_slice(), b"2");
    let absent = vec![Condition::absent("a")];
    assert!(!barrier.apply_if(absent, batch()).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn sealing_while_the_ring_is_written_leaves_it_sealed() {
    let storage = Arc::new(VirtualStorage::new(&Arc::new(Process::new())));
    let barrier = over(Arc::<VirtualStorage>::clone(&storage), 1);
    barrier.initialize(key(1), Vec::new()).await.unwrap();
    barrier.unseal(key(1)).await.unwrap();
    let second = std::time::Duration::from_secs(1);
    storage.set_write_delay(2 * second, virtual_world::Timing::Late);
    let seal = async {
        tokio::time::sleep(second).await;
        barrier.seal();
    };
    let (rotated, ()) = futures_util::join!(barrier.rotate(), seal);
    assert!(rotated.is_err());
    assert!(barrier.is_sealed());
    // What was written is the ring of the next unsealing.
    barrier.unseal(key(1)).await.unwrap();
    assert_eq!(barrier.key_status().unwrap().term, 2);
}

#[tokio::test]
async fn a_key_is_unwrapped_by_the_key_and_at_the_path_it_was_wrapped_for() {
    let wrapped = key(1).wrap("a", &key(2), &SeededEntropy::new(1)).unwrap();
    assert_eq!(key(1).unwrap("a", &wrapped).unwrap(), key(2));
    assert!(!wrapped.windows(4).any(|part| part == [2; 4]));
    assert!(key(1).unwrap("b", &wrapped).is_err());
    assert!(key(3).unwrap("a", &wrapped).is_err());
    let mut changed = wrapped.clone();
    changed[20] ^= 1;
    assert!(key(1).unwrap("a", &changed).is_err());
    assert!(key(1).unwrap("a", &wrapped[..10]).is_err());
}

#[tokio::test]
async fn nothing_secret_is_shown() {
    let (barrier, _below) = open().await;
    assert_eq!(format!("{:?}", key(0xab)), "Key(..)");
    assert_eq!(format!("{barrier:?}"), "Barrier { sealed: false, .. }");
}
