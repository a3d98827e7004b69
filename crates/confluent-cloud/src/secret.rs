//! Secrets of API keys, and the checksum that those made since 30 July 2025
//! carry.
//!
//! Such a secret is `cflt`, 54 random characters, and a checksum of 6: CRC-32
//! (IEEE) of the 54, little-endian, in base64 without padding. The byte order
//! was derived from the documented example. Older secrets are 64
//! characters without a checksum, and stay valid.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The prefix of a secret with a checksum.
pub const PREFIX: &str = "cflt";

/// The length of every secret.
pub const LENGTH: usize = 64;

/// The length of the part that the checksum covers.
pub const BODY_LENGTH: usize = 54;

/// A secret of an API key: wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ApiSecret(String);

/// The format of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretFormat {
    /// It has a valid checksum.
    Checked,
    /// The older format, without a checksum.
    Legacy,
    /// Its length differs from that of Confluent's secrets.
    OddLength,
}

/// A secret whose checksum is wrong: it was truncated or mistyped.
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
    /// Wraps a string.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The string itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Checks the format offline.
    ///
    /// # Errors
    /// When the secret has a checksum and it is wrong.
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

/// The checksum of 6 characters for the 54 before it.
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
