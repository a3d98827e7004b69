//! Leases: how long an answer is good for, and the arithmetic of it.
//!
//! The host owns the final time to live; an engine only proposes. The rules
//! of [`calculate_ttl`] are those of Vault (`sdk/framework/lease.go`).

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::{Error, Object};

/// The terms of a lease, as a backend proposes them or a host reports them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeaseOptions {
    /// Time to live from now; zero leaves it to the mount.
    pub ttl: Duration,
    /// Longest life, counted from `issue_time`; zero leaves it to the mount.
    pub max_ttl: Duration,
    /// Whether the lease can be renewed.
    pub renewable: bool,
    /// On renewal: how much the client asked for; zero when it did not say.
    pub increment: Duration,
    /// When the lease was made. `None` in a new proposal.
    pub issue_time: Option<Timestamp>,
}

impl LeaseOptions {
    /// A renewable lease of this time to live and longest life.
    pub fn renewable(ttl: Duration, max_ttl: Duration) -> Self {
        Self {
            ttl,
            max_ttl,
            renewable: true,
            ..Self::default()
        }
    }

    /// A lease of this time to live that cannot be renewed.
    pub fn fixed(ttl: Duration) -> Self {
        Self {
            ttl,
            ..Self::default()
        }
    }

    /// The same, renewable or not.
    #[must_use]
    pub fn with_renewable(mut self, renewable: bool) -> Self {
        self.renewable = renewable;
        self
    }

    /// The same with what the client asked for.
    #[must_use]
    pub fn with_increment(mut self, increment: Duration) -> Self {
        self.increment = increment;
        self
    }

    /// The same, made at this time.
    #[must_use]
    pub fn issued_at(mut self, time: Timestamp) -> Self {
        self.issue_time = Some(time);
        self
    }
}

/// A leased answer: the lease, and what its engine needs to renew or revoke it.
/// `Debug` names the keys of the engine's notes but not their values.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Secret {
    /// How long the answer is good for.
    pub lease: LeaseOptions,
    /// The engine's own notes. Hosts store them and hand them back; they may
    /// turn integers into floats, so large numbers are kept as text.
    pub internal_data: Object,
    /// The host's id of the lease; empty where the host does not tell it.
    pub lease_id: String,
}

impl Secret {
    /// A new lease of a kind, to which the framework sends its renewals and its
    /// end (see [`SecretType`](crate::framework::SecretType)).
    pub fn new(kind: &str, lease: LeaseOptions) -> Self {
        Self {
            lease,
            internal_data: Object::from_iter([(SECRET_TYPE.to_owned(), kind.into())]),
            lease_id: String::new(),
        }
    }

    /// A lease as a host hands it back.
    pub fn from_parts(
        lease: LeaseOptions,
        internal_data: Object,
        lease_id: impl Into<String>,
    ) -> Self {
        Self {
            lease,
            internal_data,
            lease_id: lease_id.into(),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&String> = self.internal_data.keys().collect();
        f.debug_struct("Secret")
            .field("lease", &self.lease)
            .field("internal_data_keys", &keys)
            .field("lease_id", &self.lease_id)
            .finish()
    }
}

/// The key in a secret's internal data that names its type
/// (`sdk/framework/secret.go`).
pub const SECRET_TYPE: &str = "secret_type";

/// A requested time to live and the limits that apply to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TtlRequest {
    /// What the client asks for; zero when it did not say.
    pub increment: Duration,
    /// What the backend proposes; zero when it does not.
    pub backend_ttl: Duration,
    /// The backend's limit; zero when it has none.
    pub backend_max_ttl: Duration,
    /// The mount's default.
    pub mount_default_ttl: Duration,
    /// The mount's limit.
    pub mount_max_ttl: Duration,
    /// When the lease was made.
    pub issue_time: Timestamp,
    /// The present.
    pub now: Timestamp,
}

/// A time to live that passed all limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedTtl {
    /// Whole seconds from now.
    pub ttl: Duration,
    /// A warning for the client when the requested time was capped.
    pub warning: Option<String>,
}

