//! What keys are made for: service accounts, environments and Kafka clusters.
//! Whoever is authenticated may see them.

use axum::Json;
use axum::extract::Path;
use serde_json::Value;

use super::call::Call;
use super::objects;
use super::paging::Page;
use crate::Refusal;

/// `display_name` may be given several times: one that fits is enough.
pub(super) async fn list_service_accounts(call: Call) -> Result<Json<Value>, Refusal> {
    let page = Page::of(&call.query)?;
    let wanted: Vec<&str> = call.query.all("display_name").collect();
    let world = call.simulator.world();
    let accounts = world
        .service_accounts()
        .iter()
        .filter(|account| wanted.is_empty() || wanted.contains(&account.display_name.as_str()))
        .enumerate();
    let render = |account| objects::service_account(&world, &call.base, account);
    let (path, types) = ("/iam/v2/service-accounts", ("iam/v2", "ServiceAccountList"));
    Ok(Json(page.cut(&call, path, types, accounts, render)))
}

pub(super) async fn read_service_account(
    call: Call,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let world = call.simulator.world();
    let mut accounts = world.service_accounts().iter();
    let account = accounts
        .find(|account| account.id.as_str() == id)
        .ok_or_else(Refusal::service_account_not_found)?;
    Ok(Json(objects::service_account(&world, &call.base, account)))
}

pub(super) async fn list_environments(call: Call) -> Result<Json<Value>, Refusal> {
    let page = Page::of(&call.query)?;
    let world = call.simulator.world();
    let environments = world.environments().iter().enumerate();
    let render = |environment| objects::environment(&world, &call.base, environment);
    let (path, types) = ("/org/v2/environments", ("org/v2", "EnvironmentList"));
    Ok(Json(page.cut(&call, path, types, environments, render)))
}

pub(super) async fn read_environment(
    call: Call,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let world = call.simulator.world();
    let mut environments = world.environments().iter();
    let environment = environments
        .find(|environment| environment.id.as_str() == id)
        .ok_or_else(Refusal::not_found)?;
    Ok(Json(objects::environment(&world, &call.base, environment)))
}

/// Clusters of the one environment that the query must name.
pub(super) async fn list_clusters(call: Call) -> Result<Json<Value>, Refusal> {
    let page = Page::of(&call.query)?;
    let wanted = call.query.get("environment").ok_or_else(no_environment)?;
    let world = call.simulator.world();
    let known = world
        .environments()
        .iter()
        .any(|known| known.id.as_str() == wanted);
    if !known {
        return Err(Refusal::forbidden());
    }
    let clusters = world
        .kafka_clusters()
        .iter()
        .filter(|cluster| cluster.environment.as_str() == wanted)
        .enumerate();
    let render = |cluster| objects::cluster(&world, &call.base, cluster);
    let (path, types) = ("/cmk/v2/clusters", ("cmk/v2", "ClusterList"));
    Ok(Json(page.cut(&call, path, types, clusters, render)))
}

/// The environment must be named; clients that do not know it leave it empty.
pub(super) async fn read_cluster(
    call: Call,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    if !call.query.has("environment") {
        return Err(no_environment());
    }
    let wanted = call.query.get("environment");
    let world = call.simulator.world();
    let mut clusters = world.kafka_clusters().iter();
    let cluster = clusters
        .find(|cluster| {
            cluster.id.as_str() == id
                && wanted.is_none_or(|wanted| cluster.environment.as_str() == wanted)
        })
        .ok_or_else(Refusal::forbidden)?;
    Ok(Json(objects::cluster(&world, &call.base, cluster)))
}

fn no_environment() -> Refusal {
    Refusal::filter("environment", "environment is required")
}
