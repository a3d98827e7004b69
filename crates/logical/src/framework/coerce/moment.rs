//! Durations and moments. A duration is cut to whole seconds, towards zero.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::number::whole;
use super::shape;
use crate::duration;

/// Go keeps durations as 64-bit nanoseconds; more would overflow there.
const MOST_SECONDS: u64 = i64::MAX.unsigned_abs() / 1_000_000_000;

/// A duration that is not negative.
pub(super) fn duration(value: &Value) -> Result<Duration, String> {
    let seconds = signed_duration(value)?.as_secs();
    let seconds = u64::try_from(seconds)
        .map_err(|_| "a duration cannot be negative: give zero or more".to_owned())?;
    Ok(Duration::from_secs(seconds))
}

/// Go: `ParseDurationSecond` of go-secure-stdlib's `parseutil.go`.
pub(super) fn signed_duration(value: &Value) -> Result<SignedDuration, String> {
    let seconds = match value {
        Value::Number(number) => whole(number)?,
        Value::String(text) => {
            let duration = duration::parse_signed(text).map_err(|error| error.to_string())?;
            duration.as_secs()
        }
        _ => return Err(format!("expected a duration, got {}", shape(value))),
    };
    if seconds.unsigned_abs() > MOST_SECONDS {
        return Err(format!("{seconds} seconds are more than 290 years"));
    }
    Ok(SignedDuration::from_secs(seconds))
}

/// Go: `ParseAbsoluteTime` of go-secure-stdlib's `parseutil.go`.
pub(super) fn time(value: &Value) -> Result<Timestamp, String> {
    let found = match value {
        Value::Number(number) => number.as_i64().and_then(epoch),
        Value::String(text) => rfc3339(text).or_else(|| text.parse().ok().and_then(epoch)),
        _ => return Err(format!("expected a time, got {}", shape(value))),
    };
    found.ok_or_else(|| {
        format!(
            "{value} is no time: use RFC 3339, such as \"2026-03-01T10:00:00Z\", or whole seconds \
             since 1970"
        )
    })
}

fn epoch(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok()
}

/// Go's `time.Parse(time.RFC3339Nano, text)`, which is stricter than ISO 8601:
/// the letters are upper case, nothing is left out, and no minute has a 61st
/// second. Digits beyond nanoseconds are cut off.
fn rfc3339(text: &str) -> Option<Timestamp> {
    const DATE_AND_TIME: &str = "0000-00-00T00:00:00";
    let (start, rest) = text.split_at_checked(DATE_AND_TIME.len())?;
    let digits = rest.strip_prefix(['.', ',']).map(|rest| {
        let end = rest.find(|letter: char| !letter.is_ascii_digit());
        rest.split_at(end.unwrap_or(rest.len()))
    });
    let (fraction, zone) = digits.unwrap_or(("0", rest));
    let complete = like(start, DATE_AND_TIME)
        && start.get(17..)? < "60"
        && !fraction.is_empty()
        && (zone == "Z" || like(zone, "+00:00") || like(zone, "-00:00"));
    let fraction = fraction.get(..9).unwrap_or(fraction);
    complete
        .then(|| format!("{start}.{fraction}{zone}").parse().ok())
        .flatten()
}

/// Whether `text` has a digit wherever `pattern` has one, and equals it elsewhere.
fn like(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(byte, expected)| {
            if expected == b'0' {
                byte.is_ascii_digit()
            } else {
                byte == expected
            }
        })
}
