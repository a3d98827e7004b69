//! Environments, and the Schema Registries in them.

use confluent_cloud::ids::{EnvironmentId, InvalidId, ResourceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
    /// Its Stream Governance package.
    pub package: Package,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A Stream Governance package.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Package {
    /// The smaller one.
    #[default]
    Essentials,
    /// The larger one.
    Advanced,
}

/// What may be changed about an environment; absent members stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EnvironmentChange {
    pub(crate) display_name: Option<String>,
    pub(crate) package: Option<Package>,
}

/// A Schema Registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaRegistry {
    /// `lsrc-…`.
    pub id: ResourceId,
    /// Its environment.
    pub environment: EnvironmentId,
    /// When it was created.
    pub created_at: Timestamp,
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
    pub(crate) fn create_environment(
        &mut self,
        now: Timestamp,
        display_name: &str,
        package: Package,
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
            package,
            created_at: now,
            updated_at: now,
        };
        self.environments.push(environment.clone());
        Ok(environment)
    }

    /// Changes an environment.
    ///
    /// # Errors
    /// 404 when there is none.
    pub(crate) fn update_environment(
        &mut self,
        now: Timestamp,
        id: &str,
        change: EnvironmentChange,
    ) -> Result<&Environment, Refusal> {
        let environment = self
            .environments
            .iter_mut()
            .find(|environment| environment.id.as_str() == id)
            .ok_or_else(Refusal::not_found)?;
        if let Some(name) = change.display_name {
            environment.display_name = name;
        }
        if let Some(package) = change.package {
            environment.package = package;
        }
        environment.updated_at = now;
        Ok(environment)
    }

    /// Deletes an environment with its clusters, registry and their keys; or
    /// refuses while it has clusters, where the switch says so.
    ///
    /// # Errors
    /// 404 when there is none, 409 while it is not empty or one of its clusters
    /// is protected.
    pub fn delete_environment(&mut self, now: Timestamp, id: &str) -> Result<(), Refusal> {
        self.environment(id)?;
        let here = |environment: &EnvironmentId| environment.as_str() == id;
        let mut clusters = self.kafka_clusters.iter();
        if self.switches.environment_must_be_empty
            && clusters.any(|cluster| here(&cluster.environment))
        {
            return Err(Refusal::not_empty());
        }
        let mut clusters = self.kafka_clusters.iter();
        if clusters.any(|cluster| here(&cluster.environment) && cluster.spec.deletion_protection) {
            return Err(Refusal::protected());
        }
        self.delete_keys(now, |key| key.resource.environment().is_some_and(here));
        self.kafka_clusters
            .retain(|cluster| !here(&cluster.environment));
        self.schema_registries
            .retain(|registry| !here(&registry.environment));
        self.ksqldb_clusters
            .retain(|cluster| !here(&cluster.environment));
        self.connectors
            .retain(|connector| !here(&connector.environment));
        self.provider_integrations
            .retain(|integration| !here(&integration.environment));
        self.environments
            .retain(|environment| !here(&environment.id));
        self.forget_bindings(&format!("/environment={id}"));
        Ok(())
    }

    /// Role bindings in a place that is gone.
    pub(super) fn forget_bindings(&mut self, place: &str) {
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

    pub(super) fn new_place_id(&mut self, prefix: &str) -> Result<ResourceId, InvalidId> {
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
