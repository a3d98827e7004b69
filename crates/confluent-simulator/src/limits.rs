//! Rate limits: how many requests are answered in a period.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::RateLimit;
use crate::clock::later;

/// How many principals are remembered within a period.
const MOST: usize = 10_000;

/// What is left of each limit.
#[derive(Debug)]
pub(crate) struct Limits {
    limit: Option<RateLimit>,
    period_ends: Timestamp,
    organization: u32,
    principals: HashMap<String, u32>,
}

/// What the headers tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Seconds until all is free again, rounded up.
    pub(crate) reset: u64,
    /// Whether the request is answered.
    pub(crate) granted: bool,
}

impl Limits {
    pub(crate) fn new(limit: Option<RateLimit>) -> Self {
        Self {
            limit,
            period_ends: Timestamp::MIN,
            organization: 0,
            principals: HashMap::new(),
        }
    }

    /// Whether there is a limit at all.
    pub(crate) fn exist(&self) -> bool {
        self.limit.is_some()
    }

    /// Counts a request; nothing is told where there is no limit.
    pub(crate) fn take(&mut self, now: Timestamp, principal: &str) -> Option<Standing> {
        let limit = self.limit?;
        if self.period_ends <= now {
            self.period_ends = later(now, limit.period).unwrap_or(Timestamp::MAX);
            self.organization = 0;
            self.principals.clear();
        }
        let known = self.principals.len() < MOST || self.principals.contains_key(principal);
        let name = if known { principal } else { "" };
        let used = self.principals.entry(name.to_owned()).or_default();
        let granted = *used < limit.per_principal && self.organization < limit.per_organization;
        if granted {
            *used += 1;
            self.organization += 1;
        }
        let left = limit.per_principal.saturating_sub(*used);
        let wait = self.period_ends.duration_since(now).unsigned_abs();
        Some(Standing {
            limit: limit.per_principal,
            remaining: left.min(limit.per_organization.saturating_sub(self.organization)),
            reset: wait.as_secs() + u64::from(wait.subsec_nanos() > 0),
            granted,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn limits() -> Limits {
        Limits::new(Some(RateLimit {
            per_principal: 2,
            per_organization: 3,
            period: Duration::from_secs(10),
        }))
    }

    #[test]
    fn a_principal_and_the_organization_are_limited_until_the_period_ends() {
        let mut limits = limits();
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut granted = |second, who| limits.take(at(second), who).unwrap().granted;
        assert!(granted(0, "sa-1"));
        assert!(granted(0, "sa-1"));
        assert!(!granted(1, "sa-1"));
        assert!(granted(1, "sa-2"));
        assert!(!granted(1, "sa-3"));
        assert!(granted(10, "sa-1"));
    }

    #[test]
    fn the_standing_tells_what_is_left_and_when_it_is_reset() {
        let standing = limits().take(Timestamp::UNIX_EPOCH, "sa-1").unwrap();
        assert_eq!(
            (standing.limit, standing.remaining, standing.reset),
            (2, 1, 10)
        );
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        assert_eq!(Limits::new(None).take(Timestamp::UNIX_EPOCH, "x"), None);
    }
}
