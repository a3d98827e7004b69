//! Authentication and authorization of keys, at the control plane and at data
//! planes.

use std::collections::BTreeSet;
use std::fmt;

use confluent_cloud::ids::{ApiKeyId, OwnerId};
use jiff::Timestamp;

use super::{AuditRecord, Caller, FLINK_REGIONS, Key, Resource, World};
use crate::clock::{earlier, later};
use crate::{DataPlaneRights, KeySpread, Refusal};

/// What a key is shown to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataPlane<'a> {
    /// A Kafka cluster, by its id.
    Kafka(&'a str),
    /// A Schema Registry; which one the request does not always tell.
    SchemaRegistry(Option<&'a str>),
    /// Tableflow.
    Tableflow,
    /// A ksqlDB cluster; which one the request does not tell.
    Ksqldb,
    /// Flink in an environment.
    Flink(&'a str),
}

/// What a data plane says to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is accepted.
    Admitted,
    /// It is not known, not here or not yet.
    Unauthenticated,
    /// It is known, and its owner has no rights here.
    Forbidden,
    /// The data plane cannot be reached.
    Unreachable,
}

/// An id that is not a cluster's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownCluster(String);

impl fmt::Display for UnknownCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a cluster: use the id of a Kafka cluster, a Schema Registry, a ksqlDB cluster \
             or a region of Flink",
            self.0
        )
    }
}

impl std::error::Error for UnknownCluster {}

impl World {
    /// Authenticates a key for the control plane and records its use.
    ///
    /// # Errors
    /// 401 in one of two wordings.
    pub fn authenticate(
        &mut self,
        now: Timestamp,
        id: &str,
        secret: &str,
    ) -> Result<Caller, Refusal> {
        let key = self
            .working_key(now, id)
            .ok_or_else(Refusal::unauthorized)?;
        let for_control_plane = matches!(key.resource, Resource::Cloud | Resource::Global);
        if key.secret.expose() != secret || !for_control_plane {
            return Err(Refusal::wrong_key());
        }
        key.last_used_at = Some(now);
        let (owner, id) = (key.owner.clone(), key.id.clone());
        Ok(self.caller(now, owner, Some(id)))
    }

    /// Authenticates and authorizes a key for a data plane and records its use.
    /// There is an audit event whenever the data plane is reached.
    pub(crate) fn admit(
        &mut self,
        now: Timestamp,
        plane: DataPlane<'_>,
        id: &str,
        secret: &str,
    ) -> Admission {
        if self.is_unreachable(plane, id) {
            return Admission::Unreachable;
        }
        let mut authenticated = None;
        if let Some(key) = self.working_key(now, id)
            && key.secret.expose() == secret
            && plane.is_opened_by(key)
        {
            key.last_used_at = Some(now);
            authenticated = Some((key.owner.clone(), key.resource.clone()));
        }
        let key = self.key_place(id).and_then(|place| self.keys.get(place));
        let record = AuditRecord::Authentication {
            plane: plane.word(),
            resource: plane.resource().map(str::to_owned),
            // An unknown name may be anything, even a secret in a wrong place.
            key: key.map(|key| (key.id.clone(), key.owner.clone())),
        };
        self.record(now, record, authenticated.is_some());
        match authenticated {
            None => Admission::Unauthenticated,
            Some((owner, resource)) if !self.has_role_at(now, &owner, &resource, plane) => {
                Admission::Forbidden
            }
            Some(_) => Admission::Admitted,
        }
    }

    /// Makes the data planes with these ids, and no others, unreachable.
    ///
    /// # Errors
    /// The first id that is neither a Kafka cluster, nor a Schema Registry, nor
    /// a ksqlDB cluster, nor a region of Flink.
    pub fn set_unreachable(&mut self, ids: BTreeSet<String>) -> Result<(), UnknownCluster> {
        let unknown = ids.iter().find(|id| {
            let resource = self.resource(id, None);
            let is_cluster = resource.is_some_and(|resource| resource.environment().is_some());
            !is_cluster && FLINK_REGIONS.iter().all(|region| region.id() != **id)
        });
        if let Some(id) = unknown {
            return Err(UnknownCluster(id.chars().take(64).collect()));
        }
        self.unreachable = ids;
        Ok(())
    }

    /// The data planes that cannot be reached.
    pub fn unreachable(&self) -> &BTreeSet<String> {
        &self.unreachable
    }

