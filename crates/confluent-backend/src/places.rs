//! The trait through which the engine finds out where resources are.

use async_trait::async_trait;
use confluent_cloud::ids::EnvironmentId;
use confluent_cloud::{Class, KeyResource, Location};
use engine::control_plane::Access;
use jiff::Timestamp;
use readiness::{LookUpError, Place, Places, Resource};

use crate::ConfluentCloud;

#[async_trait]
impl Places<Access> for ConfluentCloud {
    async fn find(
        &self,
        account: &Access,
        resource: &Resource,
        now: Timestamp,
    ) -> Result<Place, LookUpError> {
        let failed = |message: String| LookUpError::Failed { message };
        let wanted = key_resource(resource, None).map_err(failed)?;
        let environment = environment(resource, None).map_err(failed)?;
        let client = self.clients.of(account, Class::Look);
        let client = client.map_err(|error| failed(error.message))?;
        let located = client.locate(&wanted, environment.as_ref()).await;
        match located.map_err(|error| failed(error.to_string()))? {
            Some(location) => Ok(place(location, now)),
            None => Err(LookUpError::Absent {
                message: absent(resource),
            }),
        }
    }
}

/// The client's word for a resource.
pub(crate) fn key_resource(
    resource: &Resource,
    place: Option<&Place>,
) -> Result<KeyResource, String> {
    let environment = environment(resource, place)?;
    KeyResource::from_id(&resource.id, environment).map_err(|error| format!("`resource`: {error}"))
}

/// The environment that a role names, and else the one that was looked up.
fn environment(
    resource: &Resource,
    place: Option<&Place>,
) -> Result<Option<EnvironmentId>, String> {
    let looked_up = place.and_then(|place| place.environment.as_ref());
    let id = resource.environment.as_ref().or(looked_up);
    let id = id.map(EnvironmentId::new).transpose();
    id.map_err(|error| format!("`resource_env`: {error}"))
}

fn place(location: Location, now: Timestamp) -> Place {
    let mut place = Place::looked_up_at(now);
    place.environment = location.environment.map(|id| id.as_str().to_owned());
    place.organization = location.organization.map(|id| id.as_str().to_owned());
    place.http_endpoint = location.http_endpoint.map(|address| address.to_string());
    // `SASL_SSL://host:port`; clients take host and port.
    place.bootstrap_server = location.bootstrap_endpoint.map(|address| {
        let server = address.split_once("://").map(|(_, server)| server);
        server.unwrap_or(&address).to_owned()
    });
    place
}

fn absent(resource: &Resource) -> String {
    let id = &resource.id;
    match &resource.environment {
        Some(environment) => format!(
            "`{id}` was not found in environment `{environment}`: check `resource` and \
             `resource_env`, and that the account's key may see it"
        ),
        None => format!(
            "`{id}` was not found in any environment that the account's key sees: check `resource`, \
             or give its environment (`resource_env`)"
        ),
    }
}
