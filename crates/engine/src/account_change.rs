//! Changes of the account that keys may depend on: it is replaced or removed
//! only when no key would be left without an account that can delete it.

use std::collections::BTreeSet;
use std::future::Future;

use logical::Error;
use tokio::sync::RwLockWriteGuard;

use crate::account::Account;
use crate::credential::Credential;
use crate::ids::KeyId;
use crate::state::Engine;

impl Engine {
    /// Stores an account and makes it the current one. One whose organization
    /// is not known must not take the place of another such one that keys
    /// still need: asked with the wrong account, they would seem to be gone.
    /// The caller holds the accounts' lock.
    pub(crate) async fn put_account(&self, account: &Account) -> Result<(), Error> {
        let unproven = self.accounts.unproven().await?;
        let replaced = unproven.filter(|unproven| unproven.key_id != account.key_id);
        let (Some(replaced), None) = (replaced, &account.organization) else {
            return self.accounts.write(account).await;
        };
        let needs = |credential: Credential| async move {
            let organization = credential.organization.as_ref();
            Ok(self
                .accounts
                .needs_unproven(organization)
                .await?
                .then_some(credential))
        };
        let (found, _nobody_makes) = self.find_unsettled(needs).await?;
        if let Some(credential) = found {
            return Err(Error::bad_request(format!(
                "keys of {} were made with account `{}`, whose organization is not known, \
                 and could not be deleted with `{}` if that is of another one: write it without \
                 `verify=false`, so that Confluent Cloud tells, or revoke the leases of this mount \
                 first",
                credential.purpose, replaced.key_id, account.key_id
            )));
        }
        self.accounts.write(account).await
    }

    /// Removes the current account, unless keys need it.
    pub(crate) async fn delete_account(&self) -> Result<(), Error> {
        let _lock = self.accounts.lock().await;
        let Some(account) = self.accounts.current().await? else {
            return Ok(());
        };
        let account = &account;
        let needs = |credential: Credential| async move {
            let organization = credential.organization.as_ref();
            let needed = self.accounts.for_organization(organization).await;
            let needs = needed.is_ok_and(|needed| *needed == *account);
            Ok(needs.then_some(credential))
        };
        let (found, _nobody_makes) = self.find_unsettled(needs).await?;
        if let Some(credential) = found {
            let key = credential.key_id().map_or("being made", KeyId::as_str);
            return Err(Error::bad_request(format!(
                "the account is needed to delete the keys that were made with it, such as `{key}` of \
                 {}: revoke the leases of this mount and delete its static roles first",
                credential.purpose
            )));
        }
        self.accounts.delete_current().await
    }

    /// The first record of a key that is not gone and meets a condition; and,
    /// where there is none, what keeps it so: no key is made meanwhile. Most
    /// records are read before creations have to wait, since there may be many.
    async fn find_unsettled<F>(
        &self,
        meets: impl Fn(Credential) -> F,
    ) -> Result<(Option<Credential>, Option<RwLockWriteGuard<'_, ()>>), Error>
    where
        F: Future<Output = Result<Option<Credential>, Error>>,
    {
        let mut seen = BTreeSet::new();
        let mut nobody_makes = None;
        for last in [false, true] {
            if last {
                // A key that is being made has no record yet for a moment.
                nobody_makes = Some(self.making.write().await);
            }
            for id in self.ledger.store.ids().await? {
                if !seen.insert(id.clone()) {
                    continue;
                }
                let Some(credential) = self.ledger.store.load(&id).await? else {
                    continue;
                };
                if credential.is_settled() {
                    continue;
                }
                if let Some(found) = meets(credential).await? {
                    return Ok((Some(found), None));
                }
            }
        }
        Ok((None, nobody_makes))
    }
}
