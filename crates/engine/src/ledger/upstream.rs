//! The ledger's requests to Confluent: to find, confirm and delete keys.
//!
//! Answers become events of a credential; [`step`](super::step) decides what
//! follows.

use std::time::Duration;

use jiff::SignedDuration;
use logical::Error;

use super::deletions::{Absence, Undone};
use super::driver::Ledger;
use super::entry::{Entry, lock};
use super::failure::{Failure, interrupted};
use super::step::Event;
use crate::account::{AskError, NamedAccount};
use crate::account_ref::AccountRef;
use crate::control_plane::{
    Access, Caller, Class, CloudError, Failure as CloudFailure, KeyList, RemovalBy, Target,
};
use crate::credential::{Credential, INTENT_QUIET, State, later};
use crate::ids::{KeyId, Marker};

/// How far Confluent's clock and ours may differ when the creation time of a
/// found key is compared with its intent.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// A deletion is sent within this time, or waits in the order of all deletions
/// (`lifecycle.md`, 57 and 58).
pub(crate) const SENT_WITHIN: Duration = Duration::from_secs(5);

impl Ledger {
    /// Asks Confluent with an account. A success shows that the account is accepted,
    /// and brings failed deletions forward.
    pub(crate) async fn ask_as<T, R>(
        &self,
        account: &NamedAccount,
        call: impl Fn(Access) -> R,
    ) -> Result<T, AskError>
    where
        R: Future<Output = Result<T, CloudError>>,
    {
        let call = |access| {
            let answer = call(access);
            async {
                let answer = answer.await;
                let refused = |error: &CloudError| error.failure == CloudFailure::Unauthorized;
                if answer.as_ref().is_err_and(refused) {
                    // Also before the account is read again and tried once more.
                    let now = self.clock.monotonic();
                    lock(&self.deletions).note_refused(account.reference(), now);
                }
                answer
            }
        };
        let answer = self.accounts.ask_as(&account.id, call).await;
        if answer.is_ok() {
            let failed = {
                let mut deletions = lock(&self.deletions);
                deletions.note_accepted(account.reference(), self.clock.monotonic());
                deletions.take_failed()
            };
            for id in failed {
                self.schedule_at(&id, self.clock.now());
            }
        }
        answer
    }

    /// Asks Confluent with the account of a key, and with the next candidate as long
    /// as the account may be the reason for a refusal.
    pub(super) async fn ask<T, R>(
        &self,
        of: &AccountRef,
        call: impl Fn(Access) -> R,
    ) -> Result<T, AskError>
    where
        R: Future<Output = Result<T, CloudError>>,
    {
        let mut candidates = self.accounts.candidates(of);
        let mut answer = self.ask_as(&candidates.first().await?, &call).await;
        while let Err(error) = &answer
            && may_lack_rights(error)
            && let Some(next) = candidates.next().await?
        {
            let other = self.ask_as(&next, &call).await;
            // A refused account says nothing about the key.
            let says_nothing = other.as_ref().is_err_and(AskError::is_unauthorized);
            if error.is_unauthorized() || !says_nothing {
                answer = other;
            }
        }
        answer
    }

    /// Lists the keys of a target with the account of a key, or with the next
    /// candidate where that list is not complete.
    pub(crate) async fn list(&self, of: &AccountRef, target: &Target) -> Result<KeyList, AskError> {
        let mut candidates = self.accounts.candidates(of);
        let first = candidates.first().await?;
        let mut list = self.list_as(&first, of, target).await;
        while is_partial(&list)
            && let Some(next) = candidates.next().await?
        {
            let other = self.list_as(&next, of, target).await;
            if shows_more(&other, &list) {
                list = other;
            }
        }
        list
    }

