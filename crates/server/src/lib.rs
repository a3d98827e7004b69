//! The network host: Vault's HTTP API over [`vault_core`] and the engines that
//! a program mounts in it.
//!
//! It turns bytes into requests and answers into bytes, hands the core the real
//! clock, randomness and tasks, and ends in order. It decides nothing about
//! tokens, mounts or leases, and it never names the engine for Confluent Cloud:
//! a program hands that in.

mod effects;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod serve;

pub use effects::effects;
pub use serve::serve;

/// The version of Vault whose API is spoken. Clients choose by it what they
/// ask for.
pub const VAULT_VERSION: &str = "1.18.3";
