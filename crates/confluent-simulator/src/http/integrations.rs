//! Provider integrations, in both versions of their API. `pim/v1` has those of AWS;
//! those of `pim/v2` are drafts until the customer's account is known.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::body::Body;
use super::call::Call;
use super::collection::Collection;
use super::environments::no_environment;
use crate::world::{IntegrationApi, NewIntegration};
use crate::{CloudProvider, ProviderIntegration, Refusal, World};

const V1: Collection = Collection::new("/pim/v1/integrations", "pim/v1", "IntegrationList");
const V2: Collection = Collection::new("/pim/v2/integrations", "pim/v2", "IntegrationList");
const LONGEST_NAME: usize = 60;
const PROVIDERS: [(&str, CloudProvider); 3] = [
    ("aws", CloudProvider::Aws),
    ("azure", CloudProvider::Azure),
    ("gcp", CloudProvider::Gcp),
];

/// Confluent's own account at AWS, whose roles customers trust.
const CONFLUENT_ACCOUNT: &str = "444455556666";

pub(super) async fn list_v1(call: Call) -> Result<Json<Value>, Refusal> {
    list(&call, IntegrationApi::V1)
}

pub(super) async fn list_v2(call: Call) -> Result<Json<Value>, Refusal> {
    list(&call, IntegrationApi::V2)
}

fn list(call: &Call, api: IntegrationApi) -> Result<Json<Value>, Refusal> {
    let wanted = call.query.get("environment").ok_or_else(no_environment)?;
    let (name, provider) = (call.query.get("display_name"), call.query.get("provider"));
    let status = call.query.get("status");
    let world = call.simulator.world();
    if world.environment(wanted).is_err() {
        return Err(Refusal::forbidden());
    }
    let listed = world.provider_integrations().iter().filter(|known| {
        known.api == api
            && known.environment.as_str() == wanted
            && name.is_none_or(|name| known.display_name == name)
            && provider.is_none_or(|name| word(known.provider).eq_ignore_ascii_case(name))
            && status.is_none_or(|status| world.integration_status(known).as_str() == status)
    });
    collection(api).list(call, &world, listed, render)
}

pub(super) async fn create_v1(call: Call, body: Bytes) -> Result<impl IntoResponse, Refusal> {
    call.admin()?;
    let body = Body::read(&body)?;
    let provider = body.one_of("/provider", &PROVIDERS)?;
    if let Some(other) = provider.filter(|provider| *provider != CloudProvider::Aws) {
        let remedy = "use `AWS`, or `/pim/v2/integrations`";
        return Err(Refusal::value("/provider", word(other), remedy));
    }
    let role = body.required(customer_account(CloudProvider::Aws))?;
    create(
        &call,
        &body,
        IntegrationApi::V1,
        CloudProvider::Aws,
        Some(role),
    )
}

pub(super) async fn create_v2(call: Call, body: Bytes) -> Result<impl IntoResponse, Refusal> {
    call.admin()?;
    let body = Body::read(&body)?;
    body.required("/provider")?;
    let provider = body.one_of("/provider", &PROVIDERS)?.unwrap_or_default();
    body.refuse(&[
        customer_account(CloudProvider::Aws),
        customer_account(CloudProvider::Azure),
        customer_account(CloudProvider::Gcp),
    ])?;
    create(&call, &body, IntegrationApi::V2, provider, None)
}

fn create(
    call: &Call,
    body: &Body,
    api: IntegrationApi,
    provider: CloudProvider,
    customer_account: Option<String>,
) -> Result<impl IntoResponse + use<>, Refusal> {
    body.refuse_read_only(&["/id", "/usages", "/status"])?;
    let display_name = body.required("/display_name")?;
    if display_name.chars().count() > LONGEST_NAME {
        let remedy = format!("use at most {LONGEST_NAME} characters");
        return Err(Refusal::value("/display_name", &display_name, &remedy));
    }
    let new = NewIntegration {
        environment: body.required("/environment/id")?,
        display_name,
        provider,
        customer_account,
        api,
    };
    let mut world = call.simulator.world();
    let created = world.create_integration(call.now, new)?;
    let rendered = render(&world, &call.base, &created);
    Ok(collection(api).created(call, StatusCode::CREATED, &created.id, rendered))
}

pub(super) async fn read_v1(call: Call, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    read(&call, IntegrationApi::V1, &id)
}

