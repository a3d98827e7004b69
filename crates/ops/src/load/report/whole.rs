//! The whole result of a test, as JSON.

use serde::Serialize;

use crate::load::expect::{Expectation, Verdict};
use crate::load::record::{Interval, Record};
use crate::load::run::Progress;
use crate::load::summary::{self, Summary};

/// What a test showed.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The figures.
    pub summary: Summary,
    /// What was expected of them.
    pub expectations: Vec<Verdict>,
    /// The figures over time.
    pub intervals: Vec<IntervalSummary>,
}

/// The figures of an interval. Times are response times in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "as in a summary")]
pub struct IntervalSummary {
    pub began_at_second: f64,
    pub ended_at_second: f64,
    pub good: u64,
    pub bad: u64,
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

impl Report {
    /// Sums up a test.
    pub fn new(record: &Record, progress: &Progress, expectations: &[Expectation]) -> Self {
        let summary = Summary::new(record, progress);
        let verdicts = expectations.iter().map(|expected| expected.check(&summary));
        Self {
            expectations: verdicts.collect(),
            intervals: record
                .intervals(progress.now)
                .iter()
                .map(IntervalSummary::new)
                .collect(),
            summary,
        }
    }

    /// Whether everything that was expected was met.
    pub fn is_as_expected(&self) -> bool {
        self.expectations.iter().all(|verdict| verdict.met)
    }
}

impl IntervalSummary {
    fn new(interval: &Interval) -> Self {
        let times = &interval.response;
        Self {
            began_at_second: summary::rounded(interval.begin.as_secs_f64()),
            ended_at_second: summary::rounded(interval.end.as_secs_f64()),
            good: interval.counts.good,
            bad: interval.counts.bad,
            p50: summary::milliseconds(times.p50),
            p99: summary::milliseconds(times.p99),
            max: summary::milliseconds(times.max),
        }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.summary.fmt(f)?;
        if !self.expectations.is_empty() {
            writeln!(f)?;
        }
        for verdict in &self.expectations {
            let word = if verdict.met { "met" } else { "MISSED" };
            writeln!(
                f,
                "{word:8}{}  (found {})",
                verdict.expectation, verdict.found
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use serde_json::Value;

    use super::*;
    use crate::load::record::{Class, Sample};

    const SCHEMA: &str = include_str!("report.schema.json");

    fn report() -> Value {
        let mut record = Record::new(&["GET /a".to_owned()]);
        record.add(&Sample {
            target: 0,
            planned: Duration::ZERO,
            sent: Duration::ZERO,
            done: Duration::from_millis(5),
            status: Some(503),
            error: Some(Class::Sealed),
        });
        let progress = Progress {
            now: Duration::from_secs(1),
            due: 1,
            sent: 1,
            started: 1,
            in_flight: 0,
            rate: 1.0,
        };
        let expected = [Expectation::parse("p99<90ms").unwrap()];
        serde_json::to_value(Report::new(&record, &progress, &expected)).unwrap()
    }

    /// Compares a value with the part of the schema that is about it.
    fn check(value: &Value, schema: &Value, whole: &Value, place: &str) {
        if let Some(reference) = schema["$ref"].as_str() {
            let pointer = reference.strip_prefix('#').unwrap();
            return check(value, whole.pointer(pointer).unwrap(), whole, place);
        }
        match value {
            Value::Object(members) => {
                let names = |value: &Value| -> BTreeSet<String> {
                    let names = value.as_array().unwrap().iter();
                    names
                        .map(|name| name.as_str().unwrap().to_owned())
                        .collect()
                };
                let found: BTreeSet<String> = members.keys().cloned().collect();
                assert_eq!(found, names(&schema["required"]), "{place}");
                for (name, member) in members {
                    let place = format!("{place}/{name}");
                    check(member, &schema["properties"][name], whole, &place);
                }
            }
            Value::Array(items) => {
                assert!(!items.is_empty(), "{place} shows nothing");
                check(&items[0], &schema["items"], whole, place);
            }
            Value::Number(_) => {
                let kind = schema["type"].as_str();
                assert!(matches!(kind, Some("number" | "integer")), "{place}");
            }
            Value::String(_) => assert_eq!(schema["type"], "string", "{place}"),
            Value::Bool(_) => assert_eq!(schema["type"], "boolean", "{place}"),
            Value::Null => panic!("{place} is null"),
        }
    }

    #[test]
    fn a_report_is_as_its_schema_says() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        check(&report(), &schema, &schema, "");
    }
}
