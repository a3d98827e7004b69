//! Quotas.
use confluent_simulator::{Options, Switches, UsualLimits, parse_world};
use serde_json::{Value, json};

use crate::wire::Wire;

const QUOTAS: &str = "/service-quota/v1/applied-quotas";
const KEYS: &str = "/iam/v2/api-keys";

/// A small world with these limits.
fn limited(quotas: &Value, switches: Switches) -> Options {
    let world = json!({
        "environments": [{"id": "env-1"}],
        "kafka_clusters": [{"id": "lkc-1", "environment": "env-1"}],
        "service_accounts": [{"id": "sa-1", "display_name": "a"}, {"id": "sa-2", "display_name": "b"}],
        "users": [{"id": "u-1", "email": "a@example.com"}],
        "quotas": quotas,
    });
    Options {
        world: Some(parse_world(&world.to_string()).unwrap()),
        switches,
        ..Options::default()
    }
}

fn key(owner: &str, resource: &str) -> Value {
    json!({"spec": {"owner": {"id": owner}, "resource": {"id": resource}}})
}

#[tokio::test]
async fn every_quota_of_keys_counts_what_it_is_for() {
    for (code, owner, resource, other) in [
        (
            "iam.max_cluster_api_keys.per_service_account",
            "sa-1",
            "lkc-1",
            ("sa-2", "lkc-1"),
        ),
        (
            "iam.max_cloud_api_keys.per_service_account",
            "sa-1",
            "cloud",
            ("sa-1", "lkc-1"),
        ),
        (
            "iam.max_cluster_api_keys.per_user",
            "u-1",
            "lkc-1",
            ("sa-1", "lkc-1"),
        ),
        (
            "iam.max_cloud_api_keys.per_user",
            "u-1",
            "cloud",
            ("u-1", "lkc-1"),
        ),
        (
            "kafka.max_api_keys.per_cluster",
            "sa-1",
            "lkc-1",
            ("sa-1", "tableflow"),
        ),
    ] {
        let quotas = json!({code: 2});
        let wire = Wire::with(limited(&quotas, Switches::default())).await;
        let mut ids = Vec::new();
        for _ in 0..2 {
            let created = wire.ask("POST", KEYS, key(owner, resource)).await;
            assert_eq!(created.status, 202, "{code}");
            ids.push(created.text("/id").to_owned());
        }
        let refused = wire.ask("POST", KEYS, key(owner, resource)).await;
        assert_eq!(
            (refused.status, refused.code()),
            (402, Some("quota_exceeded")),
            "{code}"
        );
        assert!(
            refused
                .text("/errors/0/detail")
                .contains("is currently limited to 2 ")
        );
        let elsewhere = wire.ask("POST", KEYS, key(other.0, other.1)).await;
        assert_eq!(elsewhere.status, 202, "{code}");
        wire.simulator.delete_key(&ids[0]).unwrap();
        let again = wire.ask("POST", KEYS, key(owner, resource)).await;
        assert_eq!(again.status, 202, "a deleted key counts no more: {code}");
    }
}

