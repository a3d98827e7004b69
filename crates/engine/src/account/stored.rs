//! The accounts in a mount's storage, and requests to Confluent with one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use logical::{Clock, Entropy, Error, Storage, Write};
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedMutexGuard;

use super::{Account, AskError, NamedAccount, Roster, no_account};
use crate::account_ref::AccountRef;
use crate::control_plane::{Access, CloudError};
use crate::credential::{INTENT_QUIET, later};
use crate::ids::{AccountId, OrganizationId};
use crate::records::Records;

const ACCOUNTS: &str = "lockkeeper/account/";
const CURRENT: &str = "current";

/// Accounts by id. The name dates from earlier versions, whose ids are those of
/// organizations.
const BY_ID: &str = "lockkeeper/account/organization/";

/// How long an account is tried last after Confluent refused it.
const REFUSED_FOR: Duration = Duration::from_mins(10);

/// The pointer to the current account.
#[derive(Serialize, Deserialize)]
#[serde(from = "StoredCurrent", into = "StoredCurrent")]
#[derive(Clone)]
struct Current {
    account: AccountId,
}

/// Earlier versions have the organization alone, and take it for the name of the
/// account's place.
#[derive(Serialize, Deserialize)]
struct StoredCurrent {
    organization: Option<OrganizationId>,
    #[serde(default)]
    account: Option<AccountId>,
}

impl From<StoredCurrent> for Current {
    fn from(stored: StoredCurrent) -> Self {
        let reference = AccountRef::stored(stored.account, stored.organization);
        Self {
            account: reference.account,
        }
    }
}

impl From<Current> for StoredCurrent {
    fn from(current: Current) -> Self {
        Self {
            organization: current.account.as_organization(),
            account: Some(current.account),
        }
    }
}

/// The accounts in a mount's storage.
pub(crate) struct Accounts {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    current: Records<Current>,
    by_id: Records<Account>,
    /// When Confluent refused an account, on the monotonic clock.
    refused: Mutex<BTreeMap<AccountId, Duration>>,
}

impl Accounts {
    pub(crate) fn new(storage: Arc<dyn Storage>, clock: &Arc<dyn Clock>) -> Self {
        let accounts = Arc::clone(&storage);
        Self {
            current: Records::new(Arc::clone(&storage), Arc::clone(clock), ACCOUNTS),
            by_id: Records::new(accounts, Arc::clone(clock), BY_ID),
            clock: Arc::clone(clock),
            storage,
            refused: Mutex::default(),
        }
    }

    /// Excludes concurrent changes of the accounts.
    pub(crate) async fn lock(&self) -> OwnedMutexGuard<()> {
        self.current.lock(CURRENT).await
    }

    /// The account that new keys are made with, from storage.
    pub(crate) async fn current(&self) -> Result<Option<NamedAccount>, Error> {
        let Some(Current { account: id }) = self.current.read(CURRENT).await? else {
            return Ok(None);
        };
        let account = self.by_id.read(id.as_str()).await?.map(Arc::new);
        Ok(account.map(|account| NamedAccount { id, account }))
    }

    /// The account that new keys are made with, cached for a few seconds. An error
    /// with a remedy where there is none.
    pub(crate) async fn required(&self) -> Result<NamedAccount, Error> {
        let account = match self.current.cached(CURRENT).await? {
            Some(current) => self.recent(&current.account).await?,
            None => None,
        };
        account.ok_or_else(no_account)
    }

    /// All accounts, from storage.
    pub(crate) async fn roster(&self) -> Result<Roster, Error> {
        let current = self.current.read(CURRENT).await?;
        let mut accounts = BTreeMap::new();
        for name in self.by_id.list().await? {
            // It may have been removed since it was listed.
            let account = self.by_id.read(&name).await?;
            accounts.extend(account.map(|account| (AccountId::new(name), account)));
        }
        Ok(Roster {
            current: current.map(|current| current.account),
            accounts,
        })
    }

