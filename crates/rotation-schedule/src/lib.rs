//! When keys are rotated, and what clients are told of it.
//!
//! This crate is pure: instants, random numbers and what was measured are handed
//! in, and times come out. It knows no storage, no clock and no engine.
//!
//! - [`Timing`] is what an operator chose: a [`RotationPeriod`], a [`Schedule`]
//!   ([`CronSchedule`], [`TimeZoneName`], [`Window`]) or rotation by hand.
//!   [`TimingFields`] are its fields as they are written, shown and stored;
//!   [`Timing::parse`] and [`Timing::update`] read them.
//! - [`Overlap`] is `grace` and `refresh`, with their defaults and limits.
//! - [`Retire`] says what ends a replaced key: its grace, or its silence.
//! - [`Planner`] plans: [`first`](Planner::first),
//!   [`after_planned`](Planner::after_planned) and
//!   [`after_requested`](Planner::after_requested) give the `next_rotation` to
//!   store, and [`due`](Planner::due) says what a stored one wants now.
//! - [`lead`] and [`ProofTimes`] say how early a rotation begins.
//! - [`ttl`] and [`told_period`] are what answers say.
//! - [`FieldError`] names a field and what to do.
//!
//! ```
//! use std::time::Duration;
//! use jiff::Timestamp;
//! use rotation_schedule::{
//!     Due, KeyLead, Overlap, OverlapFields, Planner, ProofTimes, Spread, Timing, TimingFields,
//!     lead, ttl,
//! };
//!
//! let now: Timestamp = "2026-03-01T10:00:00Z".parse()?;
//! let timing = Timing::parse(&TimingFields {
//!     rotation_schedule: Some("0 2 * * sun".into()),
//!     rotation_timezone: Some("Europe/Berlin".into()),
//!     rotation_window: Some(7200),
//!     ..TimingFields::default()
//! })?;
//! let lead = lead(&ProofTimes::default(), Duration::from_secs(120), Duration::ZERO);
//! let key = KeyLead { kind: "Kafka", lead };
//! let overlap = Overlap::new(OverlapFields::default(), &timing, key, now)?;
//!
//! let planner = Planner::new(&timing, Spread::of_name("orders"), overlap.grace() + lead);
//! let next = planner.first(now, 7).ok_or("no rotation is planned")?;
//! assert!(matches!(planner.due(next, now, lead), Due::Later { .. }));
//! assert_eq!(planner.due(next, next, lead), Due::Switch);
//! assert_eq!(ttl(Some(next), overlap.refresh(), now), 43_200);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod cron;
mod error;
mod fields;
mod human;
mod lead;
mod overlap;
mod period;
mod plan;
mod retire;
mod timing;
mod update;
mod window;
mod zone;

pub use answer::{told_period, ttl};
pub use cron::CronSchedule;
pub use error::FieldError;
pub use fields::TimingFields;
pub use lead::{ProofTimes, lead};
pub use overlap::{KeyLead, Overlap, OverlapFields};
pub use period::RotationPeriod;
pub use plan::{Due, Planner};
pub use retire::{Retire, RetireFields};
pub use timing::{Schedule, Timing};
pub use window::{Spread, Window};
pub use zone::TimeZoneName;
