//! The test kit: real programs, started, asked and stopped.
//!
//! For tests only, never part of a program. Everything here blocks, so that a
//! plain `#[test]` reads from top to bottom: a test that also runs a server
//! inside its own async runtime calls these functions from a thread of its
//! own. What goes wrong panics, with the log of the program concerned.
//!
//! A test that needs a program which cargo cannot build says so in its first
//! line, `let bao = require_bao!();`, and is left out, on record, where the
//! program is missing; in CI that is a failure. What needs a Kafka broker runs
//! only on demand: `let kafka = require_kafka!();`.

#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "in a test a panic is the answer, and what is printed is shown with it"
)]

mod bao;
mod cli;
mod files;
mod http;
mod kafka;
mod node;
mod openapi;
mod process;
mod wait;

pub use bao::{Bao, BaoServer};
pub use cli::{Cli, CliOutput};
pub use files::{bin, install, sha256};
pub use http::Http;
pub use kafka::Kafka;
pub use node::{BaoCluster, BaoNode};
pub use openapi::assert_openapi_is_whole;
pub use process::{Launch, Program, crash, processes_of};
pub use wait::{eventually, free_port};

/// The real `bao`, or the end of the test that needs it.
///
/// Where `LOCKKEEPER_BAO` names no program, the test is put on record as left
/// out and returns; with `CI=true` it fails.
#[macro_export]
macro_rules! require_bao {
    () => {
        match $crate::Bao::find_or_leave_out() {
            Some(bao) => bao,
            None => return,
        }
    };
}

/// Kafka's jars, or the end of the test that needs them, which is no failure:
/// such tests run only with `cargo xtask test --kafka`.
#[macro_export]
macro_rules! require_kafka {
    () => {
        match $crate::Kafka::find_if_asked() {
            Some(kafka) => kafka,
            None => return,
        }
    };
}
