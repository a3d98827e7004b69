//! Revocation of a token together with its children and every lease that was
//! issued under them.
//!
//! Revocation is a durable job. First the token is marked as revoked, so that
//! it can no longer be used and no lease can be added; then its children are
//! marked, and theirs; then, children before parents, the leases of each are
//! made due and the token is deleted. A job that is interrupted is resumed at
//! the next start or within a minute.

mod unreported;

use std::sync::Arc;

use async_trait::async_trait;
use logical::{Error, NamedLocks, RunToCompletion, Tasks};

pub(crate) use self::unreported::{Undo, Unreported};
use crate::leases::{EndsTokens, Leases};
use crate::tokens::{Children, TokenStore, Uses};

/// Revokes tokens.
#[derive(Clone)]
pub(crate) struct Revocation {
    tokens: Arc<TokenStore>,
    leases: Arc<Leases>,
    tasks: Arc<dyn Tasks>,
    /// Held by salted hash while a revocation is in progress: a second one
    /// could revoke leases of a new token with the same text. Parents are
    /// locked before their children.
    revoking: Arc<NamedLocks>,
    unreported: Unreported,
}

/// What became of one use of a token.
pub(crate) enum TokenUse {
    /// The token has no use left.
    Refused,
    Counted,
    /// It was the last one.
    Last(LastUse),
}

/// The last use of a token. The token is revoked when this is dropped, at the
/// latest when the client hangs up; after a crash, the next start revokes it.
pub(crate) struct LastUse {
    revocation: Revocation,
    salted: String,
}

impl LastUse {
    /// Makes the token usable once more: nothing came of this use.
    pub(crate) async fn give_back(mut self) {
        let tokens = Arc::clone(&self.revocation.tokens);
        match tokens.give_back_last_use(&self.salted).await {
            Ok(()) => {
                tokens.end_last_use(&self.salted);
                self.salted.clear();
            }
            Err(error) => tracing::warn!(%error, "the last use of a token is not given back"),
        }
    }
}

impl Drop for LastUse {
    fn drop(&mut self) {
        if self.salted.is_empty() {
            return;
        }
        self.revocation.tokens.end_last_use(&self.salted);
        let salted = std::mem::take(&mut self.salted);
        self.revocation.revoke_later(salted);
    }
}

#[async_trait]
impl EndsTokens for Revocation {
    async fn revoke(&self, salted: &str) -> Result<(), Error> {
        Revocation::revoke(self, salted, Children::Revoked).await
    }
}

impl Revocation {
    pub(crate) fn new(tokens: Arc<TokenStore>, leases: Arc<Leases>, tasks: Arc<dyn Tasks>) -> Self {
        Self {
            tokens,
            leases,
            tasks,
            revoking: Arc::default(),
            unreported: Unreported::default(),
        }
    }

    /// Revokes a token. A token that does not exist, or whose revocation has
    /// begun, is not an error.
    ///
    /// # Errors
    /// When the revocation cannot be recorded. Later failures are retried in
    /// the background.
    pub(crate) async fn revoke(&self, salted: &str, children: Children) -> Result<(), Error> {
        let (revocation, salted) = (self.clone(), salted.to_owned());
        let work = async move {
            let tokens = &revocation.tokens;
            if tokens.begin_revocation(&salted, children).await? {
                let _revoking = revocation.revoking.lock(&salted).await;
                revocation.attempt(&salted).await;
            }
            Ok(())
        };
        RunToCompletion::new(Arc::clone(&self.tasks), work).await
    }

    /// Revokes a token in the background. A failure to record it is retried by
    /// nobody, so this is for tokens that nobody knows or can use any more.
    pub(crate) fn revoke_later(&self, salted: String) {
        let revocation = self.clone();
        self.tasks.spawn(Box::pin(async move {
            if let Err(error) = revocation.revoke(&salted, Children::Revoked).await {
                tracing::warn!(%error, "a token that is of no use any more was not revoked");
            }
        }));
    }

    /// What only the answers of requests tell of.
    pub(crate) fn unreported(&self) -> &Unreported {
        &self.unreported
    }

    /// Counts one use of a token whose uses are limited, even if the caller is
    /// dropped meanwhile.
    ///
    /// # Errors
    /// When the use cannot be recorded.
    pub(crate) async fn take_use(&self, salted: &str) -> Result<TokenUse, Error> {
        let (revocation, salted) = (self.clone(), salted.to_owned());
        let work = async move {
            Ok(match revocation.tokens.take_use(&salted).await? {
                Some(Uses::Left(0 | 1)) => TokenUse::Last(LastUse { revocation, salted }),
                Some(Uses::Left(_) | Uses::Unlimited) => TokenUse::Counted,
                Some(Uses::Spent) | None => {
                    // Its last use was cut off before it could be revoked.
                    if revocation.tokens.is_used_up(&salted).await? {
                        revocation.revoke_later(salted);
                    }
                    TokenUse::Refused
                }
            })
        };
        RunToCompletion::new(Arc::clone(&self.tasks), work).await
    }

    /// Resumes unfinished revocations, except those that are in progress.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub(crate) async fn resume(&self) -> Result<(), Error> {
        for salted in self.tokens.revocations().await? {
            if self.tokens.is_in_last_use(&salted) {
                continue;
            }
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

    /// Finishes a revocation whose lock is held.
    async fn finish(&self, salted: &str) -> Result<(), Error> {
        let Some(children) = self.tokens.revocation(salted).await? else {
            return Ok(());
        };
        if self.tokens.is_used_up(salted).await? {
            self.tokens.begin_revocation(salted, children).await?;
        }
        if self.tokens.lookup_salted(salted).await?.is_none() {
            match children {
                Children::Revoked => {
                    for descendant in self.mark_descendants(salted).await?.iter().rev() {
                        let _revoking = self.revoking.lock(descendant).await;
                        self.end(descendant).await?;
                    }
                }
                Children::Orphaned => {
                    for child in self.tokens.children(salted).await? {
                        self.tokens.orphan(salted, &child).await?;
                    }
                }
            }
        }
        self.end(salted).await
    }

    /// Marks all descendants of a token as revoked. Parents come before their
    /// children.
    async fn mark_descendants(&self, salted: &str) -> Result<Vec<String>, Error> {
        let mut marked: Vec<String> = Vec::new();
        let mut next = 0;
        let mut parent = salted.to_owned();
        loop {
            for child in self.tokens.children(&parent).await? {
                if self
                    .tokens
                    .begin_revocation(&child, Children::Revoked)
                    .await?
                {
                    marked.push(child);
                } else {
                    // The child is gone, and only the index knows it.
                    self.tokens.orphan(&parent, &child).await?;
                }
            }
            let Some(descendant) = marked.get(next) else {
                return Ok(marked);
            };
            parent.clone_from(descendant);
            next += 1;
        }
    }

    /// Makes the leases of a marked token due, and deletes it.
    async fn end(&self, salted: &str) -> Result<(), Error> {
        if !self.tokens.is_being_revoked(salted).await? {
            return Ok(());
        }
        // A token that is still usable was never marked: recording its
        // revocation failed, and the client got an error or no answer.
        let is_revoked = self.tokens.lookup_salted(salted).await?.is_none();
        if is_revoked {
            self.leases.expire_token_now(salted).await?;
        }
        if let Some(ended) = self.tokens.end_revocation(salted, is_revoked).await? {
            self.leases.forget_token(&ended, salted);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
