//! The journal of an entry: the one writer, which commits pending changes in
//! batches.
//!
//! A change joins the journal while memory is locked, so that changes are written
//! in the order in which they were decided. Changes that arrive while a write is in
//! flight share the next one: new holders and deadlines in one entry, removed
//! holders in another, and the credential's own entry once.
//!
//! A batch puts before it removes: a holder may be removed because there are others,
//! which must be in storage first. The outcome of a failed write is unknown: what it
//! touched is in doubt and is read again, and changes that were decided before are
//! not written after it, unless they only add holders.

use std::sync::atomic::Ordering;

use logical::{Error, Write};

use super::change::{Change, ChangeId, Joined, Pending};
use super::driver::Ledger;
use super::entry::{Entry, Memory, lock};
use super::failure::{Failure, interrupted};
use super::holder_index::{Doubts, HolderChanges, Planned};
use super::own_entry;
use super::step::Effect;
use crate::ids::{CredentialId, HolderId};

/// A write in flight. Unless it succeeds, what it touches is put in doubt.
struct UnderWay<'a> {
    ledger: &'a Ledger,
    entry: &'a Entry,
    touched: Option<Doubts>,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(touched) = self.touched.take() {
            self.ledger.doubt(self.entry, touched);
        }
    }
}

impl Ledger {
    /// Lets the writes among effects join the journal. The caller has memory
    /// locked since they were decided.
    pub(super) fn join(
        &self,
        entry: &Entry,
        memory: &mut Memory,
        effects: &[Effect],
    ) -> Option<Joined> {
        if effects.is_empty() {
            return None;
        }
        let id = self.next_change.fetch_add(1, Ordering::Relaxed);
        let mut change = Change::of(memory.credential.as_ref(), memory.epoch, effects);
        change.id = Some(id);
        let mut doubts = Doubts::default();
        if change.epoch.is_some() {
            doubts = change.doubts();
        }
        let put = change.put.clone();
        memory.pending.insert(id, Pending { put, doubts });
        let epoch = change.epoch;
        let batch = entry.journal.join(change);
        Some(Joined { batch, epoch })
    }

    /// Waits until a change is in storage.
    pub(super) async fn written(&self, entry: &Entry, joined: Joined) -> Result<(), Failure> {
        let write = |changes| self.write(entry, changes);
        let epoch = entry.journal.outcome(&joined.batch, write).await?;
        if joined.epoch.is_none_or(|decided| decided == epoch) {
            Ok(())
        } else {
            Err(Failure::Failed(interrupted()))
        }
    }

    async fn write(&self, entry: &Entry, changes: Vec<Change>) -> Result<u64, Error> {
        let _writing = entry.writing.lock().await;
        let result = self.write_alone(entry, &changes).await;
        let mut guard = entry.memory();
        let memory = &mut *guard;
        for id in changes.iter().filter_map(|change| change.id.as_ref()) {
            memory.pending.remove(id);
        }
        result
    }

    /// Writes changes. The caller holds the entry.
    async fn write_alone(&self, entry: &Entry, changes: &[Change]) -> Result<u64, Error> {
        // Holders may be on their way when the rest of the entry is gone.
        if let Err(Failure::Failed(error)) = self.read_if_needed(entry).await {
            // None of these changes is written.
            let mut doubts = Doubts::default();
            for lost in changes.iter().map(Change::doubts) {
                doubts.extend(lost);
            }
            self.doubt(entry, doubts);
            return Err(error);
        }
        let (planned, epoch, forget, save) = {
            let mut guard = entry.memory();
            let memory = &mut *guard;
            let epoch = memory.epoch;
            let valid: Vec<&Change> = changes
                .iter()
                .filter(|change| change.holds(epoch))
                .collect();
            let forget = valid.iter().any(|change| change.forget);
            let save = !forget && valid.iter().any(|change| change.save);
            (self.plan(memory, &entry.id, &valid)?, epoch, forget, save)
        };
        let mut touched = planned.doubts;
        touched.state = save || forget;
        let mut under_way = UnderWay {
            ledger: self,
            entry,
            touched: Some(touched),
        };
        self.carry_out(&entry.id, planned.writes).await?;
        under_way.touched = None;
        let mut guard = entry.memory();
        let memory = &mut *guard;
        if save || forget {
            self.store.batches.needs_no_intent(&entry.id);
        }
        if forget {
            memory.credential = None;
            self.unschedule(&entry.id);
        } else if let Some(credential) = memory.credential.as_ref().filter(|_| save) {
            lock(&self.watch).schedule(credential);
        }
        Ok(epoch)
    }

    /// The writes of changes: holders that come, holders that go, and the entry.
    fn plan(
        &self,
        memory: &mut Memory,
        id: &CredentialId,
        changes: &[&Change],
    ) -> Result<Planned, Error> {
        let mut holders = HolderChanges::default();
        for change in changes {
            for (id, times) in &change.put {
                holders.strike.remove(id);
                holders
                    .put
                    .entry(id.clone())
                    .and_modify(|known| known.extend_to(times.deadline()))
                    .or_insert_with(|| times.clone());
            }
            for id in &change.strike {
                holders.put.remove(id);
                holders.strike.insert(id.clone());
            }
        }
        if holders.put.len() > 1 {
            let change = changes.first().and_then(|change| change.id);
            holders.name = change.map(|change| self.name_of(change));
        }
        let none = std::collections::BTreeMap::new();
        let known = memory.credential.as_ref();
        let times = known.map_or(&none, |known| &known.holders);
        let mut planned = memory.index.change(id, times, holders)?;
        if changes.iter().any(|change| change.forget) {
            planned.writes.push(own_entry::forget(id));
        } else if changes.iter().any(|change| change.save) {
            let credential = known.ok_or_else(interrupted)?;
            let save = own_entry::save(credential)?;
            // The last holder must not go before the key is durably retiring: if
            // the power went in between, nothing would stand for the key. Of a
            // key that is gone, holders go first: no sweep would find them later.
            let at = if credential.is_settled() {
                planned.writes.len()
            } else {
                planned.puts
            };
            planned.writes.splice(at..at, save);
        }
        Ok(planned)
    }

    /// A name that no other entry of holders has, the same each time a change
    /// is written.
    fn name_of(&self, change: ChangeId) -> HolderId {
        HolderId::derived(&format!("change {change} of {}", self.changes_since))
    }

    async fn carry_out(&self, id: &CredentialId, mut batch: Vec<Write>) -> Result<(), Error> {
        let deletes = |write: &Write| matches!(write, Write::Delete { .. });
        if !batch.iter().any(deletes) {
            return self.store.apply(batch).await;
        }
        let own = own_entry::forget(id);
        if self.store.batches.is_intended(id) {
            // It has no entry of its own.
            batch.retain(|write| *write != own);
        } else if batch.contains(&own) && self.store.batches.is_recorded(id).await? {
            batch.retain(|write| *write != own);
            self.store.apply(batch).await?;
            self.store.batches.leave(id).await?;
            return self.store.apply(vec![own]).await;
        }
        self.store.apply(batch).await
    }

    /// Puts in doubt what a failed write touched, and what the pending changes would
    /// have changed, since they are not written any more. It is read again.
    pub(super) fn doubt(&self, entry: &Entry, touched: Doubts) {
        let mut guard = entry.memory();
        let memory = &mut *guard;
        memory.epoch += 1;
        memory.doubts.extend(touched);
        for pending in memory.pending.values() {
            memory.doubts.extend(pending.doubts.clone());
        }
        drop(guard);
        self.schedule_at(&entry.id, self.clock.now());
    }
}
