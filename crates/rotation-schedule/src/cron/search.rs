//! The next time of an expression: first on the calendar, then as an instant.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::CronFields;

/// The first instant after `after` that a time of the schedule stands for.
///
/// Which instant a time stands for never goes back as the time goes on, so the
/// times after the local time of `after` are all that have to be looked at.
pub(super) fn next_after(
    fields: &CronFields,
    zone: &TimeZone,
    after: Timestamp,
) -> Option<Timestamp> {
    let mut from = next_minute(zone.to_datetime(after))?;
    loop {
        let time = next_on_calendar(fields, from)?;
        let at = instant(zone, time)?;
        if at > after {
            return Some(at);
        }
        // `after` is in an hour that clocks repeat, and the time was in the
        // first of the two.
        from = next_minute(time)?;
    }
}

/// The whole minute after a time.
fn next_minute(time: DateTime) -> Option<DateTime> {
    match (time.hour(), time.minute()) {
        (23, 59) => Some(time.date().tomorrow().ok()?.at(0, 0, 0, 0)),
        (hour, 59) => Some(time.date().at(hour + 1, 0, 0, 0)),
        (hour, minute) => Some(time.date().at(hour, minute + 1, 0, 0)),
    }
}

/// The instant that a local time stands for: of a repeated one the first, of one
/// that is skipped the first after the change.
fn instant(zone: &TimeZone, time: DateTime) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(time);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(time).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(time).ok(),
        AmbiguousOffset::Gap { before, .. } => {
            let within = before.to_timestamp(time).ok()?;
            let within = within.checked_add(SignedDuration::from_nanos(1)).ok()?;
            let change = zone.preceding(within).next()?;
            Some(change.timestamp())
        }
    }
}

/// The first local time at or after `from` that matches, as if clocks never
/// changed.
fn next_on_calendar(fields: &CronFields, from: DateTime) -> Option<DateTime> {
    let date = next_date(fields, from.date())?;
    if date == from.date() {
        if let Some(time) = next_time(fields, from.time()) {
            return Some(date.to_datetime(time));
        }
        let date = next_date(fields, date.tomorrow().ok()?)?;
        return Some(date.to_datetime(next_time(fields, Time::midnight())?));
    }
    Some(date.to_datetime(next_time(fields, Time::midnight())?))
}

fn next_time(fields: &CronFields, from: Time) -> Option<Time> {
    let hour = first_bit(fields.hours, from.hour())?;
    if hour == from.hour()
        && let Some(minute) = first_bit(fields.minutes, from.minute())
    {
        return Time::new(hour, minute, 0, 0).ok();
    }
    let hour = if hour == from.hour() {
        first_bit(fields.hours, hour + 1)?
    } else {
        hour
    };
    Time::new(hour, first_bit(fields.minutes, 0)?, 0, 0).ok()
}

fn next_date(fields: &CronFields, from: Date) -> Option<Date> {
    let mut month = from.first_of_month();
    let mut day = from.day();
    // The rarest day is the 29th of February, which comes within eight years;
    // past the year 9999 there is no month.
    loop {
        if let Some(day) = first_bit(days_of(fields, month), day) {
            return Date::new(month.year(), month.month(), day).ok();
        }
        month = month.last_of_month().tomorrow().ok()?;
        day = 1;
    }
}

/// The days of a month that match, as bits.
pub(super) fn days_of(fields: &CronFields, month: Date) -> u64 {
    if fields.months & 1 << month.month() == 0 {
        return 0;
    }
    let first = month.first_of_month().weekday().to_sunday_zero_offset();
    let weekdays = ((fields.weekdays * SIX_WEEKS) >> first) << 1;
    let days = if fields.any_day || fields.any_weekday {
        fields.days & weekdays
    } else {
        fields.days | weekdays
    };
    let exist = (1 << (month.days_in_month() + 1)) - 1;
    days & exist
}

/// Times the bits of a week: the bits of six.
const SIX_WEEKS: u64 = 1 | 1 << 7 | 1 << 14 | 1 << 21 | 1 << 28 | 1 << 35;

/// The first bit that is set at `from` or above.
pub(super) fn first_bit(bits: u64, from: i8) -> Option<i8> {
    let from = u32::try_from(from).ok()?;
    let bits = bits.checked_shr(from)?;
    (bits != 0)
        .then(|| i8::try_from(bits.trailing_zeros() + from).ok())
        .flatten()
}
