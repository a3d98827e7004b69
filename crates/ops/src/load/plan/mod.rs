//! When requests are due: a function of their number, without a clock. Instants
//! are counted from the beginning of the test.
//!
//! What the server does has no influence: a request that could not be sent in time
//! stays planned for its instant.

mod profile;

use std::time::Duration;

use self::profile::Piece;
pub use self::profile::Profile;

/// The fastest rate that can be asked for, in requests a second.
pub const MOST: f64 = 10_000_000.0;

/// A plan, which the keys of the screen may change for the time to come. What was
/// due before stays as it was.
#[derive(Debug, Clone)]
pub struct Plan {
    /// In the order of time; the last one has no end.
    pieces: Vec<Placed>,
    limits: Limits,
}

/// When a test ends by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// Requests that are due from here on are not sent.
    pub duration: Option<Duration>,
    /// Not more requests than this.
    pub requests: Option<u64>,
}

/// A piece of a profile with its place.
#[derive(Debug, Clone, Copy)]
struct Placed {
    begin: f64,
    /// How many requests the pieces before amount to.
    before: f64,
    piece: Piece,
}

impl Placed {
    fn amount_at(&self, seconds: f64) -> f64 {
        self.before + self.piece.amount(seconds - self.begin)
    }

    fn following(&self, piece: Piece) -> Self {
        let begin = self.begin + self.piece.length;
        Self {
            begin,
            before: self.amount_at(begin),
            piece,
        }
    }
}

impl Plan {
    /// A plan that follows a profile.
    pub fn new(profile: &Profile, limits: Limits) -> Self {
        let mut pieces: Vec<Placed> = Vec::new();
        for piece in profile.pieces() {
            let placed = match pieces.last() {
                Some(last) => last.following(*piece),
                None => Placed {
                    begin: 0.0,
                    before: 0.0,
                    piece: *piece,
                },
            };
            pieces.push(placed);
        }
        Self { pieces, limits }
    }

    /// The instant for which a request is planned; none if it never comes.
    pub fn instant_of(&self, number: u64) -> Option<Duration> {
        if self.limits.requests.is_some_and(|most| number >= most) {
            return None;
        }
        let amount = count_to_float(number);
        let ahead = self.pieces.partition_point(|placed| placed.before < amount);
        let placed = self.pieces[ahead.saturating_sub(1)];
        let within = placed.piece.time_of(amount - placed.before)?;
        let instant = Duration::try_from_secs_f64(placed.begin + within).ok()?;
        let in_time = self.limits.duration.is_none_or(|end| instant < end);
        in_time.then_some(instant)
    }

    /// How many requests are due at `now` or before.
    pub fn due_by(&self, now: Duration) -> u64 {
        let seconds = now.as_secs_f64();
        let ahead = self
            .pieces
            .partition_point(|placed| placed.begin <= seconds);
        let amount = self.pieces[ahead.saturating_sub(1)].amount_at(seconds);
        // Where rounding left the number below, its instant decides.
        let mut due = float_to_count(amount.floor());
        while self.instant_of(due).is_some_and(|instant| instant <= now) {
            due += 1;
        }
        while due > 0 && self.instant_of(due - 1).is_none_or(|instant| instant > now) {
            due = self.fewer(due - 1);
        }
        due
    }

    /// The next smaller number that limits allow, so that a count far above them
    /// does not go down one by one.
    fn fewer(&self, due: u64) -> u64 {
        let by_requests = self.limits.requests.unwrap_or(u64::MAX);
        let by_time = self.limits.duration.map_or(u64::MAX, |end| {
            let seconds = end.as_secs_f64();
            let ahead = self
                .pieces
                .partition_point(|placed| placed.begin <= seconds);
            let amount = self.pieces[ahead.saturating_sub(1)].amount_at(seconds);
            float_to_count(amount.ceil()).saturating_add(1)
        });
        due.min(by_requests).min(by_time)
    }

