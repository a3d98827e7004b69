//! When wrong logins lock a user out, as a server or a mount says it.

use std::time::Duration;

use logical::Object;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Settings of a server or a mount; what is `None` is said by the more general one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LockoutTuning {
    /// After how many wrong logins; zero for never.
    pub threshold: Option<u64>,
    /// For how many seconds.
    pub duration: Option<u64>,
    /// After how many seconds wrong logins are forgotten.
    pub counter_reset: Option<u64>,
    /// Whether nobody is locked out.
    pub disable: Option<bool>,
}

/// Settings that are complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LockoutLimits {
    pub(crate) threshold: u64,
    pub(crate) duration: Duration,
    pub(crate) counter_reset: Duration,
}

/// Vault's, where nothing else is said.
const THRESHOLD: u64 = 5;
const DURATION: u64 = 15 * 60;

impl LockoutTuning {
    /// These settings, and those of `general` where they say nothing.
    #[must_use]
    pub(crate) fn or(self, general: Self) -> Self {
        Self {
            threshold: self.threshold.or(general.threshold),
            duration: self.duration.or(general.duration),
            counter_reset: self.counter_reset.or(general.counter_reset),
            disable: self.disable.or(general.disable),
        }
    }

    /// The same with Vault's settings where nothing is said; none if nobody is
    /// locked out.
    pub(crate) fn limits(self) -> Option<LockoutLimits> {
        let threshold = self.threshold.unwrap_or(THRESHOLD);
        let is_on = threshold > 0 && self.disable != Some(true);
        is_on.then(|| LockoutLimits {
            threshold,
            duration: Duration::from_secs(self.duration.unwrap_or(DURATION)),
            counter_reset: Duration::from_secs(self.counter_reset.unwrap_or(DURATION)),
        })
    }

    /// The members of a mount's settings. What is not said is zero, as in OpenBao.
    pub(crate) fn members(self) -> Object {
        let shown = json!({
            "user_lockout_counter_reset_duration": self.counter_reset.unwrap_or(0),
            "user_lockout_disable": self.disable.unwrap_or(false),
            "user_lockout_duration": self.duration.unwrap_or(0),
            "user_lockout_threshold": self.threshold.unwrap_or(0),
        });
        match shown {
            Value::Object(members) => members,
            _ => Object::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mount_says_goes_before_the_server_and_vault() {
        let server = LockoutTuning {
            threshold: Some(3),
            duration: Some(60),
            ..LockoutTuning::default()
        };
        let mount = LockoutTuning {
            threshold: Some(9),
            ..LockoutTuning::default()
        };
        let limits = mount.or(server).limits().unwrap();
        assert_eq!(limits.threshold, 9);
        assert_eq!(limits.duration, Duration::from_mins(1));
        assert_eq!(limits.counter_reset, Duration::from_mins(15));
        let usual = LockoutTuning::default().limits().unwrap();
        assert_eq!(
            (usual.threshold, usual.duration),
            (5, Duration::from_mins(15))
        );
        for off in [
            LockoutTuning {
                disable: Some(true),
                ..mount
            },
            LockoutTuning {
                threshold: Some(0),
                ..mount
            },
        ] {
            assert_eq!(off.limits(), None);
        }
    }
}
