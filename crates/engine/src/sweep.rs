//! The sweep: background work that ends what nobody else ended. Holders whose
//! deadline passed lapse, keys that could not be deleted are deleted, intents
//! are settled, tombstones go.
//!
//! The host licenses it with its periodic call, which only a node that may
//! write gets; without the next call it stops (`lifecycle.md`, 23).

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use logical::Error;

use crate::control_plane::RemovalBy;
use crate::credential::later;
use crate::ids::{CredentialId, KeyId};
use crate::ledger::{Credential, Event, Failure, Place, Stage, State};
use crate::licence::{LICENCE, LastSweep, Licence, Sweep};
use crate::state::Engine;

/// How often all entries are looked at, for what memory lost, and tombstones
/// are forgotten.
const FULL_LOOK: Duration = Duration::from_hours(24);

/// When an entry is looked at again that storage did not give, or whose
/// holders must not lapse yet.
const AFTER_FAILURE: SignedDuration = SignedDuration::from_mins(1);

/// How often a sweep looks whether more is due by now.
const ROUNDS: usize = 3;

/// How many entries are looked at, in storage or at Confluent, at once. How many
/// deletions are sent at once is for the pace to say.
const AT_ONCE: usize = 8;

impl Engine {
    /// The host's periodic call: licenses the sweep and starts it unless it
    /// runs.
    pub(crate) fn license_sweep(self: &Arc<Self>) {
        self.timekeeper.observe();
        self.sweep_state().licensed_until = Some(self.clock.monotonic() + LICENCE);
        let engine = Arc::clone(self);
        self.tasks.spawn(Box::pin(async move {
            if let Ok(_sweeping) = engine.sweeping.try_lock() {
                let swept = engine.sweep_when_due().await;
                if let Err(error) = &swept {
                    tracing::warn!(error = error.message(), "the sweep stopped early");
                }
                engine.note_sweep(swept.err());
            }
            // They may take hours, and no sweep waits for them.
            engine.drain_in_background();
        }));
    }

    /// Looks once at everything that is due; once a day also at what Confluent
    /// lists.
    async fn sweep_when_due(&self) -> Result<(), Error> {
        self.take_over_at_start().await;
        // Before anything can lapse.
        self.note_presence().await?;
        self.ask_organizations().await?;
        let now = self.clock.monotonic();
        let full_look_at = self.sweep_state().full_look_at;
        let full = full_look_at.is_none_or(|next| now >= next);
        if full {
            self.look_at_all().await?;
            self.sweep_state().full_look_at = Some(now + FULL_LOOK);
            self.forget_long_gone().await?;
            self.forget_left_roles().await?;
        }
        self.settle_due(Licence::Periodic).await;
        self.ledger.store.clear_intents().await?;
        // Not after each start: a start must not depend on how much there is
        // to list.
        if full && full_look_at.is_some() {
            let inventory = self.take_inventory().await?;
            inventory.log();
            self.accounts
                .forget_unneeded(&inventory.needed, inventory.begun)
                .await?;
        }
        Ok(())
    }

