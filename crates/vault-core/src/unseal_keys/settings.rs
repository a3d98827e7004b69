//! How the key of the seal is split, as chosen at initialization and stored
//! beside the barrier in clear.

use logical::Error;
use serde::{Deserialize, Serialize};

use crate::storage::Version;

/// Where the settings are stored, in clear: they are needed to unseal.
pub(super) const SETTINGS: &str = "core/seal-config";

/// Into how many shares a key is split, and how many make it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    count: u8,
    threshold: u8,
}

impl Shares {
    /// One share, which is the key itself.
    pub const ONE: Self = Self {
        count: 1,
        threshold: 1,
    };

    /// So many shares.
    ///
    /// # Errors
    /// A bad request, in the words of Vault, for numbers that do not fit.
    pub fn new(count: u64, threshold: u64) -> Result<Self, Error> {
        let refuse = |problem| {
            Err(Error::bad_request(format!(
                "invalid seal configuration: {problem}"
            )))
        };
        match (u8::try_from(count), u8::try_from(threshold)) {
            (Err(_), _) => refuse("shares must be less than 256"),
            (_, Err(_)) => refuse("threshold must be less than 256"),
            (Ok(0), _) => refuse("shares must be at least one"),
            (_, Ok(0)) => refuse("threshold must be at least one"),
            (Ok(count), Ok(threshold)) if threshold > count => {
                refuse("threshold cannot be larger than shares")
            }
            (Ok(2..), Ok(1)) => refuse("threshold must be greater than one for multiple shares"),
            (Ok(count), Ok(threshold)) => Ok(Self { count, threshold }),
        }
    }

    /// How many there are.
    pub fn count(self) -> u8 {
        self.count
    }

    /// How many are needed.
    pub fn threshold(self) -> u8 {
        self.threshold
    }
}

/// The settings as they are stored.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    #[serde(default)]
    version: Version<1>,
    secret_shares: u8,
    secret_threshold: u8,
}

impl From<Shares> for Stored {
    fn from(shares: Shares) -> Self {
        Self {
            version: Version,
            secret_shares: shares.count,
            secret_threshold: shares.threshold,
        }
    }
}

impl Stored {
    /// Numbers that were checked when they were stored, checked again: anybody
    /// who can write the store can change them.
    pub(super) fn shares(&self) -> Result<Shares, Error> {
        Shares::new(self.secret_shares.into(), self.secret_threshold.into()).map_err(|_| {
            Error::internal(format!(
                "`{SETTINGS}` was changed: restore a backup of the store"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_shares_that_do_not_fit_are_refused_in_the_words_of_vault() {
        let refusal = |count, threshold| Shares::new(count, threshold).unwrap_err().to_string();
        for (count, threshold, problem) in [
            (0, 0, "shares must be at least one"),
            (1, 0, "threshold must be at least one"),
            (
                3,
                1,
                "threshold must be greater than one for multiple shares",
            ),
            (3, 4, "threshold cannot be larger than shares"),
            (256, 2, "shares must be less than 256"),
            (5, 256, "threshold must be less than 256"),
        ] {
            assert_eq!(
                refusal(count, threshold),
                format!("invalid seal configuration: {problem}")
            );
        }
        for (count, threshold) in [(1, 1), (2, 2), (255, 2), (255, 255)] {
            assert!(
                Shares::new(count, threshold).is_ok(),
                "{count}, {threshold}"
            );
        }
    }
}
