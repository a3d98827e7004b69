//! The state of a control plane and its rules. Pure: every change is told what
//! time it is.

mod beginning;
mod keys;
mod resource;

use std::collections::HashMap;

use confluent_cloud::ids::{ApiKeyId, EnvironmentId, OrganizationId, OwnerId, ResourceId};
use jiff::Timestamp;

pub use keys::{Caller, CreatedKey, Key, KeyChange, NewKey};
pub use resource::Resource;

use crate::UnknownTarget;
use crate::random::Random;

/// One organization with all that is in it.
#[derive(Debug, Clone)]
pub struct World {
    organization: OrganizationId,
    /// When all but the keys was made.
    began_at: Timestamp,
    environments: Vec<Environment>,
    kafka_clusters: Vec<KafkaCluster>,
    schema_registries: Vec<SchemaRegistry>,
    service_accounts: Vec<ServiceAccount>,
    users: Vec<User>,
    /// Who may do everything (`OrganizationAdmin`).
    admins: Vec<OwnerId>,
    /// In the order in which they were made; none is ever taken out.
    keys: Vec<Key>,
    key_places: HashMap<ApiKeyId, usize>,
    random: Random,
    unknown_target: UnknownTarget,
    data_plane: Option<String>,
}

/// An environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// `env-…`.
    pub id: EnvironmentId,
    /// Its name.
    pub display_name: String,
}

/// A Kafka cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaCluster {
    /// `lkc-…`.
    pub id: ResourceId,
    /// Its environment.
    pub environment: EnvironmentId,
    /// Its name.
    pub display_name: String,
}

/// A Schema Registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaRegistry {
    /// `lsrc-…`.
    pub id: ResourceId,
    /// Its environment.
    pub environment: EnvironmentId,
}

/// A service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// `sa-…`.
    pub id: OwnerId,
    /// Its name, unique in the organization.
    pub display_name: String,
    /// Words for people.
    pub description: String,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// `u-…`.
    pub id: OwnerId,
    /// Its address.
    pub email: String,
}

impl World {
    /// Id of the organization.
    pub fn organization(&self) -> &OrganizationId {
        &self.organization
    }

    /// When environments, clusters and accounts were made.
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

    /// The service accounts; the last is the admin key's.
    pub fn service_accounts(&self) -> &[ServiceAccount] {
        &self.service_accounts
    }

    /// The users.
    pub fn users(&self) -> &[User] {
        &self.users
    }

    /// Every key that was ever made, in that order.
    pub fn all_keys(&self) -> &[Key] {
        &self.keys
    }

    /// Address of a cluster's or registry's HTTP API: this simulator's own
    /// while it is served, otherwise a name that never resolves.
    pub fn http_endpoint(&self, id: &ResourceId) -> String {
        self.data_plane
            .clone()
            .unwrap_or_else(|| format!("https://{id}.simulator.invalid:443"))
    }

    pub(crate) fn set_data_plane(&mut self, address: String) {
        self.data_plane = Some(address);
    }
}

impl KafkaCluster {
    /// Address that clients of Kafka begin with. No broker is behind it: the
    /// name never resolves, so that no key is sent to a stranger.
    pub fn bootstrap_endpoint(&self) -> String {
        format!("SASL_SSL://{}.simulator.invalid:9092", self.id)
    }
}
