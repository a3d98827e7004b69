//! Planned times: the first, those that follow, and what was missed.

use std::time::Duration;

use jiff::Timestamp;
use rotation_schedule::{Due, Planner, Spread, Timing};

use crate::{at, period, schedule};

const HOUR: u64 = 3600;
const LEAD: Duration = Duration::from_mins(4);

fn seconds(text: &str) -> Duration {
    Duration::try_from(text.parse::<jiff::SignedDuration>().unwrap()).unwrap()
}

fn no_spread() -> Spread {
    Spread::of_hash(0)
}

/// A role with a quarter of an hour of grace and lead, first in each window.
fn planner(timing: &Timing) -> Planner<'_> {
    Planner::new(timing, no_spread(), Duration::from_mins(15))
}

#[test]
fn the_first_rotation_of_a_period_is_drawn_from_its_last_tenth() {
    let daily = period(24 * HOUR);
    let now = at("2026-03-01T10:00:00.5Z");
    let first = |entropy| planner(&daily).first(now, entropy);
    // An hour at most, and on whole seconds.
    assert_eq!(first(0), Some(at("2026-03-02T09:00:01Z")));
    assert_eq!(first(u64::MAX / 2), Some(at("2026-03-02T09:30:01Z")));
    assert_eq!(first(u64::MAX), Some(at("2026-03-02T10:00:01Z")));

    let hourly = period(HOUR);
    let first = |entropy| planner(&hourly).first(at("2026-03-01T10:00:00Z"), entropy);
    assert_eq!(first(0), Some(at("2026-03-01T10:54:00Z")));
    assert_eq!(first(u64::MAX), Some(at("2026-03-01T11:00:00Z")));
}

#[test]
fn the_first_rotation_is_never_nearer_than_grace_and_lead() {
    let hourly = period(HOUR);
    let now = at("2026-03-01T10:00:00Z");
    let planner = Planner::new(&hourly, no_spread(), Duration::from_mins(58));
    assert_eq!(planner.first(now, 0), Some(at("2026-03-01T10:58:00Z")));
    let schedule = schedule("0 * * * *", "UTC", None);
    let planner = Planner::new(&schedule, no_spread(), Duration::from_mins(20));
    let first = |now| planner.first(at(now), 0);
    assert_eq!(
        first("2026-03-01T10:40:00Z"),
        Some(at("2026-03-01T11:00:00Z"))
    );
    assert_eq!(
        first("2026-03-01T10:40:00.1Z"),
        Some(at("2026-03-01T12:00:00Z"))
    );
}

#[test]
fn the_next_rotation_counts_from_the_planned_time() {
    let daily = period(24 * HOUR);
    let next =
        planner(&daily).after_planned(at("2026-03-01T10:00:00Z"), at("2026-03-01T10:07:30Z"));
    assert_eq!(next, Some(at("2026-03-02T10:00:00Z")));
}

#[test]
fn a_new_period_counts_from_the_moment_when_the_key_was_switched() {
    let daily = period(24 * HOUR);
    let next =
        planner(&daily).after_planned(at("2026-03-01T10:00:00.75Z"), at("2026-03-04T09:00:00Z"));
    assert_eq!(next, Some(at("2026-03-04T10:00:01Z")));
}

#[test]
fn a_rotation_ahead_of_its_time_is_not_followed_by_the_same_time() {
    for timing in [period(HOUR), schedule("0 * * * *", "UTC", None)] {
        let planned = at("2026-03-01T10:00:00Z");
        let next = planner(&timing).after_planned(planned, at("2026-03-01T09:10:00Z"));
        assert_eq!(next, Some(at("2026-03-01T11:00:00Z")));
    }
}

#[test]
fn what_a_weekend_missed_is_caught_up_once() {
    let hourly = period(HOUR);
    let planned = at("2026-02-27T18:20:00Z");
    let back = at("2026-03-02T07:45:00Z");
    assert_eq!(planner(&hourly).due(planned, back, LEAD), Due::Switch);
    let next = planner(&hourly).after_planned(planned, back);
    assert_eq!(next, Some(at("2026-03-02T08:20:00Z")));
}

