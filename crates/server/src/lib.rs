//! The network host: Vault's HTTP API over [`vault_core`] and the engines that
//! a program mounts in it.
//!
//! It translates HTTP to requests of the core and answers to HTTP, injects the
//! real clock, randomness and tasks, and shuts down gracefully. It decides
//! nothing about tokens, mounts or leases, and never names the engine for
//! Confluent Cloud: a program injects that.

mod activity;
mod audit;
mod complexity;
mod connection;
mod effects;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod listener;
mod serve;
mod tls;
mod unix_socket;

pub use audit::Devices;
pub use complexity::JsonLimits;
pub use effects::effects;
pub use listener::{Limits, Listener, Timeouts};
pub use serve::serve;
pub use tls::{ClientCertificates, Tls, TlsError, TlsSettings, TlsVersion};
pub use unix_socket::{Access, UnixSocket};

/// The version of Vault whose API is implemented. Clients choose features by
/// it.
pub const VAULT_VERSION: &str = "1.18.3";
