//! Performs what [`step`](super::step) decides: writes entries, deletes and
//! looks for keys at Confluent, and tells what came of it.
//!
//! Decisions are made on memory under a lock that is never held across a call.
//! Entries in memory are a cache: a write that fails empties it, and the next
//! decision reads storage again (`lifecycle.md`, 5 and 6).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use logical::{Clock, Entropy, Error, Write};

use super::credential::{Credential, Holder, State, later};
use super::step::{Effect, Event, Refusal, step};
use super::store::LedgerStore;
use crate::account::Accounts;
use crate::control_plane::{ControlPlane, Failure as CloudFailure, Target};
use crate::ids::{CredentialId, HolderId, KeyId, Marker, OrganizationId};

/// How far Confluent's clock and ours may differ when the creation time of a
/// found key is compared with its intent.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// How it is known that a key is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    /// Confluent deleted it.
    Deleted,
    /// Confluent does not know it, and a complete list does not have it.
    Unlisted,
}

/// How long a key that others hold is taken to exist (`lifecycle.md`, 17).
const CONFIRMED_FOR: Duration = Duration::from_mins(5);

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

/// A credential's place in memory.
pub(crate) struct Entry {
    id: CredentialId,
    memory: Mutex<Memory>,
    /// Held while the entry is read, so that it is read once.
    loading: tokio::sync::Mutex<()>,
    /// Held while the entry is written, so that an older state never lands
    /// after a newer one.
    writing: tokio::sync::Mutex<()>,
    /// Until when the key is known to exist, in milliseconds of monotonic time;
    /// zero when this process has not asked.
    confirmed_until: AtomicU64,
    /// Held while Confluent is asked whether the key exists, so that readers
    /// who come together ask once.
    confirming: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Memory {
    credential: Option<Credential>,
    /// Holders whose first write is under way. They count even when the rest
    /// of the entry is dropped and read again.
    unsettled: BTreeMap<HolderId, Holder>,
}

impl Entry {
    pub(crate) fn id(&self) -> &CredentialId {
        &self.id
    }

    /// What memory holds of the credential.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Credential) -> T) -> Option<T> {
        self.memory().credential.as_ref().map(look)
    }

    /// The key was just made, or seen at Confluent.
    fn confirm(&self, now: Duration) {
        let until = u64::try_from((now + CONFIRMED_FOR).as_millis()).unwrap_or(u64::MAX);
        self.confirmed_until.store(until, Ordering::Relaxed);
    }

    fn is_confirmed(&self, now: Duration) -> bool {
        now.as_millis() < u128::from(self.confirmed_until.load(Ordering::Relaxed))
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The entries in use. An entry is the same for all who use it at one time,
/// and goes when nobody does.
#[derive(Default)]
struct Entries {
    by_id: HashMap<CredentialId, Weak<Entry>>,
    clear_at: usize,
}

impl Entries {
    fn entry(&mut self, id: &CredentialId) -> Arc<Entry> {
        if let Some(entry) = self.by_id.get(id).and_then(Weak::upgrade) {
            return entry;
        }
        if self.by_id.len() >= self.clear_at {
            self.by_id.retain(|_, entry| entry.strong_count() > 0);
            self.clear_at = (self.by_id.len() * 2).max(64);
        }
        let entry = Arc::new(Entry {
            id: id.clone(),
            memory: Mutex::default(),
            loading: tokio::sync::Mutex::new(()),
            writing: tokio::sync::Mutex::new(()),
            confirmed_until: AtomicU64::new(0),
            confirming: tokio::sync::Mutex::new(()),
        });
        self.by_id.insert(id.clone(), Arc::downgrade(&entry));
        entry
    }
}

/// The ledger of a mount.
pub(crate) struct Ledger {
    pub(crate) store: LedgerStore,
    control: Arc<dyn ControlPlane>,
    accounts: Arc<Accounts>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    entries: Mutex<Entries>,
    /// When to look at which entry again.
    agenda: Mutex<BTreeMap<CredentialId, Timestamp>>,
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
        }
    }

