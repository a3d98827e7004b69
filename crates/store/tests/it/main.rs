//! Stores as a server uses them: in a process that is killed.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails; the child reports to its parent"
)]

mod killed;
