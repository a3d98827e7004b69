//! What an operator chose: a period, a schedule or rotation by hand.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cron::CronSchedule;
use crate::error::FieldError;
use crate::fields::TimingFields;
use crate::human::short;
use crate::period::RotationPeriod;
use crate::window::Window;
use crate::zone::TimeZoneName;

/// When a credential is rotated. In JSON it is the fields that an operator
/// writes and reads back ([`TimingFields`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "TimingFields", into = "TimingFields")]
pub enum Timing {
    /// `rotation_period`: again and again after the same time.
    Period(RotationPeriod),
    /// `rotation_schedule`: at times of the calendar.
    Schedule(Schedule),
    /// `rotation=manual`: only when it is asked for.
    Manual,
}

/// Times of the calendar, with their zone, and how late a rotation may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    cron: CronSchedule,
    zone: TimeZoneName,
    window: Option<Window>,
}

impl Schedule {
    /// A schedule.
    ///
    /// # Errors
    /// When the window is longer than the time between two windows.
    pub fn new(
        cron: CronSchedule,
        zone: TimeZoneName,
        window: Option<Window>,
    ) -> Result<Self, FieldError> {
        if let Some(window) = window {
            let interval = cron.shortest_on_calendar().as_secs();
            fits(window.as_secs(), interval)?;
        }
        Ok(Self { cron, zone, window })
    }

    /// The expression.
    pub fn cron(&self) -> &CronSchedule {
        &self.cron
    }

    /// The zone in which it is read.
    pub fn zone(&self) -> &TimeZoneName {
        &self.zone
    }

    /// How late a rotation may be.
    pub fn window(&self) -> Option<Window> {
        self.window
    }

    /// The first time after an instant at which the window opens.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        self.cron.next_after(&self.zone, after)
    }
}

/// Whether a window closes before the next one opens.
fn fits(window: u64, interval: u64) -> Result<(), FieldError> {
    if window <= interval {
        return Ok(());
    }
    let (window, interval) = (short(window), short(interval));
    Err(FieldError::new(
        "rotation_window",
        format!(
            "`rotation_window` is {window} and two times of `rotation_schedule` are only {interval} \
             apart: give a window of at most {interval}"
        ),
    ))
}

impl Timing {
    /// The shortest time between two planned rotations, changes of clocks of the
    /// next ten years included; none where there are no planned rotations.
    pub fn shortest_interval(&self, now: Timestamp) -> Option<Duration> {
        match self {
            Self::Period(period) => Some(period.as_duration()),
            Self::Schedule(schedule) => Some(schedule.cron.shortest_interval(&schedule.zone, now)),
            Self::Manual => None,
        }
    }
}