    /// The marker of a credential's key.
    pub(crate) async fn marker(&self, id: &CredentialId) -> Result<Marker, Error> {
        let storage = self.store.storage_id(&*self.entropy).await?;
        Ok(Marker::new(storage, id))
    }

    /// Writes the intent to make a key. Durable when it returns.
    pub(crate) async fn intend(&self, credential: Credential) -> Result<Arc<Entry>, Error> {
        let batch = LedgerStore::save(&credential)?;
        self.schedule(&credential.id, &credential);
        self.store.apply(batch).await?;
        let entry = self.entry(&credential.id);
        entry.memory().credential = Some(credential);
        Ok(entry)
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
        let _loading = entry.loading.lock().await;
        if entry.memory().credential.is_some() {
            return Ok(());
        }
        let loaded = self.store.load(&entry.id).await?;
        let mut credential = loaded.ok_or(Failure::Unknown)?;
        let mut memory = entry.memory();
        credential.holders.extend(memory.unsettled.clone());
        memory.credential = Some(credential);
        Ok(())
    }

    /// Lets an event happen to a credential and does what follows from it.
    pub(crate) async fn happen(&self, entry: &Entry, event: Event) -> Result<(), Failure> {
        let attaching = match &event {
            Event::Attach { holder } => Some(holder.0.clone()),
            _ => None,
        };
        let mut effects = VecDeque::from(self.decide(entry, event).await?);
        let mut failure = None;
        while let Some(effect) = effects.pop_front() {
            let event = match effect {
                Effect::Search => self.search(entry).await?,
                Effect::LookAgain(key) => self.look_again(entry, &key).await?,
                Effect::Recheck => Event::Rechecked {
                    holders: self.store.holders(&entry.id).await?,
                },
                Effect::Delete(key) => match self.delete(entry, &key).await {
                    Ok(absence) => Event::Deleted {
                        now: self.clock.now(),
                        doubtful: absence == Absence::Unlisted,
                    },
                    Err(error) => {
                        let cause = error.message().to_owned();
                        failure = Some(error);
                        Event::DeleteFailed { cause }
                    }
                },
                write => {
                    let mut writes = vec![write];
                    while let Some(next) = effects.pop_front_if(|next| is_write(next)) {
                        writes.push(next);
                    }
                    self.write(entry, &writes, attaching.as_ref()).await?;
                    continue;
                }
            };
            effects.extend(self.decide(entry, event).await?);
        }
        failure.map_or(Ok(()), |error| Err(Failure::Failed(error)))
    }

