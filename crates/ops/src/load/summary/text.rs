//! The summary as text for people.

use std::fmt;
use std::time::Duration;

use super::{Summary, TargetSummary, Times};
use crate::load::duration::shown;

/// More targets than these are not listed one by one.
const MOST_TARGETS: usize = 30;

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} of {} planned requests sent in {:.1} s ({:.1}/s)",
            self.sent, self.planned, self.seconds, self.rate
        )?;
        writeln!(f)?;
        writeln!(f, "good           {}", of(self.good, self.good + self.bad))?;
        writeln!(f, "bad            {}", of(self.bad, self.good + self.bad))?;
        writeln!(f, "statuses       {}", self.status_list())?;
        writeln!(f, "errors         {}", self.error_list())?;
        writeln!(f, "late starts    {}", of(self.late_starts, self.sent))?;
        if self.not_sent > 0 {
            writeln!(f, "never sent     {}", self.not_sent)?;
        }
        if self.cut_off > 0 {
            writeln!(f, "cut off        {}", self.cut_off)?;
        }
        writeln!(
            f,
            "longest gap    {:.2} s without a good answer, from second {:.2} on",
            self.longest_gap.seconds, self.longest_gap.began_at_second
        )?;
        writeln!(f)?;
        heading(f, 15, "")?;
        row(f, 15, "response time", &self.response)?;
        row(f, 15, "service time", &self.service)?;
        if self.targets.len() < 2 {
            return Ok(());
        }
        self.targets(f)
    }
}

impl Summary {
    fn status_list(&self) -> String {
        let of = self.statuses.iter();
        let list: Vec<_> = of
            .map(|found| format!("{} of {}", found.count, found.status))
            .collect();
        or_none(&list)
    }

    fn error_list(&self) -> String {
        let of = self.errors.iter();
        let list: Vec<_> = of
            .map(|found| format!("{} {}", found.count, found.class))
            .collect();
        or_none(&list)
    }

    fn targets(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = &self.targets[..self.targets.len().min(MOST_TARGETS)];
        let name = |target: &TargetSummary| target.name.chars().count();
        let width = listed.iter().map(name).max().unwrap_or(0).clamp(13, 60) + 2;
        writeln!(f)?;
        heading(f, width, "response time")?;
        for target in listed {
            row(f, width, &target.name, &target.response)?;
        }
        let others = self.targets.len() - listed.len();
        if others > 0 {
            writeln!(f, "and {others} more")?;
        }
        Ok(())
    }
}

fn or_none(list: &[String]) -> String {
    if list.is_empty() {
        "none".to_owned()
    } else {
        list.join(", ")
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are below 2^53")]
fn of(part: u64, whole: u64) -> String {
    if whole == 0 {
        return part.to_string();
    }
    format!("{part} ({:.2} %)", 100.0 * part as f64 / whole as f64)
}

fn heading(f: &mut fmt::Formatter<'_>, width: usize, title: &str) -> fmt::Result {
    write!(f, "{title:width$}")?;
    for name in ["p50", "p90", "p99", "p99.9", "p99.99", "max", "mean"] {
        write!(f, "{name:>9}")?;
    }
    writeln!(f)
}

fn row(f: &mut fmt::Formatter<'_>, width: usize, name: &str, times: &Times) -> fmt::Result {
    write!(f, "{name:width$}")?;
    let Times {
        mean,
        p50,
        p90,
        p99,
        p99_9,
        p99_99,
        max,
    } = *times;
    for milliseconds in [p50, p90, p99, p99_9, p99_99, max, mean] {
        let time = Duration::try_from_secs_f64(milliseconds / 1e3).unwrap_or_default();
        write!(f, "{:>9}", shown(time))?;
    }
    writeln!(f)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::record::{Class, Record, Sample};
    use crate::load::run::Progress;

    #[test]
    fn a_summary_shows_both_times_side_by_side() {
        let mut record = Record::new(&["GET /a".to_owned(), "POST /b".to_owned()]);
        for number in 0..100_u64 {
            let bad = number == 50;
            record.add(&Sample {
                target: usize::from(number % 2 == 1),
                planned: Duration::from_millis(10 * number),
                sent: Duration::from_millis(10 * number + if bad { 40 } else { 0 }),
                done: Duration::from_millis(10 * number + if bad { 50 } else { 2 }),
                status: (!bad).then_some(200),
                error: bad.then_some(Class::TimedOut),
            });
        }
        let progress = Progress {
            now: Duration::from_secs(1),
            due: 102,
            sent: 101,
            started: 101,
            in_flight: 1,
            rate: 100.0,
        };
        let summary = Summary::new(&record, &progress);
        let expected = "\
101 of 102 planned requests sent in 1.0 s (101.0/s)

good           99 (99.00 %)
bad            1 (1.00 %)
statuses       99 of 200
errors         1 time-out
late starts    1 (0.99 %)
never sent     1
cut off        1
longest gap    0.02 s without a good answer, from second 0.49 on

                     p50      p90      p99    p99.9   p99.99      max     mean
response time     2.00ms   2.00ms   2.00ms   50.0ms   50.0ms   50.0ms   2.48ms
service time      2.00ms   2.00ms   2.00ms   10.0ms   10.0ms   10.0ms   2.08ms

response time        p50      p90      p99    p99.9   p99.99      max     mean
GET /a            2.00ms   2.00ms   50.0ms   50.0ms   50.0ms   50.0ms   2.96ms
POST /b           2.00ms   2.00ms   2.00ms   2.00ms   2.00ms   2.00ms   2.00ms
";
        assert_eq!(summary.to_string(), expected);
        assert!(!summary.nothing_was_reached());
    }
}
