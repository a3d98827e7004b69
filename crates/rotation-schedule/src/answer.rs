//! What answers say of time: `ttl` and `rotation_period`.

use std::time::Duration;

use jiff::Timestamp;

use crate::timing::Timing;

/// The `ttl` of an answer while a rotation is late: clients come back soon.
const LATE: u64 = 10;

/// The `ttl` of an answer, in seconds: until the next rotation, `refresh` at
/// most, and 10 seconds (or `refresh`, if that is less) while the rotation is
/// late. Never 0, which clients take for an error.
pub fn ttl(next_rotation: Option<Timestamp>, refresh: Duration, now: Timestamp) -> u64 {
    let refresh = refresh.as_secs().max(1);
    let Some(next) = next_rotation else {
        return refresh;
    };
    if now >= next {
        return LATE.min(refresh);
    }
    let left = u64::try_from(next.duration_since(now).as_secs()).unwrap_or(0);
    left.clamp(1, refresh)
}

/// The `rotation_period` of an answer, in seconds: the period, with a schedule
/// the interval from the last rotation to the next, and `refresh` where a role
/// is rotated by hand. It is never shorter than the `ttl`.
pub fn told_period(
    timing: &Timing,
    last_rotation: Timestamp,
    next_rotation: Option<Timestamp>,
    refresh: Duration,
) -> u64 {
    let refresh = refresh.as_secs().max(1);
    match (timing, next_rotation) {
        (Timing::Period(period), _) => period.as_secs(),
        (Timing::Schedule(_), Some(next)) => {
            let interval = next.duration_since(last_rotation).as_secs();
            u64::try_from(interval).unwrap_or(0).max(LATE.min(refresh))
        }
        (Timing::Schedule(_), None) | (Timing::Manual, _) => refresh,
    }
}
