//! Where queries run: ksqlDB clusters, and regions of Flink. Nothing runs in
//! them; they are there so that keys can be for them.

use confluent_cloud::ids::{EnvironmentId, OwnerId, ResourceId};
use jiff::Timestamp;

use super::World;
use crate::Refusal;

/// A ksqlDB cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KsqldbCluster {
    /// `lksqlc-…`.
    pub id: ResourceId,
    /// Its environment.
    pub environment: EnvironmentId,
    /// The Kafka cluster that it reads and writes.
    pub kafka_cluster: ResourceId,
    /// Its name.
    pub display_name: String,
    /// The service account or user that its queries act as.
    pub credential_identity: OwnerId,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A region that Flink is offered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FlinkRegion {
    /// `aws`, `azure` or `gcp`.
    pub(crate) cloud: &'static str,
    pub(crate) name: &'static str,
    pub(crate) display_name: &'static str,
}

/// A few of the vendor's, of each cloud.
pub(crate) const FLINK_REGIONS: [FlinkRegion; 8] = [
    region("aws", "eu-central-1", "Frankfurt (eu-central-1)"),
    region("aws", "eu-west-1", "Ireland (eu-west-1)"),
    region("aws", "us-east-1", "N. Virginia (us-east-1)"),
    region("aws", "us-west-2", "Oregon (us-west-2)"),
    region("azure", "eastus", "Virginia (eastus)"),
    region("azure", "westeurope", "Netherlands (westeurope)"),
    region("gcp", "europe-west3", "Frankfurt (europe-west3)"),
    region("gcp", "us-east1", "South Carolina (us-east1)"),
];

const fn region(
    cloud: &'static str,
    name: &'static str,
    display_name: &'static str,
) -> FlinkRegion {
    FlinkRegion {
        cloud,
        name,
        display_name,
    }
}

impl FlinkRegion {
    /// Such as `aws.us-east-1`.
    pub(crate) fn id(self) -> String {
        format!("{}.{}", self.cloud, self.name)
    }
}

impl World {
    /// Reads a ksqlDB cluster, of one environment where it is given.
    ///
    /// # Errors
    /// 403 when there is none.
    pub fn ksqldb_cluster(
        &self,
        id: &str,
        environment: Option<&str>,
    ) -> Result<&KsqldbCluster, Refusal> {
        let mut clusters = self.ksqldb_clusters.iter();
        clusters
            .find(|cluster| {
                cluster.id.as_str() == id
                    && environment.is_none_or(|wanted| cluster.environment.as_str() == wanted)
            })
            .ok_or_else(Refusal::forbidden)
    }

    /// Deletes the ksqlDB clusters of a Kafka cluster with their keys, because
    /// that is deleted.
    pub(super) fn delete_ksqldb_of(&mut self, now: Timestamp, kafka_cluster: &str) {
        let here = |cluster: &KsqldbCluster| cluster.kafka_cluster.as_str() == kafka_cluster;
        let clusters = self.ksqldb_clusters.iter();
        let gone: Vec<ResourceId> = clusters
            .filter(|cluster| here(cluster))
            .map(|cluster| cluster.id.clone())
            .collect();
        self.delete_keys(now, |key| {
            gone.iter().any(|id| id.as_str() == key.resource.id())
        });
        self.ksqldb_clusters.retain(|cluster| !here(cluster));
    }
}
