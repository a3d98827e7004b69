//! From when on a key works, and where.

use std::time::Duration;

use confluent_simulator::{Clock, Options, Propagation, Switches};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::wire::{Answer, Wire};

const KEYS: &str = "/iam/v2/api-keys";

async fn start(propagation: Propagation, switches: Switches) -> Wire {
    Wire::with(Options {
        clock: Clock::virtual_at(Timestamp::UNIX_EPOCH),
        propagation,
        switches,
        ..Options::default()
    })
    .await
}

async fn create_for(wire: &Wire, resource: Value) -> Answer {
    let mut body = wire.new_key("x");
    body["spec"]["resource"] = resource;
    let created = wire.ask("POST", KEYS, body).await;
    assert_eq!(created.status, 202);
    created
}

fn advance(wire: &Wire, seconds: u64) {
    wire.simulator
        .advance(Duration::from_secs(seconds))
        .unwrap();
}

#[tokio::test]
async fn a_kafka_key_is_unknown_then_known_here_and_there_then_everywhere() {
    let wire = start(Propagation::Real, Switches::default()).await;
    let created = wire.create("x").await;
    let path = wire.topics();
    let try_four = async || {
        let mut statuses = Vec::new();
        for _ in 0..4 {
            statuses.push(wire.ask_with(&created, &path).await.status);
        }
        statuses
    };
    assert_eq!(try_four().await, [401; 4]);
    advance(&wire, 60);
    assert_eq!(try_four().await, [401, 200, 401, 200]);
    advance(&wire, 59);
    assert_eq!(try_four().await, [401, 200, 401, 200]);
    advance(&wire, 1);
    assert_eq!(try_four().await, [200; 4]);
    let state = wire.simulator.state();
    assert_eq!(state.api_keys[1].usable_at.as_second(), 120);
    assert_eq!(state.api_keys[1].last_used_at.unwrap().as_second(), 120);
}

#[tokio::test]
async fn every_kind_of_key_works_after_its_own_time() {
    let wire = start(Propagation::Real, Switches::default()).await;
    let state = wire.simulator.state();
    let environments = "/org/v2/environments";
    for (resource, path, seconds) in [
        (json!({"id": "cloud"}), environments, 10),
        (json!({"id": "global"}), environments, 10),
        (json!({"id": "tableflow"}), "/tableflow/v1/regions", 10),
        (
            json!({"id": state.schema_registries[0].id}),
            "/subjects",
            60,
        ),
        (json!({"id": state.ksqldb_clusters[0].id}), "/info", 240),
    ] {
        let created = create_for(&wire, resource).await;
        advance(&wire, seconds - 1);
        assert_eq!(wire.ask_with(&created, path).await.status, 401, "{path}");
        assert_eq!(wire.ask_with(&created, path).await.status, 401, "{path}");
        advance(&wire, 1);
        assert_eq!(wire.ask_with(&created, path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_fixed_time_holds_for_all_keys_and_none_for_none() {
    let wire = start(
        Propagation::Fixed(Duration::from_secs(30)),
        Switches::default(),
    )
    .await;
    create_for(&wire, json!({"id": "cloud"})).await;
    wire.create("x").await;
    let keys = wire.simulator.state().api_keys;
    assert!(
        keys.iter()
            .skip(1)
            .all(|key| key.usable_at.as_second() == 30)
    );
    let wire = start(Propagation::None, Switches::default()).await;
    let created = wire.create("x").await;
    assert_eq!(wire.ask_with(&created, &wire.topics()).await.status, 200);
}

#[tokio::test]
async fn a_deleted_key_works_no_more() {
    let wire = start(Propagation::None, Switches::default()).await;
    let created = wire.create("x").await;
    let path = wire.topics();
    assert_eq!(wire.ask_with(&created, &path).await.status, 200);
    wire.simulator.delete_key(created.text("/id")).unwrap();
    assert_eq!(wire.ask_with(&created, &path).await.status, 401);
}

#[tokio::test]
async fn a_deletion_may_take_its_time() {
    let switches = Switches {
        deletion_lag: Duration::from_secs(5),
        ..Switches::default()
    };
    let wire = start(Propagation::None, switches).await;
    let created = wire.create("x").await;
    wire.simulator.delete_key(created.text("/id")).unwrap();
    advance(&wire, 4);
    assert_eq!(wire.ask_with(&created, &wire.topics()).await.status, 200);
    advance(&wire, 1);
    assert_eq!(wire.ask_with(&created, &wire.topics()).await.status, 401);
}

#[tokio::test]
async fn a_key_opens_only_what_it_is_for() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let kafka = wire.create("kafka").await;
    let registry = create_for(&wire, json!({"id": state.schema_registries[0].id})).await;
    let tableflow = create_for(&wire, json!({"id": "tableflow"})).await;
    let global = create_for(&wire, json!({"id": "global"})).await;
    let other = format!("/kafka/v3/clusters/{}/topics", state.kafka_clusters[1].id);
    let topics = wire.topics();
    for (key, opened) in [
        (&kafka, [200, 401, 401, 401, 401]),
        (&registry, [401, 401, 200, 401, 401]),
        (&tableflow, [401, 401, 401, 200, 401]),
        (&global, [200, 200, 200, 200, 200]),
    ] {
        let mut statuses = Vec::new();
        for path in [
            topics.as_str(),
            other.as_str(),
            "/subjects",
            "/tableflow/v1/regions",
            "/org/v2/environments",
        ] {
            statuses.push(wire.ask_with(key, path).await.status);
        }
        assert_eq!(statuses, opened);
    }
    let missing = "/kafka/v3/clusters/lkc-none/topics";
    assert_eq!(wire.ask_with(&global, missing).await.status, 404);
}

#[tokio::test]
async fn each_place_refuses_in_its_own_form() {
    let wire = Wire::start().await;
    let kafka = wire.send("GET", &wire.topics(), "", "").await;
    assert_eq!(kafka.status, 401);
    assert_eq!(kafka.header("content-type"), Some("text/html"));
    let page = kafka.body.as_str().unwrap();
    assert!(page.contains("<title>Error 401 Unauthorized</title>"));
    assert!(page.contains("<td>default</td>"));
    let registry = wire.send("GET", "/subjects", "", "").await;
    assert_eq!(
        (registry.status, &registry.body["error_code"]),
        (401, &json!(401))
    );
    let tableflow = wire.send("GET", "/tableflow/v1/regions", "", "").await;
    assert_eq!(tableflow.text("/errors/0/detail"), "Unauthorized");
    let ksqldb = wire.send("GET", "/info", "", "").await;
    assert_eq!(
        (ksqldb.status, &ksqldb.body["error_code"]),
        (401, &json!(40100))
    );
}

#[tokio::test]
async fn a_registry_that_is_named_must_be_the_keys_own() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let created = create_for(&wire, json!({"id": state.schema_registries[0].id})).await;
    let (id, secret) = (created.text("/id"), created.text("/spec/secret"));
    for (registry, status) in [(0, 200), (1, 401)] {
        let headers = format!(
            "{}target-sr-cluster: {}\r\n",
            crate::wire::basic(id, secret),
            state.schema_registries[registry].id
        );
        let answer = wire.send("GET", "/subjects", &headers, "").await;
        assert_eq!(answer.status, status);
    }
}
