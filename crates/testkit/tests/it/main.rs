//! The test kit against the real programs that it is made for.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the answer")]

mod bao;
mod nodes;
mod programs;
