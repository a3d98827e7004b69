//! Managed connectors: what they do when their key works, works no more, or never
//! did.

use std::time::Duration;

use confluent_simulator::{Clock, Options};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::wire::{Answer, Wire};

const MASK: &str = "****************";
const STARTS_FOR: Duration = Duration::from_secs(30);

/// The connectors of a Kafka cluster, and a clock that stands still.
struct Connectors {
    wire: Wire,
    path: String,
}

impl Connectors {
    async fn start() -> Self {
        let wire = Wire::with(Options {
            clock: Clock::virtual_at(Timestamp::UNIX_EPOCH),
            ..Options::default()
        })
        .await;
        let cluster = wire.simulator.state().kafka_clusters[0].clone();
        let path = format!(
            "/connect/v1/environments/{}/clusters/{}/connectors",
            cluster.environment, cluster.id
        );
        Self { wire, path }
    }

    async fn ask(&self, method: &str, rest: &str, body: Value) -> Answer {
        let path = format!("{}{rest}", self.path);
        self.wire.ask(method, &path, body).await
    }

    async fn state(&self, name: &str) -> (String, String) {
        let status = self
            .ask("GET", &format!("/{name}/status"), Value::Null)
            .await;
        assert_eq!(status.status, 200, "{status:?}");
        let text = |pointer: &str| status.text(pointer).to_owned();
        (text("/connector/state"), text("/tasks/0/state"))
    }

    /// Makes a connector `sink` with a new key, and gives the key's id.
    async fn sink(&self) -> String {
        let key = self.wire.create("for the sink").await;
        let made = self.ask("POST", "", new("sink", &config(&key))).await;
        assert_eq!(made.status, 201, "{made:?}");
        key.text("/id").to_owned()
    }

    fn pass(&self, time: Duration) {
        self.wire.simulator.advance(time).unwrap();
    }
}

fn config(key: &Answer) -> Value {
    json!({
        "connector.class": "S3_SINK",
        "kafka.auth.mode": "KAFKA_API_KEY",
        "kafka.api.key": key.text("/id"),
        "kafka.api.secret": key.text("/spec/secret"),
    })
}

fn new(name: &str, config: &Value) -> Value {
    json!({"name": name, "config": config})
}

fn state(connector: &str, task: &str) -> (String, String) {
    (connector.to_owned(), task.to_owned())
}

#[tokio::test]
async fn a_connector_is_provisioned_and_runs_while_its_key_lives() {
    let connectors = Connectors::start().await;
    let key = connectors.sink().await;
    assert_eq!(
        connectors.state("sink").await,
        state("PROVISIONING", "STOPPED")
    );
    connectors.pass(STARTS_FOR);
    assert_eq!(connectors.state("sink").await, state("RUNNING", "RUNNING"));
    connectors.pass(Duration::from_hours(1));
    connectors.wire.simulator.delete_key(&key).unwrap();
    let failed = connectors.ask("GET", "/sink/status", Value::Null).await;
    assert_eq!(failed.text("/connector/state"), "FAILED");
    assert_eq!(failed.text("/tasks/0/state"), "USER_ACTIONABLE_ERROR");
    assert!(failed.text("/connector/trace").contains(&key), "{failed:?}");
}

#[tokio::test]
async fn a_connector_runs_again_when_it_is_given_another_key() {
    let connectors = Connectors::start().await;
    let key = connectors.sink().await;
    connectors.wire.simulator.delete_key(&key).unwrap();
    connectors.pass(STARTS_FOR);
    assert_eq!(connectors.state("sink").await.0, "FAILED");
    let restarted = connectors.ask("POST", "/sink/restart", Value::Null).await;
    assert_eq!(restarted.status, 202);
    assert_eq!(connectors.state("sink").await.0, "PROVISIONING");
    connectors.pass(STARTS_FOR);
    assert_eq!(connectors.state("sink").await.0, "FAILED");
    let other = connectors.wire.create("another").await;
    let written = connectors.ask("PUT", "/sink/config", config(&other)).await;
    assert_eq!(written.status, 200, "{written:?}");
    connectors.pass(STARTS_FOR);
    assert_eq!(connectors.state("sink").await.0, "RUNNING");
}

#[tokio::test]
async fn a_secret_that_is_wrong_or_read_back_as_asterisks_does_not_log_in() {
    let connectors = Connectors::start().await;
    connectors.sink().await;
    let read = connectors.ask("GET", "/sink/config", Value::Null).await;
    assert_eq!(read.body["kafka.api.key"], MASK);
    assert_eq!(read.body["kafka.api.secret"], MASK);
    assert_eq!(read.body["connector.class"], "S3_SINK");
    let written = connectors.ask("PUT", "/sink/config", read.body).await;
    assert_eq!(written.status, 200, "{written:?}");
    connectors.pass(STARTS_FOR);
    assert_eq!(connectors.state("sink").await.0, "FAILED");
}

#[tokio::test]
async fn a_connector_that_is_paused_does_nothing_until_it_is_resumed() {
    let connectors = Connectors::start().await;
    connectors.sink().await;
    connectors.pass(STARTS_FOR);
    let paused = connectors.ask("PUT", "/sink/pause", Value::Null).await;
    assert_eq!(paused.status, 202);
    assert_eq!(connectors.state("sink").await, state("PAUSED", "STOPPED"));
    let resumed = connectors.ask("PUT", "/sink/resume", Value::Null).await;
    assert_eq!(resumed.status, 202);
    assert_eq!(connectors.state("sink").await.0, "PROVISIONING");
    connectors.pass(STARTS_FOR);
    assert_eq!(connectors.state("sink").await.0, "RUNNING");
}

