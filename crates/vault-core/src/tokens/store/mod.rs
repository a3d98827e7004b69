//! Tokens in storage: by salted hash, with an index by accessor and one of
//! children, and the entry of each among the leases. All of a token is written
//! in one batch.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use logical::lease::smaller_limit;
use logical::{Changes, Clock, Entropy, Error, NamedLocks, Object, Storage, Write};
use serde::{Deserialize, Serialize};

use super::batch::{self, BatchTokens};
use super::client_token::ClientToken;
use super::entry::{TokenEntry, TokenKind, Uses};
use super::lease::{LEASES, TokenLease, lease_id};
use super::ttl::{self, TtlWish};
use crate::cache::RecordCache;
use crate::random;
use crate::routing::LeaseTtls;
use crate::salted_names::Salt;
use crate::storage::{Version, View, encode};

mod cubbyhole;
mod revocation;
mod roles;
mod uses;

pub(crate) use self::revocation::Children;

const SALT: &str = "token/salt";
const BATCH_KEY: &str = "token/batch-key";
const TOKENS: &str = "token/id/";
const ACCESSORS: &str = "token/accessor/";
/// Below it a folder for each parent, with its children.
const CHILDREN: &str = "token/parent/";

/// What the text of a token begins with.
pub(crate) const PREFIX: &str = "hvs.";
const RANDOM_LETTERS: usize = 24;
/// How long the text of a token is, unless its client chose it.
pub(crate) const TEXT_LENGTH: usize = PREFIX.len() + RANDOM_LETTERS;

