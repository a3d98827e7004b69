//! Kafka clusters: what they are made of, and what may be changed about them.

use confluent_cloud::ids::{EnvironmentId, OwnerId, ResourceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::quotas::Quota;
use super::regions::CloudProvider;
use super::{World, regions};
use crate::Refusal;

/// A Kafka cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaCluster {
    /// `lkc-…`.
    pub id: ResourceId,
    /// Its environment.
    pub environment: EnvironmentId,
    /// Its name.
    pub display_name: String,
    /// Type, place and protection.
    pub spec: ClusterSpec,
    /// Address of its brokers, if the world file names one.
    pub(super) bootstrap: Option<String>,
    /// The one service account that may have keys for it, if it is the cluster
    /// of the audit log.
    pub(crate) audit_log_account: Option<OwnerId>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Type, place and protection of a Kafka cluster. The default is a Basic
/// cluster in one zone of AWS `us-east-1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSpec {
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
}

/// How many zones a cluster spans; `LOW` and `HIGH` are the newer words for
/// the first two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Availability {
    /// One zone.
    #[default]
    SingleZone,
    /// Several zones.
    MultiZone,
    /// One zone.
    Low,
    /// Several zones.
    High,
}

/// The type of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields)]
pub enum ClusterConfig {
    /// Basic.
    Basic {
        /// How many eCKUs it scales to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_ecku: Option<u32>,
    },
    /// Standard.
    Standard {
        /// How many eCKUs it scales to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_ecku: Option<u32>,
    },
    /// Enterprise.
    Enterprise {
        /// How many eCKUs it scales to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_ecku: Option<u32>,
    },
    /// Freight.
    Freight {
        /// How many eCKUs it scales to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_ecku: Option<u32>,
    },
    /// Dedicated.
    Dedicated {
        /// How many CKUs it has.
        cku: u32,
        /// The key of the provider that its data is encrypted with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        encryption_key: Option<String>,
        /// When it receives new releases.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        release_priority: Option<ReleasePriority>,
    },
}

/// When a Dedicated cluster receives new releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ReleasePriority {
    /// With the others.
    Regular,
    /// Before the others.
    Priority,
}

/// A Kafka cluster to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewCluster {
    pub(crate) environment: String,
    pub(crate) display_name: String,
    pub(crate) spec: ClusterSpec,
}

/// What may be changed about a Kafka cluster; absent members stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClusterChange {
    pub(crate) display_name: Option<String>,
    pub(crate) config: Option<ClusterConfig>,
    pub(crate) deletion_protection: Option<bool>,
}

impl Default for ClusterSpec {
    fn default() -> Self {
        Self {
            availability: Availability::default(),
            cloud: CloudProvider::default(),
            region: "us-east-1".into(),
            config: ClusterConfig::Basic { max_ecku: None },
            deletion_protection: false,
        }
    }
}

impl ClusterSpec {
    /// Whether the parts are known and fit each other.
    fn check(&self) -> Result<(), Refusal> {
        if !regions::of(self.cloud).contains(&self.region.as_str()) {
            return Err(Refusal::unknown_region(&self.region));
        }
        self.check_size()
    }

    /// Several zones need two units.
    fn check_size(&self) -> Result<(), Refusal> {
        let (pointer, size) = match self.config {
            ClusterConfig::Dedicated { cku, .. } => ("/spec/config/cku", Some(cku)),
            ClusterConfig::Basic { max_ecku }
            | ClusterConfig::Standard { max_ecku }
            | ClusterConfig::Enterprise { max_ecku }
            | ClusterConfig::Freight { max_ecku } => ("/spec/config/max_ecku", max_ecku),
        };
        let least = match self.availability {
            Availability::SingleZone | Availability::Low => 1,
            Availability::MultiZone | Availability::High => 2,
        };
        match size {
            Some(size) if size < least => Err(Refusal::value(
                pointer,
                &size.to_string(),
                &format!("use {least} or more for this availability"),
            )),
            _ => Ok(()),
        }
    }
}

