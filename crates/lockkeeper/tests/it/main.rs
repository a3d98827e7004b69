//! The program as people and scripts use it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod dev;
mod help;
mod like_bao;
mod simulator;
