//! Load tests with Slapper's command line and target files: requests are planned
//! at a rate, and the time of each counts from the moment for which it was
//! planned, so that a server that stalls cannot hide the stall.
//!
//! The parts: [`targets`] are what is sent, [`plan`] says when, [`run`] sends, and
//! [`record`] keeps what came back, from which [`summary`] takes figures, and [`screen`] and
//! [`report`] make text.
//! [`workload`] makes targets with mounts of their own.
//! Only [`run`] and [`workload`] have a clock and a network. Files, the terminal and exit codes belong
//! to the program.

pub mod duration;
pub mod expect;
pub mod headers;
pub mod plan;
pub mod record;
pub mod report;
pub mod run;
pub mod screen;
pub mod summary;
pub mod targets;
pub mod workload;
