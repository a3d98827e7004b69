//! The stored record of a lease. Its data lives in storage only; memory holds
//! just the time at which each lease is due.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use logical::{LeaseOptions, Object, Operation, Request, Secret};
use serde::{Deserialize, Serialize};

use super::backoff::LONGEST_PAUSE;
use crate::storage::Version;

/// A stored lease.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LeaseRecord {
    #[serde(default)]
    pub(crate) version: Version<1>,
    pub(crate) id: String,
    /// Path of the request that created the lease, including the mount.
    pub(crate) path: String,
    /// Salted hash of the requester's token.
    pub(crate) token: String,
    /// Data of the response, or `None` once a renewal returned none.
    pub(crate) data: Option<Object>,
    /// Internal data of the engine.
    pub(crate) internal_data: Object,
    /// TTL granted last, in seconds.
    pub(crate) ttl: u64,
    /// The engine's maximum TTL in seconds; zero if it has none.
    pub(crate) max_ttl: u64,
    pub(crate) renewable: bool,
    #[serde(with = "time")]
    pub(crate) issue_time: Timestamp,
    #[serde(with = "time")]
    pub(crate) expire_time: Timestamp,
    #[serde(with = "optional_time")]
    pub(crate) last_renewal: Option<Timestamp>,
    /// When the lease ends at the latest, whatever its mount allows: the end of
    /// a batch token.
    #[serde(default, with = "optional_time")]
    pub(crate) until: Option<Timestamp>,
    pub(crate) revocation: Revocation,
}

/// Progress of the revocation of a lease.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Revocation {
    /// Not attempted.
    Open,
    /// Failed and scheduled for a retry. Stored, so that a restart keeps the
    /// count.
    Failed {
        attempts: u32,
        #[serde(with = "time")]
        next: Timestamp,
    },
    /// Irrevocable, with the last error. An operator must intervene.
    Irrevocable { error: String },
}

impl LeaseRecord {
    /// When the lease must be revoked, or `None` if it is irrevocable.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        match &self.revocation {
            Revocation::Open => Some(self.expire_time),
            Revocation::Failed { next, .. } => Some(*next),
            Revocation::Irrevocable { .. } => None,
        }
    }

    /// Corrects times that were recorded by a clock ahead of `now`, such as
    /// before a restart during which the clock was set back: no lease lives
    /// longer than its TTL from now, and no retry is later than the longest
    /// pause. Returns whether anything was corrected.
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

    /// Whether the lease can still be renewed.
    pub(crate) fn is_renewable(&self) -> bool {
        self.renewable && self.revocation == Revocation::Open
    }

    /// The request to the engine to renew or revoke the lease; `path` is
    /// relative to the mount.
    pub(crate) fn request(
        &self,
        operation: Operation,
        path: String,
        increment: Duration,
    ) -> Request {
        let lease_id = match operation {
            // Hosts send the lease id with revocations only.
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

    /// The answer of `sys/leases/lookup`.
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

/// Optional times as RFC 3339 text.
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
