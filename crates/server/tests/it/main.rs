//! The server on loopback, asked by a client that shares no code with it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod authority;
mod client_certificates;
mod edge;
mod engine;
mod running;
mod slow;
