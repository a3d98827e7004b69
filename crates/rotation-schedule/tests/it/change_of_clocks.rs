//! What happens to times that a change of clocks skips or repeats.

use std::time::{Duration, Instant};

use rotation_schedule::{CronSchedule, TimeZoneName};

use crate::at;

/// The times of an expression after an instant, as local times with their
/// offset.
#[track_caller]
fn check(expression: &str, zone: &str, after: &str, expected: &[&str]) {
    let cron = CronSchedule::parse(expression).unwrap();
    let name = TimeZoneName::parse(zone).unwrap();
    let mut time = at(after);
    for expected in expected {
        time = cron.next_after(&name, time).unwrap();
        let local = time.in_tz(zone).unwrap();
        assert_eq!(local.strftime("%Y-%m-%d %H:%M %z").to_string(), *expected);
    }
}

#[test]
fn a_time_that_is_skipped_is_the_first_after_the_change() {
    check(
        "30 2 * * *",
        "Europe/Berlin",
        "2026-03-28T00:00:00Z",
        &[
            "2026-03-28 02:30 +0100",
            "2026-03-29 03:00 +0200",
            "2026-03-30 02:30 +0200",
        ],
    );
}

#[test]
fn times_that_are_skipped_together_fire_once_with_the_one_after_them() {
    check(
        "*/20 1-3 * * *",
        "Europe/Berlin",
        "2026-03-29T00:30:00Z",
        &[
            "2026-03-29 01:40 +0100",
            "2026-03-29 03:00 +0200",
            "2026-03-29 03:20 +0200",
        ],
    );
}

#[test]
fn a_time_that_comes_twice_is_the_first() {
    check(
        "30 2 * * *",
        "Europe/Berlin",
        "2026-10-24T12:00:00Z",
        &["2026-10-25 02:30 +0200", "2026-10-26 02:30 +0100"],
    );
    // Asked between the two: the next is tomorrow.
    check(
        "30 2 * * *",
        "Europe/Berlin",
        "2026-10-25T01:10:00Z",
        &["2026-10-26 02:30 +0100"],
    );
}

#[test]
fn an_hourly_schedule_pauses_while_an_hour_is_repeated() {
    check(
        "0 * * * *",
        "Europe/Berlin",
        "2026-10-24T23:30:00Z",
        &["2026-10-25 02:00 +0200", "2026-10-25 03:00 +0100"],
    );
}

#[test]
fn a_midnight_that_is_skipped_is_one_o_clock() {
    check(
        "0 0 * * *",
        "America/Santiago",
        "2026-09-05T12:00:00Z",
        &["2026-09-06 01:00 -0300", "2026-09-07 00:00 -0300"],
    );
}

#[test]
fn a_midnight_after_a_repeated_hour_fires_once() {
    check(
        "0 0 * * *",
        "America/Santiago",
        "2026-04-04T12:00:00Z",
        &["2026-04-05 00:00 -0400", "2026-04-06 00:00 -0400"],
    );
}

#[test]
fn half_an_hour_is_skipped_and_repeated_as_well() {
    check(
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2026-10-03T12:00:00Z",
        &["2026-10-04 02:30 +1100", "2026-10-05 02:15 +1100"],
    );
    check(
        "45 1 * * *",
        "Australia/Lord_Howe",
        "2026-04-04T12:00:00Z",
        &["2026-04-05 01:45 +1100", "2026-04-06 01:45 +1030"],
    );
}

#[test]
fn a_day_that_a_zone_left_out_is_the_first_instant_after_it() {
    check(
        "0 12 30 * *",
        "Pacific/Apia",
        "2011-12-01T00:00:00Z",
        &["2011-12-31 00:00 +1400", "2012-01-30 12:00 +1400"],
    );
}

#[test]
fn rules_of_clocks_hold_beyond_the_years_that_the_database_lists() {
    check(
        "30 2 * * sun",
        "Europe/Berlin",
        "2080-03-25T00:00:00Z",
        &["2080-03-31 03:00 +0200", "2080-04-07 02:30 +0200"],
    );
}

