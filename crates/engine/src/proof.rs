//! The proof of an account: the admin key is verified by reading it through
//! the API with its own credentials. That also tells its organization, which an
//! account that was stored without a proof learns later.

use logical::Error;

use crate::account::{Account, NamedAccount};
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

    /// Asks Confluent for the organizations of accounts of which they are not
    /// known. Without an answer the next sweep asks again.
    pub(crate) async fn ask_organizations(&self) -> Result<(), Error> {
        for account in self.accounts.of_unknown_organization().await? {
            if let Some(organization) = self.told_organization(&account).await {
                self.learn_organization(&account, organization).await?;
            }
        }
        Ok(())
    }

    /// The organization of an account, where Confluent tells it now.
    pub(crate) async fn told_organization(&self, account: &Account) -> Option<OrganizationId> {
        let access = account.access();
        let told = self.control.read_key(&access, &account.key_id).await;
        told.ok()?.organization
    }

    /// Confluent told the organization of an account.
    pub(crate) async fn learn_organization(
        &self,
        account: &NamedAccount,
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
