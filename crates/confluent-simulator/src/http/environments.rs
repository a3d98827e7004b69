//! The organization, its environments and their Schema Registries. Every
//! authenticated caller may see them, an administrator may change them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use confluent_cloud::ids::EnvironmentId;
use serde_json::Value;

use super::body::Body;
use super::call::Call;
use super::collection::Collection;
use super::objects;
use crate::world::{EnvironmentChange, OrganizationChange, World};
use crate::{Package, Refusal};

const ORGANIZATIONS: Collection =
    Collection::new("/org/v2/organizations", "org/v2", "OrganizationList");
const ENVIRONMENTS: Collection =
    Collection::new("/org/v2/environments", "org/v2", "EnvironmentList");
const REGISTRIES: Collection = Collection::new("/srcm/v3/clusters", "srcm/v3", "ClusterList");
/// As long as the name of an organization may be.
const LONGEST_NAME: usize = 31;
const PACKAGES: [(&str, Package); 2] = [
    ("ESSENTIALS", Package::Essentials),
    ("ADVANCED", Package::Advanced),
];

pub(super) async fn list_organizations(call: Call) -> Result<Json<Value>, Refusal> {
    let world = call.simulator.world();
    let render = |world: &World, base: &str, ()| objects::organization(world, base);
    ORGANIZATIONS.list(&call, &world, [()], render)
}

pub(super) async fn read_organization(
    call: Call,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let world = call.simulator.world();
    if world.organization().as_str() != id {
        return Err(Refusal::forbidden());
    }
    Ok(Json(objects::organization(&world, &call.base)))
}

pub(super) async fn update_organization(
    call: Call,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    const NAME: &str = "/display_name";
    let body = Body::read(&body)?;
    body.unchanged("/id", &id)?;
    let change = OrganizationChange {
        display_name: body.not_empty(NAME)?,
        jit_enabled: body.flag("/jit_enabled")?,
        scim_enabled: body.flag("/scim_enabled")?,
    };
    if let Some(name) = &change.display_name
        && name.chars().count() > LONGEST_NAME
    {
        let remedy = format!("use {LONGEST_NAME} characters or less");
        return Err(Refusal::value(NAME, name, &remedy));
    }
    call.admin()?;
    let mut world = call.simulator.world();
    if world.organization().as_str() != id {
        return Err(Refusal::forbidden());
    }
    world.update_organization(call.now, change);
    Ok(Json(objects::organization(&world, &call.base)))
}

pub(super) async fn list_environments(call: Call) -> Result<Json<Value>, Refusal> {
    let world = call.simulator.world();
    ENVIRONMENTS.list(&call, &world, world.environments(), objects::environment)
}

pub(super) async fn create_environment(
    call: Call,
    body: Bytes,
) -> Result<impl IntoResponse, Refusal> {
    let body = Body::read(&body)?;
    body.refuse_read_only(&["/id"])?;
    let name = body.required("/display_name")?;
    let package = package(&body)?.unwrap_or_default();
    call.admin()?;
    let mut world = call.simulator.world();
    let environment = world.create_environment(call.now, &name, package)?;
    let value = objects::environment(&world, &call.base, &environment);
    Ok(ENVIRONMENTS.created(&call, StatusCode::CREATED, environment.id.as_str(), value))
}

pub(super) async fn read_environment(
    call: Call,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let world = call.simulator.world();
    let environment = world.environment(&id)?;
    Ok(Json(objects::environment(&world, &call.base, environment)))
}

pub(super) async fn update_environment(
    call: Call,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let body = Body::read(&body)?;
    body.unchanged("/id", &id)?;
    let change = EnvironmentChange {
        display_name: body.not_empty("/display_name")?,
        package: package(&body)?,
    };
    call.admin()?;
    let mut world = call.simulator.world();
    world.update_environment(call.now, &id, change)?;
    let environment = world.environment(&id)?;
    Ok(Json(objects::environment(&world, &call.base, environment)))
}

pub(super) async fn delete_environment(
    call: Call,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    call.admin()?;
    let mut world = call.simulator.world();
    world.delete_environment(call.now, &id)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Registries of the one environment that the query must name.
pub(super) async fn list_registries(call: Call) -> Result<Json<Value>, Refusal> {
    let registries = InEnvironments {
        collection: REGISTRIES,
        all: World::schema_registries,
        environment: |registry| &registry.environment,
        render: objects::registry,
    };
    registries.list(&call, |_| true)
}

pub(super) async fn read_registry(
    call: Call,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    if !call.query.has("environment") {
        return Err(no_environment());
    }
    let wanted = call.query.get("environment");
    let world = call.simulator.world();
    let mut registries = world.schema_registries().iter();
    let registry = registries
        .find(|registry| {
            registry.id.as_str() == id
                && wanted.is_none_or(|wanted| registry.environment.as_str() == wanted)
        })
        .ok_or_else(Refusal::forbidden)?;
    Ok(Json(objects::registry(&world, &call.base, registry)))
}

/// Objects that lie in environments each, and how they are listed.
pub(super) struct InEnvironments<T> {
    pub(super) collection: Collection,
    pub(super) all: fn(&World) -> &[T],
    pub(super) environment: fn(&T) -> &EnvironmentId,
    pub(super) render: fn(&World, &str, &T) -> Value,
}

impl<T> InEnvironments<T> {
    /// Those of the one environment that the query must name, and that fit.
    pub(super) fn list(
        &self,
        call: &Call,
        fits: impl Fn(&T) -> bool,
    ) -> Result<Json<Value>, Refusal> {
        let wanted = call.query.get("environment").ok_or_else(no_environment)?;
        let world = call.simulator.world();
        if world.environment(wanted).is_err() {
            return Err(Refusal::forbidden());
        }
        let here = |object: &&T| (self.environment)(object).as_str() == wanted && fits(object);
        let objects = (self.all)(&world).iter().filter(here);
        self.collection.list(call, &world, objects, self.render)
    }
}

fn package(body: &Body) -> Result<Option<Package>, Refusal> {
    body.one_of("/stream_governance_config/package", &PACKAGES)
}

pub(super) fn no_environment() -> Refusal {
    Refusal::filter("environment", "environment is required")
}