/// The time to live that a lease gets.
///
/// # Errors
/// A bad request when the lease is past its longest life.
pub fn calculate_ttl(request: &TtlRequest) -> Result<GrantedTtl, Error> {
    let max = match request.backend_max_ttl {
        Duration::ZERO => request.mount_max_ttl,
        limit => limit.min(request.mount_max_ttl),
    };
    let requested = [request.increment, request.backend_ttl]
        .into_iter()
        .find(|ttl| !ttl.is_zero())
        .unwrap_or(request.mount_default_ttl);
    let age = request
        .now
        .duration_since(request.issue_time)
        .unsigned_abs_if_positive();
    let left = whole_seconds(max.saturating_sub(age));
    if left.is_zero() {
        return Err(Error::bad_request("past the max TTL, cannot renew"));
    }
    let requested = whole_seconds(requested);
    if requested <= left {
        return Ok(GrantedTtl {
            ttl: requested,
            warning: None,
        });
    }
    let warning = || {
        format!(
            "TTL of \"{}\" exceeded the effective max_ttl of \"{}\"; TTL value is capped accordingly",
            crate::duration::go(requested),
            crate::duration::go(left)
        )
    };
    // The part of a second that has passed since the issue is no news.
    let is_capped = requested > left + Duration::from_secs(1);
    Ok(GrantedTtl {
        ttl: left,
        warning: is_capped.then(warning),
    })
}

/// The smaller of two limits, where zero is none.
pub fn smaller_limit<T: Ord + Default>(one: T, other: T) -> T {
    let none = T::default();
    if one == none || (other != none && other < one) {
        other
    } else {
        one
    }
}

fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}

trait UnsignedAge {
    /// The age, or zero when the clock went backwards.
    fn unsigned_abs_if_positive(self) -> Duration;
}

impl UnsignedAge for jiff::SignedDuration {
    fn unsigned_abs_if_positive(self) -> Duration {
        if self.is_negative() {
            Duration::ZERO
        } else {
            self.unsigned_abs()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn request(age: i64) -> TtlRequest {
        let issue_time = Timestamp::from_second(1_000_000).unwrap();
        TtlRequest {
            increment: Duration::ZERO,
            backend_ttl: Duration::ZERO,
            backend_max_ttl: Duration::ZERO,
            mount_default_ttl: seconds(3600),
            mount_max_ttl: seconds(7200),
            issue_time,
            now: Timestamp::from_second(1_000_000 + age).unwrap(),
        }
    }

    #[test]
    fn without_a_wish_the_mount_default_counts() {
        assert_eq!(calculate_ttl(&request(0)).unwrap().ttl, seconds(3600));
    }

    #[test]
    fn the_increment_counts_before_the_backend() {
        let request = TtlRequest {
            increment: seconds(15),
            backend_ttl: seconds(60),
            ..request(0)
        };
        assert_eq!(calculate_ttl(&request).unwrap().ttl, seconds(15));
    }

    #[test]
    fn a_wish_beyond_the_longest_life_is_cut_with_a_warning() {
        let request = TtlRequest {
            increment: seconds(7200),
            backend_max_ttl: seconds(100),
            ..request(40)
        };
        let granted = calculate_ttl(&request).unwrap();
        assert_eq!(granted.ttl, seconds(60));
        assert_eq!(
            granted.warning.as_deref(),
            Some(
                "TTL of \"2h0m0s\" exceeded the effective max_ttl of \"1m0s\"; \
                 TTL value is capped accordingly"
            )
        );
    }

    #[test]
    fn past_the_longest_life_nothing_is_renewed() {
        let error = calculate_ttl(&request(7200)).unwrap_err();
        assert_eq!(error.message(), "past the max TTL, cannot renew");
    }

    #[test]
    fn a_clock_that_went_backwards_does_not_lengthen_the_life() {
        let request = TtlRequest {
            increment: seconds(9000),
            ..request(-50)
        };
        assert_eq!(calculate_ttl(&request).unwrap().ttl, seconds(7200));
    }

    #[test]
    fn a_limit_of_zero_is_none() {
        for (one, other, smaller) in [(0, 0, 0), (0, 3, 3), (3, 0, 3), (2, 3, 2), (3, 2, 2)] {
            assert_eq!(smaller_limit(one, other), smaller);
            assert_eq!(
                smaller_limit(seconds(one), seconds(other)),
                seconds(smaller)
            );
        }
    }
}
