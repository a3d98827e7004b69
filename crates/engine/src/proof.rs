//! The proof of an account: the admin key is verified by reading it through
//! the API with its own credentials, which also tells its organization.

use std::time::Duration;

use logical::Error;

use crate::account::Account;
use crate::control_plane::{Caller, CloudError, Failure, KnownKey};
use crate::state::Engine;

/// When a refused key is tried again: Confluent takes up to half a minute to
/// accept a new one everywhere, and most often some seconds.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(4)];

impl Engine {
    /// Proves an account and notes its organization. Gives warnings.
    ///
    /// # Errors
    /// When Confluent refuses the key, or does not answer.
    pub(crate) async fn prove(&self, account: &mut Account) -> Result<Vec<String>, Error> {
        match self.read_own_key(account).await {
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

    async fn read_own_key(&self, account: &Account) -> Result<KnownKey, CloudError> {
        let access = account.access().on_behalf_of(Caller::operator());
        for wait in AGAIN_AFTER {
            match self.control.read_key(&access, &account.key_id).await {
                Err(error) if error.failure == Failure::Unauthorized => {
                    self.tasks.sleep(wait).await;
                }
                answer => return answer,
            }
        }
        self.control.read_key(&access, &account.key_id).await
    }
}

fn unproven(account: &Account, mut error: CloudError) -> Error {
    if error.failure == Failure::Unauthorized {
        error.message.push_str(
            ". A key that was made less than half a minute ago may not be known yet: try again then",
        );
    }
    Error::from(error).context(format_args!(
        "proving key `{}` at `url` `{}`",
        account.key_id, account.url
    ))
}
