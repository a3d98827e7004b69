//! Rate limits: how many requests are answered in a period, for each principal
//! and for the organization as a whole. Confluent has both and publishes no
//! numbers.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::later;
use crate::parse_duration;

/// How many principals are remembered within a period.
const MAX_PRINCIPALS: usize = 10_000;
/// The one subject of the limit of the organization.
const ORGANIZATION: &str = "";

/// How many requests are answered in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    requests: u32,
    period: Duration,
}

/// The limits of the control plane. Data planes have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// For the requests of each principal; requests without a known one share
    /// a limit.
    pub per_principal: Option<Rate>,
    /// For the requests of all principals together.
    pub per_organization: Option<Rate>,
    /// Whether answers carry `X-RateLimit-Limit`, `X-RateLimit-Remaining` and
    /// `X-RateLimit-Reset`, and refusals `Retry-After`.
    pub headers: bool,
}

/// What a limit is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitBy {
    /// By the service account or user that sends a request.
    Principal,
    /// All requests together.
    Organization,
}

/// A text that is not a rate, or not what a rate is counted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidRate(String);

impl fmt::Display for InvalidRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidRate {}

impl Rate {
    /// That many requests in each period.
    ///
    /// # Errors
    /// When either is zero.
    pub fn new(requests: u32, period: Duration) -> Result<Self, InvalidRate> {
        if requests == 0 || period.is_zero() {
            return Err(InvalidRate(format!(
                "a rate limit of {requests} requests in {period:?} answers nothing: use 1 or more \
                 in a period longer than 0"
            )));
        }
        Ok(Self { requests, period })
    }
}

/// `20/1s`, `5/1s`, `100/1m`.
impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/').and_then(|(requests, period)| {
            Some((requests.parse().ok()?, parse_duration(period).ok()?))
        });
        let (requests, period) = parts.ok_or_else(|| {
            let text: String = text.chars().take(64).collect();
            InvalidRate(format!(
                "{text:?} is not a rate limit: use REQUESTS/PERIOD, such as `20/1s`, `5/1s` or \
                 `100/1m`"
            ))
        })?;
        Self::new(requests, period)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.requests)?;
        match self.period.subsec_nanos() {
            0 => write!(f, "{}s", self.period.as_secs()),
            _ => write!(f, "{}ms", self.period.as_millis()),
        }
    }
}

/// `principal` or `organization`.
impl FromStr for LimitBy {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "principal" => Ok(Self::Principal),
            "organization" => Ok(Self::Organization),
            other => {
                let other: String = other.chars().take(64).collect();
                Err(InvalidRate(format!(
                    "{other:?} is not what a rate limit is counted by: use `principal` or \
                     `organization`"
                )))
            }
        }
    }
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            per_principal: None,
            per_organization: None,
            headers: true,
        }
    }
}

impl RateLimits {
    /// One limit, counted by one thing.
    pub fn by(by: LimitBy, rate: Rate) -> Self {
        match by {
            LimitBy::Principal => Self {
                per_principal: Some(rate),
                ..Self::default()
            },
            LimitBy::Organization => Self {
                per_organization: Some(rate),
                ..Self::default()
            },
        }
    }

    fn exist(&self) -> bool {
        self.per_principal.is_some() || self.per_organization.is_some()
    }
}

/// The rate limits and their counters.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    rates: RateLimits,
    principals: Window,
    organization: Window,
}

/// Requests that were answered in the present period, by subject.
#[derive(Debug, Default)]
struct Window {
    ends: Option<Timestamp>,
    used: HashMap<String, u32>,
}

/// The state of a limit after a request, as the headers show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LimitState {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Seconds until the period ends, rounded up.
    pub(crate) reset: u64,
    /// Whether the request is answered.
    pub(crate) granted: bool,
    /// Whether the answer carries headers.
    pub(crate) headers: bool,
}

impl Limits {
    pub(crate) fn new(rates: RateLimits) -> Self {
        Self {
            rates,
            ..Self::default()
        }
    }

    pub(crate) fn rates(&self) -> RateLimits {
        self.rates
    }

    /// Whether there is a limit at all.
    pub(crate) fn exist(&self) -> bool {
        self.rates.exist()
    }

