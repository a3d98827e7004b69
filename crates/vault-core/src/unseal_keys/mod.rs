//! The keys with which a store is opened: the root key, which protects the keys of
//! the barrier, and the key of the seal, which protects the root key and is handed
//! out in shares.
//!
//! The root key is stored encrypted by the key of the seal, which is stored nowhere.
//! [`RootKeys`] replaces both while the server is unsealed, and has a root token made for
//! whoever has enough shares. What a power cut leaves
//! of that opens with the old shares or the new ones, and never with neither.

mod generation;
mod keeper;
mod protected;
mod root_keys;
mod rotation;
mod settings;
mod text;

pub(crate) use generation::{Generated, GenerationProgress, RootGeneration};
pub use keeper::KeepsShares;
pub(crate) use protected::{Protected, StoredKeys, Which, lost, split};
pub(crate) use root_keys::{Given, RootKeys, Rotated, Verified};
pub(crate) use rotation::{Progress, Verification};
pub use settings::Shares;
pub(crate) use text::{share_of_text, to_hex};

use zeroize::Zeroizing;

/// A share in bytes, as it is handed out.
pub(crate) type Share = Zeroizing<Vec<u8>>;