#[test]
fn a_rotation_that_follows_a_late_one_too_soon_is_left_out() {
    let hourly = period(HOUR);
    let next = |switched| planner(&hourly).after_planned(at("2026-03-01T10:00:00Z"), at(switched));
    assert_eq!(
        next("2026-03-01T10:45:00Z"),
        Some(at("2026-03-01T11:00:00Z"))
    );
    assert_eq!(
        next("2026-03-01T10:45:00.1Z"),
        Some(at("2026-03-01T12:00:00Z"))
    );
    assert_eq!(
        next("2026-03-01T11:00:00Z"),
        Some(at("2026-03-01T12:00:00Z"))
    );

    let schedule = schedule("0 * * * *", "UTC", None);
    let next =
        |switched| planner(&schedule).after_planned(at("2026-03-01T10:00:00Z"), at(switched));
    assert_eq!(
        next("2026-03-01T10:45:00Z"),
        Some(at("2026-03-01T11:00:00Z"))
    );
    assert_eq!(
        next("2026-03-01T10:45:01Z"),
        Some(at("2026-03-01T12:00:00Z"))
    );
}

#[test]
fn a_rotation_that_was_asked_for_begins_the_period_anew() {
    let daily = period(24 * HOUR);
    let next = planner(&daily).after_requested(at("2026-03-01T15:20:00.25Z"));
    assert_eq!(next, Some(at("2026-03-02T15:20:01Z")));
}

#[test]
fn a_schedule_keeps_its_times_after_a_rotation_that_was_asked_for() {
    let nightly = schedule("0 2 * * *", "UTC", None);
    let next = |switched| planner(&nightly).after_requested(at(switched));
    assert_eq!(
        next("2026-03-01T15:20:00Z"),
        Some(at("2026-03-02T02:00:00Z"))
    );
    // The next time is too near: its key would still be in its grace.
    assert_eq!(
        next("2026-03-02T01:50:00Z"),
        Some(at("2026-03-03T02:00:00Z"))
    );
}

#[test]
fn a_role_that_is_rotated_by_hand_has_no_planned_time() {
    let planner = planner(&Timing::Manual);
    let now = at("2026-03-01T10:00:00Z");
    assert_eq!(planner.first(now, 1), None);
    assert_eq!(planner.after_planned(now, now), None);
    assert_eq!(planner.after_requested(now), None);
}

#[test]
fn nothing_is_switched_before_the_planned_time() {
    let daily = period(24 * HOUR);
    let planned = at("2026-03-02T10:00:00Z");
    let due = |now| planner(&daily).due(planned, at(now), LEAD);
    let begins = at("2026-03-02T09:56:00Z");
    assert_eq!(due("2026-03-01T10:00:00Z"), Due::Later { begins });
    assert_eq!(due("2026-03-02T09:55:59.9Z"), Due::Later { begins });
    assert_eq!(due("2026-03-02T09:56:00Z"), Due::Prepare { at: planned });
    assert_eq!(due("2026-03-02T09:59:59.9Z"), Due::Prepare { at: planned });
    assert_eq!(due("2026-03-02T10:00:00Z"), Due::Switch);
    assert_eq!(due("2026-05-01T00:00:00Z"), Due::Switch);
}

#[test]
fn a_schedule_without_a_window_is_caught_up_at_once() {
    let sunday = schedule("0 2 * * sun", "UTC", None);
    let due = planner(&sunday).due(at("2026-03-01T02:00:00Z"), at("2026-03-03T12:00:00Z"), LEAD);
    assert_eq!(due, Due::Switch);
}

