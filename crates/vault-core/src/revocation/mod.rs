//! Revocation of a token together with every lease that was issued under it.
//!
//! Revocation is a durable job. First the token is marked as revoked, so that
//! it can no longer be used and no lease can be added; then each of its leases
//! is made due; then the token is deleted. A job that is interrupted is resumed
//! at the next start or within a minute.

use std::sync::Arc;

use logical::{Error, NamedLocks, RunToCompletion, Tasks};

use crate::leases::Leases;
use crate::tokens::TokenStore;

/// Revokes tokens.
pub(crate) struct Revocation {
    tokens: Arc<TokenStore>,
    leases: Arc<Leases>,
    tasks: Arc<dyn Tasks>,
    /// Held by salted hash while a revocation is in progress: a second one
    /// could revoke leases of a new token with the same text.
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

    /// Revokes a token. A token that does not exist, or whose revocation has
    /// begun, is not an error.
    ///
    /// # Errors
    /// When the revocation cannot be recorded. Later failures are retried in
    /// the background.
    pub(crate) async fn revoke(self: &Arc<Self>, salted: &str) -> Result<(), Error> {
        let (revocation, salted) = (Arc::clone(self), salted.to_owned());
        let work = async move {
            if revocation.tokens.begin_revocation(&salted).await? {
                let _revoking = revocation.revoking.lock(&salted).await;
                revocation.attempt(&salted).await;
            }
            Ok(())
        };
        RunToCompletion::new(Arc::clone(&self.tasks), work).await
    }

    /// Resumes unfinished revocations, except those that are in progress.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub(crate) async fn resume(&self) -> Result<(), Error> {
        for salted in self.tokens.revocations().await? {
            if let Some(_revoking) = self.revoking.try_lock(&salted) {
                self.attempt(&salted).await;
            }
        }
        Ok(())
    }

    async fn attempt(&self, salted: &str) {
        if let Err(error) = self.finish(salted).await {
            tracing::warn!(%error, "the revocation of a token failed and will be retried");
        }
    }

    async fn finish(&self, salted: &str) -> Result<(), Error> {
        if !self.tokens.is_being_revoked(salted).await? {
            return Ok(());
        }
        // A token that is still usable was never marked: recording its
        // revocation failed, and the client got an error or no answer.
        let is_revoked = self.tokens.lookup_salted(salted).await?.is_none();
        if is_revoked {
            self.leases.expire_token_now(salted).await?;
        }
        self.tokens.end_revocation(salted, is_revoked).await
    }
}

#[cfg(test)]
mod tests;
