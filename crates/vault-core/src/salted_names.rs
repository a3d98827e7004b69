//! Names that storage must not show: a keyed hash stands for each.

use aws_lc_rs::hmac;
use logical::{Entropy, Error};

use crate::storage::View;

const LENGTH: usize = 32;

/// The key of the hashes.
pub(crate) struct Salt(hmac::Key);

impl Salt {
    /// The salt that is stored under a key; it is generated at the first start.
    ///
    /// # Errors
    /// An error of storage.
    pub(crate) async fn open(
        storage: &View,
        entropy: &dyn Entropy,
        key: &str,
    ) -> Result<Self, Error> {
        let secret = storage.secret(entropy, key, LENGTH).await?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &secret)))
    }

    /// What stands for a name: `h` and an HMAC in hexadecimal.
    pub(crate) fn hash(&self, name: &[u8]) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let tag = hmac::sign(&self.0, name);
        let mut text = String::with_capacity(1 + 2 * tag.as_ref().len());
        text.push('h');
        for byte in tag.as_ref() {
            text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        text
    }
}
