//! What memory spares a lease, and when memory gives way to storage.

use std::sync::Arc;
use std::time::Duration;

use logical::effects::Replication;
use serde_json::json;

use crate::world::{ADMIN_SECRET, OTHER_ADMIN_KEY, OTHER_ORGANIZATION, World, leased};

/// What a lease costs: reads of storage and questions to the host.
async fn cost(world: &World, role: &str) -> (u64, u64) {
    let counted = || {
        let reads = world.storage.calls().reads();
        (reads, world.host.asked().total())
    };
    let before = counted();
    world.lease(role).await.unwrap();
    let after = counted();
    (after.0 - before.0, after.1 - before.1)
}

#[tokio::test(start_paused = true)]
async fn a_lease_soon_after_another_reads_no_storage_and_asks_only_what_must_be_new() {
    let world = World::ready().await;
    world.lease("shared").await.unwrap();
    world.lease("single").await.unwrap();
    // The longest TTL; and, before a key is made, whether the mount goes.
    assert_eq!(cost(&world, "shared").await, (0, 1));
    assert_eq!(cost(&world, "single").await, (0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_written_counts_at_once() {
    let world = World::ready().await;
    world.lease("single").await.unwrap();
    let shorter = json!({ "ttl": 60 });
    world.write("role/single", &shorter).await.unwrap();
    let lease = world.lease("single").await.unwrap();
    assert_eq!(lease.secret.lease.ttl, Duration::from_mins(1));
    world.delete("role/single").await.unwrap();
    assert!(world.lease("single").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_role_that_another_node_wrote_counts_once_the_host_tells() {
    let mut world = World::ready().await;
    world.lease("single").await.unwrap();
    let here = Arc::clone(&world.engine);
    world.restart();
    let shorter = json!({ "ttl": 60 });
    world.write("role/single", &shorter).await.unwrap();
    here.invalidate("lockkeeper/role/single").await;
    let lease = leased(&here, "single").await.unwrap();
    assert_eq!(lease.secret.lease.ttl, Duration::from_mins(1));
}

#[tokio::test(start_paused = true)]
async fn what_another_node_wrote_counts_within_seconds_even_untold() {
    let mut world = World::ready().await;
    world.lease("single").await.unwrap();
    let here = Arc::clone(&world.engine);
    world.restart();
    world.delete("role/single").await.unwrap();
    assert!(leased(&here, "single").await.is_ok());
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(leased(&here, "single").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_written_makes_the_next_key() {
    let world = World::ready().await;
    world.lease("single").await.unwrap();
    let other = json!({
        "ccloud_api_key_id": OTHER_ADMIN_KEY, "ccloud_api_key_secret": ADMIN_SECRET,
    });
    world.write("config", &other).await.unwrap();
    let lease = world.lease("single").await.unwrap();
    let made_in = world.cloud.organization_of(lease.key());
    assert_eq!(made_in, OTHER_ORGANIZATION);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_active_no_more_forwards_within_a_second() {
    let world = World::ready().await;
    world.lease("shared").await.unwrap();
    let standby = 16384;
    world.host.set_replication(Replication(standby));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let refused = world.lease("shared").await.unwrap_err();
    assert_eq!(refused.class(), logical::ErrorClass::ReadOnlyStorage);
    // And what is active again serves at once.
    world.host.set_replication(Replication(0));
    assert!(world.lease("shared").await.is_ok());
}
