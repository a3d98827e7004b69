//! The way of a request, from a client's point of view.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use logical::{Operation, Storage};
use serde_json::{Value, json};

use crate::tests::{World, ask, ask_as};
use crate::{ClientRequest, ClientToken};

#[tokio::test(start_paused = true)]
async fn without_a_known_token_nothing_is_told() {
    let core = World::new().mounted().await;
    for path in [
        "puppet/asker",
        "sys/mounts",
        "auth/token/lookup-self",
        "nowhere",
    ] {
        for token in [None, Some("stranger")] {
            let seen = ask_as(&core, token, Operation::Read, path, Value::Null).await;
            assert_eq!(
                (seen.status, seen.error()),
                (403, "permission denied"),
                "{path}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_with_the_default_policy_reaches_itself_and_no_mount() {
    let core = World::new().mounted().await;
    let token = core
        .active()
        .unwrap()
        .tokens
        .create(None, &["default"])
        .await
        .unwrap();
    let token = Some(token.expose());
    let own = ask_as(
        &core,
        token,
        Operation::Read,
        "auth/token/lookup-self",
        Value::Null,
    )
    .await;
    assert_eq!(own.body["data"]["policies"], json!(["default"]));
    assert_eq!(own.body["data"]["id"].as_str(), token);
    let denied = ask_as(&core, token, Operation::Read, "puppet/asker", Value::Null).await;
    assert_eq!(denied.status, 403);
    assert_eq!(
        denied.error(),
        "1 error occurred:\n\t* permission denied\n\n"
    );
}

#[tokio::test(start_paused = true)]
async fn an_engine_is_told_who_asks_but_never_the_token() {
    let core = World::new().mounted().await;
    let seen = ask(&core, Operation::Read, "puppet/asker", Value::Null).await;
    assert_eq!(seen.body["data"]["mount"], "puppet/");
    assert_eq!(seen.body["mount_type"], "puppet");
    let salted = seen.body["data"]["token"].as_str().unwrap();
    assert!(salted.starts_with('h') && !salted.contains("root"));
}

#[tokio::test(start_paused = true)]
async fn a_write_creates_what_is_absent_and_updates_what_is_there() {
    let core = World::new().mounted().await;
    for expected in ["create", "update"] {
        let seen = ask(&core, Operation::Update, "puppet/thing", json!({"a": 1})).await;
        assert_eq!(seen.body["data"]["operation"], expected);
    }
}

#[tokio::test(start_paused = true)]
async fn paths_without_a_mount_and_odd_requests_are_refused() {
    let core = World::new().mounted().await;
    let nowhere = ask(&core, Operation::Read, "nowhere/x", Value::Null).await;
    assert_eq!(nowhere.status, 404);
    assert_eq!(
        nowhere.error(),
        "no handler for route \"nowhere/x\". route entry not found."
    );
    for (operation, path, status) in [
        (Operation::Read, "puppet/nothing", 404),
        (Operation::Read, "sys/nothing", 404),
        (Operation::Delete, "sys/capabilities-self", 405),
        (Operation::Update, "puppet/thing/", 400),
        (Operation::Revoke, "puppet/lease", 405),
    ] {
        let seen = ask(&core, operation, path, Value::Null).await;
        assert_eq!(seen.status, status, "{path}: {seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn mounts_are_enabled_shown_tuned_and_removed_with_their_leases() {
    let world = World::new();
    let core = world.start().await;
    let body = json!({"type": "puppet", "config": {"max_lease_ttl": "1h"}, "options": null});
    let enabled = ask(&core, Operation::Update, "sys/mounts/a/b", body.clone()).await;
    assert_eq!(enabled.status, 204, "{enabled:?}");
    let taken = ask(&core, Operation::Update, "sys/mounts/a", body).await;
    assert_eq!(taken.error(), "path is already in use at a/b/");
    let all = ask(&core, Operation::Read, "sys/mounts", Value::Null).await;
    assert_eq!(all.body["a/b/"], all.body["data"]["a/b/"]);
    assert_eq!(all.body["a/b/"]["config"]["max_lease_ttl"], 3600);
    let tune = json!({"default_lease_ttl": "5m"});
    let tuned = ask(&core, Operation::Update, "sys/mounts/a/b/tune", tune).await;
    assert_eq!(tuned.status, 204);
    let tuning = ask(&core, Operation::Read, "sys/mounts/a/b/tune", Value::Null).await;
    assert_eq!(tuning.body["data"]["default_lease_ttl"], 300);
    ask(&core, Operation::Update, "a/b/thing", json!({})).await;
    ask(&core, Operation::Read, "a/b/lease", Value::Null).await;
    let removed = ask(&core, Operation::Delete, "sys/mounts/a/b", Value::Null).await;
    assert_eq!(removed.status, 204, "{removed:?}");
    assert_eq!(world.puppet.revoked(), [0]);
    let left = world.storage.keys();
    assert!(
        left.iter().all(|key| !key.starts_with("logical/")),
        "{left:?}"
    );
    let gone = ask(&core, Operation::Read, "a/b/thing", Value::Null).await;
    assert_eq!(gone.status, 404);
}

#[tokio::test(start_paused = true)]
async fn mounts_and_leases_come_back_after_a_restart() {
    let world = World::new();
    let core = world.mounted().await;
    ask(&core, Operation::Read, "puppet/lease", Value::Null).await;
    core.shut_down().await;
    let core = world.start().await;
    let seen = ask(&core, Operation::Read, "puppet/asker", Value::Null).await;
    assert_eq!(seen.status, 200);
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(world.puppet.revoked(), [0]);
}

#[tokio::test(start_paused = true)]
async fn the_lease_of_a_client_that_hangs_up_ends_at_once() {
    let world = World::new();
    let core = world.mounted().await;
    let request = ClientRequest::new(Operation::Read, "puppet/lease")
        .with_token(Some(ClientToken::new("root")));
    *world.slow.writes_take.lock().unwrap() = Duration::from_millis(500);
    // Polled once it has asked the engine and waits for its lease.
    let mut asking = Box::pin(core.handle(request));
    assert!(asking.as_mut().now_or_never().is_none());
    drop(asking);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.puppet.revoked(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_mount_that_is_removed_takes_along_the_lease_of_a_client_that_hung_up() {
    let world = World::new();
    let core = world.mounted().await;
    let request = ClientRequest::new(Operation::Read, "puppet/lease")
        .with_token(Some(ClientToken::new("root")));
    *world.slow.writes_take.lock().unwrap() = Duration::from_secs(1);
    let mut asking = Box::pin(core.handle(request));
    assert!(asking.as_mut().now_or_never().is_none());
    drop(asking);
    // The lease is being registered while the mount is removed.
    tokio::time::sleep(Duration::from_millis(10)).await;
    let removed = ask(&core, Operation::Delete, "sys/mounts/puppet", Value::Null).await;
    assert_eq!(removed.status, 204);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(world.puppet.revoked(), [0]);
    let left = world.storage.keys();
    assert!(
        left.iter().all(|key| !key.starts_with("sys/expire/")),
        "{left:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn backends_do_their_periodic_work_every_minute() {
    let world = World::new();
    let _core = world.mounted().await;
    tokio::time::sleep(Duration::from_mins(3) + Duration::from_secs(1)).await;
    let ticks = world.puppet.ticks.load(Ordering::SeqCst);
    assert!((3..=4).contains(&ticks), "{ticks}");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_revoked_takes_its_leases_along() {
    let world = World::new();
    let core = world.mounted().await;
    ask(&core, Operation::Read, "puppet/lease", Value::Null).await;
    let revoked = ask(
        &core,
        Operation::Update,
        "auth/token/revoke-self",
        Value::Null,
    )
    .await;
    assert_eq!(revoked.status, 204);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.puppet.revoked(), [0]);
    let unknown = ask(&core, Operation::Read, "puppet/asker", Value::Null).await;
    assert_eq!(unknown.status, 403);
}

#[tokio::test(start_paused = true)]
async fn interfaces_learn_which_mount_a_path_lies_in() {
    let core = World::new().mounted().await;
    let one = ask(
        &core,
        Operation::Read,
        "sys/internal/ui/mounts/puppet/some/thing",
        Value::Null,
    )
    .await;
    assert_eq!(one.body["data"]["path"], "puppet/");
    let none = ask(
        &core,
        Operation::Read,
        "sys/internal/ui/mounts/secret",
        Value::Null,
    )
    .await;
    assert_eq!(none.status, 403);
    assert!(
        none.error()
            .contains("preflight capability check returned 403")
    );
    let all = ask(
        &core,
        Operation::Read,
        "sys/internal/ui/mounts",
        Value::Null,
    )
    .await;
    assert_eq!(all.body["data"]["secret"]["puppet/"]["type"], "puppet");
    assert_eq!(all.body["data"]["auth"]["token/"]["type"], "token");
}

#[tokio::test(start_paused = true)]
async fn the_name_of_the_cluster_outlives_a_restart() {
    let world = World::new();
    let first = world.start().await.cluster().clone();
    assert_eq!(&first, world.start().await.cluster());
    assert!(world.storage.get("core/cluster").await.unwrap().is_some());
}
