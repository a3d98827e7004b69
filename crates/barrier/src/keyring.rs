//! The keys of all terms, and how they are stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::aead::LessSafeKey;
use jiff::Timestamp;
use logical::{Entropy, Error};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::rotation::RotationConfig;
use crate::{Key, sealed_value};

/// Where the ring is stored.
pub const KEYRING: &str = "core/keyring";

/// The term that values under the root key carry.
const ROOT_TERM: u32 = 1;
/// The version of the ring's JSON.
const VERSION: u32 = 1;
/// Room for a ring in JSON, so that its buffer does not grow and leave copies.
const ROOM: usize = 512;
const ROOM_OF_A_KEY: usize = 256;
/// A count of encryptions beyond this, far more than any key is used for, is read as
/// this, so that sums with it do not overflow.
const MOST_ENCRYPTIONS: u64 = 1 << 62;

/// A key of the ring.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct TermKey {
    pub(crate) value: Key,
    pub(crate) installed: Timestamp,
    /// How many values may have been sealed with it: never fewer than there are.
    pub(crate) encryptions: u64,
}

/// What is read first of a stored ring.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// The ring as it is stored.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    version: u32,
    keys: BTreeMap<u32, TermKey>,
    #[serde(default)]
    rotation: RotationConfig,
}

/// All keys, ready for use, and the root key that protects them.
#[derive(Clone)]
pub(crate) struct Keyring {
    pub(crate) root: Key,
    pub(crate) rotation: RotationConfig,
    keys: BTreeMap<u32, (TermKey, Arc<LessSafeKey>)>,
}

impl Keyring {
    /// A ring with one new key.
    pub(crate) fn new(root: Key, now: Timestamp, entropy: &dyn Entropy) -> Result<Self, Error> {
        let mut ring = Self {
            root,
            rotation: RotationConfig::default(),
            keys: BTreeMap::new(),
        };
        ring.add(now, entropy)?;
        Ok(ring)
    }

    /// Makes a new key the one that seals.
    pub(crate) fn add(&mut self, now: Timestamp, entropy: &dyn Entropy) -> Result<(), Error> {
        let newest = self.keys.last_key_value().map_or(0, |(term, _)| *term);
        let term = newest.checked_add(1).ok_or_else(|| {
            Error::internal("the keyring has no number left for a new key: restore a backup")
        })?;
        let key = TermKey {
            value: Key::generate(entropy),
            installed: now,
            encryptions: 0,
        };
        let cipher = Arc::new(key.value.cipher()?);
        self.keys.insert(term, (key, cipher));
        Ok(())
    }

    /// The newest term and its key.
    pub(crate) fn newest(&self) -> Result<(u32, &TermKey, &Arc<LessSafeKey>), Error> {
        let newest = self.keys.last_key_value();
        let newest = newest.map(|(term, (key, cipher))| (*term, key, cipher));
        newest.ok_or_else(|| Error::internal("the keyring is empty: restore a backup"))
    }

    /// Notes how often the newest key may have been used.
    pub(crate) fn set_encryptions(&mut self, encryptions: u64) {
        if let Some(mut newest) = self.keys.last_entry() {
            newest.get_mut().0.encryptions = encryptions;
        }
    }

    pub(crate) fn cipher(&self, term: u32) -> Option<&Arc<LessSafeKey>> {
        self.keys.get(&term).map(|(_, cipher)| cipher)
    }

    /// The ring, sealed under the root key.
    pub(crate) fn seal(&self, entropy: &dyn Entropy) -> Result<Vec<u8>, Error> {
        let keys = self
            .keys
            .iter()
            .map(|(term, (key, _))| (*term, key.clone()));
        let stored = Stored {
            version: VERSION,
            keys: keys.collect(),
            rotation: self.rotation,
        };
        let room = ROOM + ROOM_OF_A_KEY * stored.keys.len();
        let mut json = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer(&mut *json, &stored)
            .map_err(|error| Error::internal(format!("cannot write the keyring: {error}")))?;
        let cipher = self.root.cipher()?;
        sealed_value::seal(&cipher, ROOT_TERM, KEYRING, &json, entropy)
    }

    /// Any JSON, sealed as a ring is.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn seal_json(
        root: &Key,
        json: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, Error> {
        sealed_value::seal(&root.cipher()?, ROOT_TERM, KEYRING, json, entropy)
    }

    /// A ring that was sealed under this root key.
    pub(crate) fn open(root: Key, sealed: &[u8]) -> Result<Self, Error> {
        let cipher = root.cipher()?;
        let json = sealed_value::open(&cipher, KEYRING, sealed)
            .map_err(|_| Error::bad_request("the key does not open the store"))?;
        // The texts of these errors could repeat a key.
        let unreadable = |_| Error::internal("the keyring cannot be read: restore a backup");
        let Versioned { version } = serde_json::from_slice(&json).map_err(unreadable)?;
        if version > VERSION {
            return Err(Error::internal(format!(
                "the keyring has version {version}, and this program reads up to {VERSION}: use the \
                 program that wrote it, or a newer one"
            )));
        }
        let stored: Stored = serde_json::from_slice(&json).map_err(unreadable)?;
        let mut keys = BTreeMap::new();
        for (term, mut key) in stored.keys {
            key.encryptions = key.encryptions.min(MOST_ENCRYPTIONS);
            let cipher = Arc::new(key.value.cipher()?);
            keys.insert(term, (key, cipher));
        }
        Ok(Self {
            root,
            rotation: stored.rotation,
            keys,
        })
    }
}
