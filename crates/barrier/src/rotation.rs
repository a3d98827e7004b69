//! When the key that seals is replaced without being asked.

use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How often one key is used at most: 90 % of 2^32, where random nonces begin to
/// repeat (NIST SP 800-38D, 8.3). Vault rotates there, too.
pub(crate) const MAX_ENCRYPTIONS: u64 = 3_865_470_566;

/// The settings of automatic rotation. They are stored in the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationConfig {
    /// How many values a key seals before it is replaced.
    pub max_operations: u64,
    /// How old a key gets; zero for any age.
    #[serde(with = "seconds")]
    pub interval: Duration,
    /// Whether keys are replaced at these limits. Before random nonces repeat, a key
    /// is replaced in any case.
    pub enabled: bool,
}

impl Default for RotationConfig {
    fn default() -> Self {
        Self {
            max_operations: MAX_ENCRYPTIONS,
            interval: Duration::ZERO,
            enabled: true,
        }
    }
}

impl RotationConfig {
    /// The values of `max_operations` that make sense, as in Vault.
    pub const OPERATIONS: RangeInclusive<u64> = 1_000_000..=MAX_ENCRYPTIONS;
    /// The shortest interval, as in Vault.
    pub const SHORTEST: Duration = Duration::from_hours(24);

    /// How many values a key seals, of the most that it ever may.
    pub(crate) fn operations(&self, most: u64) -> u64 {
        if self.enabled {
            self.max_operations.min(most)
        } else {
            most
        }
    }

    /// Whether a key of this age is too old.
    pub(crate) fn is_due(&self, installed: Timestamp, now: Timestamp) -> bool {
        let age = Duration::try_from(now.duration_since(installed)).unwrap_or_default();
        self.enabled && !self.interval.is_zero() && age >= self.interval
    }
}

/// Durations as whole seconds.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(duration.as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}
