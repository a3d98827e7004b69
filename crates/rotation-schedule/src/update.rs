//! From the fields that an operator gives to a timing, and back.

use crate::cron::CronSchedule;
use crate::error::{FieldError, quoted};
use crate::fields::TimingFields;
use crate::period::RotationPeriod;
use crate::timing::{Schedule, Timing};
use crate::window::Window;
use crate::zone::TimeZoneName;

const MANUAL: &str = "manual";

impl Timing {
    /// Reads the fields of a new object.
    pub fn parse(given: &TimingFields) -> Result<Self, FieldError> {
        Self::update(None, given)
    }

    /// Reads the fields of an update: it keeps what it does not give. A period,
    /// a schedule and `rotation=manual` replace each other; a new schedule keeps
    /// the zone and the window of the old one.
    pub fn update(current: Option<&Self>, given: &TimingFields) -> Result<Self, FieldError> {
        match kind_of(given)? {
            Some(Kind::Period(period)) => {
                refuse_schedule_fields(given)?;
                Ok(Self::Period(RotationPeriod::from_secs(period)?))
            }
            Some(Kind::Manual) => {
                refuse_schedule_fields(given)?;
                Ok(Self::Manual)
            }
            Some(Kind::Schedule(text)) => {
                let stored = current.and_then(Self::schedule);
                schedule(CronSchedule::parse(text)?, stored, given)
            }
            None => match current {
                None => Err(FieldError::new("rotation_period", ONE_OF)),
                Some(Self::Schedule(stored)) => {
                    schedule(stored.cron().clone(), Some(stored), given)
                }
                Some(other) => {
                    refuse_schedule_fields(given)?;
                    Ok(other.clone())
                }
            },
        }
    }

    /// The schedule, if there is one.
    pub fn schedule(&self) -> Option<&Schedule> {
        match self {
            Self::Schedule(schedule) => Some(schedule),
            Self::Period(_) | Self::Manual => None,
        }
    }

    /// The fields that show it.
    pub fn fields(&self) -> TimingFields {
        self.clone().into()
    }
}

const ONE_OF: &str = "give one of `rotation_period`, `rotation_schedule` and `rotation=manual`";

enum Kind<'a> {
    Period(u64),
    Schedule(&'a str),
    Manual,
}

/// The one of the three that is given. Beside it, 0 and the empty text are no
/// other: they are how objects are shown that do not have the field.
fn kind_of(given: &TimingFields) -> Result<Option<Kind<'_>>, FieldError> {
    let period = given.rotation_period;
    let schedule = given.rotation_schedule.as_deref();
    let manual = match given.rotation.as_deref() {
        None | Some("") => false,
        Some(MANUAL) => true,
        Some(other) => {
            return Err(FieldError::new(
                "rotation",
                format!(
                    "`rotation` is {}: give `{MANUAL}`, or leave it out",
                    quoted(other)
                ),
            ));
        }
    };
    let some_period = period.filter(|period| *period > 0);
    let some_schedule = schedule.filter(|schedule| !schedule.trim().is_empty());
    match (some_period, some_schedule, manual) {
        (Some(period), None, false) => Ok(Some(Kind::Period(period))),
        (None, Some(schedule), false) => Ok(Some(Kind::Schedule(schedule))),
        (None, None, true) => Ok(Some(Kind::Manual)),
        // Alone they are a mistake, which is told where they are read.
        (None, None, false) => Ok(period.map(Kind::Period).or(schedule.map(Kind::Schedule))),
        (Some(_), Some(_), _) => Err(both(
            "rotation_schedule",
            "`rotation_period` and `rotation_schedule`",
        )),
        (Some(_), None, true) => Err(both("rotation", "`rotation_period` and `rotation=manual`")),
        (None, Some(_), true) => Err(both(
            "rotation",
            "`rotation_schedule` and `rotation=manual`",
        )),
    }
}

fn both(field: &'static str, given: &str) -> FieldError {
    FieldError::new(field, format!("{given} were both given: {ONE_OF}"))
}

/// A window or a zone without a schedule; 0 and the empty text are none.
fn refuse_schedule_fields(given: &TimingFields) -> Result<(), FieldError> {
    let field = if given.rotation_window.is_some_and(|window| window > 0) {
        "rotation_window"
    } else if given
        .rotation_timezone
        .as_deref()
        .is_some_and(|zone| !zone.is_empty())
    {
        "rotation_timezone"
    } else {
        return Ok(());
    };
    Err(FieldError::new(
        field,
        format!("`{field}` belongs to a schedule: give `rotation_schedule`, or leave it out"),
    ))
}

