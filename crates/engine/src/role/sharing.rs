//! Which readers of a role get the same key, and how old such a key may get for
//! new readers.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::credential::later;

/// Who gets the same key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SharedBy {
    /// Nobody: each lease has a key of its own.
    #[default]
    Lease,
    /// All readers of the role.
    Role,
    /// The readers of one entity.
    Entity,
    /// The readers with one token.
    Token,
}

impl SharedBy {
    /// All values, by their names.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("lease", Self::Lease),
        ("role", Self::Role),
        ("entity", Self::Entity),
        ("token", Self::Token),
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        let mut names = Self::NAMES.iter();
        names
            .find(|(_, value)| *value == self)
            .map_or("", |(name, _)| name)
    }

    /// Whether several leases may have one key.
    pub fn is_shared(self) -> bool {
        self != Self::Lease
    }
}

/// How the readers of a role share keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Sharing {
    /// Who gets the same key.
    pub by: SharedBy,
    /// From which age on a key is given to no new reader; zero for never.
    pub max_age_seconds: u64,
}

/// As it is stored, in members of the role.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// What versions before `sharing` knew. One that reads a role which shares
    /// by entity or token makes a key for each lease: it knows no scopes.
    #[serde(default)]
    multi_use_key: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sharing: Option<SharedBy>,
    #[serde(default, skip_serializing_if = "is_zero")]
    max_age_seconds: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl From<Stored> for Sharing {
    fn from(stored: Stored) -> Self {
        let before = if stored.multi_use_key {
            SharedBy::Role
        } else {
            SharedBy::Lease
        };
        Self {
            by: stored.sharing.unwrap_or(before),
            max_age_seconds: stored.max_age_seconds,
        }
    }
}

impl From<Sharing> for Stored {
    fn from(sharing: Sharing) -> Self {
        Self {
            multi_use_key: sharing.by == SharedBy::Role,
            sharing: sharing.is_scoped().then_some(sharing.by),
            max_age_seconds: sharing.max_age_seconds,
        }
    }
}

impl Sharing {
    /// As the Go plugin has it: a key for each lease, or one for all.
    pub(crate) fn multi_use(multi_use_key: bool) -> Self {
        Self::from(Stored {
            multi_use_key,
            sharing: None,
            max_age_seconds: 0,
        })
    }

    /// Whether several leases may have one key.
    pub fn is_shared(self) -> bool {
        self.by.is_shared()
    }

    /// Whether each entity or token has a key of its own.
    pub(crate) fn is_scoped(self) -> bool {
        matches!(self.by, SharedBy::Entity | SharedBy::Token)
    }

    /// From which age on a shared key is given to no new reader.
    pub(crate) fn max_age(self) -> Option<Duration> {
        let limited = self.is_shared() && self.max_age_seconds > 0;
        limited.then(|| Duration::from_secs(self.max_age_seconds))
    }

    /// How long a lease on a key of this age can live at most (`lifecycle.md`,
    /// 18), in whole seconds as hosts count.
    pub(crate) fn lease_left(self, age: Duration) -> Option<Duration> {
        let longest = self.max_age()?.saturating_mul(2);
        Some(Duration::from_secs(longest.saturating_sub(age).as_secs()))
    }

    /// When the last lease on a key that was made then ends.
    pub(crate) fn leases_end(self, born: Timestamp) -> Option<Timestamp> {
        let longest = self.lease_left(Duration::ZERO)?;
        let longest = SignedDuration::try_from(longest).unwrap_or(SignedDuration::MAX);
        Some(later(born, longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Sharing {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_earlier_versions_stored_is_read() {
        let shared = read(r#"{"multi_use_key":true}"#);
        assert_eq!((shared.by, shared.max_age_seconds), (SharedBy::Role, 0));
        assert_eq!(read(r#"{"multi_use_key":false}"#), Sharing::default());
    }

    #[test]
    fn a_role_of_an_earlier_version_that_reads_ours_never_shares_beyond_the_scope() {
        for (_, by) in SharedBy::NAMES {
            let sharing = Sharing {
                by,
                max_age_seconds: 0,
            };
            let stored = serde_json::to_value(sharing).unwrap();
            assert_eq!(stored["multi_use_key"], by == SharedBy::Role);
            assert_eq!(read(&stored.to_string()), sharing);
        }
    }

    #[test]
    fn a_lease_ends_with_twice_the_age_of_its_key() {
        let sharing = Sharing {
            by: SharedBy::Role,
            max_age_seconds: 600,
        };
        let left = |age| sharing.lease_left(Duration::from_millis(age));
        assert_eq!(left(0), Some(Duration::from_mins(20)));
        assert_eq!(left(600_001), Some(Duration::from_secs(599)));
        assert_eq!(left(1_200_000), Some(Duration::ZERO));
        assert_eq!(left(u64::MAX), Some(Duration::ZERO));
        assert_eq!(Sharing::default().lease_left(Duration::ZERO), None);
    }

    #[test]
    fn an_age_beyond_all_bounds_is_the_end_of_time() {
        let sharing = Sharing {
            by: SharedBy::Role,
            max_age_seconds: u64::MAX,
        };
        assert_eq!(
            sharing.leases_end(Timestamp::UNIX_EPOCH),
            Some(Timestamp::MAX)
        );
    }
}
