//! What a test is expected to show, such as `login:p99<90ms`.

use serde::Serialize;

use super::duration;
use super::summary::{Summary, Times};

/// An expectation that ends a test early is not looked at before this many
/// answers: one failure among the first few says nothing of a rate.
const ENOUGH: u64 = 100;

/// One expectation.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    text: String,
    /// Whether the test ends when it is missed.
    pub aborts: bool,
    /// All targets, if none is named.
    target: Option<String>,
    measure: Measure,
    operator: Operator,
    /// In milliseconds, percent, seconds or requests a second.
    bound: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Mean,
    P50,
    P90,
    P99,
    P999,
    P9999,
    Max,
    Errors,
    Gap,
    Rate,
}

const MEASURES: &[(&str, Measure)] = &[
    ("mean", Measure::Mean),
    ("p50", Measure::P50),
    ("p90", Measure::P90),
    ("p99", Measure::P99),
    ("p99.9", Measure::P999),
    ("p99.99", Measure::P9999),
    ("max", Measure::Max),
    ("errors", Measure::Errors),
    ("gap", Measure::Gap),
    ("rate", Measure::Rate),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Longer ones first.
const OPERATORS: &[(&str, Operator)] = &[
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

/// Whether an expectation was met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// As it was written.
    pub expectation: String,
    /// Whether it was.
    pub met: bool,
    /// What was measured.
    pub found: String,
}

impl Expectation {
    /// Reads an expectation: `[abort:][TARGET:]MEASURE OPERATOR BOUND`.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (aborts, rest) = match text.strip_prefix("abort:") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let split = OPERATORS.iter().find_map(|(sign, operator)| {
            let (left, right) = rest.split_once(sign)?;
            Some((left.trim(), *operator, right.trim()))
        });
        let Some((left, operator, bound)) = split else {
            return Err(format!(
                "`{text}` has none of `<`, `<=`, `>` and `>=`: write it as `p99<90ms`"
            ));
        };
        let (target, name) = match left.rsplit_once(':') {
            Some((target, name)) => (Some(target.trim().to_owned()), name.trim()),
            None => (None, left),
        };
        let known = MEASURES.iter().find(|(known, _)| *known == name);
        let Some((_, measure)) = known else {
            let names: Vec<_> = MEASURES.iter().map(|(name, _)| *name).collect();
            return Err(format!("`{name}` is not one of {}", names.join(", ")));
        };
        if target.is_some() && matches!(measure, Measure::Gap | Measure::Rate) {
            return Err(format!(
                "`{name}` is measured for all targets together only"
            ));
        }
        Ok(Self {
            text: text.to_owned(),
            aborts,
            target,
            measure: *measure,
            operator,
            bound: measure.bound(bound)?,
        })
    }

    /// Refuses a name that no target has.
    ///
    /// # Errors
    /// With the names that there are.
    pub fn fits(&self, names: &[String]) -> Result<(), String> {
        let Some(target) = &self.target else {
            return Ok(());
        };
        if names.iter().any(|name| is_named(name, target)) {
            return Ok(());
        }
        Err(format!(
            "no target is called `{target}`: there are `{}`",
            names.join("`, `")
        ))
    }

    /// Whether it is met.
    pub fn check(&self, summary: &Summary) -> Verdict {
        let found = self.value(summary);
        Verdict {
            expectation: self.text.clone(),
            met: found.is_some_and(|value| self.operator.holds(value, self.bound)),
            found: found.map_or_else(|| "no answer".to_owned(), |value| self.measure.shown(value)),
        }
    }

    /// The verdict that ends a test; none while it may go on.
    pub fn ends(&self, summary: &Summary) -> Option<Verdict> {
        let is_early = summary.good + summary.bad < ENOUGH;
        if !self.aborts || (is_early && self.measure != Measure::Gap) {
            return None;
        }
        Some(self.check(summary)).filter(|verdict| !verdict.met)
    }

    fn value(&self, summary: &Summary) -> Option<f64> {
        match self.measure {
            Measure::Gap => return Some(summary.longest_gap.seconds * 1e3),
            Measure::Rate => return Some(summary.rate),
            _ => {}
        }
        let (good, bad, times) = match &self.target {
            None => (summary.good, summary.bad, &summary.response),
            Some(target) => {
                let mut targets = summary.targets.iter();
                let found = targets.find(|found| is_named(&found.name, target))?;
                (found.good, found.bad, &found.response)
            }
        };
        if good + bad == 0 {
            return None;
        }
        Some(self.measure.of(good, bad, times))
    }
}

/// Whether a target is meant by a name: its own, or the last part of its path.
fn is_named(name: &str, given: &str) -> bool {
    name == given || name.rsplit('/').next() == Some(given)
}

