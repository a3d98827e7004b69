//! Physical stores behind [`logical::Storage`].
//!
//! Stores keep bytes under keys. They know neither what the bytes mean nor
//! who may read them.

mod memory;
mod sqlite;

#[cfg(test)]
mod contract;

pub use memory::MemoryStorage;
pub use sqlite::{OpenError, RestoreError, SqliteStorage};
