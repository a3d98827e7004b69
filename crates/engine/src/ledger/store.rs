//! The ledger in storage: a facade over own entries, batches, holders and
//! tombstones.
//!
//! Our entries lie below `lockkeeper/`, apart from those of the Go plugin, so
//! that a mount can be taken over and given back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use logical::{Condition, Entropy, Error, Storage, Write};
use tokio::sync::OnceCell;

use super::batch::Batches;
use super::holder_index::HolderIndex;
use super::layout::{self, HolderEntry, READ_AT_ONCE};
use super::own_entry::{self, CREDENTIALS};
use super::tombstone::Tombstones;
use crate::codec;
use crate::credential::{Credential, Holder, Sharing, State};
use crate::ids::{CredentialId, Generation, HolderId, KeyId, StorageId};
use crate::scope::SlotId;

const STORAGE_ID: &str = "lockkeeper/storage-id";

/// The ids that processes made for this storage. They are more than one if two
/// processes used it first at the same moment.
const STORAGE_IDS: &str = "lockkeeper/storage-ids/";

/// Storage below which secrets lie, for hosts that wrap it with their seal.
pub const SEAL_WRAPPED: [&str; 2] = ["lockkeeper/account/", CREDENTIALS];

/// How many pointers to shared keys are removed in one batch.
const FORGOTTEN_TOGETHER: usize = 64;

/// How many names are listed at once.
const PAGE: usize = 1000;

/// The ledger's entries.
pub struct LedgerStore {
    storage: Arc<dyn Storage>,
    storage_id: OnceCell<StorageId>,
    pub(super) batches: Batches,
    pub(crate) tombstones: Tombstones,
}

