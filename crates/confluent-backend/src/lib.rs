//! The one place where the engine and the client of Confluent Cloud meet: the
//! engine's view of the cloud, answered by real requests.
//!
//! It translates types and errors, caches clients, and passes on whose turn in
//! the organization's pace each request uses. It decides nothing: what becomes of
//! a key is the engine's affair, how a request is sent the client's.

mod clients;
mod convert;
mod measurements;
mod places;
mod probe;

use std::sync::Arc;

use async_trait::async_trait;
use confluent_cloud::ids::ServiceAccountId;
use confluent_cloud::{
    Budgets, Class, Effects, ListFilter, Prober, RemovalBy, RetryPolicy, RoleBindingFilter,
};
use engine::control_plane::{
    Access, CloudError, ControlPlane, CreatedKey, HeldRole, KeyList, Keys, KnownKey, Lookup,
    NewKey, Pace, Paced, Presence, Rights, Target,
};
use engine::ids::{EnvironmentId, KeyId, OrganizationId, OwnerId, ResourceId, ResourceKind};
use engine::{EngineFactory, SecretText};

use logical::{Backend, BackendContext, Error, Factory, OtherName};
use readiness::{Places, Probe};

use crate::clients::Clients;

/// Makes engines that reach Confluent Cloud over HTTPS. All mounts of a process
/// share one, and with it their connections and the pace of each organization.
pub fn factory() -> ConfluentFactory {
    ConfluentFactory::new(ConfluentCloud::default())
}

/// The engine's name where it is built in; the name of the plugin is the same on
/// every server.
const OTHER_NAMES: [OtherName; 1] = [OtherName::new("confluent-cloud", "")];

/// Makes engines on one [`ConfluentCloud`], and lets it report its requests to
/// the metrics of the host that mounts them.
pub struct ConfluentFactory {
    engines: EngineFactory,
    cloud: Arc<ConfluentCloud>,
}

impl ConfluentFactory {
    /// Engines that reach Confluent Cloud through this.
    pub fn new(cloud: ConfluentCloud) -> Self {
        let cloud = Arc::new(cloud);
        Self {
            engines: EngineFactory::new(Arc::clone(&cloud) as Arc<dyn ControlPlane>),
            cloud,
        }
    }
}

impl Factory for ConfluentFactory {
    fn create(&self, context: BackendContext) -> Result<Arc<dyn Backend>, Error> {
        // A process has one host, so that all of its mounts say the same.
        let metrics = Arc::clone(&context.metrics);
        self.cloud.clients.measurements.go_to(metrics);
        self.engines.create(context)
    }

    fn other_names(&self) -> &[OtherName] {
        &OTHER_NAMES
    }

    fn version(&self) -> &str {
        self.engines.version()
    }
}

/// Confluent Cloud's control plane over HTTPS.
#[derive(Default)]
pub struct ConfluentCloud {
    clients: Clients,
    prober: Prober,
}

impl ConfluentCloud {
    /// The same with another retry policy.
    #[must_use]
    pub fn with_retries(mut self, retries: RetryPolicy) -> Self {
        self.clients = self.clients.cleared();
        self.clients.retries = retries;
        self
    }

    /// The same with another pace.
    #[must_use]
    pub fn with_budgets(mut self, budgets: Budgets) -> Self {
        self.clients = self.clients.cleared();
        self.clients.budgets = budgets;
        self
    }

    /// The same with another clock and source of randomness.
    #[must_use]
    pub fn with_effects(mut self, effects: Arc<dyn Effects>) -> Self {
        self.clients = self.clients.cleared();
        self.clients.effects = effects;
        self
    }
}

#[async_trait]
impl Keys for ConfluentCloud {
    fn check_access(&self, access: &Access) -> Result<Vec<String>, String> {
        convert::check(access)
    }

    fn check_secret(&self, secret: &SecretText) -> Result<(), String> {
        convert::check_secret(secret).map(|_| ())
    }

    async fn create_key(&self, access: &Access, key: &NewKey) -> Result<CreatedKey, CloudError> {
        let client = self.clients.of(access, Class::Reader)?;
        let wanted = convert::new_key(key)?;
        let created = client.create_api_key(&wanted).await;
        created.map(convert::created).map_err(convert::error)
    }

