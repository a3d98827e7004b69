//! Tools for operators against servers of the test's own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod configuration;
mod load;
mod web;