#[tokio::test]
async fn a_connector_with_a_service_account_needs_no_key() {
    let connectors = Connectors::start().await;
    let owner = connectors.wire.simulator.state().service_accounts[0]
        .id
        .clone();
    let config = json!({
        "connector.class": "DatagenSource",
        "kafka.auth.mode": "SERVICE_ACCOUNT",
        "kafka.service.account.id": owner,
        "tasks.max": "2",
    });
    let made = connectors.ask("POST", "", new("source", &config)).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.text("/type"), "source");
    connectors.pass(STARTS_FOR);
    assert_eq!(connectors.state("source").await.0, "RUNNING");
    let tasks = connectors.ask("GET", "/source/tasks", Value::Null).await;
    assert_eq!(tasks.body.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn connectors_are_listed_by_name_or_with_all_that_is_known_of_each() {
    let connectors = Connectors::start().await;
    connectors.sink().await;
    let names = connectors.ask("GET", "", Value::Null).await;
    assert_eq!(names.body, json!(["sink"]));
    let expanded = connectors
        .ask("GET", "?expand=info,status,id", Value::Null)
        .await;
    let sink = &expanded.body["sink"];
    assert!(sink["id"]["id"].as_str().unwrap().starts_with("lcc-"));
    assert_eq!(sink["info"]["config"]["kafka.api.secret"], MASK);
    assert_eq!(sink["status"]["connector"]["state"], "PROVISIONING");
    let odd = connectors.ask("GET", "?expand=all", Value::Null).await;
    assert_eq!(odd.status, 400);
    let deleted = connectors.ask("DELETE", "/sink", Value::Null).await;
    assert_eq!(
        (deleted.status, deleted.body),
        (200, json!({"error": null}))
    );
    for rest in ["/sink", "/sink/status", "/sink/config", "/sink/tasks"] {
        let gone = connectors.ask("GET", rest, Value::Null).await;
        assert_eq!((gone.status, &gone.body["error_code"]), (404, &json!(404)));
    }
}

#[tokio::test]
async fn an_integration_that_a_connector_uses_is_active_and_stays() {
    let connectors = Connectors::start().await;
    let environment = connectors.wire.simulator.state().environments[0].id.clone();
    let ask =
        async |method: &str, path: &str, body: Value| connectors.wire.ask(method, path, body).await;
    let draft =
        json!({"display_name": "s3", "provider": "aws", "environment": {"id": environment}});
    let draft = ask("POST", "/pim/v2/integrations", draft).await;
    let id = draft.text("/id");
    let one = format!("/pim/v2/integrations/{id}?environment={environment}");
    let key = connectors.wire.create("for the sink").await;
    let mut config = config(&key);
    config["provider.integration.id"] = id.into();
    let refused = connectors.ask("POST", "", new("sink", &config)).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    ask(
        "PATCH",
        &one,
        json!({"config": {"customer_iam_role_arn": "arn:aws:iam::1:role/x"}}),
    )
    .await;
    let made = connectors.ask("POST", "", new("sink", &config)).await;
    assert_eq!(made.status, 201, "{made:?}");
    let used = ask("GET", &one, Value::Null).await;
    assert_eq!(used.text("/status"), "ACTIVE");
    assert!(used.text("/usages/0").ends_with("/connector=sink"));
    assert_eq!(ask("DELETE", &one, Value::Null).await.status, 409);
    connectors.ask("DELETE", "/sink", Value::Null).await;
    assert_eq!(
        ask("GET", &one, Value::Null).await.text("/status"),
        "CREATED"
    );
    assert_eq!(ask("DELETE", &one, Value::Null).await.status, 204);
}

#[tokio::test]
async fn what_is_wrong_with_a_configuration_is_refused_by_name() {
    let connectors = Connectors::start().await;
    let key = connectors.wire.create("for the sink").await;
    for (member, value) in [
        ("connector.class", ""),
        ("kafka.api.key", ""),
        ("kafka.api.secret", ""),
        ("kafka.auth.mode", "OAUTH"),
        ("name", "another"),
        ("tasks.max", "0"),
        ("tasks.max", "many"),
        ("provider.integration.id", "cspi-none"),
        ("secret.manager.provider.integration.id", "cspi-none"),
    ] {
        let mut config = config(&key);
        config[member] = value.into();
        let refused = connectors.ask("POST", "", new("sink", &config)).await;
        assert_eq!(refused.status, 400, "{refused:?}");
        assert!(refused.text("/message").contains(member), "{refused:?}");
    }
    let mut offsets = new("sink", &config(&key));
    offsets["offsets"] = json!([]);
    assert_eq!(connectors.ask("POST", "", offsets).await.status, 400);
    let number = json!({"name": "sink", "config": {"connector.class": 1}});
    assert_eq!(connectors.ask("POST", "", number).await.status, 400);
    let first = connectors.ask("POST", "", new("sink", &config(&key))).await;
    assert_eq!(first.status, 201);
    let again = connectors.ask("POST", "", new("sink", &config(&key))).await;
    assert_eq!(again.status, 409);
}

#[tokio::test]
async fn the_connectors_of_a_cluster_go_with_it() {
    let connectors = Connectors::start().await;
    connectors.sink().await;
    let cluster = connectors.wire.simulator.state().kafka_clusters[0]
        .id
        .clone();
    let now = connectors.wire.simulator.clock().now();
    {
        let mut world = connectors.wire.simulator.world();
        world.delete_kafka_cluster(now, &cluster).unwrap();
    }
    let gone = connectors.ask("GET", "", Value::Null).await;
    assert_eq!(gone.status, 404);
}
