//! Durations in errors.

use std::fmt::Write as _;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// `30s`, `1h30m`, `24h`, `90d`: what fields of durations take.
pub(crate) fn short(seconds: u64) -> String {
    if seconds >= 2 * DAY && seconds.is_multiple_of(DAY) {
        return format!("{}d", seconds / DAY);
    }
    let parts = [
        (seconds / HOUR, "h"),
        (seconds % HOUR / MINUTE, "m"),
        (seconds % MINUTE, "s"),
    ];
    let mut text = String::new();
    for (count, unit) in parts.into_iter().filter(|(count, _)| *count > 0) {
        let _ = write!(text, "{count}{unit}");
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// `30 seconds`, `4 minutes`: whole minutes, where there are more than two.
pub(crate) fn words(seconds: u64) -> String {
    if seconds < 2 * MINUTE {
        format!("{seconds} seconds")
    } else {
        format!("{} minutes", seconds.div_ceil(MINUTE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_operators_write_them() {
        for (seconds, text) in [
            (0, "0s"),
            (30, "30s"),
            (600, "10m"),
            (5400, "1h30m"),
            (21_600, "6h"),
            (86_400, "24h"),
            (90_061, "25h1m1s"),
            (7_776_000, "90d"),
        ] {
            assert_eq!(short(seconds), text);
        }
    }

    #[test]
    fn times_that_keys_take_are_in_words() {
        assert_eq!(words(30), "30 seconds");
        assert_eq!(words(240), "4 minutes");
        assert_eq!(words(241), "5 minutes");
    }
}
