//! Managed connectors, as far as their life depends on a Kafka API key: they log in
//! when they start, and fail when their key is gone. No data flows.
//!
//! What a connector does is a function of when it started and of the life of its
//! key, so that nothing has to happen between two looks at it.

use std::collections::BTreeMap;
use std::time::Duration;

use confluent_cloud::ids::{EnvironmentId, ResourceId};
use jiff::Timestamp;

use super::integrations::IntegrationStatus;
use super::{Key, World};
use crate::Refusal;
use crate::clock::later;

/// How long a connector is being provisioned.
const STARTS_FOR: Duration = Duration::from_secs(30);

const CLASS: &str = "connector.class";
const NAME: &str = "name";
const TASKS: &str = "tasks.max";
const AUTH_MODE: &str = "kafka.auth.mode";
const API_KEY: &str = "kafka.api.key";
const API_SECRET: &str = "kafka.api.secret";
const SERVICE_ACCOUNT: &str = "kafka.service.account.id";
/// The provider integration through which a connector reaches other systems.
const INTEGRATION: &str = "provider.integration.id";
/// Properties of the secret manager integration begin so.
const SECRET_MANAGER: &str = "secret.manager.";
/// The most tasks that one connector may have here.
const MOST_TASKS: u32 = 64;

/// The configuration of a connector.
pub(crate) type ConnectorConfig = BTreeMap<String, String>;

/// A managed connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Connector {
    /// `lcc-…`.
    pub(crate) id: String,
    pub(crate) environment: EnvironmentId,
    /// The Kafka cluster that it reads or writes.
    pub(crate) cluster: ResourceId,
    pub(crate) name: String,
    pub(crate) config: ConnectorConfig,
    /// When it started last.
    started_at: Timestamp,
    is_paused: bool,
}

/// What a connector does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ConnectorState {
    /// It starts.
    Provisioning,
    /// It runs.
    Running,
    /// Somebody stopped it for a while.
    Paused,
    /// It stopped by itself.
    Failed {
        /// Why.
        trace: String,
    },
}

/// How a connector logs in to its Kafka cluster.
enum Login<'a> {
    Key {
        id: &'a str,
        secret: &'a str,
    },
    /// Confluent makes and rotates the key.
    ServiceAccount,
}

impl ConnectorState {
    /// As `connect/v1` writes it.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Failed { .. } => "FAILED",
        }
    }

    /// What a task of the connector is in then.
    pub(crate) fn of_task(&self) -> &'static str {
        match self {
            Self::Provisioning | Self::Paused => "STOPPED",
            Self::Running => "RUNNING",
            Self::Failed { .. } => "USER_ACTIONABLE_ERROR",
        }
    }

    /// Why it stopped, where it did by itself.
    pub(crate) fn trace(&self) -> &str {
        match self {
            Self::Failed { trace } => trace,
            Self::Provisioning | Self::Running | Self::Paused => "",
        }
    }
}

impl Connector {
    pub(crate) fn class(&self) -> &str {
        self.config.get(CLASS).map_or("", String::as_str)
    }

    /// `source` or `sink`, which the name of the class tells.
    pub(crate) fn direction(&self) -> &'static str {
        if self.class().to_lowercase().contains("source") {
            "source"
        } else {
            "sink"
        }
    }

    pub(crate) fn tasks(&self) -> u32 {
        let tasks = self.config.get(TASKS).and_then(|text| text.parse().ok());
        tasks.unwrap_or(1)
    }

    fn login(&self) -> Login<'_> {
        let text = |name: &str| self.config.get(name).map_or("", String::as_str);
        if text(AUTH_MODE) == "SERVICE_ACCOUNT" {
            Login::ServiceAccount
        } else {
            Login::Key {
                id: text(API_KEY),
                secret: text(API_SECRET),
            }
        }
    }
}

