//! The sweep: background work that ends what nobody else ended. Holders whose
//! deadline passed lapse, keys that could not be deleted are deleted, intents
//! are settled, tombstones go.
//!
//! The host licenses it with its periodic call, which only a node that may
//! write gets; without the next call it stops (`lifecycle.md`, 23).

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use logical::Error;

use crate::ids::CredentialId;
use crate::ledger::credential::later;
use crate::ledger::{Event, Failure, State};
use crate::state::Engine;

/// How long one periodic call licenses the sweep.
const LICENCE: Duration = Duration::from_mins(2);

/// How often all entries are looked at, for tombstones and for what memory
/// lost.
const FULL_LOOK: Duration = Duration::from_hours(24);

/// When an entry is looked at again that storage did not give, or whose
/// holders must not lapse yet.
const AFTER_FAILURE: SignedDuration = SignedDuration::from_mins(1);

/// What the sweep remembers between runs.
#[derive(Default)]
pub(crate) struct Sweep {
    running: bool,
    licensed_until: Duration,
    full_look_at: Option<Duration>,
}

impl Engine {
    /// The host's periodic call: licenses the sweep and starts it unless it
    /// runs.
    pub(crate) fn license_sweep(self: &Arc<Self>) {
        let now = self.clock.monotonic();
        let mut sweep = self.sweep_state();
        sweep.licensed_until = now + LICENCE;
        if sweep.running {
            return;
        }
        sweep.running = true;
        drop(sweep);
        let engine = Arc::clone(self);
        self.tasks.spawn(Box::pin(async move {
            let done = engine.sweep().await;
            engine.sweep_state().running = false;
            if let Err(error) = done {
                tracing::warn!(error = error.message(), "the sweep stopped early");
            }
        }));
    }

    /// Looks once at everything that is due.
    async fn sweep(&self) -> Result<(), Error> {
        self.look_at_all().await?;
        for id in self.ledger.take_due(self.clock.now()) {
            if self.clock.monotonic() > self.sweep_state().licensed_until {
                self.ledger.schedule_at(&id, self.clock.now());
                continue;
            }
            self.settle(&id).await;
        }
        Ok(())
    }

    /// Puts every entry of storage on the agenda, at the first run and once a
    /// day.
    async fn look_at_all(&self) -> Result<(), Error> {
        let now = self.clock.monotonic();
        if self
            .sweep_state()
            .full_look_at
            .is_some_and(|next| now < next)
        {
            return Ok(());
        }
        for id in self.ledger.store.ids().await? {
            self.ledger.schedule_at(&id, self.clock.now());
        }
        self.sweep_state().full_look_at = Some(now + FULL_LOOK);
        Ok(())
    }

    /// Settles one entry as far as it can be, and decides when to look again.
    async fn settle(&self, id: &CredentialId) {
        let entry = self.ledger.entry(id);
        let loaded = self.ledger.load(&entry).await;
        let now = self.clock.now();
        let due = entry.look(crate::ledger::Credential::due);
        let is_live = entry.look(|credential| matches!(credential.state, State::Live { .. }));
        if is_live == Some(true) && !self.timekeeper.lets_lapse() {
            self.ledger.schedule_at(id, later(now, AFTER_FAILURE));
            return;
        }
        let outcome = match (loaded, due) {
            (Ok(()), Some(due)) if due > now => Ok(()),
            (Ok(()), _) => self.ledger.happen(&entry, Event::Lapse { now }).await,
            (Err(failure), _) => Err(failure),
        };
        if let Err(Failure::Failed(error)) = &outcome {
            tracing::warn!(
                credential = id.as_str(),
                error = error.message(),
                "a credential could not be settled and is looked at again"
            );
        }
        let again = entry.look(|credential| {
            let again = credential.due_again(now).max(credential.due());
            (!credential.is_settled()).then_some(again)
        });
        match (again, outcome) {
            (Some(Some(due)), _) => self.ledger.schedule_at(id, due),
            (None, Err(Failure::Failed(_))) => {
                self.ledger.schedule_at(id, later(now, AFTER_FAILURE));
            }
            _ => {}
        }
    }

    fn sweep_state(&self) -> MutexGuard<'_, Sweep> {
        self.sweep.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