pub(super) async fn read_v2(call: Call, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    read(&call, IntegrationApi::V2, &id)
}

fn read(call: &Call, api: IntegrationApi, id: &str) -> Result<Json<Value>, Refusal> {
    let environment = call.query.get("environment").ok_or_else(no_environment)?;
    let world = call.simulator.world();
    let known = world.provider_integration(api, environment, id)?;
    Ok(Json(render(&world, &call.base, known)))
}

/// Completes a draft with the customer's account.
pub(super) async fn update_v2(
    call: Call,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    call.admin()?;
    let body = Body::read(&body)?;
    let in_body = body.filled("/environment/id")?;
    let environment = call.query.get("environment").or(in_body.as_deref());
    let environment = environment.ok_or_else(no_environment)?;
    let mut world = call.simulator.world();
    let known = world.provider_integration(IntegrationApi::V2, environment, &id)?;
    body.unchanged("/id", &id)?;
    body.unchanged("/display_name", &known.display_name)?;
    body.unchanged("/provider", word(known.provider))?;
    let account = body.required(customer_account(known.provider))?;
    let completed = world.complete_integration(environment, &id, account)?;
    Ok(Json(render(&world, &call.base, &completed)))
}

pub(super) async fn delete_v1(call: Call, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    delete(&call, IntegrationApi::V1, &id)
}

pub(super) async fn delete_v2(call: Call, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    delete(&call, IntegrationApi::V2, &id)
}

fn delete(call: &Call, api: IntegrationApi, id: &str) -> Result<StatusCode, Refusal> {
    call.admin()?;
    let environment = call.query.get("environment").ok_or_else(no_environment)?;
    let mut world = call.simulator.world();
    world.delete_integration(api, environment, id)?;
    Ok(StatusCode::NO_CONTENT)
}

fn collection(api: IntegrationApi) -> Collection {
    match api {
        IntegrationApi::V1 => V1,
        IntegrationApi::V2 => V2,
    }
}

fn word(provider: CloudProvider) -> &'static str {
    let mut words = PROVIDERS.iter();
    let found = words.find(|(_, known)| *known == provider);
    found.map_or("", |(word, _)| word)
}

/// The member that names the customer's account.
fn customer_account(provider: CloudProvider) -> &'static str {
    match provider {
        CloudProvider::Aws => "/config/customer_iam_role_arn",
        CloudProvider::Azure => "/config/customer_azure_tenant_id",
        CloudProvider::Gcp => "/config/customer_google_service_account",
    }
}

fn render(world: &World, _base: &str, known: &ProviderIntegration) -> Value {
    let usages: Vec<String> = world
        .users_of(&known.id)
        .map(|connector| {
            format!(
                "{}/environment={}/cloud-cluster={}/connector={}",
                world.organization_name(),
                connector.environment,
                connector.cluster,
                connector.name
            )
        })
        .collect();
    let mut value = json!({
        "kind": "Integration",
        "id": known.id,
        "display_name": known.display_name,
        "config": config(known),
        "usages": usages,
        "environment": {"id": known.environment.as_str()},
    });
    match known.api {
        IntegrationApi::V1 => {
            value["api_version"] = "pim/v1".into();
            value["provider"] = word(known.provider).to_uppercase().into();
        }
        IntegrationApi::V2 => {
            value["api_version"] = "pim/v2".into();
            value["provider"] = word(known.provider).into();
            value["status"] = world.integration_status(known).as_str().into();
        }
    }
    value
}

fn config(known: &ProviderIntegration) -> Value {
    let customer = known.customer_account.as_deref().unwrap_or_default();
    let own = &known.confluent_identity;
    match known.provider {
        CloudProvider::Aws => json!({
            "kind": "AwsIntegrationConfig",
            "customer_iam_role_arn": customer,
            "iam_role_arn": format!("arn:aws:iam::{CONFLUENT_ACCOUNT}:role/{}", known.id),
            "external_id": own,
        }),
        CloudProvider::Azure => json!({
            "kind": "AzureIntegrationConfig",
            "customer_azure_tenant_id": customer,
            "confluent_multi_tenant_app_id": own,
        }),
        CloudProvider::Gcp => json!({
            "kind": "GcpIntegrationConfig",
            "customer_google_service_account": customer,
            "google_service_account": format!("{}@simulator.invalid", known.id),
        }),
    }
}
