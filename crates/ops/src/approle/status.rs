//! How old the secret ids of a role are, and what ends soon.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::error::Result;
use super::server::{IdEntry, Server};

/// What is asked of each secret id.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The age from which on one is too old.
    pub max_age: Duration,
    /// One that ends within this time ends soon.
    pub ends_within: Duration,
}

/// The secret ids of one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoleStatus {
    /// The role.
    pub role: String,
    /// Its secret ids, the oldest first.
    pub secret_ids: Vec<IdStatus>,
    /// Accessors that are listed, though their secret ids are gone.
    pub dead_accessors: Vec<String>,
}

/// One secret id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IdStatus {
    /// Its accessor.
    pub accessor: String,
    /// Its age in seconds; none if the server does not tell when it was made.
    pub age: Option<i64>,
    /// The seconds until it ends; none if it does not end.
    pub ttl: Option<i64>,
    /// How many uses are left; 0 for any number.
    pub uses: u64,
    /// Whether it is older than is allowed.
    pub is_too_old: bool,
    /// Whether it ends soon.
    pub ends_soon: bool,
}

impl RoleStatus {
    /// Asks for the secret ids of a role.
    ///
    /// # Errors
    /// When a request fails.
    pub async fn of(
        server: &dyn Server,
        role: &str,
        now: Timestamp,
        limits: Limits,
    ) -> Result<Self> {
        let mut status = Self {
            role: role.to_owned(),
            secret_ids: Vec::new(),
            dead_accessors: Vec::new(),
        };
        for accessor in server.accessors().await? {
            match server.look_up(&accessor).await? {
                Some(entry) => status.secret_ids.push(IdStatus::of(entry, now, limits)),
                None => status.dead_accessors.push(accessor),
            }
        }
        status
            .secret_ids
            .sort_by_key(|id| std::cmp::Reverse(id.age.unwrap_or(i64::MAX)));
        Ok(status)
    }

    /// Whether a secret id is older than is allowed.
    pub fn is_too_old(&self) -> bool {
        self.secret_ids.iter().any(|id| id.is_too_old)
    }
}

impl IdStatus {
    fn of(entry: IdEntry, now: Timestamp, limits: Limits) -> Self {
        let age = entry.created.map(|created| now.duration_since(created));
        let ttl = entry.ends.map(|ends| ends.duration_since(now));
        let is_beyond = |limit: Duration| {
            let limit = SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX);
            move |age: SignedDuration| age > limit
        };
        Self {
            accessor: entry.accessor,
            age: age.map(|age| age.as_secs()),
            ttl: ttl.map(|ttl| ttl.as_secs()),
            uses: entry.uses,
            // One whose age is unknown may be as old as the role.
            is_too_old: age.is_none_or(is_beyond(limits.max_age)),
            ends_soon: ttl.is_some_and(|ttl| !is_beyond(limits.ends_within)(ttl)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::restrictions::Restrictions;
    use super::*;

    const DAY: i64 = 86_400;

    fn status(age_days: i64, ends_in_days: Option<i64>) -> IdStatus {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let at = |days: i64| Timestamp::from_second(1_800_000_000 + days * DAY).unwrap();
        let entry = IdEntry {
            accessor: "a".to_owned(),
            created: Some(at(-age_days)),
            ends: ends_in_days.map(at),
            uses: 0,
            restrictions: Restrictions::default(),
        };
        let limits = Limits {
            max_age: Duration::from_hours(24 * 90),
            ends_within: Duration::from_hours(24 * 7),
        };
        IdStatus::of(entry, now, limits)
    }

    #[test]
    fn an_id_is_too_old_once_it_is_older_than_is_allowed() {
        assert!(!status(90, None).is_too_old);
        assert!(status(91, None).is_too_old);
        assert_eq!(status(91, None).age, Some(91 * DAY));
    }

    #[test]
    fn an_id_ends_soon_within_the_time_that_was_asked_for() {
        assert!(!status(1, None).ends_soon);
        assert!(!status(1, Some(8)).ends_soon);
        assert!(status(1, Some(7)).ends_soon);
        assert!(status(1, Some(-1)).ends_soon);
    }
}
