//! Encryption of everything that is stored: a [`logical::Storage`] over another.
//!
//! A value is sealed with AES-256-GCM under the newest key of a ring, with its
//! whole path as associated data: a value that was changed, or moved to another
//! path, is refused and never read as something else. The layout is that of
//! Vault's barrier, version 2: the key's term (4 bytes, big endian), the version,
//! a random nonce of 12 bytes, ciphertext and tag. The ring itself is stored
//! under the root key; what is in it is written in our own JSON, so a store is
//! not one that Vault could open.
//!
//! The barrier hides values, not paths: who stores something under a secret name
//! must hide the name. It does not notice a store that was rolled back as a
//! whole, nor entries that were removed.

mod barrier;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod key;
mod keyring;
mod rotation;
mod sealed_value;

pub use barrier::{Barrier, KeyStatus};
pub use key::Key;
pub use keyring::KEYRING;
pub use rotation::RotationConfig;
