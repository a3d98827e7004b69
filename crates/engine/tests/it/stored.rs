//! Records as version 1 of the engine's storage has them, byte for byte: what
//! an earlier release stored is read by every later one.

use logical::Storage as _;
use serde_json::json;

use crate::world::{ADMIN_KEY, ADMIN_SECRET, ORGANIZATION, World};

async fn put(world: &World, place: &str, bytes: &str) {
    let storage = &world.storage.disk();
    storage.put(place, bytes.as_bytes()).await.unwrap();
}

/// Written with `verify=false`, so that its organization is not known.
const UNPROVEN: [(&str, &str); 2] = [
    (
        "lockkeeper/account/current",
        r#"{"version":1,"record":{"organization":null}}"#,
    ),
    (
        "lockkeeper/account/organization/unproven",
        r#"{"version":1,"record":{"organization":null,"url":"https://api.confluent.cloud","key_id":"ADMINKEY23456777","secret":"admin-secret-canary","written_at":"2026-11-01T08:00:00Z"}}"#,
    ),
];

const PROVEN: [(&str, &str); 2] = [
    (
        "lockkeeper/account/current",
        r#"{"version":1,"record":{"organization":"0f0f0f0f-1111-2222-3333-444444444444"}}"#,
    ),
    (
        "lockkeeper/account/organization/0f0f0f0f-1111-2222-3333-444444444444",
        r#"{"version":1,"record":{"organization":"0f0f0f0f-1111-2222-3333-444444444444","url":"https://api.confluent.cloud","key_id":"ADMINKEY23456777","secret":"admin-secret-canary","ca_cert":"certificates","written_at":"2026-11-01T08:00:00.123456789Z"}}"#,
    ),
];

const ROLE: (&str, &str) = (
    "lockkeeper/role/single",
    r#"{"version":1,"record":{"name":"single","target":{"owner":"sa-1","resource":"lkc-1","environment":"env-1"},"owner_environment":"env-0","ttl_seconds":600,"max_ttl_seconds":3600,"key_description":"words","multi_use_key":false,"generation":"AAAAAAAAAAAAB"}}"#,
);

#[tokio::test(start_paused = true)]
async fn accounts_and_roles_of_the_first_version_are_read() {
    for (records, organization, ca_cert) in [
        (PROVEN, ORGANIZATION, Some(json!("certificates"))),
        (UNPROVEN, "", None),
    ] {
        let world = World::empty();
        for (place, bytes) in records.into_iter().chain([ROLE]) {
            put(&world, place, bytes).await;
        }
        let config = world.read("config").await.unwrap().unwrap();
        assert_eq!(config.get("ccloud_api_key_id"), Some(&json!(ADMIN_KEY)));
        assert_eq!(config.get("organization"), Some(&json!(organization)));
        assert_eq!(config.get("ca_cert"), ca_cert.as_ref());
        let role = world.read("role/single").await.unwrap().unwrap();
        for (name, value) in [
            ("owner", json!("sa-1")),
            ("owner_env", json!("env-0")),
            ("resource", json!("lkc-1")),
            ("resource_env", json!("env-1")),
            ("ttl", json!(600)),
            ("max_ttl", json!(3600)),
            ("key_description", json!("words")),
        ] {
            assert_eq!(role.get(name), Some(&value), "{name}");
        }
        let lease = world.lease("single").await.unwrap();
        world.revoke(&lease).await.unwrap();
        assert!(world.cloud.live().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn accounts_and_roles_are_stored_as_the_first_version_has_them() {
    let world = World::empty();
    let body = json!({
        "ccloud_api_key_id": ADMIN_KEY, "ccloud_api_key_secret": ADMIN_SECRET,
        "ca_cert": "certificates",
    });
    world.write("config", &body).await.unwrap();
    for (place, bytes) in PROVEN {
        let stored = world.storage.disk().get(place).await.unwrap().unwrap();
        let stored = String::from_utf8(stored.to_vec()).unwrap();
        // Members that the first version does not know come last.
        let common = bytes.find(",\"written_at\"").unwrap_or(bytes.len() - 2);
        assert_eq!(stored[..common], bytes[..common], "{place}");
    }
}
