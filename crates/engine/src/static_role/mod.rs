//! Static roles as they are stored, and what their rotations need in memory. What
//! happens to them is `rotation`'s part.
//!
//! Settings and state are one record, so that a rotation is one write
//! (`lifecycle-2.md`, 35). It holds no secret: those lie with the keys.

mod memory;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use logical::{Clock, Error, Storage};
use readiness::Settings as Readiness;
use rotation_schedule::{Overlap, Timing};
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedMutexGuard;

use crate::control_plane::Target;
use crate::credential::{Purpose, later};
use crate::ids::{CredentialId, HolderId, RoleName};
use crate::ledger::Pins;
use crate::output::Output;
use crate::records::Records;

pub(crate) use memory::Rotations;

const STATIC: &str = "lockkeeper/static/";

/// Static roles that were deleted, until the grace of their keys is over.
const LEFT: &str = "lockkeeper/static-left/";

/// What an answer is good for beyond its `ttl`: a minute, and as long as a record
/// is cached.
const PROMISE_MARGIN: Duration = Duration::from_secs(65);

/// A static role, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StaticRole {
    pub(crate) name: RoleName,
    /// For whom and for what its keys are.
    pub(crate) target: Target,
    /// Description of the keys; empty for our own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) key_description: String,
    /// When it rotates.
    pub(crate) timing: Timing,
    /// How long the old and the new key are valid together.
    pub(crate) overlap: Overlap,
    /// What is expected of a new key before it is served.
    pub(crate) readiness: Readiness,
    /// What becomes of its key when it is deleted.
    #[serde(default)]
    pub(crate) on_delete: OnDelete,
    /// Until when readers may rely on what they were told before the settings
    /// changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) promised_until: Option<Timestamp>,
    /// In which fields readers get the key.
    #[serde(default, skip_serializing_if = "Output::is_default")]
    pub(crate) output: Output,
    /// Counts the keys that were served.
    pub(crate) version: u64,
    /// The key that readers get; none until the first is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) served: Option<ServedKey>,
    /// The one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<PreviousKey>,
    /// When the next rotation is planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next_rotation: Option<Timestamp>,
    /// The rotation under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rotation: Option<Rotation>,
}

/// What becomes of the key of a static role that is deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnDelete {
    /// It lives on for its grace.
    #[default]
    Retire,
    /// It lives on, and is nobody's here.
    Keep,
}

/// The key that readers get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServedKey {
    pub(crate) credential: CredentialId,
    /// Since when. Never earlier than that of the key before.
    pub(crate) since: Timestamp,
}

/// The key that readers got before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PreviousKey {
    pub(crate) credential: CredentialId,
    /// Since when it was served. Absent in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Timestamp>,
    /// How long it lives on.
    pub(crate) until: Timestamp,
}

/// A rotation under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rotation {
    /// The key that is made for it.
    pub(crate) next: CredentialId,
    pub(crate) begun: Timestamp,
    /// How many keys were tried, this one included.
    pub(crate) attempt: u32,
    /// Why the key need not wait for its planned time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<Request>,
    /// Why this attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<FailedAttempt>,
    /// Why the attempt before failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) last_error: String,
}

/// Somebody asked for a rotation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// How long the old key lives on, if not as long as the role says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) grace_seconds: Option<u64>,
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FailedAttempt {
    pub(crate) error: String,
    /// When the next begins.
    pub(crate) retry_at: Timestamp,
}

impl StaticRole {
    /// What its keys are made for.
    pub(crate) fn purpose(&self) -> Purpose {
        Purpose::Static {
            static_role: self.name.clone(),
        }
    }

    /// Whether the record names a key, which keeps it alive.
    pub(crate) fn names(&self, id: &CredentialId) -> bool {
        let served = self.served.as_ref().map(|key| &key.credential);
        // The key of an attempt that failed ends.
        let rotation = self.rotation.as_ref();
        let next = rotation.filter(|rotation| rotation.failure.is_none());
        served == Some(id) || next.is_some_and(|rotation| rotation.next == *id)
    }

    /// The holder that the grace of the key which is served is.
    pub(crate) fn grace_holder(&self) -> HolderId {
        grace_holder(&self.name, self.version)
    }

