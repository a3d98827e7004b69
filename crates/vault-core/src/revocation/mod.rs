//! The revocation of a token with everything that was leased under it.
//!
//! It is a job on record. First the token is marked, so that it cannot be used
//! and no lease can be added; then each of its leases is made due; then the
//! token goes. Whatever interrupts the job, the next start or the next minute
//! goes on with it.

use std::sync::Arc;

use logical::{Error, RunToCompletion, Tasks};

use crate::leases::Leases;
use crate::locks::NamedLocks;
use crate::tokens::TokenStore;

/// Ends tokens.
pub(crate) struct Revocation {
    tokens: Arc<TokenStore>,
    leases: Arc<Leases>,
    tasks: Arc<dyn Tasks>,
    /// Held by salted hash while a revocation goes on. A second one could end
    /// leases of a new token with the same text.
    revoking: NamedLocks,
}

impl Revocation {
    pub(crate) fn new(tokens: Arc<TokenStore>, leases: Arc<Leases>, tasks: Arc<dyn Tasks>) -> Self {
        Self {
            tokens,
            leases,
            tasks,
            revoking: NamedLocks::default(),
        }
    }

    /// Revokes a token. One that does not exist, or whose revocation has begun,
    /// is no error.
    ///
    /// # Errors
    /// When it cannot be put on record. What fails later is tried again by
    /// itself.
    pub(crate) async fn revoke(self: &Arc<Self>, salted: &str) -> Result<(), Error> {
        let (revocation, salted) = (Arc::clone(self), salted.to_owned());
        let work = async move {
            if revocation.tokens.begin_revocation(&salted).await? {
                let _revoking = revocation.revoking.lock(&salted).await;
                revocation.go_on(&salted).await;
            }
            Ok(())
        };
        RunToCompletion::new(Arc::clone(&self.tasks), work).await
    }

    /// Goes on with revocations that did not end, except those that somebody
    /// else is going on with.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub(crate) async fn resume(&self) -> Result<(), Error> {
        for salted in self.tokens.revocations().await? {
            if let Some(_revoking) = self.revoking.try_lock(&salted) {
                self.go_on(&salted).await;
            }
        }
        Ok(())
    }

    async fn go_on(&self, salted: &str) {
        if let Err(error) = self.finish(salted).await {
            tracing::warn!(%error, "the revocation of a token did not end; it is tried again");
        }
    }

    async fn finish(&self, salted: &str) -> Result<(), Error> {
        if !self.tokens.is_being_revoked(salted).await? {
            return Ok(());
        }
        // A token that is still usable was never revoked: the mark was not
        // stored, and whoever asked for it was told so or never answered.
        let is_revoked = self.tokens.lookup_salted(salted).await?.is_none();
        if is_revoked {
            self.leases.expire_token_now(salted).await?;
        }
        self.tokens.end_revocation(salted, is_revoked).await
    }
}

#[cfg(test)]
mod tests;
