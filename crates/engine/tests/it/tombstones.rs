//! What is left of keys that are gone: it is kept for a week, in the way of
//! nobody who asks after keys that exist.

use std::time::Duration;

use engine::ledger::store::SEAL_WRAPPED;
use logical::Storage;
use serde_json::{Value, json};

use crate::world::World;

const GONE: &str = "lockkeeper/gone/";
const GONE_KEYS: &str = "lockkeeper/gone-key/";
const GONE_TARGETS: &str = "lockkeeper/gone-target/";
const LIVING: &str = "lockkeeper/credential/";

async fn gone_key(world: &World, role: &str) -> String {
    let lease = world.lease(role).await.unwrap();
    world.revoke(&lease).await.unwrap();
    lease.key().to_owned()
}

/// What is on record of a key.
async fn state(world: &World, key: &str) -> Option<Value> {
    let read = world.read(&format!("keys/{key}")).await.unwrap()?;
    read.get("state").cloned()
}

async fn days(world: &World, days: u64) {
    for _ in 0..days {
        tokio::time::sleep(Duration::from_hours(24)).await;
        world.pass(Duration::from_secs(1)).await;
    }
}

/// The reads and writes that everything costs which people and hosts ask for,
/// beside one living key of each role and so many that are gone.
async fn costs(gone: usize) -> Vec<(&'static str, u64, u64)> {
    let mut world = World::ready().await;
    for _ in 0..gone {
        gone_key(&world, "single").await;
    }
    world.lease("shared").await.unwrap();
    let living = world.lease("single").await.unwrap();
    let path = format!("keys/{}", living.key());
    let mut costs = Vec::new();
    for what in [
        "creds/single",
        "creds/shared",
        "keys/",
        "keys/<id>",
        "role/<name>/keys",
        "status",
        "config",
        "reconcile",
        "start",
    ] {
        let reads = world.storage.calls().reads();
        let writes = world.storage.calls().changes;
        match what {
            "creds/single" => drop(world.lease("single").await.unwrap()),
            "creds/shared" => drop(world.lease("shared").await.unwrap()),
            "keys/" => drop(world.list("keys/").await.unwrap()),
            "keys/<id>" => drop(world.read(&path).await.unwrap()),
            "role/<name>/keys" => drop(world.list("role/single/keys").await.unwrap()),
            "status" => drop(world.read("status").await.unwrap()),
            "config" => drop(world.delete("config").await.unwrap_err()),
            "reconcile" => drop(world.write("reconcile", &json!({})).await.unwrap()),
            _ => {
                world.restart();
                world.pass(Duration::from_mins(1)).await;
            }
        }
        let reads = world.storage.calls().reads() - reads;
        let writes = world.storage.calls().changes - writes;
        costs.push((what, reads, writes));
    }
    costs
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_gone_cost_those_that_exist_nothing() {
    // One tells for whom and for what keys were.
    let costs_now = costs(1).await;
    assert_eq!(
        costs_now[..2],
        [("creds/single", 0, 2), ("creds/shared", 0, 1)]
    );
    assert_eq!(costs(500).await, costs_now);
}

#[tokio::test(start_paused = true)]
async fn a_reader_after_a_shared_key_is_gone_reads_nothing_of_it() {
    let mut world = World::ready().await;
    let key = gone_key(&world, "shared").await;
    world.restart();
    let reads = world.storage.calls().reads();
    assert_ne!(world.lease("shared").await.unwrap().key(), key);
    assert_eq!(world.storage.calls().reads() - reads, 8);
}

#[tokio::test(start_paused = true)]
async fn a_tombstone_is_kept_for_seven_days() {
    let world = World::ready().await;
    let keys = [
        gone_key(&world, "single").await,
        gone_key(&world, "shared").await,
    ];
    days(&world, 7).await;
    for key in &keys {
        assert_eq!(state(&world, key).await, Some(json!("gone")));
    }
    days(&world, 2).await;
    for key in &keys {
        assert_eq!(state(&world, key).await, None);
    }
    for folder in [GONE, GONE_KEYS, LIVING] {
        assert!(
            world.storage.list(folder).await.unwrap().is_empty(),
            "{folder}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_tombstone_holds_no_secret_and_needs_no_seal() {
    let world = World::ready().await;
    for role in ["single", "shared"] {
        gone_key(&world, role).await;
    }
    let names = world.storage.list(GONE).await.unwrap();
    assert_eq!(names.len(), 2);
    for name in names {
        let bytes = world.storage.get(&format!("{GONE}{name}")).await.unwrap();
        let text = String::from_utf8(bytes.unwrap().to_vec()).unwrap();
        assert!(!text.contains("secret"), "{text}");
    }
    assert!(SEAL_WRAPPED.iter().all(|place| !GONE.starts_with(place)));
}

#[tokio::test(start_paused = true)]
async fn a_tombstone_of_an_earlier_version_is_understood_and_moved() {
    let mut world = World::ready().await;
    let key = gone_key(&world, "single").await;
    let old = gone_key(&world, "shared").await;
    for name in world.storage.list(GONE).await.unwrap() {
        let tombstone = world.storage.get(&format!("{GONE}{name}")).await.unwrap();
        world
            .storage
            .put(&format!("{LIVING}{name}"), &tombstone.unwrap())
            .await
            .unwrap();
        world
            .storage
            .delete(&format!("{GONE}{name}"))
            .await
            .unwrap();
    }
    for day in world.storage.list(GONE_KEYS).await.unwrap() {
        let folder = format!("{GONE_KEYS}{day}");
        for name in world.storage.list(&folder).await.unwrap() {
            world
                .storage
                .delete(&format!("{folder}{name}"))
                .await
                .unwrap();
        }
    }
    world.restart();
    assert_eq!(state(&world, &key).await, Some(json!("gone")));
    assert_eq!(
        world.list("keys/").await.unwrap().unwrap().get("keys"),
        None
    );
    world.pass(Duration::from_mins(1)).await;
    assert!(world.storage.list(LIVING).await.unwrap().is_empty());
    assert_eq!(state(&world, &old).await, Some(json!("gone")));
    days(&world, 9).await;
    assert_eq!(state(&world, &key).await, None);
    assert!(world.storage.list(GONE).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_tombstone_of_a_key_that_came_back_is_kept_from_when_it_went_again() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    let name = world.cloud.name_of(lease.key());
    world.revoke(&lease).await.unwrap();
    days(&world, 3).await;
    world.cloud.make_by_hand(lease.key(), &name);
    world.write("reconcile", &json!({})).await.unwrap();
    assert!(world.cloud.live().is_empty());
    days(&world, 6).await;
    assert_eq!(state(&world, lease.key()).await, Some(json!("gone")));
    days(&world, 3).await;
    assert_eq!(state(&world, lease.key()).await, None);
    assert!(world.storage.list(GONE_KEYS).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_comes_back_is_noticed_though_its_role_is_gone() {
    let mut world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    let name = world.cloud.name_of(lease.key());
    world.revoke(&lease).await.unwrap();
    for role in ["single", "shared"] {
        world.delete(&format!("role/{role}")).await.unwrap();
    }
    world.restart();
    days(&world, 5).await;
    world.cloud.make_by_hand(lease.key(), &name);
    days(&world, 1).await;
    assert!(world.cloud.live().is_empty());
    days(&world, 9).await;
    for folder in [GONE, GONE_KEYS, GONE_TARGETS] {
        let left = world.storage.list(folder).await.unwrap();
        assert!(left.is_empty(), "{folder}: {left:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_living_record_counts_beside_a_tombstone_that_a_cut_left() {
    let mut world = World::ready().await;
    let lease = world.lease("shared").await.unwrap();
    let id = world.storage.list(LIVING).await.unwrap().remove(0);
    let place = format!("{LIVING}{id}");
    let record = world.storage.get(&place).await.unwrap().unwrap();
    world
        .delete(&format!("keys/{}", lease.key()))
        .await
        .unwrap();
    world.storage.put(&place, &record).await.unwrap();
    world.restart();
    assert_eq!(state(&world, lease.key()).await, Some(json!("live")));
    world.pass(Duration::from_hours(1)).await;
    assert_eq!(state(&world, lease.key()).await, Some(json!("gone")));
    assert!(world.storage.list(LIVING).await.unwrap().is_empty());
}
