//! The example plugin as hosts see it: a real OpenBao, and a host of our own
//! that speaks Vault's dialect and can be hostile.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test a panic is the answer"
)]

mod dialogue;
mod fake_host;
mod fake_storage;
mod guide;
mod hostile;
mod openbao;
mod start;
mod trust;

/// The program of `examples/key_value.rs`.
fn example() -> std::path::PathBuf {
    testkit::bin("examples/key_value")
}
