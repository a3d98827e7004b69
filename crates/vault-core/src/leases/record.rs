//! What is kept of a lease. The data lives in storage only; memory knows no
//! more than when the lease is due.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use logical::{LeaseOptions, Object, Operation, Request, Secret};
use serde::{Deserialize, Serialize};

use super::backoff::LONGEST_PAUSE;
use crate::storage::Version;

/// One lease as stored.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LeaseRecord {
    #[serde(default)]
    pub(crate) version: Version<1>,
    pub(crate) id: String,
    /// The path of the request that made it, with the mount.
    pub(crate) path: String,
    /// Salted hash of the token that asked.
    pub(crate) token: String,
    /// What was answered, or `None` once a renewal answered nothing.
    pub(crate) data: Option<Object>,
    /// The engine's own notes.
    pub(crate) internal_data: Object,
    /// Seconds that were granted last.
    pub(crate) ttl: u64,
    /// The engine's limit in seconds; zero when it has none.
    pub(crate) max_ttl: u64,
    pub(crate) renewable: bool,
    #[serde(with = "time")]
    pub(crate) issue_time: Timestamp,
    #[serde(with = "time")]
    pub(crate) expire_time: Timestamp,
    #[serde(with = "optional_time")]
    pub(crate) last_renewal: Option<Timestamp>,
    pub(crate) revocation: Revocation,
}

/// How far the end of a lease has come.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Revocation {
    /// Not tried.
    Open,
    /// Tried and failed; it is tried again. Stored, so that a restart does
    /// not begin anew.
    Failed {
        attempts: u32,
        #[serde(with = "time")]
        next: Timestamp,
    },
    /// Given up, with the last error. A person must decide.
    Irrevocable { error: String },
}

impl LeaseRecord {
    /// When something must be done, or `None` when it was given up.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        match &self.revocation {
            Revocation::Open => Some(self.expire_time),
            Revocation::Failed { next, .. } => Some(*next),
            Revocation::Irrevocable { .. } => None,
        }
    }

    /// Corrects times that a clock has written which was ahead of `now`, as
    /// after a restart on a clock that was set back: no lease has more left than
    /// was granted, and no pause is longer than the longest. Returns whether
    /// there was anything to correct.
    pub(crate) fn limit_to(&mut self, now: Timestamp) -> bool {
        let after = |pause: Duration| {
            let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
            now.checked_add(pause).unwrap_or(Timestamp::MAX)
        };
        let before = (self.issue_time, self.last_renewal, self.due());
        self.issue_time = self.issue_time.min(now);
        self.last_renewal = self.last_renewal.map(|time| time.min(now));
        self.expire_time = self.expire_time.min(after(Duration::from_secs(self.ttl)));
        if let Revocation::Failed { next, .. } = &mut self.revocation {
            *next = (*next).min(after(LONGEST_PAUSE));
        }
        before != (self.issue_time, self.last_renewal, self.due())
    }

    /// Whether it can still be renewed.
    pub(crate) fn is_renewable(&self) -> bool {
        self.renewable && self.revocation == Revocation::Open
    }

    /// The engine's request to renew or revoke it, with the path inside the
    /// mount.
    pub(crate) fn request(
        &self,
        operation: Operation,
        path: String,
        increment: Duration,
    ) -> Request {
        let lease_id = match operation {
            // Hosts tell the id on revocation only.
            Operation::Revoke => self.id.clone(),
            _ => String::new(),
        };
        let (ttl, max_ttl) = (
            Duration::from_secs(self.ttl),
            Duration::from_secs(self.max_ttl),
        );
        let lease = LeaseOptions::renewable(ttl, max_ttl)
            .with_renewable(self.renewable)
            .with_increment(increment)
            .issued_at(self.issue_time);
        let secret = Secret::from_parts(lease, self.internal_data.clone(), lease_id);
        Request::new(operation, path)
            .with_data(self.data.clone().unwrap_or_default())
            .with_secret(secret)
    }

    /// What `sys/leases/lookup` shows.
    pub(crate) fn info(&self, now: Timestamp) -> Object {
        let left = self.expire_time.duration_since(now).as_secs();
        let renewal = self.last_renewal.map(|time| time.to_string());
        let mut info = Object::new();
        info.insert("id".into(), self.id.clone().into());
        info.insert("path".into(), self.path.clone().into());
        info.insert("issue_time".into(), self.issue_time.to_string().into());
        info.insert("expire_time".into(), self.expire_time.to_string().into());
        info.insert("last_renewal".into(), renewal.into());
        info.insert("renewable".into(), self.is_renewable().into());
        info.insert("ttl".into(), left.max(0).into());
        info
    }
}

/// Times as RFC 3339 text.
mod time {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(time)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Timestamp, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// Times that may be missing.
mod optional_time {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

    #[expect(clippy::ref_option, reason = "the form that serde calls")]
    pub(super) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(|time| time.to_string()).serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        let time = text.map(|text| text.parse()).transpose();
        time.map_err(D::Error::custom)
    }
}
