//! Vault's duration syntax: whole seconds, Go's units, and days.
//!
//! Source: `parseutil.ParseDurationSecond` of hashicorp/go-secure-stdlib and
//! Go's `time.ParseDuration`. Only durations that are not negative exist here.

use std::fmt::Write as _;
use std::time::Duration;

use crate::Error;

const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Reads `3600`, `1h30m`, `1.5h`, `7d` or the empty text (zero).
///
/// # Errors
/// A bad request that quotes the text when it is none of these, negative, or
/// longer than 290 years.
pub fn parse(text: &str) -> Result<Duration, Error> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(Duration::ZERO);
    }
    let invalid = || {
        Error::bad_request(format!(
            "invalid duration \"{text}\": use seconds or units such as \"90s\", \"1h30m\" or \"7d\""
        ))
    };
    if trimmed.starts_with('-') {
        return Err(Error::bad_request(format!(
            "duration \"{text}\" is negative: give zero or more"
        )));
    }
    if trimmed.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds: u64 = trimmed.parse().map_err(|_| invalid())?;
        return bounded(u128::from(seconds) * 1_000_000_000).ok_or_else(invalid);
    }
    let mut rest = trimmed.strip_prefix('+').unwrap_or(trimmed);
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let (nanos, after) = component(rest).ok_or_else(invalid)?;
        total = total.checked_add(nanos).ok_or_else(invalid)?;
        rest = after;
    }
    bounded(total).ok_or_else(invalid)
}

/// Writes a duration as Go prints it: `1h30m0s`, `15s`, `0s`.
pub fn go(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = String::new();
    if hours > 0 {
        let _ = write!(text, "{hours}h");
    }
    if hours > 0 || minutes > 0 {
        let _ = write!(text, "{minutes}m");
    }
    let _ = write!(text, "{seconds}s");
    text
}

/// One number with its unit, in nanoseconds, and what follows it.
fn component(text: &str) -> Option<(u128, &str)> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .filter(|length| *length > 0)?;
    let (number, rest) = text.split_at(digits);
    let unit_length = rest
        .find(|c: char| c.is_ascii_digit() || c == '.')
        .unwrap_or(rest.len());
    let (unit, after) = rest.split_at(unit_length);
    let scale = UNITS.iter().find(|(name, _)| *name == unit)?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let whole: u128 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut nanos = whole.checked_mul(scale)?;
    let mut place = scale;
    for digit in fraction.bytes() {
        place /= 10;
        nanos = nanos.checked_add(u128::from(digit - b'0') * place)?;
    }
    Some((nanos, after))
}

/// Go's durations are 64-bit nanoseconds.
fn bounded(nanos: u128) -> Option<Duration> {
    let nanos = i64::try_from(nanos).ok()?;
    u64::try_from(nanos).ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, seconds: f64) {
        assert_eq!(
            parse(text).unwrap(),
            Duration::from_secs_f64(seconds),
            "{text}"
        );
    }

    #[test]
    fn seconds_units_and_days_are_read() {
        check("", 0.0);
        check("3600", 3600.0);
        check("1h30m", 5400.0);
        check("1.5h", 5400.0);
        check("7d", 604_800.0);
        check("250ms", 0.25);
        check(".5s", 0.5);
    }

    #[test]
    fn what_is_no_duration_is_refused_with_the_text() {
        for text in [
            "x",
            "1x",
            "1h30",
            "-1s",
            "1..5h",
            "s",
            "99999999999999999999",
            "999999999d",
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.message().contains(text), "{error}");
        }
    }

    #[test]
    fn durations_print_as_go_prints_them() {
        for (seconds, text) in [(0, "0s"), (15, "15s"), (60, "1m0s"), (5400, "1h30m0s")] {
            assert_eq!(go(Duration::from_secs(seconds)), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_printed_reads_back(seconds in 0_u64..9_000_000_000) {
            let duration = Duration::from_secs(seconds);
            proptest::prop_assert_eq!(parse(&go(duration)).unwrap(), duration);
        }
    }
}
