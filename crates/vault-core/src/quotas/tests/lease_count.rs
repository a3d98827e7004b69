//! Limits of the number of leases. Texts are Vault Enterprise's.

use super::*;
use crate::ClientToken;
use crate::tests::{ask_as, ask_wrapped};

const USER: &str = "user";

/// A core with the puppet at `puppet/` and a token `user` that may do everything and is
/// no root token.
async fn core_of(world: &World) -> Arc<Core> {
    let core = world.mounted().await;
    create_user(&core).await;
    core
}

async fn create_user(core: &Core) {
    let all = json!({"policy": "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"sudo\"] }"});
    let seen = post(core, "sys/policies/acl/all", all).await;
    assert_eq!(seen.status, 204, "{seen:?}");
    let tokens = &core.active().unwrap().tokens;
    let user = Some(ClientToken::new(USER));
    tokens.create(user, &["all"]).await.unwrap();
}

async fn limit(core: &Core, name: &str, path: &str, max: u64) {
    let body = json!({"path": path, "max_leases": max});
    let seen = post(core, &format!("sys/quotas/lease-count/{name}"), body).await;
    assert_eq!(seen.status, 204, "{seen:?}");
}

async fn counter(core: &Core, name: &str) -> u64 {
    let path = format!("sys/quotas/lease-count/{name}");
    let seen = ask(core, Operation::Read, &path, Value::Null).await;
    seen.body["data"]["counter"].as_u64().unwrap()
}

async fn lease(core: &Core, token: &str) -> Seen {
    ask_as(
        core,
        Some(token),
        Operation::Read,
        "puppet/lease",
        Value::Null,
    )
    .await
}

async fn revoke(core: &Core, lease: &Seen) {
    let body = json!({"lease_id": lease.body["lease_id"], "sync": true});
    let seen = post(core, "sys/leases/revoke", body).await;
    assert_eq!(seen.status, 204, "{seen:?}");
}

async fn create(core: &Core, body: Value) -> Seen {
    let create = "auth/token/create";
    ask_as(core, Some(USER), Operation::Update, create, body).await
}

#[tokio::test(start_paused = true)]
async fn no_more_leases_are_made_than_a_quota_allows_and_ends_make_room() {
    let world = World::new();
    let core = core_of(&world).await;
    limit(&core, "q", "puppet", 2).await;
    let first = lease(&core, USER).await;
    let second = lease(&core, USER).await;
    assert_eq!((first.status, second.status), (200, 200));
    let refused = lease(&core, USER).await;
    let text = "request path \"puppet/lease\": lease count quota exceeded";
    assert_eq!((refused.status, refused.error()), (429, text));
    assert_eq!(
        world.puppet.revoked(),
        Vec::<u64>::new(),
        "nothing was made for it"
    );
    // A root token gets one all the same, and it counts.
    assert_eq!(lease(&core, "root").await.status, 200);
    assert_eq!(counter(&core, "q").await, 3);
    revoke(&core, &first).await;
    assert_eq!(lease(&core, USER).await.status, 429);
    revoke(&core, &second).await;
    assert_eq!(counter(&core, "q").await, 1);
    assert_eq!(lease(&core, USER).await.status, 200);
    // What has no lease is not refused.
    let asker = ask_as(
        &core,
        Some(USER),
        Operation::Read,
        "puppet/asker",
        Value::Null,
    )
    .await;
    assert_eq!(asker.status, 200);
}