impl ClusterConfig {
    /// What becomes of it when `wanted` is asked for: limits may change, and a
    /// Basic cluster may become a Standard one.
    fn changed(&self, wanted: Self) -> Result<Self, Refusal> {
        match (self, wanted) {
            (Self::Basic { .. }, wanted @ (Self::Basic { .. } | Self::Standard { .. }))
            | (Self::Standard { .. }, wanted @ Self::Standard { .. })
            | (Self::Enterprise { .. }, wanted @ Self::Enterprise { .. })
            | (Self::Freight { .. }, wanted @ Self::Freight { .. }) => Ok(wanted),
            (
                Self::Dedicated {
                    encryption_key: key,
                    release_priority: priority,
                    ..
                },
                Self::Dedicated {
                    cku,
                    encryption_key,
                    release_priority,
                },
            ) => {
                if encryption_key.is_some() && encryption_key != *key {
                    return Err(Refusal::immutable("/spec/config/encryption_key"));
                }
                Ok(Self::Dedicated {
                    cku,
                    encryption_key: key.clone(),
                    release_priority: release_priority.or(*priority),
                })
            }
            _ => Err(Refusal::immutable("/spec/config/kind")),
        }
    }
}

impl KafkaCluster {
    /// Bootstrap address for Kafka clients. Unless the world file names a
    /// broker, none is behind it: the name never resolves, so that no key is
    /// sent to a stranger.
    pub fn bootstrap_endpoint(&self) -> String {
        self.bootstrap
            .clone()
            .unwrap_or_else(|| format!("SASL_SSL://{}.simulator.invalid:9092", self.id))
    }
}

impl World {
    /// Reads a Kafka cluster, of one environment where it is given.
    ///
    /// # Errors
    /// 403 when there is none.
    pub fn kafka_cluster(
        &self,
        id: &str,
        environment: Option<&str>,
    ) -> Result<&KafkaCluster, Refusal> {
        self.kafka_clusters
            .iter()
            .find(|cluster| {
                cluster.id.as_str() == id
                    && environment.is_none_or(|wanted| cluster.environment.as_str() == wanted)
            })
            .ok_or_else(Refusal::forbidden)
    }

    /// Creates a Kafka cluster; it is provisioned at once.
    ///
    /// # Errors
    /// 400 for a region that its provider does not have or a size that is too
    /// small, 403 when the environment does not exist, 402 when a quota is
    /// reached.
    pub(crate) fn create_kafka_cluster(
        &mut self,
        now: Timestamp,
        new: NewCluster,
    ) -> Result<KafkaCluster, Refusal> {
        let environment = self
            .environment_id(&new.environment)
            .ok_or_else(Refusal::forbidden)?;
        new.spec.check()?;
        self.has_room(Quota::KafkaClusters, self.organization.as_str())?;
        self.has_room(Quota::KafkaClustersOfEnvironment, environment.as_str())?;
        let cluster = KafkaCluster {
            id: self.new_place_id("lkc").map_err(|_| Refusal::not_found())?,
            environment,
            display_name: new.display_name,
            spec: new.spec,
            bootstrap: None,
            audit_log_account: None,
            created_at: now,
            updated_at: now,
        };
        self.kafka_clusters.push(cluster.clone());
        Ok(cluster)
    }

    /// Changes a Kafka cluster.
    ///
    /// # Errors
    /// 403 when there is none, 400 for what cannot be changed.
    pub(crate) fn update_kafka_cluster(
        &mut self,
        now: Timestamp,
        id: &str,
        change: ClusterChange,
    ) -> Result<&KafkaCluster, Refusal> {
        let cluster = self
            .kafka_clusters
            .iter_mut()
            .find(|cluster| cluster.id.as_str() == id)
            .ok_or_else(Refusal::forbidden)?;
        let mut spec = cluster.spec.clone();
        if let Some(wanted) = change.config {
            spec.config = spec.config.changed(wanted)?;
            spec.check_size()?;
        }
        if let Some(protected) = change.deletion_protection {
            spec.deletion_protection = protected;
        }
        if let Some(name) = change.display_name {
            cluster.display_name = name;
        }
        cluster.spec = spec;
        cluster.updated_at = now;
        Ok(cluster)
    }

    /// Deletes a Kafka cluster with its keys, and the ksqlDB clusters and connectors
    /// on it.
    ///
    /// # Errors
    /// 403 when there is none, 409 when it is protected.
    pub fn delete_kafka_cluster(&mut self, now: Timestamp, id: &str) -> Result<(), Refusal> {
        if self.kafka_cluster(id, None)?.spec.deletion_protection {
            return Err(Refusal::protected());
        }
        self.delete_keys(now, |key| key.resource.id() == id);
        self.delete_ksqldb_of(now, id);
        self.connectors.retain(|known| known.cluster.as_str() != id);
        self.kafka_clusters
            .retain(|cluster| cluster.id.as_str() != id);
        self.forget_bindings(&format!("/cloud-cluster={id}"));
        Ok(())
    }
}
