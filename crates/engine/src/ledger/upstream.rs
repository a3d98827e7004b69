//! What the ledger asks Confluent: whether a key is there, and to delete it.
//!
//! Answers become events of a credential; what follows from them is decided in
//! [`step`](super::step).

use std::time::Duration;

use jiff::SignedDuration;
use logical::Error;

use super::credential::{INTENT_QUIET, State, later};
use super::driver::{Failure, Ledger, interrupted};
use super::entry::Entry;
use super::step::Event;
use crate::account::AskError;
use crate::control_plane::{Access, Failure as CloudFailure, KeyList, Target};
use crate::ids::{KeyId, OrganizationId};

/// How far Confluent's clock and ours may differ when the creation time of a
/// found key is compared with its intent.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// How long a key that others hold is taken to exist (`lifecycle.md`, 17).
pub(super) const CONFIRMED_FOR: Duration = Duration::from_mins(5);

/// How it is known that a key is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    /// Confluent deleted it.
    Deleted,
    /// Confluent does not know it, and a complete list does not have it.
    Unlisted,
}

impl Ledger {
    /// The keys of a target, by the account of an organization. An account that
    /// lost its rights is shown none, and neither is one of another
    /// organization that stands in. So an empty list counts as complete only
    /// for an account that may still read its own key and is of this one.
    pub(crate) async fn list(
        &self,
        organization: Option<&OrganizationId>,
        target: &Target,
    ) -> Result<KeyList, AskError> {
        let list = |access: Access| async move { self.control.list_keys(&access, target).await };
        let mut list = self.accounts.ask(organization, list).await?;
        if list.complete && list.keys.is_empty() {
            let own = |access: Access| async move {
                self.control.read_key(&access, &access.key_id).await
            };
            match self.accounts.ask(organization, own).await {
                Ok(own) => {
                    let told = own.organization.as_ref();
                    list.complete =
                        told.is_none() || organization.is_none_or(|of| told == Some(of));
                }
                Err(AskError::Cloud(refusal)) if is_absence(refusal.failure) => {
                    list.complete = false;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(list)
    }

    /// Looks for the key of an intent by owner, resource and marker.
    pub(super) async fn search(&self, entry: &Entry) -> Result<Event, Failure> {
        let (organization, target, intended_at) = entry
            .look(|known| {
                (
                    known.organization.clone(),
                    known.target.clone(),
                    known.intended_at,
                )
            })
            .ok_or_else(|| Failure::Failed(interrupted()))?;
        let marker = self.marker(entry.id()).await?;
        let list = self.list(organization.as_ref(), &target).await;
        let list = list.map_err(Error::from)?;
        let now = self.clock.now();
        let made_after = later(intended_at, -CLOCK_SKEW);
        let found = list.keys.into_iter().find(|key| {
            marker.marks(&key.display_name)
                && key.created_at.is_none_or(|created| created >= made_after)
        });
        match found {
            Some(key) => Ok(Event::Found { key: key.id, now }),
            None if list.complete => Ok(Event::NotFound { now }),
            None => Err(Failure::Failed(incomplete_list())),
        }
    }

    /// Asks Confluent, now and then, whether a key that is handed out still
    /// exists. One that a person deleted is entered as gone, so that readers
    /// get another and renewals fail. Where Confluent does not answer, the key
    /// is taken to exist: its readers have nothing better.
    pub(crate) async fn confirm(&self, entry: &Entry) -> Result<(), Failure> {
        if entry.is_confirmed(self.clock.monotonic()) {
            return Ok(());
        }
        let _confirming = entry.confirming.lock().await;
        if entry.is_confirmed(self.clock.monotonic()) {
            return Ok(());
        }
        self.confirm_now(entry).await
    }

    /// As [`Ledger::confirm`], for a key that a complete list does not have:
    /// that it was there a moment ago says nothing.
    pub(crate) async fn confirm_unlisted(&self, entry: &Entry) -> Result<(), Failure> {
        let _confirming = entry.confirming.lock().await;
        self.confirm_now(entry).await
    }

    async fn confirm_now(&self, entry: &Entry) -> Result<(), Failure> {
        let now = self.clock.monotonic();
        self.load(entry).await?;
        // Reads and lists may lag behind a key that was just made.
        let young = later(self.clock.now(), -INTENT_QUIET);
        let known = entry.look(|known| match &known.state {
            State::Live { key } if known.intended_at < young => Some((
                known.organization.clone(),
                known.target.clone(),
                key.id.clone(),
            )),
            _ => None,
        });
        let Some((organization, target, key)) = known.flatten() else {
            return Ok(());
        };
        let (organization, key) = (organization.as_ref(), &key);
        let read = |access: Access| async move { self.control.read_key(&access, key).await };
        match self.accounts.ask(organization, read).await {
            Ok(_) => {
                entry.confirm(now);
                return Ok(());
            }
            Err(AskError::Account(error)) => return Err(Failure::Failed(error)),
            Err(AskError::Cloud(refusal)) if !is_absence(refusal.failure) => return Ok(()),
            Err(AskError::Cloud(_)) => {}
        }
        match self.list(organization, &target).await {
            Ok(list) if list.keys.iter().any(|listed| listed.id == *key) => {
                entry.confirm(now);
                Ok(())
            }
            Ok(list) if list.complete => {
                tracing::warn!(
                    key = key.as_str(),
                    "a key was deleted by somebody else; a shared role's readers get another"
                );
                let gone = Event::Deleted {
                    now: self.clock.now(),
                    doubtful: true,
                };
                self.apply(entry, gone).await
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The key of an entry was made by this process a moment ago.
    pub(crate) fn confirm_new(&self, entry: &Entry) {
        entry.confirm(self.clock.monotonic());
    }

    /// Whether a key that was gone by a list alone is listed now.
    pub(super) async fn look_again(&self, entry: &Entry, key: &KeyId) -> Result<Event, Failure> {
        let (organization, target) = entry
            .look(|known| (known.organization.clone(), known.target.clone()))
            .ok_or_else(|| Failure::Failed(interrupted()))?;
        let list = self.list(organization.as_ref(), &target).await;
        let list = list.map_err(Error::from)?;
        let exists = list.keys.iter().any(|listed| listed.id == *key);
        if exists {
            tracing::error!(
                key = key.as_str(),
                "a key that seemed to be gone is listed again; it is deleted again"
            );
        } else if !list.complete {
            return Err(Failure::Failed(incomplete_list()));
        }
        let now = self.clock.now();
        Ok(Event::LookedAgain { exists, now })
    }

    pub(super) async fn delete(&self, entry: &Entry, key: &KeyId) -> Result<Absence, Error> {
        let (organization, target) = entry
            .look(|known| (known.organization.clone(), known.target.clone()))
            .ok_or_else(interrupted)?;
        self.delete_key(organization.as_ref(), &target, key).await
    }

    /// Deletes a key. One that Confluent refuses to know is gone only when a
    /// complete list of the same account does not have it: an admin key whose
    /// rights were narrowed gets 403 for keys that live (`lifecycle.md`, 21).
    pub(crate) async fn delete_key(
        &self,
        organization: Option<&OrganizationId>,
        target: &Target,
        key: &KeyId,
    ) -> Result<Absence, Error> {
        let delete = |access: Access| async move { self.control.delete_key(&access, key).await };
        let refusal = match self.accounts.ask(organization, delete).await {
            Ok(()) => return Ok(Absence::Deleted),
            Err(AskError::Cloud(refusal)) if is_absence(refusal.failure) => refusal,
            Err(error) => return Err(error.into()),
        };
        let list = self.list(organization, target).await?;
        if list.keys.iter().any(|listed| listed.id == *key) {
            return Err(refusal.into());
        }
        if list.complete {
            Ok(Absence::Unlisted)
        } else {
            Err(incomplete_list())
        }
    }
}

/// Whether an answer may mean that there is no such key. It may also mean that
/// the account lost rights.
fn is_absence(failure: CloudFailure) -> bool {
    matches!(failure, CloudFailure::NotFound | CloudFailure::Forbidden)
}

fn incomplete_list() -> Error {
    Error::upstream(
        "Confluent Cloud does not list all keys of this owner and resource, since there are too \
         many or the account lost rights, so it is not certain what became of one: it is looked for \
         again later",
    )
}
