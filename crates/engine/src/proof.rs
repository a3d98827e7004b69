//! The proof of an account: the admin key is verified by reading it through
//! the API with its own credentials. That also tells its organization, which an
//! account that was stored without a proof learns later.

use logical::Error;

use crate::account::Account;
use crate::control_plane::{Caller, CloudError, Failure};
use crate::ids::OrganizationId;
use crate::state::Engine;

impl Engine {
    /// Proves an account and notes its organization. Gives warnings.
    ///
    /// # Errors
    /// When Confluent refuses the key, or does not answer.
    pub(crate) async fn prove(&self, account: &mut Account) -> Result<Vec<String>, Error> {
        let access = account.access().on_behalf_of(Caller::operator());
        match self.control.read_key(&access, &account.key_id).await {
            Ok(known) => {
                account.organization = known.organization;
                Ok(Vec::new())
            }
            Err(error) if matches!(error.failure, Failure::Forbidden | Failure::NotFound) => {
                Ok(vec![format!(
                    "Confluent Cloud accepts key `{}` but does not let it read API keys: give its \
                     owner the role OrganizationAdmin, or ResourceKeyAdmin on what keys are made for",
                    account.key_id
                )])
            }
            Err(error) => Err(unproven(account, error)),
        }
    }

    /// Asks Confluent for the organization of the unproven account, if that is
    /// not known. Without an answer it is asked again by the next sweep.
    pub(crate) async fn ask_organization(&self) -> Result<(), Error> {
        let Some(account) = self.accounts.unproven().await? else {
            return Ok(());
        };
        if account.organization.is_some() {
            return Ok(());
        }
        match self.told_organization(&account).await {
            Some(organization) => self.learn_organization(&account, organization).await,
            None => Ok(()),
        }
    }

    /// The organization of an account, where Confluent tells it now.
    pub(crate) async fn told_organization(&self, account: &Account) -> Option<OrganizationId> {
        let access = account.access();
        let told = self.control.read_key(&access, &account.key_id).await;
        told.ok()?.organization
    }

    /// Confluent told the organization of the unproven account.
    pub(crate) async fn learn_organization(
        &self,
        account: &Account,
        organization: OrganizationId,
    ) -> Result<(), Error> {
        let _lock = self.accounts.lock().await;
        self.accounts.learn(account, organization).await
    }
}

fn unproven(account: &Account, error: CloudError) -> Error {
    Error::from(error).context(format_args!(
        "proving key `{}` at `url` `{}`",
        account.key_id, account.url
    ))
}
