//! Backends that are built in, mounted in the core: the key/value engine and
//! AppRole. Statuses and texts were seen at OpenBao 2.7.2.

use std::sync::Arc;
use std::time::Duration;

use logical::{Connection, Operation};
use serde_json::{Value, json};

use super::{Seen, World, ask, ask_as};
use crate::{ClientRequest, ClientToken, Core};

const SECOND: Duration = Duration::from_secs(1);

async fn post(core: &Core, path: &str, body: Value) -> Seen {
    ask(core, Operation::Update, path, body).await
}

async fn get(core: &Core, path: &str) -> Seen {
    ask(core, Operation::Read, path, Value::Null).await
}

pub(super) fn text(seen: &Seen, pointer: &str) -> String {
    let value = seen.body.pointer(pointer).and_then(Value::as_str);
    value
        .unwrap_or_else(|| panic!("{pointer} of {seen:?}"))
        .to_owned()
}

/// AppRole with the role `app`, and the ids to log in with.
pub(super) async fn approle(core: &Core, role: Value) -> Value {
    let enabled = post(core, "sys/auth/approle", json!({"type": "approle"})).await;
    assert!(
        enabled.status == 204 || enabled.error().contains("already in use"),
        "{enabled:?}"
    );
    let written = post(core, "auth/approle/role/App", role).await;
    assert_eq!(written.status, 204, "{written:?}");
    let role_id = get(core, "auth/approle/role/app/role-id").await;
    let secret_id = post(core, "auth/approle/role/app/secret-id", json!({})).await;
    json!({
        "role_id": text(&role_id, "/data/role_id"),
        "secret_id": text(&secret_id, "/data/secret_id"),
    })
}

