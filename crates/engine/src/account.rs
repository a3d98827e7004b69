//! The account: the admin credential of an organization, kept in storage.
//!
//! One is current, which is what `config` shows and what new keys are made
//! with. Those of other organizations stay, only to delete the keys that were
//! made with them (`lifecycle.md`, 29).

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;
use logical::{Clock, Error, Storage, Write};
use serde::{Deserialize, Serialize};

use crate::SecretText;
use crate::control_plane::{Access, CloudError, Failure};
use crate::ids::{KeyId, OrganizationId};
use crate::ledger::codec;
use crate::ledger::credential::{INTENT_QUIET, later};
use crate::remembered::{Changing, Remembered};

const CURRENT: &str = "lockkeeper/account/current";
const BY_ORGANIZATION: &str = "lockkeeper/account/organization/";

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
        }
    }

    /// The key in storage: by organization, or one place for an account whose
    /// organization nobody told.
    fn storage_key(organization: Option<&OrganizationId>) -> String {
        let name = organization.map_or("unproven", OrganizationId::as_str);
        format!("{BY_ORGANIZATION}{name}")
    }
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
    current: Remembered<Current>,
    stored: Remembered<Account>,
}

impl Accounts {
    pub(crate) fn new(storage: Arc<dyn Storage>, clock: &Arc<dyn Clock>) -> Self {
        Self {
            current: Remembered::new(Arc::clone(&storage), Arc::clone(clock)),
            stored: Remembered::new(Arc::clone(&storage), Arc::clone(clock)),
            storage,
        }
    }

    /// The account that new keys are made with, as it is stored.
    pub(crate) async fn current(&self) -> Result<Option<Account>, Error> {
        match self.current.read(CURRENT).await? {
            Some(current) => {
                let key = Account::storage_key(current.organization.as_ref());
                self.stored.read(&key).await
            }
            None => Ok(None),
        }
    }

    /// The account that new keys are made with, or what to do without one:
    /// from memory where it was read a moment ago.
    pub(crate) async fn required(&self) -> Result<Arc<Account>, Error> {
        let account = match self.current.get(CURRENT).await? {
            Some(current) => self.remembered(current.organization.as_ref()).await?,
            None => None,
        };
        account.ok_or_else(|| {
            Error::bad_request(
                "no account is configured: write `ccloud_api_key_id` and \
                 `ccloud_api_key_secret` to `config`",
            )
        })
    }

    /// The account that can delete keys of an organization. An account whose
    /// organization is not known stands in where no other is there.
    pub(crate) async fn for_organization(
        &self,
        organization: Option<&OrganizationId>,
    ) -> Result<Arc<Account>, Error> {
        if let Some(account) = self.remembered(organization).await? {
            return Ok(account);
        }
        let current = self.required().await?;
        if organization.is_none() || current.organization.is_none() {
            return Ok(current);
        }
        Err(Error::internal(format!(
            "the account of organization `{}` is gone, so its keys cannot be deleted: write it to \
             `config` again",
            organization.map_or("", OrganizationId::as_str)
        )))
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
                self.forget(organization);
                let again = call(account().await?.access()).await;
                again.map_err(AskError::Cloud)
            }
            answer => answer.map_err(AskError::Cloud),
        }
    }

    /// Stores an account and makes it the current one.
    pub(crate) async fn write(&self, account: &Account) -> Result<(), Error> {
        let organization = account.organization.clone();
        let key = Account::storage_key(organization.as_ref());
        let _changing = self.changing(&key);
        let batch = vec![
            Write::put(key.clone(), codec::encode(account)?),
            Write::put(CURRENT, codec::encode(&Current { organization })?),
        ];
        self.storage.apply(batch).await
    }

    /// Removes the current account.
    pub(crate) async fn delete_current(&self) -> Result<(), Error> {
        let Some(account) = self.current().await? else {
            return Ok(());
        };
        let key = Account::storage_key(account.organization.as_ref());
        let _changing = self.changing(&key);
        let batch = vec![Write::delete(CURRENT), Write::delete(key.clone())];
        self.storage.apply(batch).await
    }

    /// Removes the accounts of other organizations than the current one that
    /// no key needed at a time. While the current one was new then, a key could
    /// still be made with an earlier one, so that none is removed.
    pub(crate) async fn forget_unneeded(
        &self,
        needed: &BTreeSet<Option<OrganizationId>>,
        at: Timestamp,
    ) -> Result<(), Error> {
        let Some(current) = self.current().await? else {
            return Ok(());
        };
        if at < later(current.written_at, INTENT_QUIET) {
            return Ok(());
        }
        let current = Account::storage_key(current.organization.as_ref());
        let needed: BTreeSet<String> = needed
            .iter()
            .map(|organization| Account::storage_key(organization.as_ref()))
            .collect();
        for name in self.storage.list(BY_ORGANIZATION).await? {
            let key = format!("{BY_ORGANIZATION}{name}");
            if key != current && !needed.contains(&key) {
                let _changing = self.stored.changing(&key);
                self.storage.delete(&key).await?;
            }
        }
        Ok(())
    }

    /// Another node of the cluster wrote a place in storage.
    pub(crate) fn invalidate(&self, key: &str) {
        self.current.forget(key);
        self.stored.forget(key);
    }

    /// Reads the account of an organization anew the next time.
    fn forget(&self, organization: Option<&OrganizationId>) {
        self.current.forget(CURRENT);
        self.stored.forget(&Account::storage_key(organization));
    }

    fn changing<'a>(&'a self, key: &'a str) -> (Changing<'a, Current>, Changing<'a, Account>) {
        (self.current.changing(CURRENT), self.stored.changing(key))
    }

    async fn remembered(
        &self,
        organization: Option<&OrganizationId>,
    ) -> Result<Option<Arc<Account>>, Error> {
        self.stored.get(&Account::storage_key(organization)).await
    }
}
