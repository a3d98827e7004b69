//! The proof of an account: the admin key is verified by reading it through
//! the API with its own credentials, which also tells its organization.

use logical::Error;

use crate::account::Account;
use crate::control_plane::{Caller, CloudError, Failure};
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
}

fn unproven(account: &Account, error: CloudError) -> Error {
    Error::from(error).context(format_args!(
        "proving key `{}` at `url` `{}`",
        account.key_id, account.url
    ))
}
