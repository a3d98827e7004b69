//! The times of a test as an interval log, which `HdrHistogram`'s own tools read.
//! Intervals without a tag have response times, those tagged `service` service
//! times.

use std::fmt::Write as _;
use std::time::Duration;

use crate::load::record::{Interval, IntervalTimes};

/// The unit of the column of maxima: milliseconds.
const MAX_UNIT: f64 = 1e6;

/// The log of intervals of a test that began at this time since 1970.
pub fn log(intervals: &[Interval], began: Duration) -> String {
    let began = began.as_secs_f64();
    let mut log = format!(
        "#[Histogram log format version 1.3]\n\
         #[StartTime: {began:.3} (seconds since epoch)]\n\
         \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\
         \"Interval_Compressed_Histogram\"\n"
    );
    for interval in intervals {
        for (tag, times) in [
            ("", &interval.response),
            ("Tag=service,", &interval.service),
        ] {
            let _ = writeln!(log, "{tag}{}", line(interval, times));
        }
    }
    log
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nanoseconds of an hour are below 2^53"
)]
fn line(interval: &Interval, times: &IntervalTimes) -> String {
    let length = interval.end.saturating_sub(interval.begin);
    format!(
        "{:.3},{:.3},{:.3},{}",
        interval.begin.as_secs_f64(),
        length.as_secs_f64(),
        times.max as f64 / MAX_UNIT,
        times.encoded
    )
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::load::record::{Record, Sample};

    #[test]
    fn the_log_is_read_by_another_reader_and_has_all_answers() {
        let mut record = Record::new(&["GET /".to_owned()]);
        for number in 0..2500_u64 {
            let at = Duration::from_millis(10 * number);
            record.add(&Sample {
                target: 0,
                planned: at,
                sent: at + Duration::from_millis(2),
                done: at + Duration::from_millis(5),
                status: Some(200),
                error: None,
            });
        }
        let intervals = record.intervals(Duration::from_secs(26));
        assert_eq!(intervals.len(), 3);
        let text = log(&intervals, Duration::from_secs(1_700_000_000));
        let mut found = [(0, 0), (0, 0)];
        let mut begins = Vec::new();
        for entry in IntervalLogIterator::new(text.as_bytes()) {
            let LogEntry::Interval(interval) = entry.unwrap() else {
                continue;
            };
            let bytes = BASE64_STANDARD
                .decode(interval.encoded_histogram())
                .unwrap();
            let histogram: Histogram<u64> =
                Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
            let tagged = usize::from(interval.tag().is_some());
            found[tagged].0 += histogram.len();
            found[tagged].1 = histogram.max() / 1_000_000;
            begins.push(interval.start_timestamp().as_secs());
        }
        assert_eq!(found, [(2500, 5), (2500, 3)]);
        assert_eq!(begins, [0, 0, 10, 10, 20, 20]);
    }
}
