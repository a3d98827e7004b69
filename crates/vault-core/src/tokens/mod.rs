//! The token store. The text of a token is returned once and never stored:
//! storage has only its salted hash.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use jiff::Timestamp;
use logical::{Clock, Entropy, Error, NamedLocks, Storage, Write};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::policy::Acl;
use crate::random;
use crate::storage::{Version, View, encode};

mod cache;

use self::cache::TokenCache;

const SALT: &str = "salt";
/// Prefix of the marks of revocations in progress.
const REVOCATIONS: &str = "revoking/";
const PREFIX: &str = "hvs.";
const RANDOM_LETTERS: usize = 24;

/// A client's token. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ClientToken(String);

impl ClientToken {
    /// The token with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Exposes the text, for a header or a terminal.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientToken(hidden)")
    }
}

/// A stored token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TokenEntry {
    #[serde(default)]
    pub(crate) version: Version<1>,
    pub(crate) accessor: String,
    pub(crate) policies: Vec<String>,
    pub(crate) display_name: String,
    /// The path that created the token.
    pub(crate) path: String,
    /// RFC 3339.
    pub(crate) issue_time: String,
    pub(crate) orphan: bool,
    /// Whether the revocation has begun. The token can no longer be used, and
    /// is deleted once its leases are due.
    #[serde(default)]
    pub(crate) is_revoked: bool,
}

impl TokenEntry {
    pub(crate) fn acl(&self) -> Acl {
        Acl::new(self.policies.iter().map(String::as_str))
    }

    /// Seconds since 1970.
    pub(crate) fn creation_time(&self) -> i64 {
        self.issue_time
            .parse::<Timestamp>()
            .map_or(0, Timestamp::as_second)
    }
}