impl LedgerStore {
    /// The ledger in this storage.
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage_id: OnceCell::new(),
            batches: Batches::new(Arc::clone(&storage)),
            tombstones: Tombstones::new(Arc::clone(&storage)),
            storage,
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
                // Another process may do the same at this moment, and storage without
                // transactions keeps the id of one of them. The other's keys are ours too.
                let fresh = StorageId::random(entropy);
                let registered = Write::put(format!("{STORAGE_IDS}{fresh}"), Vec::new());
                let put = Write::put(STORAGE_ID, codec::encode(&fresh)?);
                let absent = Condition::absent(STORAGE_ID);
                self.storage
                    .apply_if(vec![absent], vec![registered, put])
                    .await?;
                let stored = codec::read(&*self.storage, STORAGE_ID).await?;
                stored.ok_or_else(|| Error::internal("the id of this storage was not stored"))
            })
            .await
    }

    /// All ids that keys of this storage may carry in their markers: its own, and that of
    /// a process that used it first at the same moment as another.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn storage_ids(&self, entropy: &dyn Entropy) -> Result<BTreeSet<StorageId>, Error> {
        let names = self.storage.list(STORAGE_IDS).await?;
        let mut ids: BTreeSet<_> = names
            .iter()
            .filter_map(|name| StorageId::parse(name))
            .collect();
        ids.insert(self.storage_id(entropy).await?.clone());
        Ok(ids)
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

    /// All unsettled entries with their holders. Each batch is read once, and the list
    /// of the others page by page.
    ///
    /// # Errors
    /// When storage fails or an entry is damaged.
    pub async fn all(&self) -> Result<BTreeMap<CredentialId, Credential>, Error> {
        // Batches first: a credential that gets its own entry meanwhile is then read
        // twice, not missed.
        let mut all = self.batches.all().await?;
        let intents = all.values().filter(|known| known.state == State::Intended);
        for id in intents.map(|intent| intent.id.clone()).collect::<Vec<_>>() {
            // A tombstone takes precedence over an intent that was left behind.
            if self.tombstones.of(&id).await?.is_some() {
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
                // An entry may have been deleted since it was listed.
                all.extend(loaded.map(|known| (known.id.clone(), known)));
            }
        }
    }

    /// The ids of all unsettled entries.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn ids(&self) -> Result<Vec<CredentialId>, Error> {
        // Batches first: a credential that gets its own entry meanwhile is then
        // listed twice, not missed.
        let mut ids = BTreeSet::from_iter(self.batches.ids().await?);
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

    /// The entry of a credential, without the holders of a shared one.
    pub(super) async fn find_anywhere(
        &self,
        id: &CredentialId,
    ) -> Result<Option<Credential>, Error> {
        let found = self.find(id).await?;
        if found.is_none() && self.batches.learn().await? {
            return self.find(id).await;
        }
        Ok(found)
    }

    /// As [`Self::find_anywhere`], in the batches that are indexed. The places are
    /// tried in their order of precedence.
    async fn find(&self, id: &CredentialId) -> Result<Option<Credential>, Error> {
        let mut found = codec::read(&*self.storage, &own_entry::place(id)).await?;
        if found.is_none() {
            found = self.batches.record(id).await?;
        }
        if found.is_none() {
            found = self.tombstones.of(id).await?;
        }
        if found.is_none() {
            return self.batches.intent(id).await;
        }
        self.batches.needs_no_intent(id);
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

    /// The existing entries of holders among these names.
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

    /// The credentials that the readers of a slot may share, as far as storage
    /// names them: one, and the next one while it is prepared.
    ///
    /// # Errors
    /// When storage fails or an entry is damaged.
    pub async fn shared(&self, slot: &SlotId) -> Result<Vec<CredentialId>, Error> {
        own_entry::shared(&*self.storage, slot).await
    }

    /// Removes the pointer to the key that the readers of a generation share.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn forget_shared(&self, generation: &Generation) -> Result<(), Error> {
        let own = own_entry::shared_place(generation);
        let mut forgotten = vec![Write::delete(own.clone())];
        for scope in self.storage.list(&format!("{own}/")).await? {
            let folder = format!("{own}/{scope}");
            let names = self.storage.list(&folder).await?;
            forgotten.extend(
                names
                    .iter()
                    .map(|name| Write::delete(format!("{folder}{name}"))),
            );
        }
        while !forgotten.is_empty() {
            let rest = forgotten.split_off(forgotten.len().min(FORGOTTEN_TOGETHER));
            self.apply(forgotten).await?;
            forgotten = rest;
        }
        Ok(())
    }

    /// Carries out changes.
    ///
    /// # Errors
    /// When storage fails; the changes may have happened all the same.
    pub async fn apply(&self, batch: Vec<Write>) -> Result<(), Error> {
        let batch = self.tombstones.without_noted_targets(batch);
        let targets = Tombstones::targets_among(&batch);
        layout::carry_out(&*self.storage, batch).await?;
        self.tombstones.note_targets(targets);
        Ok(())
    }

    /// Writes the intent of a single-use key, coalesced with those that wait. Durable
    /// when it returns.
    ///
    /// # Errors
    /// When storage fails; the intent may be stored all the same.
    pub(super) async fn intend(&self, credential: &Credential) -> Result<(), Error> {
        self.batches.put_intent(credential).await
    }

    /// Writes the record of a single-use key, coalesced with those that wait. Where
    /// the intent has an entry of its own, the record replaces it, since that entry
    /// would take precedence over a batch.
    ///
    /// # Errors
    /// When storage fails; the record may be stored all the same.
    pub(super) async fn record(&self, credential: &Credential) -> Result<(), Error> {
        if self.batches.is_intended(&credential.id) {
            self.batches.put_record(credential).await
        } else {
            self.apply(own_entry::save(credential)?).await
        }
    }

    /// Deletes the batches of intents that no member needs.
    ///
    /// # Errors
    /// When storage fails; they are deleted another time.
    pub(crate) async fn clear_intents(&self) -> Result<(), Error> {
        self.batches.clear_intents().await
    }

    /// Drops the cache of batches: another node may have changed them.
    pub(crate) fn invalidate(&self) {
        self.batches.invalidate();
    }

    /// The tombstone of a key.
    ///
    /// # Errors
    /// When storage fails or an entry is damaged.
    pub async fn gone(&self, key: &KeyId) -> Result<Option<Credential>, Error> {
        // The latest day first: a key that came back has gone twice.
        for day in self.tombstones.days().await?.iter().rev() {
            let Some(id) = self.tombstones.of_key(day, key).await? else {
                continue;
            };
            let known = self.load(&id).await?;
            if known.as_ref().and_then(Credential::key_id) == Some(key) {
                return Ok(known);
            }
        }
        Ok(None)
    }
}
