//! The fields in which operators write a timing, and read it back.

use serde::{Deserialize, Serialize};

/// The fields of a timing as they are written and shown: durations in seconds,
/// texts as they were given, and only those that are set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimingFields {
    /// Seconds from one rotation to the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_period: Option<u64>,
    /// A cron expression of five fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_schedule: Option<String>,
    /// The zone of the schedule; UTC when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_timezone: Option<String>,
    /// Seconds after each time of the schedule in which a rotation may happen; 0
    /// for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_window: Option<u64>,
    /// `manual`, or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<String>,
}

impl TimingFields {
    /// Whether any field is given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
