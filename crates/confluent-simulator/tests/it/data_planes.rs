//! What data planes answer beside "it works" and "not known": no rights, no way
//! there, and brokers that do not agree yet.

use std::time::Duration;

use confluent_simulator::{Clock, DataPlaneRights, KeySpread, Options, Propagation, Switches};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::wire::{Answer, Wire, basic};

const KEYS: &str = "/iam/v2/api-keys";
const SETTINGS: &str = "/simulator/settings";

async fn set(wire: &Wire, settings: Value) -> Answer {
    wire.send("POST", SETTINGS, "", &settings.to_string()).await
}

async fn key_for(wire: &Wire, resource: Value) -> Answer {
    let mut body = wire.new_key("x");
    body["spec"]["resource"] = resource;
    wire.ask("POST", KEYS, body).await
}

/// Binds a role to the first service account, below the organization.
async fn bind(wire: &Wire, role: &str, within: &str) -> String {
    let state = wire.simulator.state();
    let crn = format!(
        "crn://confluent.cloud/organization={}{within}",
        state.organization
    );
    let body = json!({"principal": format!("User:{}", state.service_accounts[0].id),
                      "role_name": role, "crn_pattern": crn});
    let bound = wire.ask("POST", "/iam/v2/role-bindings", body).await;
    assert_eq!(bound.status, 201, "{bound:?}");
    format!("/iam/v2/role-bindings/{}", bound.text("/id"))
}

#[tokio::test]
async fn a_key_whose_owner_has_no_role_is_refused_in_json_with_40301() {
    let wire = Wire::with(Options {
        switches: Switches {
            data_plane_rights: DataPlaneRights::Roles,
            ..Switches::default()
        },
        ..Options::default()
    })
    .await;
    let created = wire.create("x").await;
    let refused = wire.ask_with(&created, &wire.topics()).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.body["error_code"], 40301);
    assert_eq!(refused.header("content-type"), Some("application/json"));
    // A wrong secret is not known, whatever the rights are.
    let id = created.text("/id");
    let wrong = wire
        .ask_as(id, "x", "GET", &wire.topics(), Value::Null)
        .await;
    assert_eq!(wrong.status, 401);
}

#[tokio::test]
async fn a_role_on_the_cluster_in_it_or_above_it_opens_it() {
    let wire = Wire::start().await;
    set(&wire, json!({"data_plane_rights": "roles"})).await;
    let created = wire.create("x").await;
    let cluster = wire.simulator.state().kafka_clusters.remove(0);
    let other = wire.simulator.state().kafka_clusters.remove(1);
    let environment = format!("/environment={}", cluster.environment);
    let place = format!("{environment}/cloud-cluster={}", cluster.id);
    let topic = format!("{place}/kafka={}/topic=orders*", cluster.id);
    let beside = format!("{environment}/cloud-cluster={}", other.id);
    for (role, within, status) in [
        ("OrganizationAdmin", String::new(), 200),
        ("EnvironmentAdmin", environment.clone(), 200),
        ("CloudClusterAdmin", place, 200),
        ("DeveloperRead", topic, 200),
        ("CloudClusterAdmin", beside, 403),
        ("MetricsViewer", environment, 403),
        ("MetricsViewer", String::new(), 403),
    ] {
        let bound = bind(&wire, role, &within).await;
        let probe = wire.ask_with(&created, &wire.topics()).await;
        assert_eq!(probe.status, status, "{role} {within}");
        wire.ask("DELETE", &bound, Value::Null).await;
    }
    set(&wire, json!({"data_plane_rights": "everyone"})).await;
    assert_eq!(wire.ask_with(&created, &wire.topics()).await.status, 200);
}

#[tokio::test]
async fn every_data_plane_refuses_a_key_without_rights_in_its_own_form() {
    let wire = Wire::start().await;
    set(&wire, json!({"data_plane_rights": "roles"})).await;
    let state = wire.simulator.state();
    let environment = &state.environments[0].id;
    let (registry, ksqldb) = (&state.schema_registries[0].id, &state.ksqldb_clusters[0].id);
    let statements = format!(
        "/sql/v1/organizations/{}/environments/{environment}/statements",
        state.organization
    );
    let region = json!({"id": "aws.us-east-1", "environment": environment});
    for (resource, path, pointer, code) in [
        (
            json!({"id": registry}),
            "/subjects",
            "/error_code",
            json!(40301),
        ),
        (json!({"id": ksqldb}), "/info", "/error_code", json!(40300)),
        (
            json!({"id": "tableflow"}),
            "/tableflow/v1/regions",
            "/errors/0/code",
            json!("forbidden_access"),
        ),
        (
            region,
            &statements,
            "/errors/0/code",
            json!("forbidden_access"),
        ),
    ] {
        let key = key_for(&wire, resource).await;
        let refused = wire.ask_with(&key, path).await;
        assert_eq!(refused.status, 403, "{path}");
        assert_eq!(refused.body.pointer(pointer), Some(&code), "{path}");
    }
}

