//! Durations in variables: whole seconds, or Go's form such as `1m30s`.

use std::time::Duration;

/// Units of Go's form with their length in nanoseconds, longest name first.
const UNITS: &[(&str, f64)] = &[
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 6e10),
    ("h", 3.6e12),
];

/// A duration as headers take it: whole seconds, rounded up.
pub(crate) fn whole_seconds(duration: Duration) -> String {
    format!("{}s", seconds_up(duration))
}

/// Whole seconds, rounded up: 0 would mean something else than a short time.
pub(crate) fn seconds_up(duration: Duration) -> u64 {
    let rest = u64::from(duration.subsec_nanos() > 0);
    duration.as_secs().saturating_add(rest)
}

/// Reads `60`, `1.5h` or `1m30s`; none if it is neither, or negative.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    go_duration(text)
}

/// Reads a duration in Go's form, such as `1.5h` or `1m30s`; none if it is not one,
/// without a unit, or negative.
pub fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let after = &rest[digits..];
        let length = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (_, nanoseconds) = UNITS.iter().find(|(name, _)| *name == &after[..length])?;
        let part = Duration::try_from_secs_f64(number * nanoseconds / 1e9).ok()?;
        total = total.checked_add(part)?;
        rest = &after[length..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_the_form_of_go_are_read() {
        assert_eq!(parse("60"), Some(Duration::from_mins(1)));
        assert_eq!(parse("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse("1.5h"), Some(Duration::from_mins(90)));
        assert_eq!(parse("250ms"), Some(Duration::from_millis(250)));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "-1",
            "5 parsecs",
            "m",
            "1m30",
            "1..5s",
            "1e400h",
            "9999999999999999999999h",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