    /// Lists the keys of a target with one account. An account that lost its rights
    /// gets an empty list, and so does one of another organization. So an empty list
    /// counts as complete only for an account that may still read its own key and is
    /// of the right organization.
    async fn list_as(
        &self,
        account: &NamedAccount,
        of: &AccountRef,
        target: &Target,
    ) -> Result<KeyList, AskError> {
        let list = |access: Access| async move { self.control.list_keys(&access, target).await };
        let mut list = self.ask_as(account, list).await?;
        if list.complete && list.keys.is_empty() {
            let own = |access: Access| async move {
                self.control.read_key(&access, &access.key_id).await
            };
            match self.ask_as(account, own).await {
                Ok(own) => {
                    let mut asked = account.reference();
                    asked.organization = own.organization.or(asked.organization);
                    list.complete = of.includes(&asked);
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
        let (account, target, intended_at) = entry
            .look(|known| {
                (
                    known.account.clone(),
                    known.target.clone(),
                    known.intended_at,
                )
            })
            .ok_or_else(|| Failure::Failed(interrupted()))?;
        let list = self.list(&account, &target).await;
        let list = list.map_err(Error::from)?;
        let storages = self.storage_ids().await?;
        let made_after = later(intended_at, -CLOCK_SKEW);
        let found = list.keys.into_iter().find(|key| {
            Marker::read(&key.display_name)
                .is_some_and(|(storage, id)| id == *entry.id() && storages.contains(&storage))
                && key.created_at.is_none_or(|created| created >= made_after)
        });
        match found {
            Some(key) => Ok(Event::Found { key: key.id }),
            None if list.complete => Ok(Event::NotFound),
            None => Err(Failure::Failed(incomplete_list())),
        }
    }

    /// Checks from time to time that a shared key still exists at Confluent. One that
    /// was deleted by hand is entered as gone, so that readers get another and
    /// renewals fail. Without an answer the key is assumed to exist.
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

    /// As [`Ledger::confirm`], once for a process: after that others look whether the
    /// key still exists.
    pub(crate) async fn confirm_once(&self, entry: &Entry) -> Result<(), Failure> {
        if entry.was_confirmed() {
            return Ok(());
        }
        self.confirm(entry).await
    }

    /// As [`Ledger::confirm`], for a key that is missing from a list: an earlier
    /// confirmation does not count.
    pub(crate) async fn confirm_missing(&self, entry: &Entry) -> Result<(), Failure> {
        let _confirming = entry.confirming.lock().await;
        self.confirm_now(entry).await
    }

    /// The caller holds `confirming`.
    async fn confirm_now(&self, entry: &Entry) -> Result<(), Failure> {
        let now = self.clock.monotonic();
        // Reads and lists may lag behind a key that was just made.
        let young = later(self.clock.now(), -INTENT_QUIET);
        let in_use = |known: &Credential| match &known.state {
            State::Live { key } if known.intended_at < young => {
                Some((known.account.clone(), known.target.clone(), key.id.clone()))
            }
            _ => None,
        };
        let Some((account, target, key)) = self.look(entry, in_use).await? else {
            return Ok(());
        };
        let key = &key;
        let read = |access: Access| async move { self.control.read_key(&access, key).await };
        match self.ask(&account, read).await {
            Ok(_) => {
                entry.confirm(now);
                return Ok(());
            }
            Err(AskError::Account(error)) => return Err(Failure::Failed(error)),
            Err(AskError::Cloud(refusal)) if !is_absence(refusal.failure) => return Ok(()),
            Err(AskError::Cloud(_)) => {}
        }
        match self.list(&account, &target).await {
            Ok(list) if list.keys.iter().any(|listed| listed.id == *key) => {
                entry.confirm(now);
                Ok(())
            }
            Ok(list) if shows_absence(&list) => {
                tracing::warn!(
                    key = key.as_str(),
                    "a key was deleted by somebody else; a shared role's readers get another"
                );
                self.apply(entry, Event::Deleted { doubtful: true }).await
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Notes that this process has just made the key of an entry.
    pub(crate) fn confirm_new(&self, entry: &Entry) {
        entry.confirm(self.clock.monotonic());
    }

    /// Looks again for a key whose absence rests on a list alone.
    pub(super) async fn look_again(&self, entry: &Entry, key: &KeyId) -> Result<Event, Failure> {
        let (account, target) = entry
            .look(|known| (known.account.clone(), known.target.clone()))
            .ok_or_else(|| Failure::Failed(interrupted()))?;
        let list = self.list(&account, &target).await;
        let list = list.map_err(Error::from)?;
        let mut exists = list.keys.iter().any(|listed| listed.id == *key);
        if !exists && !list.complete {
            exists = self.exists(&account, key).await?;
        }
        if exists {
            tracing::error!(
                key = key.as_str(),
                "a key that seemed to be gone is listed again; it is deleted again"
            );
        } else if !shows_absence(&list) {
            return Err(Failure::Failed(incomplete_list()));
        }
        Ok(Event::LookedAgain { exists })
    }

    /// Whether Confluent shows a key.
    async fn exists(&self, of: &AccountRef, key: &KeyId) -> Result<bool, Error> {
        let read = |access: Access| async move {
            let access = access.on_behalf_of(Caller::of(Class::Look, ""));
            self.control.read_key(&access, key).await
        };
        match self.ask(of, read).await {
            Ok(_) => Ok(true),
            Err(AskError::Cloud(refusal)) if is_absence(refusal.failure) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn delete(
        &self,
        entry: &Entry,
        key: &KeyId,
        by: RemovalBy,
    ) -> Result<Absence, Undone> {
        let (account, target) = entry
            .look(|known| (known.account.clone(), known.target.clone()))
            .ok_or_else(|| Undone::of(interrupted()))?;
        self.delete_key(&account, &target, key, by).await
    }

    /// Deletes a key. A 403 or 404 means that it is gone only if a list does not have
    /// it either: an admin key that lost rights gets 403 for live keys
    /// (`lifecycle.md`, 21).
    ///
    /// Confluent caps lists. Beyond the cap, the key is read by its id: an account
    /// that is shown other keys of this owner and resource would see this one too.
    pub(crate) async fn delete_key(
        &self,
        account: &AccountRef,
        target: &Target,
        key: &KeyId,
        by: RemovalBy,
    ) -> Result<Absence, Undone> {
        let deleted = self.delete_unmeasured(account, target, key, by).await;
        let outcome = match &deleted {
            Ok(absence) => absence.word(),
            Err(undone) => undone.word(),
        };
        self.measurements.deletion(by, outcome);
        deleted
    }

    async fn delete_unmeasured(
        &self,
        account: &AccountRef,
        target: &Target,
        key: &KeyId,
        by: RemovalBy,
    ) -> Result<Absence, Undone> {
        let caller = &Caller::removal(by, target.owner.as_str()).within(SENT_WITHIN);
        let delete = |access: Access| async move {
            let access = access.on_behalf_of(caller.clone());
            self.control.delete_key(&access, key).await
        };
        let refusal = match self.ask(account, delete).await {
            Ok(()) => return Ok(Absence::Deleted),
            Err(AskError::Cloud(refusal)) if is_absence(refusal.failure) => refusal,
            Err(error) => return Err(undone(error)),
        };
        if self.holds_back_deletions() {
            // The list would delay a deletion.
            return Err(Undone::Unverified(Error::rate_limited(
                "Confluent Cloud does not know the key; whether it is gone is looked at when no \
                 deletion waits any more",
            )));
        }
        let list = self.list(account, target).await.map_err(undone)?;
        if list.keys.iter().any(|listed| listed.id == *key) {
            return Err(undone(AskError::Cloud(refusal)));
        }
        if list.complete {
            return Ok(Absence::Unlisted);
        }
        if self.exists(account, key).await.map_err(Undone::of)? {
            return Err(undone(AskError::Cloud(refusal)));
        }
        if shows_absence(&list) {
            Ok(Absence::Unlisted)
        } else {
            Err(Undone::of(incomplete_list()))
        }
    }
}

/// A 429 means that nothing was done: the deletion counts as held back.
fn undone(error: AskError) -> Undone {
    let wait = match &error {
        AskError::Cloud(cloud) => match cloud.failure {
            CloudFailure::HeldBack { wait } => Some(wait),
            CloudFailure::RateLimited => Some(Duration::ZERO),
            _ => None,
        },
        AskError::Account(_) => None,
    };
    match wait {
        Some(wait) => Undone::HeldBack {
            wait,
            error: error.into(),
        },
        None => Undone::of(error.into()),
    }
}

/// Whether a list without a key shows that it is gone: the list is complete, or has
/// other keys, so that the account is known to see them.
fn shows_absence(list: &KeyList) -> bool {
    list.complete || !list.keys.is_empty()
}

/// Whether another account could get a different answer.
fn may_lack_rights(error: &AskError) -> bool {
    let absence = matches!(error, AskError::Cloud(refusal) if is_absence(refusal.failure));
    absence || error.is_unauthorized()
}

/// Whether another account could get a longer list.
fn is_partial(list: &Result<KeyList, AskError>) -> bool {
    match list {
        Ok(list) => !list.complete,
        Err(error) => error.is_unauthorized(),
    }
}

/// Whether a list replaces an earlier one.
fn shows_more(list: &Result<KeyList, AskError>, earlier: &Result<KeyList, AskError>) -> bool {
    match (list, earlier) {
        (_, Err(_)) => true,
        (Err(_), Ok(_)) => false,
        (Ok(list), Ok(earlier)) => list.complete || list.keys.len() > earlier.keys.len(),
    }
}

/// Whether an answer may mean that the key does not exist. The account may also
/// have lost rights.
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
