//! Cron expressions and zones: what is refused is refused by the name of its
//! field, and what is read has its next times in order, none nearer than the
//! shortest interval, and is read again from what was stored.

use jiff::Timestamp;
use rotation_schedule::{Timing, TimingFields};

use super::texts;
use crate::input::Input;

/// An expression and, on the second line, a zone.
pub(super) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let expression = String::from_utf8_lossy(input.line()).into_owned();
    let zone = String::from_utf8_lossy(input.rest()).into_owned();
    let fields = TimingFields {
        rotation_schedule: Some(expression),
        rotation_timezone: (!zone.is_empty()).then_some(zone),
        ..TimingFields::default()
    };
    match Timing::parse(&fields) {
        Ok(timing) => check(&timing),
        Err(error) => {
            let names = ["`rotation_schedule` is ", "`rotation_timezone` is "];
            let text = error.to_string();
            assert!(names.iter().any(|name| text.starts_with(name)), "{text}");
            assert!(!text.contains(char::is_control), "{text:?}");
        }
    }
}

fn check(timing: &Timing) {
    let stored = serde_json::to_string(timing).expect("fields are JSON");
    let read: Timing = serde_json::from_str(&stored).expect("what was stored is read");
    assert_eq!(&read, timing);

    // The week before clocks change in Europe.
    let mut time = Timestamp::constant(1_774_200_000, 0);
    let shortest = timing.shortest_interval(time).expect("a schedule has one");
    let schedule = timing.schedule().expect("a schedule was read");
    let mut previous = None;
    for _ in 0..10 {
        let next = schedule.next_after(time).expect("it fires again and again");
        assert!(next > time, "{stored}");
        if let Some(previous) = previous {
            let apart = next.duration_since(previous).unsigned_abs();
            assert!(apart >= shortest, "{stored}: {previous} and {next}");
        }
        previous = Some(next);
        time = next;
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    texts(&[
        "0 2 * * *\nEurope/Berlin",
        "*/15 9-17 * * mon-fri\nAmerica/Santiago",
        "0 0 29 2 *",
        "30 1,2 * * sun\nAustralia/Lord_Howe",
        "5/20 ? 1-7,13 JAN,jul 7\nUTC",
        "0 0 13 * fri",
        "0 0 31 2 *",
        "61 * * * *",
        "0 0 2 * * *",
        "@hourly",
        "@every 1h",
        "CRON_TZ=UTC 0 2 * * *",
        "",
        "0 2 * * *\nEurope/Berln",
        "1-2-3/4/5 ,, - */0 L",
    ])
}