    /// How long the key that is served lives on when it is replaced at a time: for
    /// the grace, and at least as long as its readers were promised.
    pub(crate) fn grace_until(&self, from: Timestamp) -> Timestamp {
        let until = later(from, span(self.overlap.grace()));
        self.promised_until
            .map_or(until, |promised| until.max(promised))
    }

    /// As [`Self::grace_until`], or for as long as whoever asked for the rotation
    /// under way wants; none where they want the key to end.
    pub(crate) fn asked_grace_until(&self, from: Timestamp) -> Option<Timestamp> {
        let request = self.rotation.as_ref().and_then(|rotation| rotation.request);
        match request.and_then(|request| request.grace_seconds) {
            None => Some(self.grace_until(from)),
            Some(0) => None,
            Some(seconds) => {
                let until = later(from, span(Duration::from_secs(seconds)));
                Some(self.promised_until.map_or(until, |told| until.max(told)))
            }
        }
    }

    /// Until when a reader who read now may rely on the key.
    pub(crate) fn promise_of_now(&self, now: Timestamp) -> Timestamp {
        let promised = later(now, span(self.overlap.refresh() + PROMISE_MARGIN));
        self.promised_until
            .map_or(promised, |before| promised.max(before))
    }
}

fn span(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// The holder that the grace of a version's key is: always the same, so that a
/// rotation which is finished after a restart makes no second one.
pub(crate) fn grace_holder(name: &RoleName, version: u64) -> HolderId {
    HolderId::derived(&format!("grace {name} {version}"))
}

/// The static roles in a mount's storage.
pub(crate) struct StaticRoles {
    records: Records<StaticRole>,
    left: Records<StaticRole>,
}

impl StaticRoles {
    pub(crate) fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        Self {
            records: Records::new(Arc::clone(&storage), Arc::clone(&clock), STATIC),
            left: Records::new(storage, clock, LEFT),
        }
    }

    /// A static role, for a reader: at most a few seconds old.
    pub(crate) async fn for_reader(
        &self,
        name: &RoleName,
    ) -> Result<Option<Arc<StaticRole>>, Error> {
        self.records.cached(name.as_str()).await
    }

    /// A static role, as it is stored.
    pub(crate) async fn get(&self, name: &RoleName) -> Result<Option<StaticRole>, Error> {
        self.records.read(name.as_str()).await
    }

    /// Excludes other changes of a static role that is read, changed and written.
    pub(crate) async fn lock(&self, name: &RoleName) -> OwnedMutexGuard<()> {
        self.records.lock(name.as_str()).await
    }

    pub(crate) async fn put(&self, role: &StaticRole) -> Result<(), Error> {
        self.records.write(role.name.as_str(), role).await
    }

    pub(crate) async fn delete(&self, name: &RoleName) -> Result<(), Error> {
        self.records.delete(name.as_str()).await
    }

    pub(crate) async fn list(&self) -> Result<Vec<String>, Error> {
        self.records.list().await
    }

    /// The static roles of these names.
    pub(crate) async fn named(&self, names: &[String]) -> Result<Vec<StaticRole>, Error> {
        self.records.read_all(names).await
    }

    /// A static role as it was when it was deleted.
    pub(crate) async fn left(&self, name: &RoleName) -> Result<Option<StaticRole>, Error> {
        self.left.read(name.as_str()).await
    }

    /// Keeps a static role that is about to be deleted, for who writes it again.
    pub(crate) async fn leave(&self, role: &StaticRole) -> Result<(), Error> {
        self.left.write(role.name.as_str(), role).await
    }

    pub(crate) async fn forget_left(&self, name: &RoleName) -> Result<(), Error> {
        self.left.delete(name.as_str()).await
    }

    /// All that were deleted and are kept still.
    pub(crate) async fn all_left(&self) -> Result<Vec<StaticRole>, Error> {
        self.left.read_all(&self.left.list().await?).await
    }

    /// Reads all from storage the next time.
    pub(crate) fn invalidate(&self) {
        self.records.invalidate();
    }
}

#[async_trait]
impl Pins for StaticRoles {
    async fn names(&self, purpose: &Purpose, id: &CredentialId) -> Result<bool, Error> {
        let Purpose::Static { static_role } = purpose else {
            return Ok(false);
        };
        let role = self.get(static_role).await?;
        Ok(role.is_some_and(|role| role.names(id)))
    }
}
