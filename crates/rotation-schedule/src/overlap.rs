//! `grace` and `refresh`: how long a replaced key lives on, and how long clients
//! may rely on an answer.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::FieldError;
use crate::human::{short, words};
use crate::timing::Timing;

const GRACE_MIN: u64 = 300;
const GRACE_MAX: u64 = 10 * 365 * 86_400;
const GRACE_DEFAULT_MAX: u64 = 86_400;
const REFRESH_MIN: u64 = 5;
const REFRESH_DEFAULT_MAX: u64 = 43_200;
const REFRESH_MANUAL: u64 = 300;
/// What `grace` has beyond `refresh`, for clients whose clocks and requests take
/// their time.
const MARGIN: u64 = 60;

/// How long the old and the new key are valid together. In JSON both are
/// seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Overlap {
    grace: u64,
    refresh: u64,
}

/// Both fields as an operator gives them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OverlapFields {
    /// How long a replaced key lives on.
    pub grace: Option<Duration>,
    /// The longest `ttl` that an answer has.
    pub refresh: Option<Duration>,
}

/// How long keys of a kind take from the first step to the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyLead<'a> {
    /// As it stands before "key" in a sentence: `Kafka`, `Schema Registry`.
    pub kind: &'a str,
    /// See [`lead`](crate::lead).
    pub lead: Duration,
}

impl KeyLead<'_> {
    /// The lead in seconds, rounded up.
    pub(crate) fn seconds(&self) -> u64 {
        let begun = u64::from(self.lead.subsec_nanos() > 0);
        self.lead.as_secs().saturating_add(begun)
    }
}

impl Overlap {
    /// What is given, or the defaults: a quarter of the shortest interval as
    /// `grace`, between 5 minutes and 24 hours, and half of that as `refresh`,
    /// 12 hours at most.
    pub fn new(
        given: OverlapFields,
        timing: &Timing,
        key: KeyLead<'_>,
        now: Timestamp,
    ) -> Result<Self, FieldError> {
        let interval = timing.shortest_interval(now).map(|time| time.as_secs());
        let grace = match given.grace {
            Some(grace) => limited("grace", grace, GRACE_MIN, GRACE_MAX)?,
            None => interval.map_or(GRACE_DEFAULT_MAX, |interval| {
                (interval / 4).clamp(GRACE_MIN, GRACE_DEFAULT_MAX)
            }),
        };
        let refresh = match given.refresh {
            Some(refresh) => limited("refresh", refresh, REFRESH_MIN, GRACE_MAX)?,
            None if interval.is_none() => REFRESH_MANUAL.min(grace.saturating_sub(MARGIN)),
            None => (grace / 2).min(REFRESH_DEFAULT_MAX),
        };
        let overlap = Self { grace, refresh }.checked()?;
        overlap.fits(timing, key, now)?;
        Ok(overlap)
    }

    /// Whether both keys of a rotation are gone or served when the next begins.
    /// A lead that grew later can change the answer.
    pub fn fits(
        &self,
        timing: &Timing,
        key: KeyLead<'_>,
        now: Timestamp,
    ) -> Result<(), FieldError> {
        let Some(interval) = timing.shortest_interval(now).map(|time| time.as_secs()) else {
            return Ok(());
        };
        let lead = key.seconds();
        if self.grace.saturating_add(lead) <= interval {
            return Ok(());
        }
        let place = interval_named(timing, interval);
        let needed = short(GRACE_MIN.saturating_add(lead));
        let longer = match timing {
            Timing::Schedule(_) => {
                format!("give a `rotation_schedule` whose times are {needed} apart at least")
            }
            _ => format!("give a `rotation_period` of at least {needed}"),
        };
        let longest = interval.saturating_sub(lead);
        let remedy = if longest >= GRACE_MIN {
            format!("give a `grace` of at most {}", short(longest))
        } else {
            longer
        };
        Err(FieldError::new(
            "grace",
            format!(
                "`grace` of {} and the {} that a {} key takes do not fit {place}: {remedy}",
                short(self.grace),
                words(lead),
                key.kind
            ),
        ))
    }

