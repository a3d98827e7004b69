//! Entry points for the fuzz targets in `fuzz/`; not part of the API.

use logical::{Entropy, Error};

use crate::Key;
use crate::keyring::Keyring;

/// Any bytes, sealed under a root key as the keyring is.
///
/// # Errors
/// When they cannot be encrypted.
pub fn keyring(root: &Key, json: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, Error> {
    Keyring::seal_json(root, json, entropy)
}
