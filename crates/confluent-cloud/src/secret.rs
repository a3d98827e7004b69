//! Secrets of API keys, and the checksum that those made since 30 July 2025
//! carry.
//!
//! Such a secret is `cflt`, 54 random characters, and 6 of checksum: CRC-32
//! (IEEE) of the 54, little-endian, in base64 without padding. The order of
//! the bytes was worked out on the documented example. Older secrets are 64
//! characters without a checksum, and stay valid.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// What a secret with a checksum begins with.
pub const PREFIX: &str = "cflt";

/// How long every secret is.
pub const LENGTH: usize = 64;

/// How long the part is that the checksum is made of.
pub const BODY_LENGTH: usize = 54;

/// A secret of an API key: wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ApiSecret(String);

/// What the form of a secret tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretFormat {
    /// It carries a checksum, which is right.
    Checked,
    /// It is of the older form, which carries none.
    Legacy,
    /// It has another length than Confluent's secrets have.
    OddLength,
}

/// A secret whose checksum is wrong: it was cut or mistyped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongChecksum;

impl fmt::Display for WrongChecksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the secret's checksum is wrong, so it was cut or mistyped: copy all 64 characters",
        )
    }
}

impl std::error::Error for WrongChecksum {}

impl ApiSecret {
    /// Takes a text as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Checks the form, without asking anybody.
    ///
    /// # Errors
    /// When the secret carries a checksum and it is wrong.
    pub fn verify(&self) -> Result<SecretFormat, WrongChecksum> {
        if !self.0.starts_with(PREFIX) {
            return Ok(if self.0.len() == LENGTH {
                SecretFormat::Legacy
            } else {
                SecretFormat::OddLength
            });
        }
        let (body, told) = self
            .0
            .get(PREFIX.len()..PREFIX.len() + BODY_LENGTH)
            .zip(self.0.get(PREFIX.len() + BODY_LENGTH..))
            .ok_or(WrongChecksum)?;
        if checksum(body) == told {
            Ok(SecretFormat::Checked)
        } else {
            Err(WrongChecksum)
        }
    }
}

impl fmt::Debug for ApiSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiSecret(…)")
    }
}

/// The six characters of checksum for the 54 before them.
pub fn checksum(body: &str) -> String {
    STANDARD_NO_PAD.encode(crc32fast::hash(body.as_bytes()).to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_agrees_with_known_pairs() {
        assert_eq!(checksum(&"A".repeat(54)), "FZQbVQ");
        let body: String = ('0'..='9').chain('a'..='z').chain('A'..='R').collect();
        assert_eq!(body.len(), BODY_LENGTH);
        assert_eq!(checksum(&body), "q6HuTw");
    }

    #[test]
    fn a_secret_with_one_wrong_character_is_found_out() {
        let body = "A".repeat(54);
        let good = format!("{PREFIX}{body}{}", checksum(&body));
        assert_eq!(ApiSecret::new(&good).verify(), Ok(SecretFormat::Checked));
        let wrong = good.replacen('A', "B", 1);
        assert_eq!(ApiSecret::new(wrong).verify(), Err(WrongChecksum));
        assert_eq!(ApiSecret::new(&good[..63]).verify(), Err(WrongChecksum));
        assert_eq!(ApiSecret::new("cfltä").verify(), Err(WrongChecksum));
    }

    #[test]
    fn older_secrets_are_not_refused() {
        let old = ApiSecret::new("x".repeat(64));
        assert_eq!(old.verify(), Ok(SecretFormat::Legacy));
        assert_eq!(ApiSecret::new("x").verify(), Ok(SecretFormat::OddLength));
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        assert_eq!(format!("{:?}", ApiSecret::new("canary")), "ApiSecret(…)");
    }
}
