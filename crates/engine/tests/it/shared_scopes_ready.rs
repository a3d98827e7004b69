//! Keys of one entity or token that are tried before they are handed out: a spare
//! is of no scope until a reader takes it, and of that reader's from then on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use logical::Error;
use serde_json::{Value, json};
use virtual_world::Timing;

use crate::world::{Lease, Reader, World, leased_to};

const MINUTE: Duration = Duration::from_mins(1);

/// As long as keys of a cluster take, and as long as it takes to notice.
const PROPAGATION: Duration = Duration::from_mins(2);
const PROVEN: Duration = Duration::from_mins(4);

fn role(sharing: &str, more: &Value) -> Value {
    let mut role = json!({
        "owner": "sa-1", "resource": "lkc-1", "resource_env": "env-1", "ttl": 600,
        "max_ttl": 3600, "sharing": sharing, "readiness": "probe", "not_ready": "refuse",
    });
    let fields = more.as_object().unwrap().clone();
    role.as_object_mut().unwrap().extend(fields);
    role
}

async fn with(sharing: &str, more: Value) -> World {
    let world = World::ready().await;
    world.cloud.set_propagation(PROPAGATION);
    let role = role(sharing, &more);
    world.write("role/scoped", &role).await.unwrap();
    world
}

fn service<'a>(entity: &'a str, accessor: &'a str) -> Reader<'a> {
    Reader {
        entity,
        accessor,
        token: accessor,
    }
}

async fn lease(world: &World, entity: &str, accessor: &str) -> Result<Lease, Error> {
    world.lease_to("scoped", service(entity, accessor)).await
}

/// A read that takes no time gives a key that works.
async fn key(world: &World, entity: &str, accessor: &str) -> String {
    let start = tokio::time::Instant::now();
    let lease = lease(world, entity, accessor).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    let secret = lease.data["secret"].as_str().unwrap();
    assert!(world.cloud.logs_in(lease.key(), secret), "{}", lease.key());
    lease.key().to_owned()
}

fn places(world: &World, folder: &str) -> usize {
    let places = world.storage.disk().keys().into_iter();
    places.filter(|place| place.starts_with(folder)).count()
}

