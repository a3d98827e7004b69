//! The removal of the account that keys may depend on: only when no key would
//! be left without an account that can delete it.

use std::collections::BTreeSet;

use logical::Error;
use tokio::sync::RwLockWriteGuard;

use crate::credential::Credential;
use crate::ids::KeyId;
use crate::state::Engine;

impl Engine {
    /// Removes the current account, unless keys need it.
    pub(crate) async fn delete_account(&self) -> Result<(), Error> {
        let _lock = self.accounts.lock().await;
        let Some(current) = self.accounts.current().await? else {
            return Ok(());
        };
        let roster = self.accounts.roster().await?;
        let needs = |credential: &Credential| {
            let able = roster.able(&credential.account);
            able.contains(&current.id)
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
        self.accounts.delete_current(&roster).await
    }

    /// The first record of a key that is not gone and meets a condition; and,
    /// where there is none, what keeps it so: no key is made meanwhile. Most
    /// records are read before creations have to wait, since there may be many.
    async fn find_unsettled(
        &self,
        meets: impl Fn(&Credential) -> bool,
    ) -> Result<(Option<Credential>, Option<RwLockWriteGuard<'_, ()>>), Error> {
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
                if !credential.is_settled() && meets(&credential) {
                    return Ok((Some(credential), None));
                }
            }
        }
        Ok((None, nobody_makes))
    }
}
