//! Batch tokens: the whole entry, encrypted, is the token. Nothing is stored.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use logical::{Entropy, Error};
use zeroize::Zeroizing;

use super::client_token::ClientToken;
use super::entry::TokenEntry;

/// What the text of a batch token begins with.
pub(super) const PREFIX: &str = "hvb.";
pub(super) const KEY_LENGTH: usize = 32;

/// Tied to the ciphertext, so that nothing else that is encrypted with the key
/// is taken for a token.
const CONTEXT: &[u8] = b"batch token 1";

/// Makes and reads batch tokens.
pub(super) struct BatchTokens {
    key: LessSafeKey,
}

impl BatchTokens {
    /// With this key.
    ///
    /// # Errors
    /// An internal error if it has the wrong length.
    pub(super) fn new(key: &[u8]) -> Result<Self, Error> {
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| {
            Error::internal(format!(
                "storage entry `sys/token/batch-key` is not a key of {KEY_LENGTH} bytes: restore \
                 it from a backup"
            ))
        })?;
        Ok(Self {
            key: LessSafeKey::new(key),
        })
    }

    /// The text of a token.
    ///
    /// # Errors
    /// An internal error if it cannot be encrypted.
    pub(super) fn seal(
        &self,
        entry: &TokenEntry,
        entropy: &dyn Entropy,
    ) -> Result<ClientToken, Error> {
        let failed = || Error::internal("a batch token cannot be encrypted");
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce);
        let mut sealed = Zeroizing::new(serde_json::to_vec(entry).map_err(|_| failed())?);
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(CONTEXT),
                &mut *sealed,
            )
            .map_err(|_| failed())?;
        let mut bytes = nonce.to_vec();
        bytes.extend_from_slice(&sealed);
        Ok(ClientToken::new(format!(
            "{PREFIX}{}",
            URL_SAFE_NO_PAD.encode(bytes)
        )))
    }

    /// The entry of a token, or `None` if it was not made here.
    pub(super) fn open(&self, token: &ClientToken) -> Option<TokenEntry> {
        let text = token.expose().strip_prefix(PREFIX)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let clear = self
            .key
            .open_in_place(nonce, Aad::from(CONTEXT), &mut sealed)
            .ok()?;
        serde_json::from_slice(clear).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::entry;
    use super::*;
    use crate::tests::CountingEntropy;

    #[test]
    fn a_token_is_read_back_and_no_changed_one_is_taken() {
        let batch = BatchTokens::new(&[7; KEY_LENGTH]).unwrap();
        let token = batch.seal(&entry(), &CountingEntropy::default()).unwrap();
        assert!(token.expose().starts_with(PREFIX));
        assert_eq!(batch.open(&token), Some(entry()));
        let bytes = token.expose().as_bytes();
        for at in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = ClientToken::new(String::from_utf8(changed).unwrap());
            assert_eq!(batch.open(&changed), None, "byte {at}");
        }
        let other = BatchTokens::new(&[8; KEY_LENGTH]).unwrap();
        assert_eq!(other.open(&token), None);
        assert_eq!(batch.open(&ClientToken::new("hvb.AA")), None);
    }
}
