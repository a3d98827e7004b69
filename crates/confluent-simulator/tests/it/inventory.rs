//! What keys are made for.

use serde_json::Value;

use crate::wire::Wire;

#[tokio::test]
async fn the_api_answers_at_the_root_and_below_api() {
    let wire = Wire::start().await;
    for prefix in ["", "/api"] {
        let path = format!("{prefix}/org/v2/environments");
        let answer = wire.ask("GET", &path, Value::Null).await;
        assert_eq!(answer.status, 200);
        let first = format!("{}{path}", wire.running.url());
        assert_eq!(answer.text("/metadata/first"), first);
        let this = format!("{first}/{}", answer.text("/data/0/id"));
        assert_eq!(answer.text("/data/0/metadata/self"), this);
    }
}

#[tokio::test]
async fn the_name_of_an_environment_leads_to_the_organization() {
    let wire = Wire::start().await;
    let answer = wire.ask("GET", "/org/v2/environments", Value::Null).await;
    let organization = wire.simulator.state().organization;
    let name = answer.text("/data/0/metadata/resource_name");
    assert!(name.starts_with(&format!(
        "crn://confluent.cloud/organization={organization}/"
    )));
}

#[tokio::test]
async fn service_accounts_are_found_by_name() {
    let wire = Wire::start().await;
    let path = "/iam/v2/service-accounts?display_name=payments";
    let one = wire.ask("GET", path, Value::Null).await;
    assert_eq!(one.body["data"].as_array().unwrap().len(), 1);
    assert_eq!(one.text("/data/0/display_name"), "payments");
    let two = format!("{path}&display_name=orders&page_size=");
    let two = wire.ask("GET", &two, Value::Null).await;
    assert_eq!(two.body["data"].as_array().unwrap().len(), 2);
    let all = wire
        .ask("GET", "/iam/v2/service-accounts?display_name=", Value::Null)
        .await;
    assert_eq!(all.body["data"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn one_object_is_read_by_its_id() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let account = format!("/iam/v2/service-accounts/{}", state.service_accounts[1].id);
    let environment = format!("/org/v2/environments/{}", state.environments[1].id);
    let cluster = &state.kafka_clusters[3];
    let cluster = format!(
        "/cmk/v2/clusters/{}?environment={}",
        cluster.id, cluster.environment
    );
    for (path, kind) in [
        (account, "ServiceAccount"),
        (environment, "Environment"),
        (cluster, "Cluster"),
    ] {
        let answer = wire.ask("GET", &path, Value::Null).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.text("/kind"), kind);
    }
}

#[tokio::test]
async fn unknown_objects_are_answered_as_the_service_does() {
    let wire = Wire::start().await;
    for (path, status, code) in [
        (
            "/iam/v2/service-accounts/sa-x",
            404,
            "service_account_not_found",
        ),
        ("/org/v2/environments/env-x", 404, "resource_not_found"),
        (
            "/cmk/v2/clusters/lkc-x?environment=",
            403,
            "forbidden_access",
        ),
        (
            "/cmk/v2/clusters?environment=env-x",
            403,
            "forbidden_access",
        ),
        ("/cmk/v2/clusters", 400, "invalid_filter"),
        ("/nowhere", 404, "resource_not_found"),
    ] {
        let answer = wire.ask("GET", path, Value::Null).await;
        assert_eq!(
            (answer.status, answer.code()),
            (status, Some(code)),
            "{path}"
        );
    }
    let wrong_method = wire.ask("PUT", "/iam/v2/api-keys", Value::Null).await;
    assert_eq!(wrong_method.status, 405);
    assert_eq!(wrong_method.text("/errors/0/status"), "405");
}

#[tokio::test]
async fn a_cluster_belongs_to_its_environment() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let environment = &state.environments[0].id;
    let path = format!("/cmk/v2/clusters?environment={environment}");
    let list = wire.ask("GET", &path, Value::Null).await;
    assert_eq!(list.body["data"].as_array().unwrap().len(), 2);
    let other = format!(
        "/cmk/v2/clusters/{}?environment={environment}",
        state.kafka_clusters[2].id
    );
    assert_eq!(wire.ask("GET", &other, Value::Null).await.status, 403);
}

#[tokio::test]
async fn the_address_of_a_data_plane_is_the_simulators_own() {
    let wire = Wire::start().await;
    let cluster = &wire.simulator.state().kafka_clusters[0];
    assert_eq!(cluster.http_endpoint, wire.running.url());
    assert!(cluster.kafka_bootstrap_endpoint.contains(".invalid:"));
}
