//! What a pace learns from answers.

use super::*;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How a service limits.
#[derive(Debug, Clone, Copy)]
enum Limit {
    /// So many requests in each second.
    Window(u32),
    /// So many a second, and twice as many at once.
    Bucket(u32),
}

/// A service with a limit, and processes that have far more to ask than it
/// answers.
struct Service {
    limit: Limit,
    tells: bool,
    period_ends: Instant,
    left: f64,
    now: Instant,
}

/// What became of the requests of one process.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    answered: u32,
    refused: u32,
}

impl Service {
    fn new(limit: Limit, tells: bool, now: Instant) -> Self {
        let left = match limit {
            Limit::Window(count) => f64::from(count),
            Limit::Bucket(count) => 2.0 * f64::from(count),
        };
        Self {
            limit,
            tells,
            period_ends: now,
            left,
            now,
        }
    }

    fn answer(&mut self, now: Instant) -> (Outcome, Option<LimitHeaders>) {
        let passed = (now - self.now).as_secs_f64();
        self.now = now;
        let (limit, reset) = match self.limit {
            Limit::Window(count) => {
                if self.period_ends <= now {
                    self.period_ends = now + seconds(1);
                    self.left = f64::from(count);
                }
                (count, seconds(1))
            }
            Limit::Bucket(count) => {
                let most = 2.0 * f64::from(count);
                self.left = (self.left + passed * f64::from(count)).min(most);
                (2 * count, seconds(1))
            }
        };
        let granted = self.left >= 1.0;
        if granted {
            self.left -= 1.0;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small"
        )]
        let limit_headers = LimitHeaders {
            limit,
            remaining: self.left as u32,
            reset,
        };
        let outcome = if granted {
            Outcome::Answered
        } else {
            Outcome::Limited(self.tells.then_some(seconds(1)))
        };
        (outcome, Some(limit_headers).filter(|_| self.tells))
    }
}

/// Processes that ask a service for some minutes.
fn run(paces: &mut [Pace], service: &mut Service, from: Instant, time: Duration) -> Vec<Tally> {
    let latency = Duration::from_millis(80);
    let mut tallies = vec![Tally::default(); paces.len()];
    let mut in_flight: Vec<(Instant, usize, Permit)> = Vec::new();
    let flow = Flow::new("sa-1", "");
    let mut random = 1_u64;
    let mut now = from;
    while now < from + time {
        now += Duration::from_millis(20);
        let (arrived, rest) = in_flight.drain(..).partition(|(at, ..)| *at <= now);
        in_flight = rest;
        for (_, who, permit) in arrived {
            let (outcome, limit_headers) = service.answer(now);
            match outcome {
                Outcome::Answered => tallies[who].answered += 1,
                _ => tallies[who].refused += 1,
            }
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            paces[who].finish(now, &permit, outcome, limit_headers, random);
        }
        for (who, pace) in paces.iter_mut().enumerate() {
            while pace.waiting.len() < 20 {
                let class = Class::Removal(RemovalBy::Host);
                pace.enter(now, &wanted(class, &flow, now)).unwrap();
            }
            for (_, permit) in pace.advance(now).granted {
                in_flight.push((now + latency, who, permit));
            }
        }
    }
    tallies
}

#[test]
fn most_of_a_services_limit_is_used_and_few_requests_are_refused() {
    for (limit, per_second) in [
        (Limit::Window(5), 5),
        (Limit::Window(20), 20),
        (Limit::Bucket(5), 5),
        (Limit::Bucket(20), 20),
        (Limit::Window(60), 60),
    ] {
        for start in [Some(Rate::default()), None] {
            for tells in [false, true] {
                let now = Instant::now();
                let mut service = Service::new(limit, tells, now);
                let mut paces = [Pace::new(start, now)];
                let [tally] = run(&mut paces, &mut service, now, seconds(480))[..] else {
                    panic!("one process has one tally");
                };
                let possible = 480 * per_second;
                let told = format!("{limit:?} {start:?} {tells}: {tally:?}");
                assert!(tally.answered * 10 >= possible * 6, "{told}");
                assert!(tally.refused * 33 <= tally.answered, "{told}");
            }
        }
    }
}

