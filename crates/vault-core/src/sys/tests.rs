//! `sys/mounts` and what is listed of mounts, from a client's point of view.

use logical::Operation;
use serde_json::{Value, json};

use crate::Core;
use crate::tests::{Seen, World, ask, ask_as};

const UI: &str = "sys/internal/ui/mounts";

async fn read(core: &Core, path: &str) -> Value {
    let seen = ask(core, Operation::Read, path, Value::Null).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    seen.body["data"].clone()
}

async fn write(core: &Core, path: &str, body: Value) -> Seen {
    ask(core, Operation::Update, path, body).await
}

/// Each setting with a value of its own.
fn settings() -> Value {
    json!({
        "force_no_cache": true,
        "listing_visibility": "unauth",
        "audit_non_hmac_request_keys": ["asked"],
        "audit_non_hmac_response_keys": ["key_id", "other"],
        "passthrough_request_headers": ["X-Asked"],
        "allowed_response_headers": ["X-Answered"],
    })
}

fn assert_contains(found: &Value, expected: &Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(found[name], *value, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_mount_keeps_what_it_is_enabled_with() {
    let world = World::new();
    let core = world.start().await;
    let mut config = settings();
    config["options"] = json!({"one": "1"});
    config["description"] = "overruled".into();
    let body = json!({
        "type": "puppet",
        "description": "keys",
        "config": config,
        "options": {"two": "2"},
        "plugin_version": "0.0.1",
        "local": true,
        "seal_wrap": true,
        "external_entropy_access": true,
    });
    let enabled = write(&core, "sys/mounts/a", body).await;
    assert_eq!(enabled.status, 200, "{enabled:?}");
    let warnings = enabled.body["warnings"].to_string();
    for name in ["seal_wrap", "external_entropy_access"] {
        assert!(warnings.contains(&format!("`{name}`")), "{warnings}");
    }
    core.shut_down().await;
    let core = world.start().await;
    let expected = json!({
        "description": "keys",
        "options": {"one": "1", "two": "2"},
        "plugin_version": "0.0.1",
        "local": true,
        "seal_wrap": true,
        "external_entropy_access": true,
    });
    for shown in [
        read(&core, "sys/mounts/a").await,
        read(&core, "sys/mounts").await["a/"].clone(),
        read(&core, "sys/internal/ui/mounts/a").await,
    ] {
        assert_contains(&shown, &expected);
        assert_contains(&shown["config"], &settings());
    }
    assert_contains(&read(&core, "sys/mounts/a/tune").await, &settings());
}

#[tokio::test(start_paused = true)]
async fn a_mount_keeps_what_it_is_tuned_to() {
    let world = World::new();
    let core = world.mounted().await;
    let tune = "sys/mounts/puppet/tune";
    let untuned = read(&core, tune).await;
    let mut body = settings();
    body["options"] = json!({"one": "1"});
    body["plugin_version"] = "v0.0.1".into();
    let tuned = write(&core, tune, body.clone()).await;
    assert_eq!(tuned.status, 200, "{tuned:?}");
    let added = write(&core, tune, json!({"options": {"two": "2"}})).await;
    let warnings = added.body["warnings"].to_string();
    assert!(warnings.contains("`options`"), "{warnings}");
    body["options"] = json!({"one": "1", "two": "2"});
    assert_contains(&read(&core, tune).await, &body);
    core.shut_down().await;
    let core = world.start().await;
    assert_contains(&read(&core, tune).await, &body);
    // What is given empty is no longer set.
    let cleared = json!({
        "force_no_cache": false,
        "listing_visibility": "",
        "audit_non_hmac_request_keys": [],
        "audit_non_hmac_response_keys": "",
        "passthrough_request_headers": [],
        "allowed_response_headers": [],
        "plugin_version": "",
    });
    assert_eq!(write(&core, tune, cleared).await.status, 204);
    let mut left = read(&core, tune).await;
    left.as_object_mut().unwrap().remove("options");
    assert_eq!(left, untuned);
}

#[tokio::test(start_paused = true)]
async fn settings_that_this_server_does_not_have_are_refused_by_name() {
    let core = World::new().mounted().await;
    for body in [
        json!({"type": "puppet", "plugin_name": "other"}),
        json!({"type": "puppet", "allowed_managed_keys": ["key"]}),
        json!({"type": "puppet", "config": {"token_type": "batch"}}),
        json!({"type": "puppet", "config": {"delegated_auth_accessors": ["a"]}}),
        json!({"type": "puppet", "config": {"default_ttl": "1h"}}),
        json!({"type": "puppet", "plugin_version": "v9.9.9"}),
    ] {
        let refused = write(&core, "sys/mounts/a", body.clone()).await;
        assert_eq!(refused.status, 400, "{body}");
        let members = body.as_object().unwrap();
        let config = body["config"].as_object().cloned().unwrap_or_default();
        let mut names = members.keys().chain(config.keys());
        let is_named = names.any(|name| refused.error().contains(name.as_str()));
        assert!(is_named, "{body}: {}", refused.error());
    }
    let before = read(&core, "sys/mounts/puppet").await;
    for (name, value) in [
        ("token_type", json!("batch")),
        ("user_lockout_config", json!({"lockout_threshold": "3"})),
        ("identity_token_key", json!("key")),
        ("plugin_version", json!("v9.9.9")),
        ("listing_visibility", json!("all")),
        ("options", json!({"version": "2"})),
    ] {
        let body = json!({"description": "changed", name: value});
        let refused = write(&core, "sys/mounts/puppet/tune", body).await;
        assert_eq!(refused.status, 400, "{name}");
    }
    assert_eq!(read(&core, "sys/mounts/puppet").await, before);
}

#[tokio::test(start_paused = true)]
async fn mounts_that_are_listed_for_everybody_are_shown_without_a_token() {
    let core = World::new().mounted().await;
    let body = json!({
        "type": "puppet",
        "description": "for everybody",
        "config": {"listing_visibility": "unauth"},
    });
    assert_eq!(write(&core, "sys/mounts/public", body).await.status, 204);
    for token in [None, Some("stranger")] {
        let seen = ask_as(&core, token, Operation::Read, UI, Value::Null).await;
        assert_eq!(seen.status, 200, "{seen:?}");
        let expected = json!({
            "auth": {},
            "secret": {
                "public/": {"type": "puppet", "description": "for everybody", "options": {}},
            },
        });
        assert_eq!(seen.body["data"], expected);
        let path = format!("{UI}/public");
        let one = ask_as(&core, token, Operation::Read, &path, Value::Null).await;
        assert_eq!((one.status, one.error()), (403, "permission denied"));
    }
    let tokens = &core.active().unwrap().tokens;
    let limited = tokens.create(None, &["default"]).await.unwrap();
    let limited = Some(limited.expose());
    let seen = ask_as(&core, limited, Operation::Read, UI, Value::Null).await;
    let secret = &seen.body["data"]["secret"];
    assert!(secret["public/"]["accessor"].is_string(), "{seen:?}");
    assert!(secret["puppet/"].is_null(), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn passwords_are_made_by_a_policy_that_is_stored() {
    let core = World::new().start().await;
    let path = "sys/policies/password/p";
    let text = "length = 20\nrule \"charset\" { charset = \"abc\" min-chars = 1 }";
    let written = ask(&core, Operation::Update, path, json!({"policy": text})).await;
    assert_eq!(written.status, 204, "{written:?}");
    let shown = ask(&core, Operation::Read, path, Value::Null).await;
    assert_eq!(shown.body["data"], json!({"policy": text}));
    let generate = format!("{path}/generate");
    let made = async || {
        let made = ask(&core, Operation::Read, &generate, Value::Null).await;
        made.body["data"]["password"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let (first, second) = (made().await, made().await);
    assert!(
        first.len() == 20 && first.chars().all(|one| "abc".contains(one)),
        "{first}"
    );
    assert_ne!(first, second);
    let list = ask(&core, Operation::List, "sys/policies/password", Value::Null).await;
    assert_eq!(list.body["data"], json!({"keys": ["p"]}));
    for body in [json!({}), json!({"policy": "length = 2"})] {
        let refused = ask(&core, Operation::Update, path, body).await;
        assert_eq!(refused.status, 400, "{refused:?}");
    }
    let deleted = ask(&core, Operation::Delete, path, Value::Null).await;
    assert_eq!(deleted.status, 204);
    for path in [path, &generate] {
        let gone = ask(&core, Operation::Read, path, Value::Null).await;
        assert_eq!((gone.status, gone.error()), (404, "policy does not exist"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_raft_is_refused_with_what_to_do_in_its_place() {
    let core = World::new().start().await;
    for (operation, path) in [
        (Operation::Read, "sys/storage/raft/snapshot"),
        (Operation::Update, "sys/storage/raft/snapshot"),
        (Operation::Update, "sys/storage/raft/snapshot-force"),
    ] {
        let seen = ask(&core, operation, path, Value::Null).await;
        assert_eq!(seen.status, 400, "{seen:?}");
        assert!(seen.error().starts_with("raft storage is not in use"));
        assert!(seen.error().contains("`lockkeeper operator backup`"));
    }
}
