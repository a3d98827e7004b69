//! Rules that hold for every timing, and texts that nobody expects.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rotation_schedule::{
    CronSchedule, Due, KeyLead, Overlap, OverlapFields, Planner, Spread, TimeZoneName, Timing,
    TimingFields, told_period, ttl,
};

use crate::expression::expression;

const ZONES: [&str; 4] = [
    "UTC",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Santiago",
];

fn timing() -> impl Strategy<Value = Timing> {
    let period = (600..=90 * 86_400_u64).prop_map(|seconds| TimingFields {
        rotation_period: Some(seconds),
        ..TimingFields::default()
    });
    let window = prop_oneof![Just(None), (3600..=86_400_u64).prop_map(Some)];
    let schedule = (expression(), prop::sample::select(&ZONES[..]), window);
    let schedule = schedule.prop_map(|(expression, zone, window)| TimingFields {
        rotation_schedule: Some(expression.text()),
        rotation_timezone: Some(zone.into()),
        rotation_window: window,
        ..TimingFields::default()
    });
    prop_oneof![period, schedule].prop_filter_map("its window is too long", |fields| {
        Timing::parse(&fields).ok()
    })
}

fn now() -> impl Strategy<Value = Timestamp> {
    (1_767_225_600_000..1_900_000_000_000_i64)
        .prop_map(|millis| Timestamp::from_millisecond(millis).unwrap())
}

/// A role as operators make it, with its lead; every other one with the longest
/// grace that fits.
fn role() -> impl Strategy<Value = (Timing, Overlap, Duration, Timestamp)> {
    let parts = (timing(), 30..600_u64, now(), any::<bool>());
    parts.prop_filter_map("its keys take too long", |(timing, lead, now, tight)| {
        let lead = Duration::from_secs(lead);
        let longest = timing.shortest_interval(now)?.checked_sub(lead)?;
        let given = OverlapFields {
            grace: tight.then_some(longest),
            refresh: None,
        };
        let key = KeyLead {
            kind: "Kafka",
            lead,
        };
        let overlap = Overlap::new(given, &timing, key, now).ok()?;
        Some((timing, overlap, lead, now))
    })
}

proptest! {
    /// The life of a role, switched as late as it comes.
    #[test]
    fn rotations_keep_their_distance_and_their_times(
        (timing, overlap, lead, now) in role(),
        hash: u64,
        delays in prop::collection::vec(0..200_000_u32, 1..20),
    ) {
        let apart = overlap.grace() + lead;
        let planner = Planner::new(&timing, Spread::of_hash(hash), apart);
        let mut switched = now;
        let Some(mut planned) = planner.first(now, hash) else {
            return Ok(());
        };
        for delay in delays {
            prop_assert!(planned.duration_since(switched) >= SignedDuration::try_from(apart).unwrap());
            prop_assert_eq!(planned.subsec_nanosecond(), 0);
            let begins = planned - SignedDuration::try_from(lead).unwrap();
            prop_assert!(begins >= switched + SignedDuration::try_from(overlap.grace()).unwrap());
            prop_assert_eq!(planner.due(planned, begins, lead), Due::Prepare { at: planned });
            prop_assert_eq!(planner.due(planned, planned, lead), Due::Switch);

            // On time every other time, else as late as it comes.
            let late = if delay % 2 == 0 { 0 } else { delay };
            let comes = planned + SignedDuration::from_secs(i64::from(late));
            let (at, turn) = match planner.due(planned, comes, lead) {
                Due::Switch => (comes, planned),
                Due::Missed { next: Some(next) } => {
                    prop_assert!(next > comes);
                    (next, next)
                }
                due => return Err(TestCaseError::fail(format!("{due:?}"))),
            };
            prop_assert_eq!(planner.due(turn, at, lead), Due::Switch);
            let Some(next) = planner.after_planned(turn, at) else {
                return Ok(());
            };
            if let Timing::Period(period) = &timing {
                let apart = next.duration_since(turn).as_secs();
                prop_assert_eq!(apart.unsigned_abs() % period.as_secs(), 0);
            }
            (switched, planned) = (at, next);
        }
    }

    #[test]
    fn a_rotation_on_time_is_followed_by_the_very_next_time(
        (timing, overlap, lead, now) in role(),
        hash: u64,
    ) {
        let planner = Planner::new(&timing, Spread::of_hash(hash), overlap.grace() + lead);
        let Some(planned) = planner.first(now, hash) else {
            return Ok(());
        };
        let next = planner.after_planned(planned, planned);
        let expected = match &timing {
            Timing::Period(period) => {
                let period = SignedDuration::try_from(period.as_duration()).unwrap();
                Some(planned + period)
            }
            Timing::Schedule(schedule) => {
                let without = Planner::new(&timing, Spread::of_hash(hash), Duration::ZERO);
                let opens = schedule.next_after(planned);
                prop_assert!(next >= opens);
                without.after_planned(planned, planned)
            }
            Timing::Manual => None,
        };
        prop_assert_eq!(next, expected);
    }

    #[test]
    fn an_answer_logs_in_for_its_whole_ttl_and_a_minute_more(
        (timing, overlap, _, now) in role(),
        until_next in 0..10_000_000_i64,
        asked_millis in 0..10_000_000_000_i64,
    ) {
        let next = now + SignedDuration::from_secs(until_next);
        let asked = now + SignedDuration::from_millis(asked_millis);
        let told = ttl(Some(next), overlap.refresh(), asked);
        prop_assert!(told >= 1);
        prop_assert!(told + 60 <= overlap.grace().as_secs());
        let left = next.duration_since(asked);
        prop_assert!(left <= SignedDuration::ZERO || left <= SignedDuration::from_secs(1)
            || SignedDuration::from_secs(i64::try_from(told).unwrap()) <= left);
        // Asked in this interval, as it is while a role is served.
        let period = told_period(&timing, now, Some(next), overlap.refresh());
        prop_assert!(period >= 1);
        if matches!(timing, Timing::Schedule(_)) {
            prop_assert!(period >= told);
        }
    }

    #[test]
    fn what_is_written_is_read_back_the_same(timing in timing()) {
        let json = serde_json::to_string(&timing).unwrap();
        let read: Timing = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&read, &timing);
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), json);
    }

    #[test]
    fn any_text_is_read_or_refused_by_name(text in ".*", parts in "[0-9a-z*?/,@# -]{0,30}") {
        for text in [text, parts] {
            if let Err(error) = CronSchedule::parse(&text) {
                prop_assert!(error.to_string().starts_with("`rotation_schedule` is "), "{}", error);
                prop_assert!(!error.to_string().contains('\n'));
            }
            if let Err(error) = TimeZoneName::parse(&text) {
                prop_assert!(error.to_string().starts_with("`rotation_timezone` is "), "{}", error);
            }
        }
    }
}