/// All tokens.
pub(crate) struct TokenStore {
    storage: View,
    cache: TokenCache,
    /// Held by salted hash while a token is changed.
    changing: NamedLocks,
    key: hmac::Key,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl TokenStore {
    /// Opens the store below `sys/token/`; its salt is generated at the first
    /// start.
    pub(crate) async fn open(
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Error> {
        let storage = View::new(storage, "sys/token/");
        let salt = if let Some(salt) = storage.get(SALT).await? {
            salt
        } else {
            let mut salt = Zeroizing::new(vec![0; 32]);
            entropy.fill(&mut salt);
            storage.put(SALT, &salt).await?;
            salt
        };
        Ok(Self {
            storage,
            cache: TokenCache::default(),
            changing: NamedLocks::default(),
            key: hmac::Key::new(hmac::HMAC_SHA256, &salt),
            clock,
            entropy,
        })
    }

    /// Creates a token with these policies. Its text may be given, for `dev`.
    pub(crate) async fn create(
        &self,
        text: Option<ClientToken>,
        policies: &[&str],
    ) -> Result<ClientToken, Error> {
        let token = text.unwrap_or_else(|| {
            let letters = random::base62(self.entropy.as_ref(), RANDOM_LETTERS);
            ClientToken(format!("{PREFIX}{}", letters.as_str()))
        });
        let entry = TokenEntry {
            version: Version,
            accessor: random::base62(self.entropy.as_ref(), RANDOM_LETTERS).to_string(),
            policies: policies.iter().map(|&name| name.to_owned()).collect(),
            display_name: "token".into(),
            path: "auth/token/create".into(),
            issue_time: self.clock.now().to_string(),
            orphan: true,
            is_revoked: false,
        };
        let salted = self.salted(&token);
        let _changing = self.changing.lock(&salted).await;
        let old = self.stored(&salted).await?;
        if old.is_some_and(|old| old.is_revoked) || self.is_being_revoked(&salted).await? {
            return Err(Error::bad_request(
                "a token with this text is being revoked: wait, or choose another text",
            ));
        }
        let change = self.cache.invalidate(&salted);
        self.storage.write(&key_of(&salted), &entry).await?;
        drop(change);
        Ok(token)
    }

    /// A token by its salted hash, or `None` if it does not exist or its
    /// revocation has begun.
    pub(crate) async fn lookup_salted(
        &self,
        salted: &str,
    ) -> Result<Option<Arc<TokenEntry>>, Error> {
        let epoch = match self.cache.get(salted) {
            Ok(known) => return Ok(Some(known)),
            Err(epoch) => epoch,
        };
        let stored = self.stored(salted).await?;
        let Some(entry) = stored.filter(|entry| !entry.is_revoked).map(Arc::new) else {
            return Ok(None);
        };
        self.cache.insert(salted, &entry, epoch);
        Ok(Some(entry))
    }

    /// Marks a token as revoked; it can no longer be used. Returns `false` if
    /// there is no such token.
    pub(crate) async fn begin_revocation(&self, salted: &str) -> Result<bool, Error> {
        let _changing = self.changing.lock(salted).await;
        let Some(mut entry) = self.stored(salted).await? else {
            return Ok(false);
        };
        entry.is_revoked = true;
        let _change = self.cache.invalidate(salted);
        let batch = vec![
            // The mark comes first, because a restart looks for it.
            Write::put(revocation_of(salted), Vec::new()),
            Write::put(key_of(salted), encode(&entry)?),
        ];
        self.storage.apply(batch).await?;
        Ok(true)
    }

    /// Deletes a token whose revocation is complete. A token that was marked
    /// only after its leases were read stays marked for the next attempt.
    pub(crate) async fn end_revocation(
        &self,
        salted: &str,
        leases_expired: bool,
    ) -> Result<(), Error> {
        let _changing = self.changing.lock(salted).await;
        // Recording the revocation may have failed before the token was marked.
        let is_usable = self
            .stored(salted)
            .await?
            .is_some_and(|entry| !entry.is_revoked);
        if !is_usable && !leases_expired {
            return Ok(());
        }
        let mut batch = Vec::new();
        if !is_usable {
            batch.push(Write::delete(key_of(salted)));
        }
        batch.push(Write::delete(revocation_of(salted)));
        let _change = self.cache.invalidate(salted);
        self.storage.apply(batch).await
    }

    /// The salted hashes of tokens with an unfinished revocation.
    pub(crate) async fn revocations(&self) -> Result<Vec<String>, Error> {
        self.storage.list(REVOCATIONS).await
    }

    /// Whether a token has an unfinished revocation.
    pub(crate) async fn is_being_revoked(&self, salted: &str) -> Result<bool, Error> {
        let mark = self.storage.get(&revocation_of(salted)).await?;
        Ok(mark.is_some())
    }

    async fn stored(&self, salted: &str) -> Result<Option<TokenEntry>, Error> {
        self.storage.read(&key_of(salted)).await
    }

    /// The salted hash of a token: `h` and an HMAC in hexadecimal.
    pub(crate) fn salted(&self, token: &ClientToken) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let tag = hmac::sign(&self.key, token.0.as_bytes());
        let mut text = String::with_capacity(1 + 2 * tag.as_ref().len());
        text.push('h');
        for byte in tag.as_ref() {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        text
    }
}

fn key_of(salted: &str) -> String {
    format!("id/{salted}")
}

fn revocation_of(salted: &str) -> String {
    format!("{REVOCATIONS}{salted}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::World;

    #[tokio::test]
    async fn storage_never_holds_a_tokens_text() {
        let world = World::new();
        let effects = world.effects();
        let storage = Arc::clone(&effects.storage);
        let store = TokenStore::open(storage, effects.clock, effects.entropy)
            .await
            .unwrap();
        let token = store.create(None, &["root"]).await.unwrap();
        assert!(token.expose().starts_with("hvs.") && token.expose().len() == 28);
        for key in world.storage.keys() {
            let value = world.storage.get(&key).await.unwrap().unwrap();
            let value = String::from_utf8_lossy(&value);
            assert!(!key.contains(token.expose()) && !value.contains(token.expose()));
        }
        let known = store.lookup_salted(&store.salted(&token)).await.unwrap();
        assert_eq!(known.unwrap().policies, ["root"]);
        assert!(!format!("{token:?}").contains(token.expose()));
    }

    #[tokio::test]
    async fn a_token_is_unknown_from_the_beginning_of_its_revocation() {
        let effects = World::new().effects();
        let store = TokenStore::open(effects.storage, effects.clock, effects.entropy)
            .await
            .unwrap();
        let token = ClientToken::new("root");
        store.create(Some(token.clone()), &["root"]).await.unwrap();
        let salted = store.salted(&token);
        assert!(store.begin_revocation(&salted).await.unwrap());
        assert_eq!(store.lookup_salted(&salted).await.unwrap(), None);
        store.end_revocation(&salted, true).await.unwrap();
        assert_eq!(store.lookup_salted(&salted).await.unwrap(), None);
        assert!(!store.begin_revocation(&salted).await.unwrap());
    }

    #[tokio::test]
    async fn a_token_that_was_used_is_unknown_once_it_is_revoked() {
        let effects = World::new().effects();
        let store = TokenStore::open(effects.storage, effects.clock, effects.entropy)
            .await
            .unwrap();
        let salted = store.salted(&store.create(None, &["root"]).await.unwrap());
        let first = store.lookup_salted(&salted).await.unwrap().unwrap();
        let again = store.lookup_salted(&salted).await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&first, &again), "read once");
        store.begin_revocation(&salted).await.unwrap();
        assert_eq!(store.lookup_salted(&salted).await.unwrap(), None);
    }
}
