//! How long a token lives: Vault's arithmetic (`sdk/framework/lease.go`).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use logical::lease::{GrantedTtl, TtlRequest, calculate_ttl, smaller_limit};
use logical::{Error, duration};

use crate::routing::LeaseTtls;

/// What is asked for. Zero stands for nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TtlWish {
    /// TTL at the creation, or the increment of a renewal.
    pub(crate) ttl: Duration,
    /// Maximum TTL that an auth method says at each login and renewal.
    pub(crate) max_ttl: Duration,
    pub(crate) period: Duration,
    pub(crate) explicit_max_ttl: Duration,
}

/// The TTL that a token gets at its creation or renewal, in the limits of the mount
/// whose login or path created it.
///
/// # Errors
/// A bad request when it is past its maximum TTL.
pub(crate) fn grant(
    wish: TtlWish,
    limits: LeaseTtls,
    issue_time: Timestamp,
    now: Timestamp,
) -> Result<GrantedTtl, Error> {
    let mut request = TtlRequest {
        increment: Duration::ZERO,
        backend_ttl: wish.ttl,
        backend_max_ttl: smaller_limit(wish.max_ttl, wish.explicit_max_ttl),
        mount_default_ttl: limits.default,
        mount_max_ttl: limits.max,
        issue_time,
        now,
    };
    if wish.period.is_zero() {
        return calculate_ttl(&request);
    }
    // All maxima limit each period; only the explicit one limits the whole life.
    let longest = smaller_limit(request.backend_max_ttl, limits.max);
    request.backend_ttl = wish.period.min(longest);
    if wish.explicit_max_ttl.is_zero() {
        request.issue_time = now;
    } else {
        request.backend_max_ttl = wish.explicit_max_ttl;
        request.mount_max_ttl = wish.explicit_max_ttl;
    }
    let mut granted = calculate_ttl(&request)?;
    if wish.period > longest {
        granted.warning = Some(format!(
            "period of \"{}\" exceeded the effective max_ttl of \"{}\"; period value is capped \
             accordingly",
            duration::go(wish.period),
            duration::go(longest)
        ));
    }
    Ok(granted)
}

/// `ttl` after `now`.
///
/// # Errors
/// A bad request when that is after the year 9999.
pub(crate) fn later(now: Timestamp, ttl: Duration) -> Result<Timestamp, Error> {
    SignedDuration::try_from(ttl)
        .ok()
        .and_then(|ttl| now.checked_add(ttl).ok())
        .ok_or_else(|| Error::bad_request("the TTL is too long: it would end after the year 9999"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: LeaseTtls = LeaseTtls {
        default: Duration::from_secs(100),
        max: Duration::from_secs(1000),
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn seconds(wish: [u64; 3], age: i64) -> Option<u64> {
        let [ttl, period, explicit_max_ttl] = wish.map(Duration::from_secs);
        let wish = TtlWish {
            ttl,
            max_ttl: Duration::ZERO,
            period,
            explicit_max_ttl,
        };
        let granted = grant(wish, LIMITS, at(0), at(age)).ok()?;
        Some(granted.ttl.as_secs())
    }

    #[test]
    fn a_token_lives_as_long_as_its_mount_and_itself_allow() {
        assert_eq!(seconds([0, 0, 0], 0), Some(100));
        assert_eq!(seconds([50, 0, 0], 0), Some(50));
        assert_eq!(seconds([5000, 0, 0], 0), Some(1000));
        assert_eq!(seconds([500, 0, 200], 0), Some(200));
        assert_eq!(seconds([500, 0, 200], 150), Some(50));
        assert_eq!(seconds([500, 0, 0], 1000), None);
    }

    #[test]
    fn a_periodic_token_lives_on_until_its_explicit_maximum() {
        assert_eq!(seconds([0, 60, 0], 0), Some(60));
        assert_eq!(seconds([0, 60, 0], 1_000_000), Some(60));
        assert_eq!(seconds([0, 60, 5000], 4_970), Some(30));
        assert_eq!(seconds([0, 60, 5000], 5_000), None);
        assert_eq!(seconds([0, 2000, 0], 0), Some(1000));
        assert_eq!(seconds([0, 2000, 5000], 0), Some(1000));
        assert_eq!(seconds([0, 2000, 5000], 4_500), Some(500));
    }

    #[test]
    fn a_period_beyond_the_maximum_is_said() {
        for explicit_max_ttl in [0, 600] {
            let wish = TtlWish {
                period: Duration::from_hours(2),
                explicit_max_ttl: Duration::from_secs(explicit_max_ttl),
                ..TtlWish::default()
            };
            let warning = grant(wish, LIMITS, at(0), at(0)).unwrap().warning.unwrap();
            assert!(
                warning.starts_with("period of \"2h0m0s\" exceeded the effective max_ttl of \"1"),
                "{warning}"
            );
        }
    }
}
