//! What answers say of time.

use std::time::Duration;

use rotation_schedule::{Timing, told_period, ttl};

use crate::{at, period, schedule};

const REFRESH: Duration = Duration::from_hours(3);

#[track_caller]
fn check(now: &str, refresh: Duration, expected: u64) {
    let next = Some(at("2026-03-02T10:00:00Z"));
    assert_eq!(ttl(next, refresh, at(now)), expected, "{now}");
}

#[test]
fn the_ttl_is_the_time_to_the_next_rotation_and_refresh_at_most() {
    check("2026-03-01T10:00:00Z", REFRESH, 10_800);
    check("2026-03-02T07:00:00Z", REFRESH, 10_800);
    check("2026-03-02T09:00:00Z", REFRESH, 3600);
    check("2026-03-02T09:59:58.9Z", REFRESH, 1);
}

#[test]
fn the_ttl_is_never_zero() {
    check("2026-03-02T09:59:59.999Z", REFRESH, 1);
    check("2026-03-02T10:00:00Z", Duration::ZERO, 1);
    assert_eq!(ttl(None, Duration::ZERO, at("2026-03-02T10:00:00Z")), 1);
}

#[test]
fn clients_come_back_soon_while_a_rotation_is_late() {
    check("2026-03-02T10:00:00Z", REFRESH, 10);
    check("2026-04-02T10:00:00Z", REFRESH, 10);
    check("2026-03-02T10:00:00Z", Duration::from_secs(5), 5);
}

#[test]
fn a_role_that_is_rotated_by_hand_has_refresh_as_ttl_and_period() {
    let now = at("2026-03-02T10:00:00Z");
    assert_eq!(ttl(None, REFRESH, now), 10_800);
    assert_eq!(told_period(&Timing::Manual, now, None, REFRESH), 10_800);
}

#[test]
fn a_period_is_told_as_it_was_written_and_a_schedule_as_its_present_interval() {
    let last = at("2026-03-28T02:00:05.5Z");
    let next = Some(at("2026-03-29T01:00:00Z"));
    let told = |timing: &Timing| told_period(timing, last, next, REFRESH);
    assert_eq!(told(&period(86_400)), 86_400);
    assert_eq!(told(&schedule("0 3 * * *", "Europe/Berlin", None)), 82_794);
}

#[test]
fn the_period_is_never_shorter_than_the_ttl() {
    let hourly = schedule("0 * * * *", "UTC", None);
    let next = at("2026-03-02T10:00:00Z");
    for (last, now) in [
        ("2026-03-02T09:00:00.9Z", "2026-03-02T09:00:00.9Z"),
        ("2026-03-02T09:59:59Z", "2026-03-02T10:30:00Z"),
        ("2026-03-02T11:00:00Z", "2026-03-02T11:00:00Z"),
    ] {
        let told = told_period(&hourly, at(last), Some(next), REFRESH);
        assert!(told >= ttl(Some(next), REFRESH, at(now)), "{last} {now}");
    }
}
