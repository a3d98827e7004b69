//! The agenda: when to look at which entry again, and how far each was when it
//! was last seen. It is memory only; the sweep's first look fills it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::credential::{Credential, State, later};
use crate::ids::CredentialId;

/// When entries that are taken come up again, should whoever took them be cut
/// off before saying so.
const TAKEN_FOR: SignedDuration = SignedDuration::from_mins(10);

/// How far a credential is that somebody still has to look at.
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
    /// The stage of a credential; none when nothing is left to do.
    pub(crate) fn of(credential: &Credential) -> Option<Self> {
        match &credential.state {
            State::Intended => Some(Self::Intended),
            State::Live { .. } => Some(Self::Live),
            State::Retiring { .. } => Some(Self::Retiring),
            State::Gone { doubtful, .. } => doubtful.then_some(Self::Doubtful),
        }
    }
}

struct Item {
    due: Timestamp,
    /// None until it was seen.
    stage: Option<Stage>,
}

/// Entries that somebody still has to look at.
#[derive(Default)]
pub(crate) struct Agenda {
    items: BTreeMap<CredentialId, Item>,
}

impl Agenda {
    /// Puts an entry on the agenda for when it is due by itself. Nobody looks
    /// at tombstones.
    pub(crate) fn note(&mut self, credential: &Credential) {
        match Stage::of(credential) {
            None => self.strike(&credential.id),
            stage => {
                let due = credential.due();
                self.items
                    .insert(credential.id.clone(), Item { due, stage });
            }
        }
    }

    /// Notes how far an entry is, and leaves alone when somebody looks at it.
    pub(crate) fn see(&mut self, credential: &Credential) {
        match self.items.get_mut(&credential.id) {
            Some(item) => item.stage = Stage::of(credential),
            None => self.note(credential),
        }
    }

    /// Looks at an entry at this time, whatever it is.
    pub(crate) fn look_at(&mut self, id: &CredentialId, due: Timestamp) {
        match self.items.get_mut(id) {
            Some(item) => item.due = due,
            None => {
                self.items.insert(id.clone(), Item { due, stage: None });
            }
        }
    }

    /// Nothing is left to do.
    pub(crate) fn strike(&mut self, id: &CredentialId) {
        self.items.remove(id);
    }

    /// Entries that are due. They stay, for the count, and whoever takes them
    /// says when they come up again.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Vec<CredentialId> {
        let due = self.items.iter_mut().filter(|(_, item)| item.due <= now);
        due.map(|(id, item)| {
            item.due = later(now, TAKEN_FOR);
            id.clone()
        })
        .collect()
    }

    /// When somebody looks at an entry again.
    pub(crate) fn due(&self, id: &CredentialId) -> Option<Timestamp> {
        self.items.get(id).map(|item| item.due)
    }

    /// How many entries are at a stage; `None` for those not seen yet.
    pub(crate) fn count(&self, stage: Option<Stage>) -> usize {
        let items = self.items.values();
        items.filter(|item| item.stage == stage).count()
    }
}
