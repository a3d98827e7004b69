//! One attempt at unsealing: the shares that were given so far.

use logical::{Entropy, Error};

use crate::random;
use crate::unseal_keys::Share;

/// The shares that were given so far, and the name that clients see of the
/// attempt.
#[derive(Default)]
pub(super) struct Attempt {
    nonce: String,
    given: Vec<Share>,
}

impl Attempt {
    /// How many shares it has.
    pub(super) fn progress(&self) -> usize {
        self.given.len()
    }

    /// Its name; empty before the first share.
    pub(super) fn nonce(&self) -> &str {
        &self.nonce
    }

    /// Adds a share; one that was given before changes nothing.
    pub(super) fn add(&mut self, share: Share, entropy: &dyn Entropy) {
        if self.given.is_empty() {
            self.nonce = random::uuid(entropy);
        }
        if !self.given.contains(&share) {
            self.given.push(share);
        }
    }

    /// The shares.
    pub(super) fn given(&self) -> &[Share] {
        &self.given
    }
}

/// Shares that do not unseal. They are forgotten.
pub(super) fn invalid(reason: &str) -> Error {
    Error::bad_request(format!(
        "invalid key: {reason}; the shares given so far are forgotten, begin again with the first"
    ))
}

#[cfg(test)]
mod tests {
    use virtual_world::SeededEntropy;
    use zeroize::Zeroizing;

    use super::*;

    fn share(byte: u8) -> Share {
        Zeroizing::new(vec![byte; 33])
    }

    #[test]
    fn a_repeated_share_is_no_progress() {
        let entropy = SeededEntropy::new(1);
        let mut attempt = Attempt::default();
        attempt.add(share(1), &entropy);
        let nonce = attempt.nonce().to_owned();
        assert!(!nonce.is_empty());
        attempt.add(share(1), &entropy);
        assert_eq!((attempt.progress(), attempt.nonce()), (1, nonce.as_str()));
        attempt.add(share(2), &entropy);
        assert_eq!(attempt.given(), [share(1), share(2)]);
    }
}
