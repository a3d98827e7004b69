//! What the vendor's command line asks beside the public API: its login, the
//! lists of an older API, and roles.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::body::Body;
use super::call::Call;
use crate::world::{ROLES, Role};
use crate::{Refusal, Simulator, World};

/// The older API numbers what the newer one names.
const ORGANIZATION_NUMBER: u32 = 42;
const FIRST_ACCOUNT: usize = 1001;
const FIRST_USER: usize = 1;

/// Nobody signs on elsewhere, and a password is enough.
pub(super) async fn realm() -> Json<Value> {
    Json(json!({"is_sso": false, "mfa_required": false, "realm": ""}))
}

/// There is no refresh token: the command line would store it in the clear
/// unless it begins in a certain way.
pub(super) async fn begin(
    State(simulator): State<Simulator>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let body = Body::read(&body)?;
    let email = body.text("/email")?.unwrap_or_default();
    let password = body.text("/password")?.unwrap_or_default();
    let organization_id = body.filled("/org_resource_id")?;
    let now = simulator.clock().now();
    let mut world = simulator.world();
    let token = world.begin_session(now, &email, &password, organization_id.as_deref())?;
    Ok(Json(json!({
        "token": token,
        "refresh_token": "",
        "organization": organization(&world),
        "error": null,
    })))
}

pub(super) async fn me(call: Call) -> Json<Value> {
    let world = call.simulator.world();
    let id = call.caller.owner().as_str();
    let everybody = users(&world).into_iter().chain(service_accounts(&world));
    let user = everybody
        .into_iter()
        .find(|user| user["resource_id"] == id)
        .unwrap_or_default();
    let accounts: Vec<Value> = world
        .environments()
        .iter()
        .map(|one| json!({"id": one.id.as_str(), "name": one.display_name}))
        .collect();
    Json(json!({
        "user": user,
        "accounts": accounts,
        "organization": organization(&world),
        "error": null,
    }))
}

pub(super) async fn free_trial(_: Call) -> Json<Value> {
    Json(json!({}))
}

pub(super) async fn list_service_accounts(call: Call) -> Json<Value> {
    let world = call.simulator.world();
    Json(json!({"users": service_accounts(&world), "error": null}))
}

pub(super) async fn list_users(call: Call) -> Json<Value> {
    let world = call.simulator.world();
    Json(json!({"users": users(&world), "error": null}))
}

/// The roles of the namespaces that the query names, separated by commas; all
/// when it names none.
pub(super) async fn roles(call: Call) -> Json<Value> {
    let wanted = call.query.get("namespace");
    let fits = |role: &Role| {
        wanted.is_none_or(|wanted| wanted.split(',').any(|one| one == role.namespace))
    };
    let roles = ROLES.into_iter().filter(fits);
    Json(roles.map(role_object).collect())
}

pub(super) async fn read_role(_: Call, Path(name): Path<String>) -> Result<Json<Value>, Refusal> {
    let mut roles = ROLES.into_iter();
    let found = roles
        .find(|known| known.name == name)
        .ok_or_else(Refusal::not_found)?;
    Ok(Json(role_object(found)))
}

fn role_object(role: Role) -> Value {
    json!({
        "name": role.name,
        "policies": [{
            "bindingScope": role.scope,
            "bindWithResource": false,
            "allowedOperations": [{"resourceType": "All", "operations": ["All"]}],
        }],
    })
}

fn organization(world: &World) -> Value {
    json!({
        "id": ORGANIZATION_NUMBER,
        "resource_id": world.organization().as_str(),
        "name": world.organization_settings().display_name,
    })
}

fn service_accounts(world: &World) -> Vec<Value> {
    let accounts = world.service_accounts().iter().zip(FIRST_ACCOUNT..);
    accounts
        .map(|(account, number)| {
            json!({
                "id": number,
                "resource_id": account.id.as_str(),
                "email": "",
                "service_name": account.display_name,
                "service_description": account.description,
                "service_account": true,
                "organization_id": ORGANIZATION_NUMBER,
            })
        })
        .collect()
}

fn users(world: &World) -> Vec<Value> {
    let users = world.users().iter().zip(FIRST_USER..);
    users
        .map(|(user, number)| {
            json!({
                "id": number,
                "resource_id": user.id.as_str(),
                "email": user.email,
                "first_name": user.full_name,
                "last_name": "",
                "service_name": "",
                "service_account": false,
                "organization_id": ORGANIZATION_NUMBER,
            })
        })
        .collect()
}
