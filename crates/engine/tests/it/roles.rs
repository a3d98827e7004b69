//! Roles: what is accepted, what is refused, and what a read shows.

use logical::{ErrorClass, Operation, Request};
use serde_json::json;

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
    assert_eq!(world.write("role/App", &body).await, Ok(None));
    let shown = world.read("roles/app").await.unwrap().unwrap();
    let expected = json!({
        "owner": "sa-1", "owner_env": "env-1", "resource": "lkc-1", "resource_env": "env-1",
        "ttl": 3600, "max_ttl": 7200, "key_description": "orders", "multi_use_key": true,
    });
    assert_eq!(shown.data.map(serde_json::Value::Object), Some(expected));
}

#[tokio::test(start_paused = true)]
async fn a_partial_update_keeps_the_rest_whatever_the_case_of_the_name() {
    let world = World::ready().await;
    world
        .write("role/SHARED", &json!({"ttl": 60}))
        .await
        .unwrap();
    let shown = world.read("role/shared").await.unwrap().unwrap();
    assert_eq!(shown.get("ttl"), Some(&json!(60)));
    assert_eq!(shown.get("multi_use_key"), Some(&json!(true)));
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
