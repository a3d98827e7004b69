//! Where a resource that keys are made for can be asked: environment and
//! address, as Confluent tells them.

use crate::ids::{EnvironmentId, OrganizationId, ResourceId};
use crate::{Client, Endpoint, Error, ErrorKind, KeyResource};

/// Where a resource is. What its kind does not have is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Location {
    /// Its environment.
    pub environment: Option<EnvironmentId>,
    /// The organization, which the paths of Flink name.
    pub organization: Option<OrganizationId>,
    /// The address of its REST API, the public one where there are two. Absent
    /// while it is provisioned.
    pub http_endpoint: Option<Endpoint>,
    /// The bootstrap server of a Kafka cluster.
    pub bootstrap_endpoint: Option<String>,
}

/// What is told by environment only.
#[derive(Clone, Copy)]
enum Cluster<'a> {
    Kafka(&'a ResourceId),
    SchemaRegistry(&'a ResourceId),
    Ksqldb(&'a ResourceId),
}

impl Location {
    fn at(http_endpoint: Option<Endpoint>) -> Self {
        Self {
            http_endpoint,
            ..Self::default()
        }
    }
}

impl Client {
    /// Finds out where a resource is. Without an environment, each one that the
    /// credentials may see is asked once, since most kinds are only told by
    /// environment. Nothing is found where the resource does not exist or may not
    /// be seen.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn locate(
        &self,
        resource: &KeyResource,
        environment: Option<&EnvironmentId>,
    ) -> Result<Option<Location>, Error> {
        match resource {
            KeyResource::KafkaCluster(id) => self.search(Cluster::Kafka(id), environment).await,
            KeyResource::SchemaRegistry(id) => {
                self.search(Cluster::SchemaRegistry(id), environment).await
            }
            KeyResource::Ksqldb(id) => self.search(Cluster::Ksqldb(id), environment).await,
            KeyResource::FlinkRegion { id, environment } => {
                let Some(region) = self.list_flink_regions(id).await?.items.pop() else {
                    return Ok(None);
                };
                let private = region.private_http_endpoint;
                Ok(Some(Location {
                    environment: Some(environment.clone()),
                    organization: self.own_organization().await?,
                    ..Location::at(region.http_endpoint.or(private))
                }))
            }
            KeyResource::Tableflow | KeyResource::Cloud | KeyResource::Global => {
                Ok(Some(Location::default()))
            }
        }
    }

    /// Asks one environment, or else each until one has it.
    async fn search(
        &self,
        cluster: Cluster<'_>,
        environment: Option<&EnvironmentId>,
    ) -> Result<Option<Location>, Error> {
        let environments = if let Some(environment) = environment {
            vec![environment.clone()]
        } else {
            let listing = self.list_environments().await?.items.into_iter();
            listing.map(|environment| environment.id).collect()
        };
        for environment in environments {
            if let Some(location) = there(self.read_cluster(&environment, cluster).await)? {
                return Ok(Some(Location {
                    environment: Some(environment),
                    ..location
                }));
            }
        }
        Ok(None)
    }

    async fn read_cluster(
        &self,
        environment: &EnvironmentId,
        cluster: Cluster<'_>,
    ) -> Result<Location, Error> {
        match cluster {
            Cluster::Kafka(id) => {
                let cluster = self.read_kafka_cluster(environment, id).await?;
                Ok(Location {
                    bootstrap_endpoint: cluster.bootstrap_endpoint,
                    ..Location::at(cluster.http_endpoint)
                })
            }
            Cluster::SchemaRegistry(id) => {
                let registry = self.read_schema_registry(environment, id).await?;
                let private = registry.private_http_endpoint;
                Ok(Location::at(registry.http_endpoint.or(private)))
            }
            Cluster::Ksqldb(id) => {
                let cluster = self.read_ksqldb_cluster(environment, id).await?;
                Ok(Location::at(cluster.http_endpoint))
            }
        }
    }

    async fn own_organization(&self) -> Result<Option<OrganizationId>, Error> {
        if let Some(known) = self.organization() {
            return Ok(Some(known.clone()));
        }
        let listing = self.list_organizations().await?;
        Ok(listing.items.into_iter().next().map(|one| one.id))
    }
}

/// What was read, or nothing where it is not there: Confluent answers 404 for
/// some kinds of objects, and 403 for others.
fn there<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(object) => Ok(Some(object)),
        Err(error) if matches!(error.kind, ErrorKind::Forbidden | ErrorKind::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}
