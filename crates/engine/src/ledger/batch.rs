//! Batches: storage entries with several single-use credentials each, whose writes
//! were coalesced.
//!
//! There are two kinds. A batch of **intents** is never rewritten. It is deleted
//! when each member has a record or was refused. A batch of **records** only ever
//! loses members, those whose keys are gone. Any other change of a member (a
//! renewal, its end) is written to an entry of its own. That entry takes
//! precedence, then a record in a batch, then a tombstone, and an intent in a batch
//! last. So a member leaves its batch of records before its own entry is deleted,
//! and may leave that of intents later.
//!
//! Both kinds are named after their first member. The index of their members is
//! read from storage once, and again when a credential is not found, since another
//! process may have written it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use logical::{Error, Storage};
use tokio::sync::OnceCell;

use super::layout::{READ_AT_ONCE, carry_out};
use super::own_entry;
use crate::coalescer::Coalescer;
use crate::codec;
use crate::credential::Credential;
use crate::ids::CredentialId;
use stored::Batch;

mod stored;

/// How many decoded batches are kept: keys of one batch end at about the same
/// time, and decoding one costs a millisecond.
const DECODED: usize = 4;

/// The most credentials in a batch, which then stays well below 256 KiB.
const LARGEST: usize = 512;

/// How many leave their batches at once.
const MOST_LEAVING: usize = 1024;

/// The kind of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Intents,
    Records,
}

impl Kind {
    fn folder(self) -> &'static str {
        match self {
            Self::Intents => "lockkeeper/intents/",
            Self::Records => "lockkeeper/records/",
        }
    }

    fn place(self, name: &CredentialId) -> String {
        format!("{}{name}", self.folder())
    }
}

/// The batches of a storage, and the credentials that wait to be written into one.
pub(super) struct Batches {
    storage: Arc<dyn Storage>,
    index: Mutex<BatchIndex>,
    decoded: Mutex<Decoded>,
    /// Set once the batches that were in storage at the start are indexed.
    learned: OnceCell<()>,
    intending: Coalescer<Credential, Result<(), Error>>,
    recording: Coalescer<Credential, Result<(), Error>>,
    leaving: Coalescer<CredentialId, Result<(), Error>>,
    /// Held while unneeded batches are deleted.
    clearing: tokio::sync::Mutex<()>,
}

