//! The rate of requests: assumed at first, then learned.
//!
//! Confluent publishes no rate limits. Until the first 429, the rate grows by half
//! every ten seconds while the queue does not drain. From then on it follows
//! additive increase, multiplicative decrease (AIMD). It only grows while requests
//! have to wait for it: otherwise nothing shows that the service allows more.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::bucket::{Fill, count};

/// The interval of growth, and the period in which sent requests are counted.
const STEP: Duration = Duration::from_secs(10);

/// The highest rate before the first 429.
const UNTRIED_LIMIT: f64 = 100.0;

const LOWEST: f64 = 0.5;

/// The longest pause that one answer can cause.
pub(super) const LONGEST_CLOSURE: Duration = Duration::from_mins(5);

/// After so long without a request the rate falls back to the initial one.
const IDLE: Duration = Duration::from_mins(10);

/// The initial rate of a pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    per_second: u32,
    burst: u32,
}

impl Rate {
    /// Requests a second (at least 1), and requests at once after an idle period
    /// (at least 10, so that every part has a token).
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self {
            per_second: per_second.max(1),
            burst: burst.max(10),
        }
    }
}

impl Default for Rate {
    /// 10 requests a second with a burst of 50: an assumption.
    fn default() -> Self {
        Self::new(10, 50)
    }
}

#[derive(Debug, Clone)]
pub(super) struct LearnedRate {
    start: Rate,
    /// Absent if there is no limit.
    per_second: Option<f64>,
    /// Whether there has been a 429.
    was_limited: bool,
    stepped_at: Instant,
    /// Whether a request had to wait for the rate since the last step.
    was_short: bool,
    sent: Recent,
}

impl LearnedRate {
    /// A rate that starts with `start`, or without a limit.
    pub(super) fn new(start: Option<Rate>, now: Instant) -> Self {
        Self {
            per_second: start.map(|start| f64::from(start.per_second)),
            start: start.unwrap_or_default(),
            was_limited: false,
            stepped_at: now,
            was_short: false,
            sent: Recent::default(),
        }
    }

    pub(super) fn per_second(&self) -> Option<f64> {
        self.per_second
    }

    pub(super) fn fill(&self) -> Option<Fill> {
        let per_second = self.per_second?;
        let burst = if self.was_limited {
            2.0 * per_second
        } else {
            f64::from(self.start.burst)
        };
        Some(Fill { per_second, burst })
    }

    /// A request has to wait for the rate.
    pub(super) fn is_short(&mut self) {
        self.was_short = true;
    }

    pub(super) fn sends(&mut self, now: Instant) {
        self.sent.add(now);
    }

    /// Requests sent in the last ten seconds, per second.
    pub(super) fn recent(&self, now: Instant) -> f64 {
        self.sent.per_second(now)
    }

    /// Grows a rate that was short, and resets one that was idle.
    pub(super) fn step(&mut self, now: Instant) {
        let Some(rate) = self.per_second else { return };
        if self.sent.last().is_some_and(|last| now >= last + IDLE) {
            self.per_second = Some(rate.min(f64::from(self.start.per_second)));
            self.was_short = false;
            self.stepped_at = now;
            return;
        }
        if now < self.stepped_at + STEP {
            return;
        }
        self.stepped_at = now;
        if !std::mem::take(&mut self.was_short) {
            return;
        }
        self.per_second = Some(if self.was_limited {
            rate + (rate * 0.05).max(0.5)
        } else {
            (rate * 1.5).min(UNTRIED_LIMIT.max(rate))
        });
    }

    /// Handles a 429.
    pub(super) fn cut(&mut self, now: Instant) {
        let sent = self.sent.per_second(now);
        let rate = self.per_second.map_or(sent, |rate| rate.min(sent));
        self.per_second = Some((0.7 * rate).max(LOWEST));
        self.was_limited = true;
        self.was_short = false;
        self.stepped_at = now;
    }

    /// Merges the state of another rate of the same organization.
    pub(super) fn lower_to(&mut self, other: &Self) {
        self.was_limited |= other.was_limited;
        self.per_second = match (self.per_second, other.per_second) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    /// Whether it can be replaced by a new one.
    pub(super) fn is_new(&self, now: Instant) -> bool {
        let rate = f64::from(self.start.per_second);
        let idle = self.sent.last().is_none_or(|last| now >= last + IDLE);
        idle || !self.was_limited && self.per_second.is_none_or(|learned| learned <= rate)
    }
}

/// The number of requests sent in each of the last seconds.
#[derive(Debug, Clone, Default)]
struct Recent {
    seconds: VecDeque<(Instant, usize)>,
    last: Option<Instant>,
}

impl Recent {
    fn add(&mut self, now: Instant) {
        self.last = Some(now);
        while self
            .seconds
            .front()
            .is_some_and(|(at, _)| now >= *at + STEP)
        {
            self.seconds.pop_front();
        }
        match self.seconds.back_mut() {
            Some((at, count)) if now < *at + Duration::from_secs(1) => *count += 1,
            _ => self.seconds.push_back((now, 1)),
        }
    }

