//! Durations: what is read is the same duration after it was written and read
//! again, and what is refused is refused with the text.

use logical::duration;

use super::texts;
use crate::input::text;

pub(super) fn run(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let signed = duration::parse_signed(text);
    match duration::parse(text) {
        Ok(read) => {
            let whole = std::time::Duration::from_secs(read.as_secs());
            let written = duration::go(whole);
            assert_eq!(duration::parse(&written).ok(), Some(whole), "{written}");
            let signed = signed.expect("a duration is a signed duration");
            assert_eq!(std::time::Duration::try_from(signed).ok(), Some(read));
        }
        Err(error) => {
            assert!(error.message().contains(text), "{error}");
            assert!(signed.is_err() || text.starts_with('-'), "{text}");
        }
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    texts(&[
        "",
        "0",
        "3600",
        "1h30m",
        "1.5h",
        "7d",
        "-5s",
        "+1m",
        "100ms",
        "1h1m1s1ms1us1ns",
        "1µs",
        "1μs",
        ".5s",
        "9223372036854775807",
        "106751d",
        "-0",
        "0.0000000000000000000001h",
    ])
}
