//! Roles: what is accepted, what is refused, and what a read shows.

use std::collections::BTreeSet;
use std::time::Duration;

use logical::{ErrorClass, Operation, Request};
use serde_json::json;
use virtual_world::Timing;

use crate::world::World;

async fn refused(body: serde_json::Value, field: &str) {
    let world = World::ready().await;
    let error = world.write("role/new", &body).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::BadRequest);
    assert!(error.message().contains(&format!("`{field}`")), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_role_reads_back_under_the_names_it_was_written_with() {
    let world = World::ready().await;
    let body = json!({
        "owner": "sa-1", "owner_env": "env-1", "resource": "lkc-1", "resource_env": "env-1",
        "ttl": "1h", "max_ttl": 7200, "key_description": "orders", "multi_use_key": "true",
    });
    assert_eq!(world.write("role/app", &body).await, Ok(None));
    let shown = world.read("roles/app").await.unwrap().unwrap();
    let expected = json!({
        "owner": "sa-1", "owner_env": "env-1", "resource": "lkc-1", "resource_env": "env-1",
        "ttl": 3600, "max_ttl": 7200, "key_description": "orders", "multi_use_key": true,
        "output": ["compat"], "readiness": "none", "readiness_delay": 0,
        "readiness_timeout": 1200, "wait_ready": 0, "not_ready": "warn",
        "spares": 0, "spare_max_age": 86400,
        "sharing": "role", "max_age": 0, "max_active": 0, "max_active_per_requester": 0,
        "output": ["compat"],
    });
    assert_eq!(shown.data.map(serde_json::Value::Object), Some(expected));
}

#[tokio::test(start_paused = true)]
async fn a_partial_update_keeps_the_rest() {
    let world = World::ready().await;
    world
        .write("role/shared", &json!({"ttl": 60}))
        .await
        .unwrap();
    let shown = world.read("role/shared").await.unwrap().unwrap();
    assert_eq!(shown.get("ttl"), Some(&json!(60)));
    assert_eq!(shown.get("multi_use_key"), Some(&json!(true)));
}

/// Every operation on a path that names a role, from the engine's own description
/// of its paths.
async fn operations_that_name_a_role(world: &World) -> Vec<(Operation, String)> {
    let help = world.engine.handle(Request::new(Operation::Help, ""));
    let help = help.await.unwrap().unwrap();
    let paths = help.get("openapi").unwrap()["paths"].as_object().unwrap();
    let mut named = Vec::new();
    for (path, item) in paths {
        let path = path.trim_start_matches('/');
        if !path.contains("{name}") {
            continue;
        }
        for (method, _) in item.as_object().unwrap() {
            let operations: &[Operation] = match method.as_str() {
                "get" => &[Operation::Read, Operation::List],
                "post" => &[Operation::Create, Operation::Update],
                "delete" => &[Operation::Delete],
                _ => &[],
            };
            named.extend(
                operations
                    .iter()
                    .map(|operation| (*operation, path.to_owned())),
            );
        }
    }
    named
}

/// A policy is about paths: it must not be got round by another spelling.
#[tokio::test(start_paused = true)]
async fn one_role_has_one_spelling_on_every_path() {
    let world = World::ready().await;
    world.lease("shared").await.unwrap();
    let mut refused = BTreeSet::new();
    for (operation, path) in operations_that_name_a_role(&world).await {
        for name in ["Shared", "SHARED", "sHared"] {
            let path = path.replace("{name}", name);
            let request = Request::new(operation, &*path);
            let error = world.engine.handle(request).await.unwrap_err();
            if error.class() == ErrorClass::UnsupportedOperation {
                continue;
            }
            assert_eq!(error.class(), ErrorClass::BadRequest, "{operation} {path}");
            let expected = "the role is `shared`";
            assert!(error.message().starts_with(expected), "{path}: {error}");
        }
        refused.insert(path);
    }
    for path in [
        "creds/{name}",
        "data/{name}",
        "metadata/{name}",
        "role/{name}",
        "role/{name}/keys",
        "roles/{name}/keys",
        "rotate-role/{name}",
        "static-cred/{name}",
        "static-cred/{name}/pending",
        "static-cred/{name}/previous",
        "static-role/{name}",
        "static-role/{name}/commit",
        "static-role/{name}/status",
    ] {
        assert!(refused.contains(path), "{path} is not in {refused:?}");
    }
    assert_eq!(world.cloud.live().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_mount_can_fold_the_names_of_roles_as_the_go_plugin_does() {
    let world = World::ready().await;
    let shown = world.read("config").await.unwrap().unwrap();
    assert_eq!(shown.get("fold_role_names"), Some(&json!(false)));
    let fold = json!({"fold_role_names": true});
    assert_eq!(world.write("config", &fold).await, Ok(None));
    let shown = world.read("config").await.unwrap().unwrap();
    assert_eq!(shown.get("fold_role_names"), Some(&json!(true)));
    let lease = world.lease("SHARED").await.unwrap();
    assert_eq!(lease.key(), world.lease("shared").await.unwrap().key());
    world
        .write("role/Shared", &json!({"ttl": 60}))
        .await
        .unwrap();
    let shown = world.read("role/shared").await.unwrap().unwrap();
    assert_eq!(shown.get("ttl"), Some(&json!(60)));
    let fold = json!({"fold_role_names": false});
    world.write("config", &fold).await.unwrap();
    world.lease("SHARED").await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_name_has_letters_digits_and_some_marks_and_nothing_else() {
    let world = World::ready().await;
    let body = json!({"owner": "sa-1", "resource": "lkc-1"});
    for name in ["jane@example.org", "a", "_", "a-b.c_d", "7"] {
        let written = world.write(&format!("role/{name}"), &body).await;
        assert_eq!(written, Ok(None), "{name}");
        world.lease(name).await.unwrap();
    }
    for name in ["a b", "gr\u{f6}\u{df}e", "-a", "a.", "@a", "a+b", "a*"] {
        for path in [format!("role/{name}"), format!("creds/{name}")] {
            let error = world.write(&path, &body).await.unwrap_err();
            assert_eq!(error.class(), ErrorClass::BadRequest, "{path}");
            assert!(error.message().contains("`@`"), "{path}: {error}");
        }
    }
    let long = format!("role/{}", "a".repeat(256));
    world.write(&long, &body).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_field_of_a_role_that_is_mistyped_is_refused() {
    let world = World::ready().await;
    for (field, meant) in [("ressource", "resource"), ("max-ttl", "max_ttl")] {
        let body = json!({"owner": "sa-1", field: "lkc-1"});
        let error = world.write("role/new", &body).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::BadRequest);
        let expected = format!("did you mean `{meant}`?");
        assert!(error.message().contains(&expected), "{error}");
    }
    assert_eq!(world.read("role/new").await, Ok(None));
    // What the Go plugin's clients send besides is taken.
    let body = json!({"owner": "sa-1", "owner_env": "env-1", "resource": "lkc-1",
        "resource_env": "env-1", "description": "orders", "multi_use_key": true});
    assert_eq!(world.write("role/new", &body).await, Ok(None));
}

async fn warnings(world: &World, path: &str, body: serde_json::Value) -> Vec<String> {
    let written = world.write(path, &body).await.unwrap();
    written.map_or_else(Vec::new, |response| response.warnings)
}

#[tokio::test(start_paused = true)]
async fn a_role_that_falls_back_to_cloud_keys_is_warned_of_once() {
    let world = World::ready().await;
    let told = warnings(&world, "role/new", json!({"owner": "sa-1"})).await;
    assert!(told[0].contains("`resource` was not given"), "{told:?}");
    let told = warnings(&world, "role/new", json!({"ttl": 60})).await;
    assert_eq!(told, [""; 0]);
    let meant = json!({"owner": "sa-1", "resource": "cloud"});
    assert_eq!(warnings(&world, "role/meant", meant).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn times_that_the_mount_cuts_are_told_on_writes_and_answers() {
    let world = World::ready().await;
    let long = json!({"owner": "sa-1", "resource": "lkc-1", "ttl": "48h", "max_ttl": "72h"});
    let told = warnings(&world, "role/long", long).await;
    assert_eq!(told.len(), 2, "{told:?}");
    for (field, text) in [("`ttl`", &told[0]), ("`max_ttl`", &told[1])] {
        assert!(text.contains(field) && text.contains("24h"), "{text}");
    }
    let request = Request::new(Operation::Read, "creds/long");
    let answer = world.engine.handle(request).await.unwrap().unwrap();
    assert_eq!(answer.warnings, told);
    let lease = world.lease("single").await.unwrap();
    assert_eq!(lease.secret.lease.ttl, Duration::from_mins(10));
    let request = Request::new(Operation::Read, "creds/single");
    let answer = world.engine.handle(request).await.unwrap().unwrap();
    assert_eq!(answer.warnings, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_owner_or_resource_that_is_not_there_is_told_by_writes_and_the_check() {
    let world = World::ready().await;
    *world.cloud.admin_role.lock().unwrap() = "OrganizationAdmin";
    world.cloud.absent.lock().unwrap().extend(["sa-9", "lkc-9"]);
    let body = json!({"owner": "sa-9", "resource": "lkc-9", "resource_env": "env-1"});
    let told = warnings(&world, "role/lost", body).await;
    assert_eq!(told.len(), 2, "{told:?}");
    for (id, field, text) in [
        ("`sa-9`", "`owner`", &told[0]),
        ("`lkc-9`", "`resource`", &told[1]),
    ] {
        assert!(text.contains(id) && text.contains(field), "{text}");
    }
    // An update that leaves them alone does not ask again.
    let told = warnings(&world, "role/lost", json!({"ttl": 60})).await;
    assert_eq!(told, [""; 0]);
    let check = world.read("config/check").await.unwrap().unwrap();
    assert_eq!(check.get("ready"), Some(&json!(false)));
    let told = check.warnings.concat();
    for word in ["`lost`", "`sa-9`", "`lkc-9`"] {
        assert!(told.contains(word), "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn roles_are_listed_with_what_they_are_for() {
    let world = World::ready().await;
    let listed = world.list("role/").await.unwrap().unwrap();
    assert_eq!(
        listed.get("key_info").unwrap()["shared"],
        json!({
            "owner": "sa-1", "resource": "lkc-1", "ttl": 600, "max_ttl": 3600,
            "multi_use_key": true, "sharing": "role", "max_age": 0,
        })
    );
}

/// The client is gone between the write of the role and that of its pointer.
#[tokio::test(start_paused = true)]
async fn a_role_whose_writer_hangs_up_leaves_no_pointer_to_its_earlier_key() {
    let world = World::ready().await;
    world.lease("shared").await.unwrap();
    let pointers = || {
        let keys = world.storage.disk().keys().into_iter();
        keys.filter(|key| key.starts_with("lockkeeper/shared/"))
            .count()
    };
    assert_eq!(pointers(), 1);
    world
        .storage
        .set_write_delay(Duration::from_secs(1), Timing::First);
    let other = json!({"owner": "sa-2"});
    let write = world.write("role/shared", &other);
    let cut = tokio::time::timeout(Duration::from_millis(500), write).await;
    assert!(cut.is_err());
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(pointers(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_owner_alone_makes_a_role_for_cloud_keys() {
    let world = World::ready().await;
    world
        .write("role/cloud", &json!({"owner": "sa-1"}))
        .await
        .unwrap();
    let lease = world.lease("cloud").await.unwrap();
    assert_eq!(lease.data.len(), 2, "a Cloud key has no JAAS line");
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_role_is_said_with_the_fields_name() {
    refused(json!({}), "owner").await;
    refused(json!({"owner": "bob"}), "owner").await;
    refused(json!({"owner": "sa-1/../u-2"}), "owner").await;
    refused(json!({"owner": "sa-1", "resource": "cluster"}), "resource").await;
    refused(
        json!({"owner": "sa-1", "resource": "aws.us-east-1"}),
        "resource_env",
    )
    .await;
    refused(
        json!({"owner": "sa-1", "resource_env": "prod"}),
        "resource_env",
    )
    .await;
    refused(json!({"owner": "sa-1", "ttl": 60, "max_ttl": 30}), "ttl").await;
    refused(json!({"owner": "sa-1", "cc_key_id": "VICTIM"}), "cc_key_id").await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_role_is_a_bad_request_for_credentials_and_absent_for_reads() {
    let world = World::ready().await;
    let error = world.lease("nobody").await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::BadRequest);
    assert!(error.message().contains("role `nobody` does not exist"));
    // An application's developer cannot write it.
    assert!(!error.message().contains("write"), "{error}");
    assert_eq!(world.read("role/nobody").await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn roles_are_listed_under_both_names() {
    let world = World::ready().await;
    for path in ["role/", "roles/", "role", "roles"] {
        let request = Request::new(Operation::List, path);
        let listed = world.engine.handle(request).await.unwrap().unwrap();
        assert_eq!(listed.get("keys"), Some(&json!(["shared", "single"])));
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_role_strands_no_lease() {
    let world = World::ready().await;
    let single = world.lease("single").await.unwrap();
    let shared = world.lease("shared").await.unwrap();
    world.delete("role/single").await.unwrap();
    world.delete("role/shared").await.unwrap();
    let error = world.renew(&single, 0).await.unwrap_err();
    assert!(error.message().contains("was deleted"), "{error}");
    world.revoke(&single).await.unwrap();
    world.revoke(&shared).await.unwrap();
    assert!(world.cloud.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_read_of_a_role_shows_a_key() {
    let world = World::ready().await;
    let lease = world.lease("shared").await.unwrap();
    let shown = world.read("role/shared").await.unwrap().unwrap();
    let text = serde_json::to_string(&shown.data).unwrap();
    assert!(!text.contains(lease.key()));
    assert!(!text.contains(lease.data["secret"].as_str().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_keys_description_names_who_asked_unless_the_role_says_otherwise() {
    let world = World::ready().await;
    world.lease("single").await.unwrap();
    world
        .write("role/single", &json!({"key_description": "orders"}))
        .await
        .unwrap();
    world.lease("single").await.unwrap();
    let descriptions = world.cloud.descriptions.lock().unwrap();
    assert!(descriptions[0].contains("role single"), "{descriptions:?}");
    assert_eq!(descriptions[1], "orders");
}
