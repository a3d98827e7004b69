//! `rotation_schedule`: cron expressions of five fields, as Vault's static roles
//! read them.
//!
//! Minute, hour, day of the month, month, day of the week. Lists, ranges, steps,
//! names of months and days (in any capitals), `?` for `*`, and `N/S` for "from
//! `N` on, each `S`". Sunday is 0 and 7. Source: the options with which Vault's
//! database engine calls robfig/cron v3, which exclude seconds and `@hourly`.
//!
//! Where both days are restricted, either is enough. A `*`, or a list with one,
//! is no restriction; `*/2` is one, as in Vault (Vixie cron differs).
//!
//! **When clocks change**: each time of the schedule stands for one instant. A
//! time that a change of clocks skips is the first instant after it, and one
//! that comes twice is the first of the two. So no day is left out, nothing
//! fires twice, and an hourly schedule pauses for two hours in autumn.

mod interval;
mod parse;
mod search;

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{FieldError, quoted};
use crate::zone::TimeZoneName;

const FIELD: &str = "rotation_schedule";

/// A cron expression that fires again and again. In JSON it is the text as it
/// was given.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CronSchedule {
    text: String,
    fields: CronFields,
}

/// The values of each field as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CronFields {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    /// Sunday is bit 0.
    weekdays: u64,
    any_day: bool,
    any_weekday: bool,
}

impl CronSchedule {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let refuse = |message| FieldError::new(FIELD, message);
        if text.trim().is_empty() {
            return Err(refuse(format!(
                "`{FIELD}` is empty: give {FIVE_FIELDS}, such as `0 2 * * sun`"
            )));
        }
        if text.len() > LONGEST {
            return Err(refuse(format!(
                "`{FIELD}` is {} bytes long: give at most {LONGEST}",
                text.len()
            )));
        }
        let fields = parse::fields(text)
            .map_err(|problem| refuse(format!("`{FIELD}` is {}: {problem}", quoted(text))))?;
        Ok(Self {
            text: text.into(),
            fields,
        })
    }

    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first time after an instant; none past the year 9999.
    pub fn next_after(&self, zone: &TimeZoneName, after: Timestamp) -> Option<Timestamp> {
        search::next_after(&self.fields, zone.zone(), after)
    }

    /// The shortest time between two of its times: on the calendar of any year,
    /// and at the changes of clocks of the ten years from `now` on.
    pub fn shortest_interval(&self, zone: &TimeZoneName, now: Timestamp) -> Duration {
        interval::shortest(&self.fields, zone.zone(), now)
    }

    /// The same where clocks never change.
    pub(crate) fn shortest_on_calendar(&self) -> Duration {
        interval::on_calendar(&self.fields)
    }
}

/// Longer than any that is meant: it is stored with the role.
const LONGEST: usize = 512;

const FIVE_FIELDS: &str = "minute, hour, day of the month, month and day of the week";

impl TryFrom<String> for CronSchedule {
    type Error = FieldError;

    fn try_from(text: String) -> Result<Self, FieldError> {
        Self::parse(&text)
    }
}

impl From<CronSchedule> for String {
    fn from(schedule: CronSchedule) -> Self {
        schedule.text
    }
}

impl PartialEq for CronSchedule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for CronSchedule {}

impl fmt::Debug for CronSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CronSchedule").field(&self.text).finish()
    }
}

impl fmt::Display for CronSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
