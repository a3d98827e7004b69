//! The syntax as its users meet it: texts with the verdict of OpenBao, layouts
//! as it prints them, and texts that nobody would write.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod format;
mod hostile;
mod properties;
mod tree;
mod verdicts;
