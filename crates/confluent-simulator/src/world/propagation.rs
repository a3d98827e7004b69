//! How long new keys and role bindings take to propagate.
//!
//! The vendor promises no times. Those of [`Propagation::Real`] follow the
//! comments and waits in its Terraform provider.

use std::time::Duration;

use jiff::Timestamp;

use super::Resource;
use crate::clock::later;
use crate::{InvalidDuration, parse_duration};

/// How long new keys and role bindings take until they work everywhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Propagation {
    /// They work at once.
    #[default]
    None,
    /// As long as for the vendor: 120 s for a Kafka key, 60 s for Schema
    /// Registry and Flink, 240 s for ksqlDB, 10 s for all other keys, 90 s for a
    /// role binding.
    Real,
    /// This long, whatever it is.
    Fixed(Duration),
}

/// Reads what the command line takes: `none`, `real` or a duration.
///
/// # Errors
/// When the text is none of these.
pub fn parse_propagation(text: &str) -> Result<Propagation, InvalidDuration> {
    match text {
        "none" => Ok(Propagation::None),
        "real" => Ok(Propagation::Real),
        other => parse_duration(other).map(Propagation::Fixed),
    }
}

impl Propagation {
    /// When a key that is created now works everywhere.
    pub(crate) fn of_key(self, now: Timestamp, resource: &Resource) -> Timestamp {
        let real = match resource {
            Resource::KafkaCluster { .. } => 120,
            Resource::SchemaRegistry { .. } | Resource::FlinkRegion { .. } => 60,
            Resource::Ksqldb { .. } => 240,
            Resource::Tableflow | Resource::Cloud | Resource::Global => 10,
        };
        self.after(now, real)
    }

    /// When a role binding that is created now takes effect.
    pub(crate) fn of_binding(self, now: Timestamp) -> Timestamp {
        self.after(now, 90)
    }

    fn after(self, now: Timestamp, real: u64) -> Timestamp {
        let wait = match self {
            Self::None => return now,
            Self::Real => Duration::from_secs(real),
            Self::Fixed(wait) => wait,
        };
        later(now, wait).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn propagation_is_none_real_or_a_duration() {
        assert_eq!(parse_propagation("none"), Ok(Propagation::None));
        assert_eq!(parse_propagation("real"), Ok(Propagation::Real));
        let seconds = Propagation::Fixed(Duration::from_secs(30));
        assert_eq!(parse_propagation("30s"), Ok(seconds));
        assert!(parse_propagation("slow").is_err());
    }

    #[test]
    fn each_kind_of_key_takes_its_own_time() {
        let now = Timestamp::UNIX_EPOCH;
        let wait =
            |propagation: Propagation, resource| propagation.of_key(now, &resource).as_second();
        assert_eq!(wait(Propagation::None, Resource::Cloud), 0);
        assert_eq!(wait(Propagation::Real, Resource::Cloud), 10);
        assert_eq!(wait(Propagation::Real, Resource::Tableflow), 10);
        let fixed = Propagation::Fixed(Duration::from_secs(7));
        assert_eq!(wait(fixed, Resource::Global), 7);
        assert_eq!(Propagation::Real.of_binding(now).as_second(), 90);
    }
}
