//! Answers have the members of the example bodies, which the client is tested
//! with too.

use serde_json::{Value, json};

use crate::wire::Wire;

const KEYS: &str = "/iam/v2/api-keys";

fn fixture(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A value with every text emptied and every number zero.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), shape(value)))
            .collect(),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::String(_) => "".into(),
        Value::Number(_) => 0.into(),
        other => other.clone(),
    }
}

#[tokio::test]
async fn a_new_key_has_the_members_of_the_example() {
    let wire = Wire::start().await;
    let expected = fixture(include_str!(
        "../../../confluent-cloud/fixtures/api_key_created.json"
    ));
    let created = wire.create("orders-writer").await;
    assert_eq!(shape(&created.body), shape(&expected));
    let read = wire
        .ask(
            "GET",
            &format!("{KEYS}/{}", created.text("/id")),
            Value::Null,
        )
        .await;
    assert_eq!(shape(&read.body), shape(&expected));
}

#[tokio::test]
async fn keys_of_every_kind_have_the_members_and_types_of_the_examples() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let environment = &state.environments[0].id;
    let (account, user) = (&state.service_accounts[0].id, &state.users[0].id);
    for (owner, resource) in [
        (account, json!({"id": state.schema_registries[0].id})),
        (
            account,
            json!({"id": "aws.us-east-1", "environment": environment}),
        ),
        (account, json!({"id": "tableflow"})),
        (user, json!({"id": "cloud"})),
        (account, json!({"id": "global"})),
    ] {
        let body = json!({"spec": {"owner": {"id": owner}, "resource": resource}});
        assert_eq!(wire.ask("POST", KEYS, body).await.status, 202);
    }
    let admin = wire.simulator.admin_key().id.clone();
    let mut listed = wire.ask("GET", KEYS, Value::Null).await.body;
    let data = listed["data"].as_array_mut().unwrap();
    data.retain(|key| key["id"] != admin.as_str());
    let expected = fixture(include_str!(
        "../../../confluent-cloud/fixtures/api_keys_of_every_kind.json"
    ));
    assert_eq!(shape(&listed), shape(&expected));
    for place in 0..5 {
        for member in ["resource/api_version", "resource/kind", "owner/kind"] {
            let pointer = format!("/data/{place}/spec/{member}");
            assert_eq!(
                listed.pointer(&pointer),
                expected.pointer(&pointer),
                "{pointer}"
            );
        }
    }
}

#[tokio::test]
async fn errors_have_the_members_of_the_examples() {
    let wire = Wire::start().await;
    let mut body = wire.new_key("x");
    body["spec"]["resource"] = json!({"id": "global"});
    let created = wire.ask("POST", KEYS, body).await;
    let global = format!("{KEYS}/{}", created.text("/id"));
    wire.ask("DELETE", &global, Value::Null).await;
    let admin = wire.simulator.admin_key().id.as_str();
    for (answer, expected) in [
        (
            wire.send("GET", KEYS, "", "").await,
            include_str!("../../../confluent-cloud/fixtures/error_unauthorized.json"),
        ),
        (
            wire.ask_as(admin, "x", "GET", KEYS, Value::Null).await,
            include_str!("../../../confluent-cloud/fixtures/error_wrong_key.json"),
        ),
        (
            wire.ask("GET", &format!("{KEYS}/X"), Value::Null).await,
            include_str!("../../../confluent-cloud/fixtures/error_forbidden.json"),
        ),
        (
            wire.ask("GET", &global, Value::Null).await,
            include_str!("../../../confluent-cloud/fixtures/error_key_not_found.json"),
        ),
        (
            wire.ask("POST", KEYS, json!({})).await,
            include_str!("../../../confluent-cloud/fixtures/error_invalid_member.json"),
        ),
    ] {
        let expected = fixture(expected);
        assert_eq!(shape(&answer.body), shape(&expected));
        assert_eq!(answer.text("/errors/0/status"), answer.status.to_string());
        assert_eq!(
            answer.code(),
            expected.pointer("/errors/0/code").and_then(Value::as_str)
        );
    }
}

#[tokio::test]
async fn the_state_has_exactly_the_documented_members() {
    let wire = Wire::start().await;
    let state = wire.send("GET", "/simulator/state", "", "").await.body;
    let members = |value: &Value| -> Vec<String> {
        let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(
        members(&state),
        [
            "api_keys",
            "environments",
            "kafka_clusters",
            "ksqldb_clusters",
            "organization",
            "organization_settings",
            "schema_registries",
            "service_accounts",
            "users"
        ]
    );
    assert_eq!(
        members(&state["kafka_clusters"][0]),
        [
            "availability",
            "cloud",
            "config",
            "deletion_protection",
            "display_name",
            "environment",
            "http_endpoint",
            "id",
            "kafka_bootstrap_endpoint",
            "region"
        ]
    );
    assert_eq!(
        members(&state["api_keys"][0]),
        [
            "created_at",
            "deleted_at",
            "description",
            "display_name",
            "environment",
            "id",
            "last_used_at",
            "owner",
            "resource",
            "usable_at"
        ]
    );
    assert_eq!(
        members(&state["environments"][0]),
        ["display_name", "id", "stream_governance_package"]
    );
    assert_eq!(
        members(&state["ksqldb_clusters"][0]),
        [
            "credential_identity",
            "display_name",
            "environment",
            "http_endpoint",
            "id",
            "kafka_cluster"
        ]
    );
    assert_eq!(
        members(&state["service_accounts"][0]),
        ["description", "display_name", "id"]
    );
    assert_eq!(members(&state["users"][0]), ["email", "full_name", "id"]);
}