    /// Whether no request is due after `now`, unless the rate is changed.
    pub fn is_over(&self, now: Duration) -> bool {
        let sent_all = |most| self.due_by(now) >= most;
        self.limits.duration.is_some_and(|end| now >= end)
            || self.limits.requests.is_some_and(sent_all)
    }

    /// Requests a second at `now`.
    pub fn rate_at(&self, now: Duration) -> f64 {
        let seconds = now.as_secs_f64();
        let ahead = self
            .pieces
            .partition_point(|placed| placed.begin <= seconds);
        let placed = self.pieces[ahead.saturating_sub(1)];
        placed.piece.rate(seconds - placed.begin)
    }

    /// Goes on at another rate from `now` on: the present one and `difference`, in
    /// requests a second, but not below 0. What is left of ramps and steps is
    /// dropped.
    pub fn change_rate(&mut self, now: Duration, difference: f64) {
        let rate = (self.rate_at(now) + difference).clamp(0.0, MOST);
        let seconds = now.as_secs_f64();
        let ahead = self
            .pieces
            .partition_point(|placed| placed.begin <= seconds);
        self.pieces.truncate(ahead.max(1));
        let before = self.pieces[self.pieces.len() - 1].amount_at(seconds);
        self.pieces.push(Placed {
            begin: seconds,
            before,
            piece: Piece::constant(rate),
        });
    }

    /// When it ends by the clock, if it does.
    pub fn end(&self) -> Option<Duration> {
        self.limits.duration
    }

    /// Plans nothing from `now` on.
    pub fn end_at(&mut self, now: Duration) {
        let end = self.limits.duration.map_or(now, |end| end.min(now));
        self.limits.duration = Some(end);
    }
}

