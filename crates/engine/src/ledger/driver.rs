//! Performs what [`step`](super::step) decides: writes entries, has keys
//! deleted and looked for, and tells what came of it.
//!
//! Decisions are made on memory under a lock that is never held across a call.
//! Entries in memory are a cache: a write that fails empties it, and the next
//! decision reads storage again (`lifecycle.md`, 5 and 6).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use logical::{Clock, Entropy, Error, ErrorClass, Write};

use super::agenda::{Agenda, Stage};
use super::credential::{Credential, Holder, Sharing};
use super::entry::{Entries, Entry, Memory};
use super::group::{self, Places};
use super::step::{Effect, Event, Refusal, step};
use super::store::LedgerStore;
use super::upstream::Absence;
use crate::account::Accounts;
use crate::control_plane::ControlPlane;
use crate::ids::{CredentialId, HolderId, Marker, StorageId};

/// Why an event did not come to pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The ledger has no such entry.
    Unknown,
    /// The credential's state does not allow it.
    Refused(Refusal),
    /// Storage or Confluent failed. What was decided stands in the ledger, or
    /// is decided again from storage.
    Failed(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The ledger of a mount.
pub(crate) struct Ledger {
    pub(crate) store: LedgerStore,
    pub(super) control: Arc<dyn ControlPlane>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    entries: Mutex<Entries>,
    agenda: Mutex<Agenda>,
    /// Keys whose last deletion Confluent refused.
    refused: Mutex<BTreeSet<CredentialId>>,
}

impl Ledger {
    pub(crate) fn new(
        store: LedgerStore,
        control: Arc<dyn ControlPlane>,
        accounts: Arc<Accounts>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            store,
            control,
            accounts,
            clock,
            entropy,
            entries: Mutex::default(),
            agenda: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    /// The id of the mount's storage.
    pub(crate) async fn storage_id(&self) -> Result<StorageId, Error> {
        self.store.storage_id(&*self.entropy).await.cloned()
    }

    /// The marker of a credential's key.
    pub(crate) async fn marker(&self, id: &CredentialId) -> Result<Marker, Error> {
        Ok(Marker::new(&self.storage_id().await?, id))
    }

    /// Writes the intent to make a key. Durable when it returns.
    pub(crate) async fn intend(&self, credential: Credential) -> Result<Arc<Entry>, Error> {
        lock(&self.agenda).note(&credential);
        match credential.sharing {
            Sharing::SingleUse => self.store.intend(&credential).await?,
            Sharing::Shared => self.store.apply(LedgerStore::save(&credential)?).await?,
        }
        let entry = self.entry(&credential.id);
        entry.memory().credential = Some(credential);
        Ok(entry)
    }

    /// Enters a key that another engine made, unless it is on record already.
    /// Durable when it returns.
    pub(crate) async fn adopt(&self, credential: Credential) -> Result<Arc<Entry>, Error> {
        let entry = self.entry(&credential.id);
        self.adopt_into(&entry, credential).await?;
        Ok(entry)
    }

    async fn adopt_into(&self, entry: &Entry, credential: Credential) -> Result<(), Error> {
        let _writing = entry.writing.lock().await;
        match self.read(entry).await {
            Ok(()) => return Ok(()),
            Err(Failure::Failed(error)) => return Err(error),
            Err(Failure::Unknown | Failure::Refused(_)) => {}
        }
        let mut batch = Vec::new();
        if credential.sharing == Sharing::Shared {
            for (id, holder) in &credential.holders {
                let alone = BTreeMap::from([(id.clone(), holder.clone())]);
                batch.push(LedgerStore::save_holders(&credential.id, id, alone)?);
            }
        }
        batch.extend(LedgerStore::save(&credential)?);
        self.store.apply(batch).await?;
        lock(&self.agenda).note(&credential);
        entry.memory().credential = Some(credential);
        Ok(())
    }

    /// The entry of a credential; it may turn out that there is none.
    pub(crate) fn entry(&self, id: &CredentialId) -> Arc<Entry> {
        lock(&self.entries).entry(id)
    }

    /// Reads the entry from storage unless memory has it.
    pub(crate) async fn load(&self, entry: &Entry) -> Result<(), Failure> {
        if entry.memory().credential.is_some() {
            return Ok(());
        }
        let _reading = entry.writing.lock().await;
        self.read(entry).await
    }

    /// Reads the entry unless memory has it. The caller holds the entry.
    async fn read(&self, entry: &Entry) -> Result<(), Failure> {
        if entry.memory().credential.is_some() {
            return Ok(());
        }
        let loaded = self.store.load_placed(&entry.id).await?;
        let (mut credential, places) = loaded.ok_or(Failure::Unknown)?;
        lock(&self.agenda).see(&credential);
        let mut guard = entry.memory();
        let memory = &mut *guard;
        credential.holders.extend(memory.unsettled.clone());
        memory.places.replace(memory.unsettled.keys(), places);
        memory.credential = Some(credential);
        Ok(())
    }

    /// Lets an event happen to a credential and does what follows from it. It
    /// must run in a task: dropped midway, memory would be ahead of storage.
    pub(crate) async fn happen(&self, entry: &Entry, event: Event) -> Result<(), Failure> {
        if let Event::Attach { holder } = event {
            return self.attach(entry, holder).await;
        }
        let made = matches!(event, Event::Made { .. });
        let (decided, mut drops) = self.decide(entry, event).await?;
        if made && decided == [Effect::Save] {
            return self.record(entry, drops).await;
        }
        let mut effects = VecDeque::from(decided);
        let mut failure = None;
        while let Some(effect) = effects.pop_front() {
            let mut deleting = None;
            let event = match effect {
                Effect::Search => self.search(entry).await?,
                Effect::LookAgain(key) => self.look_again(entry, &key).await?,
                Effect::Recheck => {
                    let holders = self.store.holders(&entry.id).await?;
                    let mut guard = entry.memory();
                    let memory = &mut *guard;
                    let places = Places::of(&holders);
                    memory.places.replace(memory.unsettled.keys(), places);
                    let holders = group::merged(holders).into_iter().collect();
                    Event::Rechecked { holders }
                }
                Effect::Delete(key) => {
                    deleting = Some(entry.deleting.lock().await);
                    if entry.is_gone() {
                        continue;
                    }
                    let deleted = self.delete(entry, &key).await;
                    self.note_refusal(entry, deleted.as_ref().err());
                    match deleted {
                        Ok(absence) => Event::Deleted {
                            now: self.clock.now(),
                            doubtful: absence == Absence::Unlisted,
                        },
                        Err(error) => {
                            let cause = error.message().to_owned();
                            failure = Some(error);
                            Event::DeleteFailed { cause }
                        }
                    }
                }
                write => {
                    let mut writes = vec![write];
                    while let Some(next) = effects.pop_front_if(|next| is_write(next)) {
                        writes.push(next);
                    }
                    if writes
                        .iter()
                        .any(|write| matches!(write, Effect::DropHolder(_)))
                    {
                        self.wait_for_new_holders(entry).await?;
                    }
                    self.write(entry, &writes, drops).await?;
                    continue;
                }
            };
            let (decided, at) = self.decide(entry, event).await?;
            effects.extend(decided);
            drops = at;
            drop(deleting);
        }
        failure.map_or(Ok(()), |error| Err(Failure::Failed(error)))
    }

    /// Notes whether Confluent refused a deletion. That a later one is slow must
    /// not hide it.
    fn note_refusal(&self, entry: &Entry, error: Option<&Error>) {
        let mut refused = lock(&self.refused);
        if error.is_some_and(|error| !passes(error)) {
            refused.insert(entry.id.clone());
        } else {
            refused.remove(&entry.id);
        }
    }

    /// Whether Confluent refused the last deletion of a key that has ended.
    pub(crate) fn was_refused(&self, entry: &Entry) -> bool {
        lock(&self.refused).contains(&entry.id)
    }

    /// Memory of an entry may be ahead of storage: it is read again.
    fn distrust(&self, entry: &Entry) {
        let mut memory = entry.memory();
        memory.credential = None;
        memory.drops += 1;
        drop(memory);
        self.look_at(&entry.id, self.clock.now());
    }

    /// Entries that are due. Whoever takes them says when to look again.
    pub(crate) fn take_due(&self, now: Timestamp) -> Vec<CredentialId> {
        lock(&self.agenda).take_due(now)
    }

    /// When somebody looks at an entry again.
    pub(crate) fn due(&self, id: &CredentialId) -> Option<Timestamp> {
        lock(&self.agenda).due(id)
    }

    /// Puts an entry on the agenda for a time.
    pub(crate) fn look_at(&self, id: &CredentialId, due: Timestamp) {
        lock(&self.agenda).look_at(id, due);
    }

    /// Nobody need look at an entry again.
    pub(crate) fn strike(&self, id: &CredentialId) {
        lock(&self.agenda).strike(id);
    }

    /// How many entries are at a stage; `None` for those that this process has
    /// not seen yet.
    pub(crate) fn count(&self, stage: Option<Stage>) -> usize {
        lock(&self.agenda).count(stage)
    }

    /// What follows from an event, and how often the credential had been
    /// dropped when that was decided.
    async fn decide(&self, entry: &Entry, event: Event) -> Result<(Vec<Effect>, u64), Failure> {
        self.load(entry).await?;
        let mut guard = entry.memory();
        let memory = &mut *guard;
        let Some(credential) = &mut memory.credential else {
            // A write failed between the load and now.
            return Err(Failure::Failed(interrupted()));
        };
        let effects = step(credential, event).map_err(Failure::Refused)?;
        Ok((effects, memory.drops))
    }

    /// Writes a new holder, with those who came meanwhile. Nothing else follows
    /// from one.
    async fn attach(&self, entry: &Entry, new: (HolderId, Holder)) -> Result<(), Failure> {
        self.load(entry).await?;
        let party = {
            let mut guard = entry.memory();
            let memory = &mut *guard;
            let Some(credential) = &mut memory.credential else {
                return Err(Failure::Failed(interrupted()));
            };
            let holder = new.clone();
            step(credential, Event::Attach { holder }).map_err(Failure::Refused)?;
            memory.unsettled.insert(new.0.clone(), new.1.clone());
            // Before anybody counts on this holder.
            entry.new_holders.join(Some(new))
        };
        let write = |waiting| self.write_holders(entry, waiting);
        let written = entry.new_holders.outcome(&party, write).await;
        written.map_err(Failure::Failed)
    }

    /// Waits until those are in storage who were on their way. A holder goes
    /// because there are others, and must not go before they are there.
    async fn wait_for_new_holders(&self, entry: &Entry) -> Result<(), Error> {
        if entry.memory().unsettled.is_empty() {
            return Ok(());
        }
        let write = |waiting| self.write_holders(entry, waiting);
        entry.new_holders.call(None, write).await
    }

    async fn write_holders(
        &self,
        entry: &Entry,
        waiting: Vec<Option<(HolderId, Holder)>>,
    ) -> Result<(), Error> {
        let waiting: Vec<_> = waiting.into_iter().flatten().collect();
        let ids: Vec<HolderId> = waiting.iter().map(|(id, _)| id.clone()).collect();
        let name = match ids.as_slice() {
            [] => return Ok(()),
            [alone] => alone.clone(),
            [first, ..] => {
                let name = HolderId::of_group(first);
                // Known before it is written, since a writer can be dropped.
                entry.memory().places.put(name.clone(), ids.clone());
                name
            }
        };
        let holders = waiting.into_iter().collect();
        let result = match LedgerStore::save_holders(&entry.id, &name, holders) {
            Ok(write) => self.store.apply(vec![write]).await,
            Err(error) => Err(error),
        };
        let mut memory = entry.memory();
        for id in &ids {
            memory.unsettled.remove(id);
        }
        drop(memory);
        if result.is_err() {
            self.distrust(entry);
        }
        result
    }

    /// Writes the record of a key that was made for one lease, with those who
    /// wait.
    async fn record(&self, entry: &Entry, drops: u64) -> Result<(), Failure> {
        let _writing = entry.writing.lock().await;
        let made = {
            let memory = entry.memory();
            let made = memory.credential.clone();
            made.filter(|_| memory.drops == drops)
        };
        let made = made.ok_or_else(|| Failure::Failed(interrupted()))?;
        if let Err(error) = self.store.record(&made).await {
            self.distrust(entry);
            return Err(Failure::Failed(error));
        }
        lock(&self.agenda).note(&made);
        Ok(())
    }

    /// Carries out writes in the order in which they were decided.
    async fn write(&self, entry: &Entry, effects: &[Effect], drops: u64) -> Result<(), Failure> {
        let _writing = entry.writing.lock().await;
        if entry.memory().drops != drops {
            return Err(Failure::Failed(interrupted()));
        }
        let result = self.carry_out(entry, effects).await;
        let mut guard = entry.memory();
        let memory = &mut *guard;
        match result {
            Ok(()) => {
                self.store.needs_no_intent(&entry.id);
                for effect in effects {
                    if let Effect::DropHolder(id) = effect {
                        memory.places.forget(id);
                    }
                }
                if effects.contains(&Effect::Forget) {
                    memory.credential = None;
                    self.strike(&entry.id);
                } else if let Some(credential) = &memory.credential
                    && effects.contains(&Effect::Save)
                {
                    lock(&self.agenda).note(credential);
                }
                Ok(())
            }
            Err(error) => {
                drop(guard);
                self.distrust(entry);
                Err(Failure::Failed(error))
            }
        }
    }

    async fn carry_out(&self, entry: &Entry, effects: &[Effect]) -> Result<(), Error> {
        let mut batch = Self::batch(&mut entry.memory(), &entry.id, effects)?;
        let own = LedgerStore::forget(&entry.id);
        if self.store.intended_in_batch(&entry.id) {
            // It has no entry of its own.
            batch.retain(|write| *write != own);
        } else if batch.contains(&own) && self.store.recorded_in_batch(&entry.id).await? {
            batch.retain(|write| *write != own);
            self.store.apply(batch).await?;
            self.store.leave(&entry.id).await?;
            return self.store.apply(vec![own]).await;
        }
        self.store.apply(batch).await
    }

    fn batch(
        memory: &mut Memory,
        id: &CredentialId,
        effects: &[Effect],
    ) -> Result<Vec<Write>, Error> {
        let credential = memory.credential.as_ref().ok_or_else(interrupted)?;
        let holders = &credential.holders;
        let mut batch = Vec::new();
        // An entry that several holders leave is written once.
        let mut left = BTreeSet::new();
        for effect in effects {
            match effect {
                Effect::Save => batch.extend(LedgerStore::save(credential)?),
                Effect::SaveHolder(holder) => {
                    if let Some(times) = holders.get(holder) {
                        let own = BTreeMap::from([(holder.clone(), times.clone())]);
                        batch.push(LedgerStore::save_holders(id, holder, own)?);
                        memory.places.renew(holder);
                    }
                }
                Effect::DropHolder(holder) => {
                    if memory.places.has_own(holder) {
                        batch.push(LedgerStore::save_holders(id, holder, BTreeMap::new())?);
                    }
                    if let Some((name, others)) = memory.places.shared(holder, holders)
                        && left.insert(name.clone())
                    {
                        batch.push(LedgerStore::save_holders(id, name, others)?);
                    }
                }
                Effect::Forget => batch.push(LedgerStore::forget(id)),
                Effect::Search | Effect::Recheck | Effect::LookAgain(_) | Effect::Delete(_) => {}
            }
        }
        Ok(batch)
    }
}

fn is_write(effect: &Effect) -> bool {
    match effect {
        Effect::Save | Effect::SaveHolder(_) | Effect::DropHolder(_) | Effect::Forget => true,
        Effect::Search | Effect::Recheck | Effect::LookAgain(_) | Effect::Delete(_) => false,
    }
}

/// Whether a failed deletion can be left to the sweep. An account that is
/// refused must be mended by a person, so the host goes on telling them.
pub(crate) fn passes(error: &Error) -> bool {
    matches!(
        error.class(),
        ErrorClass::UpstreamFailed | ErrorClass::UpstreamRateLimited
    )
}

pub(super) fn interrupted() -> Error {
    Error::internal("storage failed while the credential was in use: try again")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
