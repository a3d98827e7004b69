//! `iam/v2/api-keys`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use serde_json::Value;

use super::call::{Call, object, text};
use super::objects;
use super::paging::Page;
use crate::{KeyChange, NewKey, Refusal, World};

const PATH: &str = "/iam/v2/api-keys";

pub(super) async fn list(call: Call) -> Result<Json<Value>, Refusal> {
    let page = Page::of(&call.query)?;
    let world = call.simulator.world();
    let owner = call.query.get("spec.owner");
    let resource = call.query.get("spec.resource");
    let keys = world
        .list_keys(owner, resource)
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
    let new = new_key(&object(&body)?)?;
    let mut world = call.simulator.world();
    if !call.caller.may_manage(&new.owner) {
        return Err(Refusal::forbidden());
    }
    let created = world.create_key(call.now, &new)?;
    let location = format!("{}{PATH}/{}", call.base, created.key.id);
    let secret = Some(created.secret.expose());
    let value = objects::api_key(&world, &call.base, &created.key, secret);
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], Json(value)))
}

pub(super) async fn read(call: Call, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    let world = call.simulator.world();
    may_manage(&call, &world, &id)?;
    let key = world.read_key(&id)?;
    Ok(Json(objects::api_key(&world, &call.base, key, None)))
}

pub(super) async fn update(
    call: Call,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let body = object(&body)?;
    let change = KeyChange {
        display_name: text(&body, "/spec/display_name")?,
        description: text(&body, "/spec/description")?,
    };
    let mut world = call.simulator.world();
    may_manage(&call, &world, &id)?;
    world.update_key(call.now, &id, change)?;
    let key = world.read_key(&id)?;
    Ok(Json(objects::api_key(&world, &call.base, key, None)))
}

pub(super) async fn delete(call: Call, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    let mut world = call.simulator.world();
    may_manage(&call, &world, &id)?;
    world.delete_key(call.now, &id)?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a body asks for. Members that only answers have, which the vendor's
/// clients send empty, are ignored like unknown ones.
fn new_key(body: &Value) -> Result<NewKey, Refusal> {
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let owner = filled(text(body, "/spec/owner/id")?)
        .ok_or_else(|| Refusal::member("/spec/owner", "the owner is required"))?;
    Ok(NewKey {
        display_name: text(body, "/spec/display_name")?.unwrap_or_default(),
        description: text(body, "/spec/description")?.unwrap_or_default(),
        owner,
        resource: filled(text(body, "/spec/resource/id")?),
        environment: filled(text(body, "/spec/resource/environment")?),
    })
}

fn may_manage(call: &Call, world: &World, id: &str) -> Result<(), Refusal> {
    if call.caller.may_manage(world.read_key(id)?.owner.as_str()) {
        Ok(())
    } else {
        Err(Refusal::forbidden())
    }
}
