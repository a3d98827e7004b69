//! The core of the server: everything of a Vault but its network. Mounts,
//! tokens, policies, leases and the built-in paths under `sys/`.
//!
//! This crate is pure. It opens no socket, reads neither clock nor environment,
//! and starts no thread: storage, time, randomness and tasks are the
//! [`Effects`] that a host injects. It sees engines only as backends created by
//! a [`logical::Factory`], and never names the one for Confluent Cloud.
//!
//! Each module uses only the modules before it: `unseal_keys`, `quotas`, `routing`,
//! `lockout`, `identity`, policies, tokens, `rights`, leases,
//! `mounts` and `revocation` (durable changes of mounts and tokens), `wrapping`,
//! `audit`, the built-in backends (`sys`, `auth`, `cubbyhole`), `active` (everything that
//! exists while unsealed), the request `pipeline`, the [`Core`], the status of the
//! server, and the seal with the [`Vault`], which has a core while it is unsealed.
//! Hosts serialize an [`Answer`] for the network.

mod active;
mod answer;
mod audit;
mod auth;
mod cache;
mod config;
mod core;
mod cubbyhole;
mod effects;
mod errors;
mod identity;
mod leases;
mod lockout;
mod mounts;
mod passwords;
mod pipeline;
mod policies;
mod quotas;
mod random;
mod request;
mod revocation;
mod rights;
mod routing;
mod salted_names;
mod seal;
mod server_info;
mod status;
mod storage;
mod sys;
#[cfg(test)]
mod tests;
mod tokens;
mod unseal_keys;
mod wiped;
mod wrapping;

pub use self::core::Core;
pub use answer::Answer;
pub use audit::{AuditConfig, AuditDevice, AuditSink, AuditSinks, NoSinks};
pub use config::{CoreConfig, WithoutToken};
pub use effects::Effects;
pub use lockout::UserLockout;
pub use policies::check_policy;
pub use request::ClientRequest;
pub use routing::{
    LeaseTtls, ListingVisibility, LockoutTuning, MountConfig, MountRequest, MountTokenType,
    MountTuning,
};
pub use seal::{Initialized, Vault};
pub use server_info::ServerInfo;
pub use tokens::ClientToken;
pub use unseal_keys::{KeepsShares, Shares};
