//! The layer itself.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use jiff::Timestamp;
use logical::{Clock, Condition, Entropy, Error, Storage, Write};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::keyring::{KEYRING, Keyring};
use crate::rotation::{MAX_ENCRYPTIONS, RotationConfig};
use crate::{Key, sealed_value};

/// How many uses are written down before they happen. After each unsealing so
/// many at most count without having happened.
const RESERVE: u64 = 1 << 20;
/// How often a conditional batch is tried again when a value was sealed anew
/// between its look and its write.
const TRIES: usize = 16;

/// The key that seals at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyStatus {
    /// Its number.
    pub term: u32,
    /// Since when.
    pub installed: Timestamp,
    /// How many values were sealed with it, rounded up after an unsealing.
    pub encryptions: u64,
}

/// A store whose values are encrypted in the one below.
pub struct Barrier {
    below: Arc<dyn Storage>,
    entropy: Arc<dyn Entropy>,
    clock: Arc<dyn Clock>,
    /// `None` when it is sealed.
    open: RwLock<Option<Arc<Open>>>,
    /// Held while the ring changes. It has the ring whose write failed so that
    /// nobody knows whether it is stored, until somebody looks.
    changes: Mutex<Option<Undecided>>,
    max_encryptions: u64,
}

/// A ring that may have been stored.
struct Undecided {
    ring: Keyring,
    sealed: Vec<u8>,
}

/// An open ring, and the use of its newest key.
struct Open {
    ring: Keyring,
    used: Arc<AtomicU64>,
}

impl Open {
    /// A ring as it was stored.
    fn new(ring: Keyring) -> Result<Self, Error> {
        let used = Arc::new(AtomicU64::new(ring.newest()?.1.encryptions));
        Ok(Self { ring, used })
    }

    /// The number of uses that is written down for the newest key.
    fn stored_use(&self) -> Result<u64, Error> {
        Ok(self.ring.newest()?.1.encryptions)
    }

    fn decrypt(&self, path: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let term = sealed_value::term(path, sealed)?;
        let Some(cipher) = self.ring.cipher(term) else {
            return Err(sealed_value::damaged(path));
        };
        sealed_value::open(cipher, path, sealed)
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sealed = self.ring().is_none();
        f.debug_struct("Barrier")
            .field("sealed", &sealed)
            .finish_non_exhaustive()
    }
}

impl Barrier {
    /// A sealed barrier over a store.
    pub fn new(below: Arc<dyn Storage>, entropy: Arc<dyn Entropy>, clock: Arc<dyn Clock>) -> Self {
        Self {
            below,
            entropy,
            clock,
            open: RwLock::new(None),
            changes: Mutex::new(None),
            max_encryptions: MAX_ENCRYPTIONS,
        }
    }

    /// Whether the store below has a ring.
    pub async fn is_initialized(&self) -> Result<bool, Error> {
        Ok(self.below.get(KEYRING).await?.is_some())
    }

    /// Makes a ring under this root key, stored together with `also`, and stays
    /// sealed. Fails if there is a ring.
    pub async fn initialize(&self, root: Key, also: Vec<Write>) -> Result<(), Error> {
        let ring = Keyring::new(root, self.clock.now(), &*self.entropy)?;
        let mut batch = also;
        batch.push(Write::put(KEYRING, ring.seal(&*self.entropy)?));
        let absent = vec![Condition::absent(KEYRING)];
        if self.below.apply_if(absent, batch).await? {
            Ok(())
        } else {
            Err(Error::bad_request("the store is already initialized"))
        }
    }

    /// Opens the ring with its root key.
    pub async fn unseal(&self, root: Key) -> Result<(), Error> {
        let mut changes = self.changes.lock().await;
        // What is read now is what is stored, also of a change whose caller was
        // dropped.
        self.settle_below().await?;
        *changes = None;
        let sealed = self.below.get(KEYRING).await?;
        let sealed = sealed.ok_or_else(|| Error::bad_request("the store is not initialized"))?;
        let ring = Keyring::open(root, &sealed)?;
        let open = Arc::new(Open::new(ring)?);
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Some(open);
        Ok(())
    }

    /// Forgets all keys. What runs ends; everything after it is refused.
    pub fn seal(&self) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether it is sealed.
    pub fn is_sealed(&self) -> bool {
        self.ring().is_none()
    }

    /// The key that seals at present.
    pub fn key_status(&self) -> Result<KeyStatus, Error> {
        let open = self.require_open()?;
        let (term, key, _) = open.ring.newest()?;
        Ok(KeyStatus {
            term,
            installed: key.installed,
            encryptions: open.used.load(Ordering::Relaxed),
        })
    }