impl Operator {
    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Less => value < bound,
            Self::LessOrEqual => value <= bound,
            Self::Greater => value > bound,
            Self::GreaterOrEqual => value >= bound,
        }
    }
}

impl Measure {
    fn bound(self, text: &str) -> Result<f64, String> {
        let number = |text: &str| {
            let parsed = text.parse::<f64>().ok();
            parsed.filter(|number| number.is_finite() && *number >= 0.0)
        };
        match self {
            Self::Errors => text
                .strip_suffix('%')
                .and_then(number)
                .ok_or_else(|| format!("`{text}` is not a part of all: write it as `0.1%`")),
            Self::Rate => {
                number(text).ok_or_else(|| format!("`{text}` is not a number of requests a second"))
            }
            _ => duration::parse(text).map(|time| time.as_secs_f64() * 1e3),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are below 2^53")]
    fn of(self, good: u64, bad: u64, times: &Times) -> f64 {
        match self {
            Self::P50 => times.p50,
            Self::P90 => times.p90,
            Self::P99 => times.p99,
            Self::P999 => times.p99_9,
            Self::P9999 => times.p99_99,
            Self::Max => times.max,
            Self::Errors => 100.0 * bad as f64 / (good + bad) as f64,
            Self::Mean | Self::Gap | Self::Rate => times.mean,
        }
    }

    fn shown(self, value: f64) -> String {
        match self {
            Self::Errors => format!("{value:.3}%"),
            Self::Rate => format!("{value:.1}"),
            _ => {
                let time = std::time::Duration::try_from_secs_f64(value / 1e3);
                duration::shown(time.unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::record::{Class, Record, Sample};
    use crate::load::run::Progress;

    /// 200 answers within 10 s: logins take 100 ms, reads 1 ms, one fails.
    fn summary(answers: u64) -> Summary {
        let names = ["POST /v1/auth/approle/login", "GET /v1/a"].map(str::to_owned);
        let mut record = Record::new(&names);
        for number in 0..answers {
            let at = Duration::from_millis(50 * number);
            let target = usize::from(number % 2 == 1);
            let took = if target == 0 { 100 } else { 1 };
            record.add(&Sample {
                target,
                planned: at,
                sent: at,
                done: at + Duration::from_millis(took),
                status: Some(200),
                error: (number == 7).then_some(Class::Other),
            });
        }
        let progress = Progress {
            now: Duration::from_secs(10),
            due: answers,
            sent: answers,
            started: answers,
            in_flight: 0,
            rate: 20.0,
        };
        Summary::new(&record, &progress)
    }

    fn check(text: &str, met: bool, found: &str) {
        let verdict = Expectation::parse(text).unwrap().check(&summary(200));
        assert_eq!(
            (verdict.met, verdict.found.as_str()),
            (met, found),
            "{text}"
        );
    }

    #[test]
    fn expectations_are_compared_with_what_was_measured() {
        check("login:p99<90ms", false, "100ms");
        check("login:p99 <= 101ms", true, "100ms");
        check("GET /v1/a:max<90ms", true, "1.00ms");
        check("errors<0.1%", false, "0.500%");
        check("login:errors<0.1%", true, "0.000%");
        check("gap<3s", true, "100ms");
        check("rate>=20", true, "20.0");
        check("rate>20", false, "20.0");
    }

    #[test]
    fn nothing_measured_meets_no_expectation() {
        let verdict = Expectation::parse("p99<1h").unwrap().check(&summary(0));
        assert_eq!((verdict.met, verdict.found.as_str()), (false, "no answer"));
    }

    #[test]
    fn a_test_ends_early_only_where_that_was_asked_for_and_enough_is_known() {
        let ends = |text: &str, answers| {
            let expectation = Expectation::parse(text).unwrap();
            expectation.ends(&summary(answers)).is_some()
        };
        assert!(ends("abort:errors<0.1%", 200));
        assert!(!ends("errors<0.1%", 200));
        assert!(!ends("abort:errors<0.1%", 50));
        assert!(!ends("abort:errors<10%", 200));
    }

    #[test]
    fn what_is_no_expectation_is_refused() {
        for (text, part) in [
            ("p99", "`p99<90ms`"),
            ("p98<1ms", "`p98` is not one of"),
            ("p99<90", "`90ms`"),
            ("errors<1", "`0.1%`"),
            ("errors<-1%", "`0.1%`"),
            ("rate>=fast", "a number"),
            ("login:gap<1s", "all targets together"),
        ] {
            let error = Expectation::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let names = ["GET /v1/a".to_owned()];
        let expectation = Expectation::parse("login:p99<90ms").unwrap();
        assert!(
            expectation
                .fits(&names)
                .unwrap_err()
                .contains("`GET /v1/a`")
        );
    }
}
