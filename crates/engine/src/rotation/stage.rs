//! Rotations by hand: make and prove a key without serving it, serve it, or go
//! back.

use std::sync::Arc;

use logical::Error;
use readiness::{Basis, Proof};
use rotation_schedule::{Planner, Spread};

use super::Outputs;
use super::decide::{KeyState, next_rotation};
use super::keys::in_grace;
use crate::control_plane::Target;
use crate::credential::{Credential, later};
use crate::ids::{CredentialId, RoleName};
use crate::ledger::{Event, Failure, IssuedKey};
use crate::state::Engine;
use crate::static_role::{PreviousKey, Request, ServedKey, StaticRole};

/// A key of a static role that is not the one served, with its secret.
pub(crate) struct KeyBeside {
    pub(crate) role: StaticRole,
    pub(crate) key: IssuedKey,
    /// What it is for: the target of the role when it was made.
    pub(crate) target: Target,
    /// In which fields readers get it.
    pub(crate) outputs: Outputs,
}

impl Engine {
    /// Makes the next key and begins to prove it. It is served when somebody commits
    /// it or the planned time comes.
    pub(crate) async fn stage(self: &Arc<Self>, name: &RoleName) -> Result<(), Error> {
        let lock = self.static_roles.lock(name).await;
        let mut role = self.required_static_role(name).await?;
        // A write that fails may have been done all the same: somebody looks.
        self.rotations.schedule(name, self.clock.now());
        if let Some(rotation) = &mut role.rotation {
            let Some(failed) = &mut rotation.failure else {
                return Err(Error::bad_request(format!(
                    "a key of static role `{name}` is being made or is staged already: look at \
                     `static-role/{name}/status`, then commit it or roll back"
                )));
            };
            failed.retry_at = self.clock.now();
        } else {
            role.rotation = Some(self.fresh_rotation(&role.name, None));
        }
        self.static_roles.put(&role).await?;
        drop(lock);
        // To its making: who stages a key wants to read it.
        self.advance(name).await;
        Ok(())
    }

    /// Serves the staged key.
    pub(crate) async fn commit(
        self: &Arc<Self>,
        name: &RoleName,
        force: bool,
    ) -> Result<(), Error> {
        let advancing = self.rotations.advance(name).await;
        let lock = self.static_roles.lock(name).await;
        let mut role = self.required_static_role(name).await?;
        // A write that fails may have been done all the same: somebody looks.
        self.rotations.schedule(name, self.clock.now());
        let Some(rotation) = &mut role.rotation else {
            return Err(nothing_staged(name));
        };
        if let Some(failed) = &rotation.failure {
            return Err(Error::bad_request(format!(
                "the staged key of static role `{name}` was given up: {}",
                failed.error
            )));
        }
        match self.key_of_record(&rotation.next).await?.state {
            KeyState::Ready => {}
            KeyState::Proving if force => {
                let at = self.clock.now();
                let basis = Basis::Assumed;
                let proven = Event::Proven {
                    proof: Proof { basis, at },
                };
                let entry = self.ledger.entry(&rotation.next);
                self.ledger.apply(&entry, proven).await?;
            }
            KeyState::Proving => {
                return Err(Error::bad_request(format!(
                    "the staged key of static role `{name}` is not proven yet: look at \
                     `static-role/{name}/status` and try again, or give `force=true`"
                )));
            }
            KeyState::Absent | KeyState::Making | KeyState::Lost | KeyState::Ended => {
                return Err(Error::bad_request(format!(
                    "the staged key of static role `{name}` is not made yet: look at \
                     `static-role/{name}/status` and try again"
                )));
            }
        }
        rotation.request = Some(Request::default());
        let version = role.version;
        self.static_roles.put(&role).await?;
        drop(lock);
        self.advance_alone(name).await;
        drop(advancing);
        match self.static_roles.get(name).await? {
            Some(role) if role.version > version => Ok(()),
            _ => Err(Error::upstream(format!(
                "the staged key of static role `{name}` is not served yet: look at \
                 `static-role/{name}/status`"
            ))),
        }
    }

    /// Drops the key that is staged or being made; without one goes back to the
    /// key before, while that lives.
    pub(crate) async fn roll_back(self: &Arc<Self>, name: &RoleName) -> Result<(), Error> {
        let _advancing = self.rotations.advance(name).await;
        let _lock = self.static_roles.lock(name).await;
        let mut role = self.required_static_role(name).await?;
        // A write that fails may have been done all the same: somebody looks.
        self.rotations.schedule(name, self.clock.now());
        if role.served.is_none() {
            return Err(Error::bad_request(format!(
                "static role `{name}` serves no key yet, so there is nothing to go back to"
            )));
        }
        let now = self.clock.now();
        if let Some(rotation) = role.rotation.take() {
            // A planned one is not begun again at once.
            if let Some(planned) = role.next_rotation {
                let lead = jiff::SignedDuration::try_from(self.lead(&role)).unwrap_or_default();
                if later(planned, -lead) <= now {
                    let apart = role.overlap.grace() + self.lead(&role);
                    let spread = Spread::of_name(name.as_str());
                    let planner = Planner::new(&role.timing, spread, apart);
                    role.next_rotation = planner.after_planned(planned, now);
                }
            }
            self.static_roles.put(&role).await?;
            self.let_go(&rotation.next, None).await?;
            self.rotations.schedule(name, now);
            return Ok(());
        }
        self.serve_previous(role).await
    }

