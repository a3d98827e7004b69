//! Keys of 256 bits.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use logical::{Entropy, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::sealed_value;

/// How many bytes a key has.
const LENGTH: usize = 32;
/// The term that a wrapped key carries: the key that wraps has no ring.
const WRAPPING_TERM: u32 = 1;

/// A key. It is wiped when it is dropped and never shown.
///
/// Its bytes stay where they are: those of a value that moves are copied, and nobody
/// wipes what they were copied from.
#[derive(PartialEq, Eq)]
pub struct Key(Box<Zeroizing<[u8; LENGTH]>>);

impl Key {
    /// A new key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut key = Self::zero();
        entropy.fill(key.0.as_mut_slice());
        key
    }

    /// A key from its 32 bytes; `None` if there are more or fewer.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != LENGTH {
            return None;
        }
        let mut key = Self::zero();
        key.0.copy_from_slice(bytes);
        Some(key)
    }

    /// Where the bytes of a key are then written.
    fn zero() -> Self {
        Self(Box::new(Zeroizing::new([0; LENGTH])))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Another key, encrypted under this one for the path at which it is stored.
    pub fn wrap(&self, path: &str, key: &Self, entropy: &dyn Entropy) -> Result<Vec<u8>, Error> {
        sealed_value::seal(
            &self.cipher()?,
            WRAPPING_TERM,
            path,
            key.as_bytes(),
            entropy,
        )
    }

    /// The key that was encrypted under this one for this path. An error if it
    /// was another key or another path, or if the bytes were changed.
    pub fn unwrap(&self, path: &str, wrapped: &[u8]) -> Result<Self, Error> {
        let bytes = sealed_value::open(&self.cipher()?, path, wrapped)?;
        Self::from_bytes(&bytes).ok_or_else(|| sealed_value::damaged(path))
    }

    pub(crate) fn cipher(&self) -> Result<LessSafeKey, Error> {
        let key = UnboundKey::new(&AES_256_GCM, self.as_bytes());
        let key = key.map_err(|_| Error::internal("cannot set up the cipher of the barrier"))?;
        Ok(LessSafeKey::new(key))
    }
}

impl Clone for Key {
    fn clone(&self) -> Self {
        let mut key = Self::zero();
        key.0.copy_from_slice(self.as_bytes());
        key
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(BASE64_STANDARD.encode(self.as_bytes())))
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = BASE64_STANDARD.decode(text.as_bytes()).map(Zeroizing::new);
        let key = bytes.ok().and_then(|bytes| Self::from_bytes(&bytes));
        key.ok_or_else(|| serde::de::Error::custom("a key must be 32 bytes in base64"))
    }
}
