//! When the sweep runs: the host's periodic call licenses it, and never waits
//! for it (`lifecycle.md`, 23).

use std::time::Duration;
use virtual_world::Timing;

use crate::world::{Fault, World};

#[tokio::test(start_paused = true)]
async fn without_the_hosts_call_nothing_is_swept() {
    let world = World::ready().await;
    world.lease("single").await.unwrap();
    // A node that is no longer the active one.
    tokio::time::sleep(Duration::from_hours(3)).await;
    assert_eq!(world.cloud.live().len(), 1);
    world.pass(Duration::from_mins(1)).await;
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_sweep_whose_licence_ran_out_stops_before_the_next_key() {
    let world = World::ready().await;
    for _ in 0..200 {
        world.lease("single").await.unwrap();
    }
    *world.cloud.delete_delay.lock().unwrap() = Duration::from_mins(1);
    tokio::time::sleep(Duration::from_hours(3)).await;
    world.engine.periodic().await.unwrap();
    tokio::time::sleep(Duration::from_hours(3)).await;
    let left = world.cloud.live().len();
    assert!(left > 100 && left < 200, "{left}");
}

#[tokio::test(start_paused = true)]
async fn the_hosts_call_returns_at_once_while_the_cloud_is_slow() {
    let world = World::ready().await;
    world.lease("single").await.unwrap();
    *world.cloud.delete_delay.lock().unwrap() = Duration::from_mins(10);
    tokio::time::sleep(Duration::from_hours(3)).await;
    let before = tokio::time::Instant::now();
    world.engine.periodic().await.unwrap();
    assert!(before.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_panics_leaves_nothing_to_the_next_day() {
    let world = World::ready().await;
    world.pass(Duration::from_mins(1)).await;
    for _ in 0..20 {
        world.lease("single").await.unwrap();
    }
    world.cloud.arm(Fault::Panic);
    world.pass(Duration::from_mins(30)).await;
    assert!(world.cloud.live().is_empty());
}

/// The write of a new reader fails while the sweep removes a lapsed holder, so
/// that memory is empty when that has succeeded.
#[tokio::test(start_paused = true)]
async fn a_key_that_memory_lost_during_its_settlement_is_looked_at_again() {
    let world = World::ready().await;
    world.pass(Duration::from_mins(1)).await;
    world.lease("shared").await.unwrap();
    tokio::time::sleep(Duration::from_mins(6)).await;
    world.lease("shared").await.unwrap();
    tokio::time::sleep(Duration::from_secs(5 * 60 + 1)).await;
    world
        .storage
        .set_write_delay(Duration::from_secs(1), Timing::First);
    world
        .storage
        .fail_next_writes(1, virtual_world::Fault::Done);
    let (failed, ()) = tokio::join!(world.lease("shared"), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.engine.periodic().await.unwrap();
    });
    failed.unwrap_err();
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.storage.set_write_delay(Duration::ZERO, Timing::First);
    world.pass(Duration::from_mins(40)).await;
    assert!(world.cloud.live().is_empty());
}