    /// Serves the key before again. It is kept before the record names it, and
    /// looked at after that: its grace may have ended in between.
    async fn serve_previous(&self, mut role: StaticRole) -> Result<(), Error> {
        let now = self.clock.now();
        let gone = || {
            Error::bad_request(format!(
                "the key before of static role `{}` is gone, so there is nothing to go back to: \
                 `rotate-role/{}` makes a new one",
                role.name, role.name
            ))
        };
        let (Some(previous), Some(served)) = (role.previous.clone(), role.served.clone()) else {
            return Err(gone());
        };
        if previous.until <= now {
            return Err(gone());
        }
        let entry = self.ledger.entry(&previous.credential);
        match self.ledger.apply(&entry, Event::Pin).await {
            Ok(()) => {}
            Err(Failure::Failed(error)) => return Err(error),
            Err(Failure::Refused(_) | Failure::Unknown) => return Err(gone()),
        }
        let from = self.timekeeper.deadlines_from();
        let grace_until = role.grace_until(from);
        let until = role.held_until(from, grace_until);
        let holder = (role.grace_holder(), in_grace(from, until));
        let leaving = self.ledger.entry(&served.credential);
        // One that a person ended needs no grace.
        if let Err(Failure::Failed(error)) =
            self.ledger.apply(&leaving, Event::Attach { holder }).await
        {
            return Err(error.context("noting the grace of the key that is left"));
        }
        role.wait_for_silence(&served.credential, from, grace_until);
        role.next_rotation = next_rotation(&role, false, self.lead(&role), now, 0);
        role.served = Some(ServedKey {
            credential: previous.credential.clone(),
            since: now.max(served.since),
            output: previous.output,
        });
        role.previous = Some(PreviousKey {
            credential: served.credential,
            since: Some(served.since),
            until,
            output: served.output,
        });
        role.version += 1;
        self.static_roles.put(&role).await?;
        self.rotations.schedule(&role.name, now);
        match self.key_in_storage(&previous.credential).await? {
            KeyState::Ready => Ok(()),
            _ => Err(Error::upstream(format!(
                "the key before of static role `{}` ended while it was served again, and another is \
                 being made: look at `static-role/{}/status`",
                role.name, role.name
            ))),
        }
    }

    /// The key that is staged or being tried, for pipelines.
    pub(crate) async fn pending_key(&self, name: &RoleName) -> Result<KeyBeside, Error> {
        let role = self.required_static_role(name).await?;
        let next = role.rotation.as_ref().map(|rotation| rotation.next.clone());
        let outputs = Outputs::of(&role, None);
        let key = self.key_beside(role, next, outputs).await?;
        key.ok_or_else(|| nothing_staged(name))
    }

    /// The key before the one that is served, while it lives.
    pub(crate) async fn previous_key(&self, name: &RoleName) -> Result<Option<KeyBeside>, Error> {
        let role = self.required_static_role(name).await?;
        let previous = role.previous.as_ref();
        let previous = previous.filter(|previous| previous.until > self.clock.now());
        let outputs = Outputs::of(&role, previous.and_then(|key| key.output.as_ref()));
        let previous = previous.map(|previous| previous.credential.clone());
        self.key_beside(role, previous, outputs).await
    }

    async fn key_beside(
        &self,
        role: StaticRole,
        id: Option<CredentialId>,
        outputs: Outputs,
    ) -> Result<Option<KeyBeside>, Error> {
        let Some(id) = id else {
            return Ok(None);
        };
        let known = self.key_with_secret(&id).await?;
        Ok(known.map(|(key, target)| KeyBeside {
            role,
            key,
            target,
            outputs,
        }))
    }

    /// A key that lives and has its secret on record, and what it is for.
    pub(super) async fn key_with_secret(
        &self,
        id: &CredentialId,
    ) -> Result<Option<(IssuedKey, Target)>, Error> {
        let entry = self.ledger.entry(id);
        let key = |credential: &Credential| {
            let key = credential.live_key().cloned();
            let key = key.filter(|key| key.secret.is_some());
            key.map(|key| (key, credential.target.clone()))
        };
        match self.ledger.look(&entry, key).await {
            Ok(key) => Ok(key),
            Err(Failure::Failed(error)) => Err(error),
            Err(Failure::Unknown | Failure::Refused(_)) => Ok(None),
        }
    }

    pub(super) async fn required_static_role(&self, name: &RoleName) -> Result<StaticRole, Error> {
        self.static_roles.get(name).await?.ok_or_else(|| {
            Error::bad_request(format!(
                "static role `{name}` does not exist: check its name, or LIST `static-role/`"
            ))
        })
    }
}

fn nothing_staged(name: &RoleName) -> Error {
    Error::bad_request(format!(
        "nothing is staged for static role `{name}`: write `static-role/{name}/stage` first"
    ))
}
