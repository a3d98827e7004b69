//! Cubbyholes: a private place of each stored token, which ends with it.

use logical::{Error, Object, Storage as _, Write};

use super::{TokenStore, encode};

/// Below it a folder for each token, by its salted hash.
const CUBBYHOLES: &str = "cubbyhole/";
/// Number of entries that the end of a token deletes at a time.
const BATCH: usize = 256;

impl TokenStore {
    /// An entry in the cubbyhole of a token.
    pub(crate) async fn cubbyhole_entry(
        &self,
        salted: &str,
        path: &str,
    ) -> Result<Option<Object>, Error> {
        self.storage.read(&entry_key(salted, path)).await
    }

    /// The names directly below a folder that is empty or ends in `/`.
    pub(crate) async fn cubbyhole_names(
        &self,
        salted: &str,
        folder: &str,
    ) -> Result<Vec<String>, Error> {
        self.storage.list(&entry_key(salted, folder)).await
    }

    /// Stores an entry in the cubbyhole of a token, or deletes it. Must run to
    /// completion, or a write could follow the end of its token.
    ///
    /// # Errors
    /// Permission denied for a token that is being revoked, whose cubbyhole
    /// nobody would find.
    pub(crate) async fn change_cubbyhole(
        &self,
        salted: &str,
        path: &str,
        data: Option<&Object>,
    ) -> Result<(), Error> {
        let _changing = self.changing.lock(salted).await;
        let stored = self.stored(salted).await?;
        if stored.is_none_or(|entry| entry.is_revoked) {
            return Err(Error::permission_denied());
        }
        match data {
            Some(data) => self.storage.write(&entry_key(salted, path), data).await,
            None => self.storage.delete(&entry_key(salted, path)).await,
        }
    }

    /// Deletes the cubbyhole of a token whose lock is held and that is marked as
    /// revoked.
    pub(super) async fn empty_cubbyhole(&self, salted: &str) -> Result<(), Error> {
        let keys = self.storage.walk(&entry_key(salted, "")).await?;
        for batch in keys.chunks(BATCH) {
            let deletions = batch.iter().map(Write::delete).collect();
            self.storage.apply(deletions).await?;
        }
        Ok(())
    }
}

/// The change that adds an entry to the cubbyhole of a new token.
pub(super) fn addition(salted: &str, path: &str, data: &Object) -> Result<Write, Error> {
    Ok(Write::put(entry_key(salted, path), encode(data)?))
}

fn entry_key(salted: &str, path: &str) -> String {
    [CUBBYHOLES, salted, "/", path].concat()
}
