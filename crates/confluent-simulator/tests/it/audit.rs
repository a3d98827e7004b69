//! Audit events: who did what with which key.

use confluent_simulator::{NewKey, Options, Simulator, Switches};
use serde_json::{Value, json};

use crate::wire::Wire;

const KEYS: &str = "/iam/v2/api-keys";

/// The events about one method, newest last.
async fn events(wire: &Wire, method: &str) -> Vec<Value> {
    let answer = wire.send("GET", "/simulator/audit-events", "", "").await;
    let mut events = answer.body["events"].as_array().unwrap().clone();
    events.retain(|event| event["data"]["methodName"] == method);
    events
}

#[tokio::test]
async fn making_changing_and_deleting_a_key_are_events_that_name_it() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let id = wire.create("x").await.text("/id").to_owned();
    let one = format!("{KEYS}/{id}");
    wire.ask("GET", &one, Value::Null).await;
    wire.ask("PATCH", &one, json!({"spec": {"description": "y"}}))
        .await;
    wire.ask("DELETE", &one, Value::Null).await;
    let admin = wire.simulator.admin_key().id.to_string();
    for (method, access) in [
        ("CreateAPIKey", "MODIFICATION"),
        ("GetAPIKey", "READ_ONLY"),
        ("UpdateAPIKey", "MODIFICATION"),
        ("DeleteAPIKey", "MODIFICATION"),
    ] {
        let events = events(&wire, method).await;
        assert_eq!(events.len(), 1, "{method}");
        let event = &events[0];
        assert_eq!(event["type"], "io.confluent.cloud/request");
        let data = &event["data"];
        assert_eq!(data["request"]["accessType"], access);
        assert_eq!(data["result"]["status"], "SUCCESS");
        assert_eq!(data["authorizationInfo"]["result"], "ALLOW");
        let by = &data["authenticationInfo"];
        assert_eq!(
            by["credentials"]["idSecretCredentials"]["credentialId"],
            admin.as_str()
        );
        assert_eq!(
            by["principal"]["confluentServiceAccount"]["resourceId"],
            state.service_accounts[3].id.as_str()
        );
        // Under its owner, and under its cluster.
        let resources = data["cloudResources"].as_array().unwrap();
        assert_eq!(resources.len(), 2);
        for resource in resources {
            assert_eq!(resource["resource"]["type"], "API_KEY");
            assert_eq!(resource["resource"]["resourceId"], id.as_str());
        }
        assert_eq!(
            resources[1]["scope"]["resources"][2]["resourceId"],
            state.kafka_clusters[0].id.as_str()
        );
    }
}

#[tokio::test]
async fn the_use_of_a_key_is_an_event_that_names_key_owner_and_cluster() {
    let wire = Wire::start().await;
    let created = wire.create("x").await;
    let (id, topics) = (created.text("/id"), wire.topics());
    wire.ask_with(&created, &topics).await;
    wire.ask_as(id, "wrong", "GET", &topics, Value::Null).await;
    wire.ask_as("UNKNOWN", "x", "GET", &topics, Value::Null)
        .await;
    let events = events(&wire, "kafka.Authentication").await;
    let facts: Vec<Value> = events
        .iter()
        .map(|event| {
            json!([
                event["data"]["authenticationInfo"]["metadata"]["identifier"],
                event["data"]["result"]["status"],
            ])
        })
        .collect();
    assert_eq!(
        facts,
        [
            json!([id, "SUCCESS"]),
            json!([id, "UNAUTHENTICATED"]),
            json!(["", "UNAUTHENTICATED"]),
        ]
    );
    let state = wire.simulator.state();
    let cluster = &state.kafka_clusters[0];
    let event = &events[0];
    assert_eq!(event["type"], "io.confluent.kafka.server/authentication");
    assert_eq!(
        event["data"]["authenticationInfo"]["principalResourceId"],
        state.service_accounts[0].id.as_str()
    );
    let name = format!(
        "/environment={}/cloud-cluster={}/kafka={}",
        cluster.environment, cluster.id, cluster.id
    );
    assert!(event["source"].as_str().unwrap().ends_with(&name));
}

#[tokio::test]
async fn what_is_refused_is_an_event_too() {
    let wire = Wire::start().await;
    wire.ask("DELETE", &format!("{KEYS}/UNKNOWN"), Value::Null)
        .await;
    wire.send("GET", "/org/v2/environments", "", "").await;
    let deleted = &events(&wire, "DeleteAPIKey").await[0]["data"];
    assert_eq!(deleted["authorizationInfo"]["result"], "DENY");
    assert_eq!(deleted["result"]["status"], "FAILURE");
    let listed = &events(&wire, "ListEnvironments").await[0]["data"];
    assert_eq!(listed["authenticationInfo"]["result"], "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_secret_in_the_place_of_an_id_is_in_no_event() {
    let wire = Wire::start().await;
    let created = wire.create("x").await;
    let secret = created.text("/spec/secret");
    for path in [wire.topics().as_str(), KEYS, "/subjects"] {
        let answer = wire.ask_as(secret, "x", "GET", path, Value::Null).await;
        assert_eq!(answer.status, 401);
    }
    let events = wire.simulator.audit_events();
    assert!(!Value::from(events).to_string().contains(secret));
}

#[tokio::test]
async fn events_may_come_twice_with_one_id() {
    let wire = Wire::with(Options {
        switches: Switches {
            audit_twice: true,
            ..Switches::default()
        },
        ..Options::default()
    })
    .await;
    wire.create("x").await;
    let events = events(&wire, "CreateAPIKey").await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[0], events[1]);
}

#[test]
fn what_is_done_in_process_is_an_event_of_the_administrators() {
    let simulator = Simulator::new(&Options::default()).unwrap();
    let owner = simulator.state().service_accounts[0].id.clone();
    let new = NewKey {
        owner,
        ..NewKey::default()
    };
    let id = simulator.create_key(&new).unwrap().key.id;
    simulator.delete_key(id.as_str()).unwrap();
    let methods: Vec<Value> = simulator
        .audit_events()
        .iter()
        .map(|event| event["data"]["methodName"].clone())
        .collect();
    assert_eq!(methods, ["CreateAPIKey", "DeleteAPIKey"]);
}