/// All tokens.
pub(crate) struct TokenStore {
    storage: View,
    /// Of the whole server, for logins that change their method's storage.
    root: Arc<dyn Storage>,
    cache: RecordCache<TokenEntry>,
    /// Held by salted hash while a token is changed.
    changing: NamedLocks,
    salt: Salt,
    batch: BatchTokens,
    /// Salted hashes of tokens whose last use is in progress.
    last_uses: Mutex<HashSet<String>>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// A token that was just created.
#[derive(Debug)]
pub(crate) struct NewToken {
    pub(crate) text: ClientToken,
    pub(crate) salted: String,
    pub(crate) entry: Arc<TokenEntry>,
}

/// A token that was just renewed.
#[derive(Debug)]
pub(crate) struct RenewedToken {
    pub(crate) entry: TokenEntry,
    /// When it was renewed: its TTL counts from then.
    pub(crate) at: Timestamp,
    /// When it would have expired without the renewal.
    pub(crate) before: Timestamp,
    pub(crate) warning: Option<String>,
}

/// A token that a client sent.
#[derive(Debug, Clone)]
pub(crate) struct KnownToken {
    pub(crate) salted: String,
    pub(crate) entry: Arc<TokenEntry>,
}

/// An entry of the index by accessor. The token's text is in neither.
#[derive(Serialize, Deserialize)]
struct Accessor {
    accessor: String,
    salted: String,
}

impl TokenStore {
    /// Opens the store; salt and keys are generated at the first start.
    pub(crate) async fn open(
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Error> {
        let root = Arc::clone(&storage);
        let storage = View::new(storage, "sys/");
        let salt = Salt::open(&storage, entropy.as_ref(), SALT).await?;
        let batch = storage
            .secret(entropy.as_ref(), BATCH_KEY, batch::KEY_LENGTH)
            .await?;
        Ok(Self {
            storage,
            root,
            cache: RecordCache::default(),
            changing: NamedLocks::default(),
            salt,
            batch: BatchTokens::new(&batch)?,
            last_uses: Mutex::default(),
            clock,
            entropy,
        })
    }

    /// Creates a token that never expires, with these policies. Its text may be
    /// given, for `dev`.
    pub(crate) async fn create(
        &self,
        text: Option<ClientToken>,
        policies: &[&str],
    ) -> Result<ClientToken, Error> {
        let entry = TokenEntry {
            version: Version,
            accessor: String::new(),
            policies: policies.iter().map(|&name| name.to_owned()).collect(),
            display_name: "token".into(),
            path: "auth/token/create".into(),
            issue_time: self.clock.now(),
            orphan: true,
            is_revoked: false,
            parent: String::new(),
            kind: TokenKind::Service,
            metadata: std::collections::BTreeMap::new(),
            role: String::new(),
            uses: Uses::Unlimited,
            bound_cidrs: Vec::new(),
            renewable: false,
            lifetime: None,
            login: None,
            entity_id: String::new(),
        };
        let text = text.unwrap_or_else(|| self.random_text());
        let token = self.store_new(text, entry, IfKnown::Replace, &[]).await?;
        Ok(token.text)
    }

    /// Creates a token. Durable on return, except for a batch token, which is not
    /// stored and has a text of its own.
    ///
    /// # Errors
    /// A bad request if the text is taken. After an error of storage the token may
    /// be stored all the same.
    pub(crate) async fn insert(
        &self,
        text: ClientToken,
        entry: TokenEntry,
    ) -> Result<NewToken, Error> {
        if entry.kind == TokenKind::Batch {
            let text = self.batch.seal(&entry, self.entropy.as_ref())?;
            return Ok(NewToken {
                salted: self.salted(&text),
                text,
                entry: Arc::new(entry),
            });
        }
        self.store_new(text, entry, IfKnown::Refuse, &[]).await
    }

    /// Creates a stored token with entries in its cubbyhole, in one batch.
    ///
    /// # Errors
    /// An error of storage.
    pub(crate) async fn insert_with(
        &self,
        text: ClientToken,
        entry: TokenEntry,
        contents: &[(&str, &Object)],
    ) -> Result<NewToken, Error> {
        self.store_new(text, entry, IfKnown::Refuse, contents).await
    }

    /// Creates the token of a login, in one transaction with changes of its
    /// method's storage, whose keys are those of the whole server. Returns
    /// `None` if a condition does not hold: then nothing was changed.
    ///
    /// # Errors
    /// An error of storage. The token may be stored all the same.
    pub(crate) async fn insert_login(
        &self,
        text: ClientToken,
        mut entry: TokenEntry,
        changes: Changes,
    ) -> Result<Option<NewToken>, Error> {
        if entry.kind == TokenKind::Batch {
            let text = self.batch.seal(&entry, self.entropy.as_ref())?;
            let is_done = self
                .root
                .apply_if(changes.conditions, changes.writes)
                .await?;
            return Ok(is_done.then(|| NewToken {
                salted: self.salted(&text),
                text,
                entry: Arc::new(entry),
            }));
        }
        let salted = self.salted(&text);
        entry.accessor = random::base62(self.entropy.as_ref(), RANDOM_LETTERS).to_string();
        let own = self.additions(&salted, &entry)?;
        let mut writes = changes.writes;
        writes.extend(self.storage.writes(own));
        let is_done = self.root.apply_if(changes.conditions, writes).await?;
        Ok(is_done.then(|| NewToken {
            text,
            salted,
            entry: Arc::new(entry),
        }))
    }

    pub(crate) fn random_text(&self) -> ClientToken {
        let letters = random::base62(self.entropy.as_ref(), RANDOM_LETTERS);
        ClientToken::new(format!("{PREFIX}{}", letters.as_str()))
    }

    async fn store_new(
        &self,
        text: ClientToken,
        mut entry: TokenEntry,
        if_known: IfKnown,
        contents: &[(&str, &Object)],
    ) -> Result<NewToken, Error> {
        entry.accessor = random::base62(self.entropy.as_ref(), RANDOM_LETTERS).to_string();
        let salted = self.salted(&text);
        let _changing = self.changing.lock(&salted).await;
        let old = self.stored(&salted).await?;
        let is_being_revoked = old.as_ref().is_some_and(|old| old.is_revoked);
        if is_being_revoked || self.is_being_revoked(&salted).await? {
            return Err(Error::bad_request(
                "a token with this text is being revoked: wait, or choose another text",
            ));
        }
        let mut batch = Vec::new();
        match (old, if_known) {
            (Some(_), IfKnown::Refuse) => {
                return Err(Error::bad_request(
                    "cannot create a token with a duplicate ID",
                ));
            }
            (Some(old), IfKnown::Replace) => batch.extend(self.removals(&salted, &old)),
            (None, _) => {}
        }
        batch.extend(self.additions(&salted, &entry)?);
        // Last, so that none is left without a token that ends.
        for (path, data) in contents {
            batch.push(cubbyhole::addition(&salted, path, data)?);
        }
        let change = self.cache.invalidate(&salted);
        self.storage.apply(batch).await?;
        drop(change);
        Ok(NewToken {
            text,
            salted,
            entry: Arc::new(entry),
        })
    }

    /// Everything that is stored of a new token. The indexes come first: a token
    /// that is stored is always found by its parent's revocation and by the
    /// expiration, even in a store that stops between two changes.
    fn additions(&self, salted: &str, entry: &TokenEntry) -> Result<Vec<Write>, Error> {
        let accessor = Accessor {
            accessor: entry.accessor.clone(),
            salted: salted.to_owned(),
        };
        let mut batch = Vec::with_capacity(4);
        let accessor_key = self.accessor_key(&entry.accessor);
        batch.push(Write::put(accessor_key, encode(&accessor)?));
        if !entry.parent.is_empty() {
            batch.push(Write::put(child_key(&entry.parent, salted), Vec::new()));
        }
        if let Some(id) = lease_id(entry, salted) {
            let lease = TokenLease {
                token_lease_of: salted.to_owned(),
            };
            batch.push(Write::put(format!("{LEASES}{id}"), encode(&lease)?));
        }
        batch.push(Write::put(token_key(salted), encode(entry)?));
        Ok(batch)
    }

    /// A token that a client sent, or `None` if it is unknown or cannot be used
    /// any more.
    pub(crate) async fn find(&self, token: &ClientToken) -> Result<Option<KnownToken>, Error> {
        let salted = self.salted(token);
        let entry = if token.expose().starts_with(batch::PREFIX) {
            self.find_batch(token).await?
        } else {
            self.lookup_salted(&salted).await?
        };
        Ok(entry.map(|entry| KnownToken { salted, entry }))
    }

    /// A batch token lives as long as it says, and no longer than its parent.
    async fn find_batch(&self, token: &ClientToken) -> Result<Option<Arc<TokenEntry>>, Error> {
        let now = self.clock.now();
        let Some(entry) = self
            .batch
            .open(token)
            .filter(|entry| !entry.is_expired(now))
        else {
            return Ok(None);
        };
        if !entry.parent.is_empty() && self.lookup_salted(&entry.parent).await?.is_none() {
            return Ok(None);
        }
        Ok(Some(Arc::new(entry)))
    }

    /// A stored token by its salted hash, or `None` if it does not exist, has
    /// expired, or its revocation has begun.
    pub(crate) async fn lookup_salted(
        &self,
        salted: &str,
    ) -> Result<Option<Arc<TokenEntry>>, Error> {
        let now = self.clock.now();
        let epoch = match self.cache.get(salted) {
            Ok(known) => return Ok((!known.is_expired(now)).then_some(known)),
            Err(epoch) => epoch,
        };
        let stored = self.stored(salted).await?;
        let usable = stored.filter(|entry| !entry.is_revoked && !entry.is_expired(now));
        let Some(entry) = usable.map(Arc::new) else {
            return Ok(None);
        };
        self.cache.insert(salted, &entry, epoch);
        Ok(Some(entry))
    }

    /// When a stored token expires: `Ok(None)` if it does not exist or never
    /// does. A token whose revocation has begun is due at once.
    pub(crate) async fn due(&self, salted: &str) -> Result<Option<Timestamp>, Error> {
        Ok(self.stored(salted).await?.and_then(|entry| due(&entry)))
    }

    /// As [`due`](Self::due), after a start: corrects a time that was recorded
    /// by a clock ahead of ours, so that no token lives longer than its TTL
    /// from now.
    pub(crate) async fn restored_due(&self, salted: &str) -> Result<Option<Timestamp>, Error> {
        let _changing = self.changing.lock(salted).await;
        let Some(mut entry) = self.stored(salted).await? else {
            return Ok(None);
        };
        let now = self.clock.now();
        if let Some(lifetime) = &mut entry.lifetime {
            let ttl = std::time::Duration::from_secs(lifetime.ttl);
            let latest = ttl::later(now, ttl).unwrap_or(Timestamp::MAX);
            if lifetime.expire_time > latest {
                lifetime.expire_time = latest;
                self.update(salted, &entry).await?;
            }
        }
        Ok(due(&entry))
    }

    /// The salted hash of the token with this accessor.
    pub(crate) async fn by_accessor(&self, accessor: &str) -> Result<Option<String>, Error> {
        let found: Option<Accessor> = self.storage.read(&self.accessor_key(accessor)).await?;
        Ok(found.map(|found| found.salted))
    }

    /// All accessors.
    pub(crate) async fn accessors(&self) -> Result<Vec<String>, Error> {
        let mut accessors = Vec::new();
        for name in self.storage.list(ACCESSORS).await? {
            let key = format!("{ACCESSORS}{name}");
            if let Some(found) = self.storage.read::<Accessor>(&key).await? {
                accessors.push(found.accessor);
            }
        }
        Ok(accessors)
    }

    /// A token that can be renewed.
    ///
    /// # Errors
    /// A bad request if there is no such token or it cannot be renewed.
    pub(crate) async fn renewable(&self, salted: &str) -> Result<TokenEntry, Error> {
        let now = self.clock.now();
        let stored = self.stored(salted).await?;
        let usable = stored.filter(|entry| !entry.is_revoked && !entry.is_expired(now));
        let entry = usable.ok_or_else(|| Error::bad_request("token not found"))?;
        if !entry.renewable || entry.lifetime.is_none() {
            return Err(Error::bad_request("lease is not renewable"));
        }
        Ok(entry)
    }

    /// Renews a token. Its own explicit maximum counts beside the one in `wish`.
    /// Durable on return.
    ///
    /// # Errors
    /// As [`renewable`](Self::renewable), and a bad request past the maximum
    /// TTL.
    pub(crate) async fn renew(
        &self,
        salted: &str,
        wish: TtlWish,
        limits: LeaseTtls,
    ) -> Result<RenewedToken, Error> {
        let _changing = self.changing.lock(salted).await;
        let now = self.clock.now();
        let mut entry = self.renewable(salted).await?;
        let Some(lifetime) = &mut entry.lifetime else {
            return Err(Error::bad_request("lease is not renewable"));
        };
        let own_max = std::time::Duration::from_secs(lifetime.explicit_max_ttl);
        let wish = TtlWish {
            explicit_max_ttl: smaller_limit(own_max, wish.explicit_max_ttl),
            ..wish
        };
        let granted = ttl::grant(wish, limits, entry.issue_time, now)?;
        let before = lifetime.expire_time;
        lifetime.expire_time = ttl::later(now, granted.ttl)?;
        lifetime.last_renewal = Some(now);
        lifetime.ttl = granted.ttl.as_secs();
        self.update(salted, &entry).await?;
        Ok(RenewedToken {
            entry,
            at: now,
            before,
            warning: granted.warning,
        })
    }

    /// Removes what is left of tokens that are gone in the index by accessor, and
    /// returns how many there were.
    pub(crate) async fn tidy(&self) -> Result<usize, Error> {
        let mut removed = 0;
        for name in self.storage.list(ACCESSORS).await? {
            let key = format!("{ACCESSORS}{name}");
            let Some(found) = self.storage.read::<Accessor>(&key).await? else {
                continue;
            };
            let _changing = self.changing.lock(&found.salted).await;
            let entry = self.stored(&found.salted).await?;
            if entry.is_none_or(|entry| entry.accessor != found.accessor) {
                self.storage.delete(&key).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Removes what is left of a token among the leases.
    pub(crate) async fn remove_lease(&self, lease_id: &str) -> Result<(), Error> {
        self.storage.delete(&format!("{LEASES}{lease_id}")).await
    }

    async fn update(&self, salted: &str, entry: &TokenEntry) -> Result<(), Error> {
        let _change = self.cache.invalidate(salted);
        self.storage.write(&token_key(salted), entry).await
    }

    async fn stored(&self, salted: &str) -> Result<Option<TokenEntry>, Error> {
        self.storage.read(&token_key(salted)).await
    }

    /// Everything that is stored of a token. The token goes first, its indexes
    /// last, so that what a cut leaves is found again.
    fn removals(&self, salted: &str, entry: &TokenEntry) -> Vec<Write> {
        let mut batch = vec![
            Write::delete(token_key(salted)),
            Write::delete(self.accessor_key(&entry.accessor)),
        ];
        if !entry.parent.is_empty() {
            batch.push(Write::delete(child_key(&entry.parent, salted)));
        }
        if let Some(id) = lease_id(entry, salted) {
            batch.push(Write::delete(format!("{LEASES}{id}")));
        }
        batch
    }

    /// The salted hash of a token: `h` and an HMAC in hexadecimal.
    pub(crate) fn salted(&self, token: &ClientToken) -> String {
        self.salt.hash(token.expose().as_bytes())
    }

    /// Accessors are hashed in a space of their own.
    fn accessor_key(&self, accessor: &str) -> String {
        let hash = self.salt.hash(format!("accessor {accessor}").as_bytes());
        format!("{ACCESSORS}{hash}")
    }
}

fn due(entry: &TokenEntry) -> Option<Timestamp> {
    let lifetime = entry.lifetime.as_ref()?;
    Some(if entry.is_revoked {
        Timestamp::MIN
    } else {
        lifetime.expire_time
    })
}

/// What happens to a stored token with the same text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IfKnown {
    Refuse,
    Replace,
}

fn token_key(salted: &str) -> String {
    format!("{TOKENS}{salted}")
}

fn child_key(parent: &str, child: &str) -> String {
    format!("{CHILDREN}{parent}/{child}")
}
