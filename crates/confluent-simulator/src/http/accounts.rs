//! `iam/v2/service-accounts` and `iam/v2/users`. Every authenticated
//! caller may see them, an administrator may change them.

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
use crate::Refusal;
use crate::world::AccountChange;

const ACCOUNTS: Collection =
    Collection::new("/iam/v2/service-accounts", "iam/v2", "ServiceAccountList");
const USERS: Collection = Collection::new("/iam/v2/users", "iam/v2", "UserList");

/// `display_name` may be given several times: one that fits is enough.
pub(super) async fn list_accounts(call: Call) -> Result<Json<Value>, Refusal> {
    let wanted: Vec<&str> = call.query.all("display_name").collect();
    let world = call.simulator.world();
    let accounts = world
        .service_accounts()
        .iter()
        .filter(|account| wanted.is_empty() || wanted.contains(&account.display_name.as_str()));
    ACCOUNTS.list(&call, &world, accounts, objects::service_account)
}

pub(super) async fn create_account(call: Call, body: Bytes) -> Result<impl IntoResponse, Refusal> {
    let body = Body::read(&body)?;
    body.refuse_read_only(&["/id"])?;
    let name = body.required("/display_name")?;
    let description = body.text("/description")?.unwrap_or_default();
    call.admin()?;
    let mut world = call.simulator.world();
    let resource_owner = call.query.get("assigned_resource_owner");
    if resource_owner.is_some_and(|id| !world.has_owner(id)) {
        let detail = "assigned_resource_owner is neither a service account nor a user";
        return Err(Refusal::filter("assigned_resource_owner", detail));
    }
    let account = world.create_service_account(call.now, &name, &description)?;
    if let Some(owner) = resource_owner
        && let Err(refusal) = world.assign_resource_owner(call.now, owner, &account.id)
    {
        world.delete_service_account(call.now, account.id.as_str())?;
        return Err(refusal);
    }
    let value = objects::service_account(&world, &call.base, &account);
    Ok(ACCOUNTS.created(&call, StatusCode::CREATED, account.id.as_str(), value))
}

pub(super) async fn read_account(
    call: Call,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let world = call.simulator.world();
    let account = world.service_account(&id)?;
    Ok(Json(objects::service_account(&world, &call.base, account)))
}

pub(super) async fn update_account(
    call: Call,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let body = Body::read(&body)?;
    body.unchanged("/id", &id)?;
    let change = AccountChange {
        display_name: body.not_empty("/display_name")?,
        description: body.text("/description")?,
    };
    call.admin()?;
    let mut world = call.simulator.world();
    world.update_service_account(call.now, &id, change)?;
    let account = world.service_account(&id)?;
    Ok(Json(objects::service_account(&world, &call.base, account)))
}

pub(super) async fn delete_account(
    call: Call,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    call.admin()?;
    let mut world = call.simulator.world();
    world.delete_service_account(call.now, &id)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn list_users(call: Call) -> Result<Json<Value>, Refusal> {
    let world = call.simulator.world();
    USERS.list(&call, &world, world.users(), objects::user)
}

pub(super) async fn read_user(call: Call, Path(id): Path<String>) -> Result<Json<Value>, Refusal> {
    let world = call.simulator.world();
    let user = world.user(&id)?;
    Ok(Json(objects::user(&world, &call.base, user)))
}

pub(super) async fn update_user(
    call: Call,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let body = Body::read(&body)?;
    body.unchanged("/id", &id)?;
    let full_name = body.not_empty("/full_name")?;
    call.admin()?;
    let mut world = call.simulator.world();
    body.unchanged("/email", &world.user(&id)?.email)?;
    body.unchanged("/auth_type", objects::AUTH_TYPE)?;
    world.update_user(call.now, &id, full_name)?;
    let user = world.user(&id)?;
    Ok(Json(objects::user(&world, &call.base, user)))
}

pub(super) async fn delete_user(call: Call, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    call.admin()?;
    let mut world = call.simulator.world();
    world.delete_user(call.now, &id)?;
    Ok(StatusCode::NO_CONTENT)
}
