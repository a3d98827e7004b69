//! Tokens as clients see them. Statuses and texts were seen at OpenBao 2.7.2.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use logical::Operation;
use serde_json::{Value, json};

use crate::tests::{Does, Seen, World, ask, ask_as};
use crate::{ClientRequest, ClientToken, Core};

const SECOND: Duration = Duration::from_secs(1);

async fn post(core: &Core, path: &str, body: Value) -> Seen {
    ask(core, Operation::Update, path, body).await
}

/// Creates a token and returns its text and accessor.
async fn create(core: &Core, by: &str, body: Value) -> (String, String) {
    let path = "auth/token/create";
    let made = ask_as(core, Some(by), Operation::Update, path, body).await;
    assert_eq!(made.status, 200, "{made:?}");
    let auth = &made.body["auth"];
    let text = |name: &str| auth[name].as_str().unwrap().to_owned();
    (text("client_token"), text("accessor"))
}

async fn status_of(core: &Core, token: &str) -> u16 {
    let path = "auth/token/lookup-self";
    ask_as(core, Some(token), Operation::Read, path, Value::Null)
        .await
        .status
}

#[tokio::test(start_paused = true)]
async fn a_token_is_created_looked_up_renewed_and_revoked() {
    let core = World::new().start().await;
    let body = json!({
        "policies": ["B", "a"], "ttl": "1h", "meta": {"k": "v"}, "display_name": "Me",
    });
    let made = post(&core, "auth/token/create", body).await.body;
    let auth = &made["auth"];
    assert_eq!(auth["policies"], json!(["a", "b", "default"]));
    assert_eq!(auth["lease_duration"], 3600);
    assert_eq!(
        (&auth["renewable"], &auth["orphan"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(auth["metadata"], json!({"k": "v"}));
    let unknown = ["Policy \"a\" does not exist", "Policy \"b\" does not exist"];
    assert_eq!(made["warnings"], json!(unknown));
    let token = auth["client_token"].as_str().unwrap();
    assert!(token.starts_with("hvs.") && token.len() == 28);
    tokio::time::sleep(600 * SECOND).await;
    let seen = post(&core, "auth/token/lookup", json!({"token": token})).await;
    let data = &seen.body["data"];
    assert_eq!((&data["id"], &data["ttl"]), (&json!(token), &json!(3000)));
    assert_eq!(data["creation_ttl"], 3600);
    assert_eq!(data["display_name"], "token-Me");
    let renewed = post(
        &core,
        "auth/token/renew",
        json!({"token": token, "increment": "2h"}),
    )
    .await;
    assert_eq!(renewed.body["auth"]["lease_duration"], 7200);
    tokio::time::sleep(7199 * SECOND).await;
    assert_eq!(status_of(&core, token).await, 200);
    assert_eq!(
        post(&core, "auth/token/revoke", json!({"token": token}))
            .await
            .status,
        204
    );
    assert_eq!(status_of(&core, token).await, 403);
    assert_eq!(
        post(&core, "auth/token/revoke", json!({"token": token}))
            .await
            .status,
        204
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_by_itself_with_everything_that_it_made() {
    let world = World::new();
    let core = world.mounted().await;
    let ttl = json!({"policies": ["root"], "ttl": "60s"});
    let (parent, _) = create(&core, "root", ttl).await;
    let (child, _) = create(&core, &parent, json!({"ttl": "1h", "policies": ["root"]})).await;
    let leased = ask_as(
        &core,
        Some(&child),
        Operation::Read,
        "puppet/lease",
        Value::Null,
    )
    .await;
    assert_eq!(leased.status, 200);
    let before = world.storage.keys();
    tokio::time::sleep(61 * SECOND).await;
    assert_eq!(status_of(&core, &parent).await, 403);
    assert_eq!(status_of(&core, &child).await, 403);
    tokio::time::sleep(SECOND).await;
    assert_eq!(world.puppet.revoked(), [0]);
    let left = world.storage.keys();
    let of_tokens = |keys: &[String]| {
        let tokens = keys.iter();
        tokens
            .filter(|key| key.starts_with("sys/token/") || key.starts_with("sys/expire/"))
            .count()
    };
    assert!(of_tokens(&before) > of_tokens(&left));
    let names = ["id/", "accessor/", "salt", "batch-key"];
    assert_eq!(
        of_tokens(&left),
        names.len(),
        "only `root` is left: {left:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_that_expired_while_the_server_was_down_is_refused_and_removed() {
    let world = World::new();
    let core = world.start().await;
    let (token, _) = create(&core, "root", json!({"policies": ["a"], "ttl": "60s"})).await;
    core.shut_down().await;
    tokio::time::sleep(120 * SECOND).await;
    let core = world.start().await;
    assert_eq!(status_of(&core, &token).await, 403);
    tokio::time::sleep(5 * SECOND).await;
    let keys = world.storage.keys();
    assert!(
        !keys.iter().any(|key| key.starts_with("sys/expire/")),
        "{keys:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_refused_even_while_nothing_can_be_written() {
    let world = World::new();
    let machine = virtual_world::World::new();
    let core = world.start_with(world.effects_of(&machine)).await.unwrap();
    let (token, _) = create(&core, "root", json!({"policies": ["a"], "ttl": "60s"})).await;
    assert_eq!(status_of(&core, &token).await, 200);
    machine
        .storage
        .fail_if(|call| call.is_write().then_some(virtual_world::Fault::Lost));
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(status_of(&core, &token).await, 403);
}

#[tokio::test(start_paused = true)]
async fn children_end_with_their_parent_and_orphans_live_on() {
    let world = World::new();
    let core = world.start().await;
    let (parent, _) = create(&core, "root", json!({})).await;
    let (child, _) = create(&core, &parent, json!({})).await;
    let (grandchild, _) = create(&core, &child, json!({})).await;
    let orphan = ask_as(
        &core,
        Some(&child),
        Operation::Update,
        "auth/token/create-orphan",
        json!({}),
    )
    .await;
    let orphan = orphan.body["auth"]["client_token"]
        .as_str()
        .unwrap()
        .to_owned();
    post(&core, "auth/token/revoke", json!({"token": parent})).await;
    for gone in [&parent, &child, &grandchild] {
        assert_eq!(status_of(&core, gone).await, 403);
    }
    assert_eq!(status_of(&core, &orphan).await, 200);
    let children = world.storage.keys();
    assert!(
        !children
            .iter()
            .any(|key| key.starts_with("sys/token/parent/"))
    );
}

#[tokio::test(start_paused = true)]
async fn revoke_orphan_lets_the_children_live_on() {
    let core = World::new().start().await;
    let (parent, _) = create(&core, "root", json!({})).await;
    let (child, accessor) = create(&core, &parent, json!({})).await;
    let seen = post(&core, "auth/token/revoke-orphan", json!({"token": parent})).await;
    assert_eq!(seen.status, 204);
    assert_eq!(
        (
            status_of(&core, &parent).await,
            status_of(&core, &child).await
        ),
        (403, 200)
    );
    let body = json!({"accessor": accessor});
    let seen = post(&core, "auth/token/lookup-accessor", body).await;
    assert_eq!(
        (&seen.body["data"]["orphan"], &seen.body["data"]["id"]),
        (&json!(true), &json!(""))
    );
    let seen = post(&core, "auth/token/revoke-orphan", json!({"token": "none"})).await;
    assert_eq!(
        (seen.status, seen.error()),
        (400, "token to revoke not found")
    );
}

#[tokio::test(start_paused = true)]
async fn a_cut_anywhere_in_the_end_of_a_family_is_finished_after_the_restart() {
    for cut in 1..40 {
        let world = World::new();
        let machine = virtual_world::World::new();
        let core = world.start_with(world.effects_of(&machine)).await.unwrap();
        let (parent, _) = create(&core, "root", json!({})).await;
        let (child, _) = create(&core, &parent, json!({"ttl": "1h", "policies": ["a"]})).await;
        let writes = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&writes);
        machine.storage.fail_if(move |call| {
            let is_write = call.is_write();
            let number = counter.fetch_add(usize::from(is_write), Ordering::SeqCst);
            (is_write && number + 1 >= cut).then_some(virtual_world::Fault::Lost)
        });
        let seen = post(&core, "auth/token/revoke", json!({"token": parent})).await;
        machine.storage.heal();
        if seen.status != 204 {
            continue;
        }
        assert_eq!(status_of(&core, &parent).await, 403);
        core.shut_down().await;
        let core = world.start_with(world.effects_of(&machine)).await.unwrap();
        tokio::time::sleep(5 * SECOND).await;
        assert_eq!(status_of(&core, &child).await, 403, "cut {cut}");
        let keys = machine.storage.disk().keys();
        let left = keys.iter().filter(|key| key.starts_with("sys/token/id/"));
        assert_eq!(left.count(), 1, "cut {cut}: {keys:?}");
        if writes.load(Ordering::SeqCst) + 1 < cut {
            return;
        }
    }
    panic!("the revocation never ended");
}

#[tokio::test(start_paused = true)]
async fn a_token_is_used_as_often_as_it_says_and_denied_requests_count() {
    let world = World::new();
    let core = world.mounted().await;
    let (token, _) = create(&core, "root", json!({"policies": ["a"], "num_uses": 3})).await;
    let lookup = "auth/token/lookup-self";
    let uses = async || {
        let seen = ask_as(&core, Some(&token), Operation::Read, lookup, Value::Null).await;
        (seen.status, seen.body["data"]["num_uses"].clone())
    };
    assert_eq!(uses().await, (200, json!(2)));
    let denied = ask_as(
        &core,
        Some(&token),
        Operation::Read,
        "sys/mounts",
        Value::Null,
    )
    .await;
    assert_eq!(denied.status, 403);
    assert_eq!(uses().await, (200, json!(-1)));
    assert_eq!(uses().await.0, 403);
    tokio::time::sleep(SECOND).await;
    assert!(
        !world
            .storage
            .keys()
            .iter()
            .any(|key| key.starts_with("sys/expire/"))
    );
}

#[tokio::test(start_paused = true)]
async fn two_requests_never_share_the_last_use() {
    let world = World::new();
    let core = world.mounted().await;
    let (token, _) = create(
        &core,
        "root",
        json!({"policies": ["root"], "ttl": "1h", "num_uses": 1}),
    )
    .await;
    *world.slow.writes_take.lock().unwrap() = SECOND;
    let tries = (0..10).map(|_| {
        let (core, token) = (Arc::clone(&core), token.clone());
        tokio::spawn(async move { status_of(&core, &token).await })
    });
    let mut won = 0;
    for attempt in tries.collect::<Vec<_>>() {
        won += usize::from(attempt.await.unwrap() == 200);
    }
    assert_eq!(won, 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_use_of_a_token_gets_no_lease() {
    let world = World::new();
    let core = world.mounted().await;
    let body = json!({"policies": ["root"], "ttl": "1h", "num_uses": 1});
    let (token, _) = create(&core, "root", body).await;
    let seen = ask_as(
        &core,
        Some(&token),
        Operation::Read,
        "puppet/lease",
        Value::Null,
    )
    .await;
    assert_eq!(seen.status, 400);
    assert!(
        seen.error()
            .starts_with("Secret cannot be returned; token had one use left")
    );
    tokio::time::sleep(SECOND).await;
    assert_eq!(world.puppet.revoked(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_token_is_stored_nowhere_and_ends_with_its_parent() {
    let world = World::new();
    let core = world.mounted().await;
    let (parent, _) = create(&core, "root", json!({})).await;
    let before = world.storage.keys();
    let body = json!({"type": "batch", "policies": ["a"], "ttl": "10m"});
    let (batch, accessor) = create(&core, &parent, body).await;
    assert!(batch.starts_with("hvb.") && accessor.is_empty());
    assert_eq!(world.storage.keys(), before);
    let seen = ask_as(
        &core,
        Some(&batch),
        Operation::Read,
        "auth/token/lookup-self",
        Value::Null,
    )
    .await;
    assert_eq!(
        (&seen.body["data"]["type"], &seen.body["data"]["ttl"]),
        (&json!("batch"), &json!(600))
    );
    for path in ["auth/token/renew", "auth/token/revoke"] {
        let seen = post(&core, path, json!({"token": batch})).await;
        let verb = path.rsplit('/').next().unwrap().trim_end_matches('e');
        assert_eq!(seen.status, 400);
        assert!(seen.error().contains(verb), "{}", seen.error());
    }
    let (short, _) = create(
        &core,
        &parent,
        json!({"type": "batch", "policies": ["a"], "ttl": "5s"}),
    )
    .await;
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(
        (
            status_of(&core, &short).await,
            status_of(&core, &batch).await
        ),
        (403, 200)
    );
    post(&core, "auth/token/revoke", json!({"token": parent})).await;
    assert_eq!(status_of(&core, &batch).await, 403);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_reached_by_its_accessor_but_never_shown() {
    let core = World::new().start().await;
    let (token, accessor) = create(&core, "root", json!({"policies": ["a"], "ttl": "1h"})).await;
    let listed = ask(&core, Operation::List, "auth/token/accessors", Value::Null).await;
    assert!(
        listed.body["data"]["keys"]
            .as_array()
            .unwrap()
            .contains(&json!(accessor))
    );
    let body = json!({"accessor": accessor, "increment": 60});
    let renewed = post(&core, "auth/token/renew-accessor", body).await;
    assert_eq!(renewed.body["auth"]["lease_duration"], 60);
    assert_eq!(renewed.body["auth"]["client_token"], "");
    let revoked = post(
        &core,
        "auth/token/revoke-accessor",
        json!({"accessor": accessor}),
    )
    .await;
    assert_eq!((revoked.status, status_of(&core, &token).await), (204, 403));
    let unknown = json!({"accessor": "none"});
    let seen = post(&core, "auth/token/lookup-accessor", unknown.clone()).await;
    assert_eq!((seen.status, seen.error()), (400, "invalid accessor"));
    let seen = post(&core, "auth/token/revoke-accessor", unknown).await;
    assert_eq!(seen.status, 200);
    assert_eq!(
        seen.body["warnings"],
        json!(["No token found with this accessor"])
    );
}

#[tokio::test(start_paused = true)]
async fn leases_of_tokens_are_listed_looked_up_and_revoked_like_those_of_secrets() {
    let core = World::new().start().await;
    let (first, _) = create(&core, "root", json!({"policies": ["a"], "ttl": "1h"})).await;
    let (second, _) = create(&core, "root", json!({"policies": ["a"], "ttl": "1h"})).await;
    let prefix = "sys/leases/lookup/auth/token/create/";
    let listed = ask(&core, Operation::List, prefix, Value::Null).await;
    let keys = listed.body["data"]["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 2);
    let id = format!("auth/token/create/{}", keys[0].as_str().unwrap());
    let seen = post(&core, "sys/leases/lookup", json!({"lease_id": id})).await;
    assert_eq!(
        (&seen.body["data"]["ttl"], &seen.body["data"]["renewable"]),
        (&json!(3600), &json!(true))
    );
    let seen = post(&core, "sys/leases/renew", json!({"lease_id": id})).await;
    assert_eq!(
        seen.error(),
        "tokens cannot be renewed through this endpoint"
    );
    assert_eq!(
        post(&core, "sys/leases/revoke", json!({"lease_id": id}))
            .await
            .status,
        204
    );
    let alive = [
        status_of(&core, &first).await,
        status_of(&core, &second).await,
    ];
    assert_eq!(alive.iter().filter(|status| **status == 200).count(), 1);
    let prefix = "sys/leases/revoke-prefix/auth/token/create";
    assert_eq!(post(&core, prefix, Value::Null).await.status, 204);
    assert_eq!(
        (
            status_of(&core, &first).await,
            status_of(&core, &second).await
        ),
        (403, 403)
    );
}

#[tokio::test(start_paused = true)]
async fn a_role_says_what_its_tokens_are() {
    let core = World::new().start().await;
    let role = json!({
        "allowed_policies": "a,b", "orphan": true, "period": "1h", "token_bound_cidrs": "127.0.0.1",
        "path_suffix": "sfx", "token_num_uses": 5,
    });
    assert_eq!(post(&core, "auth/token/roles/R1", role).await.status, 204);
    let shown = ask(&core, Operation::Read, "auth/token/roles/R1", Value::Null).await;
    let data = &shown.body["data"];
    assert_eq!(
        (&data["token_period"], &data["period"]),
        (&json!(3600), &json!(3600))
    );
    assert_eq!(data["token_bound_cidrs"], json!(["127.0.0.1"]));
    assert_eq!(data["token_type"], "default-service");
    let made = post(&core, "auth/token/create/R1", json!({})).await.body;
    assert_eq!(made["auth"]["policies"], json!(["a", "b", "default"]));
    assert_eq!(
        (&made["auth"]["num_uses"], &made["auth"]["orphan"]),
        (&json!(5), &json!(true))
    );
    let token = made["auth"]["client_token"].as_str().unwrap();
    let from = |address: &str| {
        let connection = logical::Connection::new(address.parse().unwrap(), 1);
        let mut request = ClientRequest::new(Operation::Read, "auth/token/lookup-self")
            .with_token(Some(ClientToken::new(token)));
        request.connection = Some(connection);
        request
    };
    assert_eq!(core.handle(from("127.0.0.1")).await.status(), 200);
    assert_eq!(core.handle(from("127.0.0.2")).await.status(), 403);
    let seen = post(&core, "auth/token/create/R1", json!({"policies": ["c"]})).await;
    assert!(
        seen.error()
            .starts_with("token policies ([\"c\" \"default\"]) must be subset")
    );
    let seen = post(&core, "auth/token/create/none", json!({})).await;
    assert_eq!(seen.error(), "unknown role none");
    for (body, text) in [
        (json!({"path_suffix": "a/b"}), "given role path suffix"),
        (
            json!({"token_bound_cidrs": "x"}),
            "`token_bound_cidrs` has \"x\"",
        ),
        (
            json!({"token_type": "nope"}),
            "invalid 'token_type' value \"nope\"",
        ),
        (
            json!({"token_type": "batch"}),
            "'token_type' cannot be 'batch'",
        ),
    ] {
        let seen = post(&core, "auth/token/roles/R2", body).await;
        assert!(
            seen.status == 400 && seen.error().starts_with(text),
            "{seen:?}"
        );
    }
    let listed = ask(&core, Operation::List, "auth/token/roles", Value::Null).await;
    assert_eq!(listed.body["data"]["keys"], json!(["R1"]));
    let deleted = ask(&core, Operation::Delete, "auth/token/roles/R1", Value::Null).await;
    assert_eq!(deleted.status, 204);
}

#[tokio::test(start_paused = true)]
async fn no_token_is_made_with_a_text_that_is_taken_or_looks_like_ours() {
    let core = World::new().start().await;
    let body = |id: &str| json!({"id": id, "policies": ["a"]});
    assert_eq!(
        post(&core, "auth/token/create", body("custom"))
            .await
            .status,
        200
    );
    for (id, text) in [
        ("custom", "cannot create a token with a duplicate ID"),
        ("cus.tom", "custom token ID cannot have a '.' in the value"),
        (
            "hvs.custom",
            "custom token ID cannot have the 'hvs.' prefix",
        ),
    ] {
        let seen = post(&core, "auth/token/create", body(id)).await;
        assert_eq!((seen.status, seen.error()), (400, text));
    }
}

#[tokio::test(start_paused = true)]
async fn bad_fields_are_400_and_say_what_is_wrong() {
    let core = World::new().start().await;
    for (path, body, text) in [
        (
            "create",
            json!({"num_uses": -1}),
            "number of uses cannot be negative",
        ),
        (
            "create",
            json!({"entity_alias": "x"}),
            "`entity_alias` is given",
        ),
        (
            "create",
            json!({"type": "nope"}),
            "invalid 'token_type' value",
        ),
        ("create", json!({"ttl": "x"}), "\"ttl\""),
        (
            "create",
            json!({"type": "batch", "policies": ["a"], "period": "1h"}),
            "\"period\"",
        ),
        ("renew", json!({"token": "none"}), "token not found"),
        ("renew", json!({}), "missing token ID"),
        ("renew-self", json!({}), "lease is not renewable"),
        ("revoke", json!({}), "missing token ID"),
        ("lookup-accessor", json!({}), "missing accessor"),
    ] {
        let seen = post(&core, &format!("auth/token/{path}"), body).await;
        assert!(
            seen.status == 400 && seen.error().contains(text),
            "{path}: {seen:?}"
        );
    }
    let seen = post(&core, "auth/token/lookup", json!({"token": "none"})).await;
    assert_eq!((seen.status, seen.error()), (403, "bad token"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_leaves_no_token_that_nobody_knows() {
    let world = World::new();
    let core = world.start().await;
    let tokens = |world: &World| {
        let keys = world.storage.keys();
        keys.iter()
            .filter(|key| key.starts_with("sys/token/id/"))
            .count()
    };
    let before = tokens(&world);
    *world.slow.writes_take.lock().unwrap() = SECOND;
    let body = json!({"policies": ["a"], "ttl": "1h"});
    let hung_up = tokio::time::timeout(SECOND / 2, post(&core, "auth/token/create", body)).await;
    assert!(hung_up.is_err());
    assert_eq!(tokens(&world), before + 1);
    tokio::time::sleep(30 * SECOND).await;
    assert_eq!(tokens(&world), before);
}

/// The tokens and leases in storage, apart from the token `root`.
fn left_of_tokens(keys: &[String]) -> usize {
    let of_tokens = keys
        .iter()
        .filter(|key| key.starts_with("sys/token/id/") || key.starts_with("sys/expire/"));
    of_tokens.count() - 1
}

#[tokio::test(start_paused = true)]
async fn the_last_use_ends_a_token_although_its_client_hung_up() {
    for (writes_take, handle) in [(SECOND, Does::Work), (Duration::ZERO, Does::Hang)] {
        let world = World::new();
        let core = world.mounted().await;
        let body = json!({"policies": ["root"], "ttl": "1h", "num_uses": 1});
        let (token, _) = create(&core, "root", body).await;
        *world.slow.writes_take.lock().unwrap() = writes_take;
        world.puppet.on("handle", handle);
        let asking = ask_as(
            &core,
            Some(&token),
            Operation::Read,
            "puppet/asker",
            Value::Null,
        );
        assert!(tokio::time::timeout(SECOND / 2, asking).await.is_err());
        tokio::time::sleep(30 * SECOND).await;
        let keys = world.storage.keys();
        assert_eq!(left_of_tokens(&keys), 0, "{handle:?}: {keys:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_whose_last_use_was_cut_off_ends_after_the_restart_or_when_it_is_seen_again() {
    for restarts in [true, false] {
        let world = World::new();
        let machine = virtual_world::World::new();
        let core = world.start_with(world.effects_of(&machine)).await.unwrap();
        let body = json!({"policies": ["a"], "ttl": "1h", "num_uses": 1});
        let (token, accessor) = create(&core, "root", body).await;
        let writes = AtomicUsize::new(0);
        machine.storage.fail_if(move |call| {
            let is_later = call.is_write() && writes.fetch_add(1, Ordering::SeqCst) > 0;
            is_later.then_some(virtual_world::Fault::Lost)
        });
        assert_eq!(status_of(&core, &token).await, 200);
        tokio::time::sleep(SECOND).await;
        machine.storage.heal();
        let left = || left_of_tokens(&machine.storage.disk().keys());
        assert_eq!(left(), 2, "the token and its lease");
        let accessor = json!({ "accessor": accessor });
        let seen = post(&core, "auth/token/lookup-accessor", accessor).await;
        assert_eq!(seen.error(), "invalid accessor");
        if restarts {
            core.shut_down().await;
            let _core = world.start_with(world.effects_of(&machine)).await.unwrap();
            tokio::time::sleep(5 * SECOND).await;
        } else {
            assert_eq!(status_of(&core, &token).await, 403);
            tokio::time::sleep(5 * SECOND).await;
        }
        assert_eq!(left(), 0, "restarts: {restarts}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_that_needs_no_token_uses_none_up() {
    let core = World::new().mounted().await;
    let body = json!({"policies": ["a"], "ttl": "1h", "num_uses": 1});
    let (token, _) = create(&core, "root", body).await;
    let open = async || {
        let path = "puppet/open";
        ask_as(&core, Some(&token), Operation::Read, path, Value::Null)
            .await
            .status
    };
    assert_eq!((open().await, open().await), (200, 200));
    assert_eq!(status_of(&core, &token).await, 200);
    assert_eq!(open().await, 200);
    assert_eq!(status_of(&core, &token).await, 403);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_takes_what_the_role_says_now() {
    let core = World::new().start().await;
    let role = "auth/token/roles/r";
    post(&core, role, json!({"token_period": "1h"})).await;
    let made = post(&core, "auth/token/create/r", json!({"policies": ["a"]})).await;
    let token = json!({"token": made.body["auth"]["client_token"]});
    let renew = async || post(&core, "auth/token/renew", token.clone()).await;
    assert_eq!(renew().await.body["auth"]["lease_duration"], 3600);
    post(&core, role, json!({"token_period": "2h"})).await;
    assert_eq!(renew().await.body["auth"]["lease_duration"], 7200);
    post(&core, role, json!({"token_explicit_max_ttl": "30m"})).await;
    assert_eq!(renew().await.body["auth"]["lease_duration"], 1800);
    ask(&core, Operation::Delete, role, Value::Null).await;
    let refused = renew().await;
    assert_eq!(
        (refused.status, refused.error()),
        (
            400,
            "original token role \"r\" could not be found, not renewing"
        )
    );
}
