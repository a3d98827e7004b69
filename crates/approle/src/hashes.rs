//! Hashes of what storage must not show: ids, accessors, and the names of roles
//! in the places of their secret ids.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use logical::{Condition, Entropy, Error, Storage, Write};
use zeroize::Zeroizing;

/// Where the mount's key is stored.
const KEY: &str = "hash-key";
pub(crate) const KEY_LENGTH: usize = 32;

/// The mount's keyed hash.
pub(crate) struct Hashes {
    key: hmac::Key,
}

impl Hashes {
    /// Reads the mount's key, which is generated at the first use.
    ///
    /// # Errors
    /// An error of storage, or an internal error for a damaged key.
    pub(crate) async fn open(storage: &dyn Storage, entropy: &dyn Entropy) -> Result<Self, Error> {
        if let Some(key) = storage.get(KEY).await? {
            return Self::new(&key);
        }
        let mut key = Zeroizing::new(vec![0; KEY_LENGTH]);
        entropy.fill(&mut key);
        let write = Write::put(KEY, key.clone());
        if storage
            .apply_if(vec![Condition::absent(KEY)], vec![write])
            .await?
        {
            return Self::new(&key);
        }
        let key = storage.get(KEY).await?;
        Self::new(&key.ok_or_else(damaged)?)
    }

    fn new(key: &[u8]) -> Result<Self, Error> {
        if key.len() != KEY_LENGTH {
            return Err(damaged());
        }
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
        })
    }

    /// A hash for one purpose. Equal texts have different hashes for different
    /// purposes.
    pub(crate) fn hash(&self, purpose: Purpose, text: &str) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(purpose.word().as_bytes());
        context.update(&[0]);
        context.update(text.as_bytes());
        URL_SAFE_NO_PAD.encode(context.sign())
    }
}

fn damaged() -> Error {
    Error::internal(format!(
        "storage entry `{KEY}` is not a key of {KEY_LENGTH} bytes: restore it from a backup"
    ))
}

/// What a hash stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    RoleId,
    RoleName,
    Accessor,
}

impl Purpose {
    fn word(self) -> &'static str {
        match self {
            Self::RoleId => "role id",
            Self::RoleName => "role name",
            Self::Accessor => "accessor",
        }
    }
}

/// The hash of a secret id with the key of its role. It takes that key to find
/// out whether two roles share a secret id.
pub(crate) fn secret_id(role_key: &[u8], secret_id: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, role_key);
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, secret_id.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_differ_by_purpose_and_by_role() {
        let hashes = Hashes::new(&[7; KEY_LENGTH]).unwrap();
        let text = "text";
        let all = [Purpose::RoleId, Purpose::RoleName, Purpose::Accessor];
        let all = all.map(|purpose| hashes.hash(purpose, text));
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
        assert_ne!(secret_id(&[1; 32], text), secret_id(&[2; 32], text));
        assert_eq!(secret_id(&[1; 32], text), secret_id(&[1; 32], text));
    }

    #[tokio::test(start_paused = true)]
    async fn a_damaged_key_is_named() {
        let world = virtual_world::World::new();
        let context = world.context();
        let storage = context.storage;
        storage.put(KEY, b"short").await.unwrap();
        let opened = Hashes::open(storage.as_ref(), context.entropy.as_ref()).await;
        let error = opened.err().unwrap();
        assert!(error.message().contains("`hash-key`"), "{error}");
    }
}