    fn last(&self) -> Option<Instant> {
        self.last
    }

    /// The average since the first request in the period.
    fn per_second(&self, now: Instant) -> f64 {
        let recent = || self.seconds.iter().filter(|(at, _)| now < *at + STEP);
        let Some((first, _)) = recent().next() else {
            return 0.0;
        };
        let passed = now.saturating_duration_since(*first).as_secs_f64();
        count(recent().map(|(_, count)| count).sum()) / passed.max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Sends at this rate for so many seconds.
    fn busy(rate: &mut LearnedRate, from: Instant, per_second: u32, time: u64) -> Instant {
        for second in 0..time {
            for _ in 0..per_second {
                rate.sends(from + seconds(second));
            }
        }
        from + seconds(time)
    }

    fn near(rate: &LearnedRate, expected: f64) {
        let rate = rate.per_second().unwrap();
        assert!(
            (rate - expected).abs() < 1e-9,
            "{rate} instead of {expected}"
        );
    }

    #[test]
    fn before_the_first_429_a_rate_that_is_short_grows_by_half_up_to_a_hundred() {
        let now = Instant::now();
        let mut rate = LearnedRate::new(Some(Rate::default()), now);
        let mut expected = 10.0_f64;
        for step in 1..=10 {
            rate.is_short();
            rate.step(now + Duration::from_millis(10_000 * step - 1));
            near(&rate, expected);
            rate.step(now + seconds(10 * step));
            expected = (expected * 1.5).min(100.0);
            near(&rate, expected);
        }
        near(&rate, 100.0);
    }

    #[test]
    fn a_rate_that_suffices_does_not_grow() {
        let now = Instant::now();
        let mut rate = LearnedRate::new(Some(Rate::default()), now);
        rate.step(now + seconds(10));
        rate.step(now + seconds(20));
        near(&rate, 10.0);
    }

    #[test]
    fn a_429_cuts_to_less_than_what_went_out_and_growth_is_slow_from_then_on() {
        let now = Instant::now();
        let mut rate = LearnedRate::new(Some(Rate::default()), now);
        let now = busy(&mut rate, now, 4, 20);
        rate.cut(now);
        near(&rate, 0.7 * 4.0);
        assert!((rate.fill().unwrap().burst - 2.0 * 0.7 * 4.0).abs() < 1e-9);
        rate.is_short();
        rate.step(now + seconds(10));
        near(&rate, 0.7 * 4.0 + 0.5);
        for step in 2..100 {
            rate.is_short();
            rate.step(now + seconds(10 * step));
            rate.sends(now + seconds(10 * step));
        }
        let before = rate.per_second().unwrap();
        assert!(before > 20.0);
        rate.is_short();
        rate.step(now + seconds(1000));
        near(&rate, before * 1.05);
    }

    #[test]
    fn a_rate_does_not_fall_below_a_half() {
        let now = Instant::now();
        let mut rate = LearnedRate::new(Some(Rate::default()), now);
        for second in 0..30 {
            rate.sends(now + seconds(second));
            rate.cut(now + seconds(second));
        }
        near(&rate, 0.5);
    }

    #[test]
    fn without_a_limit_the_first_429_shows_what_the_limit_is() {
        let now = Instant::now();
        let mut rate = LearnedRate::new(None, now);
        assert_eq!(rate.fill(), None);
        let now = busy(&mut rate, now, 200, 3);
        rate.cut(now);
        near(&rate, 140.0);
    }

    #[test]
    fn after_ten_minutes_without_a_request_the_rate_begins_anew() {
        let now = Instant::now();
        let mut rate = LearnedRate::new(Some(Rate::default()), now);
        let mut last = now;
        for step in 1..=4 {
            rate.is_short();
            last = now + seconds(10 * step);
            rate.step(last);
            rate.sends(last);
        }
        assert!(rate.per_second().unwrap() > 40.0);
        rate.step(last + seconds(599));
        assert!(rate.per_second().unwrap() > 40.0);
        rate.step(last + seconds(600));
        near(&rate, 10.0);
        // A lower one stays as it is.
        rate.sends(last + seconds(600));
        rate.cut(last + seconds(600));
        let learned = rate.per_second().unwrap();
        rate.step(last + seconds(2000));
        near(&rate, learned);
    }
}
