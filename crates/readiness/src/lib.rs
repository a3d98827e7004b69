//! When a new API key counts as working: the policy, without any network.
//!
//! A key that Confluent Cloud has just made is refused for a while, about two
//! minutes for Kafka, and no API says when that is over. So the key is tried at
//! the place that it is for. This crate decides when to try it, what an answer
//! means, when the key is proven, when it is assumed to work because nobody can
//! ask, and when to give it up. It knows no HTTP, no storage and no clock: times
//! are handed in, and [`Probe`] and [`Places`] are the traits through which the
//! engine reaches the world.
//!
//! In short:
//!
//! ```
//! # use std::time::Duration;
//! # use jiff::Timestamp;
//! use readiness::{Decision, Given, Kind, Mode, Observation, Readiness, Settings};
//!
//! // A role's fields: what is given over what is stored, errors name the field.
//! let given = Given { readiness: Some("probe"), ..Given::default() };
//! let settings = Settings::of(Mode::None).with(&given, Kind::Kafka)?;
//!
//! // A key: `Readiness` is what is known of it, `Plan` what the role wants.
//! let made = Timestamp::UNIX_EPOCH;
//! let plan = settings.plan(Kind::Kafka);
//! let mut readiness = Readiness::of_key_made(made);
//! let until = made + Duration::from_secs(45);
//! assert_eq!(readiness.decide(&plan, made), Decision::Wait { until });
//! assert_eq!(readiness.decide(&plan, until), Decision::Probe);
//! readiness.observe(&plan, until, Observation::LoggedIn);
//! // A Kafka cluster has several brokers: one login is not enough.
//! let until = until + Duration::from_secs(10);
//! assert_eq!(readiness.decide(&plan, until), Decision::Probe);
//! readiness.observe(&plan, until, Observation::LoggedIn);
//! assert!(matches!(readiness.decide(&plan, until), Decision::Ready(_)));
//! # Ok::<(), readiness::InvalidSetting>(())
//! ```
//!
//! - [`Settings`] are the fields `readiness`, `readiness_delay`,
//!   `readiness_timeout`, `wait_ready` and `not_ready`; [`Settings::with`] parses
//!   them, [`Settings::plan`] gives the [`Plan`] for a key. The admin key of an
//!   account has [`Plan::of_account`].
//! - [`Readiness`] is the state of one key. [`decide`](Readiness::decide) says
//!   what is next: [`Decision::Probe`] now, [`Decision::Wait`],
//!   [`Decision::Ready`] with a [`Proof`], or [`Decision::NotReady`].
//!   [`observe`](Readiness::observe) takes the result of a probe,
//!   [`postpone`](Readiness::postpone) that none could be sent. It can be stored;
//!   it may as well be made anew after a restart from the time of the intent,
//!   which only costs probes.
//! - [`Proof`] is stored with the key, and says whether it was tried or assumed.
//! - [`Probe`] tries a key, [`Places`] finds the address to try it at, which is
//!   a [`Place`] that knows when it must be looked up again. Both traits take the
//!   engine's own type of account as a parameter.

mod kind;
mod observation;
mod place;
mod plan;
mod proof;
mod settings;
mod state;
mod world;

pub use kind::Kind;
pub use observation::Observation;
pub use place::Place;
pub use plan::{Mode, Plan};
pub use proof::{Basis, Proof};
pub use settings::{Given, InvalidSetting, LONGEST_WAIT, NotReady, Settings};
pub use state::{Decision, Readiness};
pub use world::{Candidate, LookUpError, Places, Probe, Probed, Resource};
