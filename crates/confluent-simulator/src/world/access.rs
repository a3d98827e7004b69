//! Which key opens what: the control plane, and the data planes.

use confluent_cloud::ids::{ApiKeyId, OwnerId};
use jiff::Timestamp;

use super::{Happening, Key, Resource, World};
use crate::Refusal;
use crate::clock::{earlier, later};

/// Who asks, once its key was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub(super) owner: OwnerId,
    /// The key, unless it was a session.
    pub(super) credential: Option<ApiKeyId>,
    admin: bool,
    /// Names of what it owns by role, some with `*` at the end.
    owned: Vec<String>,
    organization: String,
}

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

impl Caller {
    /// Whether it may make keys for `owner`, and read, change and delete them:
    /// an `OrganizationAdmin` all keys, a user its own, a `ResourceOwner` of a
    /// service account those of that account, others none.
    pub fn may_manage(&self, owner: &str) -> bool {
        let own = self.owner.as_str() == owner && owner.starts_with("u-");
        self.admin || own || self.owns(&format!("service-account={owner}"))
    }

    /// Whether it may change what is not a key: an `OrganizationAdmin` may.
    pub(crate) fn is_admin(&self) -> bool {
        self.admin
    }

    /// Id of the service account or user that asks.
    pub(crate) fn owner(&self) -> &OwnerId {
        &self.owner
    }

    fn owns(&self, within: &str) -> bool {
        let name = format!("{}/{within}", self.organization);
        self.owned
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => *pattern == name,
            })
    }
}

impl World {
    /// Accepts a key of the control plane and notes its use.
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

    /// Shows a key to a data plane, notes its use, and tells whether it is
    /// accepted. The answer is an audit event in either case.
    pub(crate) fn admit(
        &mut self,
        now: Timestamp,
        plane: DataPlane<'_>,
        id: &str,
        secret: &str,
    ) -> bool {
        let mut admitted = false;
        if let Some(key) = self.working_key(now, id) {
            admitted = key.secret.expose() == secret && plane.is_opened_by(key);
            if admitted {
                key.last_used_at = Some(now);
            }
        }
        let key = self.key_place(id).and_then(|place| self.keys.get(place));
        let happening = Happening::Authentication {
            plane: plane.word(),
            resource: plane.resource().map(str::to_owned),
            // An unknown name may be anything, even a secret in a wrong place.
            key: key.map(|key| (key.id.clone(), key.owner.clone())),
        };
        self.record(now, happening, admitted);
        admitted
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
        let place = self.key_place(id)?;
        let key = self.keys.get_mut(place)?;
        let gone = key
            .deleted_at
            .is_some_and(|at| later(at, lag).is_none_or(|at| at <= now));
        (!gone && key.works(now)).then_some(key)
    }
}

impl Key {
    /// Whether the place that was asked knows it. A Kafka cluster has several
    /// brokers: in the second half of the wait every other one knows the key.
    fn works(&mut self, now: Timestamp) -> bool {
        if self.usable_at <= now {
            return true;
        }
        let wait = self.usable_at.duration_since(self.created_at);
        let half = earlier(self.usable_at, (wait / 2).unsigned_abs());
        if now < half || !matches!(self.resource, Resource::KafkaCluster { .. }) {
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
