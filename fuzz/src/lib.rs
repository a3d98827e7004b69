//! Fuzz targets: everything of Lockkeeper that reads bytes from outside, each
//! as a function that must hold its promises for any input.
//!
//! A target panics when a promise is broken: the code under it must not panic,
//! must not answer with an internal error where the input is to blame, and must
//! not repeat a secret. `cargo test -p fuzz` runs each target on its seeds and
//! on small changes of them; `cargo xtask fuzz` lets libFuzzer search with the
//! coverage of our crates as its guide (`CONTRIBUTING.md`).
//!
//! An input that broke a promise becomes a seed of its target, so that it is
//! tried for ever after.

#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a panic is how a target reports"
)]

mod control_plane;
mod input;
mod responder;
mod runtime;
pub mod targets;

pub use targets::{TARGETS, Target};

/// What no answer, error or log may repeat.
const CANARY: &str = "cflt-canary-that-nobody-may-see";
