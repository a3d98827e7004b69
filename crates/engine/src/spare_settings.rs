//! How many keys of a role are kept ready in advance, and for how long: the fields
//! `spares` and `spare_max_age` as they are stored. Keeping them is `spares`' part.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// The most keys that a role keeps ready.
pub(crate) const MOST: u64 = 10;

/// How long a key is kept ready, where nobody says.
const USUAL_AGE: u64 = 24 * 3600;

/// The limits of `spare_max_age`, in seconds.
pub(crate) const AGES: std::ops::RangeInclusive<u64> = 3600..=30 * 24 * 3600;

/// The keys that a role keeps ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpareSettings {
    /// How many.
    count: u64,
    /// After how many seconds one that nobody took goes.
    max_age_seconds: u64,
}

impl Default for SpareSettings {
    fn default() -> Self {
        Self {
            count: 0,
            max_age_seconds: USUAL_AGE,
        }
    }
}

impl SpareSettings {
    /// The settings. Those who parse requests know the limits.
    pub(crate) fn new(count: u64, max_age_seconds: u64) -> Self {
        Self {
            count: count.min(MOST),
            max_age_seconds,
        }
    }

    /// How many keys are kept ready.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// After how many seconds one that nobody took goes.
    pub(crate) fn max_age_seconds(&self) -> u64 {
        self.max_age_seconds
    }

    /// After which time one that nobody took goes.
    pub(crate) fn max_age(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::try_from(self.max_age_seconds).unwrap_or(i64::MAX))
    }

    /// Whether this is what roles have that say nothing.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
