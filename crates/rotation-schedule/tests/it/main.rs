//! Times as callers of the crate see them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod answers;
mod brute_force;
mod change_of_clocks;
mod expression;
mod page;
mod plan;
mod properties;

use jiff::Timestamp;
use rotation_schedule::{Timing, TimingFields};

/// An instant.
#[track_caller]
fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn period(seconds: u64) -> Timing {
    Timing::parse(&TimingFields {
        rotation_period: Some(seconds),
        ..TimingFields::default()
    })
    .unwrap()
}

fn schedule(text: &str, zone: &str, window: Option<u64>) -> Timing {
    Timing::parse(&TimingFields {
        rotation_schedule: Some(text.into()),
        rotation_timezone: Some(zone.into()),
        rotation_window: window,
        ..TimingFields::default()
    })
    .unwrap()
}
