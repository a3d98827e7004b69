//! The life of a key over HTTP.

use confluent_cloud::ApiSecret;
use confluent_cloud::secret::SecretFormat;
use confluent_simulator::{Options, UnknownTarget};
use serde_json::{Value, json};

use crate::wire::Wire;

const KEYS: &str = "/iam/v2/api-keys";

#[tokio::test]
async fn a_new_key_comes_with_its_secret_and_its_place() {
    let wire = Wire::start().await;
    let answer = wire.create("orders-writer").await;
    assert_eq!(answer.status, 202);
    let id = answer.text("/id");
    let place = format!("{}{KEYS}/{id}", wire.running.url());
    assert_eq!(answer.header("location"), Some(place.as_str()));
    assert_eq!(answer.text("/metadata/self"), place);
    assert_eq!(answer.header("x-request-id").unwrap().len(), 32);
    let secret = ApiSecret::new(answer.text("/spec/secret"));
    assert_eq!(secret.verify(), Ok(SecretFormat::Checked));
}

#[tokio::test]
async fn a_secret_is_told_only_once() {
    let wire = Wire::start().await;
    let created = wire.create("x").await;
    let (id, secret) = (created.text("/id"), created.text("/spec/secret"));
    let one = format!("{KEYS}/{id}");
    let change = json!({"spec": {"description": "y"}});
    for (method, path, body) in [
        ("GET", KEYS, Value::Null),
        ("GET", one.as_str(), Value::Null),
        ("PATCH", one.as_str(), change),
        ("GET", "/simulator/state", Value::Null),
    ] {
        let answer = wire.ask(method, path, body).await;
        assert_eq!(answer.status, 200);
        assert!(!answer.body.to_string().contains(secret), "{method} {path}");
    }
    let read = wire.ask("GET", &one, Value::Null).await;
    assert_eq!(read.text("/spec/secret"), "");
}

#[tokio::test]
async fn a_deleted_key_is_answered_with_403() {
    let wire = Wire::start().await;
    let created = wire.create("x").await;
    let path = format!("{KEYS}/{}", created.text("/id"));
    let deleted = wire.ask("DELETE", &path, Value::Null).await;
    assert_eq!((deleted.status, &deleted.body), (204, &Value::Null));
    for method in ["GET", "DELETE"] {
        let answer = wire.ask(method, &path, Value::Null).await;
        assert_eq!(
            (answer.status, answer.code()),
            (403, Some("forbidden_access"))
        );
    }
    let change = json!({"spec": {"display_name": "y"}});
    assert_eq!(wire.ask("PATCH", &path, change).await.status, 403);
    let unknown = wire
        .ask("GET", "/iam/v2/api-keys/UNKNOWN", Value::Null)
        .await;
    assert_eq!(unknown.status, 403);
}

#[tokio::test]
async fn a_deleted_global_key_is_answered_with_404() {
    let wire = Wire::start().await;
    let mut body = wire.new_key("x");
    body["spec"]["resource"] = json!({"id": "Global"});
    let created = wire.ask("POST", KEYS, body).await;
    let path = format!("{KEYS}/{}", created.text("/id"));
    wire.ask("DELETE", &path, Value::Null).await;
    let answer = wire.ask("GET", &path, Value::Null).await;
    assert_eq!(
        (answer.status, answer.code()),
        (404, Some("api_key_not_found"))
    );
}

#[tokio::test]
async fn a_deleted_key_stays_in_the_state_and_leaves_the_list() {
    let wire = Wire::start().await;
    let created = wire.create("x").await;
    let id = created.text("/id");
    wire.ask("DELETE", &format!("{KEYS}/{id}"), Value::Null)
        .await;
    let list = wire.ask("GET", KEYS, Value::Null).await;
    assert!(!list.body.to_string().contains(id));
    let state = wire.simulator.state();
    let key = state.api_keys.iter().find(|key| key.id == id).unwrap();
    assert!(key.deleted_at.is_some());
    assert!(state.live_keys().all(|key| key.id != id));
}

