//! Provider integrations, in both versions of their API.

use serde_json::{Value, json};

use crate::wire::Wire;

const V1: &str = "/pim/v1/integrations";
const V2: &str = "/pim/v2/integrations";
const ROLE: &str = "arn:aws:iam::111122223333:role/reader";

fn environment(wire: &Wire) -> String {
    wire.simulator.state().environments[0].id.clone()
}

fn new(wire: &Wire, provider: &str) -> Value {
    json!({
        "display_name": "secrets",
        "provider": provider,
        "environment": {"id": environment(wire)},
    })
}

#[tokio::test]
async fn an_integration_with_aws_is_complete_from_the_beginning() {
    let wire = Wire::start().await;
    let mut body = new(&wire, "AWS");
    body["config"] = json!({"kind": "AwsIntegrationConfig", "customer_iam_role_arn": ROLE});
    let created = wire.ask("POST", V1, body).await;
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(created.text("/config/customer_iam_role_arn"), ROLE);
    assert!(!created.text("/config/external_id").is_empty());
    let in_environment = format!("environment={}", environment(&wire));
    let one = format!("{V1}/{}?{in_environment}", created.text("/id"));
    assert_eq!(wire.ask("GET", &one, Value::Null).await.body, created.body);
    let list = wire
        .ask("GET", &format!("{V1}?{in_environment}"), Value::Null)
        .await;
    assert_eq!(list.body["data"], json!([created.body]));
    let other = wire
        .ask("GET", &format!("{V2}?{in_environment}"), Value::Null)
        .await;
    assert_eq!(other.body["data"], json!([]));
    assert_eq!(wire.ask("DELETE", &one, Value::Null).await.status, 204);
    let gone = wire.ask("GET", &one, Value::Null).await;
    assert_eq!((gone.status, &gone.body["error_code"]), (404, &json!(404)));
}

#[tokio::test]
async fn an_integration_with_azure_or_google_is_a_draft_until_the_customers_account_is_known() {
    let wire = Wire::start().await;
    let environment = environment(&wire);
    for (provider, member) in [
        ("azure", "customer_azure_tenant_id"),
        ("gcp", "customer_google_service_account"),
    ] {
        let created = wire.ask("POST", V2, new(&wire, provider)).await;
        assert_eq!(created.status, 201, "{created:?}");
        assert_eq!(created.text("/status"), "DRAFT");
        let one = format!("{V2}/{}?environment={environment}", created.text("/id"));
        let complete = json!({"config": {member: "mine"}});
        let completed = wire.ask("PATCH", &one, complete.clone()).await;
        assert_eq!(completed.status, 200, "{completed:?}");
        assert_eq!(completed.text("/status"), "CREATED");
        assert_eq!(completed.body["config"][member], "mine");
        assert_eq!(wire.ask("PATCH", &one, complete).await.status, 409);
        let listed = format!("{V2}?environment={environment}&provider={provider}&status=CREATED");
        let listed = wire.ask("GET", &listed, Value::Null).await;
        assert_eq!(listed.body["data"], json!([completed.body]));
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_integration_is_refused_by_name() {
    let wire = Wire::start().await;
    let with = |member: &str, value: Value| {
        let mut body = new(&wire, "azure");
        body[member] = value;
        body
    };
    for (path, body, named) in [
        (V1, new(&wire, "azure"), "provider"),
        (V1, new(&wire, "AWS"), "customer_iam_role_arn"),
        (V2, new(&wire, "nimbus"), "provider"),
        (
            V2,
            with("display_name", json!("x".repeat(61))),
            "display_name",
        ),
        (V2, with("display_name", json!("")), "display_name"),
        (V2, with("id", json!("cspi-mine")), "id"),
        (V2, with("status", json!("ACTIVE")), "status"),
        (V2, with("environment", json!({})), "environment"),
        (
            V2,
            with("config", json!({"customer_azure_tenant_id": "mine"})),
            "customer_azure_tenant_id",
        ),
    ] {
        let refused = wire.ask("POST", path, body).await;
        assert!((400..500).contains(&refused.status), "{refused:?}");
        let said = refused.body.to_string();
        assert!(said.contains(named), "{named} is not named in {said}");
    }
    assert_eq!(wire.ask("GET", V2, Value::Null).await.status, 400);
    let elsewhere = json!({"display_name": "x", "provider": "azure",
                           "environment": {"id": "env-none"}});
    assert_eq!(wire.ask("POST", V2, elsewhere).await.status, 403);
}
