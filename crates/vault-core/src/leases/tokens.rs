//! Leases of tokens: their token says when they are due, and its revocation
//! ends them.

use std::sync::Weak;

use jiff::Timestamp;
use logical::{Error, Object};

use super::{EndsTokens, Leases};
use crate::tokens::{TokenEntry, lease_id};

impl Leases {
    /// Sets what revokes tokens. Called once, before the expiration runs.
    pub(crate) fn revoke_tokens_with(&self, token_end: Weak<dyn EndsTokens>) {
        let _ = self.token_end.set(token_end);
    }

    /// Queues the lease of a token that was created or renewed. Before a
    /// renewal it was due at `old`.
    pub(crate) fn watch_token(&self, entry: &TokenEntry, salted: &str, old: Option<Timestamp>) {
        let (Some(id), Some(lifetime)) = (lease_id(entry, salted), &entry.lifetime) else {
            return;
        };
        self.due_queue.insert(&id, lifetime.expire_time);
        if let Some(old) = old.filter(|old| *old != lifetime.expire_time) {
            self.due_queue.remove(&id, old);
        }
    }

    /// Removes the lease of a deleted token from the queue.
    pub(crate) fn forget_token(&self, entry: &TokenEntry, salted: &str) {
        if let (Some(id), Some(lifetime)) = (lease_id(entry, salted), &entry.lifetime) {
            self.counts.remove(&id);
            self.due_queue.remove(&id, lifetime.expire_time);
        }
    }

    /// Revokes the token of a lease.
    pub(super) async fn revoke_token(&self, salted: &str) -> Result<(), Error> {
        match self.token_end.get().and_then(Weak::upgrade) {
            Some(token_end) => token_end.revoke(salted).await,
            None => Err(Error::internal("the core is stopping: try again")),
        }
    }

    /// Revokes the token of a lease that is due, or queues the lease again.
    pub(super) async fn expire_token_if_due(&self, id: &str, salted: &str) -> Result<(), Error> {
        match self.tokens.due(salted).await? {
            // The token was deleted, and this is all that is left of it.
            None => self.remove_leftover(id).await,
            Some(due) if due <= self.clock.now() => self.revoke_token(salted).await,
            Some(due) => {
                self.due_queue.insert(id, due);
                Ok(())
            }
        }
    }

    /// Removes what is left of a token that is gone.
    async fn remove_leftover(&self, id: &str) -> Result<(), Error> {
        self.tokens.remove_lease(id).await?;
        self.counts.remove(id);
        Ok(())
    }

    /// Queues the lease of a token after a start.
    pub(super) async fn restore_token(&self, id: &str, salted: &str) -> Result<(), Error> {
        match self.tokens.restored_due(salted).await? {
            None => self.remove_leftover(id).await,
            Some(due) => {
                self.due_queue.insert(id, due);
                Ok(())
            }
        }
    }
}

/// The answer of `sys/leases/lookup` for the lease of a token.
pub(super) fn info(id: &str, entry: &TokenEntry, now: Timestamp) -> Option<Object> {
    let lifetime = entry.lifetime.as_ref()?;
    let renewal = lifetime.last_renewal.map(|time| time.to_string());
    let mut info = Object::new();
    info.insert("id".into(), id.into());
    info.insert("path".into(), entry.path.clone().into());
    info.insert("issue_time".into(), entry.issue_time.to_string().into());
    info.insert(
        "expire_time".into(),
        lifetime.expire_time.to_string().into(),
    );
    info.insert("last_renewal".into(), renewal.into());
    info.insert("renewable".into(), entry.renewable.into());
    info.insert("ttl".into(), entry.ttl(now).as_secs().into());
    Some(info)
}
