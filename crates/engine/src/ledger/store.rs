//! The ledger in storage: where its entries lie and how they are written.
//!
//! Our entries lie below `lockkeeper/`, apart from those of the Go plugin, so
//! that a mount can be taken over and given back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use logical::{Entropy, Error, Storage, Write};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;

use super::batch::Batches;
use super::holder_index::HolderIndex;
use super::layout::{self, HolderEntry};
use super::tombstone::{self, NotedTargets};
use crate::account_ref::AccountRef;
use crate::codec;
use crate::control_plane::Target;
use crate::credential::{Credential, Holder, Purpose, RequestedBy, Sharing, State};
use crate::ids::{CredentialId, Generation, HolderId, StorageId};

/// Entries that somebody still has to look at, by credential.
const CREDENTIALS: &str = "lockkeeper/credential/";
const SHARED: &str = "lockkeeper/shared/";
const STORAGE_ID: &str = "lockkeeper/storage-id";

/// Storage below which secrets lie, for hosts that wrap it with their seal.
pub const SEAL_WRAPPED: [&str; 2] = ["lockkeeper/account/", CREDENTIALS];

/// How many names are listed at once.
const PAGE: usize = 1000;

/// How many entries are read at once: in a plugin each is a round trip.
pub(super) const READ_AT_ONCE: usize = 16;

/// The ledger's entries.
pub struct LedgerStore {
    pub(super) storage: Arc<dyn Storage>,
    storage_id: OnceCell<StorageId>,
    noted_targets: NotedTargets,
    pub(super) batches: Batches,
}

/// A credential as it is stored: the holders of a shared key are left out,
/// since they have entries of their own.
#[derive(Serialize)]
struct Stored<'a> {
    id: &'a CredentialId,
    #[serde(flatten)]
    purpose: &'a Purpose,
    #[serde(flatten)]
    account: &'a AccountRef,
    target: &'a Target,
    sharing: Sharing,
    #[serde(skip_serializing_if = "Option::is_none")]
    requester: Option<&'a RequestedBy>,
    intended_at: Timestamp,
    state: &'a State,
    #[serde(skip_serializing_if = "Option::is_none")]
    holders: Option<&'a BTreeMap<HolderId, Holder>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pinned: bool,
}

impl<'a> Stored<'a> {
    fn of(credential: &'a Credential) -> Self {
        let single = credential.sharing == Sharing::SingleUse;
        Self {
            id: &credential.id,
            purpose: &credential.purpose,
            account: &credential.account,
            target: &credential.target,
            sharing: credential.sharing,
            requester: credential.requester.as_deref(),
            intended_at: credential.intended_at,
            state: &credential.state,
            holders: single.then_some(&credential.holders),
            pinned: credential.pinned,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct SharedPointer {
    credential: CredentialId,
}

impl LedgerStore {
    /// The ledger in this storage.
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            storage_id: OnceCell::new(),
            noted_targets: NotedTargets::default(),
            batches: Batches::default(),
        }
    }

    /// The id of this storage, made at its first use.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn storage_id(&self, entropy: &dyn Entropy) -> Result<&StorageId, Error> {
        self.storage_id
            .get_or_try_init(|| async {
                if let Some(known) = codec::read(&*self.storage, STORAGE_ID).await? {
                    return Ok(known);
                }
                let fresh = StorageId::random(entropy);
                self.storage
                    .put(STORAGE_ID, &codec::encode(&fresh)?)
                    .await?;
                Ok(fresh)
            })
            .await
    }

