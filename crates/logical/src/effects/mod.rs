//! The effects that a host hands to a backend: storage, time, randomness, a
//! view of the host, and background tasks.
//!
//! They are traits, so that every behaviour can be tested without sleeping,
//! and so that a test can cut an engine off at any call.

mod storage;
mod system_view;
mod time;

pub use storage::{Storage, Write};
pub use system_view::{Replication, SystemView};
pub use time::{Clock, Tasks, within};

/// A source of random bytes fit for keys.
pub trait Entropy: Send + Sync {
    /// Fills the buffer with random bytes.
    fn fill(&self, buffer: &mut [u8]);
}