    /// How long a replaced key lives on.
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.grace)
    }

    /// The longest `ttl` that an answer has.
    pub fn refresh(&self) -> Duration {
        Duration::from_secs(self.refresh)
    }

    /// An answer logs in for its whole `ttl` and a minute more.
    fn checked(self) -> Result<Self, FieldError> {
        let most = self.grace.saturating_sub(MARGIN);
        if self.refresh > most {
            return Err(FieldError::new(
                "refresh",
                format!(
                    "`refresh` of {} is too long for `grace` of {}: give at most {}, a minute \
                     less than `grace`",
                    short(self.refresh),
                    short(self.grace),
                    short(most)
                ),
            ));
        }
        Ok(self)
    }
}

/// The shortest time between two rotations, after "do not fit".
pub(crate) fn interval_named(timing: &Timing, interval: u64) -> String {
    let interval = short(interval);
    match timing {
        Timing::Schedule(_) => {
            format!("between two times of `rotation_schedule`, {interval} apart")
        }
        _ => format!("into `rotation_period` of {interval}"),
    }
}

/// A duration in whole seconds, within its limits.
pub(crate) fn limited(
    field: &'static str,
    given: Duration,
    least: u64,
    most: u64,
) -> Result<u64, FieldError> {
    let seconds = given.as_secs();
    let problem = if given.subsec_nanos() != 0 {
        format!("`{field}` has a fraction of a second: give whole seconds")
    } else if seconds < least {
        format!(
            "`{field}` is {}: give at least {}",
            short(seconds),
            short(least)
        )
    } else if seconds > most {
        format!(
            "`{field}` is {}: give at most {}",
            short(seconds),
            short(most)
        )
    } else {
        return Ok(seconds);
    };
    Err(FieldError::new(field, problem))
}

/// What is read from storage, before it is checked.
#[derive(Deserialize)]
struct Stored {
    grace: u64,
    refresh: u64,
}

impl TryFrom<Stored> for Overlap {
    type Error = FieldError;

    fn try_from(stored: Stored) -> Result<Self, FieldError> {
        let seconds = Duration::from_secs;
        Self {
            grace: limited("grace", seconds(stored.grace), GRACE_MIN, GRACE_MAX)?,
            refresh: limited("refresh", seconds(stored.refresh), REFRESH_MIN, GRACE_MAX)?,
        }
        .checked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TimingFields;

    const KAFKA: KeyLead<'_> = KeyLead {
        kind: "Kafka",
        lead: Duration::from_mins(4),
    };
    const NOW: Timestamp = Timestamp::constant(1_772_359_200, 0);

    fn period(seconds: u64) -> Timing {
        Timing::parse(&TimingFields {
            rotation_period: Some(seconds),
            ..TimingFields::default()
        })
        .unwrap()
    }

    fn schedule(text: &str, zone: &str) -> Timing {
        Timing::parse(&TimingFields {
            rotation_schedule: Some(text.into()),
            rotation_timezone: Some(zone.into()),
            ..TimingFields::default()
        })
        .unwrap()
    }

    fn given(grace: Option<u64>, refresh: Option<u64>) -> OverlapFields {
        OverlapFields {
            grace: grace.map(Duration::from_secs),
            refresh: refresh.map(Duration::from_secs),
        }
    }

    #[track_caller]
    fn check(timing: &Timing, fields: OverlapFields, grace: u64, refresh: u64) {
        let overlap = Overlap::new(fields, timing, KAFKA, NOW).unwrap();
        assert_eq!(overlap, Overlap { grace, refresh });
    }

    #[track_caller]
    fn refused(timing: &Timing, fields: OverlapFields, field: &str, text: &str) {
        let error = Overlap::new(fields, timing, KAFKA, NOW).unwrap_err();
        assert_eq!((error.field(), error.to_string().as_str()), (field, text));
    }