    /// Seals with a new key from now on. What is stored is read with the old ones.
    pub async fn rotate(&self) -> Result<(), Error> {
        let mut changes = self.changes.lock().await;
        let open = self.settled(&mut changes).await?;
        self.rotate_from(&open).await
    }

    /// Seals with a new key from now on if the present one is too old.
    pub async fn rotate_if_due(&self) -> Result<(), Error> {
        let mut changes = self.changes.lock().await;
        let open = self.settled(&mut changes).await?;
        let (_, newest, _) = open.ring.newest()?;
        if open
            .ring
            .rotation
            .is_due(newest.installed, self.clock.now())
        {
            self.rotate_from(&open).await?;
        }
        Ok(())
    }

    /// When keys are replaced without being asked.
    pub fn rotation_config(&self) -> Result<RotationConfig, Error> {
        Ok(self.require_open()?.ring.rotation)
    }

    /// Changes when keys are replaced without being asked.
    pub async fn set_rotation_config(&self, config: RotationConfig) -> Result<(), Error> {
        let mut changes = self.changes.lock().await;
        let open = self.settled(&mut changes).await?;
        let mut ring = open.ring.clone();
        ring.rotation = config;
        self.store_ring(&ring).await?;
        self.replace_keeping_use(ring, &open)
    }

    /// Protects the ring with another root key, stored together with `also`.
    ///
    /// # Errors
    /// An error of storage. If it is not known whether the keys were stored, the
    /// ring is not written again before that was found out.
    pub async fn rekey(&self, root: Key, also: Vec<Write>) -> Result<(), Error> {
        let mut changes = self.changes.lock().await;
        let open = self.settled(&mut changes).await?;
        let mut ring = open.ring.clone();
        ring.root = root;
        let sealed = ring.seal(&*self.entropy)?;
        let mut batch = also;
        batch.push(Write::put(KEYRING, sealed.clone()));
        *changes = Some(Undecided { ring, sealed });
        if let Err(error) = self.below.apply(batch).await {
            let present = self.settled(&mut changes).await?;
            return if Arc::ptr_eq(&present, &open) {
                Err(error)
            } else {
                Ok(())
            };
        }
        if let Some(Undecided { ring, .. }) = changes.take() {
            // Stored all the same if it was sealed meanwhile.
            let _ = self.replace_keeping_use(ring, &open);
        }
        Ok(())
    }

    /// The open ring as it is stored. A write that failed may have happened: what
    /// is stored decides.
    async fn settled(&self, changes: &mut Option<Undecided>) -> Result<Arc<Open>, Error> {
        let open = self.require_open()?;
        if let Some(Undecided { sealed, .. }) = &*changes {
            self.settle_below().await?;
            let stored = self.below.get(KEYRING).await?;
            let is_stored = stored.is_some_and(|stored| stored.as_slice() == sealed);
            if let (true, Some(Undecided { ring, .. })) = (is_stored, changes.take()) {
                self.replace_keeping_use(ring, &open)?;
            }
            *changes = None;
        }
        self.require_open()
    }

    /// Waits for writes whose callers were dropped: a store carries out what it was
    /// handed, and in that order.
    async fn settle_below(&self) -> Result<(), Error> {
        self.below.apply(Vec::new()).await
    }