    /// Forgets the tombstones that were kept long enough.
    async fn forget_long_gone(&self) -> Result<(), Error> {
        let now = self.clock.now();
        self.ledger.store.tombstones.forget_targets(now).await?;
        let places = self.ledger.store.tombstones.long_gone(now).await?;
        let forgetting: Vec<_> = places
            .into_iter()
            .map(|place| async {
                if self.is_licensed() {
                    self.ledger.store.tombstones.forget(place).await?;
                }
                Ok(())
            })
            .collect();
        stream::iter(forgetting)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    /// Schedules every entry that somebody still has to look at.
    pub(crate) async fn look_at_all(&self) -> Result<(), Error> {
        for id in self.ledger.store.ids().await? {
            self.ledger.schedule_at(&id, self.clock.now());
        }
        Ok(())
    }

    /// Settles what is due, and lets the deletions wait for their turn. Gives the
    /// keys that went.
    ///
    /// Of the deletions that failed one at least is tried: when it succeeds, all
    /// others are due at once.
    pub(crate) async fn settle_due(&self, licence: Licence) -> Vec<KeyId> {
        let mut went = Vec::new();
        let mut due = self.ledger.take_due(self.clock.now());
        if let Some(tried) = self.ledger.deletion_to_try().filter(|id| !due.contains(id)) {
            due.push(tried);
        }
        for _ in 0..ROUNDS {
            let settling: Vec<_> = due
                .iter()
                .map(|id| self.settle_if_licensed(id, licence))
                .collect();
            let settled = stream::iter(settling).buffer_unordered(AT_ONCE);
            let settled: Vec<Option<KeyId>> = settled.collect().await;
            went.extend(settled.into_iter().flatten());
            if licence == Licence::Periodic && !self.is_licensed() {
                break;
            }
            due = self.ledger.take_due(self.clock.now());
        }
        went
    }

    async fn settle_if_licensed(&self, id: &CredentialId, licence: Licence) -> Option<KeyId> {
        if licence == Licence::Request || self.is_licensed() {
            return self.settle(id, None).await;
        }
        self.ledger.schedule_at(id, self.clock.now());
        None
    }

    /// As [`Engine::settle`], for a deletion whose turn it is.
    pub(crate) async fn settle_for(&self, by: RemovalBy, id: &CredentialId) -> Option<KeyId> {
        self.settle(id, Some(by)).await
    }

    /// Settles one entry as far as it can be, and decides when to look again. A key
    /// is deleted only if it is its turn. Gives its key if that went.
    async fn settle(&self, id: &CredentialId, turn: Option<RemovalBy>) -> Option<KeyId> {
        let entry = self.ledger.entry(id);
        let loaded = self.ledger.load(&entry).await;
        let now = self.clock.now();
        let due = entry.look(Credential::due);
        let is_live = entry.look(|credential| matches!(credential.state, State::Live { .. }));
        if is_live == Some(true) && !self.timekeeper.lets_lapse() {
            self.ledger.schedule_at(id, later(now, AFTER_FAILURE));
            return None;
        }
        if entry.look(|credential| credential.state == State::Intended) == Some(true)
            && let Some(left) = self.ledger.quiet_for(id)
        {
            let left = SignedDuration::try_from(left).unwrap_or(AFTER_FAILURE);
            self.ledger.schedule_at(id, later(now, left));
            return None;
        }
        let looks = |credential: &Credential| {
            matches!(
                credential.state,
                State::Intended | State::Gone { doubtful: true, .. }
            )
        };
        if entry.look(looks) == Some(true) && self.ledger.holds_back_deletions() {
            self.ledger.schedule_at(id, later(now, AFTER_FAILURE));
            return None;
        }
        let mut released = self.release_unnamed(&entry).await;
        if released.is_ok() {
            released = self.release_unnamed_spare(&entry).await;
        }
        if let Err(error) = released {
            tracing::warn!(
                credential = %id,
                error = error.message(),
                "it could not be read whether a record names a key; it is looked at again"
            );
            self.ledger.schedule_at(id, later(now, AFTER_FAILURE));
            return None;
        }
        let deletion = entry.look(|credential| deletion(credential, now)).flatten();
        if turn.is_none()
            && loaded.is_ok()
            && let Some(place) = deletion
        {
            self.ledger.await_turn(id, place);
            return None;
        }
        let by = turn.unwrap_or(RemovalBy::Sweep);
        let before = entry.look(|credential| gone(credential).is_some());
        let outcome = match (loaded, due) {
            (Ok(()), Some(due)) if due > now => Ok(()),
            (Ok(()), _) => self.ledger.apply_for(by, &entry, Event::Lapse).await,
            (Err(failure), _) => Err(failure),
        };
        if let Err(Failure::Failed(error)) = &outcome {
            tracing::warn!(
                credential = %id,
                error = error.message(),
                "a credential could not be settled and is looked at again"
            );
        }
        let again = entry.look(|credential| {
            let again = if self.ledger.is_held_back(&entry) {
                later(now, AFTER_FAILURE)
            } else {
                credential.due_again(now).max(credential.due())
            };
            (!credential.is_settled()).then_some(again)
        });
        match (again, outcome) {
            (Some(Some(due)), _) => self.ledger.schedule_at(id, due),
            (Some(None), _) | (None, Err(Failure::Unknown)) => self.ledger.unschedule(id),
            // Also after a success, when the write of a request that came
            // between failed and emptied memory.
            (None, _) => self.ledger.schedule_at(id, later(now, AFTER_FAILURE)),
        }
        let after = entry.look(gone).flatten();
        after.filter(|_| before == Some(false))
    }

    /// Notes how a sweep went, for `status` and the measurements.
    pub(crate) fn note_sweep(&self, error: Option<Error>) {
        self.measure();
        self.sweep_state().last = Some(LastSweep {
            at: self.clock.now(),
            error: error.map(|error| error.message().to_owned()),
        });
    }

    /// Reports how many keys and deletions there are.
    fn measure(&self) {
        if !self.looked_at_all() {
            return;
        }
        let stages = [
            ("being_made", Stage::Intended),
            ("live", Stage::Live),
            ("retiring", Stage::Retiring),
            ("doubtful", Stage::Doubtful),
        ];
        for (name, stage) in stages {
            self.measurements.keys(name, self.ledger.count(Some(stage)));
        }
        for (cause, count) in self.ledger.deletions_due() {
            self.measurements.deletions_due(cause, count);
        }
    }

    /// How the last sweep went, and whether the host licenses the next.
    pub(crate) fn swept(&self) -> (Option<LastSweep>, bool) {
        let last = self.sweep_state().last.clone();
        (last, self.is_licensed())
    }

    /// Whether all entries were looked at since this process started.
    pub(crate) fn looked_at_all(&self) -> bool {
        self.sweep_state().full_look_at.is_some()
    }

    /// The mount stops: no sweep and no rotation goes on.
    pub(crate) fn end_licence(&self) {
        self.sweep_state().licensed_until = None;
        self.scheduler.wake();
    }

    pub(crate) fn is_licensed(&self) -> bool {
        let licensed_until = self.sweep_state().licensed_until;
        licensed_until.is_some_and(|until| self.clock.monotonic() <= until)
    }

    fn sweep_state(&self) -> MutexGuard<'_, Sweep> {
        self.sweep.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place in the order of deletions of a key that nothing keeps any more.
fn deletion(credential: &Credential, now: Timestamp) -> Option<Place> {
    let since = match &credential.state {
        State::Retiring { since, .. } => *since,
        State::Live { .. } => {
            let mut holders = credential.holders.values();
            let ends = !credential.pinned && holders.all(|holder| holder.deadline() <= now);
            ends.then(|| credential.due())?
        }
        State::Intended | State::Gone { .. } => return None,
    };
    Some(Place {
        by: RemovalBy::Sweep,
        owner: credential.target.owner.clone(),
        since,
    })
}

/// The key of a tombstone.
fn gone(credential: &Credential) -> Option<KeyId> {
    match &credential.state {
        State::Gone { key, .. } => Some(key.clone()),
        State::Intended | State::Live { .. } | State::Retiring { .. } => None,
    }
}
