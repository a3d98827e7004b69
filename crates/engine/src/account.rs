//! The account: the admin credential of an organization, kept in storage.
//!
//! One is current, which is what `config` shows and what new keys are made
//! with. Those of other organizations stay, only to delete the keys that were
//! made with them (`lifecycle.md`, 29).
//!
//! An account that was not proven has no organization yet. It lies in a place
//! of its own, and stays there after Confluent told its organization: records
//! of keys without an organization mean that account's.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;
use logical::{Clock, Error, Storage, Write};
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedMutexGuard;

use crate::SecretText;
use crate::control_plane::{Access, Caller, CloudError, Failure};
use crate::ids::{KeyId, OrganizationId};
use crate::ledger::credential::{INTENT_QUIET, later};
use crate::records::Records;

const ACCOUNTS: &str = "lockkeeper/account/";
const CURRENT: &str = "current";
const BY_ORGANIZATION: &str = "lockkeeper/account/organization/";

/// The name of an account whose organization is not known.
const UNPROVEN: &str = "unproven";

/// There is no account.
pub(crate) fn no_account() -> Error {
    Error::bad_request(
        "no account is configured: write `ccloud_api_key_id` and `ccloud_api_key_secret` to `config`",
    )
}

/// Where the address is not given.
pub const DEFAULT_URL: &str = "https://api.confluent.cloud";

/// An admin credential, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The organization that it belongs to, once Confluent told.
    pub organization: Option<OrganizationId>,
    /// Base address of the API.
    pub url: String,
    /// Id of the Cloud API key.
    pub key_id: KeyId,
    /// Its secret.
    pub secret: SecretText,
    /// Further trusted roots, PEM; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ca_cert: String,
    /// When it was written.
    pub written_at: Timestamp,
}

impl Account {
    /// What a call to the control plane needs.
    pub fn access(&self) -> Access {
        Access {
            url: self.url.clone(),
            key_id: self.key_id.clone(),
            secret: self.secret.clone(),
            ca_cert: self.ca_cert.clone(),
            caller: Caller::default(),
        }
    }
}

/// The name of a record: by organization, or one for an account whose
/// organization nobody told.
fn record_name(organization: Option<&OrganizationId>) -> &str {
    organization.map_or(UNPROVEN, OrganizationId::as_str)
}

#[derive(Serialize, Deserialize)]
struct Current {
    organization: Option<OrganizationId>,
}

/// Why a question to Confluent has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AskError {
    /// No account can ask it.
    Account(Error),
    /// Confluent refused, or did not answer.
    Cloud(CloudError),
}

impl From<AskError> for Error {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Account(error) => error,
            AskError::Cloud(error) => error.into(),
        }
    }
}

/// The accounts in a mount's storage.
pub(crate) struct Accounts {
    storage: Arc<dyn Storage>,
    current: Records<Current>,
    by_organization: Records<Account>,
}

impl Accounts {
    pub(crate) fn new(storage: Arc<dyn Storage>, clock: &Arc<dyn Clock>) -> Self {
        let accounts = Arc::clone(&storage);
        Self {
            current: Records::new(Arc::clone(&storage), Arc::clone(clock), ACCOUNTS),
            by_organization: Records::new(accounts, Arc::clone(clock), BY_ORGANIZATION),
            storage,
        }
    }

    /// Excludes other changes of the accounts that are read, changed and
    /// written.
    pub(crate) async fn lock(&self) -> OwnedMutexGuard<()> {
        self.current.lock(CURRENT).await
    }

    /// The account that new keys are made with, as it is stored.
    pub(crate) async fn current(&self) -> Result<Option<Account>, Error> {
        match self.current.read(CURRENT).await? {
            Some(current) => self.stored(current.organization.as_ref()).await,
            None => Ok(None),
        }
    }

    /// The account that new keys are made with, or what to do without one: at
    /// most a few seconds old.
    pub(crate) async fn required(&self) -> Result<Arc<Account>, Error> {
        let account = match self.current.cached(CURRENT).await? {
            Some(current) => self.recent(current.organization.as_ref()).await?,
            None => None,
        };
        account.ok_or_else(no_account)
    }

    /// The account that can delete keys of an organization. An account whose
    /// organization is not known stands in where no other is there.
    pub(crate) async fn for_organization(
        &self,
        organization: Option<&OrganizationId>,
    ) -> Result<Arc<Account>, Error> {
        let Some(organization) = organization else {
            return match self.recent(None).await? {
                Some(account) => self.newest(account).await,
                None => self.required().await,
            };
        };
        if let Some(account) = self.recent(Some(organization)).await? {
            return Ok(account);
        }
        let unproven = self.recent(None).await?;
        unproven
            .filter(|account| {
                let known = account.organization.as_ref();
                known.is_none_or(|known| known == organization)
            })
            .ok_or_else(|| {
                Error::internal(format!(
                    "the account of organization `{organization}` is gone, so its keys cannot be \
                     deleted: write it to `config` again"
                ))
            })
    }

    /// The account that was stored last for the organization of this one.
    async fn newest(&self, account: Arc<Account>) -> Result<Arc<Account>, Error> {
        let stored = self.recent(account.organization.as_ref()).await?;
        Ok(stored.unwrap_or(account))
    }