    /// The accounts that can delete a key, one by one.
    pub(crate) fn candidates<'a>(&'a self, of: &'a AccountRef) -> Candidates<'a> {
        Candidates {
            accounts: self,
            of,
            asked: Vec::new(),
            rest: None,
        }
    }

    /// Asks Confluent with an account. After a 401 the account is read from storage
    /// and asked once more: it may have been replaced a moment ago, and a new key may
    /// not have propagated yet.
    pub(crate) async fn ask_as<T, R>(
        &self,
        id: &AccountId,
        call: impl Fn(Access) -> R,
    ) -> Result<T, AskError>
    where
        R: Future<Output = Result<T, CloudError>>,
    {
        let mut answer = call(self.access(id).await?).await.map_err(AskError::Cloud);
        if answer.as_ref().is_err_and(AskError::is_unauthorized) {
            self.invalidate();
            answer = call(self.access(id).await?).await.map_err(AskError::Cloud);
        }
        match &answer {
            Ok(_) => {
                self.refused().remove(id);
            }
            Err(error) if error.is_unauthorized() => {
                let now = self.clock.monotonic();
                self.refused().insert(id.clone(), now);
            }
            Err(_) => {}
        }
        answer
    }

    async fn access(&self, id: &AccountId) -> Result<Access, AskError> {
        let account = self.recent(id).await.map_err(AskError::Account)?;
        let account = account.ok_or_else(|| {
            AskError::Account(Error::upstream(
                "the account was removed meanwhile: try again",
            ))
        })?;
        Ok(account.access())
    }

    /// Stores an account, makes it the current one and returns its id. The caller
    /// holds the lock. The batch may be cut: an account that is not current yet is
    /// not needed by any key.
    pub(crate) async fn put(
        &self,
        account: &Account,
        entropy: &dyn Entropy,
    ) -> Result<AccountId, Error> {
        let roster = self.roster().await?;
        let id = roster.id_for(account, entropy);
        let mut account = account.clone();
        if let Some(replaced) = roster.accounts.get(&id) {
            account.organization = account
                .organization
                .or_else(|| replaced.organization.clone());
        }
        let batch = vec![
            self.by_id.put(id.as_str(), &account)?,
            self.current.put(
                CURRENT,
                &Current {
                    account: id.clone(),
                },
            )?,
        ];
        self.apply(batch).await?;
        Ok(id)
    }

    /// The accounts whose organization is not known yet.
    pub(crate) async fn of_unknown_organization(&self) -> Result<Vec<NamedAccount>, Error> {
        let roster = self.roster().await?;
        let unknown = roster
            .accounts
            .into_iter()
            .filter(|(_, account)| account.organization.is_none());
        let named = unknown.map(|(id, account)| NamedAccount {
            id,
            account: Arc::new(account),
        });
        Ok(named.collect())
    }

    /// Notes the organization of an account, unless that was replaced
    /// meanwhile. The caller holds the lock.
    pub(crate) async fn learn(
        &self,
        account: &NamedAccount,
        organization: OrganizationId,
    ) -> Result<(), Error> {
        if self.by_id.read(account.id.as_str()).await?.as_ref() != Some(&*account.account) {
            return Ok(());
        }
        let told = Account {
            organization: Some(organization),
            ..Account::clone(account)
        };
        self.by_id.write(account.id.as_str(), &told).await
    }

    /// Removes the current account, and others of its organization.
    pub(crate) async fn delete_current(&self, roster: &Roster) -> Result<(), Error> {
        let Some(id) = &roster.current else {
            return Ok(());
        };
        let organization = roster.accounts.get(id).map(|known| &known.organization);
        let goes = roster.accounts.iter().filter(|(other, account)| {
            *other == id
                || account.organization.is_some() && organization == Some(&account.organization)
        });
        let mut batch = vec![self.current.remove(CURRENT)];
        batch.extend(goes.map(|(id, _)| self.by_id.remove(id.as_str())));
        self.apply(batch).await
    }

