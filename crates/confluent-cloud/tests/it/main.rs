//! The client against the simulator, and against a listener that answers with
//! what it is told, byte by byte.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod calls;
mod cloud;
mod connections;
mod contract;
mod failures;
mod faults;
mod listener;
mod pace;
mod places;
mod probes;
mod reports;
mod retries;
mod tls;
