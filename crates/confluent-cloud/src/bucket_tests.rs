//! What the bucket promises, tried on random crowds.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// A crowd that wants tokens, each as soon as it can have one.
struct Crowd {
    bucket: Bucket,
    began: Instant,
    now: Instant,
    waiting: [VecDeque<(Purpose, Ticket)>; 3],
    served: Vec<(Purpose, Duration)>,
}

impl Crowd {
    fn new(rate: Rate) -> Self {
        let now = Instant::now();
        Self {
            bucket: Bucket::new(Some(rate), now),
            began: now,
            now,
            waiting: Default::default(),
            served: Vec::new(),
        }
    }

    fn comes(&mut self, purpose: Purpose, count: usize) {
        for _ in 0..count {
            let ticket = self.bucket.enter(purpose);
            self.waiting[part(purpose)].push_back((purpose, ticket));
        }
    }

    /// Lets time pass, and everybody look at every millisecond.
    fn pass(&mut self, time: Duration) {
        let ends = self.now + time;
        while self.now < ends {
            self.now += Duration::from_millis(1);
            self.look();
        }
    }

    /// Lets those look who could be next.
    fn look(&mut self) {
        for lane in 0..self.waiting.len() {
            while let Some((purpose, ticket)) = self.waiting[lane].front().copied() {
                if self.bucket.take(self.now, purpose, ticket).is_err() {
                    break;
                }
                self.waiting[lane].pop_front();
                self.served.push((purpose, self.now - self.began));
            }
        }
    }

    fn served(&self, wanted: Purpose) -> usize {
        let served = self.served.iter();
        served.filter(|(purpose, _)| *purpose == wanted).count()
    }
}

fn purpose() -> impl Strategy<Value = Purpose> {
    prop_oneof![
        Just(Purpose::Create),
        Just(Purpose::Removal),
        Just(Purpose::Rotation),
        Just(Purpose::Other),
    ]
}

fn rate() -> impl Strategy<Value = Rate> {
    (1_u32..50, 0_u32..60).prop_map(|(per_second, burst)| Rate::new(per_second, burst))
}

type Arrival = (u64, Purpose, usize, bool);

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let closes = proptest::bool::weighted(0.05);
    proptest::collection::vec((0_u64..400, purpose(), 0_usize..30, closes), 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn in_no_stretch_of_time_is_more_sent_than_the_rate(rate in rate(), arrivals in arrivals()) {
        let mut crowd = Crowd::new(rate);
        for (pause, purpose, count, closes) in arrivals {
            crowd.pass(Duration::from_millis(pause));
            crowd.comes(purpose, count);
            crowd.look();
            if closes {
                crowd.bucket.close(crowd.now, Duration::from_millis(700));
            }
        }
        crowd.pass(Duration::from_secs(1));
        let times: Vec<Duration> = crowd.served.iter().map(|(_, at)| *at).collect();
        for (index, from) in times.iter().enumerate() {
            for (count, to) in times[index..].iter().enumerate() {
                let gained = (to.as_millis() - from.as_millis()) * u128::from(rate.per_second());
                let most = u128::from(rate.burst()) * 1000 + gained;
                prop_assert!((count as u128 + 1) * 1000 <= most);
            }
        }
    }

    #[test]
    fn while_it_is_closed_nobody_is_served(rate in rate(), arrivals in arrivals()) {
        let mut crowd = Crowd::new(rate);
        crowd.bucket.close(crowd.now, Duration::from_mins(1));
        for (pause, purpose, count, _) in arrivals {
            crowd.comes(purpose, count);
            crowd.pass(Duration::from_millis(pause));
        }
        prop_assert!(crowd.served.is_empty());
    }

    #[test]
    fn a_deletion_and_a_rotation_wait_for_no_crowd_of_creations(
        rate in rate(),
        creates in 1_usize..300,
        others in 0_usize..300,
        since in 0_u64..3000,
    ) {
        let mut crowd = Crowd::new(rate);
        crowd.comes(Purpose::Create, creates);
        crowd.comes(Purpose::Other, others);
        crowd.pass(Duration::from_millis(since));
        crowd.comes(Purpose::Removal, 1);
        crowd.comes(Purpose::Rotation, 1);
        crowd.look();
        prop_assert_eq!(crowd.served(Purpose::Removal), 1);
        prop_assert_eq!(crowd.served(Purpose::Rotation), 1);
    }

    #[test]
    fn who_looks_when_told_to_is_served(rate in rate(), crowd in 1_usize..40, purpose in purpose()) {
        let mut now = Instant::now();
        let mut bucket = Bucket::new(Some(rate), now);
        let began = now;
        for _ in 0..crowd {
            let ticket = bucket.enter(purpose);
            let mut looks = 0;
            while let Err(wait) = bucket.take(now, purpose, ticket) {
                now += wait;
                looks += 1;
                prop_assert!(looks <= 3, "{wait:?}");
            }
        }
        // And no later than the whole rate allows, but for one's own part.
        let slowest = f64::from(rate.per_second()) * 0.7;
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let longest = Duration::from_secs_f64(crowd as f64 / slowest) + Duration::from_millis(100);
        prop_assert!(now - began <= longest);
    }
}

