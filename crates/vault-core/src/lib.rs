//! The heart of the server: what a Vault is apart from its network. Mounts,
//! tokens, policies, leases and the built-in paths under `sys/`.
//!
//! This crate is pure. It opens no socket, reads no clock and no environment
//! and starts no thread: storage, time, randomness and tasks are the
//! [`Effects`] that a host hands in. It sees engines only as backends that a
//! [`logical::Factory`] makes, and never the one for Confluent Cloud.
//!
//! The way of a request, in `core.rs`: token, policy, route, existence check,
//! engine, lease, answer. What the network makes of an [`Answer`] is the
//! host's affair.

mod answer;
mod auth;
mod core;
mod effects;
mod errors;
mod leases;
mod locate;
mod locks;
mod mounts;
mod policy;
mod random;
mod status;
mod storage;
mod sys;
#[cfg(test)]
mod tests;
mod tokens;

pub use self::core::{ClientRequest, Core, CoreConfig, Identity};
pub use answer::Answer;
pub use effects::Effects;
pub use mounts::{MountConfig, MountRequest};
pub use tokens::ClientToken;