#[test]
fn processes_that_do_not_know_of_each_other_find_a_share_each() {
    let now = Instant::now();
    let mut service = Service::new(Limit::Bucket(20), false, now);
    let mut paces = [(); 3].map(|()| Pace::new(Some(Rate::default()), now));
    let tallies = run(&mut paces, &mut service, now, seconds(900));
    let answered: u32 = tallies.iter().map(|tally| tally.answered).sum();
    assert!(answered * 10 >= 900 * 20 * 6, "{tallies:?}");
    for tally in &tallies {
        assert!(tally.answered * 6 >= answered, "{tallies:?}");
        assert!(tally.refused * 10 <= tally.answered, "{tallies:?}");
    }
}

#[test]
fn without_any_limit_ten_thousand_requests_are_gone_in_minutes() {
    let mut crowd = Crowd::new(Some(Rate::default()));
    crowd.enter(Class::Removal(RemovalBy::Host), "sa-1", 10_000);
    crowd.pass(seconds(150));
    assert!(crowd.waiting.is_empty(), "{}", crowd.waiting.len());
}

/// A pace with so many requests in flight, and more waiting.
fn busy(start: Option<Rate>, in_flight: usize) -> (Pace, Instant, Vec<Permit>) {
    let (now, flow) = (Instant::now(), Flow::default());
    let mut pace = Pace::new(start, now);
    for _ in 0..in_flight {
        pace.enter(now, &wanted(Class::Reader, &flow, now)).unwrap();
    }
    let granted = pace.advance(now).granted;
    assert_eq!(granted.len(), in_flight);
    let permits = granted.into_iter().map(|(_, permit)| permit).collect();
    for _ in 0..100 {
        pace.enter(now, &wanted(Class::Reader, &flow, now)).unwrap();
    }
    (pace, now, permits)
}

#[test]
fn after_a_429_nothing_is_sent_for_as_long_as_told_and_a_tenth_more_by_chance() {
    for (told, random, closed) in [
        (None, 0, Duration::from_secs(1)),
        (Some(Duration::ZERO), 0, Duration::from_secs(1)),
        (Some(seconds(10)), 0, seconds(10)),
        (
            Some(seconds(10)),
            u64::MAX / 2,
            Duration::from_millis(10_500),
        ),
        (Some(seconds(10)), u64::MAX, seconds(11)),
        (Some(seconds(86_400)), 0, LONGEST_CLOSURE),
    ] {
        let (mut pace, now, permits) = busy(None, 10);
        let limited = Outcome::Limited(told);
        pace.finish(now, &permits[0], limited, None, random);
        for permit in &permits[1..] {
            pace.finish(now, permit, Outcome::Answered, None, 0);
        }
        let until = pace.closed_until.unwrap() - now;
        assert!(
            until.abs_diff(closed) < Duration::from_millis(1),
            "{until:?}"
        );
        let opens = now + until;
        let almost = until.saturating_sub(Duration::from_millis(1));
        assert!(pace.advance(now + almost).granted.is_empty());
        assert_eq!(pace.advance(now).next, Some(opens));
        let later = opens + seconds(2);
        assert!(!pace.advance(later).granted.is_empty());
    }
}

#[test]
fn several_429s_of_one_volley_count_once() {
    let (mut pace, now, permits) = busy(Some(Rate::new(10, 50)), 16);
    let limited = Outcome::Limited(None);
    pace.finish(now, &permits[0], limited, None, 0);
    let once = (pace.rate.per_second(), pace.window.clone());
    for permit in &permits[1..] {
        pace.finish(now, permit, limited, None, 0);
    }
    assert_eq!(pace.rate.per_second(), once.0);
    // The next one is of another volley.
    let later = now + seconds(2);
    let granted = pace.advance(later).granted;
    let (_, permit) = granted.first().unwrap();
    pace.finish(later, permit, limited, None, 0);
    assert!(pace.rate.per_second() < once.0);
}