#[test]
fn what_missed_its_window_waits_for_the_next() {
    let sunday = schedule("0 2 * * sun", "UTC", Some(2 * HOUR));
    let planned = at("2026-03-01T02:00:00Z");
    let due = |now| planner(&sunday).due(planned, at(now), LEAD);
    assert_eq!(due("2026-03-01T03:59:59.9Z"), Due::Switch);
    let next = Some(at("2026-03-08T02:00:00Z"));
    assert_eq!(due("2026-03-01T04:00:00Z"), Due::Missed { next });
    assert_eq!(due("2026-03-03T12:00:00Z"), Due::Missed { next });
    // Three weeks later, within a window: this one is as good as the first.
    assert_eq!(due("2026-03-22T02:30:00Z"), Due::Switch);
}

#[test]
fn roles_are_spread_over_the_first_half_of_their_window() {
    let sunday = schedule("0 2 * * sun", "UTC", Some(2 * HOUR));
    let first = |spread| Planner::new(&sunday, spread, LEAD).first(at("2026-02-27T00:00:00Z"), 9);
    assert_eq!(first(no_spread()), Some(at("2026-03-01T02:00:00Z")));
    assert_eq!(
        first(Spread::of_hash(u64::MAX)),
        Some(at("2026-03-01T02:59:59Z"))
    );
    let orders = Spread::of_name("orders");
    assert_eq!(first(orders), Some(at("2026-03-01T02:16:18Z")));

    // The same place in each window, and the window closes when it would.
    let planner = Planner::new(&sunday, orders, LEAD);
    let planned = at("2026-03-01T02:16:18Z");
    let next = Some(at("2026-03-08T02:16:18Z"));
    assert_eq!(planner.after_planned(planned, planned), next);
    let due = |now| planner.due(planned, at(now), LEAD);
    assert_eq!(due("2026-03-01T02:13:00Z"), Due::Prepare { at: planned });
    assert_eq!(due("2026-03-01T03:59:59Z"), Due::Switch);
    assert_eq!(due("2026-03-01T04:00:00Z"), Due::Missed { next });
    // Back in a window, before the role's turn in it.
    assert_eq!(due("2026-03-08T02:05:00Z"), Due::Missed { next });
}

#[test]
fn a_schedule_without_a_window_is_not_spread() {
    let sunday = schedule("0 2 * * sun", "UTC", None);
    let planner = Planner::new(&sunday, Spread::of_hash(u64::MAX), LEAD);
    let first = planner.first(at("2026-02-27T00:00:00Z"), u64::MAX);
    assert_eq!(first, Some(at("2026-03-01T02:00:00Z")));
}

#[test]
fn a_window_that_holds_a_change_of_clocks_closes_after_its_true_length() {
    let berlin = schedule("30 1 * * *", "Europe/Berlin", Some(2 * HOUR));
    let planned = at("2026-03-29T00:30:00Z");
    let due = |now| planner(&berlin).due(planned, at(now), LEAD);
    // 04:29 and 04:30 in summer time.
    assert_eq!(due("2026-03-29T02:29:00Z"), Due::Switch);
    let next = Some(at("2026-03-29T23:30:00Z"));
    assert_eq!(due("2026-03-29T02:30:00Z"), Due::Missed { next });
}

#[test]
fn the_end_of_time_plans_nothing_and_breaks_nothing() {
    let century = "876000h";
    for timing in [period(HOUR), schedule("0 2 * * *", "UTC", Some(HOUR))] {
        let planner = Planner::new(&timing, no_spread(), seconds(century));
        assert_eq!(planner.first(Timestamp::MAX, 1), None);
        assert_eq!(planner.after_planned(Timestamp::MAX, Timestamp::MAX), None);
        assert_eq!(planner.after_requested(Timestamp::MAX), None);
        let forever = planner.due(Timestamp::MIN, Timestamp::MAX, Duration::MAX);
        assert!(matches!(forever, Due::Switch | Due::Missed { next: None }));
        let early = planner.due(Timestamp::MAX, Timestamp::MIN, Duration::MAX);
        assert_eq!(early, Due::Prepare { at: Timestamp::MAX });
    }
}
