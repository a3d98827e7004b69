//! What a key is for.

use confluent_cloud::ids::{EnvironmentId, ResourceId};

use super::{FLINK_REGIONS, World};

/// What a key is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// A Kafka cluster.
    KafkaCluster {
        /// `lkc-…`.
        id: ResourceId,
        /// Its environment.
        environment: EnvironmentId,
    },
    /// A Schema Registry.
    SchemaRegistry {
        /// `lsrc-…`.
        id: ResourceId,
        /// Its environment.
        environment: EnvironmentId,
    },
    /// A ksqlDB cluster.
    Ksqldb {
        /// `lksqlc-…`.
        id: ResourceId,
        /// Its environment.
        environment: EnvironmentId,
        /// Its Kafka cluster.
        kafka_cluster: ResourceId,
    },
    /// A region of Flink.
    FlinkRegion {
        /// Such as `aws.us-east-1`.
        id: ResourceId,
        /// The environment.
        environment: EnvironmentId,
    },
    /// Tableflow.
    Tableflow,
    /// The control plane.
    Cloud,
    /// Management and data planes of the whole organization.
    Global,
}

impl Resource {
    /// Its id, which for some kinds is a word.
    pub fn id(&self) -> &str {
        match self {
            Self::KafkaCluster { id, .. }
            | Self::SchemaRegistry { id, .. }
            | Self::Ksqldb { id, .. }
            | Self::FlinkRegion { id, .. } => id.as_str(),
            Self::Tableflow => "tableflow",
            Self::Cloud => "cloud",
            Self::Global => "global",
        }
    }

    /// Its environment, where it has one.
    pub fn environment(&self) -> Option<&EnvironmentId> {
        match self {
            Self::KafkaCluster { environment, .. }
            | Self::SchemaRegistry { environment, .. }
            | Self::Ksqldb { environment, .. }
            | Self::FlinkRegion { environment, .. } => Some(environment),
            Self::Tableflow | Self::Cloud | Self::Global => None,
        }
    }
}

impl World {
    /// The resource of an id; of a Flink region only together with its
    /// environment, which may stand before it as in `env-1.aws.us-east-1`. The
    /// words are read in any case.
    pub(super) fn resource(&self, id: &str, environment: Option<&str>) -> Option<Resource> {
        match id.to_ascii_lowercase().as_str() {
            "cloud" => return Some(Resource::Cloud),
            "global" => return Some(Resource::Global),
            "tableflow" => return Some(Resource::Tableflow),
            _ => {}
        }
        let resource = self.located(id).or_else(|| self.region(id, environment))?;
        let right_place = environment.is_none_or(|wanted| {
            resource
                .environment()
                .is_some_and(|actual| actual.as_str() == wanted)
        });
        right_place.then_some(resource)
    }

    fn located(&self, id: &str) -> Option<Resource> {
        let mut clusters = self.kafka_clusters.iter();
        if let Some(cluster) = clusters.find(|cluster| cluster.id.as_str() == id) {
            return Some(Resource::KafkaCluster {
                id: cluster.id.clone(),
                environment: cluster.environment.clone(),
            });
        }
        let mut registries = self.schema_registries.iter();
        if let Some(registry) = registries.find(|registry| registry.id.as_str() == id) {
            return Some(Resource::SchemaRegistry {
                id: registry.id.clone(),
                environment: registry.environment.clone(),
            });
        }
        let cluster = self.ksqldb_cluster(id, None).ok()?;
        Some(Resource::Ksqldb {
            id: cluster.id.clone(),
            environment: cluster.environment.clone(),
            kafka_cluster: cluster.kafka_cluster.clone(),
        })
    }

    fn region(&self, id: &str, environment: Option<&str>) -> Option<Resource> {
        let old_form = id.starts_with("env-").then(|| id.split_once('.'));
        let (environment, id) = match old_form.flatten() {
            Some((environment, region)) => (environment, region),
            None => (environment?, id),
        };
        FLINK_REGIONS.iter().find(|region| region.id() == id)?;
        Some(Resource::FlinkRegion {
            id: ResourceId::new(id).ok()?,
            environment: self.environment_id(environment)?,
        })
    }
}
