//! Marks of revocations, which make them durable, and the children of tokens.

use logical::{Error, Storage as _, Write};
use serde::{Deserialize, Serialize};

use super::{CHILDREN, TokenEntry, TokenStore, child_key, encode, token_key};

/// Marks of revocations in progress.
const REVOCATIONS: &str = "token/revoking/";

/// What becomes of the children of a revoked token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Children {
    /// They are revoked as well.
    Revoked,
    /// They live on without a parent.
    Orphaned,
}

impl TokenStore {
    /// The salted hashes of a token's children.
    pub(crate) async fn children(&self, salted: &str) -> Result<Vec<String>, Error> {
        self.storage.list(&format!("{CHILDREN}{salted}/")).await
    }

    /// Takes the parent away from a token, so that it lives on by itself.
    pub(crate) async fn orphan(&self, parent: &str, child: &str) -> Result<(), Error> {
        let _changing = self.changing.lock(child).await;
        let mut batch = Vec::new();
        if let Some(mut entry) = self
            .stored(child)
            .await?
            .filter(|entry| entry.parent == parent)
        {
            entry.parent.clear();
            entry.orphan = true;
            batch.push(Write::put(token_key(child), encode(&entry)?));
        }
        batch.push(Write::delete(child_key(parent, child)));
        let _change = self.cache.invalidate(child);
        self.storage.apply(batch).await
    }

    /// Marks a token as revoked; it can no longer be used. Returns `false` if
    /// there is no such token.
    pub(crate) async fn begin_revocation(
        &self,
        salted: &str,
        children: Children,
    ) -> Result<bool, Error> {
        let _changing = self.changing.lock(salted).await;
        let Some(mut entry) = self.stored(salted).await? else {
            return Ok(false);
        };
        if entry.is_revoked {
            return Ok(true);
        }
        entry.is_revoked = true;
        let _change = self.cache.invalidate(salted);
        let batch = vec![
            // The mark comes first, because a restart looks for it.
            Write::put(revocation_key(salted), encode(&children)?),
            Write::put(token_key(salted), encode(&entry)?),
        ];
        self.storage.apply(batch).await?;
        Ok(true)
    }

    /// Deletes a token whose revocation is complete, and returns what it was. A
    /// token that was marked only after its leases were read stays marked for
    /// the next attempt.
    pub(crate) async fn end_revocation(
        &self,
        salted: &str,
        leases_expired: bool,
    ) -> Result<Option<TokenEntry>, Error> {
        let _changing = self.changing.lock(salted).await;
        // Recording the revocation may have failed before the token was marked.
        let entry = self.stored(salted).await?;
        let is_usable = entry.as_ref().is_some_and(|entry| !entry.is_revoked);
        if !is_usable && !leases_expired {
            return Ok(None);
        }
        let mut batch = Vec::new();
        let ended = entry.filter(|_| !is_usable);
        match &ended {
            Some(entry) => batch.extend(self.removals(salted, entry)),
            None if !is_usable => batch.push(Write::delete(token_key(salted))),
            None => {}
        }
        batch.push(Write::delete(revocation_key(salted)));
        let _change = self.cache.invalidate(salted);
        self.storage.apply(batch).await?;
        Ok(ended)
    }

    /// The salted hashes of tokens with an unfinished revocation.
    pub(crate) async fn revocations(&self) -> Result<Vec<String>, Error> {
        self.storage.list(REVOCATIONS).await
    }

    /// Whether a token has an unfinished revocation.
    pub(crate) async fn is_being_revoked(&self, salted: &str) -> Result<bool, Error> {
        Ok(self.revocation(salted).await?.is_some())
    }

    /// What the unfinished revocation of a token makes of its children.
    pub(crate) async fn revocation(&self, salted: &str) -> Result<Option<Children>, Error> {
        let Some(mark) = self.storage.get(&revocation_key(salted)).await? else {
            return Ok(None);
        };
        // Earlier versions knew no children and wrote an empty mark.
        let children = serde_json::from_slice(&mark).unwrap_or(Children::Revoked);
        Ok(Some(children))
    }
}

pub(super) fn revocation_key(salted: &str) -> String {
    format!("{REVOCATIONS}{salted}")
}