    async fn read_key(&self, access: &Access, id: &KeyId) -> Result<KnownKey, CloudError> {
        let client = self.clients.of(access, Class::Reader)?;
        let read = if *id == access.key_id {
            client.read_own_key().await
        } else {
            client.read_api_key(&convert::key_id(id)?).await
        };
        read.map(convert::known).map_err(convert::error)
    }

    // The engine lists keys to find one that must go, or to prove that one is
    // gone: that is part of removing it.
    async fn list_keys(&self, access: &Access, target: &Target) -> Result<KeyList, CloudError> {
        let client = self.clients.of(access, Class::Removal(RemovalBy::Host))?;
        let filter = ListFilter {
            owner: Some(convert::owner(target)?),
            resource: Some(convert::resource(target)?),
        };
        let listing = client.list_api_keys(&filter).await;
        let listing = listing.map_err(convert::error)?;
        Ok(KeyList {
            keys: listing.items.into_iter().map(convert::known).collect(),
            complete: listing.complete,
        })
    }

    async fn delete_key(&self, access: &Access, id: &KeyId) -> Result<(), CloudError> {
        let client = self.clients.of(access, Class::Removal(RemovalBy::Host))?;
        let deleted = client.delete_api_key(&convert::key_id(id)?).await;
        deleted.map_err(convert::error)
    }
}

#[async_trait]
impl Rights for ConfluentCloud {
    async fn list_roles(
        &self,
        access: &Access,
        organization: &OrganizationId,
        owner: &OwnerId,
    ) -> Result<Vec<HeldRole>, CloudError> {
        let client = self.clients.of(access, Class::Reader)?;
        let filter = RoleBindingFilter {
            // The service gives all whose pattern begins with it.
            crn_pattern: format!("crn://confluent.cloud/organization={organization}"),
            principal: Some(format!("User:{owner}")),
            role_name: None,
        };
        let bindings = client.list_role_bindings(&filter).await;
        convert::held_roles(owner, bindings.map_err(convert::error)?)
    }
}

#[async_trait]
impl Lookup for ConfluentCloud {
    async fn find_owner(&self, access: &Access, owner: &OwnerId) -> Result<Presence, CloudError> {
        // The API does not read users.
        let Ok(id) = ServiceAccountId::new(owner.as_str()) else {
            return Ok(Presence::Unknown);
        };
        let client = self.clients.of(access, Class::Operator)?;
        convert::presence(client.read_service_account(&id).await)
    }

    async fn find_resource(
        &self,
        access: &Access,
        resource: &ResourceId,
        environment: Option<&EnvironmentId>,
    ) -> Result<Presence, CloudError> {
        let (Ok(id), Some(environment)) = (
            confluent_cloud::ids::ResourceId::new(resource.as_str()),
            environment.and_then(|id| confluent_cloud::ids::EnvironmentId::new(id.as_str()).ok()),
        ) else {
            return Ok(Presence::Unknown);
        };
        let client = self.clients.of(access, Class::Operator)?;
        match resource.kind() {
            Some(ResourceKind::Kafka) => {
                convert::presence(client.read_kafka_cluster(&environment, &id).await)
            }
            Some(ResourceKind::SchemaRegistry) => {
                convert::presence(client.read_schema_registry(&environment, &id).await)
            }
            _ => Ok(Presence::Unknown),
        }
    }
}

impl Paced for ConfluentCloud {
    fn pace(&self, access: &Access) -> Option<Pace> {
        self.clients.pace(access)
    }
}

impl ControlPlane for ConfluentCloud {
    fn rights(&self) -> Option<&dyn Rights> {
        Some(self)
    }

    fn lookup(&self) -> Option<&dyn Lookup> {
        Some(self)
    }

    fn paced(&self) -> Option<&dyn Paced> {
        Some(self)
    }

    fn prober(&self) -> Option<&dyn Probe<Access>> {
        Some(self)
    }

    fn places(&self) -> Option<&dyn Places<Access>> {
        Some(self)
    }
}
