//! `iam/v2/api-keys`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::Value;

use super::body::Body;
use super::call::Call;
use super::collection::Collection;
use super::objects;
use crate::world::KeyReference;
use crate::{Key, KeyChange, KeyCreated, NewKey, Refusal, World};

const KEYS: Collection = Collection::new("/iam/v2/api-keys", "iam/v2", "ApiKeyList");
/// Keys for several clusters, and owners outside of this organization.
const NOT_SIMULATED: [&str; 2] = ["/spec/resources", "/spec/owner/environment"];
const READ_ONLY: [&str; 2] = ["/id", "/spec/secret"];

pub(super) async fn list(call: Call) -> Result<Json<Value>, Refusal> {
    // Before the request is recorded as granted.
    KEYS.page(&call)?;
    let mut world = call.simulator.world();
    call.record(&mut world, "GetAPIKeys", None, true);
    let owner = call.query.get("spec.owner");
    let resource = call.query.get("spec.resource");
    let keys: Box<dyn Iterator<Item = &Key>> = match call.as_of {
        None => Box::new(world.list_keys(owner, resource)),
        Some(at) => Box::new(world.list_keys_as_of(at, owner, resource)),
    };
    let keys = keys
        .filter(|key| call.caller.may_manage(key.owner.as_str()))
        .map(|key| {
            let place = world.key_place(key.id.as_str());
            (place.unwrap_or_default(), key)
        });
    let render = |world: &World, base: &str, key| objects::api_key(world, base, key, None);
    KEYS.list_numbered(&call, &world, keys, render)
}

pub(super) async fn create(call: Call, body: Bytes) -> Result<impl IntoResponse, Refusal> {
    let new = new_key(&Body::read(&body)?)?;
    let mut world = call.simulator.world();
    let created = if call.caller.may_manage(&new.owner) {
        world.create_key(call.now, &new)
    } else {
        Err(Refusal::forbidden())
    };
    let about = created
        .as_ref()
        .ok()
        .map(|created| KeyReference::new(&created.key));
    call.record(&mut world, "CreateAPIKey", about, created.is_ok());
    let created = created?;
    let secret = Some(created.secret.expose());
    let value = objects::api_key(&world, &call.base, &created.key, secret);
    let status = match world.switches().key_created {
        KeyCreated::Accepted => StatusCode::ACCEPTED,
        KeyCreated::Created => StatusCode::CREATED,
        KeyCreated::Ok => StatusCode::OK,
    };
    Ok(KEYS.created(&call, status, created.key.id.as_str(), value))
}

pub(super) async fn read(call: Call, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    let mut world = call.simulator.world();
    let key = manageable(&call, world.read_key(&id));
    record_outcome(&call, &mut world, "GetAPIKey", key)?;
    let key = world.read_key(&id)?;
    Ok(Json(objects::api_key(&world, &call.base, key, None)))
}

pub(super) async fn update(
    call: Call,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let body = Body::read(&body)?;
    let change = KeyChange {
        display_name: body.text("/spec/display_name")?,
        description: body.text("/spec/description")?,
    };
    let mut world = call.simulator.world();
    let key = manageable(&call, world.key_to_change(&id));
    let key = key.and_then(|about| {
        only_names(&body, world.read_key(&id)?)?;
        Ok(about)
    });
    record_outcome(&call, &mut world, "UpdateAPIKey", key)?;
    world.update_key(call.now, &id, change)?;
    let key = world.read_key(&id)?;
    Ok(Json(objects::api_key(&world, &call.base, key, None)))
}

pub(super) async fn delete(call: Call, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    let mut world = call.simulator.world();
    let key = manageable(&call, world.key_to_change(&id));
    record_outcome(&call, &mut world, "DeleteAPIKey", key)?;
    world.delete_key(call.now, &id)?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a body asks for.
fn new_key(body: &Body) -> Result<NewKey, Refusal> {
    body.refuse(&NOT_SIMULATED)?;
    body.refuse_read_only(&READ_ONLY)?;
    let owner = body
        .filled("/spec/owner/id")?
        .ok_or_else(|| Refusal::member("/spec/owner", "the owner is required"))?;
    Ok(NewKey {
        display_name: body.text("/spec/display_name")?.unwrap_or_default(),
        description: body.text("/spec/description")?.unwrap_or_default(),
        owner,
        resource: body.filled("/spec/resource/id")?,
        environment: body.filled("/spec/resource/environment")?,
    })
}

/// Refuses to change anything but the name and the description of a key.
fn only_names(body: &Body, key: &Key) -> Result<(), Refusal> {
    body.refuse(&NOT_SIMULATED)?;
    body.refuse_read_only(&["/spec/secret"])?;
    body.unchanged("/id", key.id.as_str())?;
    body.unchanged("/spec/owner/id", key.owner.as_str())?;
    body.unchanged("/spec/resource/id", key.resource.id())?;
    let environment = key.resource.environment().map(ToString::to_string);
    let environment = environment.unwrap_or_default();
    body.unchanged("/spec/resource/environment", &environment)
}

/// A key that the caller may manage.
fn manageable(call: &Call, key: Result<&Key, Refusal>) -> Result<KeyReference, Refusal> {
    let key = key?;
    if call.caller.may_manage(key.owner.as_str()) {
        Ok(KeyReference::new(key))
    } else {
        Err(Refusal::forbidden())
    }
}

/// Records the request, and refuses it unless the key is manageable.
fn record_outcome(
    call: &Call,
    world: &mut World,
    method: &str,
    key: Result<KeyReference, Refusal>,
) -> Result<(), Refusal> {
    call.record(world, method, key.as_ref().ok().cloned(), key.is_ok());
    key.map(|_| ())
}
