//! Service accounts, users and what goes with them.

use confluent_simulator::{NewKey, Options, Switches};
use serde_json::{Value, json};

use crate::wire::{Answer, Wire, basic};

const ACCOUNTS: &str = "/iam/v2/service-accounts";
const ENVIRONMENTS: &str = "/org/v2/environments";

fn make(wire: &Wire, owner: &str, resource: &str) -> String {
    let new = NewKey {
        owner: owner.into(),
        resource: Some(resource.into()),
        ..NewKey::default()
    };
    wire.simulator.create_key(&new).unwrap().key.id.to_string()
}

fn lives(wire: &Wire, id: &str) -> bool {
    wire.simulator.state().live_keys().any(|key| key.id == id)
}

#[tokio::test]
async fn a_service_account_is_made_changed_and_deleted() {
    let wire = Wire::start().await;
    let body = json!({"display_name": "billing", "description": "bills"});
    let path = format!("{ACCOUNTS}?assigned_resource_owner=");
    let created = wire.ask("POST", &path, body).await;
    assert_eq!(created.status, 201);
    let id = created.text("/id").to_owned();
    assert!(id.starts_with("sa-"));
    let one = format!("{ACCOUNTS}/{id}");
    let place = format!("{}{one}", wire.running.url());
    assert_eq!(created.header("location"), Some(place.as_str()));
    let change = json!({"description": "bills and reminds"});
    assert_eq!(wire.ask("PATCH", &one, change).await.status, 200);
    let read = wire.ask("GET", &one, Value::Null).await;
    assert_eq!(read.text("/description"), "bills and reminds");
    assert_eq!(read.text("/display_name"), "billing");
    assert_eq!(wire.ask("DELETE", &one, Value::Null).await.status, 204);
    let gone = wire.ask("GET", &one, Value::Null).await;
    assert_eq!(
        (gone.status, gone.code()),
        (404, Some("service_account_not_found"))
    );
}

#[tokio::test]
async fn the_name_of_a_service_account_is_its_alone() {
    let wire = Wire::start().await;
    let body = json!({"display_name": "orders"});
    let refused = wire.ask("POST", ACCOUNTS, body).await;
    assert_eq!(
        (refused.status, refused.code()),
        (409, Some("resource_already_exists"))
    );
    assert_eq!(
        refused.text("/errors/0/detail"),
        "Service name is already in use"
    );
    let orders = &wire.simulator.state().service_accounts[0].id;
    let place = format!("{}{ACCOUNTS}/{orders}", wire.running.url());
    assert_eq!(refused.header("location"), Some(place.as_str()));
}

#[tokio::test]
async fn a_name_is_required() {
    let wire = Wire::start().await;
    for (path, body, pointer) in [
        (ACCOUNTS, json!({}), "/display_name"),
        (ENVIRONMENTS, json!({"display_name": ""}), "/display_name"),
        (
            "/cmk/v2/clusters",
            json!({"spec": {}}),
            "/spec/display_name",
        ),
        ("/iam/v2/role-bindings", json!({}), "/principal"),
    ] {
        let refused = wire.ask("POST", path, body).await;
        assert_eq!(refused.status, 422);
        assert_eq!(refused.text("/errors/0/source/pointer"), pointer);
    }
}

#[tokio::test]
async fn the_keys_of_an_account_go_with_it() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let (account, other) = (&state.service_accounts[0].id, &state.service_accounts[1].id);
    let user = &state.users[0].id;
    let cluster = &state.kafka_clusters[0].id;
    let gone = [
        make(&wire, account, cluster),
        make(&wire, account, "global"),
    ];
    let stays = make(&wire, other, cluster);
    let users = make(&wire, user, cluster);
    wire.ask("DELETE", &format!("{ACCOUNTS}/{account}"), Value::Null)
        .await;
    assert!(gone.iter().all(|id| !lives(&wire, id)));
    assert!(lives(&wire, &stays) && lives(&wire, &users));
    let path = format!("/iam/v2/users/{user}");
    assert_eq!(wire.ask("DELETE", &path, Value::Null).await.status, 204);
    assert!(!lives(&wire, &users) && lives(&wire, &stays));
    assert!(wire.simulator.state().users.is_empty());
}

#[tokio::test]
async fn the_keys_of_a_cluster_go_with_it_but_global_ones_stay() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let account = &state.service_accounts[0].id;
    let cluster = &state.kafka_clusters[0];
    let gone = make(&wire, account, &cluster.id);
    let stays = make(&wire, account, "global");
    let path = format!("/cmk/v2/clusters/{}", cluster.id);
    assert_eq!(wire.ask("DELETE", &path, Value::Null).await.status, 400);
    let path = format!("{path}?environment={}", cluster.environment);
    assert_eq!(wire.ask("DELETE", &path, Value::Null).await.status, 204);
    assert!(!lives(&wire, &gone) && lives(&wire, &stays));
    assert_eq!(wire.ask("GET", &path, Value::Null).await.status, 403);
}

