//! `service-quota/v1`.

use axum::Json;
use axum::extract::Path;
use serde_json::{Value, json};

use super::call::Call;
use super::collection::Collection;
use crate::world::{AppliedQuota, Scope};
use crate::{Refusal, World};

const QUOTAS: &str = "/service-quota/v1/applied-quotas";
const SCOPES: &str = "/service-quota/v1/scopes";
const LARGEST_PAGE: usize = 200;
const ALL_QUOTAS: Collection =
    Collection::new(QUOTAS, "service-quota/v1", "AppliedQuotaList").with_pages_of(LARGEST_PAGE);
const ALL_SCOPES: Collection =
    Collection::new(SCOPES, "service-quota/v1", "ScopeList").with_pages_of(LARGEST_PAGE);

/// The limits of the scope that the query must name, in any case.
pub(super) async fn list(call: Call) -> Result<Json<Value>, Refusal> {
    let text = call
        .query
        .get("scope")
        .ok_or_else(|| Refusal::filter("scope", "scope is required"))?;
    let scope = scope(text).ok_or_else(|| Refusal::filter("scope", "scope is unknown"))?;
    let world = call.simulator.world();
    let quotas = world
        .applied_quotas(scope)
        .into_iter()
        .filter(|quota| wanted(&call, quota));
    let render = |world: &World, base: &str, quota| object(world, base, &quota);
    ALL_QUOTAS.list(&call, &world, quotas, render)
}

/// The first limit with a code, of what the query names.
pub(super) async fn read(call: Call, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    let world = call.simulator.world();
    let quota = Scope::ALL
        .into_iter()
        .flat_map(|scope| world.applied_quotas(scope))
        .find(|quota| quota.code == id && wanted(&call, quota))
        .ok_or_else(Refusal::not_found)?;
    Ok(Json(object(&world, &call.base, &quota)))
}

pub(super) async fn list_scopes(call: Call) -> Result<Json<Value>, Refusal> {
    let render = |_: &World, base: &str, scope| scope_object(base, scope);
    ALL_SCOPES.list(&call, &call.simulator.world(), Scope::ALL, render)
}

pub(super) async fn read_scope(call: Call, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    let scope = scope(&id).ok_or_else(Refusal::not_found)?;
    Ok(Json(scope_object(&call.base, scope)))
}

fn scope(text: &str) -> Option<Scope> {
    let mut scopes = Scope::ALL.into_iter();
    scopes.find(|scope| scope.word().eq_ignore_ascii_case(text))
}

fn wanted(call: &Call, quota: &AppliedQuota) -> bool {
    let matches = |parameter, value: Option<&str>| {
        let wanted = call.query.get(parameter);
        wanted.is_none_or(|wanted| value == Some(wanted))
    };
    let cluster = (quota.scope == Scope::KafkaCluster).then_some(quota.subject.as_str());
    let elsewhere = ["network", "identity_provider", "certificate_authority"];
    elsewhere
        .into_iter()
        .all(|parameter| matches(parameter, None))
        && matches("id", Some(quota.code))
        && matches("environment", quota.environment.as_deref())
        && matches("kafka_cluster", cluster)
}

fn object(world: &World, base: &str, quota: &AppliedQuota) -> Value {
    let mut value = json!({
        "api_version": "service-quota/v1",
        "kind": "AppliedQuota",
        "id": quota.code,
        "metadata": {"self": format!("{base}{QUOTAS}/{}", quota.code)},
        "scope": quota.scope.word(),
        "display_name": format!("Most {}", quota.display_name),
        "default_limit": quota.default_limit,
        "applied_limit": quota.applied_limit,
        "usage": quota.usage,
        "organization": {"id": world.organization().as_str()},
    });
    let subject = match quota.scope {
        Scope::ServiceAccount | Scope::UserAccount => Some("user"),
        Scope::KafkaCluster => Some("kafka_cluster"),
        _ => None,
    };
    if let Some(member) = subject {
        value[member] = json!({"id": quota.subject});
    }
    if let Some(environment) = &quota.environment {
        value["environment"] = json!({"id": environment});
    }
    value
}

fn scope_object(base: &str, scope: Scope) -> Value {
    let word = scope.word();
    json!({
        "api_version": "service-quota/v1",
        "kind": "Scope",
        "id": word,
        "metadata": {"self": format!("{base}{SCOPES}/{word}")},
        "description": format!("Limits of each {}", word.to_lowercase().replace('_', " ")),
    })
}
