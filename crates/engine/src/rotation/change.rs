//! What operators do to static roles: write one, rotate it, delete it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use logical::Error;
use logical::effects::within;
use readiness::Settings as Readiness;
use rotation_schedule::{
    KeyLead, Overlap, OverlapFields, Planner, Retire, RetireFields, Spread, Timing,
};

use super::decide::KeyState;
use super::outputs::Serves;
use crate::SecretText;
use crate::control_plane::Target;
use crate::ids::{KeyId, RoleName};
use crate::ledger::{Event, Failure};
use crate::output::Output;
use crate::proving::{kind_of, kind_word};
use crate::state::Engine;
use crate::static_role::{OnDelete, Request, Rotation, StaticRole};

/// What an operator writes of a static role.
pub(crate) struct Settings {
    pub(crate) target: Target,
    pub(crate) key_description: String,
    pub(crate) timing: Timing,
    pub(crate) overlap: OverlapFields,
    pub(crate) retire: RetireRequest,
    pub(crate) readiness: Readiness,
    pub(crate) on_delete: OnDelete,
    pub(crate) output: Output,
}

/// What an operator writes of the end of replaced keys.
#[derive(Default)]
pub(crate) struct RetireRequest {
    pub(crate) when: Option<String>,
    pub(crate) quiet: Option<Duration>,
    pub(crate) max_overlap: Option<Duration>,
}

/// The first key of a new static role.
pub(crate) enum FirstKey {
    /// It is made.
    Made,
    /// One that exists.
    Imported(Imported),
    /// The one that the readers of a role share.
    Adopted(RoleName),
}

impl FirstKey {
    /// The field that asks for it; none where nobody does.
    fn field(&self) -> Option<&'static str> {
        match self {
            Self::Made => None,
            Self::Imported(_) => Some("import_key_id"),
            Self::Adopted(_) => Some("adopt_role"),
        }
    }
}

/// A key that exists, for a new static role.
pub(crate) struct Imported {
    pub(crate) id: KeyId,
    pub(crate) secret: SecretText,
}

/// What became of a rotation that was asked for.
pub(crate) enum Rotated {
    /// The new key is served.
    Done,
    /// It goes on.
    GoesOn,
}

impl Engine {
    /// Writes a static role: what `merge` makes of the stored one. A new one gets
    /// its first key, or is not stored (`lifecycle.md`, 43).
    pub(crate) async fn write_static_role(
        self: &Arc<Self>,
        name: RoleName,
        first: FirstKey,
        merge: impl FnOnce(Option<&StaticRole>) -> Result<Settings, Error>,
    ) -> Result<StaticRole, Error> {
        let advancing = self.rotations.advance(&name).await;
        let lock = self.static_roles.lock(&name).await;
        let stored = self.static_roles.get(&name).await?;
        let settings = merge(stored.as_ref())?;
        let now = self.clock.now();
        // A write that fails may have been done all the same: somebody looks.
        self.rotations.schedule(&name, now);
        let Some(stored) = stored else {
            let role = self.new_static_role(name, Retire::default(), settings, now)?;
            self.must_have_evidence(&role).await?;
            // Whether a key logs in is asked while others may write the role.
            return match first {
                FirstKey::Made => self.make_first(role, lock).await,
                FirstKey::Imported(imported) => {
                    drop((lock, advancing));
                    self.import_first(role, imported).await
                }
                FirstKey::Adopted(from) => {
                    drop((lock, advancing));
                    self.adopt_first(role, &from).await
                }
            };
        };
        if let Some(field) = first.field() {
            return Err(has_a_key(field, &name));
        }
        let was_quiet = !stored.retire.is_grace();
        let (replaced, output) = (stored.rotation.clone(), stored.output.clone());
        let mut role = self.changed(stored, settings, now)?;
        self.keep_outputs(&output, &mut role, Serves::Now).await?;
        if !was_quiet {
            self.must_have_evidence(&role).await?;
        }
        self.static_roles.put(&role).await?;
        if let Some(replaced) = replaced.filter(|replaced| !role.names(&replaced.next)) {
            self.let_go(&replaced.next, None).await?;
        }
        drop(lock);
        self.rotations.schedule(&role.name, now);
        Ok(role)
    }

