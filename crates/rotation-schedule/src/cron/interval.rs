//! The shortest time between two times of an expression.

use std::time::Duration;

use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::CronFields;
use super::search::{days_of, first_bit, next_after};

const MINUTES_OF_DAY: i64 = 24 * 60;

/// How far ahead changes of clocks are looked at. Their rules change more often
/// than that.
const AHEAD: SignedDuration = SignedDuration::from_hours(10 * 366 * 24);

/// The shortest interval, changes of clocks included.
pub(super) fn shortest(fields: &CronFields, zone: &TimeZone, now: Timestamp) -> Duration {
    let until = now.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
    zone.following(now)
        .map(|change| change.timestamp())
        .take_while(|change| *change < until)
        .filter(|change| goes_forward(zone, *change))
        .filter_map(|change| around(fields, zone, change))
        .chain([on_calendar(fields)])
        .min()
        .unwrap_or(Duration::MAX)
}

/// Whether clocks skip something at a change: only that makes intervals shorter.
fn goes_forward(zone: &TimeZone, change: Timestamp) -> bool {
    let before = change - SignedDuration::from_nanos(1);
    zone.to_offset(change) > zone.to_offset(before)
}

/// The shorter of the interval that ends at or after a change and the one that
/// follows.
fn around(fields: &CronFields, zone: &TimeZone, change: Timestamp) -> Option<Duration> {
    let last = last_before(fields, zone, change)?;
    let next = next_after(fields, zone, last)?;
    let following = next_after(fields, zone, next)?;
    let shorter = next
        .duration_since(last)
        .min(following.duration_since(next));
    Duration::try_from(shorter).ok()
}

/// The last time before an instant: by ever larger steps back, then by halving
/// the last of them.
fn last_before(fields: &CronFields, zone: &TimeZone, end: Timestamp) -> Option<Timestamp> {
    let second = SignedDuration::from_secs(1);
    let time_after = |back: SignedDuration| {
        let from = end.checked_sub(back).ok()?;
        next_after(fields, zone, from).filter(|time| *time < end)
    };
    let mut none_within = second;
    let mut some_within = SignedDuration::from_mins(10);
    while time_after(some_within).is_none() {
        // The rarest schedule has a time in eight years.
        (some_within < SignedDuration::from_hours(16 * 366 * 24)).then_some(())?;
        none_within = some_within;
        some_within = some_within.checked_mul(2)?;
    }
    while some_within - none_within > second {
        let middle = (some_within + none_within) / 2;
        if time_after(middle).is_some() {
            some_within = middle;
        } else {
            none_within = middle;
        }
    }
    time_after(some_within)
}

/// The shortest interval where clocks never change.
pub(super) fn on_calendar(fields: &CronFields) -> Duration {
    let first = 60 * first_of(fields.hours) + first_of(fields.minutes);
    let last = 60 * last_of(fields.hours) + last_of(fields.minutes);
    let overnight = days_apart(fields) * MINUTES_OF_DAY - (last - first);
    let minutes = within_day(fields).map_or(overnight, |within| within.min(overnight));
    Duration::from_secs(u64::try_from(minutes).unwrap_or(1) * 60)
}

/// The shortest interval within one day, in minutes.
fn within_day(fields: &CronFields) -> Option<i64> {
    let minutes = closest(fields.minutes);
    // From the last minute of an hour to the first of another.
    let spread = last_of(fields.minutes) - first_of(fields.minutes);
    let hours = closest(fields.hours).map(|hours| hours * 60 - spread);
    minutes.into_iter().chain(hours).min()
}

fn first_of(bits: u64) -> i64 {
    i64::from(bits.trailing_zeros())
}

fn last_of(bits: u64) -> i64 {
    i64::from(bits.checked_ilog2().unwrap_or(0))
}

/// The shortest distance between two bits that are set.
fn closest(bits: u64) -> Option<i64> {
    (1..64_i64).find(|distance| bits & bits >> distance != 0)
}

/// The shortest distance between two days that match: over 29 years, in which
/// every month begins on every day of the week, in leap years and others.
fn days_apart(fields: &CronFields) -> i64 {
    let mut shortest = i64::MAX / MINUTES_OF_DAY;
    let mut previous: Option<i64> = None;
    let mut month = date(2000, 1, 1);
    let mut start = 0;
    while month.year() <= 2028 {
        let days = days_of(fields, month);
        let mut from = 1;
        while let Some(day) = first_bit(days, from) {
            let day_number = start + i64::from(day);
            if let Some(previous) = previous {
                shortest = shortest.min(day_number - previous);
            }
            if shortest == 1 {
                return 1;
            }
            previous = Some(day_number);
            from = day + 1;
        }
        start += i64::from(month.days_in_month());
        let Ok(next) = month.last_of_month().tomorrow() else {
            break;
        };
        month = next;
    }
    shortest
}