impl World {
    /// The connectors of a Kafka cluster.
    ///
    /// # Errors
    /// 404 when the environment does not have the cluster.
    pub(crate) fn connectors(
        &self,
        environment: &str,
        cluster: &str,
    ) -> Result<impl Iterator<Item = &Connector>, Refusal> {
        self.kafka_cluster(cluster, Some(environment))
            .map_err(|_| gone())?;
        let here = move |known: &&Connector| known.cluster.as_str() == cluster;
        Ok(self.connectors.iter().filter(here))
    }

    /// Reads a connector.
    ///
    /// # Errors
    /// 404 when there is none.
    pub(crate) fn connector(
        &self,
        environment: &str,
        cluster: &str,
        name: &str,
    ) -> Result<&Connector, Refusal> {
        let mut here = self.connectors(environment, cluster)?;
        here.find(|known| known.name == name).ok_or_else(gone)
    }

    /// What a connector does now.
    pub(crate) fn connector_state(&self, now: Timestamp, connector: &Connector) -> ConnectorState {
        if connector.is_paused {
            return ConnectorState::Paused;
        }
        let logs_in_at = later(connector.started_at, STARTS_FOR).unwrap_or(Timestamp::MAX);
        if now < logs_in_at {
            return ConnectorState::Provisioning;
        }
        let (id, secret) = match connector.login() {
            Login::ServiceAccount => return ConnectorState::Running,
            Login::Key { id, secret } => (id, secret),
        };
        let failed = |trace: String| ConnectorState::Failed { trace };
        let key = self.key_place(id).and_then(|place| self.keys.get(place));
        let opens = |key: &&Key| {
            key.resource.id() == connector.cluster.as_str()
                && key.secret.expose() == secret
                && key.usable_at <= logs_in_at
        };
        match key.filter(opens).map(|key| key.deleted_at) {
            None => failed(format!("the Kafka API key `{id}` was not accepted")),
            Some(Some(ended)) if ended <= logs_in_at => {
                failed(format!("the Kafka API key `{id}` was not accepted"))
            }
            Some(Some(ended)) if ended <= now => {
                failed(format!("the Kafka API key `{id}` was deleted"))
            }
            Some(_) => ConnectorState::Running,
        }
    }

    /// Makes a connector, or gives one another configuration, with which it starts.
    ///
    /// # Errors
    /// 404 when there is no such cluster, 400 for what is wrong with the
    /// configuration.
    pub(crate) fn put_connector(
        &mut self,
        now: Timestamp,
        (environment, cluster): (&str, &str),
        name: &str,
        config: ConnectorConfig,
    ) -> Result<Connector, Refusal> {
        let known = self.connectors(environment, cluster)?;
        let known = known.into_iter().find(|known| known.name == name).cloned();
        self.check_connector(environment, name, &config)?;
        let connector = match known {
            Some(known) => Connector {
                config,
                started_at: now,
                ..known
            },
            None => Connector {
                id: format!("lcc-{}", self.random.connectors.suffix()),
                environment: self.environment_id(environment).ok_or_else(gone)?,
                cluster: ResourceId::new(cluster).map_err(|_| gone())?,
                name: name.to_owned(),
                config,
                started_at: now,
                is_paused: false,
            },
        };
        self.connectors.retain(|known| known.id != connector.id);
        self.connectors.push(connector.clone());
        Ok(connector)
    }

