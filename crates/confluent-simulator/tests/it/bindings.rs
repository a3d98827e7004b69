//! Role bindings, and what they allow.

use std::time::Duration;

use confluent_simulator::{Clock, NewKey, Options, Propagation, Switches};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::wire::{Wire, basic};

const BINDINGS: &str = "/iam/v2/role-bindings";

fn crn(wire: &Wire, within: &str) -> String {
    let organization = wire.simulator.state().organization;
    format!("crn://confluent.cloud/organization={organization}{within}")
}

fn binding(wire: &Wire, principal: &str, role: &str, within: &str) -> Value {
    json!({
        "principal": format!("User:{principal}"),
        "role_name": role,
        "crn_pattern": crn(wire, within),
    })
}

#[tokio::test]
async fn a_binding_is_made_read_and_deleted_and_then_answered_in_kafkas_form() {
    for (without_body, status) in [(false, 200), (true, 204)] {
        let wire = Wire::with(Options {
            switches: Switches {
                binding_deleted_without_body: without_body,
                ..Switches::default()
            },
            ..Options::default()
        })
        .await;
        let account = wire.simulator.state().service_accounts[0].id.clone();
        let body = binding(&wire, &account, "DeveloperRead", "/environment=env-x");
        let created = wire.ask("POST", BINDINGS, body).await;
        assert_eq!(created.status, 201);
        let path = format!("{BINDINGS}/{}", created.text("/id"));
        let read = wire.ask("GET", &path, Value::Null).await;
        assert_eq!(read.text("/principal"), format!("User:{account}"));
        let deleted = wire.ask("DELETE", &path, Value::Null).await;
        assert_eq!(deleted.status, status);
        assert_eq!(deleted.body == Value::Null, without_body);
        let gone = wire.ask("GET", &path, Value::Null).await;
        assert_eq!(
            (gone.status, &gone.body["error_code"]),
            (403, &json!(40301))
        );
    }
}

#[tokio::test]
async fn bindings_are_listed_by_a_part_of_their_pattern_principal_and_role() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let account = &state.service_accounts[0].id;
    for (role, within) in [
        ("DeveloperRead", "/environment=env-x/topic=clicks-*"),
        ("DeveloperWrite", "/environment=env-x/topic=clicks-a"),
        ("DeveloperWrite", "/environment=env-y"),
    ] {
        let body = binding(&wire, account, role, within);
        assert_eq!(wire.ask("POST", BINDINGS, body).await.status, 201);
    }
    let x = crn(&wire, "/environment=env-x");
    for (query, count) in [
        (format!("crn_pattern={}", crn(&wire, "")), 5),
        (format!("crn_pattern={x}"), 2),
        (format!("crn_pattern={x}/*"), 2),
        (format!("crn_pattern={x}&role_name=DeveloperWrite"), 1),
        (format!("crn_pattern={x}&principal=User:sa-other"), 0),
        (
            format!("crn_pattern={x}&principal=User:{account}&role_name="),
            2,
        ),
    ] {
        let path = format!("{BINDINGS}?{query}&page_size=100");
        let list = wire.ask("GET", &path, Value::Null).await;
        assert_eq!(
            list.body["data"].as_array().unwrap().len(),
            count,
            "{query}"
        );
    }
    let refused = wire.ask("GET", BINDINGS, Value::Null).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.text("/errors/0/source/parameter"), "crn_pattern");
}

