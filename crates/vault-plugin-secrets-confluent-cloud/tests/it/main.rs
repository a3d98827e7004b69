//! The program by itself and in a real OpenBao.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a panic is the answer"
)]

mod by_hand;
mod cloud;
mod cluster;
mod durable;
mod late;
mod lost;
mod mounted;
mod mounts;
mod service;
mod takeover;