#[test]
fn the_rarest_day_is_found_across_a_century_without_a_leap_year() {
    check(
        "0 0 29 2 *",
        "UTC",
        "2096-03-01T00:00:00Z",
        &["2104-02-29 00:00 +0000"],
    );
}

#[test]
fn both_days_restricted_are_either_of_them() {
    // Friday, and the 13th.
    check(
        "0 0 13 * fri",
        "UTC",
        "2026-03-01T00:00:00Z",
        &[
            "2026-03-06 00:00 +0000",
            "2026-03-13 00:00 +0000",
            "2026-03-20 00:00 +0000",
            "2026-03-27 00:00 +0000",
            "2026-04-03 00:00 +0000",
            "2026-04-10 00:00 +0000",
            "2026-04-13 00:00 +0000",
        ],
    );
}

#[test]
fn there_is_no_time_past_the_last_year() {
    let cron = CronSchedule::parse("0 0 29 2 *").unwrap();
    let utc = TimeZoneName::utc();
    assert_eq!(cron.next_after(&utc, at("9996-03-01T00:00:00Z")), None);
    assert_eq!(cron.next_after(&utc, jiff::Timestamp::MAX), None);
    assert!(cron.next_after(&utc, jiff::Timestamp::MIN).is_some());
}

#[test]
fn the_next_time_is_found_within_a_millisecond_at_most() {
    let berlin = TimeZoneName::parse("Europe/Berlin").unwrap();
    for expression in ["0 0 29 2 *", "* * * * *", "59 23 31 12 *", "0 0 1 1 mon"] {
        let cron = CronSchedule::parse(expression).unwrap();
        let start = Instant::now();
        let mut time = at("2096-03-01T00:00:00Z");
        for _ in 0..20 {
            time = cron.next_after(&berlin, time).unwrap();
        }
        // An average, so that a pause of the machine does not count, with room for
        // builds without optimization.
        let each = start.elapsed() / 20;
        assert!(each < Duration::from_millis(5), "{expression}: {each:?}");
    }
}

/// The shortest interval in minutes.
#[track_caller]
fn shortest(expression: &str, zone: &str, minutes: u64) {
    let cron = CronSchedule::parse(expression).unwrap();
    let zone = TimeZoneName::parse(zone).unwrap();
    let shortest = cron.shortest_interval(&zone, at("2026-01-01T00:00:00Z"));
    assert_eq!(shortest, Duration::from_secs(minutes * 60), "{expression}");
}

#[test]
fn the_shortest_interval_is_exact_on_the_calendar() {
    const DAY: u64 = 1440;
    shortest("* * * * *", "UTC", 1);
    shortest("*/7 * * * *", "UTC", 4);
    shortest("0,50 */6 * * *", "UTC", 50);
    shortest("50 8,9 * * *", "UTC", 60);
    shortest("10,50 8,9 * * *", "UTC", 20);
    shortest("0 2 * * *", "UTC", DAY);
    shortest("0 1,23 * * *", "UTC", 120);
    shortest("0 2 * * sun", "UTC", 7 * DAY);
    shortest("0 2 1 * *", "UTC", 28 * DAY);
    // Neighbours in leap years only.
    shortest("0 0 1,29 2,3 *", "UTC", DAY);
    shortest("0 0 29 2 *", "UTC", 1461 * DAY);
    shortest("0 0 1 1 *", "UTC", 365 * DAY);
}

#[test]
fn the_shortest_interval_counts_clocks_that_go_forward() {
    shortest("0 12 * * *", "Europe/Berlin", 23 * 60);
    // 01:30, and 02:30 that becomes 03:00.
    shortest("30 1,2 * * *", "Europe/Berlin", 30);
    shortest("0 * * * *", "Europe/Berlin", 60);
    shortest("0 12 * * *", "Australia/Lord_Howe", 23 * 60 + 30);
    shortest("0 12 * * *", "Asia/Kolkata", 24 * 60);
    shortest("0 12 * * sun", "Europe/Berlin", 7 * 1440 - 60);
    shortest("0 12 1 jan *", "Europe/Berlin", 365 * 1440);
}
