//! When static roles rotate: on time although keys need time to work, and not again
//! after a restart (`lifecycle.md`, 39 and 40).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::static_roles::hourly;
use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// A world with a static role that rotates each hour, whose keys need so long.
async fn with_propagation(propagation: Duration) -> World {
    let world = World::ready().await;
    world.cloud.set_propagation(propagation);
    let mut role = hourly();
    role["readiness"] = "probe".into();
    world.write("static-role/orders", &role).await.unwrap();
    while world.read("static-creds/orders").await.is_err() {
        world.pass(MINUTE).await;
    }
    world
}

async fn time_of(world: &World, field: &str) -> Timestamp {
    let status = world.static_status().await;
    status[field].as_str().unwrap().parse().unwrap()
}

/// How late the next planned switch is.
async fn next_switch(world: &World) -> SignedDuration {
    let planned = time_of(world, "next_rotation").await;
    let key = world.served_key().await;
    while world.served_key().await == key {
        world.pass(20 * SECOND).await;
    }
    let creds = world.data_of("static-creds/orders").await;
    let switched: Timestamp = creds["last_vault_rotation"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    switched.duration_since(planned)
}

#[tokio::test(start_paused = true)]
async fn a_rotation_is_on_time_although_its_key_needs_time_to_work() {
    let world = with_propagation(2 * MINUTE).await;
    for _ in 0..3 {
        let late = next_switch(&world).await;
        assert!(
            (0..=2).contains(&late.as_secs()),
            "{late:?} after the planned time"
        );
    }
}

/// The lead is twice what the last keys needed.
#[tokio::test(start_paused = true)]
async fn slow_keys_are_begun_earlier_once_that_is_known() {
    let world = with_propagation(2 * MINUTE).await;
    world.cloud.set_propagation(5 * MINUTE);
    for _ in 0..6 {
        world.write("rotate-role/orders", &json!({})).await.unwrap();
        world.pass(8 * MINUTE).await;
    }
    let lead = time_of(&world, "next_rotation")
        .await
        .duration_since(time_of(&world, "begins").await);
    assert!((600..=640).contains(&lead.as_secs()), "{lead:?}");
    let late = next_switch(&world).await;
    assert!((0..=2).contains(&late.as_secs()), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn a_restart_neither_rotates_nor_moves_the_next_rotation() {
    let mut world = with_propagation(2 * MINUTE).await;
    let (planned, key) = (
        time_of(&world, "next_rotation").await,
        world.served_key().await,
    );
    let made = world.cloud.made();
    for _ in 0..5 {
        world.restart();
        world.pass(2 * MINUTE).await;
        assert_eq!(time_of(&world, "next_rotation").await, planned);
        assert_eq!(world.served_key().await, key);
        assert_eq!(world.cloud.made(), made);
    }
    let status: Value = world.static_status().await.into();
    assert_eq!(status["version"], 1, "{status}");
}