    #[test]
    fn defaults_follow_the_interval() {
        check(&period(600), given(None, None), 300, 150);
        check(&period(86_400), given(None, None), 21_600, 10_800);
        check(&period(90 * 86_400), given(None, None), 86_400, 43_200);
        check(
            &schedule("0 2 * * *", "UTC"),
            given(None, None),
            21_600,
            10_800,
        );
        check(&Timing::Manual, given(None, None), 86_400, 300);
        check(&Timing::Manual, given(Some(300), None), 300, 240);
        check(&period(86_400), given(Some(36_000), None), 36_000, 18_000);
    }

    #[test]
    fn what_is_given_is_taken() {
        check(&period(86_400), given(Some(3600), Some(3540)), 3600, 3540);
        check(&period(86_400), given(Some(86_160), Some(5)), 86_160, 5);
    }

    #[test]
    fn grace_and_lead_must_fit_into_the_interval() {
        refused(
            &period(21_600),
            given(Some(21_600), None),
            "grace",
            "`grace` of 6h and the 4 minutes that a Kafka key takes do not fit into \
             `rotation_period` of 6h: give a `grace` of at most 5h56m",
        );
        refused(
            &schedule("*/8 * * * *", "UTC"),
            given(None, None),
            "grace",
            "`grace` of 5m and the 4 minutes that a Kafka key takes do not fit between two times \
             of `rotation_schedule`, 4m apart: give a `rotation_schedule` whose times are 9m apart \
             at least",
        );
        check(&period(21_600), given(Some(21_360), None), 21_360, 10_680);
    }

    #[test]
    fn the_interval_is_the_one_of_the_night_when_clocks_go_forward() {
        let berlin = schedule("0 12 * * *", "Europe/Berlin");
        refused(
            &berlin,
            given(Some(84_000), None),
            "grace",
            "`grace` of 23h20m and the 4 minutes that a Kafka key takes do not fit between two \
             times of `rotation_schedule`, 23h apart: give a `grace` of at most 22h56m",
        );
    }

    #[test]
    fn a_key_that_takes_longer_needs_a_longer_period() {
        let ksqldb = KeyLead {
            kind: "ksqlDB",
            lead: Duration::from_mins(10),
        };
        let error = Overlap::new(given(None, None), &period(600), ksqldb, NOW).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`grace` of 5m and the 10 minutes that a ksqlDB key takes do not fit into \
             `rotation_period` of 10m: give a `rotation_period` of at least 15m"
        );
    }

    #[test]
    fn refresh_is_a_minute_shorter_than_grace() {
        refused(
            &period(86_400),
            given(Some(3600), Some(3541)),
            "refresh",
            "`refresh` of 59m1s is too long for `grace` of 1h: give at most 59m, a minute less \
             than `grace`",
        );
        refused(
            &Timing::Manual,
            given(None, Some(u64::MAX)),
            "refresh",
            "`refresh` is 5124095576030431h15s: give at most 3650d",
        );
    }

    #[test]
    fn what_is_too_short_or_broken_is_refused_with_the_limit() {
        refused(
            &period(86_400),
            given(Some(299), None),
            "grace",
            "`grace` is 4m59s: give at least 5m",
        );
        refused(
            &period(86_400),
            given(None, Some(4)),
            "refresh",
            "`refresh` is 4s: give at least 5s",
        );
        let half = OverlapFields {
            grace: Some(Duration::from_millis(300_500)),
            refresh: None,
        };
        refused(
            &Timing::Manual,
            half,
            "grace",
            "`grace` has a fraction of a second: give whole seconds",
        );
    }

    #[test]
    fn json_has_seconds_and_is_checked() {
        let read: Overlap = serde_json::from_str(r#"{"grace":3600,"refresh":1800}"#).unwrap();
        let written = serde_json::to_string(&read).unwrap();
        assert_eq!(written, r#"{"grace":3600,"refresh":1800}"#);
        let wrong = r#"{"grace":3600,"refresh":3600}"#;
        assert!(serde_json::from_str::<Overlap>(wrong).is_err());
    }
}
