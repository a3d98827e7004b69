//! The end of a mount: a removed one takes its keys along, a stopped one
//! leaves them (`lifecycle.md`, 28).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::world::{World, leased};

#[tokio::test(start_paused = true)]
async fn a_removed_mount_takes_keys_along_whose_leases_the_host_lost() {
    let world = World::ready().await;
    world.lease("shared").await.unwrap();
    for _ in 0..10 {
        world.lease("single").await.unwrap();
    }
    world.host.tainted.store(true, Ordering::SeqCst);
    world.engine.cleanup().await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_removed_mount_waits_for_keys_that_are_being_made() {
    let world = World::ready().await;
    *world.cloud.create_delay.lock().unwrap() = Duration::from_secs(20);
    let engine = Arc::clone(&world.engine);
    let reading = tokio::spawn(async move { leased(&engine, "shared").await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.host.tainted.store(true, Ordering::SeqCst);
    world.engine.cleanup().await;
    assert_eq!(world.cloud.made(), 1);
    assert!(world.cloud.live().is_empty());
    let _ = reading.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_mount_that_only_stops_keeps_its_keys() {
    let world = World::ready().await;
    let lease = world.lease("shared").await.unwrap();
    world.engine.cleanup().await;
    assert_eq!(world.cloud.live(), [lease.key()]);
}

#[tokio::test(start_paused = true)]
async fn a_removed_mount_is_not_kept_for_ever_by_a_cloud_that_does_not_answer() {
    let world = World::ready().await;
    world.lease("single").await.unwrap();
    *world.cloud.delete_delay.lock().unwrap() = Duration::from_hours(1);
    world.host.tainted.store(true, Ordering::SeqCst);
    let before = tokio::time::Instant::now();
    world.engine.cleanup().await;
    // Hosts wait for a minute.
    assert!(before.elapsed() <= Duration::from_secs(55));
    assert!(before.elapsed() > Duration::from_secs(50));
}

/// The second reader came before the mount was removed, and then waits behind
/// the clean-up, which waits for the first.
#[tokio::test(start_paused = true)]
async fn no_key_is_made_once_the_keys_of_a_removed_mount_are_being_ended() {
    let world = World::ready().await;
    *world.cloud.create_delay.lock().unwrap() = Duration::from_secs(5);
    let reader = || {
        let engine = Arc::clone(&world.engine);
        tokio::spawn(async move { leased(&engine, "single").await })
    };
    let first = reader();
    tokio::time::sleep(Duration::from_secs(1)).await;
    *world.host.answer_delay.lock().unwrap() = Duration::from_secs(2);
    let second = reader();
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.host.tainted.store(true, Ordering::SeqCst);
    world.engine.cleanup().await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let _ = first.await.unwrap();
    second.await.unwrap().unwrap_err();
    assert_eq!(world.cloud.made(), 1);
    assert!(world.cloud.live().is_empty());
}
