//! The test kit: starts, calls and stops real programs.
//!
//! For tests only, never part of a program. Everything here blocks, so that a
//! plain `#[test]` reads from top to bottom; a test that runs a server inside its
//! own async runtime calls these functions from a separate thread. Failures
//! panic with the log of the program.
//!
//! A test that needs a program which cargo cannot build begins with
//! `let bao = require_bao!();`. Where the program is missing, the test is recorded
//! as skipped; in CI that is a failure. Tests that need a Kafka broker run only on
//! request, `let kafka = require_kafka!();`, and so do those of clients written in
//! Go, `let go = require_go!();`.

#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "in a test a panic is the answer, and what is printed is shown with it"
)]

mod bao;
mod cli;
mod files;
mod go;
mod http;
mod kafka;
mod left_out;
mod node;
mod openapi;
mod process;
mod readers;
mod rust_clients;
mod wait;

pub use bao::{Bao, BaoServer};
pub use cli::{Cli, CliOutput};
pub use files::{bin, install, sha256};
pub use go::Go;
pub use http::Http;
pub use kafka::Kafka;
pub use left_out::leave_out;
pub use node::{BaoCluster, BaoNode};
pub use openapi::assert_openapi_is_whole;
pub use process::{Launch, Program, crash, processes_of, terminate};
pub use readers::Reader;
pub use rust_clients::RustClients;
pub use wait::{eventually, free_port};

/// The real `bao`; without it, the calling test returns.
///
/// If `LOCKKEEPER_BAO` is not set, the test is recorded as skipped and returns;
/// with `CI=true` it fails.
#[macro_export]
macro_rules! require_bao {
    () => {
        match $crate::Bao::find_or_leave_out() {
            Some(bao) => bao,
            None => return,
        }
    };
}

/// Kafka's jars; without them, the calling test returns. That is no failure: such
/// tests run only with `cargo xtask test --kafka`.
#[macro_export]
macro_rules! require_kafka {
    () => {
        match $crate::Kafka::find_if_asked() {
            Some(kafka) => kafka,
            None => return,
        }
    };
}

/// Clients written in Go; without them, the calling test returns. That is no
/// failure: such tests run only with `cargo xtask test --go`.
#[macro_export]
macro_rules! require_go {
    () => {
        match $crate::Go::find_if_asked() {
            Some(go) => go,
            None => return,
        }
    };
}

/// Clients that others wrote in Rust; without them, the calling test returns.
///
/// If they are not there, the test is recorded as skipped and returns; with
/// `CI=true` it fails.
#[macro_export]
macro_rules! require_rust_clients {
    () => {
        match $crate::RustClients::find_or_leave_out() {
            Some(clients) => clients,
            None => return,
        }
    };
}

/// A program that reads configuration, prepared to be started; without it, the
/// calling test returns.
///
/// If it is not there, the test is recorded as skipped and returns; with
/// `CI=true` it fails.
#[macro_export]
macro_rules! require_reader {
    ($reader:expr) => {
        match $crate::Reader::find_or_leave_out($reader) {
            Some(launch) => launch,
            None => return,
        }
    };
}
