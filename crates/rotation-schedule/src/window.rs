//! `rotation_window`: how long after a time of the schedule a rotation may
//! still happen, and how roles are spread over it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::FieldError;
use crate::human::short;
use crate::period::RotationPeriod;

const FIELD: &str = "rotation_window";

/// How long after each time of a schedule a rotation may happen: whole seconds,
/// an hour at least, as in Vault. In JSON it is the number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Window(u64);

impl Window {
    /// The shortest.
    pub const MIN: Self = Self(3600);

    /// A window as an operator gives it.
    pub fn new(window: Duration) -> Result<Self, FieldError> {
        if window.subsec_nanos() != 0 {
            return Err(FieldError::new(
                FIELD,
                format!("`{FIELD}` has a fraction of a second: give whole seconds"),
            ));
        }
        Self::from_secs(window.as_secs())
    }

    /// A window in seconds.
    pub fn from_secs(seconds: u64) -> Result<Self, FieldError> {
        let limit = if seconds < Self::MIN.0 {
            format!("at least {}, or 0 for none", short(Self::MIN.0))
        } else if seconds > RotationPeriod::MAX.as_secs() {
            format!("at most {}", short(RotationPeriod::MAX.as_secs()))
        } else {
            return Ok(Self(seconds));
        };
        Err(FieldError::new(
            FIELD,
            format!("`{FIELD}` is {}: give {limit}", short(seconds)),
        ))
    }

    /// In seconds.
    pub fn as_secs(self) -> u64 {
        self.0
    }

    /// As a duration.
    pub fn as_duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

impl TryFrom<u64> for Window {
    type Error = FieldError;

    fn try_from(seconds: u64) -> Result<Self, FieldError> {
        Self::from_secs(seconds)
    }
}

impl From<Window> for u64 {
    fn from(window: Window) -> Self {
        window.0
    }
}

/// A role's fixed place in every window of its schedule, so that a thousand
/// roles with one schedule do not begin in the same second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Spread(u64);

impl Spread {
    /// The place of the role with this name, the same in every process and
    /// version.
    pub fn of_name(name: &str) -> Self {
        // FNV-1a, then the finalizer of SplitMix64: names that differ in their
        // last letter alone end far from each other.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(hash ^ (hash >> 31))
    }

    /// A place given by a hash that the caller has made.
    pub fn of_hash(hash: u64) -> Self {
        Self(hash)
    }

    /// Seconds from the opening of a window to the role's rotation: within the
    /// first half, so that the second is left for what is late.
    pub(crate) fn within(self, window: Window) -> u64 {
        scale(self.0, window.as_secs() / 2)
    }
}

/// Maps any number to one below `limit`, evenly.
pub(crate) fn scale(number: u64, limit: u64) -> u64 {
    let product = u128::from(number) * u128::from(limit);
    u64::try_from(product >> 64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_an_hour_at_least() {
        assert_eq!(Window::from_secs(3600).unwrap(), Window::MIN);
        let error = Window::from_secs(3599).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`rotation_window` is 59m59s: give at least 1h, or 0 for none"
        );
        assert!(Window::from_secs(u64::MAX).is_err());
        assert!(Window::new(Duration::from_millis(3_600_001)).is_err());
    }

    #[test]
    fn a_thousand_names_are_spread_evenly_over_the_first_half() {
        let window = Window::from_secs(7200).unwrap();
        let mut tenths = [0; 10];
        for number in 0..1000 {
            let at = Spread::of_name(&format!("team-{number}")).within(window);
            assert!(at < 3600);
            tenths[usize::try_from(at / 360).unwrap()] += 1;
        }
        assert!(
            tenths.iter().all(|count| (60..=140).contains(count)),
            "{tenths:?}"
        );
    }

    #[test]
    fn the_place_of_a_name_never_changes() {
        let window = Window::from_secs(7200).unwrap();
        assert_eq!(Spread::of_name("orders").within(window), 978);
    }

    #[test]
    fn scaling_uses_the_whole_range() {
        assert_eq!(scale(0, 60), 0);
        assert_eq!(scale(u64::MAX, 60), 59);
        assert_eq!(scale(u64::MAX, 0), 0);
    }
}
