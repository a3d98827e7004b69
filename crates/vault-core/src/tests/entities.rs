//! Who logs in is an entity: what its tokens may do depends on it. Answers were seen
//! at OpenBao 2.7.2.

use logical::Operation;
use serde_json::{Value, json};

use super::builtin::{approle, log_in, text};
use super::{Seen, World, ask, ask_as};
use crate::Core;

async fn post(core: &Core, path: &str, body: Value) -> Seen {
    ask(core, Operation::Update, path, body).await
}

async fn own(core: &Core, token: &str) -> Seen {
    let path = "auth/token/lookup-self";
    ask_as(core, Some(token), Operation::Read, path, Value::Null).await
}

/// A policy with one rule, whose path may name a member of the alias.
async fn policy(core: &Core, name: &str, path: &str, capability: &str) {
    let mounts = ask(core, Operation::Read, "sys/auth", Value::Null).await;
    let accessor = text(&mounts, "/data/approle~1/accessor");
    let path = path.replace("ALIAS", &format!("identity.entity.aliases.{accessor}"));
    let rule = format!("path \"{path}\" {{ capabilities = [\"{capability}\"] }}");
    let written = post(
        core,
        &format!("sys/policies/acl/{name}"),
        json!({"policy": rule}),
    )
    .await;
    assert_eq!(written.status, 204, "{written:?}");
}

async fn kv(core: &Core) {
    let engine = json!({"type": "kv", "options": {"version": "1"}});
    assert_eq!(post(core, "sys/mounts/kv", engine).await.status, 204);
    for path in ["kv/app/key", "kv/other/key"] {
        assert_eq!(post(core, path, json!({"a": "b"})).await.status, 204);
    }
}

#[tokio::test(start_paused = true)]
async fn a_template_lets_a_role_read_its_own_secrets_only() {
    let core = World::new().start().await;
    kv(&core).await;
    let ids = approle(&core, json!({"token_policies": "own"})).await;
    policy(&core, "own", "kv/{{ALIAS.metadata.role_name}}/*", "read").await;
    let login = log_in(&core, None, &ids).await;
    let token = text(&login, "/auth/client_token");
    let read = async |path: &str| {
        let seen = ask_as(&core, Some(&token), Operation::Read, path, Value::Null).await;
        seen.status
    };
    assert_eq!(read("kv/app/key").await, 200);
    assert_eq!(read("kv/other/key").await, 403);
    assert_eq!(read("kv/{{ALIAS.metadata.role_name}}/key").await, 403);
    let asked = json!({"token": token, "paths": ["kv/app/x", "kv/other/x"]});
    let capabilities = post(&core, "sys/capabilities", asked).await;
    assert_eq!(capabilities.body["data"]["kv/app/x"], json!(["read"]));
    assert_eq!(capabilities.body["data"]["kv/other/x"], json!(["deny"]));
}

#[tokio::test(start_paused = true)]
async fn all_logins_of_a_role_are_one_entity_and_so_are_the_children_of_its_tokens() {
    let core = World::new().start().await;
    let ids = approle(&core, json!({"token_policies": "parent"})).await;
    policy(&core, "parent", "auth/token/create*", "update").await;
    let (one, other) = tokio::join!(log_in(&core, None, &ids), log_in(&core, None, &ids));
    let entity = text(&one, "/auth/entity_id");
    assert_eq!(entity.len(), 36, "{entity}");
    assert_eq!(text(&other, "/auth/entity_id"), entity);
    let token = text(&other, "/auth/client_token");
    assert_eq!(own(&core, &token).await.body["data"]["entity_id"], *entity);
    for (path, expected) in [("create", &*entity), ("create-orphan", "")] {
        let path = format!("auth/token/{path}");
        let made = ask_as(&core, Some(&token), Operation::Update, &path, json!({})).await;
        assert_eq!(made.body["auth"]["entity_id"], *expected, "{path} {made:?}");
    }
    let plain = post(&core, "auth/token/create", json!({})).await;
    assert_eq!(plain.body["auth"]["entity_id"], "");
}

#[tokio::test(start_paused = true)]
async fn a_role_id_that_would_widen_a_template_denies_its_tokens_everything() {
    let core = World::new().start().await;
    kv(&core).await;
    let role = json!({"token_policies": "own,kv", "role_id": "*"});
    let ids = approle(&core, role).await;
    policy(&core, "own", "kv/{{ALIAS.name}}/*", "read").await;
    policy(&core, "kv", "kv/other/*", "read").await;
    let token = text(&log_in(&core, None, &ids).await, "/auth/client_token");
    for path in ["kv/app/key", "kv/other/key", "kv/*/key"] {
        let seen = ask_as(&core, Some(&token), Operation::Read, path, Value::Null).await;
        assert_eq!(seen.status, 403, "{path}: {seen:?}");
    }
    let asked = json!({"token": token, "paths": ["kv/app/key"]});
    let told = post(&core, "sys/capabilities", asked).await;
    assert_eq!(told.status, 400, "{told:?}");
    assert!(told.error().contains("policy \"own\""), "{told:?}");
    assert!(told.error().contains("forbidden value: \"*\""), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn entities_end_with_their_auth_method_and_so_do_batch_tokens() {
    let world = World::new();
    let core = world.start().await;
    let ids = approle(&core, json!({"token_type": "batch"})).await;
    let token = text(&log_in(&core, None, &ids).await, "/auth/client_token");
    assert_eq!(own(&core, &token).await.status, 200);
    let disabled = ask(&core, Operation::Delete, "sys/auth/approle", Value::Null).await;
    assert_eq!(disabled.status, 204, "{disabled:?}");
    assert_eq!(own(&core, &token).await.status, 403);
    let keys = world.storage.keys();
    let mut left = keys.iter().filter(|key| key.contains("identity/"));
    assert!(left.all(|key| key.ends_with("/salt")), "{keys:?}");
    // A path that needs no token takes it for none.
    let health = "sys/internal/ui/mounts";
    let seen = ask_as(&core, Some(&token), Operation::Read, health, Value::Null).await;
    assert_eq!(seen.status, 200);
}

#[tokio::test(start_paused = true)]
async fn an_entity_is_there_after_a_restart() {
    let world = World::new();
    let core = world.start().await;
    let ids = approle(&core, json!({})).await;
    let first = log_in(&core, None, &ids).await;
    let token = text(&first, "/auth/client_token");
    core.shut_down().await;
    let core = world.start().await;
    assert_eq!(own(&core, &token).await.status, 200);
    let second = log_in(&core, None, &ids).await;
    assert_eq!(
        second.body["auth"]["entity_id"],
        first.body["auth"]["entity_id"]
    );
}
