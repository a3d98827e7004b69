//! The account: the admin credential of an organization, kept in storage.
//!
//! One is current, which is what `config` shows and what new keys are made
//! with. Others stay, only to delete the keys that were made with them
//! (`lifecycle.md`, 29).
//!
//! An account has an id of its own, by which records of keys name it. Its
//! organization is an attribute, which an account that was not proven does not
//! know until Confluent tells.

mod roster;
mod stored;

use std::ops::Deref;
use std::sync::Arc;

use jiff::Timestamp;
use logical::Error;
use serde::{Deserialize, Serialize};

pub(crate) use self::roster::Roster;
pub(crate) use self::stored::Accounts;
use crate::SecretText;
use crate::account_ref::AccountRef;
use crate::control_plane::{Access, Caller, CloudError, Failure};
use crate::ids::{AccountId, KeyId, OrganizationId};

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

    /// Whether a later one is of the same key or organization.
    fn is_succeeded_by(&self, later: &Self) -> bool {
        match (&self.organization, &later.organization) {
            (Some(own), Some(later)) => own == later,
            _ => self.key_id == later.key_id,
        }
    }
}

/// An account with its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedAccount {
    pub(crate) id: AccountId,
    pub(crate) account: Arc<Account>,
}

impl Deref for NamedAccount {
    type Target = Account;

    fn deref(&self) -> &Account {
        &self.account
    }
}

impl NamedAccount {
    /// How the record of a key names it.
    pub(crate) fn reference(&self) -> AccountRef {
        AccountRef {
            account: self.id.clone(),
            organization: self.organization.clone(),
        }
    }
}

/// Why a question to Confluent has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AskError {
    /// No account can ask it.
    Account(Error),
    /// Confluent refused, or did not answer.
    Cloud(CloudError),
}

impl AskError {
    /// Whether Confluent does not accept the account.
    pub(crate) fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Cloud(error) if error.failure == Failure::Unauthorized)
    }
}

impl From<AskError> for Error {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Account(error) => error,
            AskError::Cloud(error) => error.into(),
        }
    }
}
