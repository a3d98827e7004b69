//! `iam/v2/role-bindings`, for administrators.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::body::Body;
use super::call::Call;
use super::collection::Collection;
use super::objects;
use crate::Refusal;
use crate::world::NewBinding;

const BINDINGS: Collection = Collection::new("/iam/v2/role-bindings", "iam/v2", "RoleBindingList");

/// `crn_pattern` must be given; what contains it is listed.
pub(super) async fn list(call: Call) -> Result<Json<Value>, Refusal> {
    let pattern = call
        .query
        .get("crn_pattern")
        .ok_or_else(|| Refusal::filter("crn_pattern", "crn_pattern is required"))?;
    call.admin()?;
    let (principal, role) = (call.query.get("principal"), call.query.get("role_name"));
    let world = call.simulator.world();
    let bindings = world.list_role_bindings(pattern, principal, role);
    BINDINGS.list(&call, &world, bindings, objects::role_binding)
}

pub(super) async fn create(call: Call, body: Bytes) -> Result<impl IntoResponse, Refusal> {
    let body = Body::read(&body)?;
    body.refuse_read_only(&["/id"])?;
    let new = NewBinding {
        principal: body.required("/principal")?,
        role_name: body.required("/role_name")?,
        crn_pattern: body.required("/crn_pattern")?,
    };
    call.admin()?;
    let mut world = call.simulator.world();
    let binding = world.create_role_binding(call.now, new)?;
    let value = objects::role_binding(&world, &call.base, &binding);
    Ok(BINDINGS.created(&call, StatusCode::CREATED, binding.id.as_str(), value))
}

pub(super) async fn read(call: Call, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    call.admin()?;
    let world = call.simulator.world();
    let binding = world.role_binding(&id)?;
    Ok(Json(objects::role_binding(&world, &call.base, binding)))
}

pub(super) async fn delete(call: Call, Path(id): Path<String>) -> Result<Response, Refusal> {
    call.admin()?;
    let mut world = call.simulator.world();
    let binding = world.delete_role_binding(&id)?;
    if world.switches().binding_deleted_without_body {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let value = objects::role_binding(&world, &call.base, &binding);
    Ok(Json(value).into_response())
}