    /// Counts a request, unless it is refused; `None` where there is no limit.
    /// Of two limits the answer is about the one that refuses, or that has
    /// less left.
    pub(crate) fn take(&mut self, now: Timestamp, principal: &str) -> Option<LimitState> {
        let limits = self.rates;
        let principal = self.principals.subject(principal);
        let mut buckets = [
            (limits.per_principal, &mut self.principals, principal),
            (
                limits.per_organization,
                &mut self.organization,
                ORGANIZATION,
            ),
        ];
        let free = buckets
            .iter_mut()
            .filter_map(|(rate, window, subject)| Some(window.left(now, (*rate)?, subject)))
            .all(|left| left > 0);
        if free {
            for (_, window, subject) in buckets.iter_mut().filter(|(rate, ..)| rate.is_some()) {
                *window.used.entry((*subject).to_owned()).or_default() += 1;
            }
        }
        let candidates = buckets.iter_mut().filter_map(|(rate, window, subject)| {
            let rate = (*rate)?;
            Some(LimitState {
                limit: rate.requests,
                remaining: window.left(now, rate, subject),
                reset: window.reset(now),
                granted: free,
                headers: limits.headers,
            })
        });
        candidates.min_by_key(|state| state.remaining)
    }
}

impl Window {
    /// The name that a principal is counted under.
    fn subject<'a>(&self, principal: &'a str) -> &'a str {
        if self.used.len() < MAX_PRINCIPALS || self.used.contains_key(principal) {
            principal
        } else {
            ""
        }
    }

    /// How many more requests are answered. A period that is over begins anew.
    fn left(&mut self, now: Timestamp, rate: Rate, subject: &str) -> u32 {
        if self.ends.is_none_or(|ends| ends <= now) {
            self.ends = Some(later(now, rate.period).unwrap_or(Timestamp::MAX));
            self.used.clear();
        }
        let used = self.used.get(subject).copied().unwrap_or_default();
        rate.requests.saturating_sub(used)
    }

    fn reset(&self, now: Timestamp) -> u64 {
        let wait = self.ends.unwrap_or(now).duration_since(now).unsigned_abs();
        wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    #[test]
    fn a_principal_and_the_organization_are_limited_until_the_period_ends() {
        let mut limits = Limits::new(RateLimits {
            per_principal: Some(rate("2/10s")),
            per_organization: Some(rate("3/10s")),
            headers: true,
        });
        let mut granted = |second, who| limits.take(at(second), who).unwrap().granted;
        assert!(granted(0, "sa-1"));
        assert!(granted(0, "sa-1"));
        assert!(!granted(1, "sa-1"));
        assert!(granted(1, "sa-2"));
        assert!(!granted(1, "sa-3"), "the organization has used its three");
        assert!(granted(10, "sa-1"));
    }

    #[test]
    fn a_limit_by_principal_leaves_others_alone_and_one_by_organization_does_not() {
        for (by, other) in [(LimitBy::Principal, true), (LimitBy::Organization, false)] {
            let mut limits = Limits::new(RateLimits::by(by, "1/1s".parse().unwrap()));
            assert!(limits.take(at(0), "sa-1").unwrap().granted);
            assert!(!limits.take(at(0), "sa-1").unwrap().granted);
            assert_eq!(limits.take(at(0), "sa-2").unwrap().granted, other);
        }
    }

    #[test]
    fn the_state_is_that_of_the_limit_with_less_left() {
        let mut limits = Limits::new(RateLimits {
            per_principal: Some(rate("5/10s")),
            per_organization: Some(rate("3/20s")),
            headers: false,
        });
        let state = limits.take(at(0), "sa-1").unwrap();
        assert_eq!((state.limit, state.remaining), (3, 2));
        assert_eq!((state.reset, state.headers), (20, false));
    }

    #[test]
    fn a_refused_request_is_not_counted_for_the_other_limit() {
        let mut limits = Limits::new(RateLimits {
            per_principal: Some(rate("1/1s")),
            per_organization: Some(rate("2/1m")),
            headers: true,
        });
        for (second, granted) in [(0, true), (0, false), (0, false), (1, true), (2, false)] {
            assert_eq!(limits.take(at(second), "sa-1").unwrap().granted, granted);
        }
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let mut limits = Limits::new(RateLimits::default());
        assert_eq!(limits.take(at(0), "x"), None);
    }

    #[test]
    fn a_rate_is_requests_in_a_period() {
        for (text, requests, seconds) in [("20/1s", 20, 1), ("5/1s", 5, 1), ("100/1m", 100, 60)] {
            let expected = Rate::new(requests, Duration::from_secs(seconds));
            assert_eq!(text.parse(), expected);
        }
        assert_eq!(rate("100/1m").to_string(), "100/60s");
        assert_eq!(rate("1/250ms").to_string(), "1/250ms");
        for text in [
            "", "20", "20/", "/1s", "0/1s", "20/0s", "-1/1s", "20/1s/1", "20/soon",
        ] {
            let error = text.parse::<Rate>().unwrap_err().to_string();
            assert!(
                error.contains("rate limit") && error.contains("use"),
                "{error}"
            );
        }
        let error = "ip".parse::<LimitBy>().unwrap_err().to_string();
        assert!(error.contains("\"ip\"") && error.contains("`organization`"));
    }
}
