//! Performs the effects that [`step`](super::step) decides on: writes entries, has
//! keys deleted and looked for, and reports the outcomes as further events.
//!
//! Decisions are made on memory under a lock that is never held across a call.
//! Entries in memory are a cache: state that a failed write may have changed is
//! read from storage again before the next decision (`lifecycle.md`, 5 and 6).
//!
//! Locks are taken in this order, each optional: the lock of a record, the
//! engine's `making`; of an entry `confirming`, `deleting`, the journal's call in flight,
//! `writing`; the coalescers of batches; and last the std mutexes, which are
//! never held across an await.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use logical::{Clock, Entropy, Error};

use super::change::Joined;
use super::deletions::{Absence, Deletions, Undone};
use super::entry::{Entries, Entry, Memory, lock};
use super::failure::{Failure, interrupted};
use super::holder_index::Doubts;
use super::layout::{self, HolderEntry};
use super::occupancy::Occupancy;
use super::own_entry;
use super::step::{Effect, Event, Refusal, step};
use super::store::LedgerStore;
use super::watch::{Stage, Watch};
use crate::account::Accounts;
use crate::account_ref::AccountRef;
use crate::control_plane::{Keys, RemovalBy};
use crate::credential::{
    Credential, Holder, INTENT_QUIET, IssuedKey, Purpose, RequestedBy, Sharing, State,
};
use crate::ids::{CredentialId, HolderId, Marker, StorageId};
use crate::measurements::Measurements;

/// A shared key as it was when its reader was attached.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// The key, with its secret.
    pub(crate) key: IssuedKey,
    /// The account that it was made with.
    pub(crate) account: AccountRef,
}

/// The next step after an event.
enum Then {
    /// Changes that wait to be written, and the effect after them.
    Do(Option<Joined>, Option<Effect>),
    /// The record of a new single-use key is written, coalesced with others.
    Record(u64),
}

/// How often an entry is read again when a write of it failed meanwhile.
const READ_AGAIN: usize = 3;

/// Records that have no deadline and keep the keys that they name.
#[async_trait]
pub(crate) trait Pins: Send + Sync {
    /// Whether the record of a purpose names a key, by storage.
    async fn names(&self, purpose: &Purpose, id: &CredentialId) -> Result<bool, Error>;
}

/// The ledger of a mount.
pub(crate) struct Ledger {
    pub(crate) store: LedgerStore,
    pub(super) control: Arc<dyn Keys>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) measurements: Arc<Measurements>,
    pins: Arc<dyn Pins>,
    /// How many leases each role has.
    pub(crate) occupancy: Arc<Occupancy>,
    entries: Mutex<Entries>,
    pub(super) watch: Mutex<Watch>,
    pub(super) deletions: Mutex<Deletions>,
    pub(super) next_change: AtomicU64,
    /// Tells the changes of this ledger from those of any other process.
    pub(super) changes_since: HolderId,
    /// Notified when a deletion waits for its turn.
    pub(super) deletion_waits: tokio::sync::Notify,
    /// Held while Confluent is asked whether it accepts an account.
    pub(super) asking_whether_accepted: tokio::sync::Mutex<Option<(AccountRef, Duration)>>,
}

impl Ledger {
    pub(crate) fn new(
        store: LedgerStore,
        control: Arc<dyn Keys>,
        accounts: Arc<Accounts>,
        pins: Arc<dyn Pins>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        measurements: Arc<Measurements>,
    ) -> Self {
        let changes_since = HolderId::random(&*entropy);
        Self {
            store,
            control,
            accounts,
            pins,
            clock,
            entropy,
            measurements,
            occupancy: Arc::default(),
            entries: Mutex::default(),
            watch: Mutex::default(),
            deletions: Mutex::default(),
            next_change: AtomicU64::new(0),
            changes_since,
            deletion_waits: tokio::sync::Notify::new(),
            asking_whether_accepted: tokio::sync::Mutex::default(),
        }
    }

