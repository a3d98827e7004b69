//! The due queue of the ledger: when each unsettled credential is looked at next,
//! and its stage; and the index by which a search leaves most entries unread.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::credential::{Credential, Purpose, State};
use crate::ids::{CredentialId, KeyId, RoleName};
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

/// What a search may know of an entry without reading it. Neither changes once it
/// is known, but that a static role takes a role's key over; so what does not fit
/// here does not fit in storage either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Indexed {
    /// The key, once it is made.
    pub(super) key: Option<KeyId>,
    /// The role, of a key for leases.
    pub(super) role: Option<RoleName>,
}

impl Indexed {
    fn of(credential: &Credential) -> Self {
        let role = match &credential.purpose {
            Purpose::Role { role, .. } => Some(role.clone()),
            Purpose::Static { .. } => None,
        };
        Self {
            key: credential.key_id().cloned(),
            role,
        }
    }
}

/// The due queue of credentials, since when intents are known, and the index.
#[derive(Default)]
pub(super) struct Watch {
    queue: DueQueue<CredentialId, Stage>,
    /// In monotonic time.
    intended_since: HashMap<CredentialId, Duration>,
    indexed: HashMap<CredentialId, Indexed>,
}

impl Watch {
    /// What is known of an entry.
    pub(super) fn indexed(&self, id: &CredentialId) -> Option<&Indexed> {
        self.indexed.get(id)
    }

    /// Indexes an entry that was read.
    pub(super) fn index(&mut self, credential: &Credential) {
        self.indexed
            .insert(credential.id.clone(), Indexed::of(credential));
    }

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
        self.indexed.remove(id);
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
        self.index(credential);
    }
}
