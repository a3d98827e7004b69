//! Physical stores behind [`logical::Storage`].
//!
//! Stores keep bytes under keys. They know neither what the bytes mean nor
//! who may read them.

mod memory;
mod prefix;

pub use memory::MemoryStorage;
pub use prefix::PrefixStorage;
