//! What `GET /simulator/state` shows, and tests look at: everything that
//! exists or ever did, never a secret.

use jiff::Timestamp;
use serde::Serialize;

use crate::{Availability, CloudProvider, ClusterConfig, OrganizationSettings, Package, World};

/// All that exists in a world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct State {
    /// Id of the organization.
    pub organization: String,
    /// Its name and settings.
    pub organization_settings: OrganizationSettings,
    /// Its environments.
    pub environments: Vec<EnvironmentState>,
    /// Their Kafka clusters.
    pub kafka_clusters: Vec<KafkaClusterState>,
    /// Their Schema Registries.
    pub schema_registries: Vec<SchemaRegistryState>,
    /// Their ksqlDB clusters.
    pub ksqldb_clusters: Vec<KsqldbClusterState>,
    /// Service accounts, with that of the admin key.
    pub service_accounts: Vec<ServiceAccountState>,
    /// Users.
    pub users: Vec<UserState>,
    /// API keys in the order in which they were made, deleted ones too.
    pub api_keys: Vec<KeyState>,
}

/// An environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnvironmentState {
    /// `env-…`.
    pub id: String,
    /// Its name.
    pub display_name: String,
    /// Its Stream Governance package.
    pub stream_governance_package: Package,
}

/// A Kafka cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KafkaClusterState {
    /// `lkc-…`.
    pub id: String,
    /// Its environment.
    pub environment: String,
    /// Its name.
    pub display_name: String,
    /// How many zones it spans.
    pub availability: Availability,
    /// The cloud provider.
    pub cloud: CloudProvider,
    /// The provider's region.
    pub region: String,
    /// The type of the cluster with its limits.
    pub config: ClusterConfig,
    /// Whether it refuses to be deleted.
    pub deletion_protection: bool,
    /// Address of its REST API.
    pub http_endpoint: String,
    /// Address that clients of Kafka begin with.
    pub kafka_bootstrap_endpoint: String,
    /// The one service account that may have keys for it, if it is the cluster
    /// of the audit log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit_log_service_account: Option<String>,
}

/// A Schema Registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SchemaRegistryState {
    /// `lsrc-…`.
    pub id: String,
    /// Its environment.
    pub environment: String,
    /// Its address.
    pub http_endpoint: String,
}

/// A ksqlDB cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KsqldbClusterState {
    /// `lksqlc-…`.
    pub id: String,
    /// Its environment.
    pub environment: String,
    /// Its Kafka cluster.
    pub kafka_cluster: String,
    /// Its name.
    pub display_name: String,
    /// The service account or user that its queries act as.
    pub credential_identity: String,
    /// Its address.
    pub http_endpoint: String,
}

/// A service account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceAccountState {
    /// `sa-…`.
    pub id: String,
    /// Its name.
    pub display_name: String,
    /// Its description.
    pub description: String,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserState {
    /// `u-…`.
    pub id: String,
    /// Its address.
    pub email: String,
    /// Its name.
    pub full_name: String,
}

/// An API key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyState {
    /// Its id.
    pub id: String,
    /// Id of its owner.
    pub owner: String,
    /// Id of what it gives access to.
    pub resource: String,
    /// The environment of that, where it has one.
    pub environment: Option<String>,
    /// Its name.
    pub display_name: String,
    /// Words for people.
    pub description: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is accepted.
    pub usable_at: Timestamp,
    /// When it was last accepted.
    pub last_used_at: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

impl State {
    /// The keys that exist.
    pub fn live_keys(&self) -> impl Iterator<Item = &KeyState> {
        self.api_keys.iter().filter(|key| key.deleted_at.is_none())
    }

    pub(crate) fn of(world: &World) -> Self {
        Self {
            organization: world.organization().to_string(),
            organization_settings: world.organization_settings().clone(),
            environments: world
                .environments()
                .iter()
                .map(|environment| EnvironmentState {
                    id: environment.id.to_string(),
                    display_name: environment.display_name.clone(),
                    stream_governance_package: environment.package,
                })
                .collect(),
            kafka_clusters: world
                .kafka_clusters()
                .iter()
                .map(|cluster| KafkaClusterState {
                    id: cluster.id.to_string(),
                    environment: cluster.environment.to_string(),
                    display_name: cluster.display_name.clone(),
                    availability: cluster.spec.availability,
                    cloud: cluster.spec.cloud,
                    region: cluster.spec.region.clone(),
                    config: cluster.spec.config.clone(),
                    deletion_protection: cluster.spec.deletion_protection,
                    http_endpoint: world.http_endpoint(&cluster.id),
                    kafka_bootstrap_endpoint: cluster.bootstrap_endpoint(),
                    audit_log_service_account: cluster
                        .audit_log_account
                        .as_ref()
                        .map(ToString::to_string),
                })
                .collect(),
            schema_registries: world
                .schema_registries()
                .iter()
                .map(|registry| SchemaRegistryState {
                    id: registry.id.to_string(),
                    environment: registry.environment.to_string(),
                    http_endpoint: world.http_endpoint(&registry.id),
                })
                .collect(),
            ksqldb_clusters: world
                .ksqldb_clusters()
                .iter()
                .map(|cluster| KsqldbClusterState {
                    id: cluster.id.to_string(),
                    environment: cluster.environment.to_string(),
                    kafka_cluster: cluster.kafka_cluster.to_string(),
                    display_name: cluster.display_name.clone(),
                    credential_identity: cluster.credential_identity.to_string(),
                    http_endpoint: world.http_endpoint(&cluster.id),
                })
                .collect(),
            service_accounts: world
                .service_accounts()
                .iter()
                .map(|account| ServiceAccountState {
                    id: account.id.to_string(),
                    display_name: account.display_name.clone(),
                    description: account.description.clone(),
                })
                .collect(),
            users: world
                .users()
                .iter()
                .map(|user| UserState {
                    id: user.id.to_string(),
                    email: user.email.clone(),
                    full_name: user.full_name.clone(),
                })
                .collect(),
            api_keys: world
                .all_keys()
                .iter()
                .map(|key| KeyState {
                    id: key.id.to_string(),
                    owner: key.owner.to_string(),
                    resource: key.resource.id().to_owned(),
                    environment: key.resource.environment().map(ToString::to_string),
                    display_name: key.display_name.clone(),
                    description: key.description.clone(),
                    created_at: key.created_at,
                    usable_at: key.usable_at,
                    last_used_at: key.last_used_at,
                    deleted_at: key.deleted_at,
                })
                .collect(),
        }
    }
}
