//! The life of a lease, from a client's point of view.

mod stopped;
mod unwell;

use std::sync::Arc;
use std::time::Duration;

use logical::Operation;
use serde_json::{Value, json};

use crate::Core;
use crate::tests::{Does, Seen, World, ask, ask_as};

const SECOND: Duration = Duration::from_secs(1);

async fn leased(core: &Core) -> String {
    let seen = ask(core, Operation::Read, "puppet/lease", Value::Null).await;
    assert_eq!(seen.body["lease_duration"], 10);
    seen.body["lease_id"].as_str().unwrap().to_owned()
}

async fn renew(core: &Core, lease: &str, increment: u64) -> Seen {
    let body = json!({"lease_id": lease, "increment": increment});
    ask(core, Operation::Update, "sys/leases/renew", body).await
}

async fn world() -> (World, Arc<Core>) {
    let world = World::new();
    let core = world.mounted().await;
    (world, core)
}

#[tokio::test(start_paused = true)]
async fn a_lease_ends_when_its_time_is_over_and_not_before() {
    let (world, core) = world().await;
    let lease = leased(&core).await;
    assert!(lease.starts_with("puppet/lease/") && lease.len() == "puppet/lease/".len() + 24);
    tokio::time::sleep(9 * SECOND).await;
    assert!(world.puppet.revoked().is_empty());
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(world.puppet.revoked(), [0]);
    let body = json!({"lease_id": lease});
    let gone = ask(&core, Operation::Update, "sys/leases/lookup", body).await;
    assert_eq!((gone.status, gone.error()), (400, "invalid lease"));
}

