//! The simulator as its users meet it: over HTTP, and in process.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod access;
mod api_keys;
mod control;
mod faults;
mod inventory;
mod paging;
mod process;
mod propagation;
mod shapes;
mod wire;
