//! The state of a control plane and its rules. Pure: the time is passed in with
//! every change.

mod access;
mod accounts;
mod audit;
mod bindings;
mod caller;
mod connectors;
mod environments;
mod file;
mod initial;
mod integrations;
mod invalid;
mod kafka;
mod keys;
mod ksqldb;
mod organization;
mod propagation;
mod quotas;
mod regions;
mod resource;
mod sessions;

use std::collections::{BTreeSet, HashMap, VecDeque};

use confluent_cloud::ids::{ApiKeyId, EnvironmentId, OrganizationId, OwnerId, ResourceId};
use jiff::Timestamp;

pub use access::UnknownCluster;
pub(crate) use access::{Admission, DataPlane};
pub(crate) use accounts::AccountChange;
pub use accounts::{ServiceAccount, User};
use audit::AuditEvent;
pub(crate) use audit::{AuditRecord, KeyReference};
pub use bindings::RoleBinding;
pub(crate) use bindings::{NewBinding, ROLES, Role};
pub use caller::Caller;
pub(crate) use connectors::{Connector, ConnectorConfig};
pub(crate) use environments::EnvironmentChange;
pub use environments::{Environment, Package, SchemaRegistry};
pub use file::{WorldFile, parse_world};
pub(crate) use initial::Beginning;
pub use integrations::ProviderIntegration;
pub(crate) use integrations::{IntegrationApi, NewIntegration};
pub use invalid::InvalidWorld;
pub use kafka::{Availability, ClusterConfig, ClusterSpec, KafkaCluster, ReleasePriority};
pub(crate) use kafka::{ClusterChange, NewCluster};
pub use keys::{CreatedKey, Key, KeyChange, NewKey};
pub use ksqldb::KsqldbCluster;
pub(crate) use ksqldb::{FLINK_REGIONS, FlinkRegion};
pub(crate) use organization::OrganizationChange;
pub use organization::OrganizationSettings;
pub use propagation::{Propagation, parse_propagation};
pub(crate) use quotas::{AppliedQuota, Scope};
pub use regions::CloudProvider;
pub use resource::Resource;

use crate::random::Random;
use crate::{Switches, UnknownTarget};
use quotas::Quotas;
use sessions::Sessions;

/// One organization with all that is in it.
#[derive(Debug, Clone)]
pub struct World {
    organization: OrganizationId,
    organization_settings: OrganizationSettings,
    organization_updated_at: Timestamp,
    /// When it began.
    began_at: Timestamp,
    environments: Vec<Environment>,
    kafka_clusters: Vec<KafkaCluster>,
    schema_registries: Vec<SchemaRegistry>,
    ksqldb_clusters: Vec<KsqldbCluster>,
    provider_integrations: Vec<ProviderIntegration>,
    connectors: Vec<Connector>,
    service_accounts: Vec<ServiceAccount>,
    users: Vec<User>,
    bindings: Vec<RoleBinding>,
    /// In the order in which they were made; none is ever taken out.
    keys: Vec<Key>,
    key_places: HashMap<ApiKeyId, usize>,
    sessions: Sessions,
    /// The latest events; older ones are forgotten.
    events: VecDeque<AuditEvent>,
    event_count: u64,
    quotas: Quotas,
    random: Streams,
    propagation: Propagation,
    unknown_target: UnknownTarget,
    switches: Switches,
    data_plane: Option<String>,
    /// Ids of the data planes that cannot be reached.
    unreachable: BTreeSet<String>,
}

/// Random numbers, one stream for each kind of object.
#[derive(Debug, Clone)]
struct Streams {
    environments: Random,
    clusters: Random,
    registries: Random,
    ksqldb: Random,
    integrations: Random,
    connectors: Random,
    accounts: Random,
    users: Random,
    bindings: Random,
    keys: Random,
    sessions: Random,
}

impl Streams {
    fn new(seed: u64) -> Self {
        let stream = |name: &str| Random::new(seed, name);
        Self {
            environments: stream("new-environments"),
            clusters: stream("kafka-clusters"),
            registries: stream("schema-registries"),
            ksqldb: stream("ksqldb-clusters"),
            integrations: stream("provider-integrations"),
            connectors: stream("connectors"),
            accounts: stream("service-accounts"),
            users: stream("users"),
            bindings: stream("role-bindings"),
            keys: stream("keys"),
            sessions: stream("sessions"),
        }
    }
}

impl World {
    /// Id of the organization.
    pub fn organization(&self) -> &OrganizationId {
        &self.organization
    }

    /// When the world began.
    pub fn began_at(&self) -> Timestamp {
        self.began_at
    }

    /// The environments.
    pub fn environments(&self) -> &[Environment] {
        &self.environments
    }

    /// The Kafka clusters of all environments.
    pub fn kafka_clusters(&self) -> &[KafkaCluster] {
        &self.kafka_clusters
    }

    /// The Schema Registries of all environments.
    pub fn schema_registries(&self) -> &[SchemaRegistry] {
        &self.schema_registries
    }

    /// The ksqlDB clusters of all environments.
    pub fn ksqldb_clusters(&self) -> &[KsqldbCluster] {
        &self.ksqldb_clusters
    }

    /// The service accounts. In a new world the last one owns the admin key.
    pub fn service_accounts(&self) -> &[ServiceAccount] {
        &self.service_accounts
    }

    /// The users.
    pub fn users(&self) -> &[User] {
        &self.users
    }

    /// The role bindings.
    pub fn role_bindings(&self) -> &[RoleBinding] {
        &self.bindings
    }

    /// Every key that was ever made, in that order.
    pub fn all_keys(&self) -> &[Key] {
        &self.keys
    }

    /// The assumptions about undocumented behaviour.
    pub(crate) fn switches(&self) -> &Switches {
        &self.switches
    }

    /// The assumptions, for a change at run time.
    pub fn switches_mut(&mut self) -> &mut Switches {
        &mut self.switches
    }

    /// Address of a cluster's or registry's HTTP API: this simulator's own
    /// while it is served, otherwise a name that never resolves.
    pub fn http_endpoint(&self, id: &ResourceId) -> String {
        self.address(id.as_str())
    }

    pub(crate) fn address(&self, host: &str) -> String {
        self.data_plane
            .clone()
            .unwrap_or_else(|| format!("https://{host}.simulator.invalid:443"))
    }

    pub(crate) fn set_data_plane(&mut self, address: String) {
        self.data_plane = Some(address);
    }

    /// The CRN of the organization.
    pub(crate) fn organization_name(&self) -> String {
        format!("crn://confluent.cloud/organization={}", self.organization)
    }

    /// The id of the owner, if it exists.
    fn owner(&self, id: &str) -> Option<OwnerId> {
        let accounts = self.service_accounts.iter().map(|account| &account.id);
        let users = self.users.iter().map(|user| &user.id);
        accounts
            .chain(users)
            .find(|known| known.as_str() == id)
            .cloned()
    }

    /// Whether there is a service account or user with an id.
    pub(crate) fn has_owner(&self, id: &str) -> bool {
        self.owner(id).is_some()
    }

    fn environment_id(&self, id: &str) -> Option<EnvironmentId> {
        let mut known = self.environments.iter().map(|known| &known.id);
        known.find(|known| known.as_str() == id).cloned()
    }
}
