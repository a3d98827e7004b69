//! What a development server on disk needs at its next start, in a file beside
//! the store: the key that unseals it, its root token, and the simulated cloud.
//!
//! A server for more than trials keeps none of this; whoever has both files can
//! read everything.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroize as _;

use super::super::private_file::Draft;
use crate::failure::Failure;

/// What is kept from one start to the next.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    /// The one share of the server's key, in base64.
    pub(super) unseal_key: String,
    pub(super) root_token: String,
    /// Of the simulated cloud, as `ID:SECRET`.
    pub(super) admin_key: String,
    /// The state of the simulated cloud.
    pub(super) cloud: Value,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.unseal_key.zeroize();
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept() -> Kept {
        Kept {
            unseal_key: "canary".into(),
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
