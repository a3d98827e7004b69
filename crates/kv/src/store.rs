//! The storage of one mount: records as JSON, below names that are encrypted.

use std::sync::Arc;

use logical::{Entropy, Error, Storage, Write};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::names::Names;

/// Storage with hidden names.
pub(crate) struct Store {
    storage: Arc<dyn Storage>,
    entropy: Arc<dyn Entropy>,
    names: OnceCell<Names>,
}

impl Store {
    pub(crate) fn new(storage: Arc<dyn Storage>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            storage,
            entropy,
            names: OnceCell::new(),
        }
    }

    /// The mount's names; its key is read at the first use.
    pub(crate) async fn names(&self) -> Result<&Names, Error> {
        let open = || Names::open(self.storage.as_ref(), self.entropy.as_ref());
        self.names.get_or_try_init(open).await
    }

    /// The bytes at a key of storage.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        self.storage.get(key).await
    }

    /// Reads a record.
    ///
    /// # Errors
    /// An error of storage, or an internal error that names a damaged entry.
    pub(crate) async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let Some(bytes) = self.storage.get(key).await? else {
            return Ok(None);
        };
        parse(key, &bytes).map(Some)
    }

    /// Applies changes together.
    pub(crate) async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        self.storage.apply(batch).await
    }

    /// The clear names in a folder below `tree`, sorted. `folder` is empty or
    /// ends in `/`. An entry without a name, at the place of the folder itself,
    /// is no secret.
    pub(crate) async fn list(&self, tree: &str, folder: &str) -> Result<Vec<String>, Error> {
        let names = self.names().await?;
        let sealed = format!("{tree}{}", names.seal(folder)?);
        let listed = self.storage.list(&sealed).await?;
        let opened = names.folder(folder);
        let mut clear = listed
            .iter()
            .filter(|name| !name.is_empty())
            .map(|name| opened.open(name))
            .collect::<Result<Vec<_>, _>>()?;
        clear.sort_unstable();
        Ok(clear)
    }

    /// The paths of all secrets in and below a folder, relative to it: those of
    /// a folder before those of its folders, as OpenBao scans.
    pub(crate) async fn scan(&self, tree: &str, folder: &str) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        let mut folders = std::collections::VecDeque::from([String::new()]);
        while let Some(below) = folders.pop_front() {
            for name in self.list(tree, &format!("{folder}{below}")).await? {
                let path = format!("{below}{name}");
                if path.ends_with('/') {
                    folders.push_back(path);
                } else {
                    found.push(path);
                }
            }
        }
        Ok(found)
    }
}

/// Reads a record from its bytes.
///
/// # Errors
/// An internal error that names the entry.
pub(crate) fn parse<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| {
        // The text of the error may quote the value: only its place is told.
        Error::internal(format!(
            "storage entry `{key}` cannot be read (line {}, column {}): restore it from a backup",
            error.line(),
            error.column()
        ))
    })
}

/// A change that stores a record.
///
/// # Errors
/// An internal error if it cannot be encoded.
pub(crate) fn put<T: Serialize>(key: impl Into<String>, record: &T) -> Result<Write, Error> {
    let bytes = serde_json::to_vec(record)
        .map(Zeroizing::new)
        .map_err(|error| Error::internal(format!("a record cannot be encoded: {error}")))?;
    Ok(Write::put(key, bytes))
}
