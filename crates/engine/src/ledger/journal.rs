//! The journal of an entry: the one writer that commits what waits together.
//!
//! A change joins the journal while memory is locked, so that changes are
//! written in the order in which they were decided. Those that wait while one
//! write is under way are then written in one batch: new holders and new
//! deadlines in one entry, holders that went in another, and the credential's
//! own entry once.
//!
//! A batch puts before it removes: a holder goes because there are others, and
//! must not go before they are in storage. A write that failed is an unknown
//! write: what it touched is in doubt and is read again, and changes that were
//! decided before are not written after it, unless they only add holders.

use std::sync::atomic::Ordering;

use logical::{Error, Write};

use super::change::{Change, ChangeId, Joined, Pending};
use super::driver::Ledger;
use super::entry::{Entry, Memory, lock};
use super::failure::{Failure, interrupted};
use super::holder_index::{Doubts, HolderChanges, Planned};
use super::step::Effect;
use super::store::LedgerStore;
use crate::ids::{CredentialId, HolderId};

/// A write that is under way: unless it is known to have succeeded, what it
/// touches is in doubt.
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
            self.store.needs_no_intent(&entry.id);
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
        let mut holders = HolderChanges {
            ..HolderChanges::default()
        };
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
            planned.writes.push(LedgerStore::forget(id));
        } else if changes.iter().any(|change| change.save) {
            let credential = known.ok_or_else(interrupted)?;
            let save = LedgerStore::save(credential)?;
            // The last holder must not go before the key is durably retiring: if
            // the power went in between, nothing would stand for the key. Of a
            // key that is gone, holders go first, since nobody looks for them.
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
        let own = LedgerStore::forget(id);
        if self.store.intended_in_batch(id) {
            // It has no entry of its own.
            batch.retain(|write| *write != own);
        } else if batch.contains(&own) && self.store.recorded_in_batch(id).await? {
            batch.retain(|write| *write != own);
            self.store.apply(batch).await?;
            self.store.leave(id).await?;
            return self.store.apply(vec![own]).await;
        }
        self.store.apply(batch).await
    }

    /// A write failed, or its outcome is not known: what it touched is read
    /// again, and so is what other changes would have changed that were decided
    /// before and are not written now.
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