    fn new_static_role(
        &self,
        name: RoleName,
        stored: Retire,
        settings: Settings,
        now: Timestamp,
    ) -> Result<StaticRole, Error> {
        let Settings {
            target,
            key_description,
            timing,
            overlap,
            retire,
            readiness,
            on_delete,
            output,
        } = settings;
        let lead = self.lead_of(&target, &readiness);
        let kind = kind_word(kind_of(&target));
        let key = KeyLead { kind, lead };
        let overlap = Overlap::new(overlap, &timing, key, now)
            .map_err(|error| Error::bad_request(error.to_string()))?;
        let wished = RetireFields {
            retire_when: retire.when.as_deref(),
            quiet: retire.quiet,
            max_overlap: retire.max_overlap,
        };
        let retire = Retire::update(stored, wished, &overlap, &timing, key, now)
            .map_err(|error| Error::bad_request(error.to_string()))?;
        let rotation = Some(self.fresh_rotation(&name, None));
        Ok(StaticRole {
            name,
            target,
            key_description,
            timing,
            overlap,
            retire,
            readiness,
            on_delete,
            promised_until: None,
            output,
            version: 0,
            served: None,
            previous: None,
            waiting: Vec::new(),
            imported: None,
            ended_in_use: None,
            missed: 0,
            next_rotation: None,
            rotation,
        })
    }

    /// A key that does not log in is quiet only if the audit log is reported to
    /// `usage`: else the reports are missing, and not the logins.
    async fn must_have_evidence(&self, role: &StaticRole) -> Result<(), Error> {
        if role.retire.is_grace() || self.usage.evidence().await?.is_some() {
            return Ok(());
        }
        Err(Error::bad_request(
            "`quiet` needs evidence: nothing was written to `usage` yet",
        ))
    }

    /// A stored role with other settings.
    fn changed(
        &self,
        stored: StaticRole,
        settings: Settings,
        now: Timestamp,
    ) -> Result<StaticRole, Error> {
        let new = self.new_static_role(stored.name.clone(), stored.retire, settings, now)?;
        let mut role = StaticRole {
            promised_until: Some(stored.promise_of_now(now)),
            version: stored.version,
            served: stored.served,
            previous: stored.previous,
            waiting: stored.waiting,
            imported: stored.imported,
            missed: stored.missed,
            next_rotation: stored.next_rotation,
            rotation: stored.rotation,
            ..new
        };
        if role.timing != stored.timing {
            let since = role.served.as_ref().map_or(now, |served| served.since);
            let apart = role.overlap.grace() + self.lead(&role);
            let spread = Spread::of_name(role.name.as_str());
            role.next_rotation =
                Planner::new(&role.timing, spread, apart).after_planned(since, now);
        }
        if role.target != stored.target {
            // A key for the old target is not what anybody wants any more.
            let request = Some(Request::default());
            role.rotation = Some(self.fresh_rotation(&role.name, request));
        }
        Ok(role)
    }

    /// Stores a new role with its first key. One that was deleted a moment ago
    /// gets back the key that its clients have (`lifecycle.md`, 45).
    async fn make_first(
        self: &Arc<Self>,
        role: StaticRole,
        lock: tokio::sync::OwnedMutexGuard<()>,
    ) -> Result<StaticRole, Error> {
        let name = role.name.clone();
        if let Some(role) = self.reclaim_key(&role).await? {
            drop(lock);
            self.rotations.schedule(&name, self.clock.now());
            return Ok(role);
        }
        let Some(first) = role.rotation.as_ref().map(|rotation| rotation.next.clone()) else {
            return Err(Error::internal("a new static role names no key"));
        };
        self.finish_deletion(&name).await?;
        self.static_roles.put(&role).await?;
        drop(lock);
        if let Err(error) = self.make_for_record(&role, &first).await {
            let _lock = self.static_roles.lock(&name).await;
            self.static_roles.delete(&name).await?;
            self.let_go(&first, None).await?;
            return Err(error.context(format_args!("static role `{name}` is not stored")));
        }
        self.advance_alone(&name).await;
        let stored = self.static_roles.get(&name).await?;
        Ok(stored.unwrap_or(role))
    }