    /// Requests to Schema Registry, ksqlDB and Flink do not always say which place
    /// is meant; then it is the one that the key is for.
    pub(crate) fn is_unreachable(&self, plane: DataPlane<'_>, key: &str) -> bool {
        let key = self.key_place(key).and_then(|place| self.keys.get(place));
        let id = plane.resource().or_else(|| Some(key?.resource.id()));
        id.is_some_and(|id| self.unreachable.contains(id))
    }

    /// Whether the owner of a key may use a data plane: by a role on it or on a
    /// part of it, or as the administrator of what it lies in.
    fn has_role_at(
        &self,
        now: Timestamp,
        owner: &OwnerId,
        resource: &Resource,
        plane: DataPlane<'_>,
    ) -> bool {
        if self.switches.data_plane_rights == DataPlaneRights::Everyone || self.is_admin(now, owner)
        {
            return true;
        }
        let resource = match resource {
            // A global key has the place that is asked.
            Resource::Global => plane.resource().and_then(|id| self.resource(id, None)),
            other => Some(other.clone()),
        };
        let Some(resource) = resource else {
            return false;
        };
        let Some(environment) = resource.environment() else {
            return false;
        };
        let environment = format!("{}/environment={environment}", self.organization_name());
        let id = resource.id();
        let place = match &resource {
            Resource::KafkaCluster { .. } => format!("{environment}/cloud-cluster={id}"),
            Resource::SchemaRegistry { .. } => format!("{environment}/schema-registry={id}"),
            Resource::Ksqldb { kafka_cluster, .. } => {
                format!("{environment}/cloud-cluster={kafka_cluster}/ksql={id}")
            }
            _ => format!("{environment}/flink-region={id}"),
        };
        self.has_role(now, owner, &environment, &place)
    }

    pub(super) fn caller(
        &self,
        now: Timestamp,
        owner: OwnerId,
        credential: Option<ApiKeyId>,
    ) -> Caller {
        Caller {
            admin: self.is_admin(now, &owner),
            owned: self.owned_by(now, &owner),
            organization: self.organization_name(),
            owner,
            credential,
        }
    }

    /// A key that works at this time and place, as long as its secret is right.
    fn working_key(&mut self, now: Timestamp, id: &str) -> Option<&mut Key> {
        let lag = self.switches.deletion_lag;
        let spread = self.switches.key_spread;
        let place = self.key_place(id)?;
        let key = self.keys.get_mut(place)?;
        let gone = key
            .deleted_at
            .is_some_and(|at| later(at, lag).is_none_or(|at| at <= now));
        (!gone && key.works(now, spread)).then_some(key)
    }
}

impl Key {
    /// Whether the place that was asked knows it. A Kafka cluster has several
    /// brokers, which learn of a key one after another.
    fn works(&mut self, now: Timestamp, spread: KeySpread) -> bool {
        if self.usable_at <= now {
            return true;
        }
        if !matches!(self.resource, Resource::KafkaCluster { .. }) {
            return false;
        }
        let wait = self.usable_at.duration_since(self.created_at);
        let half = earlier(self.usable_at, (wait / 2).unsigned_abs());
        let alternates = match spread {
            KeySpread::Gradual => half <= now,
            KeySpread::Alternating => true,
            KeySpread::AtOnce => false,
        };
        if !alternates {
            return false;
        }
        self.tries = self.tries.wrapping_add(1);
        self.tries.is_multiple_of(2)
    }
}

impl DataPlane<'_> {
    fn is_opened_by(self, key: &Key) -> bool {
        match (&key.resource, self) {
            (Resource::Global, _)
            | (Resource::Tableflow, Self::Tableflow)
            | (Resource::Ksqldb { .. }, Self::Ksqldb) => true,
            (Resource::FlinkRegion { environment, .. }, Self::Flink(wanted)) => {
                environment.as_str() == wanted
            }
            (Resource::KafkaCluster { id, .. }, Self::Kafka(wanted)) => id.as_str() == wanted,
            (Resource::SchemaRegistry { id, .. }, Self::SchemaRegistry(wanted)) => {
                wanted.is_none_or(|wanted| id.as_str() == wanted)
            }
            _ => false,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Kafka(_) => "kafka",
            Self::SchemaRegistry(_) => "schema-registry",
            Self::Tableflow => "tableflow",
            Self::Ksqldb => "ksqldb",
            Self::Flink(_) => "flink",
        }
    }

    fn resource(&self) -> Option<&str> {
        match self {
            Self::Kafka(id) => Some(id),
            Self::SchemaRegistry(id) => *id,
            Self::Tableflow | Self::Ksqldb | Self::Flink(_) => None,
        }
    }
}
