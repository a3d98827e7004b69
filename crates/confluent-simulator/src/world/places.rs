//! Environments, and the Kafka clusters and Schema Registries in them.

use confluent_cloud::ids::{EnvironmentId, InvalidId, OwnerId, ResourceId};
use jiff::Timestamp;

use super::World;
use super::quotas::Quota;
use crate::Refusal;

/// An environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// `env-…`.
    pub id: EnvironmentId,
    /// Its name.
    pub display_name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
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
    /// Where its brokers are, when a file told it.
    pub(super) bootstrap: Option<String>,
    /// The one service account that may have keys for it, if it is the cluster
    /// of the audit log.
    pub(crate) audit_log_account: Option<OwnerId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

/// A Schema Registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaRegistry {
    /// `lsrc-…`.
    pub id: ResourceId,
    /// Its environment.
    pub environment: EnvironmentId,
    /// When it was made.
    pub created_at: Timestamp,
}

impl KafkaCluster {
    /// Address that clients of Kafka begin with. Unless the world's file names
    /// a broker, none is behind it: the name never resolves, so that no key is
    /// sent to a stranger.
    pub fn bootstrap_endpoint(&self) -> String {
        self.bootstrap
            .clone()
            .unwrap_or_else(|| format!("SASL_SSL://{}.simulator.invalid:9092", self.id))
    }
}

impl World {
    /// Reads an environment.
    ///
    /// # Errors
    /// 404 when there is none.
    pub fn environment(&self, id: &str) -> Result<&Environment, Refusal> {
        self.environments
            .iter()
            .find(|environment| environment.id.as_str() == id)
            .ok_or_else(Refusal::not_found)
    }

    /// Makes an environment with its Schema Registry, as the vendor does since
    /// every environment has one.
    ///
    /// # Errors
    /// 402 when there are as many as may be.
    pub fn create_environment(
        &mut self,
        now: Timestamp,
        display_name: &str,
    ) -> Result<Environment, Refusal> {
        self.has_room(Quota::Environments, self.organization.as_str())?;
        let id = self
            .new_environment_id()
            .map_err(|_| Refusal::not_found())?;
        let registry = self
            .new_place_id("lsrc")
            .map_err(|_| Refusal::not_found())?;
        self.schema_registries.push(SchemaRegistry {
            id: registry,
            environment: id.clone(),
            created_at: now,
        });
        let environment = Environment {
            id,
            display_name: display_name.into(),
            created_at: now,
            updated_at: now,
        };
        self.environments.push(environment.clone());
        Ok(environment)
    }

    /// Changes the name of an environment, where one is given.
    ///
    /// # Errors
    /// 404 when there is none.
    pub fn update_environment(
        &mut self,
        now: Timestamp,
        id: &str,
        display_name: Option<String>,
    ) -> Result<&Environment, Refusal> {
        let environment = self
            .environments
            .iter_mut()
            .find(|environment| environment.id.as_str() == id)
            .ok_or_else(Refusal::not_found)?;
        if let Some(name) = display_name {
            environment.display_name = name;
            environment.updated_at = now;
        }
        Ok(environment)
    }

    /// Deletes an environment with its clusters, registry and their keys; or
    /// refuses while it has clusters, where the switch says so.
    ///
    /// # Errors
    /// 404 when there is none, 409 while it is not empty.
    pub fn delete_environment(&mut self, now: Timestamp, id: &str) -> Result<(), Refusal> {
        self.environment(id)?;
        let here = |environment: &EnvironmentId| environment.as_str() == id;
        let mut clusters = self.kafka_clusters.iter();
        if self.switches.environment_must_be_empty
            && clusters.any(|cluster| here(&cluster.environment))
        {
            return Err(Refusal::not_empty());
        }
        self.delete_keys(now, |key| key.resource.environment().is_some_and(here));
        self.kafka_clusters
            .retain(|cluster| !here(&cluster.environment));
        self.schema_registries
            .retain(|registry| !here(&registry.environment));
        self.ksqldb_clusters
            .retain(|cluster| !here(&cluster.environment));
        self.environments
            .retain(|environment| !here(&environment.id));
        self.forget_bindings(&format!("/environment={id}"));
        Ok(())
    }

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

    /// Makes a Kafka cluster; it is there at once.
    ///
    /// # Errors
    /// 403 when the environment does not exist, 402 when there are as many
    /// clusters as may be.
    pub fn create_kafka_cluster(
        &mut self,
        now: Timestamp,
        environment: &str,
        display_name: &str,
    ) -> Result<KafkaCluster, Refusal> {
        let environment = self
            .environment_id(environment)
            .ok_or_else(Refusal::forbidden)?;
        self.has_room(Quota::KafkaClusters, self.organization.as_str())?;
        self.has_room(Quota::KafkaClustersOfEnvironment, environment.as_str())?;
        let cluster = KafkaCluster {
            id: self.new_place_id("lkc").map_err(|_| Refusal::not_found())?,
            environment,
            display_name: display_name.into(),
            bootstrap: None,
            audit_log_account: None,
            created_at: now,
            updated_at: now,
        };
        self.kafka_clusters.push(cluster.clone());
        Ok(cluster)
    }

    /// Changes the name of a Kafka cluster, where one is given.
    ///
    /// # Errors
    /// 403 when there is none.
    pub fn update_kafka_cluster(
        &mut self,
        now: Timestamp,
        id: &str,
        display_name: Option<String>,
    ) -> Result<&KafkaCluster, Refusal> {
        let cluster = self
            .kafka_clusters
            .iter_mut()
            .find(|cluster| cluster.id.as_str() == id)
            .ok_or_else(Refusal::forbidden)?;
        if let Some(name) = display_name {
            cluster.display_name = name;
            cluster.updated_at = now;
        }
        Ok(cluster)
    }

    /// Deletes a Kafka cluster with its keys, and the ksqlDB clusters on it.
    ///
    /// # Errors
    /// 403 when there is none.
    pub fn delete_kafka_cluster(&mut self, now: Timestamp, id: &str) -> Result<(), Refusal> {
        self.kafka_cluster(id, None)?;
        self.delete_keys(now, |key| key.resource.id() == id);
        self.delete_ksqldb_of(now, id);
        self.kafka_clusters
            .retain(|cluster| cluster.id.as_str() != id);
        self.forget_bindings(&format!("/cloud-cluster={id}"));
        Ok(())
    }

    /// Role bindings in a place that is gone.
    fn forget_bindings(&mut self, place: &str) {
        self.bindings.retain(|binding| {
            let found = binding.crn_pattern.split_once(place);
            found.is_none_or(|(_, rest)| !(rest.is_empty() || rest.starts_with('/')))
        });
    }

    fn new_environment_id(&mut self) -> Result<EnvironmentId, InvalidId> {
        loop {
            let id = EnvironmentId::new(format!("env-{}", self.random.environments.suffix()))?;
            if self.environment_id(id.as_str()).is_none() {
                return Ok(id);
            }
        }
    }

    fn new_place_id(&mut self, prefix: &str) -> Result<ResourceId, InvalidId> {
        loop {
            let random = if prefix == "lkc" {
                &mut self.random.clusters
            } else {
                &mut self.random.registries
            };
            let id = ResourceId::new(format!("{prefix}-{}", random.suffix()))?;
            if self.resource(id.as_str(), None).is_none() {
                return Ok(id);
            }
        }
    }
}
