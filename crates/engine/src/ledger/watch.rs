//! The due queue of the ledger: when each unsettled credential is looked at next,
//! and its stage.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::credential::{Credential, State};
use crate::ids::CredentialId;
use crate::work::DueQueue;

/// The stage of an unsettled credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// A key is being made, or an answer was lost.
    Intended,
    /// In use.
    Live,
    /// To be deleted.
    Retiring,
    /// Gone by a list alone; to be looked for once more.
    Doubtful,
}

impl Stage {
    /// The stage of a credential; `None` when it is settled.
    pub(crate) fn of(credential: &Credential) -> Option<Self> {
        match &credential.state {
            State::Intended => Some(Self::Intended),
            State::Live { .. } => Some(Self::Live),
            State::Retiring { .. } => Some(Self::Retiring),
            State::Gone { doubtful, .. } => doubtful.then_some(Self::Doubtful),
        }
    }
}

/// The due queue of credentials, and since when intents are known.
#[derive(Default)]
pub(super) struct Watch {
    queue: DueQueue<CredentialId, Stage>,
    /// In monotonic time.
    intended_since: HashMap<CredentialId, Duration>,
}

impl Watch {
    /// Schedules an entry for its own due time. Tombstones are not scheduled.
    pub(super) fn schedule(&mut self, credential: &Credential) {
        self.put(credential, credential.due());
    }

    /// Updates an entry that was read. Its due time stays, unless it is a key in use
    /// that another process changed so that it is due earlier.
    pub(super) fn update_stage(&mut self, credential: &Credential) {
        let own = credential.due();
        let due = match self.queue.due(&credential.id) {
            Some(due) if credential.live_key().is_some() => due.min(own),
            Some(due) => due,
            None => own,
        };
        self.put(credential, due);
    }

    /// Schedules an entry for this time, whatever its stage.
    pub(super) fn schedule_at(&mut self, id: &CredentialId, due: Timestamp) {
        self.queue.schedule_at(id, due);
    }

    /// Since when an intent is known, in monotonic time; since now if it was not
    /// known. By the wall clock it may seem older than it is, since that jumps.
    pub(super) fn intended_since(&mut self, id: &CredentialId, now: Duration) -> Duration {
        if self.queue.due(id).is_none() {
            return now;
        }
        *self.intended_since.entry(id.clone()).or_insert(now)
    }

    /// Removes an entry that is settled.
    pub(super) fn remove(&mut self, id: &CredentialId) {
        self.queue.remove(id);
        self.intended_since.remove(id);
    }

    /// Takes the due entries, the earliest first. The caller schedules them again.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<CredentialId> {
        self.queue.take_due(now)
    }

    /// When an entry is due.
    pub(super) fn due(&self, id: &CredentialId) -> Option<Timestamp> {
        self.queue.due(id)
    }

    /// How many entries are at a stage; `None` for those not seen yet.
    pub(super) fn count(&self, stage: Option<Stage>) -> usize {
        self.queue.count(stage)
    }

    fn put(&mut self, credential: &Credential, due: Timestamp) {
        let id = &credential.id;
        let Some(stage) = Stage::of(credential) else {
            return self.remove(id);
        };
        if stage != Stage::Intended {
            self.intended_since.remove(id);
        }
        self.queue.schedule(id, due, stage);
    }
}