/// Logs in from 127.0.0.1, without a token or with a bad one.
pub(super) async fn log_in(core: &Core, token: Option<&str>, ids: &Value) -> Seen {
    let mut request = ClientRequest::new(Operation::Update, "auth/approle/login")
        .with_data(ids.as_object().cloned().unwrap())
        .with_token(token.map(ClientToken::new));
    request.connection = Some(Connection::new("127.0.0.1".parse().unwrap(), 1));
    let answer = core.handle(request).await;
    let body = answer.body().unwrap();
    Seen {
        status: answer.status(),
        body: serde_json::from_slice(&body).unwrap(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_makes_a_token_that_is_looked_up_renewed_and_revoked() {
    let core = World::new().start().await;
    let role = json!({"policies": "P", "token_ttl": "1h", "token_max_ttl": "2h"});
    let ids = approle(&core, role).await;
    for token in [None, Some("bad")] {
        let seen = log_in(&core, token, &ids).await;
        assert_eq!(seen.status, 200, "{seen:?}");
        let auth = &seen.body["auth"];
        assert_eq!(auth["policies"], json!(["default", "p"]));
        assert_eq!(auth["metadata"], json!({"role_name": "app"}));
        assert_eq!(
            (&auth["lease_duration"], &auth["orphan"]),
            (&json!(3600), &json!(true))
        );
    }
    let seen = log_in(&core, None, &ids).await;
    let token = text(&seen, "/auth/client_token");
    let path = "auth/token/lookup-self";
    let own = ask_as(&core, Some(&token), Operation::Read, path, Value::Null).await;
    assert_eq!(own.body["data"]["display_name"], "approle");
    assert_eq!(own.body["data"]["path"], "auth/approle/login");
    tokio::time::sleep(1800 * SECOND).await;
    let renewed = post(&core, "auth/token/renew", json!({"token": token})).await;
    assert_eq!(renewed.body["auth"]["lease_duration"], 3600);
    // The role decides again about every renewal.
    post(&core, "auth/approle/role/app", json!({"token_ttl": "10m"})).await;
    let renewed = post(&core, "auth/token/renew", json!({"token": token})).await;
    assert_eq!(renewed.body["auth"]["lease_duration"], 600);
    ask(
        &core,
        Operation::Delete,
        "auth/approle/role/app",
        Value::Null,
    )
    .await;
    let refused = post(&core, "auth/token/renew", json!({"token": token})).await;
    assert_eq!(refused.status, 400);
    assert!(
        refused.error().contains("does not exist during renewal"),
        "{refused:?}"
    );
    let refused = log_in(&core, None, &ids).await;
    assert_eq!(
        (refused.status, refused.error()),
        (400, "invalid role or secret ID")
    );
}

#[tokio::test(start_paused = true)]
async fn no_login_makes_a_token_that_passes_for_that_of_a_wrapped_answer() {
    let core = World::new().start().await;
    let role = json!({"token_policies": "response-wrapping", "token_no_default_policy": true});
    let ids = approle(&core, role).await;
    let refused = log_in(&core, None, &ids).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(refused.error().contains("response-wrapping"), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_token_is_periodic_only_as_long_as_its_role_is() {
    let core = World::new().start().await;
    let role = json!({"token_period": "1h", "token_ttl": "10m", "token_max_ttl": "20m"});
    let ids = approle(&core, role).await;
    let token = text(&log_in(&core, None, &ids).await, "/auth/client_token");
    let renew = async || post(&core, "auth/token/renew", json!({"token": token})).await;
    let periodic = renew().await.body["auth"]["lease_duration"].clone();
    post(&core, "auth/approle/role/app", json!({"token_period": 0})).await;
    let renewed = renew().await.body["auth"]["lease_duration"].clone();
    assert_eq!((periodic, renewed), (json!(1200), json!(600)));
    tokio::time::sleep(599 * SECOND).await;
    assert_eq!(renew().await.status, 200);
    tokio::time::sleep(599 * SECOND).await;
    assert_eq!(renew().await.body["auth"]["lease_duration"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_logins_race_for_a_secret_id_and_one_wins() {
    let world = World::new();
    let core = world.start().await;
    let ids = approle(&core, json!({"secret_id_num_uses": 1})).await;
    let all_may_try = json!({"user_lockout_config": {"lockout_disable": true}});
    post(&core, "sys/auth/approle/tune", all_may_try).await;
    *world.slow.writes_take.lock().unwrap() = SECOND / 10;
    let racing: Vec<_> = (0..100)
        .map(|_| {
            let (core, ids) = (Arc::clone(&core), ids.clone());
            tokio::spawn(async move { log_in(&core, None, &ids).await.status })
        })
        .collect();
    let mut statuses = Vec::new();
    for racer in racing {
        statuses.push(racer.await.unwrap());
    }
    let won = statuses.iter().filter(|status| **status == 200).count();
    let refused = statuses.iter().filter(|status| **status == 400).count();
    assert_eq!((won, refused), (1, 99));
}

#[tokio::test(start_paused = true)]
async fn a_login_and_the_use_of_its_secret_id_are_stored_together_or_not_at_all() {
    for cut in 1..10 {
        let world = World::new();
        let machine = virtual_world::World::new();
        let core = world.start_with(world.effects_of(&machine)).await.unwrap();
        let ids = approle(&core, json!({"secret_id_num_uses": 1})).await;
        machine
            .storage
            .fail_next_writes(cut, virtual_world::Fault::Lost);
        let first = log_in(&core, None, &ids).await;
        machine.storage.heal();
        let second = log_in(&core, None, &ids).await;
        let won = [first.status, second.status]
            .iter()
            .filter(|status| **status == 200)
            .count();
        assert_eq!(won, 1, "{first:?} {second:?}");
        if first.status == 200 {
            return;
        }
        assert_eq!(first.status, 500);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_in_its_login_leaves_no_token() {
    let world = World::new();
    let core = world.start().await;
    let ids = approle(&core, json!({})).await;
    let tokens = |world: &World| {
        let keys = world.storage.keys();
        keys.iter()
            .filter(|key| key.starts_with("sys/token/id/"))
            .count()
    };
    let before = tokens(&world);
    *world.slow.writes_take.lock().unwrap() = SECOND;
    let hung_up = tokio::time::timeout(SECOND / 2, log_in(&core, None, &ids)).await;
    assert!(hung_up.is_err() && tokens(&world) == before + 1);
    tokio::time::sleep(30 * SECOND).await;
    assert_eq!(tokens(&world), before);
}

#[tokio::test(start_paused = true)]
async fn a_method_is_not_disabled_before_a_login_is_stored_whose_client_hung_up() {
    let world = World::new();
    let core = world.start().await;
    let ids = approle(&core, json!({})).await;
    *world.slow.writes_take.lock().unwrap() = 10 * SECOND;
    let hung_up = tokio::time::timeout(SECOND, log_in(&core, None, &ids)).await;
    assert!(hung_up.is_err());
    *world.slow.writes_take.lock().unwrap() = Duration::ZERO;
    let start = tokio::time::Instant::now();
    let disabled = ask(&core, Operation::Delete, "sys/auth/approle", Value::Null).await;
    assert_eq!(disabled.status, 204);
    assert!(start.elapsed() >= 9 * SECOND, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn disabling_a_method_ends_its_tokens_and_leaves_nothing() {
    let world = World::new();
    let core = world.start().await;
    let before = world.storage.keys();
    let ids = approle(&core, json!({})).await;
    let token = text(&log_in(&core, None, &ids).await, "/auth/client_token");
    let path = "auth/token/lookup-self";
    let own = async || {
        ask_as(&core, Some(&token), Operation::Read, path, Value::Null)
            .await
            .status
    };
    assert_eq!(own().await, 200);
    let disabled = ask(&core, Operation::Delete, "sys/auth/approle", Value::Null).await;
    assert_eq!((disabled.status, own().await), (204, 403));
    assert_eq!(world.storage.keys(), before);
    assert_eq!(log_in(&core, None, &ids).await.status, 403);
}

#[tokio::test(start_paused = true)]
async fn auth_methods_are_enabled_shown_tuned_and_listed() {
    let core = World::new().start().await;
    approle(&core, json!({})).await;
    let shown = get(&core, "sys/auth/approle").await;
    assert!(text(&shown, "/data/accessor").starts_with("auth_approle_"));
    assert_eq!(
        shown.body["data"]["config"]["token_type"],
        "default-service"
    );
    let listed = get(&core, "sys/auth").await.body;
    let names: Vec<&String> = listed["data"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["approle/", "token/"]);
    let tuning = json!({"token_type": "default-batch", "default_lease_ttl": "30m"});
    assert_eq!(
        post(&core, "sys/auth/approle/tune", tuning).await.status,
        204
    );
    let tuned = get(&core, "sys/auth/approle/tune").await.body;
    assert_eq!(
        (
            &tuned["data"]["token_type"],
            &tuned["data"]["default_lease_ttl"]
        ),
        (&json!("default-batch"), &json!(1800))
    );
    let ids = approle(&core, json!({})).await;
    let seen = log_in(&core, None, &ids).await;
    assert!(text(&seen, "/auth/client_token").starts_with("hvb."));
    for (path, body, said) in [
        (
            "sys/auth/approle",
            json!({"type": "approle"}),
            "path is already in use at approle/",
        ),
        (
            "sys/auth/token",
            json!({"type": "approle"}),
            "path is already in use at token/",
        ),
        (
            "sys/auth/token/create",
            json!({"type": "approle"}),
            "path is already in use at token/",
        ),
        (
            "sys/auth/x",
            json!({"type": "nope"}),
            "plugin not found in the catalog: nope",
        ),
        ("sys/auth/x", json!({"type": "kv"}), "use `sys/mounts`"),
        ("sys/mounts/x", json!({"type": "approle"}), "use `sys/auth`"),
        ("sys/mounts/auth/x", json!({"type": "kv"}), "cannot mount"),
        (
            "sys/auth/approle/tune",
            json!({"token_type": "x"}),
            "invalid value for 'token_type'",
        ),
    ] {
        let refused = post(&core, path, body).await;
        assert!(
            refused.status == 400 && refused.error().contains(said),
            "{path}: {refused:?}"
        );
    }
    let none = get(&core, "sys/auth/none").await;
    assert_eq!(
        (none.status, none.error()),
        (400, "No auth engine at none/")
    );
    let token = ask(&core, Operation::Delete, "sys/auth/token", Value::Null).await;
    assert_eq!(token.error(), "token credential backend cannot be disabled");
    let catalog = get(&core, "sys/plugins/catalog").await.body;
    assert_eq!(catalog["data"]["auth"], json!(["approle"]));
}

#[tokio::test(start_paused = true)]
async fn the_key_value_engine_is_mounted_by_any_of_its_names_and_raised_to_version_2() {
    let core = World::new().start().await;
    for (name, version) in [
        ("kv", Value::Null),
        ("kv-v1", json!("1")),
        ("kv-v2", json!("2")),
        ("generic", Value::Null),
    ] {
        let path = format!("sys/mounts/v1/prod/{name}");
        assert_eq!(post(&core, &path, json!({"type": name})).await.status, 204);
        let shown = get(&core, &path).await.body;
        assert_eq!(
            (&shown["data"]["type"], &shown["data"]["options"]["version"]),
            (&json!("kv"), &version)
        );
    }
    let body = json!({"data": {"key_sets": [], "active_kid": -1}, "options": {"cas": 0}});
    let data = "v1/prod/kv-v2/data/timeless_test";
    let written = post(&core, data, body.clone()).await;
    assert_eq!(
        (written.status, &written.body["data"]["version"]),
        (200, &json!(1))
    );
    assert_eq!(post(&core, data, body).await.status, 400);
    let deleted = ask(&core, Operation::Delete, data, Value::Null).await;
    assert_eq!(deleted.status, 204);
    let gone = get(&core, data).await;
    assert_eq!(
        (gone.status, &gone.body["data"]["data"]),
        (404, &Value::Null)
    );
    assert_eq!(gone.body["mount_type"], "kv");
    let plain = post(&core, "v1/prod/kv/a", json!({"x": 1, "ttl": "30s"})).await;
    assert_eq!(plain.status, 204);
    let read = get(&core, "v1/prod/kv/a").await.body;
    assert_eq!(
        (&read["lease_duration"], &read["lease_id"]),
        (&json!(30), &json!(""))
    );
    let raise = json!({"options": {"version": "2"}});
    let raised = post(&core, "sys/mounts/v1/prod/kv/tune", raise.clone()).await;
    assert_eq!(raised.status, 200, "{raised:?}");
    assert!(
        raised.body["warnings"][0]
            .as_str()
            .unwrap()
            .starts_with("Upgrading mount")
    );
    tokio::time::sleep(SECOND).await;
    let read = get(&core, "v1/prod/kv/data/a").await;
    assert_eq!(
        (read.status, &read.body["data"]["data"]["x"]),
        (200, &json!(1))
    );
    let lowered = post(
        &core,
        "sys/mounts/v1/prod/kv/tune",
        json!({"options": {"version": "1"}}),
    )
    .await;
    assert_eq!(lowered.error(), "cannot downgrade mount from version 2");
    let other = post(&core, "sys/mounts/puppet", json!({"type": "puppet"})).await;
    assert_eq!(other.status, 204);
    let versioned = post(&core, "sys/mounts/puppet/tune", raise).await;
    assert!(
        versioned
            .error()
            .contains("does not allow setting a version"),
        "{versioned:?}"
    );
    let third = json!({"type": "kv", "options": {"version": "3"}});
    assert_eq!(post(&core, "sys/mounts/third", third).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn a_policy_gives_its_tokens_what_it_says_and_a_change_counts_at_once() {
    let core = World::new().start().await;
    post(&core, "sys/mounts/kv", json!({"type": "kv-v2"})).await;
    post(&core, "kv/data/app", json!({"data": {"x": 1}})).await;
    let ids = approle(&core, json!({"policies": "App-Policy"})).await;
    let token = text(&log_in(&core, None, &ids).await, "/auth/client_token");
    let asks = async |operation, path: &str, body: Value| {
        ask_as(&core, Some(&token), operation, path, body)
            .await
            .status
    };
    assert_eq!(asks(Operation::Read, "kv/data/app", Value::Null).await, 403);
    let policy = r#"path "kv/data/+" { capabilities = ["read"] }
        path "kv/data/own" { capabilities = ["create", "update"] denied_parameters = {"x" = []} }
        path "sys/auth" { capabilities = ["read"] }"#;
    let written = post(
        &core,
        "sys/policies/acl/APP-policy",
        json!({"policy": policy}),
    )
    .await;
    assert_eq!(written.status, 204, "{written:?}");
    assert_eq!(asks(Operation::Read, "kv/data/app", Value::Null).await, 200);
    assert_eq!(asks(Operation::Read, "kv/data/own", Value::Null).await, 403);
    assert_eq!(asks(Operation::Read, "kv/data/a/b", Value::Null).await, 403);
    assert_eq!(
        asks(Operation::Update, "kv/data/app", json!({"data": {}})).await,
        403
    );
    assert_eq!(
        asks(Operation::Update, "kv/data/own", json!({"data": {}})).await,
        200
    );
    assert_eq!(
        asks(
            Operation::Update,
            "kv/data/own",
            json!({"data": {}, "x": 1})
        )
        .await,
        403
    );
    let own = ask_as(
        &core,
        Some(&token),
        Operation::Update,
        "sys/capabilities-self",
        json!({"paths": ["kv/data/app", "nothing"]}),
    )
    .await;
    assert_eq!(own.body["kv/data/app"], json!(["read"]));
    assert_eq!(own.body["data"]["nothing"], json!(["deny"]));
    let rules = ask_as(
        &core,
        Some(&token),
        Operation::Read,
        "sys/internal/ui/resultant-acl",
        Value::Null,
    )
    .await;
    assert_eq!(rules.body["data"]["root"], false);
    assert_eq!(
        rules.body["data"]["glob_paths"]["kv/data/+"]["capabilities"],
        json!(["read"])
    );
    let mounts = ask_as(
        &core,
        Some(&token),
        Operation::Read,
        "sys/internal/ui/mounts/kv/data/app",
        Value::Null,
    )
    .await;
    assert_eq!(
        (mounts.status, &mounts.body["data"]["path"]),
        (200, &json!("kv/"))
    );
    let deleted = ask(
        &core,
        Operation::Delete,
        "sys/policies/acl/app-policy",
        Value::Null,
    )
    .await;
    assert_eq!(deleted.status, 204);
    assert_eq!(asks(Operation::Read, "kv/data/app", Value::Null).await, 403);
}

#[tokio::test(start_paused = true)]
async fn policies_are_read_in_both_forms_and_listed_in_lower_case() {
    let core = World::new().start().await;
    let text = r#"path "a" { capabilities = ["read"] }"#;
    post(&core, "sys/policies/acl/MixedCase", json!({"policy": text})).await;
    let read = get(&core, "sys/policies/acl/mixedcase").await.body;
    assert_eq!(read["data"], json!({"name": "mixedcase", "policy": text}));
    let old = post(&core, "sys/policy/old", json!({"rules": text})).await;
    assert_eq!(
        old.body["warnings"],
        json!(["'rules' is deprecated, please use 'policy' instead"])
    );
    let read = get(&core, "sys/policy/OLD").await.body;
    assert_eq!(
        (&read["rules"], &read["data"]["name"]),
        (&json!(text), &json!("old"))
    );
    let encoded = "cGF0aCAiYSIgeyBjYXBhYmlsaXRpZXM9WyJyZWFkIl0gfQ==";
    post(&core, "sys/policies/acl/b64", json!({"policy": encoded})).await;
    let read = get(&core, "sys/policies/acl/b64").await.body;
    assert_eq!(
        read["data"]["policy"],
        "path \"a\" { capabilities=[\"read\"] }"
    );
    let listed = ask(&core, Operation::List, "sys/policies/acl", Value::Null)
        .await
        .body;
    let names = json!(["b64", "default", "mixedcase", "old", "root"]);
    assert_eq!(listed["data"]["keys"], names);
    let listed = get(&core, "sys/policy").await.body;
    assert_eq!(
        (&listed["policies"], &listed["data"]["keys"]),
        (&names, &names)
    );
    assert_eq!(get(&core, "sys/policies/acl/none").await.status, 404);
    for (name, body, said) in [
        ("x", json!({}), "'policy' parameter not supplied or empty"),
        ("x", json!({"policy": "path"}), "failed to parse policy: "),
        (
            "root",
            json!({"policy": text}),
            "cannot update \"root\" policy",
        ),
    ] {
        let refused = post(&core, &format!("sys/policies/acl/{name}"), body).await;
        assert!(
            refused.status == 400 && refused.error().starts_with(said),
            "{refused:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_no_sudo_creates_neither_orphans_nor_periodic_tokens() {
    let core = World::new().start().await;
    let policy = |capabilities: &str| json!({"policy": format!("path \"auth/token/*\" {{ capabilities = [{capabilities}] }}")});
    post(
        &core,
        "sys/policies/acl/mk",
        policy("\"create\", \"update\""),
    )
    .await;
    let made = post(
        &core,
        "auth/token/create",
        json!({"policies": ["mk"], "ttl": "1h"}),
    )
    .await;
    assert_eq!(made.body["warnings"], Value::Null);
    let token = text(&made, "/auth/client_token");
    let create = async |body: Value| {
        let path = "auth/token/create";
        ask_as(&core, Some(&token), Operation::Update, path, body).await
    };
    assert_eq!(
        create(json!({})).await.body["auth"]["policies"],
        json!(["default", "mk"])
    );
    let refused = create(json!({"policies": ["other"]})).await;
    assert_eq!(refused.error(), "child policies must be subset of parent");
    let refused = create(json!({"no_parent": true})).await;
    assert_eq!(
        refused.error(),
        "root or sudo privileges required to create orphan token"
    );
    post(
        &core,
        "sys/policies/acl/mk",
        policy("\"create\", \"update\", \"sudo\""),
    )
    .await;
    assert_eq!(
        create(json!({"no_parent": true, "policies": ["other"]}))
            .await
            .status,
        200
    );
}