#[tokio::test]
async fn a_place_that_cannot_be_reached_resets_connections_and_others_do_not() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let (kafka, registry) = (&state.kafka_clusters[0].id, &state.schema_registries[0].id);
    let created = wire.create("x").await;
    let registry_key = key_for(&wire, json!({"id": registry})).await;
    let environment = &state.environments[0].id;
    let region = json!({"id": "aws.us-east-1", "environment": environment});
    let flink_key = key_for(&wire, region).await;
    let statements = format!(
        "/sql/v1/organizations/{}/environments/{environment}/statements",
        state.organization
    );
    assert_eq!(wire.ask_with(&flink_key, &statements).await.status, 200);
    let gone = json!({"unreachable": [kafka, registry, "aws.us-east-1"]});
    let answer = set(&wire, gone).await;
    assert_eq!(answer.body["unreachable"].as_array().unwrap().len(), 3);
    for (key, path) in [
        (&created, wire.topics().as_str()),
        (&registry_key, "/subjects"),
        (&flink_key, &statements),
    ] {
        let header = basic(key.text("/id"), key.text("/spec/secret"));
        let failed = wire.try_send("GET", path, &header, "").await.unwrap_err();
        assert_eq!(failed.kind(), std::io::ErrorKind::ConnectionReset, "{path}");
    }
    assert!(wire.try_send("GET", &wire.topics(), "", "").await.is_err());
    let other = key_for(&wire, json!({"id": state.kafka_clusters[1].id})).await;
    let topics = format!("/kafka/v3/clusters/{}/topics", state.kafka_clusters[1].id);
    assert_eq!(wire.ask_with(&other, &topics).await.status, 200);
    // The control plane still knows the cluster and its keys.
    let one = format!("/cmk/v2/clusters/{kafka}?environment=");
    assert_eq!(wire.ask("GET", &one, Value::Null).await.status, 200);
    set(&wire, json!({"unreachable": []})).await;
    assert_eq!(wire.ask_with(&created, &wire.topics()).await.status, 200);
}

#[tokio::test]
async fn switches_that_cannot_be_are_refused_and_change_nothing() {
    let wire = Wire::start().await;
    for (body, word) in [
        (
            json!({"unreachable": ["lkc-nothing"], "key_spread": "at-once"}),
            "`lkc-nothing`",
        ),
        (json!({"unreachable": ["cloud"]}), "`cloud`"),
        (json!({"key_spread": "slow"}), "`alternating`"),
        (json!({"data_plane_rights": "nobody"}), "`roles`"),
    ] {
        let refused = set(&wire, body).await;
        assert_eq!(refused.status, 400);
        assert!(
            refused.text("/errors/0/detail").contains(word),
            "{refused:?}"
        );
    }
    let settings = wire.send("GET", SETTINGS, "", "").await.body;
    assert_eq!(settings["key_spread"], "gradual");
    assert_eq!(settings["unreachable"], json!([]));
}

#[tokio::test]
async fn brokers_may_alternate_from_the_beginning_or_agree_all_the_time() {
    for (spread, name, early, late) in [
        (
            KeySpread::Gradual,
            "gradual",
            [401; 4],
            [401, 200, 401, 200],
        ),
        (
            KeySpread::Alternating,
            "alternating",
            [401, 200, 401, 200],
            [401, 200, 401, 200],
        ),
        (KeySpread::AtOnce, "at-once", [401; 4], [401; 4]),
    ] {
        let wire = Wire::with(Options {
            clock: Clock::virtual_at(Timestamp::UNIX_EPOCH),
            propagation: Propagation::Real,
            switches: Switches {
                key_spread: spread,
                ..Switches::default()
            },
            ..Options::default()
        })
        .await;
        let settings = wire.send("GET", SETTINGS, "", "").await.body;
        assert_eq!(settings["key_spread"], name);
        let created = wire.create("x").await;
        for (wait, expected) in [(0, early), (60, late), (60, [200; 4])] {
            wire.simulator.advance(Duration::from_secs(wait)).unwrap();
            for status in expected {
                let probe = wire.ask_with(&created, &wire.topics()).await;
                assert_eq!(probe.status, status, "{name} after {wait}");
            }
        }
    }
}
