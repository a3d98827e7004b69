//! What a simulator is started with, and its own paths.

use std::time::Duration;

use confluent_simulator::{
    Clock, ClockError, NewKey, Options, Simulator, parse_admin_key, parse_world,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::wire::Wire;

const CLOCK: &str = "/simulator/clock";
const WORLD: &str = r#"{
    "organization": "org-1",
    "environments": [{"id": "env-1"}],
    "kafka_clusters": [{"id": "lkc-1", "environment": "env-1",
        "kafka_bootstrap_endpoint": "127.0.0.1:9092"}],
    "schema_registries": [{"id": "lsrc-1", "environment": "env-1"}],
    "service_accounts": [{"id": "sa-1", "display_name": "orders"}],
    "users": [{"id": "u-1", "email": "a@example.com"}],
    "api_keys": [{"id": "OLD", "owner": "sa-1", "resource": "lkc-1"}],
    "quotas": {"iam.max_cluster_api_keys.per_service_account": 1}
}"#;

fn with_world(text: &str) -> Options {
    Options {
        world: Some(parse_world(text).unwrap()),
        ..Options::default()
    }
}

#[tokio::test]
async fn a_virtual_clock_is_advanced_over_the_network() {
    let wire = Wire::with(Options {
        clock: Clock::virtual_at(Timestamp::UNIX_EPOCH),
        ..Options::default()
    })
    .await;
    let answer = wire.send("POST", CLOCK, "", r#"{"advance":"120s"}"#).await;
    assert_eq!(
        (answer.status, answer.text("/now")),
        (200, "1970-01-01T00:02:00Z")
    );
    assert_eq!(wire.simulator.clock().now().as_second(), 120);
    let read = wire.send("GET", CLOCK, "", "").await;
    assert_eq!(read.text("/now"), "1970-01-01T00:02:00Z");
}

#[tokio::test]
async fn a_clock_that_cannot_be_advanced_says_why() {
    let wire = Wire::start().await;
    for (body, word) in [
        (r#"{"advance":"1s"}"#, "-clock=virtual"),
        (r#"{"advance":"soon"}"#, "\"soon\""),
        (r#"{"advance":1}"#, "`advance`"),
        ("{}", "`advance`"),
        ("x", "JSON"),
    ] {
        let answer = wire.send("POST", CLOCK, "", body).await;
        assert_eq!(answer.status, 400);
        assert!(answer.text("/errors/0/detail").contains(word), "{answer:?}");
    }
}

#[test]
fn tests_advance_the_clock_in_process() {
    let simulator = Simulator::new(&Options {
        clock: Clock::virtual_at(Timestamp::UNIX_EPOCH),
        ..Options::default()
    })
    .unwrap();
    let now = simulator.advance(Duration::from_secs(5)).unwrap();
    assert_eq!(now, simulator.clock().now());
    let real = Simulator::new(&Options::default()).unwrap();
    let refused = real.advance(Duration::from_secs(5));
    assert_eq!(refused, Err(ClockError::NotVirtual));
}

#[test]
fn a_world_is_taken_from_a_file() {
    let simulator = Simulator::new(&with_world(WORLD)).unwrap();
    let state = simulator.state();
    assert_eq!(state.organization, "org-1");
    assert_eq!(state.kafka_clusters.len(), 1);
    assert_eq!(
        state.kafka_clusters[0].kafka_bootstrap_endpoint,
        "127.0.0.1:9092"
    );
    let names: Vec<&str> = state
        .service_accounts
        .iter()
        .map(|account| account.display_name.as_str())
        .collect();
    assert_eq!(names, ["orders", "key-manager"]);
    assert!(state.live_keys().any(|key| key.id == "OLD"));
    // One key is there, and one is all that may be.
    let refused = simulator.create_key(&NewKey {
        owner: "sa-1".into(),
        resource: Some("lkc-1".into()),
        ..NewKey::default()
    });
    assert_eq!(refused.unwrap_err().status, 402);
}

#[test]
fn a_state_is_a_world() {
    let first = Simulator::new(&Options::default()).unwrap();
    let new = NewKey {
        owner: first.state().service_accounts[0].id.clone(),
        resource: Some(first.state().schema_registries[0].id.clone()),
        ..NewKey::default()
    };
    let kept = first.create_key(&new).unwrap().key.id;
    let gone = first.create_key(&new).unwrap().key.id;
    first.delete_key(gone.as_str()).unwrap();
    let text = serde_json::to_string(&first.state()).unwrap();
    let second = Simulator::new(&with_world(&text)).unwrap();
    let (before, after) = (first.state(), second.state());
    assert_eq!(before.organization, after.organization);
    assert_eq!(before.service_accounts, after.service_accounts);
    assert_eq!(before.schema_registries, after.schema_registries);
    assert_eq!(before.ksqldb_clusters, after.ksqldb_clusters);
    let ids = |state: &confluent_simulator::State| {
        state
            .live_keys()
            .map(|key| key.id.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&before), ids(&after));
    assert!(second.read_key(kept.as_str()).is_ok());
    assert_eq!(after.api_keys.len(), 3);
}

#[test]
fn the_admin_key_keeps_the_owner_that_a_world_gives_it() {
    let options = Options {
        admin_key: Some(parse_admin_key("OLD:secret").unwrap()),
        ..with_world(WORLD)
    };
    let state = Simulator::new(&options).unwrap().state();
    assert_eq!(state.service_accounts.len(), 1);
    assert_eq!(state.api_keys[0].owner, "sa-1");
    assert_eq!(state.api_keys[0].resource, "cloud");
}

#[test]
fn a_world_that_does_not_fit_together_is_refused_with_the_reason() {
    for (change, word) in [
        (
            json!({"kafka_clusters": [{"id": "lkc-1", "environment": "env-9"}]}),
            "`env-9`",
        ),
        (
            json!({"environments": [{"id": "env-1"}],
                   "ksqldb_clusters": [{"id": "lksqlc-1", "environment": "env-1",
                                        "kafka_cluster": "lkc-9", "credential_identity": "sa-1"}]}),
            "`lkc-9`",
        ),
        (
            json!({"environments": [{"id": "a"}, {"id": "a"}]}),
            "`a` exists twice",
        ),
        (
            json!({"api_keys": [{"id": "K", "owner": "sa-9", "resource": "cloud"}]}),
            "`sa-9`",
        ),
        (
            json!({"service_accounts": [{"id": "x-1", "display_name": "x"}]}),
            "x-1",
        ),
        (json!({"quotas": {"keys": 1}}), "`keys`"),
    ] {
        let error = Simulator::new(&with_world(&change.to_string())).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[tokio::test]
async fn no_path_of_the_simulators_own_shows_a_secret() {
    let wire = Wire::start().await;
    let created = wire.create("x").await;
    wire.ask_with(&created, &wire.topics()).await;
    let mut texts = vec![format!("{:?}", wire.simulator)];
    for path in ["state", "faults", "audit-events", "clock"] {
        let answer = wire
            .send("GET", &format!("/simulator/{path}"), "", "")
            .await;
        assert_eq!(answer.status, 200, "{path}");
        texts.push(answer.body.to_string());
    }
    let admin = wire.simulator.admin_key();
    for secret in [created.text("/spec/secret"), admin.secret.expose()] {
        assert!(texts.iter().all(|text| !text.contains(secret)));
    }
    assert_ne!(
        wire.ask("GET", "/simulator/nothing", Value::Null)
            .await
            .status,
        200
    );
}