#[tokio::test(start_paused = true)]
async fn a_renewed_lease_lives_on_but_never_past_its_longest_life() {
    let (world, core) = world().await;
    let lease = leased(&core).await;
    for _ in 0..3 {
        tokio::time::sleep(8 * SECOND).await;
        let renewed = renew(&core, &lease, 0).await;
        assert_eq!(renewed.status, 200, "{renewed:?}");
        assert_eq!(renewed.body["lease_id"], lease.as_str());
    }
    // 24 seconds are over: of ten more, six are left.
    let cut = renew(&core, &lease, 100).await;
    assert_eq!(cut.body["lease_duration"], 6);
    assert!(
        cut.body["warnings"][0]
            .as_str()
            .unwrap()
            .contains("max_ttl")
    );
    tokio::time::sleep(5 * SECOND).await;
    assert!(world.puppet.revoked().is_empty());
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(world.puppet.revoked(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_lease_of_a_batch_token_is_never_renewed_past_the_end_of_its_token() {
    let (world, core) = world().await;
    let policy = json!({"policy": "path \"puppet/*\" { capabilities = [\"read\"] }"});
    ask(&core, Operation::Update, "sys/policies/acl/p", policy).await;
    let body = json!({"type": "batch", "policies": ["p"], "ttl": "15s"});
    let made = ask(&core, Operation::Update, "auth/token/create", body).await;
    let batch = made.body["auth"]["client_token"].as_str();
    let seen = ask_as(&core, batch, Operation::Read, "puppet/lease", Value::Null).await;
    let lease = seen.body["lease_id"].as_str().unwrap();
    tokio::time::sleep(8 * SECOND).await;
    let renewed = renew(&core, lease, 0).await;
    assert_eq!(renewed.body["lease_duration"], 7, "{renewed:?}");
    tokio::time::sleep(6 * SECOND).await;
    assert!(world.puppet.revoked().is_empty());
    assert_eq!(renew(&core, lease, 20).await.body["lease_duration"], 1);
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(world.puppet.revoked(), [0]);
}

#[tokio::test(start_paused = true)]
async fn what_is_renewed_or_revoked_leaves_nothing_in_memory() {
    let (_world, core) = world().await;
    let queued = || core.active().unwrap().leases.due_queue.len();
    let body = json!({"policies": ["a"], "ttl": "1h"});
    let made = ask(&core, Operation::Update, "auth/token/create", body).await;
    let token = json!({"token": made.body["auth"]["client_token"]});
    assert_eq!(queued(), 1);
    for _ in 0..3 {
        tokio::time::sleep(SECOND).await;
        ask(&core, Operation::Update, "auth/token/renew", token.clone()).await;
        // A renewal that changes nothing loses nothing.
        ask(&core, Operation::Update, "auth/token/renew", token.clone()).await;
        assert_eq!(queued(), 1);
    }
    ask(&core, Operation::Update, "auth/token/revoke", token).await;
    assert_eq!(queued(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_can_shorten_a_lease() {
    let (world, core) = world().await;
    let lease = leased(&core).await;
    assert_eq!(renew(&core, &lease, 2).await.body["lease_duration"], 2);
    tokio::time::sleep(3 * SECOND).await;
    assert_eq!(world.puppet.revoked(), [0]);
}

#[tokio::test(start_paused = true)]
async fn unknown_leases_cannot_be_renewed_but_revoking_them_is_no_error() {
    let (_world, core) = world().await;
    let unknown = renew(&core, "puppet/lease/none", 0).await;
    assert_eq!((unknown.status, unknown.error()), (400, "lease not found"));
    let body = json!({"lease_id": "puppet/lease/none", "sync": true});
    let revoked = ask(&core, Operation::Update, "sys/leases/revoke", body).await;
    assert_eq!(revoked.status, 204);
    let missing = ask(&core, Operation::Update, "sys/leases/revoke", Value::Null).await;
    assert_eq!(missing.error(), "lease_id must be specified");
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_revoked_before_the_answer_or_soon_after_it() {
    let (world, core) = world().await;
    // As in Vault and OpenBao, `sync` is true unless it is given.
    let now = json!({"lease_id": leased(&core).await});
    let revoked = ask(&core, Operation::Update, "sys/leases/revoke", now).await;
    assert_eq!(revoked.status, 204);
    assert_eq!(world.puppet.revoked(), [0]);
    let soon = json!({"lease_id": leased(&core).await, "sync": false});
    let revoked = ask(&core, Operation::Update, "sys/leases/revoke", soon).await;
    assert_eq!((revoked.status, revoked.body), (202, Value::Null));
    tokio::time::sleep(SECOND).await;
    assert_eq!(world.puppet.revoked(), [0, 1]);
}

/// As in OpenBao; some clients take nothing but 204 (node-vault).
#[tokio::test(start_paused = true)]
async fn a_revocation_without_sync_is_204_once_it_is_done_and_202_when_that_takes_long() {
    let (world, core) = world().await;
    let lease = json!({"lease_id": leased(&core).await});
    let revoked = ask(&core, Operation::Update, "sys/leases/revoke", lease).await;
    assert_eq!((revoked.status, revoked.body), (204, Value::Null));
    assert_eq!(world.puppet.revoked(), [0]);
    leased(&core).await;
    world.puppet.on("revoke", Does::Hang);
    let path = "sys/leases/revoke-prefix/puppet";
    let start = tokio::time::Instant::now();
    let revoked = ask(&core, Operation::Update, path, Value::Null).await;
    assert_eq!((revoked.status, revoked.body), (202, Value::Null));
    assert!(start.elapsed() < 40 * SECOND);
    world.puppet.on("revoke", Does::Work);
    tokio::time::sleep(300 * SECOND).await;
    assert!(world.puppet.revoked().contains(&1));
}

#[tokio::test(start_paused = true)]
async fn a_revocation_goes_on_although_its_client_hung_up() {
    for path in ["sys/leases/revoke", "sys/leases/revoke-prefix/puppet"] {
        let (world, core) = world().await;
        let body = json!({"lease_id": leased(&core).await, "sync": true});
        *world.slow.writes_take.lock().unwrap() = SECOND;
        let revoking = ask(&core, Operation::Update, path, body);
        assert!(tokio::time::timeout(SECOND / 2, revoking).await.is_err());
        tokio::time::sleep(5 * SECOND).await;
        assert_eq!(world.puppet.revoked(), [0]);
        let left = world.storage.keys();
        let left = left.iter().find(|key| key.starts_with("sys/expire/"));
        assert_eq!(left, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_revocation_that_fails_is_tried_again_until_it_succeeds() {
    let (world, core) = world().await;
    leased(&core).await;
    world.puppet.on("revoke", Does::Fail);
    tokio::time::sleep(30 * SECOND).await;
    assert!(world.puppet.revoked().is_empty());
    world.puppet.on("revoke", Does::Work);
    tokio::time::sleep(120 * SECOND).await;
    assert_eq!(world.puppet.revoked(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_given_up_is_shown_with_its_error_until_forced() {
    let (world, core) = world().await;
    let lease = leased(&core).await;
    world.puppet.on("revoke", Does::Fail);
    tokio::time::sleep(Duration::from_hours(1)).await;
    let irrevocable = json!({"type": "irrevocable"});
    let shown = ask(&core, Operation::Read, "sys/leases", irrevocable.clone()).await;
    assert_eq!(shown.body["data"]["lease_count"], 1);
    let one = &shown.body["data"]["leases"][0];
    assert_eq!(one["lease_id"], lease.as_str());
    assert_eq!(one["error"], "the puppet fails");
    let counted = ask(
        &core,
        Operation::Read,
        "sys/leases/count",
        irrevocable.clone(),
    )
    .await;
    let accessor = one["mount_id"].as_str().unwrap();
    assert_eq!(counted.body["data"]["counts"][accessor], 1);
    assert_eq!(
        renew(&core, &lease, 0).await.error(),
        "lease is not renewable"
    );
    let path = "sys/leases/revoke-force/puppet";
    let forced = ask(&core, Operation::Update, path, Value::Null).await;
    assert_eq!(forced.status, 204);
    let shown = ask(&core, Operation::Read, "sys/leases", irrevocable).await;
    assert_eq!(shown.body["data"]["lease_count"], 0);
}

#[tokio::test(start_paused = true)]
async fn leases_are_listed_and_revoked_by_prefix() {
    let (world, core) = world().await;
    let lease = leased(&core).await;
    leased(&core).await;
    let listed = ask(
        &core,
        Operation::List,
        "sys/leases/lookup/puppet/lease",
        Value::Null,
    )
    .await;
    let keys = listed.body["data"]["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys.contains(&lease.rsplit('/').next().unwrap().into()));
    let body = json!({"sync": true});
    let revoked = ask(
        &core,
        Operation::Update,
        "sys/leases/revoke-prefix/puppet",
        body,
    )
    .await;
    assert_eq!(revoked.status, 204);
    assert_eq!(world.puppet.revoked(), [0, 1]);
    let listed = ask(
        &core,
        Operation::List,
        "sys/leases/lookup/puppet/lease",
        Value::Null,
    )
    .await;
    assert_eq!(listed.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_lease_shows_its_times_and_no_secret() {
    let (_world, core) = world().await;
    let body = json!({"lease_id": leased(&core).await});
    let shown = ask(&core, Operation::Update, "sys/leases/lookup", body).await;
    let data = shown.body["data"].as_object().unwrap();
    let names: Vec<&str> = data.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "expire_time",
            "id",
            "issue_time",
            "last_renewal",
            "path",
            "renewable",
            "ttl"
        ]
    );
    assert_eq!(data["ttl"], 10);
}

#[tokio::test(start_paused = true)]
async fn a_backoff_that_has_begun_goes_on_after_a_restart() {
    let (world, core) = world().await;
    leased(&core).await;
    world.puppet.on("revoke", Does::Fail);
    // Two failures: at ten seconds, and at most fifteen later.
    tokio::time::sleep(26 * SECOND).await;
    core.shut_down().await;
    world.puppet.on("revoke", Does::Work);
    let _core = world.start().await;
    tokio::time::sleep(SECOND).await;
    assert!(world.puppet.revoked().is_empty(), "the pause is not over");
    tokio::time::sleep(30 * SECOND).await;
    assert_eq!(world.puppet.revoked(), [0]);
}