    /// The id of this storage, if it has one already.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn known_storage_id(&self) -> Result<Option<StorageId>, Error> {
        match self.storage_id.get() {
            Some(known) => Ok(Some(known.clone())),
            None => codec::read(&*self.storage, STORAGE_ID).await,
        }
    }

    /// All entries that somebody still has to look at, with their holders. Each
    /// batch is read once, and the list of the others page by page.
    ///
    /// # Errors
    /// When storage fails or an entry is damaged.
    pub async fn all(&self) -> Result<BTreeMap<CredentialId, Credential>, Error> {
        // In this order: one that gets an entry of its own meanwhile is met twice.
        let mut all = self.all_in_batches().await?;
        let intents = all.values().filter(|known| known.state == State::Intended);
        for id in intents.map(|intent| intent.id.clone()).collect::<Vec<_>>() {
            // Of one that was left behind a tombstone counts.
            if tombstone::read(&*self.storage, &id).await?.is_some() {
                all.remove(&id);
            }
        }
        let mut after = String::new();
        loop {
            let page = self.storage.list_page(CREDENTIALS, &after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(all);
            };
            after.clone_from(last);
            let ids = page.iter().filter_map(|name| CredentialId::parse(name));
            let loads: Vec<_> = ids.map(|id| async move { self.load(&id).await }).collect();
            let mut loads = stream::iter(loads).buffer_unordered(READ_AT_ONCE);
            while let Some(loaded) = loads.try_next().await? {
                // An entry that was forgotten since the list is none.
                all.extend(loaded.map(|known| (known.id.clone(), known)));
            }
        }
    }

    /// The ids of all entries that somebody still has to look at.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn ids(&self) -> Result<Vec<CredentialId>, Error> {
        // In this order: one that gets an entry of its own meanwhile is met twice.
        let mut ids = BTreeSet::from_iter(self.ids_in_batches().await?);
        let names = self.storage.list(CREDENTIALS).await?;
        ids.extend(names.iter().filter_map(|name| CredentialId::parse(name)));
        Ok(ids.into_iter().collect())
    }

    /// An entry with its holders, or the tombstone that is left of it.
    ///
    /// # Errors
    /// When storage fails or the entry is damaged.
    pub async fn load(&self, id: &CredentialId) -> Result<Option<Credential>, Error> {
        let loaded = self.load_indexed(id).await?;
        Ok(loaded.map(|(credential, _)| credential))
    }

    /// An entry with its holders, and the index of their entries.
    pub(super) async fn load_indexed(
        &self,
        id: &CredentialId,
    ) -> Result<Option<(Credential, HolderIndex)>, Error> {
        let Some(mut credential) = self.find_anywhere(id).await? else {
            return Ok(None);
        };
        let mut index = HolderIndex::default();
        if credential.sharing == Sharing::Shared && !credential.is_settled() {
            (index, credential.holders) = self.holders(id).await?;
        }
        Ok(Some((credential, index)))
    }

    /// What storage has of a credential, without the holders of a shared one.
    pub(super) async fn find_anywhere(
        &self,
        id: &CredentialId,
    ) -> Result<Option<Credential>, Error> {
        let found = self.find(id).await?;
        if found.is_none() && self.learn_batches().await? {
            return self.find(id).await;
        }
        Ok(found)
    }

    /// As [`Self::find_anywhere`], in the batches that are known. The last place
    /// counts only where there is no other.
    async fn find(&self, id: &CredentialId) -> Result<Option<Credential>, Error> {
        let mut found = codec::read(&*self.storage, &format!("{CREDENTIALS}{id}")).await?;
        if found.is_none() {
            found = self.record_in_batch(id).await?;
        }
        if found.is_none() {
            found = tombstone::read(&*self.storage, id).await?;
        }
        if found.is_none() {
            return self.intent_in_batch(id).await;
        }
        self.needs_no_intent(id);
        Ok(found)
    }

    /// The holders of a shared credential, with the index of their entries.
    ///
    /// # Errors
    /// When storage fails or an entry is damaged.
    pub(super) async fn holders(
        &self,
        id: &CredentialId,
    ) -> Result<(HolderIndex, BTreeMap<HolderId, Holder>), Error> {
        let names = self.storage.list(&layout::holders_of(id)).await?;
        let names = names.iter().filter_map(|name| HolderId::parse(name));
        let read = self.holder_entries(id, names).await?;
        Ok(HolderIndex::of(read))
    }

    /// Entries of holders of these names, those that there are.
    pub(super) async fn holder_entries(
        &self,
        id: &CredentialId,
        names: impl IntoIterator<Item = HolderId>,
    ) -> Result<Vec<(HolderId, HolderEntry)>, Error> {
        let folder = &layout::holders_of(id);
        let reads: Vec<_> = names
            .into_iter()
            .map(|name| async move {
                let place = format!("{folder}{name}");
                let entry: Option<HolderEntry> = codec::read(&*self.storage, &place).await?;
                Ok::<_, Error>(entry.map(|entry| (name, entry)))
            })
            .collect();
        let mut reads = stream::iter(reads).buffer_unordered(READ_AT_ONCE);
        let mut entries = Vec::new();
        while let Some(entry) = reads.try_next().await? {
            entries.extend(entry);
        }
        Ok(entries)
    }

    /// The credential that the readers of a generation share.
    ///
    /// # Errors
    /// When storage fails or the entry is damaged.
    pub async fn shared(&self, generation: &Generation) -> Result<Option<CredentialId>, Error> {
        let pointer: Option<SharedPointer> =
            codec::read(&*self.storage, &format!("{SHARED}{generation}")).await?;
        Ok(pointer.map(|pointer| pointer.credential))
    }

    /// Forgets what the readers of a generation share.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn forget_shared(&self, generation: &Generation) -> Result<(), Error> {
        self.storage.delete(&format!("{SHARED}{generation}")).await
    }

    /// The changes that store a credential. One that is settled goes to where
    /// tombstones lie. The readers of a role share a key from when it is no spare
    /// any more.
    ///
    /// # Errors
    /// When the entry cannot be encoded.
    pub fn save(credential: &Credential) -> Result<Vec<Write>, Error> {
        let bytes = codec::encode(&Stored::of(credential))?;
        let place = format!("{CREDENTIALS}{}", credential.id);
        if let (State::Gone { key, since, .. }, true) = (&credential.state, credential.is_settled())
        {
            let mut writes = tombstone::put(credential, key, *since, bytes)?;
            writes.push(Write::delete(place));
            return Ok(writes);
        }
        let mut writes = vec![Write::put(place, bytes)];
        if let (State::Live { key }, Sharing::Shared) = (&credential.state, credential.sharing)
            && key.secret.is_some()
            && !credential.pinned
            && let Some(generation) = credential.purpose.shared_by()
        {
            let pointer = codec::encode(&SharedPointer {
                credential: credential.id.clone(),
            })?;
            writes.push(Write::put(format!("{SHARED}{generation}"), pointer));
        }
        Ok(writes)
    }

    /// The change that removes a credential of which nothing is to be kept.
    pub fn forget(credential: &CredentialId) -> Write {
        Write::delete(format!("{CREDENTIALS}{credential}"))
    }

    /// Carries out changes.
    ///
    /// # Errors
    /// When storage fails; the changes may have happened all the same.
    pub async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        let batch = self.noted_targets.without_known(batch);
        let targets = NotedTargets::among(&batch);
        self.carry_out(batch).await?;
        self.noted_targets.note(targets);
        Ok(())
    }

    async fn carry_out(&self, mut batch: Vec<Write>) -> Result<(), Error> {
        if batch.is_empty() {
            return Ok(());
        }
        if batch.len() == 1 {
            return match batch.remove(0) {
                Write::Put { key, value } => self.storage.put(&key, &value).await,
                Write::Delete { key } => self.storage.delete(&key).await,
            };
        }
        self.storage.apply(batch).await
    }
}
