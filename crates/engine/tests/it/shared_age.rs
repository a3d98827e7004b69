//! Shared keys that get too old: the next one is made before that, new readers
//! get it from then on, and the leases on the old one run out.

use std::sync::Arc;
use std::time::Duration;

use logical::SystemView as _;
use serde_json::json;

use crate::world::{Fault, Lease, World, leased};

const MAX_AGE: Duration = Duration::from_secs(1000);

/// A world whose role `shared` has keys of a thousand seconds and leases of
/// nine hundred.
async fn aging() -> World {
    let world = World::ready().await;
    let role = json!({"max_age": MAX_AGE.as_secs(), "ttl": 900});
    world.write("role/shared", &role).await.unwrap();
    world
}

/// Lets time pass until a second of a story.
pub(crate) async fn at(world: &World, begun: tokio::time::Instant, second: u64) {
    let until = begun + Duration::from_secs(second);
    world.pass(until - tokio::time::Instant::now()).await;
}

pub(crate) async fn read(world: &World) -> Lease {
    world.lease("shared").await.unwrap()
}

/// What runs in the background ends.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

#[tokio::test(start_paused = true)]
async fn the_next_shared_key_is_made_in_the_last_tenth_and_served_from_max_age_on() {
    let world = aging().await;
    let begun = tokio::time::Instant::now();
    let first = read(&world).await;
    at(&world, begun, 890).await;
    world.renew(&first, 0).await.unwrap();
    assert_eq!(read(&world).await.key(), first.key());
    settle().await;
    assert_eq!(world.cloud.made(), 1, "nine tenths are not over");
    at(&world, begun, 905).await;
    assert_eq!(read(&world).await.key(), first.key());
    settle().await;
    assert_eq!(world.cloud.made(), 2, "the next one is prepared");
    at(&world, begun, 990).await;
    assert_eq!(read(&world).await.key(), first.key());
    at(&world, begun, 1001).await;
    *world.cloud.create_delay.lock().unwrap() = Duration::from_hours(1);
    let next = tokio::time::timeout(Duration::from_secs(1), read(&world));
    let next = next.await.expect("it is there already");
    assert_ne!(next.key(), first.key());
    assert_eq!(world.cloud.made(), 2);
    world.renew(&first, 0).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_shared_key_is_made_for_nobody() {
    let world = aging().await;
    let begun = tokio::time::Instant::now();
    let first = read(&world).await;
    at(&world, begun, 300).await;
    world.renew(&first, 0).await.unwrap();
    at(&world, begun, 5000).await;
    assert_eq!(world.cloud.made(), 1);
    assert!(world.cloud.live().is_empty());
    read(&world).await;
    assert_eq!(world.cloud.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_next_key_that_nobody_takes_goes_by_itself() {
    let world = aging().await;
    let begun = tokio::time::Instant::now();
    let first = read(&world).await;
    at(&world, begun, 940).await;
    let second = read(&world).await;
    settle().await;
    assert_eq!(world.cloud.live().len(), 2);
    for lease in [first, second] {
        world.revoke(&lease).await.unwrap();
    }
    assert_eq!(
        world.cloud.live().len(),
        1,
        "the next one waits for a reader"
    );
    // Until the old one would be too old, one time to live, and a minute.
    at(&world, begun, 1000 + 900 + 50).await;
    assert_eq!(world.cloud.live().len(), 1);
    at(&world, begun, 1000 + 900 + 125).await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_next_key_that_was_taken_goes_with_its_last_lease() {
    let world = aging().await;
    let begun = tokio::time::Instant::now();
    let first = read(&world).await;
    at(&world, begun, 940).await;
    let second = read(&world).await;
    at(&world, begun, 1001).await;
    let next = read(&world).await;
    settle().await;
    for lease in [&first, &second] {
        world.revoke(lease).await.unwrap();
    }
    assert_eq!(world.cloud.live(), [next.key()]);
    world.revoke(&next).await.unwrap();
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_next_key_is_not_seen_by_readers_and_tried_again_with_a_growing_wait() {
    let world = aging().await;
    let begun = tokio::time::Instant::now();
    let first = read(&world).await;
    at(&world, begun, 905).await;
    let name = "engine_key_creations_total purpose=role outcome=quota_reached";
    for _ in 0..60 {
        world.cloud.arm(Fault::Quota);
    }
    for _ in 0..40 {
        assert_eq!(read(&world).await.key(), first.key());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // At once, after 5, 10 and 20 seconds more; not 40 times.
    assert_eq!(world.taken.of(name), Some(4.0));
    at(&world, begun, 1001).await;
    let error = world.lease("shared").await.unwrap_err();
    assert!(error.message().contains("quota"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn readers_at_max_age_share_the_next_key_that_is_being_made() {
    let world = aging().await;
    let begun = tokio::time::Instant::now();
    let first = read(&world).await;
    at(&world, begun, 500).await;
    world.renew(&first, 0).await.unwrap();
    at(&world, begun, 990).await;
    *world.cloud.create_delay.lock().unwrap() = Duration::from_secs(20);
    assert_eq!(read(&world).await.key(), first.key());
    tokio::time::sleep(Duration::from_secs(12)).await;
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let engine = Arc::clone(&world.engine);
            tokio::spawn(async move { leased(&engine, "shared").await.unwrap() })
        })
        .collect();
    for reader in readers {
        let lease = reader.await.unwrap();
        assert_ne!(lease.key(), first.key());
    }
    assert_eq!(world.cloud.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_the_hosts_licence_no_next_key_is_made() {
    let world = aging().await;
    read(&world).await;
    // Without a periodic call.
    tokio::time::sleep(Duration::from_secs(950)).await;
    read(&world).await;
    settle().await;
    assert_eq!(world.cloud.made(), 1);
    tokio::time::sleep(Duration::from_secs(51)).await;
    read(&world).await;
    assert_eq!(world.cloud.made(), 2, "a reader has it made");
}

#[tokio::test(start_paused = true)]
async fn the_age_of_a_shared_key_survives_a_restart() {
    let mut world = aging().await;
    let begun = tokio::time::Instant::now();
    let first = read(&world).await;
    at(&world, begun, 500).await;
    world.restart();
    assert_eq!(read(&world).await.key(), first.key());
    at(&world, begun, 1001).await;
    let second = read(&world).await;
    assert_ne!(second.key(), first.key());
    world.restart();
    assert_eq!(read(&world).await.key(), second.key());
    // The old one lives on for its leases, and is not found again.
    assert_eq!(world.cloud.live().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_restart_in_the_last_tenth_finds_the_present_key_and_the_next_one() {
    let mut world = aging().await;
    let begun = tokio::time::Instant::now();
    let first = read(&world).await;
    at(&world, begun, 910).await;
    read(&world).await;
    settle().await;
    world.restart();
    at(&world, begun, 980).await;
    assert_eq!(read(&world).await.key(), first.key());
    settle().await;
    at(&world, begun, 1001).await;
    let next = read(&world).await;
    assert_ne!(next.key(), first.key());
    assert_eq!(world.cloud.made(), 2);
    settle().await;
    // It was held for readers to come, which ended with the first of them.
    let holders = world.read(&format!("keys/{}", next.key())).await.unwrap();
    assert_eq!(holders.unwrap().get("holders"), Some(&json!(1)));
}

#[tokio::test(start_paused = true)]
async fn a_lease_on_a_shared_key_ends_at_twice_its_max_age() {
    let world = aging().await;
    let begun = tokio::time::Instant::now();
    let first = read(&world).await;
    assert_eq!(first.secret.lease.max_ttl, Duration::from_secs(2000));
    at(&world, begun, 500).await;
    world.renew(&first, 0).await.unwrap();
    at(&world, begun, 999).await;
    let last = read(&world).await;
    assert_eq!(last.secret.lease.ttl, Duration::from_mins(15));
    let longest = last.secret.lease.max_ttl.as_secs();
    assert!((1000..=1001).contains(&longest), "{longest}");
    at(&world, begun, 1500).await;
    let renewed = world.renew(&last, 0).await.unwrap().secret.unwrap();
    let left = renewed.lease.ttl.as_secs();
    assert!((490..=500).contains(&left), "{left}");
    // The host asks for more than there is.
    world.renew(&last, 3600).await.unwrap();
    at(&world, begun, 2000).await;
    let error = world.renew(&last, 0).await.unwrap_err();
    assert!(error.message().contains("twice as old"), "{error}");
    // The deadline of every holder is the end of its lease and a minute.
    at(&world, begun, 2000 + 60 + 61).await;
    assert!(!world.lives(first.key()));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_max_age_cuts_is_not_called_cut_by_the_mount() {
    let world = aging().await;
    let long = json!({"ttl": 3000, "max_ttl": 7200});
    let warned = world.write("role/shared", &long).await.unwrap().unwrap();
    let warning = warned.warnings.concat();
    assert!(warning.contains("`max_age` of 16m40s"), "{warning}");
    let request = logical::Request::new(logical::Operation::Read, "creds/shared");
    let response = world.engine.handle(request).await.unwrap().unwrap();
    assert_eq!(
        response.secret.unwrap().lease.ttl,
        Duration::from_secs(2000)
    );
    assert!(response.warnings.is_empty(), "{:?}", response.warnings);
    assert_eq!(
        world.host.max_lease_ttl().await.unwrap(),
        Duration::from_hours(24)
    );
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_given_another_target_drops_the_next_key_that_is_being_made() {
    let world = aging().await;
    let begun = tokio::time::Instant::now();
    let first = read(&world).await;
    at(&world, begun, 940).await;
    *world.cloud.create_delay.lock().unwrap() = Duration::from_secs(5);
    let second = read(&world).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let other = json!({"resource": "lkc-2"});
    world.write("role/shared", &other).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    for lease in [first, second] {
        world.revoke(&lease).await.unwrap();
    }
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_max_age_that_is_lowered_or_taken_back_counts_at_once() {
    let world = aging().await;
    let begun = tokio::time::Instant::now();
    let first = read(&world).await;
    at(&world, begun, 700).await;
    world
        .write("role/shared", &json!({"max_age": 600}))
        .await
        .unwrap();
    let second = read(&world).await;
    assert_ne!(second.key(), first.key());
    world
        .write("role/shared", &json!({"max_age": 0}))
        .await
        .unwrap();
    at(&world, begun, 1200).await;
    world.renew(&second, 0).await.unwrap();
    at(&world, begun, 1700).await;
    assert_eq!(read(&world).await.key(), second.key());
}

#[tokio::test(start_paused = true)]
async fn only_a_shared_key_has_a_max_age_of_ten_minutes_or_more() {
    let world = World::ready().await;
    for (role, fields, says) in [
        (
            "single",
            json!({"max_age": 3600}),
            "only a shared key has a `max_age`",
        ),
        (
            "shared",
            json!({"max_age": 599}),
            "`max_age` of 599 seconds is too short",
        ),
        ("shared", json!({"max_age": -1}), "max_age"),
        ("shared", json!({"max_age": "1y"}), "max_age"),
    ] {
        let error = world
            .write(&format!("role/{role}"), &fields)
            .await
            .unwrap_err();
        assert!(error.message().contains(says), "{error}");
    }
    world
        .write("role/shared", &json!({"max_age": "10m"}))
        .await
        .unwrap();
    let role = world.read("role/shared").await.unwrap().unwrap();
    assert_eq!(role.get("max_age"), Some(&json!(600)));
    let error = world
        .write("role/shared", &json!({"multi_use_key": false}))
        .await;
    let error = error.unwrap_err();
    assert!(error.message().contains("`max_age=0`"), "{error}");
    let both = json!({"multi_use_key": false, "max_age": 0});
    world.write("role/shared", &both).await.unwrap();
}