    /// The id of the mount's storage.
    pub(crate) async fn storage_id(&self) -> Result<StorageId, Error> {
        self.store.storage_id(&*self.entropy).await.cloned()
    }

    /// All ids that keys of this storage may carry in their markers.
    pub(crate) async fn storage_ids(&self) -> Result<BTreeSet<StorageId>, Error> {
        self.store.storage_ids(&*self.entropy).await
    }

    /// The marker of a credential's key.
    pub(crate) async fn marker(&self, id: &CredentialId) -> Result<Marker, Error> {
        Ok(Marker::new(&self.storage_id().await?, id))
    }

    /// Writes the intent to make a key. Durable when it returns.
    pub(crate) async fn intend(&self, credential: Credential) -> Result<Arc<Entry>, Error> {
        {
            let mut watch = lock(&self.watch);
            watch.schedule(&credential);
            watch.intended_since(&credential.id, self.clock.monotonic());
        }
        // One whose record will hold the secret has an entry of its own: batches
        // hold none, and hosts do not wrap them.
        if credential.stores_secret() {
            self.store.apply(own_entry::save(&credential)?).await?;
        } else {
            self.store.intend(&credential).await?;
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
                let alone = HolderEntry::of([(id.clone(), holder.clone())].into());
                batch.push(layout::put_holders(&credential.id, id, &alone)?);
            }
        }
        batch.extend(own_entry::save(&credential)?);
        self.store.apply(batch).await?;
        lock(&self.watch).schedule(&credential);
        self.occupancy.note_all(&credential);
        entry.memory().credential = Some(credential);
        Ok(())
    }

    /// The entry of a credential; it may turn out that there is none.
    pub(crate) fn entry(&self, id: &CredentialId) -> Arc<Entry> {
        lock(&self.entries).entry(id)
    }

    /// Reads the parts of an entry that are not cached.
    pub(crate) async fn load(&self, entry: &Entry) -> Result<(), Failure> {
        if entry.memory().is_current() {
            return Ok(());
        }
        let _reading = entry.writing.lock().await;
        self.read_if_needed(entry).await
    }

    /// As [`Self::read`], with a small future: memory is current most often. The
    /// caller holds the entry.
    pub(super) async fn read_if_needed(&self, entry: &Entry) -> Result<(), Failure> {
        if entry.memory().is_current() {
            return Ok(());
        }
        Box::pin(self.read(entry)).await
    }

    /// As [`Ledger::load`]. The caller holds `writing`.
    pub(super) async fn read(&self, entry: &Entry) -> Result<(), Failure> {
        let (known, doubts) = {
            let memory = entry.memory();
            (memory.credential.is_some(), memory.doubts.clone())
        };
        if !known {
            return self.read_whole(entry).await;
        }
        if doubts.is_empty() {
            return Ok(());
        }
        let state = if doubts.state {
            match self.store.find_anywhere(&entry.id).await? {
                Some(found) => Some(found),
                None => return self.read_whole(entry).await,
            }
        } else {
            None
        };
        let names = entry.memory().index.names_to_read(&doubts);
        let read = self.store.holder_entries(&entry.id, names.clone()).await?;
        let mut guard = entry.memory();
        let memory = &mut *guard;
        let Some(credential) = &mut memory.credential else {
            return Err(Failure::Failed(interrupted()));
        };
        if let Some(mut found) = state {
            if found.sharing == Sharing::Shared && !found.is_settled() {
                found.holders = std::mem::take(&mut credential.holders);
            }
            *credential = found;
        }
        if credential.sharing == Sharing::Shared {
            memory
                .index
                .replace(&doubts, &names, read, &mut credential.holders);
        }
        lock(&self.watch).update_stage(credential);
        memory.doubts = Doubts::default();
        self.count_again(memory);
        Ok(())
    }

    async fn read_whole(&self, entry: &Entry) -> Result<(), Failure> {
        let loaded = self.store.load_indexed(&entry.id).await?;
        let mut guard = entry.memory();
        let memory = &mut *guard;
        memory.doubts = Doubts::default();
        let Some((credential, index)) = loaded else {
            memory.credential = None;
            return Err(Failure::Unknown);
        };
        lock(&self.watch).update_stage(&credential);
        memory.index = index;
        memory.credential = Some(credential);
        self.count_again(memory);
        Ok(())
    }

    /// The holders of an entry that was read, and those on their way to storage.
    fn count_again(&self, memory: &mut Memory) {
        memory.count_pending();
        if let Some(credential) = &memory.credential {
            self.occupancy.note_all(credential);
        }
    }

    /// Applies an event to a credential and performs its effects. It must
    /// run to completion: dropped midway, memory would be ahead of storage.
    pub(crate) async fn apply(&self, entry: &Entry, event: Event) -> Result<(), Failure> {
        let by = remover(&event);
        self.apply_for(by, entry, event).await
    }

    /// As [`Ledger::apply`]; a key that the event ends is deleted on this behalf.
    pub(crate) async fn apply_for(
        &self,
        by: RemovalBy,
        entry: &Entry,
        event: Event,
    ) -> Result<(), Failure> {
        self.read_of_lease(entry, &event).await?;
        let (mut then, ()) = self.decide(entry, event, |_| ()).await?;
        let mut failure = None;
        loop {
            let (joined, effect) = match then {
                Then::Do(joined, effect) => (joined, effect),
                Then::Record(epoch) => {
                    self.record(entry, epoch).await?;
                    break;
                }
            };
            if let Some(joined) = joined {
                self.written(entry, joined).await?;
            }
            let Some(effect) = effect else {
                break;
            };
            let mut deleting = None;
            let event = match effect {
                Effect::Search => self.search(entry).await?,
                Effect::LookAgain(key) => self.look_again(entry, &key).await?,
                Effect::Recheck => self.recheck(entry).await?,
                Effect::Delete(key) => {
                    deleting = Some(entry.deleting.lock().await);
                    // Another caller deleted it, or found that it is held.
                    let retires = entry.look(
                        |known| matches!(&known.state, State::Retiring { key: own, .. } if *own == key),
                    );
                    if entry.is_gone() || retires == Some(false) {
                        break;
                    }
                    let deleted = self.delete(entry, &key, by).await;
                    self.note_deletion(entry, by, deleted.as_ref().err());
                    match deleted {
                        Ok(absence) => Event::Deleted {
                            doubtful: absence == Absence::Unlisted,
                        },
                        Err(undone) => {
                            let cause = undone.error().message().to_owned();
                            failure = Some(undone);
                            Event::DeleteFailed { cause }
                        }
                    }
                }
                Effect::Save | Effect::SaveHolder(_) | Effect::DropHolder(_) | Effect::Forget => {
                    break;
                }
            };
            (then, ()) = self.decide(entry, event, |_| ()).await?;
            drop(deleting);
        }
        let failed = |undone: Undone| Err(Failure::Failed(undone.error().clone()));
        failure.map_or(Ok(()), failed)
    }

    /// Attaches a reader to a shared key. The result is the key as it was at that
    /// moment: the cache may be evicted meanwhile.
    pub(crate) async fn attach(
        &self,
        entry: &Entry,
        holder: (HolderId, Holder),
    ) -> Result<Held, Failure> {
        let held = |credential: &Credential| match &credential.state {
            State::Live { key } => Some(Held {
                key: key.clone(),
                account: credential.account.clone(),
            }),
            _ => None,
        };
        let (then, held) = self.decide(entry, Event::Attach { holder }, held).await?;
        if let Then::Do(Some(joined), _) = then {
            self.written(entry, joined).await?;
        }
        let held = held.ok_or(Failure::Refused(Refusal::NotLive))?;
        let lives = entry.look(|known| match &known.state {
            State::Live { key } => key.id == held.key.id,
            _ => false,
        });
        if lives == Some(false) {
            // It ended while the holder was written, which lapses.
            return Err(Failure::Refused(Refusal::NotLive));
        }
        Ok(held)
    }

    /// Takes a key that was kept ready for a reader, by one write of its entry. What
    /// is handed out is what the key was before: the secret of a single-use key is
    /// on record no more. Storage is read first, since another process may have
    /// taken the key.
    pub(crate) async fn take(
        &self,
        entry: &Entry,
        holder: (HolderId, Holder),
        requester: Option<Box<RequestedBy>>,
    ) -> Result<Held, Failure> {
        self.refresh(entry).await?;
        let held = |credential: &Credential| match &credential.state {
            State::Live { key } if credential.is_spare() && key.secret.is_some() => Some(Held {
                key: key.clone(),
                account: credential.account.clone(),
            }),
            _ => None,
        };
        let held = self.look(entry, held).await?;
        let held = held.ok_or(Failure::Refused(Refusal::NotSpare))?;
        self.apply(entry, Event::Take { holder, requester }).await?;
        Ok(held)
    }

    /// Reads a credential with its holders from storage, whatever memory has of it:
    /// another process may have handed it out. Memory stays as it is while changes
    /// wait to be written.
    pub(crate) async fn refresh(&self, entry: &Entry) -> Result<(), Failure> {
        let _reading = entry.writing.lock().await;
        let is_written = {
            let mut memory = entry.memory();
            let is_written = memory.pending.is_empty();
            // Nothing is decided on it until it was read.
            memory.doubts.state |= is_written;
            is_written
        };
        if is_written {
            Box::pin(self.read_whole(entry)).await
        } else {
            self.read_if_needed(entry).await
        }
    }

    /// Before a lease is extended or ends: another process may have handed the key out,
    /// so that memory takes it for a spare, or does not know the lease.
    async fn read_of_lease(&self, entry: &Entry, event: &Event) -> Result<(), Failure> {
        let ended = match event {
            Event::Renew { .. } => None,
            Event::Release { holder } => Some(holder),
            _ => return Ok(()),
        };
        if entry.look(Credential::is_spare) == Some(true) {
            return self.refresh(entry).await;
        }
        let is_unknown = ended.is_some_and(|holder| {
            let unknown = |known: &Credential| {
                let shared = known.sharing == Sharing::Shared && known.live_key().is_some();
                shared && !known.holders.contains_key(holder)
            };
            entry.look(unknown) == Some(true)
        });
        if is_unknown {
            // It may lie in an entry with others, whose name only storage tells.
            return self.refresh(entry).await;
        }
        Ok(())
    }

    /// Reads what is not cached of a credential and looks at it in the same moment.
    /// [`Entry::look`] after a [`Ledger::load`] may see nothing: somebody else may have
    /// begun to read the entry again.
    pub(crate) async fn look<T>(
        &self,
        entry: &Entry,
        look: impl Fn(&Credential) -> T,
    ) -> Result<T, Failure> {
        if let Some(seen) = entry.look_at_current(&look) {
            return Ok(seen);
        }
        let _reading = entry.writing.lock().await;
        self.read_if_needed(entry).await?;
        let seen = entry.look_at_current(look);
        seen.ok_or_else(|| Failure::Failed(interrupted()))
    }

    /// What storage has of a credential once the write in flight is done, whatever
    /// memory has of it.
    pub(crate) async fn in_storage(&self, entry: &Entry) -> Result<Option<Credential>, Error> {
        let _writing = entry.writing.lock().await;
        self.store.load(&entry.id).await
    }

    /// Reads from storage the holders of a key that is to be deleted, and whether a
    /// record names it.
    async fn recheck(&self, entry: &Entry) -> Result<Event, Failure> {
        let _reading = entry.writing.lock().await;
        let (index, holders) = self.store.holders(&entry.id).await?;
        let purpose = entry.look(|known| known.purpose.clone());
        let pinned = match purpose {
            Some(purpose) => self.pins.names(&purpose, &entry.id).await?,
            None => return Err(Failure::Failed(interrupted())),
        };
        entry.memory().index = index;
        let holders = holders.into_iter().collect();
        Ok(Event::Rechecked { holders, pinned })
    }

    /// Takes the due entries. The caller schedules them again.
    pub(crate) fn take_due(&self, now: Timestamp) -> Vec<CredentialId> {
        lock(&self.watch).take_due(now)
    }

    /// When an entry is looked at again.
    pub(crate) fn due(&self, id: &CredentialId) -> Option<Timestamp> {
        lock(&self.watch).due(id)
    }

    /// Schedules an entry for a time.
    pub(crate) fn schedule_at(&self, id: &CredentialId, due: Timestamp) {
        lock(&self.watch).schedule_at(id, due);
    }

    /// How long the key of an intent is left to its maker. Counted on the monotonic
    /// clock from when this process learned of it: an intent may be dated back
    /// (`timekeeper`), and a key that is found while it is made would be retired
    /// under its maker.
    pub(crate) fn quiet_for(&self, id: &CredentialId) -> Option<Duration> {
        let now = self.clock.monotonic();
        let since = lock(&self.watch).intended_since(id, now);
        let quiet = Duration::try_from(INTENT_QUIET).unwrap_or_default();
        (since + quiet)
            .checked_sub(now)
            .filter(|left| !left.is_zero())
    }

    /// Removes an entry from the due queue.
    pub(crate) fn unschedule(&self, id: &CredentialId) {
        lock(&self.watch).remove(id);
        lock(&self.deletions).forget(id);
    }

    /// How many entries are at a stage; `None` for those that this process has
    /// not seen yet.
    pub(crate) fn count(&self, stage: Option<Stage>) -> usize {
        lock(&self.watch).count(stage)
    }

    /// Decides on an event, and looks at the credential in the same moment. The writes
    /// have joined the journal.
    async fn decide<T>(
        &self,
        entry: &Entry,
        event: Event,
        look: impl FnOnce(&Credential) -> T,
    ) -> Result<(Then, T), Failure> {
        let made = matches!(event, Event::Made { .. });
        for _ in 0..READ_AGAIN {
            self.load(entry).await?;
            let mut guard = entry.memory();
            let memory = &mut *guard;
            if !memory.is_current() {
                // A write failed between the load and now.
                continue;
            }
            let Some(credential) = &mut memory.credential else {
                continue;
            };
            let touched = self.occupancy.touched(&event);
            let effects = step(credential, event, self.clock.now()).map_err(Failure::Refused)?;
            self.occupancy.note(credential, touched);
            let seen = look(credential);
            if made && effects == [Effect::Save] {
                return Ok((Then::Record(memory.epoch), seen));
            }
            let mut writes = VecDeque::from(effects);
            let then = writes.pop_back_if(|last| !is_write(last));
            let joined = self.join(entry, memory, &Vec::from(writes));
            return Ok((Then::Do(joined, then), seen));
        }
        Err(Failure::Failed(interrupted()))
    }

    /// Writes the record of a single-use key, coalesced with others that wait.
    async fn record(&self, entry: &Entry, epoch: u64) -> Result<(), Failure> {
        let _writing = entry.writing.lock().await;
        let made = {
            let memory = entry.memory();
            let made = memory.known().cloned();
            made.filter(|_| memory.epoch == epoch)
        };
        let made = made.ok_or_else(|| Failure::Failed(interrupted()))?;
        if let Err(error) = self.store.record(&made).await {
            let own = Doubts {
                state: true,
                ..Doubts::default()
            };
            self.doubt(entry, own);
            return Err(Failure::Failed(error));
        }
        lock(&self.watch).schedule(&made);
        Ok(())
    }
}

/// On whose behalf a key is deleted that an event ends.
fn remover(event: &Event) -> RemovalBy {
    match event {
        Event::Kill => RemovalBy::Operator,
        Event::Release { .. } => RemovalBy::Host,
        _ => RemovalBy::Sweep,
    }
}

pub(super) fn is_write(effect: &Effect) -> bool {
    match effect {
        Effect::Save | Effect::SaveHolder(_) | Effect::DropHolder(_) | Effect::Forget => true,
        Effect::Search | Effect::Recheck | Effect::LookAgain(_) | Effect::Delete(_) => false,
    }
}
