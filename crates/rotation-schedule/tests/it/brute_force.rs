//! The search for the next time, against one that looks at every minute.

use std::sync::LazyLock;

use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;
use rotation_schedule::{CronSchedule, TimeZoneName};

use crate::at;
use crate::expression::{Expression, LocalMinute, expression};

/// Every minute around a change of clocks, with the local minutes that it brings:
/// none while an hour is repeated, all those that were skipped after it.
struct Span {
    zone: TimeZoneName,
    start: Timestamp,
    end: Timestamp,
    minutes: Vec<(Timestamp, LocalMinute)>,
}

const ZONES: [&str; 5] = [
    "UTC",
    "Asia/Kolkata",
    "Europe/Berlin",
    // Clocks change at midnight, in April and in September.
    "America/Santiago",
    // Clocks change by half an hour.
    "Australia/Lord_Howe",
];

static SPANS: LazyLock<Vec<Span>> = LazyLock::new(|| ZONES.into_iter().flat_map(spans).collect());

/// Half a day around each of the two changes of 2026; of a zone that has none,
/// around the same days.
fn spans(name: &str) -> Vec<Span> {
    let zone = TimeZone::get(name).unwrap();
    let year = at("2026-01-01T00:00:00Z");
    let mut changes: Vec<Timestamp> = zone
        .following(year)
        .map(|change| change.timestamp())
        .take(2)
        .collect();
    if changes.is_empty() {
        changes = vec![at("2026-02-28T22:00:00Z"), at("2026-12-31T20:00:00Z")];
    }
    let span = |change: Timestamp| Span::around(name, &zone, change);
    changes.into_iter().map(span).collect()
}

impl Span {
    fn around(name: &str, zone: &TimeZone, change: Timestamp) -> Self {
        let start = change - 6.hours();
        let end = change + 6.hours();
        let mut newest = zone.to_datetime(start) - 1.minute();
        let mut minutes = Vec::new();
        let mut now = start;
        while now <= end {
            while newest < zone.to_datetime(now) {
                newest += 1.minute();
                minutes.push((now, newest.into()));
            }
            now += 1.minute();
        }
        Self {
            zone: TimeZoneName::parse(name).unwrap(),
            start,
            end,
            minutes,
        }
    }

    fn times(&self, expression: &Expression) -> Vec<Timestamp> {
        let fires =
            |(now, time): &(Timestamp, LocalMinute)| expression.matches(*time).then_some(*now);
        let mut times: Vec<Timestamp> = self.minutes.iter().filter_map(fires).collect();
        times.dedup();
        times
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn across_changes_of_clocks_the_times_are_those_of_every_single_minute(
        expression in expression(),
        nanoseconds in 0..12 * 3600 * 1_000_000_000_i64,
    ) {
        let cron = CronSchedule::parse(&expression.text()).unwrap();
        for span in SPANS.iter() {
            let expected = span.times(&expression);
            let next = |after: &Timestamp| cron.next_after(&span.zone, *after);
            let found: Vec<Timestamp> =
                std::iter::successors(next(&(span.start - 1.nanosecond())), next)
                    .take_while(|time| *time <= span.end)
                    .collect();
            prop_assert_eq!(&found, &expected, "{} in {}", cron, span.zone);

            let after = span.start + SignedDuration::from_nanos(nanoseconds);
            let expected = expected.into_iter().find(|time| *time > after);
            let found = next(&after).filter(|time| *time <= span.end);
            prop_assert_eq!(found, expected, "{} in {} after {}", cron, span.zone, after);
        }
    }

    #[test]
    fn on_the_calendar_the_next_time_is_on_the_first_day_that_matches(
        expression in expression(),
        days in 0..200 * 366_i32,
        minute in 0..1440_i32,
    ) {
        let cron = CronSchedule::parse(&expression.text()).unwrap();
        let after = date(1990, 1, 1).at(0, 0, 0, 0) + days.days() + minute.minutes();
        let days = std::iter::successors(Some(after), |time| {
            time.date().tomorrow().ok().map(|day| day.at(0, 0, 0, 0))
        });
        let times = days.filter(|day| expression.matches_day((*day).into())).flat_map(|day| {
            std::iter::successors(Some(day), |time| time.checked_add(1.minute()).ok())
                .take_while(move |time| time.date() == day.date())
        });
        let expected = times
            .filter(|time| *time > after)
            .find(|time| expression.matches((*time).into()))
            .map(|time| TimeZone::UTC.to_timestamp(time).unwrap());
        let after = TimeZone::UTC.to_timestamp(after).unwrap();
        let found = cron.next_after(&TimeZoneName::utc(), after);
        prop_assert_eq!(found, expected, "{} after {}", cron, after);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_two_times_are_nearer_than_the_shortest_interval(expression in expression()) {
        let cron = CronSchedule::parse(&expression.text()).unwrap();
        for span in SPANS.iter() {
            let shortest = cron.shortest_interval(&span.zone, span.start);
            let next = |after: &Timestamp| cron.next_after(&span.zone, *after);
            let times: Vec<Timestamp> =
                std::iter::successors(next(&span.start), next).take(20).collect();
            for pair in times.windows(2) {
                let apart = pair[1].duration_since(pair[0]).unsigned_abs();
                prop_assert!(apart >= shortest, "{} in {}: {:?}", cron, span.zone, pair);
            }
        }
    }
}
