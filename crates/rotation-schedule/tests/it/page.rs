//! The tables of `docs/rotation-times.md` say what the crate does.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rotation_schedule::{
    CronSchedule, FieldError, KeyLead, Overlap, OverlapFields, TimeZoneName, Timing, TimingFields,
};

use crate::at;

const PAGE: &str = include_str!("../../../../docs/rotation-times.md");

/// The rows of the table with this heading.
#[track_caller]
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let lines = PAGE.lines().skip_while(|line| *line != heading).skip(2);
    let rows: Vec<Vec<&str>> = lines
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(!rows.is_empty(), "{heading}");
    rows
}

fn code(cell: &str) -> &str {
    cell.trim_matches('`')
}

/// As many next times as a cell lists, written the same way.
fn next_times(expression: &str, zone: &str, after: &str, format: &str, cell: &str) -> String {
    let cron = CronSchedule::parse(expression).unwrap();
    let local: DateTime = after.parse().unwrap();
    let name = TimeZoneName::parse(zone).unwrap();
    let zone = TimeZone::get(zone).unwrap();
    let mut time = zone.to_timestamp(local).unwrap();
    let times = cell.split(", ").map(|_| {
        time = cron.next_after(&name, time).unwrap();
        let local = time.to_zoned(zone.clone());
        local.strftime(format).to_string()
    });
    times.collect::<Vec<_>>().join(", ")
}

#[test]
fn the_times_of_the_page_are_the_times_of_its_schedules() {
    let heading = "| `rotation_schedule` | says | next times after Sunday, 1 March 2026, 10:00 |";
    for row in table(heading) {
        let [schedule, _, cell] = row[..] else {
            panic!("{row:?}")
        };
        let after = "2026-03-01 10:00";
        let times = next_times(code(schedule), "UTC", after, "%Y-%m-%d %H:%M", cell);
        assert_eq!(times, cell, "{schedule}");
    }
}

#[test]
fn the_times_of_the_page_around_changes_of_clocks_are_right() {
    let heading = "| `rotation_schedule` | after | next times, with the distance from UTC |";
    for row in table(heading) {
        let [schedule, after, cell] = row[..] else {
            panic!("{row:?}")
        };
        let format = "%Y-%m-%d %H:%M %:::z";
        let times = next_times(code(schedule), "Europe/Berlin", after, format, cell);
        assert_eq!(times, cell, "{schedule}");
    }
}

#[test]
fn the_errors_of_the_page_are_what_is_answered() {
    for row in table("| what was given | answer |") {
        let [given, answer] = row[..] else {
            panic!("{row:?}")
        };
        let error = read(code(given)).unwrap_err();
        assert_eq!(format!("\"{error}\""), answer, "{given}");
    }
}

/// Reads fields as they are written on a command line, for a Kafka key.
fn read(given: &str) -> Result<Overlap, FieldError> {
    let mut fields: Vec<(&str, String)> = Vec::new();
    for word in given.split(' ') {
        match (word.split_once('='), fields.last_mut()) {
            (Some((field, value)), _) => fields.push((field, value.into())),
            (None, Some((_, value))) => {
                value.push(' ');
                value.push_str(word);
            }
            (None, None) => assert_eq!(given, "nothing"),
        }
    }
    let text = |wanted: &str| {
        let found = fields.iter().find(|(field, _)| *field == wanted);
        found.map(|(_, value)| value.clone())
    };
    let duration = |field: &str| text(field).map(|value| duration(&value));
    let timing = Timing::parse(&TimingFields {
        rotation_period: duration("rotation_period").map(|period| period.as_secs()),
        rotation_schedule: text("rotation_schedule"),
        rotation_timezone: text("rotation_timezone"),
        rotation_window: duration("rotation_window").map(|window| window.as_secs()),
        rotation: text("rotation"),
    })?;
    let overlap = OverlapFields {
        grace: duration("grace"),
        refresh: duration("refresh"),
    };
    let key = KeyLead {
        kind: "Kafka",
        lead: Duration::from_mins(4),
    };
    Overlap::new(overlap, &timing, key, at("2026-03-01T10:00:00Z"))
}

/// `1d`, `6h` or `0`.
fn duration(text: &str) -> Duration {
    let unit = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let number: u64 = text.trim_end_matches(unit).parse().unwrap();
    let seconds = match unit {
        "d" => 86_400,
        "h" => 3600,
        _ => 1,
    };
    Duration::from_secs(number * seconds)
}