#[tokio::test(start_paused = true)]
async fn a_key_of_one_entity_or_token_is_proven_before_its_readers_get_it() {
    for sharing in ["entity", "token"] {
        let mut world = with(sharing, json!({})).await;
        let refused = lease(&world, "alice", "token-1").await.unwrap_err();
        assert!(refused.message().contains("is being proven"), "{refused}");
        world.pass(PROVEN).await;
        let one = key(&world, "alice", "token-1").await;
        assert_eq!(key(&world, "alice", "token-1").await, one);
        lease(&world, "bob", "token-2").await.unwrap_err();
        world.pass(PROVEN).await;
        let other = key(&world, "bob", "token-2").await;
        assert_ne!(other, one);
        world.restart();
        assert_eq!(key(&world, "alice", "token-1").await, one);
        assert_eq!(key(&world, "bob", "token-2").await, other);
        assert_eq!(world.cloud.made(), 2);
        assert_eq!(places(&world, "lockkeeper/spare/"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn readers_of_one_scope_that_wait_together_get_one_key() {
    let world = with("entity", json!({"wait_ready": 50, "not_ready": "warn"})).await;
    world.cloud.set_propagation(Duration::from_secs(30));
    let readers: Vec<_> = (0..12)
        .map(|number| {
            let engine = Arc::clone(&world.engine);
            tokio::spawn(async move {
                let entity = ["alice", "bob", "carol"][number % 3];
                let reader = service(entity, "token");
                let lease = leased_to(&engine, "scoped", reader).await.unwrap();
                (entity, lease.key().to_owned())
            })
        })
        .collect();
    let mut pairs = BTreeSet::new();
    for reader in readers {
        pairs.insert(reader.await.unwrap());
    }
    let keys: BTreeSet<_> = pairs.iter().map(|(_, key)| key).collect();
    assert_eq!((pairs.len(), keys.len()), (3, 3));
    assert_eq!(world.cloud.made(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_spare_becomes_the_key_of_the_scope_that_takes_it() {
    let mut world = with("entity", json!({"spares": 2})).await;
    world.pass(PROVEN).await;
    let one = key(&world, "alice", "token-1").await;
    let other = key(&world, "bob", "token-2").await;
    assert_ne!(one, other);
    world.pass(PROVEN).await;
    assert_eq!(world.cloud.made(), 4, "the pool is refilled");
    world.restart();
    assert_eq!(key(&world, "alice", "token-3").await, one);
    assert_eq!(key(&world, "bob", "token-4").await, other);
    let third = key(&world, "carol", "token-5").await;
    assert!(third != one && third != other);
}

/// Its reader may never come back, as a token that has ended.
#[tokio::test(start_paused = true)]
async fn the_key_of_a_reader_who_was_refused_is_kept_for_whoever_reads_next() {
    let world = with("token", json!({})).await;
    lease(&world, "", "token-1").await.unwrap_err();
    world.pass(PROVEN).await;
    let taken = key(&world, "", "token-2").await;
    assert_eq!(world.cloud.made(), 1);
    lease(&world, "", "token-1").await.unwrap_err();
    world.pass(PROVEN).await;
    assert_ne!(key(&world, "", "token-1").await, taken);
    assert_eq!(key(&world, "", "token-2").await, taken);
}

/// One of them was refused, so that the key they waited for is anybody's.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_key_that_another_scope_took_gets_another() {
    let world = with("token", json!({"wait_ready": 50})).await;
    lease(&world, "", "token-1").await.unwrap_err();
    let waits = |accessor: &'static str| {
        let engine = Arc::clone(&world.engine);
        tokio::spawn(async move { leased_to(&engine, "scoped", service("", accessor)).await })
    };
    // It takes the key of the first up again; a second reader of its scope is
    // refused later than the first.
    tokio::time::sleep(Duration::from_secs(70)).await;
    let (early, late) = (waits("token-1"), waits("token-2"));
    let early = early.await.unwrap();
    let late = late.await.unwrap();
    let keys: Vec<_> = [early, late]
        .into_iter()
        .flatten()
        .map(|lease| lease.key().to_owned())
        .collect();
    let distinct: BTreeSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len());
    world.pass(PROVEN).await;
    let one = key(&world, "", "token-1").await;
    let other = key(&world, "", "token-2").await;
    assert_ne!(one, other);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_handed_out_with_a_warning_stays_in_its_scope() {
    let world = with("entity", json!({"not_ready": "warn"})).await;
    let first = lease(&world, "alice", "token-1").await.unwrap();
    let second = lease(&world, "alice", "token-2").await.unwrap();
    assert_eq!(first.key(), second.key());
    let other = lease(&world, "bob", "token-3").await.unwrap();
    assert_ne!(first.key(), other.key());
    world.pass(PROVEN).await;
    assert_eq!(key(&world, "alice", "token-1").await, first.key());
    assert_eq!(world.cloud.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_next_key_of_a_scope_works_when_the_present_one_is_too_old() {
    let world = with("entity", json!({"max_age": 3600, "ttl": 3600})).await;
    lease(&world, "alice", "token").await.unwrap_err();
    world.pass(PROVEN).await;
    let present = key(&world, "alice", "token").await;
    world.pass(51 * MINUTE).await;
    assert_eq!(key(&world, "alice", "token").await, present);
    world.pass(6 * MINUTE).await;
    let next = key(&world, "alice", "token").await;
    assert_ne!(next, present);
    assert_eq!(key(&world, "alice", "token").await, next);
    assert_eq!(world.cloud.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_next_key_of_a_scope_that_nobody_reads_any_more_is_anybodys() {
    let week = 7 * 24 * 3600;
    let more = json!({"max_age": week, "ttl": 600});
    let world = with("token", more).await;
    lease(&world, "", "token-1").await.unwrap_err();
    world.pass(PROVEN).await;
    let lasts = |world: &World| world.cloud.live().len();
    let mut reads = 0;
    while world.cloud.made() < 2 {
        key(&world, "", "token-1").await;
        world.pass(8 * MINUTE).await;
        reads += 1;
        assert!(reads < 2000, "no next key was made");
    }
    assert_eq!(lasts(&world), 2);
    // The present key gets too old, and goes with its lease.
    world.pass(Duration::from_hours(17)).await;
    let next = key(&world, "", "token-2").await;
    assert_eq!(world.cloud.made(), 2, "{next} is the next key of another");
}

#[tokio::test(start_paused = true)]
async fn a_key_of_a_scope_that_never_works_is_given_up_and_another_is_made() {
    let world = with("entity", json!({"readiness_timeout": 300})).await;
    world.cloud.set_propagation(Duration::from_hours(1));
    lease(&world, "alice", "token").await.unwrap_err();
    world.pass(10 * MINUTE).await;
    assert_eq!(world.cloud.live(), Vec::<String>::new());
    world.cloud.set_propagation(Duration::from_secs(10));
    lease(&world, "alice", "token").await.unwrap_err();
    world.pass(PROVEN).await;
    key(&world, "alice", "token").await;
    assert_eq!(world.cloud.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_who_shares_hands_no_key_to_another_scope() {
    let world = with("entity", json!({"spares": 1, "ttl": 3600})).await;
    world.pass(PROVEN).await;
    let of_alice = key(&world, "alice", "token-1").await;
    for sharing in ["token", "role", "entity"] {
        let change = json!({"sharing": sharing});
        world.write("role/scoped", &change).await.unwrap();
        world.pass(PROVEN).await;
        let of_bob = key(&world, "bob", "token-2").await;
        assert_ne!(of_bob, of_alice, "{sharing}");
    }
    assert_eq!(key(&world, "alice", "token-1").await, of_alice);
}

/// The write of one was on its way while the other took the key, and lands after it.
#[tokio::test(start_paused = true)]
async fn of_a_key_that_two_processes_took_for_different_scopes_no_new_reader_gets_the_secret() {
    let mut world = with("token", json!({"spares": 1, "ttl": 3600})).await;
    world.pass(PROVEN).await;
    let other = world.another_process();
    other.periodic().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let slow = Duration::from_secs(20);
    world.storage.set_write_delay(slow, Timing::Last);
    let late = tokio::spawn(async move {
        let late = service("", "token-2");
        leased_to(&other, "scoped", late).await
    });
    tokio::time::sleep(slow / 2).await;
    world.storage.set_write_delay(Duration::ZERO, Timing::Last);
    let taken = lease(&world, "", "token-1").await.unwrap();
    late.await.unwrap().unwrap_err();
    world.restart();
    world.pass(PROVEN).await;
    for token in ["token-2", "token-3"] {
        if let Ok(lease) = lease(&world, "", token).await {
            assert_ne!(lease.key(), taken.key(), "{token}");
        }
    }
    assert!(world.lives(taken.key()));
}

/// Whoever tends the pool looks at the key before storage has that it was taken.
#[tokio::test(start_paused = true)]
async fn who_takes_a_spare_gets_it_however_slow_storage_is() {
    for sharing in ["role", "entity", "token"] {
        let world = with(sharing, json!({"spares": 1})).await;
        world.pass(PROVEN).await;
        world
            .storage
            .set_write_delay(Duration::from_secs(5), Timing::First);
        world.storage.set_read_delay(Duration::from_secs(1));
        let lease = lease(&world, "alice", "token").await.unwrap();
        assert!(world.lives(lease.key()), "{sharing}");
    }
}