    /// Entries that are due, taken off the agenda.
    pub(crate) fn take_due(&self, now: Timestamp) -> Vec<CredentialId> {
        let mut agenda = lock(&self.agenda);
        let due: Vec<CredentialId> = agenda
            .iter()
            .filter(|(_, due)| **due <= now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in &due {
            agenda.remove(id);
        }
        due
    }

    /// Puts an entry on the agenda for when it is due by itself. Tombstones
    /// are kept in storage only; a look at all entries finds them.
    pub(crate) fn schedule(&self, id: &CredentialId, credential: &Credential) {
        if credential.is_settled() {
            self.unschedule(id);
        } else {
            self.schedule_at(id, credential.due());
        }
    }

    /// Puts an entry on the agenda for a time.
    pub(crate) fn schedule_at(&self, id: &CredentialId, due: Timestamp) {
        lock(&self.agenda).insert(id.clone(), due);
    }

    fn unschedule(&self, id: &CredentialId) {
        lock(&self.agenda).remove(id);
    }

    async fn decide(&self, entry: &Entry, event: Event) -> Result<Vec<Effect>, Failure> {
        self.load(entry).await?;
        let mut guard = entry.memory();
        let memory = &mut *guard;
        let Some(credential) = &mut memory.credential else {
            // A write failed between the load and now.
            return Err(Failure::Failed(interrupted()));
        };
        let joined = match &event {
            Event::Attach { holder } => Some(holder.clone()),
            _ => None,
        };
        let effects = step(credential, event).map_err(Failure::Refused)?;
        memory.unsettled.extend(joined);
        Ok(effects)
    }

    /// Carries out writes. New holders are written side by side; everything
    /// else in the order in which it was decided.
    async fn write(
        &self,
        entry: &Entry,
        effects: &[Effect],
        attaching: Option<&HolderId>,
    ) -> Result<(), Failure> {
        let _writing = match attaching {
            Some(_) => None,
            None => Some(entry.writing.lock().await),
        };
        let batch = Self::batch(entry, effects);
        let result = match batch {
            Ok(batch) => self.store.apply(batch).await,
            Err(error) => Err(error),
        };
        let mut memory = entry.memory();
        if let Some(holder) = attaching {
            memory.unsettled.remove(holder);
        }
        match result {
            Ok(()) => {
                if effects.contains(&Effect::Forget) {
                    memory.credential = None;
                    self.unschedule(&entry.id);
                } else if let Some(credential) = &memory.credential
                    && effects.contains(&Effect::Save)
                {
                    self.schedule(&entry.id, credential);
                }
                Ok(())
            }
            Err(error) => {
                memory.credential = None;
                drop(memory);
                self.schedule_at(&entry.id, self.clock.now());
                Err(Failure::Failed(error))
            }
        }
    }

    fn batch(entry: &Entry, effects: &[Effect]) -> Result<Vec<Write>, Error> {
        let memory = entry.memory();
        let credential = memory.credential.as_ref().ok_or_else(interrupted)?;
        let mut batch = Vec::new();
        for effect in effects {
            match effect {
                Effect::Save => batch.extend(LedgerStore::save(credential)?),
                Effect::SaveHolder(id) => {
                    if let Some(holder) = credential.holders.get(id) {
                        batch.push(LedgerStore::save_holder(&entry.id, id, holder)?);
                    }
                }
                Effect::DropHolder(id) => batch.push(LedgerStore::drop_holder(&entry.id, id)),
                Effect::Forget => batch.push(LedgerStore::forget(&entry.id)),
                Effect::Search | Effect::Recheck | Effect::LookAgain(_) | Effect::Delete(_) => {}
            }
        }
        Ok(batch)
    }

    /// Looks for the key of an intent by owner, resource and marker.
    async fn search(&self, entry: &Entry) -> Result<Event, Failure> {
        let (organization, target, intended_at) = entry
            .look(|known| {
                (
                    known.organization.clone(),
                    known.target.clone(),
                    known.intended_at,
                )
            })
            .ok_or_else(|| Failure::Failed(interrupted()))?;
        let marker = self.marker(&entry.id).await?;
        let account = self
            .accounts
            .for_organization(organization.as_ref())
            .await?;
        let list = self
            .control
            .list_keys(&account.access(), &target)
            .await
            .map_err(Error::from)?;
        let now = self.clock.now();
        let made_after = later(intended_at, -CLOCK_SKEW);
        let found = list.keys.into_iter().find(|key| {
            marker.marks(&key.display_name)
                && key.created_at.is_none_or(|created| created >= made_after)
        });
        match found {
            Some(key) => Ok(Event::Found { key: key.id, now }),
            None if list.complete => Ok(Event::NotFound { now }),
            None => Err(Failure::Failed(incomplete_list())),
        }
    }

    /// Asks Confluent, now and then, whether a key that is handed out still
    /// exists. One that a person deleted is entered as gone, so that readers
    /// get another and renewals fail. Where Confluent does not answer, the key
    /// is taken to exist: its readers have nothing better.
    pub(crate) async fn confirm(&self, entry: &Entry) -> Result<(), Failure> {
        if entry.is_confirmed(self.clock.monotonic()) {
            return Ok(());
        }
        let _confirming = entry.confirming.lock().await;
        let now = self.clock.monotonic();
        if entry.is_confirmed(now) {
            return Ok(());
        }
        self.load(entry).await?;
        let known = entry.look(|known| match &known.state {
            State::Live { key } => Some((
                known.organization.clone(),
                known.target.clone(),
                key.id.clone(),
            )),
            _ => None,
        });
        let Some((organization, target, key)) = known.flatten() else {
            return Ok(());
        };
        let account = self
            .accounts
            .for_organization(organization.as_ref())
            .await?;
        let access = account.access();
        let Err(refusal) = self.control.read_key(&access, &key).await else {
            entry.confirm(now);
            return Ok(());
        };
        if !is_absence(refusal.failure) {
            return Ok(());
        }
        match self.control.list_keys(&access, &target).await {
            Ok(list) if list.keys.iter().any(|listed| listed.id == key) => {
                entry.confirm(now);
                Ok(())
            }
            Ok(list) if list.complete => {
                tracing::warn!(
                    key = key.as_str(),
                    "a shared key was deleted by somebody else; its readers get another"
                );
                let gone = Event::Deleted {
                    now: self.clock.now(),
                    doubtful: true,
                };
                self.happen(entry, gone).await
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The key of an entry was made by this process a moment ago.
    pub(crate) fn confirm_new(&self, entry: &Entry) {
        entry.confirm(self.clock.monotonic());
    }

    /// Whether a key that was gone by a list alone is listed now.
    async fn look_again(&self, entry: &Entry, key: &KeyId) -> Result<Event, Failure> {
        let (organization, target) = entry
            .look(|known| (known.organization.clone(), known.target.clone()))
            .ok_or_else(|| Failure::Failed(interrupted()))?;
        let account = self
            .accounts
            .for_organization(organization.as_ref())
            .await?;
        let listed = self.control.list_keys(&account.access(), &target).await;
        let list = listed.map_err(Error::from)?;
        let exists = list.keys.iter().any(|listed| listed.id == *key);
        if exists {
            tracing::error!(
                key = key.as_str(),
                "a key that seemed to be gone is listed again; it is deleted again"
            );
        } else if !list.complete {
            return Err(Failure::Failed(incomplete_list()));
        }
        let now = self.clock.now();
        Ok(Event::LookedAgain { exists, now })
    }

    async fn delete(&self, entry: &Entry, key: &KeyId) -> Result<Absence, Error> {
        let (organization, target) = entry
            .look(|known| (known.organization.clone(), known.target.clone()))
            .ok_or_else(interrupted)?;
        self.delete_key(organization.as_ref(), &target, key).await
    }

    /// Deletes a key. One that Confluent refuses to know is gone only when a
    /// complete list of the same account does not have it: an admin key whose
    /// rights were narrowed gets 403 for keys that live (`lifecycle.md`, 21).
    pub(crate) async fn delete_key(
        &self,
        organization: Option<&OrganizationId>,
        target: &Target,
        key: &KeyId,
    ) -> Result<Absence, Error> {
        let account = self.accounts.for_organization(organization).await?;
        let access = account.access();
        let refusal = match self.control.delete_key(&access, key).await {
            Ok(()) => return Ok(Absence::Deleted),
            Err(error) => error,
        };
        if !is_absence(refusal.failure) {
            return Err(refusal.into());
        }
        let list = self.control.list_keys(&access, target).await?;
        if list.keys.iter().any(|listed| listed.id == *key) {
            return Err(refusal.into());
        }
        if list.complete {
            Ok(Absence::Unlisted)
        } else {
            Err(incomplete_list())
        }
    }
}

/// Whether an answer may mean that there is no such key. It may also mean that
/// the account lost rights.
fn is_absence(failure: CloudFailure) -> bool {
    matches!(failure, CloudFailure::NotFound | CloudFailure::Forbidden)
}

fn is_write(effect: &Effect) -> bool {
    match effect {
        Effect::Save | Effect::SaveHolder(_) | Effect::DropHolder(_) | Effect::Forget => true,
        Effect::Search | Effect::Recheck | Effect::LookAgain(_) | Effect::Delete(_) => false,
    }
}

fn interrupted() -> Error {
    Error::internal("storage failed while the credential was in use: try again")
}

fn incomplete_list() -> Error {
    Error::upstream(
        "Confluent Cloud has more keys of this owner and resource than it lists, so it is not \
         certain what became of one: it is looked for again later",
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
