//! What older programs stored is read, and what newer ones stored is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use logical::{Operation, Storage as _};
use serde_json::{Value, json};

use super::{World, ask, ask_as};

/// Storage as it was written before records had versions, by key. What is not
/// JSON is in `text` or `base64`.
const BEFORE_VERSIONS: &str = include_str!("fixtures/before_versions.json");

async fn world() -> World {
    let world = World::new();
    let stored: Value = serde_json::from_str(BEFORE_VERSIONS).unwrap();
    for (key, value) in stored.as_object().unwrap() {
        let bytes = if let Some(text) = value["text"].as_str() {
            text.as_bytes().to_vec()
        } else if let Some(encoded) = value["base64"].as_str() {
            STANDARD.decode(encoded).unwrap()
        } else {
            serde_json::to_vec(value).unwrap()
        };
        world.storage.put(key, &bytes).await.unwrap();
    }
    world
}

#[tokio::test(start_paused = true)]
async fn records_from_before_there_were_versions_are_read() {
    let core = world().await.start().await;
    let tuning = ask(
        &core,
        Operation::Read,
        "sys/mounts/puppet/tune",
        Value::Null,
    )
    .await;
    assert_eq!(tuning.body["data"]["max_lease_ttl"], 3600);
    let path = "auth/token/lookup-self";
    let token = ask_as(&core, Some("limited"), Operation::Read, path, Value::Null).await;
    assert_eq!(token.body["data"]["policies"], json!(["default"]));
    let body = json!({"lease_id": "puppet/lease/KhIWbL9jzgzOJ0WmeWHHIrJR"});
    let lease = ask(&core, Operation::Update, "sys/leases/lookup", body).await;
    assert_eq!(lease.body["data"]["expire_time"], "2027-01-15T09:00:25Z");
    let irrevocable = json!({"type": "irrevocable"});
    let shown = ask(&core, Operation::Read, "sys/leases", irrevocable).await;
    assert_eq!(shown.body["data"]["lease_count"], 3);
    assert_eq!(core.cluster().name(), "lockkeeper-cluster-bbf1a8e0");
}

#[tokio::test(start_paused = true)]
async fn a_record_of_a_newer_program_is_refused_with_what_to_do() {
    let world = world().await;
    let core = world.start().await;
    let key = "sys/expire/id/puppet/lease/KhIWbL9jzgzOJ0WmeWHHIrJR";
    let stored = world.storage.get(key).await.unwrap().unwrap();
    let mut newer: Value = serde_json::from_slice(&stored).unwrap();
    newer["version"] = 2.into();
    let newer = serde_json::to_vec(&newer).unwrap();
    world.storage.put(key, &newer).await.unwrap();
    let body = json!({"lease_id": "puppet/lease/KhIWbL9jzgzOJ0WmeWHHIrJR"});
    let refused = ask(&core, Operation::Update, "sys/leases/lookup", body).await;
    assert_eq!(refused.status, 500);
    let text = refused.error();
    assert!(
        text.contains("version 2") && text.contains("use the program"),
        "{text}"
    );
}
