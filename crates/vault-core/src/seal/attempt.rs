//! One attempt at unsealing: the shares that were given so far.

use logical::{Entropy, Error};
use zeroize::Zeroizing;

use super::settings::Shares;
use crate::random;

/// The shares that were given so far, and the name that clients see of the
/// attempt.
#[derive(Default)]
pub(super) struct Attempt {
    nonce: String,
    given: Vec<Zeroizing<Vec<u8>>>,
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

    /// Adds a share; one that was given before changes nothing. Returns all
    /// shares once there are enough, and begins anew.
    pub(super) fn add(
        &mut self,
        share: Zeroizing<Vec<u8>>,
        shares: Shares,
        entropy: &dyn Entropy,
    ) -> Option<Vec<Zeroizing<Vec<u8>>>> {
        if self.given.is_empty() {
            self.nonce = random::uuid(entropy);
        }
        if !self.given.contains(&share) {
            self.given.push(share);
        }
        let is_enough = self.given.len() >= usize::from(shares.threshold());
        is_enough.then(|| std::mem::take(self).given)
    }
}

/// The key that shares make. Wrong ones make another key, which opens nothing.
pub(super) fn combine(given: &[Zeroizing<Vec<u8>>]) -> Result<Zeroizing<Vec<u8>>, Error> {
    // The one share of a key that is not split is the key.
    if let [key] = given {
        return Ok(key.clone());
    }
    let shares = given
        .iter()
        .map(|bytes| shamir::Share::from_bytes(bytes.clone()));
    shares
        .collect::<Result<Vec<_>, _>>()
        .and_then(|shares| shamir::combine(&shares))
        .map_err(|error| invalid(&error.to_string()))
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

    use super::*;

    fn share(byte: u8) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(vec![byte; 33])
    }

    #[test]
    fn a_repeated_share_is_no_progress_and_the_last_one_begins_anew() {
        let shares = Shares::new(5, 3).unwrap();
        let entropy = SeededEntropy::new(1);
        let mut attempt = Attempt::default();
        assert!(attempt.add(share(1), shares, &entropy).is_none());
        let nonce = attempt.nonce().to_owned();
        assert!(!nonce.is_empty());
        assert!(attempt.add(share(1), shares, &entropy).is_none());
        assert_eq!((attempt.progress(), attempt.nonce()), (1, nonce.as_str()));
        assert!(attempt.add(share(2), shares, &entropy).is_none());
        let given = attempt.add(share(3), shares, &entropy).unwrap();
        assert_eq!(given, [share(1), share(2), share(3)]);
        assert_eq!((attempt.progress(), attempt.nonce()), (0, ""));
    }
}
