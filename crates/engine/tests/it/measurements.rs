//! What a host that takes measurements learns of the keys of a mount.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::world::{ADMIN_SECRET, Fault, MOUNT_ID, World};

const CREATIONS: &str = "engine_key_creations_total purpose=role";
const DELETIONS: &str = "engine_key_deletions_total by=host";

#[tokio::test(start_paused = true)]
async fn creations_are_counted_by_what_came_of_them() {
    let world = World::ready().await;
    let _ = world.lease("single").await.unwrap();
    let of = |outcome: &str| world.taken.of(&format!("{CREATIONS} outcome={outcome}"));
    assert_eq!(of("made"), Some(1.0), "{}", world.taken.all());

    world.cloud.arm(Fault::Quota);
    world.lease("single").await.unwrap_err();
    world.cloud.arm(Fault::LoseCreateAnswer);
    world.lease("single").await.unwrap_err();
    world.host.set_tainted(true);
    world.lease("single").await.unwrap_err();
    for (outcome, count) in [
        ("made", 1.0),
        ("quota_reached", 1.0),
        ("unavailable", 1.0),
        ("refused", 1.0),
    ] {
        let all = world.taken.all();
        assert_eq!(of(outcome), Some(count), "{outcome}: {all}");
    }
}

#[tokio::test(start_paused = true)]
async fn readers_of_a_shared_key_are_counted_apart_from_its_creation() {
    let world = World::ready().await;
    for _ in 0..3 {
        let _ = world.lease("shared").await.unwrap();
    }
    let _ = world.lease("single").await.unwrap();
    let all = world.taken.all();
    let handed_out = |key: &str| {
        world
            .taken
            .of(&format!("engine_credentials_total key={key}"))
    };
    assert_eq!(handed_out("shared"), Some(3.0), "{all}");
    assert_eq!(handed_out("single_use"), Some(1.0), "{all}");
    let made = world.taken.of(&format!("{CREATIONS} outcome=made"));
    assert_eq!(made, Some(2.0), "{all}");
}

#[tokio::test(start_paused = true)]
async fn deletions_are_counted_and_those_that_are_due_are_shown() {
    let world = World::ready().await;
    let (first, second) = (world.lease("single").await, world.lease("single").await);
    world.revoke(&first.unwrap()).await.unwrap();
    world.pass(Duration::from_mins(1)).await;
    let due = |cause: &str| {
        let name = format!("engine_key_deletions_due mount={MOUNT_ID} cause={cause}");
        world.taken.of(&name)
    };
    let keys = |stage: &str| {
        let name = format!("engine_keys mount={MOUNT_ID} stage={stage}");
        world.taken.of(&name)
    };
    assert_eq!(keys("live"), Some(1.0), "{}", world.taken.all());
    assert_eq!(due("failed"), Some(0.0), "{}", world.taken.all());

    world.cloud.deletes_fail.store(true, Ordering::SeqCst);
    world.revoke(&second.unwrap()).await.unwrap_err();
    world.pass(Duration::from_mins(1)).await;
    let all = world.taken.all();
    assert_eq!(
        (keys("live"), keys("retiring")),
        (Some(0.0), Some(1.0)),
        "{all}"
    );
    assert_eq!(due("failed"), Some(1.0), "{all}");

    world.cloud.deletes_fail.store(false, Ordering::SeqCst);
    world.pass(Duration::from_mins(5)).await;
    let all = world.taken.all();
    assert_eq!(
        (keys("retiring"), due("failed")),
        (Some(0.0), Some(0.0)),
        "{all}"
    );
    let by_host = |outcome: &str| world.taken.of(&format!("{DELETIONS} outcome={outcome}"));
    assert_eq!(by_host("deleted"), Some(1.0), "{all}");
    assert_eq!(by_host("failed"), Some(1.0), "{all}");
    let swept = "engine_key_deletions_total by=sweep outcome=deleted";
    assert_eq!(world.taken.of(swept), Some(1.0), "{all}");

    let third = world.lease("single").await.unwrap();
    let key = format!("keys/{}", third.key());
    world.delete(&key).await.unwrap();
    let by_operator = "engine_key_deletions_total by=operator outcome=deleted";
    assert_eq!(
        world.taken.of(by_operator),
        Some(1.0),
        "{}",
        world.taken.all()
    );
}

#[tokio::test(start_paused = true)]
async fn no_measurement_names_a_key_an_owner_or_a_role() {
    let world = World::ready().await;
    let lease = world.lease("single").await.unwrap();
    let _ = world.lease("shared").await.unwrap();
    world.revoke(&lease).await.unwrap();
    world.pass(Duration::from_mins(1)).await;
    let all = world.taken.all();
    assert!(all.contains("engine_keys"), "{all}");
    let secret = lease.data["secret"].as_str().unwrap();
    for hidden in [lease.key(), secret, ADMIN_SECRET, "sa-1", "lkc-1", "env-1"] {
        assert!(!all.contains(hidden), "{hidden}: {all}");
    }
}
