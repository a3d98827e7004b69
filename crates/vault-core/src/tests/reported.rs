//! Writes that were stored and reported as failed: their client knows nothing of
//! what they made, so nothing of it stays.

use std::sync::Arc;
use std::time::Duration;

use logical::Operation;
use serde_json::{Value, json};
use virtual_world::Fault;

use super::{Seen, World, ask, ask_as};
use crate::Core;

/// Asks while the next write is stored and reported as failed. Returns the keys
/// before, and those that are there once the background work is done.
async fn asked(
    machine: &virtual_world::World,
    asking: impl Future<Output = Seen>,
) -> [Vec<String>; 2] {
    let before = machine.storage.disk().keys();
    machine.storage.fail_next_writes(1, Fault::Done);
    let seen = asking.await;
    assert_eq!(seen.status, 500, "{seen:?}");
    tokio::time::sleep(Duration::from_secs(30)).await;
    [before, machine.storage.disk().keys()]
}

async fn world() -> (World, virtual_world::World, Arc<Core>) {
    let (world, machine) = (World::new(), virtual_world::World::new());
    let core = world.mounted_with(world.effects_of(&machine)).await;
    (world, machine, core)
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_stored_and_reported_as_failed_is_revoked() {
    let (_world, machine, core) = world().await;
    let create = "auth/token/create";
    for body in [json!({"ttl": "1h"}), json!({})] {
        let creating = ask(&core, Operation::Update, create, body);
        let [before, after] = asked(&machine, creating).await;
        assert_eq!(before, after);
    }
}

#[tokio::test(start_paused = true)]
async fn the_token_of_a_login_that_was_stored_and_reported_as_failed_is_revoked() {
    let (_world, machine, core) = world().await;
    for (path, body) in [
        ("sys/auth/approle", json!({"type": "approle"})),
        ("auth/approle/role/app", json!({})),
    ] {
        let seen = ask(&core, Operation::Update, path, body).await;
        assert_eq!(seen.status, 204, "{seen:?}");
    }
    let role = "auth/approle/role/app";
    let path = format!("{role}/role-id");
    let role_id = ask(&core, Operation::Read, &path, Value::Null).await;
    let path = format!("{role}/secret-id");
    let secret_id = ask(&core, Operation::Update, &path, json!({})).await;
    let ids = json!({
        "role_id": role_id.body["data"]["role_id"],
        "secret_id": secret_id.body["data"]["secret_id"],
    });
    let path = "auth/approle/login";
    // The entity of the first login stays.
    let seen = ask_as(&core, None, Operation::Update, path, ids.clone()).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    let login = ask_as(&core, None, Operation::Update, path, ids);
    let [before, after] = asked(&machine, login).await;
    assert_eq!(before, after);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_stored_and_reported_as_failed_is_gone_with_its_secret() {
    let (world, machine, core) = world().await;
    let leasing = ask(&core, Operation::Read, "puppet/lease", Value::Null);
    let [before, after] = asked(&machine, leasing).await;
    assert_eq!(before, after);
    assert_eq!(world.puppet.revoked(), [0]);
}