fn schedule(
    cron: CronSchedule,
    stored: Option<&Schedule>,
    given: &TimingFields,
) -> Result<Timing, FieldError> {
    let zone = match (&given.rotation_timezone, stored) {
        (Some(name), _) => TimeZoneName::parse(name)?,
        (None, Some(stored)) => stored.zone().clone(),
        (None, None) => TimeZoneName::utc(),
    };
    let window = match (given.rotation_window, stored) {
        (Some(0), _) => None,
        (Some(seconds), _) => Some(Window::from_secs(seconds)?),
        (None, stored) => stored.and_then(Schedule::window),
    };
    Schedule::new(cron, zone, window).map(Timing::Schedule)
}

impl TryFrom<TimingFields> for Timing {
    type Error = FieldError;

    fn try_from(fields: TimingFields) -> Result<Self, FieldError> {
        Self::parse(&fields)
    }
}

impl From<Timing> for TimingFields {
    fn from(timing: Timing) -> Self {
        match timing {
            Timing::Period(period) => Self {
                rotation_period: Some(period.as_secs()),
                ..Self::default()
            },
            Timing::Schedule(schedule) => Self {
                rotation_schedule: Some(schedule.cron().as_str().into()),
                rotation_timezone: Some(schedule.zone().as_str().into()),
                rotation_window: schedule.window().map(Window::as_secs),
                ..Self::default()
            },
            Timing::Manual => Self {
                rotation: Some(MANUAL.into()),
                ..Self::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn fields(value: Value) -> TimingFields {
        serde_json::from_value(value).unwrap()
    }

    #[track_caller]
    fn check(current: Option<Value>, given: Value, expected: Value) {
        let current = current.map(|current| Timing::parse(&fields(current)).unwrap());
        let updated = Timing::update(current.as_ref(), &fields(given)).unwrap();
        assert_eq!(serde_json::to_value(&updated).unwrap(), expected);
        let read: Timing = serde_json::from_value(expected).unwrap();
        assert_eq!(read, updated);
    }

    #[track_caller]
    fn refused(current: Option<Value>, given: Value, field: &str, text: &str) {
        let current = current.map(|current| Timing::parse(&fields(current)).unwrap());
        let error = Timing::update(current.as_ref(), &fields(given)).unwrap_err();
        assert_eq!((error.field(), error.to_string().as_str()), (field, text));
    }

    const DAILY: &str = "0 2 * * *";

    #[test]
    fn each_kind_is_read_and_shown_in_the_fields_that_were_written() {
        for written in [
            json!({"rotation_period": 86_400}),
            json!({"rotation_schedule": " 0  2 * * SUN", "rotation_timezone": "europe/berlin"}),
            json!({
                "rotation_schedule": DAILY,
                "rotation_timezone": "UTC",
                "rotation_window": 7200
            }),
            json!({"rotation": "manual"}),
        ] {
            check(None, written.clone(), written);
        }
    }

    #[test]
    fn a_schedule_without_a_zone_is_in_utc() {
        check(
            None,
            json!({"rotation_schedule": DAILY}),
            json!({"rotation_schedule": DAILY, "rotation_timezone": "UTC"}),
        );
    }

    #[test]
    fn an_update_keeps_what_it_does_not_give() {
        let stored = json!({
            "rotation_schedule": DAILY,
            "rotation_timezone": "Europe/Berlin",
            "rotation_window": 7200
        });
        check(Some(stored.clone()), json!({}), stored.clone());
        check(
            Some(stored.clone()),
            json!({"rotation_schedule": "0 3 * * *"}),
            json!({
                "rotation_schedule": "0 3 * * *",
                "rotation_timezone": "Europe/Berlin",
                "rotation_window": 7200
            }),
        );
        check(
            Some(stored.clone()),
            json!({"rotation_timezone": "UTC", "rotation_window": 0}),
            json!({"rotation_schedule": DAILY, "rotation_timezone": "UTC"}),
        );
        let hourly = json!({"rotation_period": 3600});
        check(Some(hourly.clone()), json!({}), hourly.clone());
    }

    #[test]
    fn a_period_and_a_schedule_replace_each_other() {
        let schedule = json!({
            "rotation_schedule": DAILY,
            "rotation_timezone": "Europe/Berlin",
            "rotation_window": 7200
        });
        let period = json!({"rotation_period": 86_400});
        let manual = json!({"rotation": "manual"});
        check(Some(schedule.clone()), period.clone(), period.clone());
        check(Some(schedule.clone()), manual.clone(), manual.clone());
        check(Some(period), schedule.clone(), schedule.clone());
        check(Some(manual), schedule.clone(), schedule);
    }

    #[test]
    fn exactly_one_kind_is_wanted() {
        let one = "give one of `rotation_period`, `rotation_schedule` and `rotation=manual`";
        refused(None, json!({}), "rotation_period", one);
        refused(
            None,
            json!({"rotation_period": 3600, "rotation_schedule": DAILY}),
            "rotation_schedule",
            &format!("`rotation_period` and `rotation_schedule` were both given: {one}"),
        );
        refused(
            None,
            json!({"rotation_period": 3600, "rotation": "manual"}),
            "rotation",
            &format!("`rotation_period` and `rotation=manual` were both given: {one}"),
        );
        refused(
            None,
            json!({"rotation_schedule": DAILY, "rotation": "manual"}),
            "rotation",
            &format!("`rotation_schedule` and `rotation=manual` were both given: {one}"),
        );
        refused(
            None,
            json!({"rotation": "automatic"}),
            "rotation",
            "`rotation` is `automatic`: give `manual`, or leave it out",
        );
    }

    #[test]
    fn a_window_and_a_zone_belong_to_a_schedule() {
        let window = "`rotation_window` belongs to a schedule: give `rotation_schedule`, or leave \
                      it out";
        let period = json!({"rotation_period": 86_400});
        refused(
            None,
            json!({"rotation_period": 86_400, "rotation_window": 3600}),
            "rotation_window",
            window,
        );
        refused(
            Some(period),
            json!({"rotation_window": 3600}),
            "rotation_window",
            window,
        );
        refused(
            None,
            json!({"rotation": "manual", "rotation_timezone": "UTC"}),
            "rotation_timezone",
            "`rotation_timezone` belongs to a schedule: give `rotation_schedule`, or leave it out",
        );
        check(
            None,
            json!({"rotation_period": 86_400, "rotation_window": 0}),
            json!({"rotation_period": 86_400}),
        );
    }

    #[test]
    fn what_is_shown_of_all_fields_can_be_written_back() {
        let empty = json!({
            "rotation_period": 0,
            "rotation_schedule": "",
            "rotation_timezone": "",
            "rotation_window": 0,
            "rotation": ""
        });
        for written in [
            json!({"rotation_period": 86_400}),
            json!({"rotation_schedule": DAILY, "rotation_timezone": "UTC"}),
            json!({"rotation": "manual"}),
        ] {
            let mut all = empty.clone();
            for (field, value) in written.as_object().unwrap() {
                all[field] = value.clone();
            }
            check(None, all.clone(), written.clone());
            check(Some(written.clone()), all, written);
        }
    }

    #[test]
    fn zero_and_empty_alone_are_refused() {
        let stored = json!({"rotation_period": 86_400});
        let period = "`rotation_period` is 0s: give at least 10m";
        let zero = json!({"rotation_period": 0, "rotation_schedule": ""});
        refused(None, zero.clone(), "rotation_period", period);
        refused(Some(stored.clone()), zero, "rotation_period", period);
        let empty = json!({"rotation_schedule": ""});
        refused(
            Some(stored),
            empty,
            "rotation_schedule",
            "`rotation_schedule` is empty: give minute, hour, day of the month, month and day of \
             the week, such as `0 2 * * sun`",
        );
    }

    #[test]
    fn a_window_longer_than_the_interval_is_refused() {
        refused(
            None,
            json!({"rotation_schedule": "0 */2 * * *", "rotation_window": 10_800}),
            "rotation_window",
            "`rotation_window` is 3h and two times of `rotation_schedule` are only 2h apart: give \
             a window of at most 2h",
        );
        check(
            None,
            json!({"rotation_schedule": "0 * * * *", "rotation_window": 3600}),
            json!({
                "rotation_schedule": "0 * * * *",
                "rotation_timezone": "UTC",
                "rotation_window": 3600
            }),
        );
    }

    #[test]
    fn a_schedule_as_long_as_a_page_is_refused() {
        refused(
            None,
            json!({"rotation_schedule": format!("{}1 * * * *", "1,".repeat(300))}),
            "rotation_schedule",
            "`rotation_schedule` is 609 bytes long: give at most 512",
        );
    }

    #[test]
    fn an_empty_schedule_is_refused_with_an_example() {
        refused(
            None,
            json!({"rotation_schedule": " "}),
            "rotation_schedule",
            "`rotation_schedule` is empty: give minute, hour, day of the month, month and day of \
             the week, such as `0 2 * * sun`",
        );
        refused(
            None,
            json!({"rotation_schedule": "61 * * * *"}),
            "rotation_schedule",
            "`rotation_schedule` is `61 * * * *`: the minute is 0 to 59",
        );
    }
}