    /// The account that was stored before its organization was known.
    pub(crate) async fn unproven(&self) -> Result<Option<Account>, Error> {
        self.stored(None).await
    }

    /// Whether keys of an organization need the unproven account.
    pub(crate) async fn needs_unproven(
        &self,
        organization: Option<&OrganizationId>,
    ) -> Result<bool, Error> {
        Ok(organization.is_none() || self.stored(organization).await?.is_none())
    }

    /// Asks Confluent with the account of an organization. When the account
    /// is refused it is read again and asked once more, since it may have been
    /// replaced a moment ago, and a new one is not known everywhere at once.
    pub(crate) async fn ask<T, R>(
        &self,
        organization: Option<&OrganizationId>,
        call: impl Fn(Access) -> R,
    ) -> Result<T, AskError>
    where
        R: Future<Output = Result<T, CloudError>>,
    {
        let account = || async {
            let account = self.for_organization(organization).await;
            account.map_err(AskError::Account)
        };
        match call(account().await?.access()).await {
            Err(refused) if refused.failure == Failure::Unauthorized => {
                self.invalidate();
                let again = call(account().await?.access()).await;
                again.map_err(AskError::Cloud)
            }
            answer => answer.map_err(AskError::Cloud),
        }
    }

    /// Stores an account and makes it the current one. A batch may be cut, so
    /// the unproven place, which stands for the rest until then, comes last.
    pub(crate) async fn write(&self, account: &Account) -> Result<(), Error> {
        let organization = account.organization.clone();
        let name = record_name(organization.as_ref()).to_owned();
        let mut batch = vec![
            self.by_organization.put(&name, account)?,
            self.current.put(CURRENT, &Current { organization })?,
        ];
        if let Some(unproven) = self.unproven().await?
            && unproven.key_id == account.key_id
        {
            batch.push(self.by_organization.put(UNPROVEN, account)?);
        }
        self.apply(batch).await
    }

    /// Notes the organization of the unproven account, unless that was replaced
    /// meanwhile. A newer account of the same organization stays.
    pub(crate) async fn learn(
        &self,
        account: &Account,
        organization: OrganizationId,
    ) -> Result<(), Error> {
        if self.unproven().await?.as_ref() != Some(account) {
            return Ok(());
        }
        let told = Account {
            organization: Some(organization),
            ..account.clone()
        };
        if self.current().await?.as_ref() == Some(account) {
            return self.write(&told).await;
        }
        let mut batch = Vec::new();
        let organization = told.organization.as_ref();
        if self.stored(organization).await?.is_none() {
            batch.push(self.by_organization.put(record_name(organization), &told)?);
        }
        batch.push(self.by_organization.put(UNPROVEN, &told)?);
        self.apply(batch).await
    }

    /// Removes the current account.
    pub(crate) async fn delete_current(&self) -> Result<(), Error> {
        let Some(account) = self.current().await? else {
            return Ok(());
        };
        let organization = account.organization.as_ref();
        let mut batch = vec![self.current.remove(CURRENT)];
        if let Some(unproven) = self.unproven().await?
            && unproven.organization.as_ref() == organization
        {
            batch.push(self.by_organization.remove(UNPROVEN));
        }
        batch.push(self.by_organization.remove(record_name(organization)));
        self.apply(batch).await
    }

    /// Removes the accounts of other organizations than the current one that
    /// no key needed at a time. While the current one was new then, a key could
    /// still be made with an earlier one, so that none is removed.
    pub(crate) async fn forget_unneeded(
        &self,
        needed: &BTreeSet<Option<OrganizationId>>,
        at: Timestamp,
    ) -> Result<(), Error> {
        let (Some(Current { organization }), Some(current)) =
            (self.current.read(CURRENT).await?, self.current().await?)
        else {
            return Ok(());
        };
        if at < later(current.written_at, INTENT_QUIET) {
            return Ok(());
        }
        let mut stay = BTreeSet::from([record_name(organization.as_ref())]);
        let unproven = self.unproven().await?;
        let meant = unproven.and_then(|account| account.organization);
        for organization in needed {
            let organization = organization.as_ref();
            if self.needs_unproven(organization).await? {
                stay.insert(UNPROVEN);
            }
            stay.insert(record_name(organization.or(meant.as_ref())));
        }
        for name in self.by_organization.list().await? {
            if !stay.contains(name.as_str()) {
                self.by_organization.delete(&name).await?;
            }
        }
        Ok(())
    }

    /// Reads all accounts anew the next time.
    pub(crate) fn invalidate(&self) {
        self.current.invalidate();
        self.by_organization.invalidate();
    }

    async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        let _invalidations = (
            self.current.invalidation(),
            self.by_organization.invalidation(),
        );
        self.storage.apply(batch).await
    }

    /// An account, as it is stored.
    async fn stored(
        &self,
        organization: Option<&OrganizationId>,
    ) -> Result<Option<Account>, Error> {
        self.by_organization.read(record_name(organization)).await
    }

    /// An account, at most a few seconds old.
    async fn recent(
        &self,
        organization: Option<&OrganizationId>,
    ) -> Result<Option<Arc<Account>>, Error> {
        self.by_organization.cached(record_name(organization)).await
    }
}
