//! The next key of a slot: what it costs, whom it counts for, and what becomes of
//! it when something goes wrong.

use std::time::Duration;

use logical::Storage;
use serde_json::{Value, json};

use crate::shared_age::{at, read, settle};
use crate::world::{Lease, Reader, World};

const MINUTE: Duration = Duration::from_mins(1);

async fn with(fields: Value) -> World {
    let world = World::ready().await;
    world.write("role/shared", &fields).await.unwrap();
    world
}

fn delay(world: &World, seconds: u64) {
    *world.cloud.create_delay.lock().unwrap() = Duration::from_secs(seconds);
}

/// On what a key counts as working.
async fn proven(world: &World, key: &str) -> String {
    let about = world.read(&format!("keys/{key}")).await.unwrap().unwrap();
    about.get("proven").unwrap().as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_key_is_as_old_as_its_intent_however_long_it_took_to_make() {
    let world = with(json!({"max_age": 1000, "ttl": 3000})).await;
    let begun = tokio::time::Instant::now();
    delay(&world, 25);
    let first = read(&world).await;
    delay(&world, 0);
    at(&world, begun, 902).await;
    assert_eq!(read(&world).await.key(), first.key());
    settle().await;
    assert_eq!(world.cloud.made(), 2, "the next one is prepared");
    at(&world, begun, 1001).await;
    assert_ne!(read(&world).await.key(), first.key());
}

#[tokio::test(start_paused = true)]
async fn a_next_key_is_held_no_longer_than_it_would_be_handed_out() {
    let world = with(json!({"max_age": 1000, "ttl": 3000})).await;
    let begun = tokio::time::Instant::now();
    let first = read(&world).await;
    at(&world, begun, 905).await;
    let second = read(&world).await;
    settle().await;
    assert_eq!(world.cloud.made(), 2);
    for lease in [first, second] {
        world.revoke(&lease).await.unwrap();
    }
    at(&world, begun, 905 + 1000 + 50).await;
    assert_eq!(world.cloud.live().len(), 1);
    at(&world, begun, 905 + 1000 + 130).await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_next_key_that_is_being_made_takes_no_place_of_the_lease_that_was_the_reason() {
    let limited = json!({"max_age": 1000, "ttl": 3000, "max_active": 2});
    let world = with(limited).await;
    let begun = tokio::time::Instant::now();
    let first = read(&world).await;
    at(&world, begun, 905).await;
    delay(&world, 25);
    let second = read(&world).await;
    assert!(world.lease("shared").await.is_err(), "there are two");
    world.revoke(&second).await.unwrap();
    assert_eq!(world.cloud.live(), [first.key()], "it is being made");
    read(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_shared_key_without_its_secret_is_given_to_nobody_whatever_points_to_it() {
    let fields = json!({
        "ttl": 3600, "readiness": "probe", "readiness_timeout": 300,
    });
    let mut world = with(fields).await;
    world.cloud.set_propagation(Duration::from_secs(100_000));
    let first = read(&world).await;
    let pointer = || {
        let mut keys = world.storage.disk().keys();
        keys.retain(|key| key.starts_with("lockkeeper/shared/"));
        keys
    };
    let place = pointer().pop().unwrap();
    let points = world.storage.disk().get(&place).await.unwrap().unwrap();
    world.pass(7 * MINUTE).await;
    assert!(pointer().is_empty(), "it never worked");
    // The write that withdrew the key was cut off before its pointer went.
    world.storage.disk().put(&place, &points).await.unwrap();
    world.restart();
    let second = read(&world).await;
    assert_ne!(second.key(), first.key());
}

/// A role whose keys take two minutes until they work, and are shared for so long.
async fn proving(fields: Value) -> World {
    let mut role = json!({
        "readiness": "probe", "not_ready": "refuse", "ttl": 3600, "max_ttl": 36_000,
        "spare_max_age": 36_000,
    });
    let fields = fields.as_object().cloned().unwrap();
    role.as_object_mut().unwrap().extend(fields);
    let world = with(role).await;
    world.cloud.set_propagation(2 * MINUTE);
    world
}

/// The first shared key, once it works.
async fn first_that_works(world: &World) -> Lease {
    assert!(world.lease("shared").await.is_err(), "it is being proven");
    world.pass(4 * MINUTE).await;
    read(world).await
}

#[tokio::test(start_paused = true)]
async fn the_next_key_is_proven_before_readers_get_it() {
    let world = proving(json!({"max_age": 6000})).await;
    let begun = tokio::time::Instant::now();
    let first = first_that_works(&world).await;
    at(&world, begun, 3000).await;
    world.renew(&first, 0).await.unwrap();
    at(&world, begun, 5410).await;
    assert_eq!(read(&world).await.key(), first.key());
    settle().await;
    let mut live = world.cloud.live();
    live.retain(|key| key != first.key());
    let [next] = &live[..] else {
        panic!("no next key: {live:?}");
    };
    assert_eq!(proven(&world, next).await, "");
    at(&world, begun, 5990).await;
    assert_eq!(proven(&world, next).await, "probe");
    at(&world, begun, 6001).await;
    let second = read(&world).await;
    assert_eq!(second.key(), next);
    let secret = second.data["secret"].as_str().unwrap();
    assert!(world.cloud.logs_in(second.key(), secret));
}

#[tokio::test(start_paused = true)]
async fn in_the_place_of_a_next_key_that_never_worked_another_is_prepared() {
    let world = proving(json!({"max_age": 20_000, "readiness_timeout": 300})).await;
    let begun = tokio::time::Instant::now();
    let first = first_that_works(&world).await;
    for second in [3000, 6000, 9000, 12_000, 15_000] {
        at(&world, begun, second).await;
        world.renew(&first, 0).await.unwrap();
    }
    world.cloud.set_propagation(Duration::from_secs(100_000));
    at(&world, begun, 18_010).await;
    read(&world).await;
    settle().await;
    assert_eq!(world.cloud.made(), 2);
    at(&world, begun, 18_600).await;
    assert_eq!(world.cloud.live(), [first.key()], "it never worked");
    world.cloud.set_propagation(2 * MINUTE);
    read(&world).await;
    settle().await;
    assert_eq!(world.cloud.made(), 3);
    at(&world, begun, 20_001).await;
    assert_ne!(read(&world).await.key(), first.key());
    assert_eq!(world.cloud.made(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_spare_that_readers_share_is_as_old_as_its_key() {
    let fields = json!({"max_age": 3000, "spares": 1});
    let world = proving(fields).await;
    let begun = tokio::time::Instant::now();
    at(&world, begun, 1500).await;
    let first = read(&world).await;
    at(&world, begun, 2600).await;
    assert_eq!(read(&world).await.key(), first.key());
    at(&world, begun, 3200).await;
    assert_ne!(read(&world).await.key(), first.key());
}

#[tokio::test(start_paused = true)]
async fn who_has_no_entity_is_told_apart_by_the_accessor_where_the_host_gives_no_token() {
    let of = |accessor| Reader {
        entity: "",
        accessor,
        token: "",
    };
    let world = with(json!({"sharing": "token", "max_active_per_requester": 2})).await;
    let first = world.lease_to("shared", of("one")).await.unwrap();
    let again = world.lease_to("shared", of("one")).await.unwrap();
    let other = world.lease_to("shared", of("two")).await.unwrap();
    assert_eq!(first.key(), again.key());
    assert_ne!(first.key(), other.key());
    let refused = world.lease_to("shared", of("one")).await.unwrap_err();
    assert!(refused.message().contains("has 2 of 2"), "{refused}");
    world.lease_to("shared", of("two")).await.unwrap();
}
