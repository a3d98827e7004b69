//! Managed connectors (`connect/v1`). Values that are sensitive are shown as
//! asterisks.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::call::Call;
use crate::world::{Connector, ConnectorConfig};
use crate::{Refusal, World};

/// What stands for a sensitive value.
const MASK: &str = "****************";
/// What the names of sensitive properties contain.
const SENSITIVE: [&str; 6] = [
    "api.key",
    "secret",
    "password",
    "credentials",
    "private.key",
    "token",
];

/// The environment and the cluster in a path, and where there is one the name.
type At = Path<(String, String)>;
type Named = Path<(String, String, String)>;

/// Names, or with `expand` all that is known of each.
pub(super) async fn list(
    call: Call,
    Path((environment, cluster)): At,
) -> Result<Json<Value>, Refusal> {
    let world = call.simulator.world();
    let connectors = world.connectors(&environment, &cluster)?;
    let Some(expand) = call.query.get("expand") else {
        let names: Vec<&str> = connectors.map(|known| known.name.as_str()).collect();
        return Ok(Json(json!(names)));
    };
    let parts: Vec<&str> = expand.split(',').map(str::trim).collect();
    if let Some(odd) = parts
        .iter()
        .find(|part| !["info", "status", "id"].contains(part))
    {
        let detail = format!("`expand` is `{odd}`: use `info`, `status` and `id`");
        return Err(Refusal::kafka(400, 400, detail));
    }
    let expanded: BTreeMap<&str, Value> = connectors
        .map(|known| {
            let mut value = json!({});
            for part in &parts {
                value[*part] = match *part {
                    "info" => info(known),
                    "status" => status_of(&world, &call, known),
                    _ => json!({"id": known.id, "id_type": "ID"}),
                };
            }
            (known.name.as_str(), value)
        })
        .collect();
    Ok(Json(json!(expanded)))
}

pub(super) async fn create(
    call: Call,
    Path((environment, cluster)): At,
    body: Bytes,
) -> Result<impl IntoResponse, Refusal> {
    call.admin()?;
    let body: Value = serde_json::from_slice(&body).map_err(|_| not_json())?;
    let name = body["name"].as_str().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Refusal::kafka(400, 400, "`name` is required"))?;
    if !body["offsets"].is_null() {
        return Err(Refusal::not_simulated("/offsets"));
    }
    let config = config_of(&body["config"])?;
    let mut world = call.simulator.world();
    if world.connector(&environment, &cluster, name).is_ok() {
        return Err(Refusal::kafka(
            409,
            409,
            "there is a connector of this name",
        ));
    }
    let made = world.put_connector(call.now, (&environment, &cluster), name, config)?;
    Ok((StatusCode::CREATED, Json(info(&made))))
}

pub(super) async fn read(
    call: Call,
    Path((environment, cluster, name)): Named,
) -> Result<Json<Value>, Refusal> {
    let world = call.simulator.world();
    Ok(Json(info(world.connector(
        &environment,
        &cluster,
        &name,
    )?)))
}

pub(super) async fn delete(
    call: Call,
    Path((environment, cluster, name)): Named,
) -> Result<Json<Value>, Refusal> {
    call.admin()?;
    let mut world = call.simulator.world();
    world.delete_connector((&environment, &cluster), &name)?;
    Ok(Json(json!({"error": null})))
}

pub(super) async fn read_config(
    call: Call,
    Path((environment, cluster, name)): Named,
) -> Result<Json<Value>, Refusal> {
    let world = call.simulator.world();
    let connector = world.connector(&environment, &cluster, &name)?;
    Ok(Json(json!(masked(&connector.config))))
}

pub(super) async fn write_config(
    call: Call,
    Path((environment, cluster, name)): Named,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    call.admin()?;
    let body: Value = serde_json::from_slice(&body).map_err(|_| not_json())?;
    let config = config_of(&body)?;
    let mut world = call.simulator.world();
    let made = world.put_connector(call.now, (&environment, &cluster), &name, config)?;
    Ok(Json(info(&made)))
}

pub(super) async fn pause(
    call: Call,
    Path((environment, cluster, name)): Named,
) -> Result<StatusCode, Refusal> {
    call.admin()?;
    let mut world = call.simulator.world();
    world.pause_connector(call.now, (&environment, &cluster), &name, true)?;
    Ok(StatusCode::ACCEPTED)
}

pub(super) async fn resume(
    call: Call,
    Path((environment, cluster, name)): Named,
) -> Result<StatusCode, Refusal> {
    call.admin()?;
    let mut world = call.simulator.world();
    world.pause_connector(call.now, (&environment, &cluster), &name, false)?;
    Ok(StatusCode::ACCEPTED)
}

pub(super) async fn restart(
    call: Call,
    Path((environment, cluster, name)): Named,
) -> Result<StatusCode, Refusal> {
    call.admin()?;
    let mut world = call.simulator.world();
    world.restart_connector(call.now, (&environment, &cluster), &name)?;
    Ok(StatusCode::ACCEPTED)
}

pub(super) async fn status(
    call: Call,
    Path((environment, cluster, name)): Named,
) -> Result<Json<Value>, Refusal> {
    let world = call.simulator.world();
    let connector = world.connector(&environment, &cluster, &name)?;
    Ok(Json(status_of(&world, &call, connector)))
}

pub(super) async fn tasks(
    call: Call,
    Path((environment, cluster, name)): Named,
) -> Result<Json<Value>, Refusal> {
    let world = call.simulator.world();
    let connector = world.connector(&environment, &cluster, &name)?;
    let config = json!(masked(&connector.config));
    let tasks: Vec<Value> = (0..connector.tasks())
        .map(|task| json!({"id": {"connector": connector.id, "task": task}, "config": config}))
        .collect();
    Ok(Json(json!(tasks)))
}

fn info(connector: &Connector) -> Value {
    let tasks: Vec<Value> = (0..connector.tasks())
        .map(|task| json!({"connector": connector.name, "task": task}))
        .collect();
    json!({
        "name": connector.name,
        "type": connector.direction(),
        "config": masked(&connector.config),
        "tasks": tasks,
    })
}

fn status_of(world: &World, call: &Call, connector: &Connector) -> Value {
    let state = world.connector_state(call.now, connector);
    let tasks: Vec<Value> = (0..connector.tasks())
        .map(|task| {
            json!({
                "id": task,
                "state": state.of_task(),
                "worker_id": connector.name,
                "msg": state.trace(),
            })
        })
        .collect();
    json!({
        "name": connector.name,
        "type": connector.direction(),
        "connector": {
            "state": state.as_str(),
            "worker_id": connector.name,
            "trace": state.trace(),
        },
        "tasks": tasks,
    })
}

/// The texts of a configuration.
fn config_of(value: &Value) -> Result<ConnectorConfig, Refusal> {
    let members = value
        .as_object()
        .ok_or_else(|| Refusal::kafka(400, 400, "`config` is not an object of texts"))?;
    let text = |(name, value): (&String, &Value)| match value.as_str() {
        Some(text) => Ok((name.clone(), text.to_owned())),
        None => Err(Refusal::kafka(400, 400, format!("`{name}` is not a text"))),
    };
    members.iter().map(text).collect()
}

fn masked(config: &ConnectorConfig) -> BTreeMap<&str, &str> {
    config
        .iter()
        .map(|(name, value)| {
            let is_sensitive = SENSITIVE.iter().any(|word| name.contains(word));
            (
                name.as_str(),
                if is_sensitive { MASK } else { value.as_str() },
            )
        })
        .collect()
}

fn not_json() -> Refusal {
    Refusal::kafka(400, 400, "the body is not JSON")
}
