//! Static roles as they are stored, and what their rotations need in memory. What
//! happens to them is `rotation`'s part.
//!
//! Settings and state are one record, so that a rotation is one write
//! (`lifecycle.md`, 35). It holds no secret: those lie with the keys.

mod memory;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use logical::{Clock, Error, Storage};
use readiness::Settings as Readiness;
use rotation_schedule::{Overlap, Retire, Timing};
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedMutexGuard;

use crate::control_plane::Target;
use crate::credential::{Purpose, later};
use crate::ids::{CredentialId, HolderId, KeyId, RoleName};
use crate::ledger::Pins;
use crate::output::Output;
use crate::records::Records;

pub(crate) use memory::Rotations;

const STATIC: &str = "lockkeeper/static/";

/// Keys that static roles took over from roles.
const ADOPTED: &str = "lockkeeper/adopted/";

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
    /// What ends a key that was replaced.
    #[serde(default, skip_serializing_if = "Retire::is_grace")]
    pub(crate) retire: Retire,
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
    /// Keys that were replaced and live until nothing logs in with them any more,
    /// the latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) waiting: Vec<WaitingKey>,
    /// The key before the first that was made for it, where it took over one that
    /// existed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) imported: Option<CredentialId>,
    /// A key that ended although something may use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended_in_use: Option<EndedInUse>,
    /// How often the rotation after this key was put off, since its window had
    /// passed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) missed: u32,
    /// When the next rotation is planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next_rotation: Option<Timestamp>,
    /// The rotation under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rotation: Option<Rotation>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
fn is_zero(count: &u32) -> bool {
    *count == 0
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
    /// In which fields readers get it, where those of the role cannot hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<Output>,
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
    /// As [`ServedKey::output`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<Output>,
}

/// A key that was replaced and waits for silence. Its grace holder has the latest
/// end as its deadline, and is released before that when the key is quiet, so that
/// no failure of ours ends it early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WaitingKey {
    pub(crate) credential: CredentialId,
    /// The version as which it was served, which its holder is named after.
    pub(crate) version: u64,
    /// Since when another is served.
    pub(crate) replaced: Timestamp,
    /// Until when it lives whether it is quiet or not.
    pub(crate) grace_until: Timestamp,
    /// Until when it lives at most, by its holder.
    pub(crate) held_until: Timestamp,
}

/// A key that ended at `max_overlap`, without having been quiet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndedInUse {
    /// The id of the key, where it was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<KeyId>,
    pub(crate) at: Timestamp,
    /// Why it was not quiet.
    pub(crate) cause: String,
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
            adopted: None,
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

    /// How long a key that is replaced at a time lives at most: until its grace is
    /// over, or until it must have been quiet.
    pub(crate) fn held_until(&self, replaced: Timestamp, grace_until: Timestamp) -> Timestamp {
        let longest = self.retire.max_overlap();
        longest.map_or(grace_until, |longest| {
            later(replaced, span(longest)).max(grace_until)
        })
    }

    /// The key of the present version is replaced, and waits for silence where that
    /// is what ends it.
    pub(crate) fn wait_for_silence(
        &mut self,
        credential: &CredentialId,
        replaced: Timestamp,
        grace_until: Timestamp,
    ) {
        if self.retire.is_grace() {
            return;
        }
        self.waiting.push(WaitingKey {
            credential: credential.clone(),
            version: self.version,
            replaced,
            grace_until,
            held_until: self.held_until(replaced, grace_until),
        });
    }

    /// Whether whoever asked for the rotation under way said how long the old key
    /// lives on.
    pub(crate) fn has_asked_grace(&self) -> bool {
        let request = self.rotation.as_ref().and_then(|rotation| rotation.request);
        request.is_some_and(|request| request.grace_seconds.is_some())
    }

    /// What needs a person.
    pub(crate) fn problem(&self) -> Option<String> {
        let ended = self.ended_in_use.as_ref()?;
        let key = ended.key.as_ref().map_or("unknown", KeyId::as_str);
        Some(format!(
            "old key `{key}` of static role `{}` reached `max_overlap` and ended at {} although \
             something may use it: {}",
            self.name, ended.at, ended.cause
        ))
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
    adopted: Records<AdoptedBy>,
}

/// The static role that took over a key, for callers that know the key as a role's.
#[derive(Debug, Serialize, Deserialize)]
struct AdoptedBy {
    static_role: RoleName,
}

impl StaticRoles {
    pub(crate) fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        Self {
            records: Records::new(Arc::clone(&storage), Arc::clone(&clock), STATIC),
            left: Records::new(Arc::clone(&storage), Arc::clone(&clock), LEFT),
            adopted: Records::new(storage, clock, ADOPTED),
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

    /// Keeps a static role that is about to be deleted, in case it is written again.
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

    /// Notes that a static role takes over a key.
    pub(crate) async fn note_adopted(&self, id: &CredentialId, by: &RoleName) -> Result<(), Error> {
        let adopted = AdoptedBy {
            static_role: by.clone(),
        };
        self.adopted.write(&id.to_string(), &adopted).await
    }

    /// Forgets the notes of keys that no static role serves any more.
    pub(crate) async fn forget_adopted(&self) -> Result<(), Error> {
        for name in self.adopted.list().await? {
            let Some(adopted) = self.adopted.read(&name).await? else {
                continue;
            };
            let _lock = self.lock(&adopted.static_role).await;
            let role = self.get(&adopted.static_role).await?;
            let served = role.and_then(|role| role.served);
            if served.is_none_or(|served| served.credential.to_string() != name) {
                self.adopted.delete(&name).await?;
            }
        }
        Ok(())
    }

    /// Reads all from storage the next time.
    pub(crate) fn invalidate(&self) {
        self.records.invalidate();
    }
}

#[async_trait]
impl Pins for StaticRoles {
    async fn names(&self, purpose: &Purpose, id: &CredentialId) -> Result<bool, Error> {
        let static_role = match purpose {
            Purpose::Static { static_role, .. } => static_role.clone(),
            // Whoever asks may not know that it was taken over.
            Purpose::Role { .. } => match self.adopted.read(&id.to_string()).await? {
                Some(adopted) => adopted.static_role,
                None => return Ok(false),
            },
        };
        let role = self.get(&static_role).await?;
        Ok(role.is_some_and(|role| role.names(id)))
    }
}