#[test]
fn a_longer_wait_of_the_same_volley_counts() {
    let (mut pace, now, permits) = busy(None, 10);
    pace.finish(
        now,
        &permits[0],
        Outcome::Limited(Some(seconds(2))),
        None,
        0,
    );
    pace.finish(
        now,
        &permits[1],
        Outcome::Limited(Some(seconds(9))),
        None,
        0,
    );
    pace.finish(
        now,
        &permits[2],
        Outcome::Limited(Some(seconds(3))),
        None,
        0,
    );
    assert_eq!(pace.closed_until, Some(now + seconds(9)));
}

/// How many requests can be in flight at once.
fn room(pace: &mut Pace, now: Instant) -> usize {
    pace.window.in_flight() + pace.advance(now).granted.len()
}

#[test]
fn a_429_halves_the_window_and_failures_shrink_it_less() {
    let (mut pace, now, permits) = busy(None, 16);
    for permit in &permits {
        pace.finish(now, permit, Outcome::Failed, None, 0);
    }
    // 16, times 0.7, once.
    assert_eq!(room(&mut pace, now), 11);
    let (mut pace, now, permits) = busy(None, 16);
    for permit in &permits {
        pace.finish(now, permit, Outcome::Limited(None), None, 0);
    }
    pace.rate = LearnedRate::new(None, now);
    assert_eq!(room(&mut pace, now + seconds(1)), 8);
    let (mut pace, now, permits) = busy(None, 16);
    for permit in &permits {
        pace.finish(now, permit, Outcome::Unknown, None, 0);
    }
    assert_eq!(room(&mut pace, now), 16);
}

#[test]
fn a_group_that_is_used_up_does_not_hold_up_the_others() {
    let (mut pace, now, permits) = busy(None, 4);
    let flow = Flow::default();
    let elsewhere = TurnRequest {
        path: "/org/v2/environments",
        ..wanted(Class::Reader, &flow, now)
    };
    let ticket = pace.enter(now, &elsewhere).unwrap();
    let limit_headers = LimitHeaders {
        limit: 10,
        remaining: 0,
        reset: seconds(7),
    };
    pace.finish(now, &permits[0], Outcome::Answered, Some(limit_headers), 0);
    let decided = pace.advance(now);
    let granted: Vec<Ticket> = decided.granted.iter().map(|(ticket, _)| *ticket).collect();
    assert_eq!(granted, [ticket]);
    assert_eq!(decided.next, Some(now + seconds(7)));
    assert!(!pace.advance(now + seconds(7)).granted.is_empty());
}

#[test]
fn two_paces_of_one_organization_have_the_less_of_both() {
    let now = Instant::now();
    let flow = Flow::default();
    let rate = Some(Rate::new(1, 10));
    let (mut one, mut other) = (Pace::new(rate, now), Pace::new(rate, now));
    let class = Class::Removal(RemovalBy::Host);
    for pace in [&mut one, &mut other] {
        pace.enter(now, &wanted(class, &flow, now)).unwrap();
        let (_, permit) = pace.advance(now).granted.pop().unwrap();
        pace.finish(now, &permit, Outcome::Answered, None, 0);
    }
    other.close(now + seconds(2));
    one.merge(now, &mut other);
    assert!(!one.is_untouched(now));
    one.enter(now, &wanted(Class::Reader, &flow, now)).unwrap();
    let decided = one.advance(now);
    assert_eq!(
        (decided.granted.len(), decided.next),
        (0, Some(now + seconds(2)))
    );
}

#[test]
fn a_closure_that_is_over_is_not_taken_over() {
    let now = Instant::now();
    let rate = Some(Rate::new(1, 10));
    let (mut one, mut other) = (Pace::new(rate, now), Pace::new(rate, now));
    other.close(now + seconds(2));
    let later = now + seconds(60);
    one.merge(later, &mut other);
    assert!(other.is_untouched(later) && one.is_untouched(later));
}

#[test]
fn what_was_learned_of_an_organization_is_kept_for_ten_minutes() {
    let (mut pace, now, permits) = busy(Some(Rate::new(10, 50)), 10);
    for permit in &permits {
        pace.finish(now, permit, Outcome::Limited(None), None, 0);
    }
    let waiting: Vec<Ticket> = pace.waiting.keys().copied().collect();
    for ticket in waiting {
        pace.leave(ticket);
    }
    assert!(!pace.is_untouched(now + seconds(599)));
    assert!(pace.is_untouched(now + seconds(600)));
}
