//! Who may do what.

use confluent_simulator::NewKey;
use serde_json::Value;

use crate::wire::Wire;

const KEYS: &str = "/iam/v2/api-keys";

/// A key of `owner` for `resource`, made in process.
fn make(wire: &Wire, owner: &str, resource: Option<&str>) -> (String, String) {
    let new = NewKey {
        owner: owner.into(),
        resource: resource.map(Into::into),
        ..NewKey::default()
    };
    let created = wire.simulator.create_key(&new).unwrap();
    (
        created.key.id.to_string(),
        created.secret.expose().to_owned(),
    )
}

#[tokio::test]
async fn without_a_credential_nothing_is_answered_but_the_state() {
    let wire = Wire::start().await;
    for path in [KEYS, "/org/v2/environments", "/api/iam/v2/service-accounts"] {
        let answer = wire.send("GET", path, "", "").await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.text("/errors/0/detail"), "Unauthorized");
        assert!(answer.header("www-authenticate").is_some());
    }
    let bearer = wire
        .send("GET", KEYS, "Authorization: Bearer x\r\n", "")
        .await;
    assert_eq!(bearer.status, 401);
    assert_eq!(
        wire.send("GET", "/simulator/state", "", "").await.status,
        200
    );
}

#[tokio::test]
async fn a_wrong_secret_and_a_cluster_key_are_told_apart_from_an_unknown_key() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let (id, secret) = make(
        &wire,
        &state.service_accounts[0].id,
        Some(&state.kafka_clusters[0].id),
    );
    let admin = wire.simulator.admin_key().id.to_string();
    for (id, secret, detail) in [
        ("UNKNOWN", "x", "Unauthorized"),
        (&admin, "x", "invalid API key"),
        (&id, &secret, "invalid API key"),
    ] {
        let answer = wire.ask_as(id, secret, "GET", KEYS, Value::Null).await;
        assert_eq!(answer.status, 401);
        assert!(
            answer.text("/errors/0/detail").starts_with(detail),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn a_deleted_cloud_key_is_no_longer_accepted() {
    let wire = Wire::start().await;
    let user = wire.simulator.state().users[0].id.clone();
    let (id, secret) = make(&wire, &user, None);
    let ask = || wire.ask_as(&id, &secret, "GET", "/org/v2/environments", Value::Null);
    assert_eq!(ask().await.status, 200);
    wire.simulator.delete_key(&id).unwrap();
    assert_eq!(ask().await.status, 401);
}

#[tokio::test]
async fn a_service_account_without_a_role_sees_environments_but_manages_no_key() {
    let wire = Wire::start().await;
    let account = wire.simulator.state().service_accounts[0].id.clone();
    let (id, secret) = make(&wire, &account, None);
    let ask = |method, path, body| wire.ask_as(&id, &secret, method, path, body);
    assert_eq!(
        ask("GET", "/org/v2/environments", Value::Null).await.status,
        200
    );
    let own = format!("{KEYS}/{id}");
    for method in ["GET", "DELETE"] {
        let answer = ask(method, &own, Value::Null).await;
        assert_eq!(
            (answer.status, answer.code()),
            (403, Some("forbidden_access"))
        );
    }
    let body = wire.new_key("mine");
    assert_eq!(ask("POST", KEYS, body).await.status, 403);
    let list = ask("GET", KEYS, Value::Null).await;
    assert_eq!(
        (list.status, &list.body["data"]),
        (200, &serde_json::json!([]))
    );
}

#[tokio::test]
async fn the_use_of_a_key_is_noted() {
    let wire = Wire::start().await;
    let last_use = || wire.simulator.state().api_keys[0].last_used_at;
    assert_eq!(last_use(), None);
    wire.ask("GET", KEYS, Value::Null).await;
    assert!(last_use().is_some());
}