    /// The role with the key that it had when it was deleted, where that lives
    /// and is for the same target. The key is kept before the record names it,
    /// and looked at again after that: its grace may have ended in between.
    async fn reclaim_key(&self, role: &StaticRole) -> Result<Option<StaticRole>, Error> {
        let Some(left) = self.static_roles.left(&role.name).await? else {
            return Ok(None);
        };
        let Some(served) = left.served.clone().filter(|_| left.target == role.target) else {
            return Ok(None);
        };
        let now = self.clock.now();
        let id = served.credential.clone();
        // It was perhaps deleted before it served a key for its last target.
        match self.key_with_secret(&id).await? {
            Some((_, target)) if target == role.target => {}
            _ => return Ok(None),
        }
        let mut back = StaticRole {
            promised_until: Some(left.promise_of_now(now)),
            version: left.version,
            next_rotation: self.first_rotation(role, now),
            waiting: left.waiting,
            imported: left.imported,
            served: Some(served),
            rotation: None,
            ..role.clone()
        };
        self.keep_outputs(&left.output, &mut back, Serves::Again)
            .await?;
        let entry = self.ledger.entry(&id);
        match self.ledger.apply(&entry, Event::Pin).await {
            Ok(()) => {}
            Err(Failure::Failed(error)) => return Err(error),
            Err(Failure::Refused(_) | Failure::Unknown) => return Ok(None),
        }
        self.static_roles.put(&back).await?;
        self.static_roles.forget_left(&role.name).await?;
        let stored = self.key_in_storage(&id).await?;
        if stored == KeyState::Ready {
            return Ok(Some(back));
        }
        // Another process ended it meanwhile: the role gets a key of its own.
        Ok(None)
    }

    /// Asks for a rotation, and waits for it as long as wished.
    pub(crate) async fn rotate_static_role(
        self: &Arc<Self>,
        name: &RoleName,
        grace: Option<Duration>,
        wait: Duration,
    ) -> Result<Rotated, Error> {
        let lock = self.static_roles.lock(name).await;
        let mut role = self.required_static_role(name).await?;
        must_outlive_answers(&role, grace)?;
        let request = Request {
            grace_seconds: grace.map(|grace| grace.as_secs()),
        };
        let now = self.clock.now();
        // A write that fails may have been done all the same: somebody looks.
        self.rotations.schedule(name, now);
        let version = role.version;
        match &mut role.rotation {
            Some(rotation) => {
                rotation.request = Some(request);
                if let Some(failed) = &mut rotation.failure {
                    failed.retry_at = now;
                }
            }
            None => role.rotation = Some(self.fresh_rotation(&role.name, Some(request))),
        }
        self.static_roles.put(&role).await?;
        drop(lock);
        self.advance_later(name.clone());
        let done = within(&*self.tasks, wait, self.served_after(name, version)).await;
        match done {
            Some(done) => done.map(|()| Rotated::Done),
            None => Ok(Rotated::GoesOn),
        }
    }

    /// Waits until a role serves a later version.
    async fn served_after(&self, name: &RoleName, version: u64) -> Result<(), Error> {
        loop {
            let mut advanced = std::pin::pin!(self.rotations.advanced.notified());
            advanced.as_mut().enable();
            match self.static_roles.get(name).await? {
                Some(role) if role.version > version => return Ok(()),
                Some(_) => {}
                None => {
                    return Err(Error::bad_request(format!(
                        "static role `{name}` was deleted while it rotated"
                    )));
                }
            }
            advanced.await;
        }
    }

    /// When a role rotates first whose key is served from now on.
    pub(super) fn first_rotation(&self, role: &StaticRole, now: Timestamp) -> Option<Timestamp> {
        let apart = role.overlap.grace() + self.lead(role);
        let spread = Spread::of_name(role.name.as_str());
        Planner::new(&role.timing, spread, apart).first(now, self.random_number())
    }

    /// A rotation that begins now, with a fresh key.
    pub(super) fn fresh_rotation(&self, name: &RoleName, request: Option<Request>) -> Rotation {
        Rotation {
            next: self.fresh_key(name),
            begun: self.clock.now(),
            attempt: 1,
            request,
            failure: None,
            last_error: String::new(),
        }
    }
}

/// Only a new static role takes a key that exists.
pub(super) fn has_a_key(field: &str, name: &RoleName) -> Error {
    Error::bad_request(format!(
        "`{field}`: static role `{name}` has a key already: only a new one takes a key that exists"
    ))
}

/// Readers rely on a key for `refresh` and a minute, unless a person ends it
/// (`lifecycle.md`, 37).
fn must_outlive_answers(role: &StaticRole, grace: Option<Duration>) -> Result<(), Error> {
    let relied_on = role.overlap.refresh() + Duration::from_mins(1);
    match grace {
        Some(grace) if !grace.is_zero() && grace < relied_on => Err(Error::bad_request(format!(
            "`grace` is {}s, and readers of static role `{}` rely on its key for {}s: give that at \
             least, or 0 to end the key at once",
            grace.as_secs(),
            role.name,
            relied_on.as_secs()
        ))),
        _ => Ok(()),
    }
}
