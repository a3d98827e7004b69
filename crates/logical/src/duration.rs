//! Vault's duration syntax: whole seconds, Go's units, and whole days.
//!
//! Source: `parseutil.ParseDurationSecond` of hashicorp/go-secure-stdlib and
//! Go's `time.ParseDuration`. Months and years do not exist here.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::SignedDuration;

use crate::Error;

const NANOS: i128 = 1_000_000_000;

const UNITS: [(&str, i128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    // The micro sign and the Greek letter.
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads `3600`, `1h30m`, `1.5h`, `7d` or the empty text (zero).
///
/// # Errors
/// A bad request that quotes the text when it is none of these, negative, or
/// longer than 290 years.
pub fn parse(text: &str) -> Result<Duration, Error> {
    let duration = parse_signed(text)?;
    Duration::try_from(duration).map_err(|_| {
        Error::bad_request(format!(
            "duration \"{text}\" is negative: give zero or more"
        ))
    })
}

/// Reads the same with a `-` or `+` before it.
///
/// # Errors
/// A bad request that quotes the text when it is no duration, or longer than
/// 290 years.
pub fn parse_signed(text: &str) -> Result<SignedDuration, Error> {
    // Go's durations are 64-bit nanoseconds.
    let nanos = nanos(text).and_then(|nanos| i64::try_from(nanos).ok());
    nanos.map(SignedDuration::from_nanos).ok_or_else(|| {
        Error::bad_request(format!(
            "invalid duration \"{text}\": use seconds or units such as \"90s\", \"1h30m\" or \"7d\""
        ))
    })
}

fn nanos(text: &str) -> Option<i128> {
    if text.is_empty() {
        return Some(0);
    }
    if let Ok(seconds) = text.parse::<i64>() {
        return Some(i128::from(seconds) * NANOS);
    }
    if let Some(days) = text.strip_suffix('d') {
        return Some(i128::from(days.parse::<i64>().ok()?) * 86_400 * NANOS);
    }
    let (sign, mut rest) = match text.strip_prefix(['+', '-']) {
        Some(rest) if text.starts_with('-') => (-1, rest),
        Some(rest) => (1, rest),
        None => (1, text),
    };
    let mut total: i128 = 0;
    loop {
        let (nanos, after) = component(rest)?;
        total = total.checked_add(nanos)?;
        if after.is_empty() {
            return Some(sign * total);
        }
        rest = after;
    }
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
fn component(text: &str) -> Option<(i128, &str)> {
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
    let whole: i128 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut nanos = whole.checked_mul(scale)?;
    let mut place = scale;
    for digit in fraction.bytes() {
        place /= 10;
        nanos = nanos.checked_add(i128::from(digit - b'0') * place)?;
    }
    Some((nanos, after))
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
        check("1us1\u{b5}s1\u{3bc}s", 0.000_003);
    }

    #[test]
    fn a_sign_is_read_where_it_is_allowed() {
        for (text, millis) in [
            ("-90", -90_000),
            ("-1h", -3_600_000),
            ("-2d", -172_800_000),
            ("+1.5s", 1500),
        ] {
            assert_eq!(
                parse_signed(text),
                Ok(SignedDuration::from_millis(millis)),
                "{text}"
            );
        }
        assert!(parse("-1h").unwrap_err().message().contains("negative"));
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
            "-",
            " 1h",
            "1h ",
            "1_0s",
            "1.5d",
            "1d12h",
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
            let _ = parse_signed(&text);
        }

        #[test]
        fn what_is_printed_reads_back(seconds in 0_u64..9_000_000_000) {
            let duration = Duration::from_secs(seconds);
            proptest::prop_assert_eq!(parse(&go(duration)).unwrap(), duration);
        }
    }
}