#[tokio::test(start_paused = true)]
async fn requests_at_the_same_time_never_exceed_a_quota_together() {
    let world = World::new();
    let core = core_of(&world).await;
    limit(&core, "q", "puppet", 10).await;
    *world.slow.writes_take.lock().unwrap() = SECOND / 10;
    let asking = (0..100).map(|_| {
        let core = Arc::clone(&core);
        tokio::spawn(async move { lease(&core, USER).await.status })
    });
    let mut granted = 0;
    for asked in asking.collect::<Vec<_>>() {
        match asked.await.unwrap() {
            200 => granted += 1,
            status => assert_eq!(status, 429),
        }
    }
    assert_eq!((granted, counter(&core, "q").await), (10, 10));
    assert_eq!(
        world.puppet.revoked(),
        Vec::<u64>::new(),
        "none was made in vain"
    );
    let body = json!({"sync": true});
    let ended = post(&core, "sys/leases/revoke-prefix/puppet", body).await;
    assert_eq!((ended.status, counter(&core, "q").await), (204, 0));
    assert_eq!(lease(&core, USER).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn leases_of_before_count_after_a_start_and_for_the_first_quota() {
    let world = World::new();
    let core = core_of(&world).await;
    for _ in 0..3 {
        lease(&core, USER).await;
    }
    limit(&core, "q", "puppet", 3).await;
    assert_eq!(counter(&core, "q").await, 3);
    core.shut_down().await;
    let core = world.start().await;
    // It is not known yet that this path gives leases: what is made is revoked.
    for _ in 0..2 {
        assert_eq!(lease(&core, USER).await.status, 429);
        assert_eq!(world.puppet.revoked(), [3]);
    }
    limit(&core, "q", "puppet", 4).await;
    assert_eq!(lease(&core, USER).await.status, 200);
    assert_eq!(lease(&core, USER).await.status, 429);
    assert_eq!(counter(&core, "q").await, 4);
    // Their time is over.
    tokio::time::sleep(SECOND * 15).await;
    assert_eq!(counter(&core, "q").await, 0);
}

#[tokio::test(start_paused = true)]
async fn the_first_quota_holds_before_it_is_stored() {
    let world = World::new();
    let core = core_of(&world).await;
    *world.slow.writes_take.lock().unwrap() = 10 * SECOND;
    let body = json!({"path": "puppet", "max_leases": 1});
    let writing = post(&core, "sys/quotas/lease-count/q", body);
    let asking = async {
        // The leases of before are listed, and the quota is being stored.
        tokio::time::sleep(SECOND).await;
        let asked = (0..3).map(|_| lease(&core, USER));
        let asked = futures_util::future::join_all(asked).await;
        asked.iter().filter(|seen| seen.status == 200).count()
    };
    let (written, granted) = tokio::join!(writing, asking);
    assert_eq!((written.status, granted), (204, 1));
    assert_eq!(counter(&core, "q").await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_first_quota_that_cannot_be_stored_limits_nothing() {
    let (world, machine) = (World::new(), virtual_world::World::new());
    let core = world.start_with(world.effects_of(&machine)).await.unwrap();
    let mounted = post(&core, "sys/mounts/puppet", json!({"type": "puppet"})).await;
    assert_eq!(mounted.status, 204, "{mounted:?}");
    create_user(&core).await;
    machine
        .storage
        .fail_next_writes(1, virtual_world::Fault::Lost);
    let body = json!({"path": "puppet", "max_leases": 1});
    let failed = post(&core, "sys/quotas/lease-count/q", body).await;
    assert_eq!(failed.status, 500, "{failed:?}");
    for _ in 0..2 {
        assert_eq!(lease(&core, USER).await.status, 200);
    }
    let list = ask(
        &core,
        Operation::List,
        "sys/quotas/lease-count",
        Value::Null,
    )
    .await;
    assert_eq!(list.status, 404, "{list:?}");
}

#[tokio::test(start_paused = true)]
async fn tokens_count_until_they_end_and_batch_tokens_are_only_refused() {
    let world = World::new();
    let core = core_of(&world).await;
    limit(&core, "q", "auth/token/create", 2).await;
    let first = create(&core, json!({"ttl": "1h"})).await;
    assert_eq!(create(&core, json!({"ttl": "1m"})).await.status, 200);
    for body in [json!({"ttl": "1h"}), json!({"type": "batch", "ttl": "1h"})] {
        let refused = create(&core, body).await;
        assert_eq!(refused.status, 429, "{refused:?}");
    }
    tokio::time::sleep(SECOND * 90).await;
    assert_eq!(counter(&core, "q").await, 1, "one has expired");
    let batch = create(&core, json!({"type": "batch", "ttl": "1h"})).await;
    assert_eq!((batch.status, counter(&core, "q").await), (200, 1));
    assert_eq!(create(&core, json!({"ttl": "1h"})).await.status, 200);
    let token = json!({"token": first.body["auth"]["client_token"]});
    post(&core, "auth/token/revoke", token).await;
    assert_eq!(counter(&core, "q").await, 1);
    // Wrapped answers are leases as well.
    limit(&core, "wrapped", "sys/wrapping/wrap", 1).await;
    for status in [200, 429] {
        let path = "sys/wrapping/wrap";
        let body = json!({"a": "b"});
        let seen = ask_wrapped(&core, USER, Operation::Update, path, body, SECOND * 60).await;
        assert_eq!(seen.status, status, "{seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_most_specific_quota_about_a_lease_counts_it() {
    let core = core_of(&World::new()).await;
    lease(&core, USER).await;
    limit(&core, "all", "", 1).await;
    assert_eq!(
        (counter(&core, "all").await, lease(&core, USER).await.status),
        (1, 429)
    );
    limit(&core, "path", "puppet/lease", 3).await;
    assert_eq!(
        (counter(&core, "all").await, counter(&core, "path").await),
        (0, 1)
    );
    assert_eq!(lease(&core, USER).await.status, 200);
    let path = "sys/quotas/lease-count/path";
    ask(&core, Operation::Delete, path, Value::Null).await;
    assert_eq!(
        (counter(&core, "all").await, lease(&core, USER).await.status),
        (2, 429)
    );
    ask(
        &core,
        Operation::Delete,
        "sys/quotas/lease-count/all",
        Value::Null,
    )
    .await;
    assert_eq!(lease(&core, USER).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_quota_of_leases_is_shown_and_refused_by_what_is_wrong_with_it() {
    let core = core_of(&World::new()).await;
    limit(&core, "q", "puppet", 2).await;
    let shown = ask(
        &core,
        Operation::Read,
        "sys/quotas/lease-count/q",
        Value::Null,
    )
    .await;
    assert_eq!(
        shown.body["data"],
        json!({
            "type": "lease-count", "name": "q", "path": "puppet/", "role": "", "max_leases": 2,
            "counter": 0, "inheritable": false,
        })
    );
    let listed = ask(
        &core,
        Operation::List,
        "sys/quotas/lease-count/",
        Value::Null,
    )
    .await;
    assert_eq!(listed.body["data"]["keys"], json!(["q"]));
    for (name, body, text) in [
        ("r", json!({}), "`max_leases` must be"),
        ("r", json!({"max_leases": 0}), "`max_leases` must be"),
        ("r", json!({"max_leases": -1}), "`max_leases` must be"),
        (
            "r",
            json!({"max_leases": 1, "role": "a"}),
            "`role` is not supported",
        ),
        (
            "r",
            json!({"max_leases": 1, "path": "none"}),
            "invalid mount path",
        ),
        (
            "r",
            json!({"max_leases": 1, "path": "puppet/"}),
            "quota rule with similar properties",
        ),
    ] {
        let seen = post(&core, &format!("sys/quotas/lease-count/{name}"), body).await;
        assert_eq!(seen.status, 400, "{seen:?}");
        assert!(seen.error().starts_with(text), "{seen:?}");
    }
    limit(&core, "q", "puppet", 1).await;
}
