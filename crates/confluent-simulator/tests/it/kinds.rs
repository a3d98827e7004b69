//! Keys of every kind, of both kinds of owners.

use confluent_simulator::{Options, UnknownTarget, parse_world};
use serde_json::{Value, json};

use crate::wire::{Answer, Wire};

const KEYS: &str = "/iam/v2/api-keys";

/// A kind of resource: what a request names, what the answer says of it, and
/// the path that the key opens.
struct Kind {
    resource: Value,
    api_version: &'static str,
    word: &'static str,
    id: String,
    environment: Option<String>,
    opens: String,
}

fn kinds(wire: &Wire) -> Vec<Kind> {
    let state = wire.simulator.state();
    let environment = &state.environments[0].id;
    let kind = |id: &str, types: (&'static str, &'static str), told: bool, opens: &str| Kind {
        resource: json!({"id": id}),
        api_version: types.0,
        word: types.1,
        id: id.to_owned(),
        environment: told.then(|| environment.clone()),
        opens: opens.to_owned(),
    };
    let statements = format!(
        "/sql/v1/organizations/{}/environments/{environment}/statements",
        state.organization
    );
    let registry = &state.schema_registries[0].id;
    let ksqldb = &state.ksqldb_clusters[0].id;
    let flink = Kind {
        resource: json!({
            "id": "aws.us-east-1",
            "environment": environment,
            "api_version": "fcpm/v2",
            "kind": "Region",
        }),
        ..kind("aws.us-east-1", ("fcpm/v2", "Region"), true, &statements)
    };
    let old_flink = Kind {
        resource: json!({"id": format!("{environment}.gcp.us-east1")}),
        ..kind("gcp.us-east1", ("fcpm/v2", "Region"), true, &statements)
    };
    let clusters = "/org/v2/environments";
    vec![
        kind(
            &state.kafka_clusters[0].id,
            ("cmk/v2", "Cluster"),
            false,
            &wire.topics(),
        ),
        kind(registry, ("srcm/v2", "SchemaRegistry"), true, "/subjects"),
        kind(ksqldb, ("ksqldbcm/v2", "ksqlDB"), false, "/info"),
        flink,
        old_flink,
        kind(
            "tableflow",
            ("tableflow/v1", "Tableflow"),
            false,
            "/tableflow/v1/regions",
        ),
        kind("cloud", ("iam/v2", "Cloud"), false, clusters),
        kind("global", ("global/v1", "Global"), false, clusters),
    ]
}

async fn create(wire: &Wire, owner: &str, resource: &Value) -> Answer {
    let body = json!({"spec": {"owner": {"id": owner}, "resource": resource}});
    wire.ask("POST", KEYS, body).await
}

#[tokio::test]
async fn keys_of_every_kind_are_made_read_listed_used_and_deleted_for_both_kinds_of_owners() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let owners = [
        (&state.service_accounts[0].id, "ServiceAccount"),
        (&state.users[0].id, "User"),
    ];
    for (owner, owner_kind) in owners {
        for kind in kinds(&wire) {
            let created = create(&wire, owner, &kind.resource).await;
            assert_eq!(created.status, 202, "{}", kind.id);
            assert_eq!(created.text("/spec/owner/kind"), owner_kind);
            let resource = &created.body["spec"]["resource"];
            assert_eq!(resource["api_version"], kind.api_version);
            assert_eq!(resource["kind"], kind.word);
            assert_eq!(resource["id"], kind.id.as_str());
            let environment = kind.environment.map_or(Value::Null, Value::from);
            assert_eq!(resource["environment"], environment, "{}", kind.id);

            let opened = wire.ask_with(&created, &kind.opens).await;
            assert_eq!(opened.status, 200, "{} opens {}", kind.id, kind.opens);
            let this = format!("{KEYS}/{}", created.text("/id"));
            let read = wire.ask("GET", &this, Value::Null).await;
            assert_eq!(&read.body["spec"]["resource"], resource);
            let list = format!("{KEYS}?spec.owner={owner}&spec.resource={}", kind.id);
            let list = wire.ask("GET", &list, Value::Null).await;
            assert_eq!(list.text("/data/0/id"), created.text("/id"));

            let deleted = wire.ask("DELETE", &this, Value::Null).await;
            assert_eq!(deleted.status, 204);
            let opened = wire.ask_with(&created, &kind.opens).await;
            assert_eq!(opened.status, 401, "{} after its end", kind.id);
        }
    }
}

