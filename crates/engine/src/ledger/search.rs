//! Searches in the unsettled entries: for the one of a key, and for those of a role.
//!
//! Storage is the truth, and lists which entries there are, those of another process
//! included. The index says which of them cannot be meant, and those stay unread.

use futures_util::stream::{self, StreamExt, TryStreamExt};
use logical::Error;

use super::driver::Ledger;
use super::entry::lock;
use super::layout::READ_AT_ONCE;
use super::watch::Indexed;
use crate::credential::Credential;
use crate::ids::{CredentialId, KeyId, RoleName};

/// The most entries that are read one by one. To read all costs one read for each
/// batch, which holds up to 512.
const FEW: usize = 512;

impl Ledger {
    /// The entry of a key, also of one that is gone.
    pub(crate) async fn find_key(&self, key: &KeyId) -> Result<Option<Credential>, Error> {
        let may_be = |known: &Indexed| known.key.as_ref().is_none_or(|known| known == key);
        let found = self.read_where(may_be).await?;
        let mut found = found.into_iter();
        match found.find(|entry| entry.key_id() == Some(key)) {
            Some(entry) => Ok(Some(entry)),
            None => self.store.gone(key).await,
        }
    }

    /// The unsettled entries of a role's keys.
    pub(crate) async fn find_role(&self, role: &RoleName) -> Result<Vec<Credential>, Error> {
        let may_be = |known: &Indexed| known.role.as_ref() == Some(role);
        let mut found = self.read_where(may_be).await?;
        found.retain(|entry| !entry.is_settled() && entry.purpose.is_role(role));
        Ok(found)
    }

    /// The entries that the index does not rule out, and maybe others.
    async fn read_where(
        &self,
        may_be: impl Fn(&Indexed) -> bool,
    ) -> Result<Vec<Credential>, Error> {
        let mut ids = self.store.ids().await?;
        {
            let watch = lock(&self.watch);
            ids.retain(|id| watch.indexed(id).is_none_or(&may_be));
        }
        let read = if ids.len() > FEW {
            self.store.all().await?.into_values().collect()
        } else {
            self.read_each(&ids).await?
        };
        let mut watch = lock(&self.watch);
        for entry in read.iter().filter(|entry| !entry.is_settled()) {
            watch.index(entry);
        }
        Ok(read)
    }

    async fn read_each(&self, ids: &[CredentialId]) -> Result<Vec<Credential>, Error> {
        let reads: Vec<_> = ids.iter().map(|id| self.store.load(id)).collect();
        let reads = stream::iter(reads).buffered(READ_AT_ONCE);
        // One may have gone since it was listed.
        reads
            .try_filter_map(|read| async move { Ok(read) })
            .try_collect()
            .await
    }
}
