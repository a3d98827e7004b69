//! Throttling by the service's rate limit headers, for each group of paths such
//! as `/iam/v2`.
//!
//! A group with less than a fifth of its limit remaining is throttled, so that
//! the rest lasts until the reset. Absent headers mean nothing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::class::Name;
use super::rate::LONGEST_CLOSURE;

/// The headers `X-RateLimit-Limit`, `-Remaining` and `-Reset` of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LimitHeaders {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// The time until the limit is reset.
    pub(crate) reset: Duration,
}

/// The groups that are throttled.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups(HashMap<Name, Throttle>);

#[derive(Debug, Clone, Copy)]
struct Throttle {
    spacing: Duration,
    last: Instant,
    until: Instant,
}

impl Groups {
    /// Handles the headers of an answer.
    pub(super) fn update(&mut self, now: Instant, group: &Name, limit_headers: LimitHeaders) {
        let LimitHeaders {
            limit,
            remaining,
            reset,
        } = limit_headers;
        // No answer comes to correct it while a group is closed.
        let reset = reset.min(LONGEST_CLOSURE);
        let plenty = u64::from(remaining) * 5 >= u64::from(limit);
        if plenty || reset.is_zero() {
            self.0.remove(group);
            return;
        }
        let known = self.0.get(group).filter(|known| known.until > now);
        // The service rounds up to whole seconds, so that the earliest end
        // reported for a period is the most accurate.
        let until = known.map_or(now + reset, |known| known.until.min(now + reset));
        let last = known.map_or(now, |known| known.last);
        let throttle = Throttle {
            spacing: until.saturating_duration_since(now) / remaining.max(1),
            last: if remaining == 0 { now } else { last },
            until,
        };
        self.0.insert(Name::clone(group), throttle);
    }

    /// The time at which a group opens, if it is closed now.
    pub(super) fn opens_at(&self, now: Instant, group: &Name) -> Option<Instant> {
        let throttle = self.0.get(group)?;
        let opens = (throttle.last + throttle.spacing).min(throttle.until);
        (opens > now).then_some(opens)
    }

    /// The time between two requests of a group.
    pub(super) fn spacing(&self, now: Instant, group: &Name) -> Duration {
        let throttle = self.0.get(group);
        let throttle = throttle.filter(|throttle| throttle.until > now);
        throttle.map_or(Duration::ZERO, |throttle| throttle.spacing)
    }

    pub(super) fn sends(&mut self, now: Instant, group: &Name) {
        if let Some(throttle) = self.0.get_mut(group) {
            throttle.last = now;
            if throttle.until <= now {
                self.0.remove(group);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn limit_headers(remaining: u32) -> LimitHeaders {
        LimitHeaders {
            limit: 100,
            remaining,
            reset: seconds(20),
        }
    }

    #[test]
    fn a_group_of_which_a_fifth_is_left_is_open() {
        let (now, iam) = (Instant::now(), Name::from("/iam/v2"));
        let mut groups = Groups::default();
        groups.update(now, &iam, limit_headers(20));
        assert_eq!(groups.opens_at(now, &iam), None);
    }

    #[test]
    fn what_is_left_of_a_group_is_spread_until_its_reset() {
        let (now, iam) = (Instant::now(), Name::from("/iam/v2"));
        let mut groups = Groups::default();
        groups.update(now, &iam, limit_headers(10));
        assert_eq!(groups.opens_at(now, &iam), Some(now + seconds(2)));
        let later = now + seconds(2);
        assert_eq!(groups.opens_at(later, &iam), None);
        groups.sends(later, &iam);
        assert_eq!(groups.opens_at(later, &iam), Some(now + seconds(4)));
        assert_eq!(groups.opens_at(now, &"/org/v2".into()), None);
        // Plenty again.
        groups.update(later, &iam, limit_headers(99));
        assert_eq!(groups.opens_at(later, &iam), None);
    }

    #[test]
    fn a_reset_that_is_rounded_up_again_and_again_does_not_move_away() {
        let (began, iam) = (Instant::now(), Name::from("/iam/v2"));
        let mut groups = Groups::default();
        let mut now = began;
        for remaining in [3, 2, 1] {
            groups.sends(now, &iam);
            let limit_headers = LimitHeaders {
                limit: 20,
                remaining,
                reset: seconds(1),
            };
            groups.update(now, &iam, limit_headers);
            now = groups.opens_at(now, &iam).unwrap();
        }
        assert!((now - began).abs_diff(seconds(1)) < Duration::from_millis(1));
    }

    #[test]
    fn an_answer_that_names_a_far_reset_closes_a_group_for_minutes_only() {
        let (now, iam) = (Instant::now(), Name::from("/iam/v2"));
        for remaining in [0, 1] {
            let mut groups = Groups::default();
            let limit_headers = LimitHeaders {
                reset: Duration::from_hours(24),
                ..limit_headers(remaining)
            };
            groups.update(now, &iam, limit_headers);
            assert!(groups.opens_at(now, &iam).is_some());
            let later = now + Duration::from_mins(5);
            assert_eq!(groups.opens_at(later, &iam), None);
        }
    }

    #[test]
    fn a_group_of_which_nothing_is_left_is_closed_until_its_reset() {
        let (now, iam) = (Instant::now(), Name::from("/iam/v2"));
        let mut groups = Groups::default();
        groups.update(now, &iam, limit_headers(0));
        let almost = now + Duration::from_millis(19_999);
        assert_eq!(groups.opens_at(almost, &iam), Some(now + seconds(20)));
        let reset = now + seconds(20);
        assert_eq!(groups.opens_at(reset, &iam), None);
        groups.sends(reset, &iam);
        assert_eq!(groups.opens_at(reset, &iam), None);
    }
}
