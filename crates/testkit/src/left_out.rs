//! The record of tests that were skipped because something is not there.

use std::io::Write;

/// Prints that the running test is skipped, and records it for
/// `cargo xtask test`; with `CI=true` the test fails instead.
///
/// # Panics
///
/// In CI, where everything is there.
pub fn leave_out(reason: &str) {
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!in_ci, "in CI no test may be left out: {reason}");
    let thread = std::thread::current();
    let package = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
    let test = thread.name().unwrap_or("a test");
    let line = format!("{package} {test}: {reason}\n");
    eprint!("left out: {line}");
    if let Some(record) = std::env::var_os("LOCKKEEPER_LEFT_OUT") {
        let file = std::fs::OpenOptions::new().append(true).open(record);
        let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        written.expect("cannot write to the file that LOCKKEEPER_LEFT_OUT names");
    }
}
