//! The seal: which key protects the store, who holds its shares, and what exists
//! without it.
//!
//! Values are encrypted by the barrier, whose keys are encrypted by the root key.
//! The root key is stored encrypted by the key of the seal, and that one is
//! handed out in shares when the store is initialized and stored nowhere. A
//! [`Vault`] that is sealed or not yet initialized has no [`Core`](crate::Core)
//! at all: whatever comes from storage exists from unsealing to sealing.

mod attempt;
mod audit;
mod requests;
mod staged;
#[cfg(test)]
mod tests;
mod unauthenticated;
mod vault;

pub use vault::{Initialized, Vault};