#[test]
fn a_flood_of_creations_leaves_a_fifth_of_the_rate_to_deletions() {
    let mut crowd = Crowd::new(Rate::new(10, 50));
    crowd.comes(Purpose::Create, 1000);
    crowd.comes(Purpose::Removal, 1000);
    crowd.pass(Duration::from_secs(10));
    // 50 at once and 10 a second for 10 seconds, of which at least 10 + 20 are
    // kept for deletions; the part of rotations overflows to all.
    let (created, deleted) = (
        crowd.served(Purpose::Create),
        crowd.served(Purpose::Removal),
    );
    assert!(created + deleted <= 150);
    assert!(created + deleted >= 143, "{created} {deleted}");
    assert!(deleted >= 29, "{deleted}");
}

#[test]
fn creations_alone_have_the_whole_rate_after_their_part_of_the_burst() {
    let mut crowd = Crowd::new(Rate::new(10, 50));
    crowd.comes(Purpose::Create, 1000);
    crowd.look();
    crowd.pass(Duration::from_secs(10));
    assert_eq!(crowd.served(Purpose::Create), 35 + 100);
}

#[test]
fn who_came_first_is_served_first() {
    let now = Instant::now();
    let mut bucket = Bucket::new(Some(Rate::new(1, 10)), now);
    for _ in 0..7 {
        let ticket = bucket.enter(Purpose::Create);
        assert!(bucket.take(now, Purpose::Create, ticket).is_ok());
    }
    let first = bucket.enter(Purpose::Create);
    let second = bucket.enter(Purpose::Other);
    let later = now + Duration::from_secs(1);
    assert!(bucket.take(later, Purpose::Other, second).is_err());
    assert_eq!(bucket.take(later, Purpose::Create, first), Ok(()));
    let wait = bucket.take(later, Purpose::Other, second).unwrap_err();
    assert_eq!(wait, Duration::from_secs(1));
    // Who goes away makes room.
    let third = bucket.enter(Purpose::Create);
    bucket.leave(Purpose::Other, second);
    let wait = bucket.take(later, Purpose::Create, third).unwrap_err();
    assert_eq!(wait, Duration::from_secs(1));
}

#[test]
fn without_a_rate_only_a_closed_bucket_holds_back() {
    let now = Instant::now();
    let mut bucket = Bucket::new(None, now);
    for _ in 0..10_000 {
        let ticket = bucket.enter(Purpose::Create);
        assert_eq!(bucket.take(now, Purpose::Create, ticket), Ok(()));
    }
    bucket.close(now, Duration::from_secs(5));
    let ticket = bucket.enter(Purpose::Removal);
    let wait = bucket.take(now, Purpose::Removal, ticket);
    assert_eq!(wait, Err(Duration::from_secs(5)));
    let later = now + Duration::from_secs(5);
    assert_eq!(bucket.take(later, Purpose::Removal, ticket), Ok(()));
}

#[test]
fn no_answer_closes_it_for_good() {
    let now = Instant::now();
    let mut bucket = Bucket::new(None, now);
    bucket.close(now, Duration::MAX);
    let ticket = bucket.enter(Purpose::Create);
    let wait = bucket.take(now, Purpose::Create, ticket);
    assert_eq!(wait, Err(LONGEST_CLOSURE));
}

#[test]
fn a_shorter_closure_does_not_open_a_closed_bucket() {
    let now = Instant::now();
    let mut bucket = Bucket::new(None, now);
    bucket.close(now, Duration::from_secs(9));
    bucket.close(now, Duration::from_secs(1));
    let ticket = bucket.enter(Purpose::Create);
    let wait = bucket.take(now, Purpose::Create, ticket);
    assert_eq!(wait, Err(Duration::from_secs(9)));
}

#[test]
fn two_buckets_of_one_organization_have_the_less_of_both() {
    let now = Instant::now();
    let rate = Some(Rate::new(1, 10));
    let (mut one, mut other) = (Bucket::new(rate, now), Bucket::new(rate, now));
    for bucket in [&mut one, &mut other] {
        let ticket = bucket.enter(Purpose::Removal);
        bucket.take(now, Purpose::Removal, ticket).unwrap();
    }
    other.close(now, Duration::from_secs(2));
    one.unite(now, &mut other);
    assert!(!one.is_untouched(now));
    let ticket = one.enter(Purpose::Create);
    let wait = one.take(now, Purpose::Create, ticket);
    assert_eq!(wait, Err(Duration::from_secs(2)));
}

#[test]
fn a_closure_that_is_over_is_not_taken_over() {
    let now = Instant::now();
    let rate = Some(Rate::new(1, 10));
    let (mut one, mut other) = (Bucket::new(rate, now), Bucket::new(rate, now));
    other.close(now, Duration::from_secs(2));
    let later = now + Duration::from_mins(1);
    one.unite(later, &mut other);
    assert!(other.is_untouched(later) && one.is_untouched(later));
}
