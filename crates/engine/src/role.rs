//! Roles: for whom and for what keys are made, and for how long.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use logical::{Clock, Error, Storage, duration};
use readiness::{Mode, Settings as Readiness};
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedMutexGuard;

use crate::control_plane::Target;
use crate::credential::{Purpose, later};
use crate::ids::{EnvironmentId, Generation, RoleName};
use crate::output::Output;
use crate::records::Records;
use crate::scope::SlotId;
use crate::spare_settings::SpareSettings;

pub mod caps;
pub mod sharing;

use self::caps::Caps;
use self::sharing::Sharing;

const PREFIX: &str = "lockkeeper/role/";

/// A role, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its name.
    pub name: RoleName,
    /// For whom and for what.
    pub target: Target,
    /// The owner's environment, kept for the Go plugin's users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_environment: Option<EnvironmentId>,
    /// Time to live of a lease; zero for the mount's.
    pub ttl_seconds: u64,
    /// Longest life of a lease; zero for the mount's.
    pub max_ttl_seconds: u64,
    /// Description of the keys; empty for our own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key_description: String,
    /// Which readers get the same key.
    #[serde(flatten)]
    pub sharing: Sharing,
    /// How many leases it may have at once.
    #[serde(flatten)]
    pub caps: Caps,
    /// In which fields readers get the key.
    #[serde(default, skip_serializing_if = "Output::is_default")]
    pub output: Output,
    /// What is expected of a new key before it is handed out.
    #[serde(default = "unasked", skip_serializing_if = "is_unasked")]
    pub readiness: Readiness,
    /// Which keys are kept ready in advance.
    #[serde(default, skip_serializing_if = "SpareSettings::is_default")]
    pub spares: SpareSettings,
    /// Which shared key the readers get.
    pub generation: Generation,
}

/// For how long a key of one entity or token waits for its reader to read again.
const NEXT_READ: Duration = Duration::from_hours(1);

/// What roles expect of a new key that say nothing.
pub(crate) fn unasked() -> Readiness {
    Readiness::of(Mode::None)
}

fn is_unasked(readiness: &Readiness) -> bool {
    *readiness == unasked()
}

impl Role {
    /// What a key of the role as it is now is made for.
    pub fn purpose(&self) -> Purpose {
        Purpose::Role {
            role: self.name.clone(),
            generation: self.generation.clone(),
            scope: None,
        }
    }

    /// What a key is made for that the readers of a slot share.
    pub(crate) fn purpose_of(&self, slot: &SlotId) -> Purpose {
        Purpose::Role {
            role: self.name.clone(),
            generation: slot.generation.clone(),
            scope: slot.scope.clone(),
        }
    }

    /// Whether its keys are tried before they are handed out.
    pub fn asks_readiness(&self) -> bool {
        self.readiness.readiness() != Mode::None
    }

    /// Until when a spare that was made then is handed out: while it is young enough
    /// to wait, and as a shared key.
    pub(crate) fn spare_ends(&self, made: Timestamp) -> Timestamp {
        let waits = later(made, self.spares.max_age());
        waits.min(self.shared_until(made).unwrap_or(waits))
    }

    /// The same for a spare that readers of a shared key are to get next: it waits
    /// for the present key to get old.
    pub(crate) fn next_ends(&self, made: Timestamp) -> Timestamp {
        let waits = later(made, self.spares.max_age());
        self.shared_until(made).unwrap_or(waits)
    }

    /// The same for a key of one entity or token, which is nobody else's: as long as it
    /// may take to work, as its readers may get the present key, and as they may take
    /// to read again, which they may never do.
    pub(crate) fn scoped_ends(&self, made: Timestamp) -> Timestamp {
        let max_age = self.sharing.max_age().unwrap_or_default();
        let waits = self.readiness.readiness_timeout() + max_age / 10 + NEXT_READ;
        let waits = SignedDuration::try_from(waits).unwrap_or(SignedDuration::MAX);
        let waits = later(made, waits);
        waits.min(self.shared_until(made).unwrap_or(waits))
    }

    /// Until when new readers get a shared key that was made then.
    fn shared_until(&self, made: Timestamp) -> Option<Timestamp> {
        let age = self.sharing.max_age()?;
        let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
        Some(later(made, age))
    }

    /// Time to live of a lease; zero for the mount's.
    pub fn ttl(&self) -> Duration {
        Duration::from_secs(self.ttl_seconds)
    }

    /// Longest life of a lease; zero for the mount's.
    pub fn max_ttl(&self) -> Duration {
        Duration::from_secs(self.max_ttl_seconds)
    }

    /// Warnings about times that are longer than the mount allows.
    pub(crate) fn capped_by(&self, longest: Duration) -> Vec<String> {
        [("ttl", self.ttl()), ("max_ttl", self.max_ttl())]
            .into_iter()
            .filter(|(_, wanted)| *wanted > longest)
            .map(|(field, wanted)| {
                format!(
                    "`{field}` of {} is cut to {}, the longest that the mount allows: shorten it, or \
                     tune the mount's `max_lease_ttl`",
                    duration::go(wanted),
                    duration::go(longest)
                )
            })
            .collect()
    }
}

/// The roles in a mount's storage.
pub(crate) struct Roles {
    records: Records<Role>,
}

impl Roles {
    pub(crate) fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        Self {
            records: Records::new(storage, clock, PREFIX),
        }
    }

    /// A role, for a lease: at most a few seconds old.
    pub(crate) async fn for_lease(&self, name: &RoleName) -> Result<Option<Arc<Role>>, Error> {
        self.records.cached(name.as_str()).await
    }

    /// A role, as it is stored.
    pub(crate) async fn get(&self, name: &RoleName) -> Result<Option<Role>, Error> {
        self.records.read(name.as_str()).await
    }

    /// Excludes other changes of a role that is read, changed and written.
    pub(crate) async fn lock(&self, name: &RoleName) -> OwnedMutexGuard<()> {
        self.records.lock(name.as_str()).await
    }

    pub(crate) async fn put(&self, role: &Role) -> Result<(), Error> {
        self.records.write(role.name.as_str(), role).await
    }

    pub(crate) async fn delete(&self, name: &RoleName) -> Result<(), Error> {
        self.records.delete(name.as_str()).await
    }

    /// Reads all roles from storage the next time.
    pub(crate) fn invalidate(&self) {
        self.records.invalidate();
    }

    /// All roles, by name.
    pub(crate) async fn all(&self) -> Result<Vec<Role>, Error> {
        self.records.read_all(&self.list().await?).await
    }

    /// The roles of these names.
    pub(crate) async fn named(&self, names: &[String]) -> Result<Vec<Role>, Error> {
        self.records.read_all(names).await
    }

    pub(crate) async fn list(&self) -> Result<Vec<String>, Error> {
        self.records.list().await
    }
}
