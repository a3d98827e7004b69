//! The client against a small server on loopback that answers as told, and
//! against a real OpenBao.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the answer")]

mod answers;
mod bao;
mod operators;
mod redirects;
mod retries;
mod server;
mod tls;
mod wrapping;
