//! Frames as a terminal would get them.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::load::record::{Class, Sample};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A record of answers that took these milliseconds; every third was not good.
fn record(latencies: &[u64]) -> Record {
    let mut record = Record::new(&["GET /".to_owned()]);
    for (index, latency) in latencies.iter().enumerate() {
        let bad = index % 3 == 2;
        record.add(&Sample {
            target: 0,
            planned: ms(0),
            sent: ms(0),
            done: ms(*latency),
            status: Some(if bad { 503 } else { 200 }),
            error: bad.then_some(Class::Sealed),
        });
    }
    record
}

fn view(record: &Record, coloured: bool) -> View<'_> {
    View {
        progress: Progress {
            now: ms(12_000),
            due: 3600,
            sent: 3598,
            started: 3590,
            in_flight: 2,
            rate: 300.0,
        },
        rate: 299,
        record,
        tab: Tab::Histogram,
        axis: Axis::new(ms(1), ms(40)).unwrap(),
        coloured,
    }
}

#[test]
fn a_frame_has_slappers_status_line_and_rows() {
    let record = record(&[1, 1, 1, 4, 4, 200]);
    let size = Size {
        columns: 80,
        rows: 10,
    };
    let expected = "\
sent: 3598   in-flight: 2  rate:  299/300 RPS responses: [200]: 4      [503]: 2
10 s: p50 1.00ms p99 200ms  late starts 0, waiting 10
      <2.0 ms: [     2/     1] EEEEEEEEEEEEEEEE********************************
   2.0-3.1 ms: [     0/     0]
   3.1-5.3 ms: [     2/     0] ********************************
     5- 10 ms: [     0/     0]
    10- 20 ms: [     0/     0]
    20- 40 ms: [     0/     0]
       40+ ms: [     0/     1] EEEEEEEEEEEEEEEE
q end  r reset  k/j rate  tab view";
    assert_eq!(frame(&view(&record, false), size).join("\n"), expected);
}

#[test]
fn the_heat_map_shows_when_it_was_slow_and_when_there_were_errors() {
    let mut record = Record::new(&["GET /".to_owned()]);
    for number in 0..40_u64 {
        let slow = (16..24).contains(&number);
        let at = ms(250 * number);
        record.add(&Sample {
            target: 0,
            planned: at,
            sent: at,
            done: at + ms(if slow { 100 } else { 3 }),
            status: Some(200),
            error: (number == 20).then_some(Class::Other),
        });
    }
    let size = Size {
        columns: 60,
        rows: 10,
    };
    let view = View {
        tab: Tab::Heat,
        ..view(&record, false)
    };
    let lines = frame(&view, size);
    let expected = [
        " 92.7ms |                @@@@@@@@",
        " 46.3ms |",
        " 23.2ms |",
        " 11.6ms |",
        " 5.79ms |",
        " 2.90ms |@@@@@@@@@@@@@@@@        @@@@@@@@@@@@@@@@",
        " errors |                    E",
    ];
    assert_eq!(lines[2..9], expected);
}

#[test]
fn errors_are_listed_by_class() {
    let record = record(&[1, 1, 1]);
    for rows in [7, 24] {
        let view = View {
            tab: Tab::Errors,
            ..view(&record, false)
        };
        let lines = frame(&view, Size { columns: 60, rows });
        let expected = "        503 sealed         1".to_owned();
        assert!(lines.contains(&expected), "{lines:?}");
    }
}

#[test]
fn a_terminal_that_is_too_small_is_told_so() {
    let record = record(&[1]);
    let size = Size {
        columns: 39,
        rows: 7,
    };
    let lines = frame(&view(&record, false), size);
    assert_eq!(lines[2], "40x7 at least, not 39x7");
}

#[test]
fn without_a_terminal_a_second_is_one_line() {
    let record = record(&[1, 1, 1]);
    assert_eq!(
        plain(&view(&record, false)),
        "12s sent 3598 in-flight 2 rate 299/300 good 2 bad 1 late 0 10s-p50 1.00ms 10s-p99 1.00ms"
    );
}

/// A text without its colours.
fn stripped(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    plain
}

proptest! {
    #[test]
    fn a_frame_fits_its_terminal(
        columns in 1_u16..200,
        rows in 1_u16..80,
        latencies in proptest::collection::vec(0_u64..9_000, 0..50),
        tab in prop_oneof![Just(Tab::Histogram), Just(Tab::Heat), Just(Tab::Errors)],
    ) {
        let record = record(&latencies);
        let size = Size { columns, rows };
        let shown = |coloured| View { tab, ..view(&record, coloured) };
        let lines = frame(&shown(true), size);
        prop_assert!(lines.len() <= usize::from(rows));
        let plain = frame(&shown(false), size);
        for (coloured, plain) in lines.iter().zip(&plain) {
            prop_assert!(plain.chars().count() <= usize::from(columns));
            prop_assert!(!plain.contains('\x1b'));
            let coloured = stripped(coloured);
            prop_assert_eq!(coloured.trim_end(), plain.as_str());
        }
    }
}