#[tokio::test]
async fn the_refusal_has_the_documented_text_and_shape() {
    let quotas = json!({"iam.max_cluster_api_keys.per_service_account": 0});
    let wire = Wire::with(limited(&quotas, Switches::default())).await;
    let refused = wire.ask("POST", KEYS, key("sa-1", "lkc-1")).await;
    assert_eq!(
        refused.text("/errors/0/detail"),
        "sa-1 is currently limited to 0 API keys"
    );
    let example = include_str!("../../../confluent-cloud/fixtures/error_quota.json");
    let example: Value = serde_json::from_str(example).unwrap();
    let members = |body: &Value| {
        let error = body["errors"][0].as_object().unwrap();
        let mut names: Vec<String> = error.keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(members(&refused.body), members(&example));
}

#[tokio::test]
async fn without_told_limits_there_is_room_or_as_much_as_the_vendor_gives() {
    for (limits, last) in [(UsualLimits::Roomy, 202), (UsualLimits::Vendor, 402)] {
        let wire = Wire::with(Options {
            limits,
            ..Options::default()
        })
        .await;
        let user = wire.simulator.state().users[0].id.clone();
        for _ in 0..10 {
            let created = wire.ask("POST", KEYS, key(&user, "tableflow")).await;
            assert_eq!(created.status, 202);
        }
        let eleventh = wire.ask("POST", KEYS, key(&user, "tableflow")).await;
        assert_eq!(eleventh.status, last);
    }
}

#[tokio::test]
async fn a_quota_may_be_answered_as_a_bad_request() {
    let quotas = json!({"iam.max_cluster_api_keys.per_service_account": 0});
    let switches = Switches {
        quota_is_bad_request: true,
        ..Switches::default()
    };
    let wire = Wire::with(limited(&quotas, switches)).await;
    let refused = wire.ask("POST", KEYS, key("sa-1", "lkc-1")).await;
    assert_eq!(
        (refused.status, refused.code()),
        (400, Some("quota_exceeded"))
    );
}

#[tokio::test]
async fn other_objects_have_quotas_too() {
    let quotas = json!({
        "iam.max_service_accounts.per_org": 3,
        "iam.max_environments.per_org": 1,
        "kafka.max_kafka_clusters.per_env": 1,
        "iam.max_cloud_api_keys.per_org": 1,
        "iam.max_rbac_role_bindings_all_roles.per_org": 2,
    });
    let wire = Wire::with(limited(&quotas, Switches::default())).await;
    let organization = wire.simulator.state().organization;
    let crn = format!("crn://confluent.cloud/organization={organization}");
    for (path, body) in [
        ("/iam/v2/service-accounts", json!({"display_name": "c"})),
        ("/org/v2/environments", json!({"display_name": "c"})),
        (
            "/cmk/v2/clusters",
            json!({"spec": {"display_name": "c", "environment": {"id": "env-1"}}}),
        ),
        (KEYS, key("sa-1", "cloud")),
        (
            "/iam/v2/role-bindings",
            json!({"principal": "User:sa-1", "role_name": "Operator", "crn_pattern": crn}),
        ),
    ] {
        assert_eq!(wire.ask("POST", path, body).await.status, 402, "{path}");
    }
}

#[tokio::test]
async fn applied_quotas_agree_with_what_is_counted() {
    let quotas = json!({"iam.max_cluster_api_keys.per_service_account": 5});
    let wire = Wire::with(limited(&quotas, Switches::default())).await;
    for _ in 0..3 {
        wire.ask("POST", KEYS, key("sa-1", "lkc-1")).await;
    }
    let path = format!("{QUOTAS}?scope=service_account&page_size=200");
    let list = wire.ask("GET", &path, Value::Null).await;
    let data = list.body["data"].as_array().unwrap();
    let of = |owner: &str| {
        let code = "iam.max_cluster_api_keys.per_service_account";
        let mut data = data.iter();
        data.find(|quota| quota["id"] == code && quota["user"]["id"] == owner)
            .unwrap()
    };
    for (owner, usage) in [("sa-1", 3), ("sa-2", 0)] {
        assert_eq!(of(owner)["usage"], json!(usage));
        assert_eq!(of(owner)["applied_limit"], json!(5));
        assert_eq!(of(owner)["default_limit"], json!(10));
    }
    let cluster = format!("{QUOTAS}?scope=KAFKA_CLUSTER&kafka_cluster=lkc-1");
    let cluster = wire.ask("GET", &cluster, Value::Null).await;
    assert_eq!(cluster.body["data"][0]["usage"], json!(3));
    assert_eq!(cluster.text("/data/0/environment/id"), "env-1");
    let one = format!("{QUOTAS}/iam.max_service_accounts.per_org");
    let one = wire.ask("GET", &one, Value::Null).await;
    assert_eq!(one.body["usage"], json!(3));
}

#[tokio::test]
async fn the_scope_of_quotas_must_be_told_and_known() {
    let wire = Wire::start().await;
    for query in ["", "?scope=", "?scope=GALAXY"] {
        let refused = wire
            .ask("GET", &format!("{QUOTAS}{query}"), Value::Null)
            .await;
        assert_eq!(refused.status, 400);
        assert_eq!(refused.text("/errors/0/source/parameter"), "scope");
    }
    let scopes = wire
        .ask("GET", "/service-quota/v1/scopes", Value::Null)
        .await;
    for scope in scopes.body["data"].as_array().unwrap() {
        let id = scope["id"].as_str().unwrap();
        for path in [
            format!("/service-quota/v1/scopes/{id}"),
            format!("{QUOTAS}?scope={id}"),
        ] {
            assert_eq!(wire.ask("GET", &path, Value::Null).await.status, 200);
        }
    }
}