    fn check_connector(
        &self,
        environment: &str,
        name: &str,
        config: &ConnectorConfig,
    ) -> Result<(), Refusal> {
        let filled = |property: &str| config.get(property).is_some_and(|text| !text.is_empty());
        let need = |property: &str| {
            if filled(property) {
                Ok(())
            } else {
                Err(wrong(format!("`{property}` is required")))
            }
        };
        need(CLASS)?;
        if config.get(NAME).is_some_and(|given| given != name) {
            return Err(wrong(format!("`{NAME}` is not the name of the connector")));
        }
        if let Some(property) = config.keys().find(|name| name.starts_with(SECRET_MANAGER)) {
            return Err(wrong(format!(
                "`{property}` is known to Confluent Cloud but not simulated: leave it out"
            )));
        }
        match config
            .get(AUTH_MODE)
            .map_or("KAFKA_API_KEY", String::as_str)
        {
            "KAFKA_API_KEY" => {
                need(API_KEY)?;
                need(API_SECRET)?;
            }
            "SERVICE_ACCOUNT" => {
                need(SERVICE_ACCOUNT)?;
                if !self.has_owner(&config[SERVICE_ACCOUNT]) {
                    return Err(wrong(format!("`{SERVICE_ACCOUNT}` does not exist")));
                }
            }
            _ => {
                return Err(wrong(format!(
                    "`{AUTH_MODE}` is neither `KAFKA_API_KEY` nor `SERVICE_ACCOUNT`"
                )));
            }
        }
        if let Some(tasks) = config.get(TASKS)
            && !tasks
                .parse()
                .is_ok_and(|tasks: u32| (1..=MOST_TASKS).contains(&tasks))
        {
            return Err(wrong(format!(
                "`{TASKS}` is not a number from 1 to {MOST_TASKS}"
            )));
        }
        if let Some(id) = config.get(INTEGRATION) {
            let integrations = self.provider_integrations().iter();
            let usable = integrations
                .filter(|known| known.environment.as_str() == environment)
                .any(|known| {
                    known.id == *id && self.integration_status(known) != IntegrationStatus::Draft
                });
            if !usable {
                return Err(wrong(format!(
                    "`{INTEGRATION}` names no provider integration of the environment that is set up"
                )));
            }
        }
        Ok(())
    }

    /// Starts a connector again, also one that failed. One that is paused stays so.
    ///
    /// # Errors
    /// 404 when there is none.
    pub(crate) fn restart_connector(
        &mut self,
        now: Timestamp,
        at: (&str, &str),
        name: &str,
    ) -> Result<(), Refusal> {
        let connector = self.connector_mut(at, name)?;
        connector.started_at = now;
        Ok(())
    }

    /// Pauses a connector, or resumes one: it starts again then.
    ///
    /// # Errors
    /// 404 when there is none.
    pub(crate) fn pause_connector(
        &mut self,
        now: Timestamp,
        at: (&str, &str),
        name: &str,
        pause: bool,
    ) -> Result<(), Refusal> {
        let connector = self.connector_mut(at, name)?;
        if connector.is_paused && !pause {
            connector.started_at = now;
        }
        connector.is_paused = pause;
        Ok(())
    }

    /// Deletes a connector.
    ///
    /// # Errors
    /// 404 when there is none.
    pub(crate) fn delete_connector(
        &mut self,
        (environment, cluster): (&str, &str),
        name: &str,
    ) -> Result<(), Refusal> {
        let id = self.connector(environment, cluster, name)?.id.clone();
        self.connectors.retain(|known| known.id != id);
        Ok(())
    }

    /// The connectors whose configuration names a provider integration.
    pub(crate) fn users_of(&self, integration: &str) -> impl Iterator<Item = &Connector> {
        let names = move |known: &&Connector| {
            let named = known.config.get(INTEGRATION);
            named.is_some_and(|named| named == integration)
        };
        self.connectors.iter().filter(names)
    }

    fn connector_mut(
        &mut self,
        (environment, cluster): (&str, &str),
        name: &str,
    ) -> Result<&mut Connector, Refusal> {
        let id = self.connector(environment, cluster, name)?.id.clone();
        let mut all = self.connectors.iter_mut();
        all.find(|known| known.id == id).ok_or_else(gone)
    }
}

fn gone() -> Refusal {
    Refusal::kafka(404, 404, "resource not found")
}

fn wrong(detail: impl Into<String>) -> Refusal {
    Refusal::kafka(400, 400, detail)
}