#[tokio::test]
async fn only_name_and_description_of_a_key_change() {
    let wire = Wire::start().await;
    let created = wire.create("before").await;
    let path = format!("{KEYS}/{}", created.text("/id"));
    let change = json!({"spec": {"display_name": "after", "owner": {"id": "sa-other"}}});
    let refused = wire.ask("PATCH", &path, change).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.text("/errors/0/source/pointer"), "/spec/owner/id");
    let read = wire.ask("GET", &path, Value::Null).await;
    assert_eq!(read.text("/spec/display_name"), "before");
    assert_eq!(read.text("/spec/owner/id"), created.text("/spec/owner/id"));
    let change = json!({"spec": {"display_name": "after", "description": "words"}});
    let changed = wire.ask("PATCH", &path, change).await;
    assert_eq!(changed.text("/spec/display_name"), "after");
    assert_eq!(changed.text("/spec/description"), "words");
}

#[tokio::test]
async fn members_that_clients_send_empty_or_too_many_are_ignored() {
    let wire = Wire::start().await;
    let mut body = wire.new_key("x");
    body["spec"]["owner"]["related"] = "".into();
    body["spec"]["owner"]["kind"] = "ServiceAccount".into();
    body["spec"]["resource"]["resource_name"] = "".into();
    body["spec"]["colour"] = json!({"red": 1});
    assert_eq!(wire.ask("POST", KEYS, body).await.status, 202);
}

#[tokio::test]
async fn a_key_without_a_resource_is_a_cloud_key() {
    let wire = Wire::start().await;
    for resource in [Value::Null, json!({"id": ""}), json!({"id": "Cloud"})] {
        let mut body = wire.new_key("x");
        body["spec"]["resource"] = resource;
        let answer = wire.ask("POST", KEYS, body).await;
        assert_eq!(answer.text("/spec/resource/id"), "cloud");
        assert_eq!(answer.text("/spec/resource/kind"), "Cloud");
    }
}

#[tokio::test]
async fn wrong_bodies_are_refused_with_the_member() {
    let wire = Wire::start().await;
    let wrong_name = {
        let mut body = wire.new_key("x");
        body["spec"]["display_name"] = 1.into();
        body
    };
    for (body, status, pointer) in [
        (json!([]), 400, None),
        (json!({}), 422, Some("/spec/owner")),
        (wrong_name, 422, Some("/spec/display_name")),
    ] {
        let answer = wire.ask("POST", KEYS, body).await;
        assert_eq!(answer.status, status);
        let told = answer.body.pointer("/errors/0/source/pointer");
        assert_eq!(told.and_then(Value::as_str), pointer);
    }
}

#[tokio::test]
async fn an_unknown_owner_or_resource_is_refused_as_configured() {
    for (how, status) in [
        (UnknownTarget::Forbidden, 403),
        (UnknownTarget::BadRequest, 400),
        (UnknownTarget::NotFound, 404),
        (UnknownTarget::Unprocessable, 422),
    ] {
        let wire = Wire::with(Options {
            unknown_target: how,
            ..Options::default()
        })
        .await;
        for (member, id) in [("owner", "sa-nobody"), ("resource", "lkc-nowhere")] {
            let mut body = wire.new_key("x");
            body["spec"][member]["id"] = id.into();
            assert_eq!(
                wire.ask("POST", KEYS, body).await.status,
                status,
                "{how:?} {member}"
            );
        }
        assert_eq!(wire.simulator.state().api_keys.len(), 1);
    }
}

#[tokio::test]
async fn a_resource_in_another_environment_is_unknown() {
    let wire = Wire::start().await;
    let state = wire.simulator.state();
    let mut body = wire.new_key("x");
    body["spec"]["resource"] = json!({
        "id": state.schema_registries[0].id,
        "environment": state.environments[1].id,
    });
    assert_eq!(wire.ask("POST", KEYS, body).await.status, 403);
    // A region of Flink is nothing without its environment.
    let mut body = wire.new_key("x");
    body["spec"]["resource"] = json!({"id": "aws.us-east-1"});
    assert_eq!(wire.ask("POST", KEYS, body).await.status, 403);
}