#[tokio::test]
async fn a_key_opens_no_place_of_another_kind() {
    let wire = Wire::start().await;
    let owner = wire.simulator.state().service_accounts[0].id.clone();
    for kind in kinds(&wire) {
        if kind.id == "global" {
            continue;
        }
        let created = create(&wire, &owner, &kind.resource).await;
        for other in kinds(&wire) {
            let expected = if other.opens == kind.opens { 200 } else { 401 };
            let answer = wire.ask_with(&created, &other.opens).await;
            assert_eq!(answer.status, expected, "{} at {}", kind.id, other.opens);
        }
    }
}

#[tokio::test]
async fn a_flink_key_opens_its_own_environment_only() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let resource = json!({"id": "aws.us-east-1", "environment": state.environments[0].id});
    let created = create(&wire, &state.service_accounts[0].id, &resource).await;
    for (organization, place, status) in [
        (state.organization.as_str(), 0, 200),
        (state.organization.as_str(), 1, 401),
        ("another", 0, 401),
    ] {
        let path = format!(
            "/sql/v1/organizations/{organization}/environments/{}/statements",
            state.environments[place].id
        );
        assert_eq!(wire.ask_with(&created, &path).await.status, status);
    }
}

#[tokio::test]
async fn what_can_have_or_be_given_no_key_is_refused() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let (account, cluster) = (&state.service_accounts[0].id, &state.kafka_clusters[0].id);
    let environments = [&state.environments[0].id, &state.environments[1].id];
    let elsewhere = json!({"id": state.ksqldb_clusters[0].id, "environment": environments[1]});
    let region = |id: String, environment: &str| json!({"id": id, "environment": environment});
    let two_places = region(
        format!("{}.aws.us-east-1", environments[0]),
        environments[1],
    );
    for (owner, resource) in [
        ("pool-abc", json!({"id": cluster})),
        ("group-abc", json!({"id": cluster})),
        (account.as_str(), json!({"id": "lcc-abc123"})),
        (account.as_str(), json!({"id": "lksqlc-none"})),
        (account.as_str(), elsewhere),
        (account.as_str(), region("aws.us-east-1".into(), "env-none")),
        (
            account.as_str(),
            region("aws.moon-1".into(), environments[0]),
        ),
        (account.as_str(), json!({"id": "aws.us-east-1"})),
    ] {
        let refused = create(&wire, owner, &resource).await;
        assert_eq!(refused.status, 403, "{owner} {resource}");
        assert_eq!(refused.code(), Some("forbidden_access"));
    }
    // What the id says counts.
    assert_eq!(create(&wire, account, &two_places).await.status, 403);
    assert_eq!(wire.simulator.state().api_keys.len(), 1);
}

#[tokio::test]
async fn an_owner_that_cannot_have_a_key_is_refused_in_the_services_words() {
    let wire = Wire::with(Options {
        unknown_target: UnknownTarget::BadRequest,
        ..Options::default()
    })
    .await;
    let cluster = wire.simulator.state().kafka_clusters[0].id.clone();
    let refused = create(&wire, "pool-abc", &json!({"id": cluster})).await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.text("/errors/0/detail"),
        "service account is not valid"
    );
}

#[tokio::test]
async fn the_cluster_of_the_audit_log_takes_two_keys_of_its_own_account() {
    let world = r#"{
        "environments": [{"id": "env-1"}],
        "kafka_clusters": [{"id": "lkc-audit", "environment": "env-1",
                            "audit_log_service_account": "sa-audit"}],
        "service_accounts": [{"id": "sa-audit", "display_name": "audit"},
                             {"id": "sa-other", "display_name": "other"}]
    }"#;
    let wire = Wire::with(Options {
        world: Some(parse_world(world).unwrap()),
        unknown_target: UnknownTarget::BadRequest,
        ..Options::default()
    })
    .await;
    let resource = json!({"id": "lkc-audit"});
    let refused = create(&wire, "sa-other", &resource).await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.text("/errors/0/detail"),
        "service account is not valid"
    );
    let first = create(&wire, "sa-audit", &resource).await;
    assert_eq!(first.status, 202);
    assert_eq!(create(&wire, "sa-audit", &resource).await.status, 202);
    let third = create(&wire, "sa-audit", &resource).await;
    assert_eq!((third.status, third.code()), (402, Some("quota_exceeded")));
    wire.simulator.delete_key(first.text("/id")).unwrap();
    assert_eq!(create(&wire, "sa-audit", &resource).await.status, 202);
    // It is told in the state, so that a state is a world.
    let clusters = wire.simulator.state().kafka_clusters;
    let account = clusters[0].audit_log_service_account.as_deref();
    assert_eq!(account, Some("sa-audit"));
}