/// Counts of a load test are far below 2^53, where every number has a float.
#[expect(clippy::cast_precision_loss, reason = "counts are below 2^53")]
fn count_to_float(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float that is no count becomes the nearest one"
)]
fn float_to_count(amount: f64) -> u64 {
    amount as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn constant(rate: f64) -> Plan {
        Plan::new(&Profile::constant(rate), Limits::default())
    }

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_constant_rate_has_equal_distances() {
        let plan = constant(50.0);
        for number in [0, 1, 2, 1000] {
            assert_eq!(plan.instant_of(number), Some(ms(20 * number)));
        }
        assert_eq!(plan.due_by(ms(0)), 1);
        assert_eq!(plan.due_by(ms(19)), 1);
        assert_eq!(plan.due_by(ms(1000)), 51);
    }

    #[test]
    fn a_changed_rate_leaves_alone_what_was_due_before() {
        let mut plan = constant(100.0);
        plan.change_rate(ms(1000), 100.0);
        assert_eq!(plan.instant_of(99), Some(ms(990)));
        assert_eq!(plan.instant_of(100), Some(ms(1000)));
        assert_eq!(plan.instant_of(101), Some(ms(1005)));
        plan.change_rate(ms(2000), -500.0);
        assert!(plan.rate_at(ms(2000)).abs() < 1e-9);
        assert_eq!(plan.due_by(ms(9000)), 301);
        assert_eq!(plan.instant_of(301), None);
        plan.change_rate(ms(9000), 100.0);
        assert_eq!(plan.instant_of(301), Some(ms(9010)));
    }

    #[test]
    fn limits_end_a_plan() {
        let limits = Limits {
            duration: Some(ms(1000)),
            requests: None,
        };
        let plan = Plan::new(&Profile::constant(100.0), limits);
        assert_eq!(plan.due_by(ms(5_000_000)), 100);
        assert!(!plan.is_over(ms(999)) && plan.is_over(ms(1000)));
        let limits = Limits {
            duration: None,
            requests: Some(3),
        };
        let plan = Plan::new(&Profile::constant(100.0), limits);
        assert_eq!(plan.due_by(ms(5_000_000)), 3);
        assert_eq!(plan.instant_of(3), None);
        assert!(!plan.is_over(ms(19)) && plan.is_over(ms(20)));
    }

    fn profile(text: &str) -> Plan {
        Plan::new(&Profile::parse(text).unwrap(), Limits::default())
    }

    #[test]
    fn a_ramp_grows_evenly_and_its_end_goes_on() {
        let plan = profile("100..500/60s");
        let rate = |seconds| plan.rate_at(Duration::from_secs(seconds));
        assert!((rate(0) - 100.0).abs() < 1e-6);
        assert!((rate(30) - 300.0).abs() < 1e-6);
        assert!((rate(90) - 500.0).abs() < 1e-6);
        // The mean of both ends, and the end.
        assert_eq!(plan.due_by(Duration::from_mins(1)), 60 * 300 + 1);
        assert_eq!(plan.due_by(Duration::from_secs(61)), 60 * 300 + 500 + 1);
        let down = profile("500..100/60s");
        assert_eq!(down.due_by(Duration::from_mins(1)), 60 * 300 + 1);
    }

    #[test]
    fn steps_follow_each_other_and_the_last_goes_on() {
        let plan = profile("100,200,400/30s");
        for (seconds, due) in [(30, 3000), (60, 9000), (90, 21_000), (120, 33_000)] {
            assert_eq!(plan.due_by(Duration::from_secs(seconds)), due + 1);
        }
        let same = profile("100/30s");
        assert_eq!(same.due_by(Duration::from_mins(1)), 6001);
    }

    #[test]
    fn a_key_ends_a_ramp() {
        let mut plan = profile("100..500/60s");
        plan.change_rate(Duration::from_secs(30), 100.0);
        assert!((plan.rate_at(Duration::from_mins(1)) - 400.0).abs() < 1e-6);
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in [
            "",
            "0",
            "-5",
            "1.5",
            "99999999999",
            "100..0/60s",
            "100..200",
            "100..200/0",
            "100..200/60",
            "100,,200/30s",
            "100,200",
            "/30s",
        ] {
            assert!(Profile::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn requests_of_a_profile_are_due_at_their_instants(
            rates in proptest::collection::vec(1_u32..2000, 2..5),
            ramp in any::<bool>(),
            numbers in proptest::collection::vec(0_u64..50_000, 1..30),
        ) {
            let text = if ramp {
                format!("{}..{}/7s", rates[0], rates[1])
            } else {
                let rates: Vec<_> = rates.iter().map(ToString::to_string).collect();
                format!("{}/3s", rates.join(","))
            };
            let plan = profile(&text);
            for number in numbers {
                let instant = plan.instant_of(number).unwrap();
                prop_assert!(plan.due_by(instant) > number);
                if let Some(before) = instant.checked_sub(Duration::from_nanos(1)) {
                    prop_assert!(plan.due_by(before) <= number);
                }
                prop_assert!(plan.instant_of(number + 1).unwrap() >= instant);
            }
        }

        /// `due_by` and `instant_of` tell the same, whatever the keys did.
        #[test]
        fn a_request_is_due_exactly_from_its_instant_on(
            rate in 1.0_f64..5000.0,
            changes in proptest::collection::vec((1_u64..5000, -3_i32..4), 0..6),
            numbers in proptest::collection::vec(0_u64..20_000, 1..30),
        ) {
            let mut plan = constant(rate);
            let mut now = Duration::ZERO;
            for (after, steps) in changes {
                now += Duration::from_micros(after * 700);
                plan.change_rate(now, f64::from(steps) * 100.0);
            }
            for number in numbers {
                let Some(instant) = plan.instant_of(number) else { continue };
                prop_assert!(plan.due_by(instant) > number);
                if let Some(before) = instant.checked_sub(Duration::from_nanos(1)) {
                    prop_assert!(plan.due_by(before) <= number);
                }
                if let Some(next) = plan.instant_of(number + 1) {
                    prop_assert!(next >= instant);
                }
            }
        }
    }
}
