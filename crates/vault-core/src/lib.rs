//! The heart of the server: what a Vault is apart from its network. Mounts,
//! tokens, policies, leases and the built-in paths under `sys/`.
//!
//! This crate is pure. It opens no socket, reads no clock and no environment
//! and starts no thread: storage, time, randomness and tasks are the
//! [`Effects`] that a host hands in. It sees engines only as backends that a
//! [`logical::Factory`] makes, and never the one for Confluent Cloud.
//!
//! The order of the modules, each of which uses only those before it: what a
//! mount is (`routing`), tokens, leases, what changes mounts (`mounts`) and ends
//! tokens (`revocation`), the built-in backends (`sys`, `auth`), what exists
//! while unsealed (`active`), the way of a request (`pipeline`), and the
//! [`Core`]. What the network makes of an [`Answer`] is the host's affair.

mod active;
mod answer;
mod auth;
mod core;
mod effects;
mod errors;
mod leases;
mod locks;
mod mounts;
mod pipeline;
mod policy;
mod random;
mod request;
mod revocation;
mod routing;
mod server_info;
mod status;
mod storage;
mod sys;
#[cfg(test)]
mod tests;
mod tokens;

pub use self::core::{Core, CoreConfig};
pub use answer::Answer;
pub use effects::Effects;
pub use request::ClientRequest;
pub use routing::{ListingVisibility, MountConfig, MountRequest, MountTuning};
pub use server_info::ServerInfo;
pub use tokens::ClientToken;