#[tokio::test]
async fn ksqldb_clusters_are_listed_and_read_in_their_environment() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    assert_eq!(state.ksqldb_clusters.len(), 2);
    for cluster in &state.ksqldb_clusters {
        let environment = &cluster.environment;
        let list = format!("/ksqldbcm/v2/clusters?environment={environment}");
        let list = wire.ask("GET", &list, Value::Null).await;
        assert_eq!(list.status, 200);
        assert_eq!(list.text("/kind"), "ClusterList");
        assert_eq!(list.body["data"].as_array().unwrap().len(), 1);
        let path = format!(
            "/ksqldbcm/v2/clusters/{}?environment={environment}",
            cluster.id
        );
        let read = wire.ask("GET", &path, Value::Null).await;
        assert_eq!(read.body, list.body["data"][0]);
        assert_eq!(read.text("/spec/kafka_cluster/id"), cluster.kafka_cluster);
        let identity = read.text("/spec/credential_identity/id");
        assert_eq!(identity, state.service_accounts[0].id);
        assert_eq!(read.text("/status/phase"), "PROVISIONED");
        assert_eq!(read.text("/status/http_endpoint"), wire.running.url());
        assert!(read.text("/status/topic_prefix").starts_with("pksqlc-"));
    }
    let nowhere = wire.ask("GET", "/ksqldbcm/v2/clusters", Value::Null).await;
    assert_eq!(
        (nowhere.status, nowhere.code()),
        (400, Some("invalid_filter"))
    );
    let wrong = format!(
        "/ksqldbcm/v2/clusters/{}?environment={}",
        state.ksqldb_clusters[0].id, state.environments[1].id
    );
    assert_eq!(wire.ask("GET", &wrong, Value::Null).await.status, 403);
    let unnamed = format!("/ksqldbcm/v2/clusters/{}", state.ksqldb_clusters[0].id);
    assert_eq!(wire.ask("GET", &unnamed, Value::Null).await.status, 400);
}

#[tokio::test]
async fn regions_of_flink_are_found_by_cloud_and_name() {
    let wire = Wire::start().await;
    let list = |query: &'static str| {
        let wire = &wire;
        async move {
            let path = format!("/fcpm/v2/regions{query}");
            let answer = wire.ask("GET", &path, Value::Null).await;
            assert_eq!(answer.text("/kind"), "RegionList");
            answer.body["data"].as_array().unwrap().clone()
        }
    };
    assert_eq!(list("").await.len(), 8);
    assert_eq!(list("?cloud=AWS").await.len(), 4);
    assert_eq!(list("?cloud=AWS&region_name=eastus").await.len(), 0);
    let one = list("?cloud=AWS&region_name=us-east-1").await;
    assert_eq!(one.len(), 1);
    assert_eq!(one[0]["id"], "aws.us-east-1");
    assert_eq!(one[0]["cloud"], "AWS");
    assert_eq!(one[0]["http_endpoint"], wire.running.url());
}

#[tokio::test]
async fn a_ksqldb_cluster_and_its_keys_end_with_its_kafka_cluster_and_environment() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let mut keys = Vec::new();
    for cluster in &state.ksqldb_clusters {
        let resource = json!({"id": cluster.id});
        let created = create(&wire, &state.service_accounts[0].id, &resource).await;
        keys.push(created.text("/id").to_owned());
    }
    let kafka = &state.ksqldb_clusters[0];
    let path = format!(
        "/cmk/v2/clusters/{}?environment={}",
        kafka.kafka_cluster, kafka.environment
    );
    assert_eq!(wire.ask("DELETE", &path, Value::Null).await.status, 204);
    let live = |id: &str| wire.simulator.state().live_keys().any(|key| key.id == id);
    assert!(!live(&keys[0]) && live(&keys[1]));
    let path = format!(
        "/org/v2/environments/{}",
        state.ksqldb_clusters[1].environment
    );
    assert_eq!(wire.ask("DELETE", &path, Value::Null).await.status, 204);
    assert!(!live(&keys[1]));
    assert!(wire.simulator.state().ksqldb_clusters.is_empty());
}