#[tokio::test]
async fn what_can_be_no_binding_is_refused() {
    let wire = Wire::start().await;
    let account = wire.simulator.state().service_accounts[0].id.clone();
    let good = binding(&wire, &account, "Operator", "");
    let with = |member: &str, value: &str| {
        let mut body = good.clone();
        body[member] = value.into();
        body
    };
    for (body, status) in [
        (with("role_name", "Emperor"), 400),
        (with("principal", "User:sa-nobody"), 422),
        (with("principal", "sa-1"), 422),
        (with("principal", "Pool:x"), 422),
        (
            with("crn_pattern", "crn://confluent.cloud/organization=other"),
            422,
        ),
        (with("principal", "User:pool-x"), 201),
        (good.clone(), 201),
        (good.clone(), 409),
    ] {
        let answer = wire.ask("POST", BINDINGS, body.clone()).await;
        assert_eq!(answer.status, status, "{body}");
    }
    let wrong = wire
        .ask("POST", BINDINGS, with("role_name", "Emperor"))
        .await;
    assert_eq!(wrong.code(), Some("invalid-role"));
    assert_eq!(
        wrong.text("/errors/0/detail"),
        "Invalid role name : Emperor"
    );
}

#[tokio::test]
async fn an_owner_of_an_account_manages_its_keys_once_the_role_counts() {
    let wire = Wire::with(Options {
        clock: Clock::virtual_at(Timestamp::UNIX_EPOCH),
        propagation: Propagation::Real,
        ..Options::default()
    })
    .await;
    let state = wire.simulator.state();
    let (owner, owned) = (&state.service_accounts[0].id, &state.service_accounts[1].id);
    let created = wire
        .simulator
        .create_key(&NewKey {
            owner: owner.clone(),
            ..NewKey::default()
        })
        .unwrap();
    wire.simulator.advance(Duration::from_secs(10)).unwrap();
    let within = format!("/service-account={owned}");
    let body = binding(&wire, owner, "ResourceOwner", &within);
    assert_eq!(wire.ask("POST", BINDINGS, body).await.status, 201);
    let header = basic(created.key.id.as_str(), created.secret.expose());
    let mut body = wire.new_key("x");
    body["spec"]["owner"]["id"] = owned.as_str().into();
    let body = body.to_string();
    let create = async || {
        wire.send("POST", "/iam/v2/api-keys", &header, &body)
            .await
            .status
    };
    assert_eq!(create().await, 403);
    wire.simulator.advance(Duration::from_secs(90)).unwrap();
    assert_eq!(create().await, 202);
    let other = wire.new_key("x").to_string();
    let other = wire.send("POST", "/iam/v2/api-keys", &header, &other).await;
    assert_eq!(other.status, 403, "not for an account of somebody else");
}

#[tokio::test]
async fn without_its_role_an_administrator_is_none() {
    let wire = Wire::start().await;
    let admin = wire.simulator.state().api_keys[0].owner.clone();
    let path = format!(
        "{BINDINGS}?crn_pattern={}&principal=User:{admin}",
        crn(&wire, "")
    );
    let list = wire.ask("GET", &path, Value::Null).await;
    let one = format!("{BINDINGS}/{}", list.text("/data/0/id"));
    assert_eq!(wire.ask("DELETE", &one, Value::Null).await.status, 200);
    assert_eq!(wire.create("x").await.status, 403);
}

#[tokio::test]
async fn bindings_go_with_their_principal_and_their_place() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let account = &state.service_accounts[0].id;
    let cluster = &state.kafka_clusters[0];
    let place = format!(
        "/environment={}/cloud-cluster={}",
        cluster.environment, cluster.id
    );
    let other = &state.service_accounts[1].id;
    for (who, within) in [(account, ""), (other, place.as_str()), (other, "")] {
        let body = binding(&wire, who, "MetricsViewer", within);
        assert_eq!(wire.ask("POST", BINDINGS, body).await.status, 201);
    }
    let count = || wire.simulator.world().role_bindings().len();
    assert_eq!(count(), 5);
    let path = format!("/iam/v2/service-accounts/{account}");
    wire.ask("DELETE", &path, Value::Null).await;
    assert_eq!(count(), 4);
    let path = format!("/cmk/v2/clusters/{}?environment=", cluster.id);
    wire.ask("DELETE", &path, Value::Null).await;
    assert_eq!(count(), 3);
}
