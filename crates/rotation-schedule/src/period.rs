//! `rotation_period`: the time from one rotation to the next.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::FieldError;
use crate::human::short;

const FIELD: &str = "rotation_period";

/// The time from one rotation to the next: whole seconds, 10 minutes to ten
/// years. In JSON it is the number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct RotationPeriod(u64);

impl RotationPeriod {
    /// The shortest: a key needs minutes until it works, and its predecessor
    /// needs a grace time.
    pub const MIN: Self = Self(600);
    /// The longest: ten years of 365 days.
    pub const MAX: Self = Self(10 * 365 * 86_400);

    /// A period as an operator gives it.
    pub fn new(period: Duration) -> Result<Self, FieldError> {
        if period.subsec_nanos() != 0 {
            return Err(FieldError::new(
                FIELD,
                format!("`{FIELD}` has a fraction of a second: give whole seconds"),
            ));
        }
        Self::from_secs(period.as_secs())
    }

    /// A period in seconds.
    pub fn from_secs(seconds: u64) -> Result<Self, FieldError> {
        let limit = if seconds < Self::MIN.0 {
            format!("at least {}", short(Self::MIN.0))
        } else if seconds > Self::MAX.0 {
            format!("at most {} (ten years)", short(Self::MAX.0))
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

impl TryFrom<u64> for RotationPeriod {
    type Error = FieldError;

    fn try_from(seconds: u64) -> Result<Self, FieldError> {
        Self::from_secs(seconds)
    }
}

impl From<RotationPeriod> for u64 {
    fn from(period: RotationPeriod) -> Self {
        period.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(seconds: u64, text: &str) {
        let error = RotationPeriod::from_secs(seconds).unwrap_err();
        assert_eq!(error.to_string(), text);
        assert_eq!(error.field(), "rotation_period");
    }

    #[test]
    fn ten_minutes_to_ten_years_are_taken() {
        for seconds in [600, 86_400, 315_360_000] {
            let period = RotationPeriod::from_secs(seconds).unwrap();
            assert_eq!(period.as_duration(), Duration::from_secs(seconds));
        }
    }

    #[test]
    fn what_is_too_short_or_too_long_is_refused_with_the_limit() {
        refused(0, "`rotation_period` is 0s: give at least 10m");
        refused(599, "`rotation_period` is 9m59s: give at least 10m");
        refused(
            315_446_400,
            "`rotation_period` is 3651d: give at most 3650d (ten years)",
        );
        assert!(RotationPeriod::from_secs(u64::MAX).is_err());
    }

    #[test]
    fn fractions_of_a_second_are_refused() {
        let error = RotationPeriod::new(Duration::from_millis(600_500)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`rotation_period` has a fraction of a second: give whole seconds"
        );
    }

    #[test]
    fn json_has_seconds() {
        let period: RotationPeriod = serde_json::from_str("86400").unwrap();
        assert_eq!(serde_json::to_string(&period).unwrap(), "86400");
        assert!(serde_json::from_str::<RotationPeriod>("1").is_err());
    }
}