    /// Removes the accounts that no key needed at a time. If the current account was
    /// new then, a key could still be made with an earlier one, and none is removed.
    pub(crate) async fn forget_unneeded(
        &self,
        needed: &BTreeSet<AccountRef>,
        at: Timestamp,
    ) -> Result<(), Error> {
        let _lock = self.lock().await;
        let Some(current) = self.current().await? else {
            return Ok(());
        };
        if at < later(current.written_at, INTENT_QUIET) {
            return Ok(());
        }
        for id in self.roster().await?.unneeded(needed) {
            self.by_id.delete(id.as_str()).await?;
        }
        Ok(())
    }

    /// Drops the cache.
    pub(crate) fn invalidate(&self) {
        self.current.invalidate();
        self.by_id.invalidate();
    }

    async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        let _invalidations = (self.current.invalidation(), self.by_id.invalidation());
        self.storage.apply(batch).await
    }

    /// An account, cached for a few seconds.
    async fn recent(&self, id: &AccountId) -> Result<Option<NamedAccount>, Error> {
        let account = self.by_id.cached(id.as_str()).await?;
        let id = id.clone();
        Ok(account.map(|account| NamedAccount { id, account }))
    }

    fn refused(&self) -> MutexGuard<'_, BTreeMap<AccountId, Duration>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether Confluent refused an account lately.
    fn was_refused(&self, id: &AccountId) -> bool {
        let now = self.clock.monotonic();
        let at = self.refused().get(id).copied();
        at.is_some_and(|at| now.saturating_sub(at) < REFUSED_FOR)
    }
}

/// Iterates over the accounts that can delete a key, in the order in which they are
/// tried. The others are read from storage only after the named one.
pub(crate) struct Candidates<'a> {
    accounts: &'a Accounts,
    of: &'a AccountRef,
    asked: Vec<AccountId>,
    rest: Option<VecDeque<AccountId>>,
}

impl Candidates<'_> {
    /// The first one, or an error where there is none.
    pub(crate) async fn first(&mut self) -> Result<NamedAccount, AskError> {
        let first = self.next().await?;
        first.ok_or_else(|| AskError::Account(self.nobody()))
    }

    /// The next one, if any.
    pub(crate) async fn next(&mut self) -> Result<Option<NamedAccount>, AskError> {
        let next = self.find().await.map_err(AskError::Account)?;
        self.asked.extend(next.iter().map(|next| next.id.clone()));
        Ok(next)
    }

    async fn find(&mut self) -> Result<Option<NamedAccount>, Error> {
        let named = &self.of.account;
        if self.rest.is_none() && self.asked.is_empty() && !self.accounts.was_refused(named) {
            let known = self.accounts.recent(named).await?;
            let known = known.filter(|known| self.of.can_be_of(known.organization.as_ref()));
            if known.is_some() {
                return Ok(known);
            }
        }
        let mut rest = match self.rest.take() {
            Some(rest) => rest,
            None => self.others().await?,
        };
        let mut next = None;
        while next.is_none()
            && let Some(id) = rest.pop_front()
        {
            next = self.accounts.recent(&id).await?;
        }
        self.rest = Some(rest);
        Ok(next)
    }

    /// The accounts that were not tried yet. Those that Confluent refused lately come
    /// last.
    async fn others(&self) -> Result<VecDeque<AccountId>, Error> {
        let mut able = self.accounts.roster().await?.able(self.of);
        able.retain(|id| !self.asked.contains(id));
        able.sort_by_key(|id| self.accounts.was_refused(id));
        Ok(able.into())
    }

    fn nobody(&self) -> Error {
        match &self.of.organization {
            Some(organization) => Error::internal(format!(
                "the account of organization `{organization}` is gone, so its keys cannot be \
                 deleted: write it to `config` again"
            )),
            None => no_account(),
        }
    }
}
