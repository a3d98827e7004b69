//! Durations as Go's programs take and show them, such as `90ms` or `1m30s`.

use std::time::Duration;

/// Reads a duration with its unit, or `0`.
///
/// # Errors
/// When it is none, with an example.
pub fn parse(text: &str) -> Result<Duration, String> {
    let parsed = match text {
        "0" => Some(Duration::ZERO),
        _ => vault_client::go_duration(text),
    };
    parsed.ok_or_else(|| {
        format!("`{text}` is not a duration: write it with its unit, such as `90ms` or `1m30s`")
    })
}

/// A latency with three significant digits: `950µs`, `1.92s`.
pub fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let (value, unit) = if seconds < 1e-3 {
        (seconds * 1e6, "µs")
    } else if seconds < 1.0 {
        (seconds * 1e3, "ms")
    } else {
        (seconds, "s")
    };
    let decimals = match value {
        value if value < 9.995 && unit != "µs" => 2,
        value if value < 99.95 && unit != "µs" => 1,
        _ => 0,
    };
    format!("{value:.decimals$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_go_are_read() {
        for (text, milliseconds) in [("0", 0), ("90ms", 90), ("1.5s", 1500), ("1m30s", 90_000)] {
            assert_eq!(
                parse(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "5", "-1s", "ms", "1 s", "5 parsecs", "1e400h", "1..5s"] {
            assert!(parse(text).unwrap_err().contains("`90ms`"), "{text}");
        }
    }

    #[test]
    fn a_latency_is_shown_with_three_digits() {
        for (nanoseconds, expected) in [
            (950_400, "950µs"),
            (1_204_000, "1.20ms"),
            (40_000_000, "40.0ms"),
            (999_000_000, "999ms"),
            (1_920_000_000, "1.92s"),
        ] {
            assert_eq!(shown(Duration::from_nanos(nanoseconds)), expected);
        }
    }
}