#[tokio::test]
async fn an_environment_takes_all_along_or_must_be_empty() {
    for (must_be_empty, status) in [(false, 204), (true, 409)] {
        let wire = Wire::with(Options {
            switches: Switches {
                environment_must_be_empty: must_be_empty,
                ..Switches::default()
            },
            ..Options::default()
        })
        .await;
        let state = wire.simulator.state();
        let id = make(
            &wire,
            &state.service_accounts[0].id,
            &state.kafka_clusters[0].id,
        );
        let path = format!("{ENVIRONMENTS}/{}", state.environments[0].id);
        assert_eq!(wire.ask("DELETE", &path, Value::Null).await.status, status);
        assert_eq!(lives(&wire, &id), must_be_empty);
        let clusters = wire.simulator.state().kafka_clusters.len();
        assert_eq!(clusters, if must_be_empty { 4 } else { 2 });
    }
}

#[tokio::test]
async fn environments_and_clusters_are_made_and_renamed() {
    let wire = Wire::start().await;
    let body = json!({"display_name": "test"});
    let environment = wire.ask("POST", ENVIRONMENTS, body).await;
    assert_eq!(environment.status, 201);
    let id = environment.text("/id").to_owned();
    let path = format!("{ENVIRONMENTS}/{id}");
    let renamed = json!({"display_name": "trial"});
    wire.ask("PATCH", &path, renamed).await;
    let read = wire.ask("GET", &path, Value::Null).await;
    assert_eq!(read.text("/display_name"), "trial");

    let registries = format!("/srcm/v3/clusters?environment={id}");
    let registry = wire.ask("GET", &registries, Value::Null).await;
    assert_eq!(registry.text("/data/0/spec/environment/id"), id);
    assert_eq!(
        registry.text("/data/0/spec/http_endpoint"),
        wire.running.url()
    );

    let body = json!({"spec": {"display_name": "events", "environment": {"id": id}}});
    let cluster = wire.ask("POST", "/cmk/v2/clusters", body).await;
    assert_eq!(cluster.status, 202);
    let path = format!("/cmk/v2/clusters/{}", cluster.text("/id"));
    let renamed = json!({"spec": {"display_name": "facts"}});
    assert_eq!(wire.ask("PATCH", &path, renamed).await.status, 200);
    let path = format!("{path}?environment={id}");
    let read = wire.ask("GET", &path, Value::Null).await;
    assert_eq!(read.text("/spec/display_name"), "facts");
}

#[tokio::test]
async fn a_user_is_read_and_renamed() {
    let wire = Wire::start().await;
    let list = wire.ask("GET", "/iam/v2/users", Value::Null).await;
    let path = format!("/iam/v2/users/{}", list.text("/data/0/id"));
    let renamed = wire
        .ask("PATCH", &path, json!({"full_name": "Ada Example"}))
        .await;
    assert_eq!(renamed.text("/full_name"), "Ada Example");
    assert_eq!(renamed.text("/auth_type"), "AUTH_TYPE_LOCAL");
    let unknown = wire.ask("GET", "/iam/v2/users/u-x", Value::Null).await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn the_organization_is_read_and_only_it() {
    let wire = Wire::start().await;
    let id = wire.simulator.state().organization;
    let list = wire.ask("GET", "/org/v2/organizations", Value::Null).await;
    assert_eq!(list.text("/data/0/id"), id);
    let path = format!("/org/v2/organizations/{id}");
    assert_eq!(wire.ask("GET", &path, Value::Null).await.text("/id"), id);
    let other = wire
        .ask("GET", "/org/v2/organizations/other", Value::Null)
        .await;
    assert_eq!(other.status, 403);
}

#[tokio::test]
async fn only_an_administrator_changes_anything() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let account = &state.service_accounts[0].id;
    let created = wire
        .simulator
        .create_key(&NewKey {
            owner: account.clone(),
            ..NewKey::default()
        })
        .unwrap();
    let header = basic(created.key.id.as_str(), created.secret.expose());
    let name = json!({"display_name": "x"}).to_string();
    let binding = json!({"principal": "User:x", "role_name": "Operator", "crn_pattern": "crn://x"});
    let environment = format!("{ENVIRONMENTS}/{}", state.environments[0].id);
    let cluster = format!(
        "/cmk/v2/clusters/{}?environment=",
        state.kafka_clusters[0].id
    );
    let binding = binding.to_string();
    for (method, path, body) in [
        ("POST", ACCOUNTS, name.as_str()),
        ("DELETE", &format!("{ACCOUNTS}/{account}"), ""),
        ("POST", ENVIRONMENTS, &name),
        ("PATCH", &environment, &name),
        ("DELETE", &environment, ""),
        ("DELETE", &cluster, ""),
        (
            "DELETE",
            &format!("/iam/v2/users/{}", state.users[0].id),
            "",
        ),
        ("POST", "/iam/v2/role-bindings", &binding),
        ("GET", "/iam/v2/role-bindings?crn_pattern=crn", ""),
    ] {
        let answer: Answer = wire.send(method, path, &header, body).await;
        assert_eq!(answer.status, 403, "{method} {path}");
    }
    assert_eq!(wire.simulator.state().environments, state.environments);
}
