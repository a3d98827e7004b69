//! Static roles whose last change failed half way: it is finished later.

use std::sync::Arc;
use std::time::Duration;

use logical::Storage as _;
use virtual_world::Fault;

use crate::static_roles::{hourly, with_role};
use crate::world::World;

const MINUTE: Duration = Duration::from_mins(1);

/// Storage failed after it had done the write.
#[tokio::test(start_paused = true)]
async fn a_static_role_that_was_stored_although_storage_failed_goes_on() {
    let world = World::ready().await;
    // All roles that there were are known by then.
    world.pass(MINUTE).await;
    world.storage.fail_next_writes(1, Fault::Done);
    world
        .write("static-role/orders", &hourly())
        .await
        .unwrap_err();
    world.pass(2 * MINUTE).await;
    assert!(world.lives(&world.served_key().await));
    assert_eq!(world.cloud.live().len(), 1);
}

/// The writes of the record were done, and those that let go of the key were not.
#[tokio::test(start_paused = true)]
async fn a_deletion_whose_end_failed_is_finished_when_the_role_is_looked_at() {
    let world = with_role(&hourly()).await;
    let first = world.served_key().await;
    world.pass(2 * MINUTE).await;
    let storage = Arc::clone(world.storage.disk());
    let record = storage.get("lockkeeper/static/orders").await.unwrap();
    let left = "lockkeeper/static-left/orders";
    storage.put(left, &record.unwrap()).await.unwrap();
    storage.delete("lockkeeper/static/orders").await.unwrap();
    // Its rotation would be due.
    world.pass(90 * MINUTE).await;
    assert!(!world.lives(&first), "its grace is over");
}