impl Batches {
    /// The batches in this storage.
    pub(super) fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            index: Mutex::default(),
            decoded: Mutex::default(),
            learned: OnceCell::new(),
            intending: Coalescer::new(LARGEST),
            recording: Coalescer::new(LARGEST),
            leaving: Coalescer::new(MOST_LEAVING),
            clearing: tokio::sync::Mutex::default(),
        }
    }

    fn index(&self) -> MutexGuard<'_, BatchIndex> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decoded(&self) -> MutexGuard<'_, Decoded> {
        self.decoded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The batches that were read last, so that each is decoded once and not once
/// for every member.
#[derive(Default)]
struct Decoded {
    batches: Vec<((Kind, CredentialId), Arc<Batch>)>,
    /// Counts evictions: a batch that was read before one is not cached.
    epoch: u64,
}

impl Decoded {
    fn get(&mut self, kind: Kind, name: &CredentialId) -> Option<Arc<Batch>> {
        let mut places = self.batches.iter();
        let at = places.position(|((of, named), _)| *of == kind && named == name)?;
        let found = self.batches.remove(at);
        let batch = Arc::clone(&found.1);
        self.batches.push(found);
        Some(batch)
    }

    fn keep(&mut self, kind: Kind, name: &CredentialId, batch: &Arc<Batch>, epoch: u64) {
        if self.epoch != epoch {
            return;
        }
        if self.batches.len() >= DECODED {
            self.batches.remove(0);
        }
        self.batches.push(((kind, name.clone()), Arc::clone(batch)));
    }

    fn evict(&mut self, kind: Kind, name: &CredentialId) {
        self.epoch += 1;
        self.batches
            .retain(|((of, named), _)| *of != kind || named != name);
    }
}

/// The index of all batches.
#[derive(Default)]
struct BatchIndex {
    intents: Members,
    records: Members,
    /// Batches of intents that no member needs.
    finished: Vec<CredentialId>,
}

impl BatchIndex {
    fn of(&mut self, kind: Kind) -> &mut Members {
        match kind {
            Kind::Intents => &mut self.intents,
            Kind::Records => &mut self.records,
        }
    }

    fn has(&mut self, kind: Kind, name: &CredentialId) -> bool {
        self.of(kind).by_batch.contains_key(name)
            || kind == Kind::Intents && self.finished.contains(name)
    }

    fn forget(&mut self, kind: Kind, id: &CredentialId) {
        let emptied = self.of(kind).forget(id);
        if kind == Kind::Intents {
            self.finished.extend(emptied);
        }
    }
}

/// The members of batches of one kind.
#[derive(Default)]
struct Members {
    batch_of: HashMap<CredentialId, CredentialId>,
    by_batch: HashMap<CredentialId, Vec<CredentialId>>,
}

impl Members {
    fn put(&mut self, name: &CredentialId, members: Vec<CredentialId>) {
        for member in &members {
            self.batch_of.insert(member.clone(), name.clone());
        }
        self.by_batch.insert(name.clone(), members);
    }

    /// Removes a member. Returns its batch if it was the last member.
    fn forget(&mut self, id: &CredentialId) -> Option<CredentialId> {
        let name = self.batch_of.remove(id)?;
        let members = self.by_batch.get_mut(&name)?;
        members.retain(|member| member != id);
        if !members.is_empty() {
            return None;
        }
        self.by_batch.remove(&name);
        Some(name)
    }

    /// The remaining members of each batch that these credentials leave.
    fn left_by(&self, ids: &[CredentialId]) -> BTreeMap<CredentialId, Vec<CredentialId>> {
        let names = ids.iter().filter_map(|id| self.batch_of.get(id));
        names
            .map(|name| {
                let members = self.by_batch.get(name).into_iter().flatten();
                let staying = members.filter(|member| !ids.contains(member));
                (name.clone(), staying.cloned().collect())
            })
            .collect()
    }
}

impl Batches {
    /// Writes the intent of a single-use key, coalesced with those that wait. Durable
    /// when it returns.
    pub(super) async fn put_intent(&self, credential: &Credential) -> Result<(), Error> {
        let write = |waiting| self.write_together(Kind::Intents, waiting);
        self.intending.call(credential.clone(), write).await
    }

    /// Writes the record of a key whose intent is in a batch, coalesced with those
    /// that wait.
    pub(super) async fn put_record(&self, credential: &Credential) -> Result<(), Error> {
        let write = |waiting| self.write_together(Kind::Records, waiting);
        self.recording.call(credential.clone(), write).await?;
        self.needs_no_intent(&credential.id);
        Ok(())
    }

    /// Whether the only entry of a credential is an intent in a batch.
    pub(super) fn is_intended(&self, id: &CredentialId) -> bool {
        self.index().intents.batch_of.contains_key(id)
    }

    /// Notes that a credential has another entry that takes precedence, or needs
    /// none.
    pub(super) fn needs_no_intent(&self, id: &CredentialId) {
        self.index().forget(Kind::Intents, id);
    }

    async fn write_together(&self, kind: Kind, waiting: Vec<Credential>) -> Result<(), Error> {
        let name = match waiting.as_slice() {
            [] => return Ok(()),
            [alone] => return carry_out(&*self.storage, own_entry::save(alone)?).await,
            [first, ..] => first.id.clone(),
        };
        let batch = Batch::of(waiting);
        // Known before it is written: a write may fail after it was done.
        self.index().of(kind).put(&name, batch.ids());
        let bytes = codec::encode(&batch)?;
        self.decoded().evict(kind, &name);
        let written = self.storage.put(&kind.place(&name), &bytes).await;
        self.decoded().evict(kind, &name);
        written
    }

    /// A credential whose intent is in a batch.
    pub(super) async fn intent(&self, id: &CredentialId) -> Result<Option<Credential>, Error> {
        self.find(Kind::Intents, id).await
    }

    /// A credential whose record is in a batch.
    pub(super) async fn record(&self, id: &CredentialId) -> Result<Option<Credential>, Error> {
        self.learn_once().await?;
        self.find(Kind::Records, id).await
    }

    async fn find(&self, kind: Kind, id: &CredentialId) -> Result<Option<Credential>, Error> {
        let name = self.index().of(kind).batch_of.get(id).cloned();
        let Some(name) = name else {
            return Ok(None);
        };
        let found = self.batch(kind, &name).await?.get(id);
        if found.is_none() {
            self.index().forget(kind, id);
        }
        Ok(found)
    }

    /// A batch; without members where there is none.
    async fn batch(&self, kind: Kind, name: &CredentialId) -> Result<Arc<Batch>, Error> {
        let epoch = {
            let mut decoded = self.decoded();
            if let Some(batch) = decoded.get(kind, name) {
                return Ok(batch);
            }
            decoded.epoch
        };
        let batch: Option<Batch> = codec::read(&*self.storage, &kind.place(name)).await?;
        let batch = Arc::new(batch.unwrap_or_default());
        self.decoded().keep(kind, name, &batch, epoch);
        Ok(batch)
    }

    /// All credentials in batches, each batch read once.
    pub(super) async fn all(&self) -> Result<BTreeMap<CredentialId, Credential>, Error> {
        self.learn().await?;
        let mut all = BTreeMap::new();
        for kind in [Kind::Intents, Kind::Records] {
            let names: Vec<CredentialId> = {
                let mut index = self.index();
                index.of(kind).by_batch.keys().cloned().collect()
            };
            for name in names {
                let batch = self.batch(kind, &name).await?;
                let mut index = self.index();
                let members = &index.of(kind).batch_of;
                let members = batch
                    .members()
                    .filter(|member| members.get(&member.id) == Some(&name));
                all.extend(members.map(|member| (member.id.clone(), member)));
            }
        }
        Ok(all)
    }

    /// The ids of all credentials in batches, those of other processes included.
    pub(super) async fn ids(&self) -> Result<Vec<CredentialId>, Error> {
        self.learn().await?;
        let index = self.index();
        let ids = index.intents.batch_of.keys();
        Ok(ids.chain(index.records.batch_of.keys()).cloned().collect())
    }

    async fn learn_once(&self) -> Result<(), Error> {
        let learn = || async { self.learn().await.map(|_| ()) };
        self.learned.get_or_try_init(learn).await?;
        Ok(())
    }

    /// Drops the cache of batches: another node may have changed them.
    pub(super) fn invalidate(&self) {
        let mut decoded = self.decoded();
        decoded.epoch += 1;
        decoded.batches.clear();
    }

    /// Indexes the batches that are not known yet. Returns whether there were any.
    pub(super) async fn learn(&self) -> Result<bool, Error> {
        let mut learned = false;
        for kind in [Kind::Intents, Kind::Records] {
            let names = self.storage.list(kind.folder()).await?;
            let mut unknown: Vec<_> = names
                .iter()
                .filter_map(|name| CredentialId::parse(name))
                .collect();
            unknown.retain(|name| !self.index().has(kind, name));
            learned |= !unknown.is_empty();
            let reads: Vec<_> = unknown
                .into_iter()
                .map(|name| async move {
                    let ids = self.batch(kind, &name).await?.ids();
                    Ok::<_, Error>((name, ids))
                })
                .collect();
            let mut reads = stream::iter(reads).buffer_unordered(READ_AT_ONCE);
            while let Some((name, ids)) = reads.try_next().await? {
                // One that went since the list has none.
                if !ids.is_empty() {
                    self.index().of(kind).put(&name, ids);
                }
            }
        }
        // A concurrent call may have set it.
        let _ = self.learned.set(());
        Ok(learned)
    }

    /// Whether a credential has a record in a batch.
    pub(super) async fn is_recorded(&self, id: &CredentialId) -> Result<bool, Error> {
        self.learn_once().await?;
        Ok(self.index().records.batch_of.contains_key(id))
    }

    /// Removes a credential that has a tombstone from its batch of records, coalesced
    /// with those that wait. Its own entry may be deleted only after that.
    pub(super) async fn leave(&self, id: &CredentialId) -> Result<(), Error> {
        let leave = |leaving| self.write_without(leaving);
        self.leaving.call(id.clone(), leave).await
    }

    async fn write_without(&self, leaving: Vec<CredentialId>) -> Result<(), Error> {
        let left = self.index().records.left_by(&leaving);
        for (name, staying) in left {
            let mut batch = Batch::default();
            if !staying.is_empty() {
                batch = Batch::clone(&*self.batch(Kind::Records, &name).await?);
                batch.keep(&staying);
            }
            let place = Kind::Records.place(&name);
            self.decoded().evict(Kind::Records, &name);
            let written = if batch.is_empty() {
                self.storage.delete(&place).await
            } else {
                let bytes = codec::encode(&batch)?;
                self.storage.put(&place, &bytes).await
            };
            self.decoded().evict(Kind::Records, &name);
            written?;
        }
        let mut index = self.index();
        for id in &leaving {
            index.forget(Kind::Records, id);
        }
        Ok(())
    }

    /// Deletes the batches of intents that no member needs, unless another call is
    /// doing so.
    ///
    /// # Errors
    /// When storage fails; they are deleted another time.
    pub(super) async fn clear_intents(&self) -> Result<(), Error> {
        let Ok(_clearing) = self.clearing.try_lock() else {
            return Ok(());
        };
        loop {
            let next = self.index().finished.first().cloned();
            let Some(name) = next else {
                return Ok(());
            };
            self.storage.delete(&Kind::Intents.place(&name)).await?;
            self.index().finished.retain(|other| *other != name);
        }
    }
}