    fn ring(&self) -> Option<Arc<Open>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.clone()
    }

    fn require_open(&self) -> Result<Arc<Open>, Error> {
        self.ring().ok_or_else(sealed)
    }

    /// Replaces the open ring, whose newest key is the same as before.
    fn replace_keeping_use(&self, ring: Keyring, before: &Open) -> Result<(), Error> {
        self.replace(Open {
            ring,
            used: Arc::clone(&before.used),
        })
    }

    /// Replaces the open ring. One that was sealed meanwhile stays sealed.
    fn replace(&self, open: Open) -> Result<(), Error> {
        let mut present = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if present.is_none() {
            return Err(sealed());
        }
        *present = Some(Arc::new(open));
        Ok(())
    }

    async fn rotate_from(&self, open: &Open) -> Result<(), Error> {
        let mut ring = open.ring.clone();
        ring.set_encryptions(open.used.load(Ordering::SeqCst));
        ring.add(self.clock.now(), &*self.entropy)?;
        self.store_ring(&ring).await?;
        self.replace(Open::new(ring)?)
    }

    async fn store_ring(&self, ring: &Keyring) -> Result<(), Error> {
        let sealed = ring.seal(&*self.entropy)?;
        self.below.put(KEYRING, &sealed).await
    }

    /// The open ring, with so many uses of its newest key written down.
    async fn reserve(&self, count: u64) -> Result<Arc<Open>, Error> {
        if count > self.max_encryptions {
            return Err(Error::bad_request(
                "the batch is too large: write it in parts",
            ));
        }
        loop {
            let open = self.require_open()?;
            let used = open.used.fetch_add(count, Ordering::SeqCst) + count;
            if used <= open.stored_use()? {
                return Ok(open);
            }
            open.used.fetch_sub(count, Ordering::SeqCst);
            self.extend(count).await?;
        }
    }

    /// Writes down more uses of the newest key, or makes a new key when there are
    /// none left.
    async fn extend(&self, count: u64) -> Result<(), Error> {
        let mut changes = self.changes.lock().await;
        let open = self.settled(&mut changes).await?;
        let stored = open.stored_use()?;
        let used = open.used.load(Ordering::SeqCst);
        let wanted = used + count;
        if wanted <= stored {
            return Ok(());
        }
        let limit = open.ring.rotation.operations(self.max_encryptions);
        // A batch larger than what is configured is sealed with one key, too.
        if wanted > limit && used > 0 {
            self.rotate_from(&open).await?;
            return Ok(());
        }
        let mut ring = open.ring.clone();
        ring.set_encryptions((wanted + RESERVE).min(limit.max(wanted)));
        self.store_ring(&ring).await?;
        self.replace_keeping_use(ring, &open)
    }

    fn encrypt(&self, open: &Open, path: &str, value: &[u8]) -> Result<Vec<u8>, Error> {
        let (term, _, cipher) = open.ring.newest()?;
        sealed_value::seal(cipher, term, path, value, &*self.entropy)
    }

    async fn encrypt_batch(&self, batch: &[Write]) -> Result<Vec<Write>, Error> {
        let puts = batch
            .iter()
            .filter(|write| matches!(write, Write::Put { .. }));
        let open = self.reserve(puts.count() as u64).await?;
        let encrypted = batch.iter().map(|write| -> Result<Write, Error> {
            refuse_keyring(write.key())?;
            Ok(match write {
                Write::Put { key, value } => Write::put(key, self.encrypt(&open, key, value)?),
                Write::Delete { key } => Write::delete(key),
            })
        });
        encrypted.collect()
    }

    /// The conditions as the store below sees them; `None` if one does not hold.
    async fn conditions_below(
        &self,
        conditions: &[Condition],
    ) -> Result<Option<Vec<Condition>>, Error> {
        let mut below = Vec::with_capacity(conditions.len());
        for condition in conditions {
            let key = condition.key();
            let sealed = self.below.get(key).await?;
            let open = self.require_open()?;
            let value = match &sealed {
                Some(sealed) => Some(open.decrypt(key, sealed)?),
                None => None,
            };
            if !condition.holds(value.as_ref().map(|value| value.as_slice())) {
                return Ok(None);
            }
            below.push(match sealed {
                Some(sealed) => Condition::unchanged(key, sealed),
                None => Condition::absent(key),
            });
        }
        Ok(Some(below))
    }
}

fn sealed() -> Error {
    Error::coded(503, "Vault is sealed")
}

/// The ring is sealed under the root key, and nobody writes it from above.
fn refuse_keyring(path: &str) -> Result<(), Error> {
    if path == KEYRING {
        return Err(Error::internal(format!(
            "`{KEYRING}` belongs to the barrier"
        )));
    }
    Ok(())
}

#[async_trait]
impl Storage for Barrier {
    async fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        self.require_open()?;
        refuse_keyring(key)?;
        let Some(sealed) = self.below.get(key).await? else {
            return Ok(None);
        };
        // Asked for after the read: a rotation in between may have sealed it.
        let open = self.require_open()?;
        open.decrypt(key, &sealed).map(Some)
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        refuse_keyring(key)?;
        let open = self.reserve(1).await?;
        let sealed = self.encrypt(&open, key, value)?;
        self.below.put(key, &sealed).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.require_open()?;
        refuse_keyring(key)?;
        self.below.delete(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        self.require_open()?;
        self.below.list(prefix).await
    }

    async fn list_page(
        &self,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        self.require_open()?;
        self.below.list_page(prefix, after, limit).await
    }

    async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        let batch = self.encrypt_batch(&batch).await?;
        self.below.apply(batch).await
    }

    async fn apply_if(&self, conditions: Vec<Condition>, batch: Vec<Write>) -> Result<bool, Error> {
        let batch = self.encrypt_batch(&batch).await?;
        for _ in 0..TRIES {
            let Some(below) = self.conditions_below(&conditions).await? else {
                return Ok(false);
            };
            if self.below.apply_if(below, batch.clone()).await? {
                return Ok(true);
            }
            // Something changed between look and write, perhaps only its seal.
        }
        Err(Error::internal("the entry changes too often: try again"))
    }
}

#[cfg(test)]
mod tests;
