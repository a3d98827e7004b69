//! What a development server on disk needs at its next start, in a file beside
//! the store: the key that unseals it, its root token, and the simulated cloud.
//!
//! A server for more than trials keeps none of this; whoever has both files can
//! read everything.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use logical::Error;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vault_core::KeepsShares;
use zeroize::{Zeroize as _, Zeroizing};

use super::super::private_file::Draft;
use crate::failure::Failure;

/// What is kept from one start to the next.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    /// The share of the server's key, in base64; after `operator rotate-keys`
    /// several, with commas.
    pub(super) unseal_key: String,
    /// Those of later keys, of which the last one may have come into force.
    #[serde(default)]
    pub(super) newer_unseal_keys: Vec<String>,
    pub(super) root_token: String,
    /// Of the simulated cloud, as `ID:SECRET`.
    pub(super) admin_key: String,
    /// The state of the simulated cloud.
    pub(super) cloud: Value,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.unseal_key.zeroize();
        self.newer_unseal_keys.zeroize();
        self.root_token.zeroize();
        self.admin_key.zeroize();
    }
}

/// The file beside a store.
pub(super) fn file_beside(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".dev.json");
    name.into()
}

impl Kept {
    /// What an earlier start left beside the store, if one did.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn load(store: &Path) -> Result<Option<Self>, Failure> {
        let file = file_beside(store);
        let unusable = |problem: &dyn std::fmt::Display| {
            Failure::local(format!(
                "cannot read `{}`, where an earlier start kept its keys: {problem}",
                file.display()
            ))
        };
        let mut text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(&error)),
        };
        let kept = serde_json::from_str(&text);
        text.zeroize();
        // Without the parser's message, which may quote a key.
        kept.map(Some).map_err(|error: serde_json::Error| {
            unusable(&format_args!(
                "line {} is not what was written",
                error.line()
            ))
        })
    }

    /// Writes it beside the store, for this user alone.
    ///
    /// # Errors
    /// When the file cannot be written; the old one is as it was.
    pub(super) fn save(&self, store: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Failure::local(format!("cannot keep the keys: {error}")))?;
        Draft::create(&file_beside(store))?.publish(&text).map(drop)
    }
}

/// Adds new shares to what is kept, while the server runs.
pub(super) struct Keeper {
    store: PathBuf,
    newer: Mutex<Vec<String>>,
}

impl Keeper {
    pub(super) fn beside(store: &Path) -> Self {
        Self {
            store: store.to_owned(),
            newer: Mutex::default(),
        }
    }

    /// The shares of all keys that were made since the start.
    pub(super) fn newer(&self) -> Vec<String> {
        let newer = self.newer.lock().unwrap_or_else(PoisonError::into_inner);
        newer.clone()
    }
}

impl KeepsShares for Keeper {
    fn keep(&self, shares: &[Zeroizing<Vec<u8>>]) -> Result<(), Error> {
        let mut newer = self.newer.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |failure: Failure| Error::internal(failure.to_string());
        let kept = Kept::load(&self.store).map_err(failed)?;
        let mut kept = kept.ok_or_else(|| {
            let file = file_beside(&self.store);
            Error::internal(format!(
                "`{}` is gone: the new shares cannot be kept there",
                file.display()
            ))
        })?;
        newer.push(text_of(shares));
        kept.newer_unseal_keys.clone_from(&newer);
        let saved = kept.save(&self.store);
        saved.inspect_err(|_| drop(newer.pop())).map_err(failed)
    }
}

/// Shares as they are kept.
pub(super) fn text_of(shares: &[Zeroizing<Vec<u8>>]) -> String {
    let shares = shares.iter().map(|share| BASE64_STANDARD.encode(share));
    shares.collect::<Vec<_>>().join(",")
}

/// The shares of a text; none that is not base64.
pub(super) fn shares_of(text: &str) -> Vec<Zeroizing<Vec<u8>>> {
    let shares = text.split(',').map(|share| BASE64_STANDARD.decode(share));
    shares.flatten().map(Zeroizing::new).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept() -> Kept {
        Kept {
            unseal_key: "canary".into(),
            newer_unseal_keys: Vec::new(),
            root_token: "root".into(),
            admin_key: "ID:secret".into(),
            cloud: json!({"users": []}),
        }
    }

    #[test]
    fn what_was_saved_is_loaded_and_nothing_is_found_where_nothing_was() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("dev.db");
        assert!(Kept::load(&store).unwrap().is_none());
        kept().save(&store).unwrap();
        let loaded = Kept::load(&store).unwrap().unwrap();
        assert_eq!(loaded.unseal_key, "canary");
        assert_eq!(loaded.cloud, json!({"users": []}));
    }

    #[test]
    fn new_shares_are_kept_beside_those_that_count() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("dev.db");
        let keeper = Keeper::beside(&store);
        let shares = [1, 2].map(|byte| Zeroizing::new(vec![byte; 33]));
        assert!(keeper.keep(&shares).is_err(), "there is no file");
        assert_eq!(keeper.newer(), Vec::<String>::new());
        kept().save(&store).unwrap();
        keeper.keep(&shares).unwrap();
        keeper.keep(&shares[..1]).unwrap();
        let loaded = Kept::load(&store).unwrap().unwrap();
        assert_eq!(loaded.unseal_key, "canary");
        assert_eq!(loaded.newer_unseal_keys, keeper.newer());
        assert_eq!(shares_of(&keeper.newer()[0]), shares);
    }

    #[test]
    fn a_file_that_was_cut_off_is_named_and_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("dev.db");
        std::fs::write(file_beside(&store), "{\"unseal_key\": \"canary").unwrap();
        let Err(failure) = Kept::load(&store) else {
            panic!("loaded");
        };
        let text = failure.to_string();
        assert!(text.contains("dev.db.dev.json"), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}
