//! Durations as the command line and `/simulator/` take them.

use std::fmt;
use std::time::Duration;

const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// A text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidDuration(String);

impl fmt::Display for InvalidDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a duration: use whole numbers with units, such as `500ms`, `120s` or `1h30m`",
            self.0
        )
    }
}

impl std::error::Error for InvalidDuration {}

/// Reads `500ms`, `120s`, `1h30m`, or whole seconds without a unit.
///
/// # Errors
/// When the text is none of these, or too long a time.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    milliseconds(text)
        .map(Duration::from_millis)
        .ok_or_else(|| InvalidDuration(text.chars().take(64).collect()))
}

fn milliseconds(text: &str) -> Option<u64> {
    if let Some(seconds) = digits(text) {
        return seconds.checked_mul(1_000);
    }
    let (mut rest, mut total) = (text, 0_u64);
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let end = after.find(|c: char| c.is_ascii_digit());
        let (unit, after) = after.split_at(end.unwrap_or(after.len()));
        let (_, length) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(digits(number)?.checked_mul(*length)?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

fn digits(text: &str) -> Option<u64> {
    let only = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    only.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, milliseconds) in [
            ("0", 0),
            ("30", 30_000),
            ("500ms", 500),
            ("120s", 120_000),
            ("1h30m", 5_400_000),
            ("1d1ms", 86_400_001),
        ] {
            let expected = Duration::from_millis(milliseconds);
            assert_eq!(parse_duration(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "s",
            "1x",
            "-1s",
            "1.5h",
            "1s2",
            " 1s",
            "99999999999999999999d",
            "1 s",
        ] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
    }
}
