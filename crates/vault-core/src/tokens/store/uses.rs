//! Uses of tokens whose uses are limited.

use std::collections::HashSet;
use std::sync::{MutexGuard, PoisonError};

use logical::{Error, Storage as _, Write};

use super::revocation::{Children, revocation_key};
use super::{TokenEntry, TokenStore, Uses, encode, token_key};

impl TokenStore {
    /// Counts one use of a token whose uses are limited. Returns what was left
    /// before, or `None` if nothing was. Durable on return.
    ///
    /// The last use is on record as a revocation, which a restart finishes. It
    /// is in progress until [`end_last_use`](Self::end_last_use).
    pub(crate) async fn take_use(&self, salted: &str) -> Result<Option<Uses>, Error> {
        let _changing = self.changing.lock(salted).await;
        let Some(mut entry) = self.stored(salted).await?.filter(|entry| !entry.is_revoked) else {
            return Ok(None);
        };
        let before = entry.uses;
        entry.uses = match before {
            Uses::Unlimited => return Ok(Some(before)),
            Uses::Spent => return Ok(None),
            Uses::Left(0 | 1) => Uses::Spent,
            Uses::Left(left) => Uses::Left(left - 1),
        };
        if entry.uses != Uses::Spent {
            self.update(salted, &entry).await?;
            return Ok(Some(before));
        }
        self.last_uses().insert(salted.to_owned());
        let batch = vec![
            Write::put(revocation_key(salted), encode(&Children::Revoked)?),
            Write::put(token_key(salted), encode(&entry)?),
        ];
        let change = self.cache.invalidate(salted);
        let stored = self.storage.apply(batch).await;
        drop(change);
        if let Err(error) = stored {
            self.end_last_use(salted);
            return Err(error);
        }
        Ok(Some(before))
    }

    /// Undoes the last use of a token, of which nothing came.
    ///
    /// # Errors
    /// An error of storage.
    pub(crate) async fn give_back_last_use(&self, salted: &str) -> Result<(), Error> {
        let _changing = self.changing.lock(salted).await;
        let stored = self.stored(salted).await?;
        let is_spent = |entry: &TokenEntry| entry.uses == Uses::Spent && !entry.is_revoked;
        let Some(mut entry) = stored.filter(is_spent) else {
            return Ok(());
        };
        entry.uses = Uses::Left(1);
        let batch = vec![
            Write::put(token_key(salted), encode(&entry)?),
            Write::delete(revocation_key(salted)),
        ];
        let _change = self.cache.invalidate(salted);
        self.storage.apply(batch).await
    }

    /// Ends the last use of a token.
    pub(crate) fn end_last_use(&self, salted: &str) {
        self.last_uses().remove(salted);
    }

    /// Whether a token has no use left and none in progress, so that all that
    /// is left to do is to revoke it.
    ///
    /// # Errors
    /// An error of storage.
    pub(crate) async fn is_used_up(&self, salted: &str) -> Result<bool, Error> {
        // In this order: a last use that begins in between is not over.
        let stored = self.stored(salted).await?;
        let is_spent = stored.is_some_and(|entry| entry.uses == Uses::Spent && !entry.is_revoked);
        Ok(is_spent && !self.is_in_last_use(salted))
    }

    /// Whether the last use of a token is in progress.
    pub(crate) fn is_in_last_use(&self, salted: &str) -> bool {
        self.last_uses().contains(salted)
    }

    fn last_uses(&self) -> MutexGuard<'_, HashSet<String>> {
        self.last_uses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
