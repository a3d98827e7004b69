//! `iam/v2/api-keys`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use serde_json::Value;

use super::body::Body;
use super::call::Call;
use super::objects;
use super::paging::Page;
use crate::world::AboutKey;
use crate::{Key, KeyChange, KeyCreated, NewKey, Refusal, World};

const PATH: &str = "/iam/v2/api-keys";
/// Keys for several clusters, and owners outside of this organization.
const NOT_SIMULATED: [&str; 2] = ["/spec/resources", "/spec/owner/environment"];
const READ_ONLY: [&str; 2] = ["/id", "/spec/secret"];

pub(super) async fn list(call: Call) -> Result<Json<Value>, Refusal> {
    let page = Page::of(&call.query)?;
    let mut world = call.simulator.world();
    call.note(&mut world, "GetAPIKeys", None, true);
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
    let render = |key| objects::api_key(&world, &call.base, key, None);
    let types = ("iam/v2", "ApiKeyList");
    Ok(Json(page.cut(&call, PATH, types, keys, render)))
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
        .map(|created| AboutKey::new(&created.key));
    call.note(&mut world, "CreateAPIKey", about, created.is_ok());
    let created = created?;
    let location = format!("{}{PATH}/{}", call.base, created.key.id);
    let secret = Some(created.secret.expose());
    let value = objects::api_key(&world, &call.base, &created.key, secret);
    let status = match world.switches().key_created {
        KeyCreated::Accepted => StatusCode::ACCEPTED,
        KeyCreated::Created => StatusCode::CREATED,
        KeyCreated::Ok => StatusCode::OK,
    };
    Ok((status, [(LOCATION, location)], Json(value)))
}

pub(super) async fn read(call: Call, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    let mut world = call.simulator.world();
    let key = found(&call, world.read_key(&id));
    noted(&call, &mut world, "GetAPIKey", key)?;
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
    let key = found(&call, world.key_to_change(&id));
    let key = key.and_then(|about| {
        only_names(&body, world.read_key(&id)?)?;
        Ok(about)
    });
    noted(&call, &mut world, "UpdateAPIKey", key)?;
    world.update_key(call.now, &id, change)?;
    let key = world.read_key(&id)?;
    Ok(Json(objects::api_key(&world, &call.base, key, None)))
}

pub(super) async fn delete(call: Call, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    let mut world = call.simulator.world();
    let key = found(&call, world.key_to_change(&id));
    noted(&call, &mut world, "DeleteAPIKey", key)?;
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
fn found(call: &Call, key: Result<&Key, Refusal>) -> Result<AboutKey, Refusal> {
    let key = key?;
    if call.caller.may_manage(key.owner.as_str()) {
        Ok(AboutKey::new(key))
    } else {
        Err(Refusal::forbidden())
    }
}

/// Notes the request, and refuses it where the key was not found.
fn noted(
    call: &Call,
    world: &mut World,
    method: &str,
    key: Result<AboutKey, Refusal>,
) -> Result<(), Refusal> {
    call.note(world, method, key.as_ref().ok().cloned(), key.is_ok());
    key.map(|_| ())
}
