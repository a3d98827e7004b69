//! Pending changes of an entry. This module defines them; [`journal`](super::journal)
//! writes them.

use std::collections::BTreeSet;
use std::sync::Arc;

use logical::Error;

use super::holder_index::Doubts;
use super::step::Effect;
use crate::coalescer::{Batch, Coalescer};
use crate::credential::{Credential, Holder};
use crate::ids::HolderId;

/// The number of a change, unique within its ledger.
pub(super) type ChangeId = u64;

/// The pending changes of an entry. A write returns the epoch that it was made in.
pub(super) type Journal = Coalescer<Change, Result<u64, Error>>;

/// A journal without pending changes.
pub(super) fn empty_journal() -> Journal {
    // No limit: a write of many holders is split into several entries.
    Coalescer::new(usize::MAX)
}

/// A change that joined the journal.
pub(super) struct Joined {
    pub(super) batch: Arc<Batch<Change, Result<u64, Error>>>,
    pub(super) epoch: Option<u64>,
}

/// The changes to storage that an event causes.
#[derive(Debug, Clone, Default)]
pub(super) struct Change {
    pub(super) id: Option<ChangeId>,
    /// The epoch that it was decided in. `None` if it only adds holders, which is
    /// safe in any epoch.
    pub(super) epoch: Option<u64>,
    pub(super) put: Vec<(HolderId, Holder)>,
    pub(super) strike: Vec<HolderId>,
    pub(super) save: bool,
    pub(super) forget: bool,
}

/// A change that has not been written yet.
#[derive(Debug)]
pub(super) struct Pending {
    /// Holders that count until then.
    pub(super) put: Vec<(HolderId, Holder)>,
    /// What must be read again if the change is dropped.
    pub(super) doubts: Doubts,
}

impl Change {
    /// The change for some effects, decided in an epoch.
    pub(super) fn of(known: Option<&Credential>, epoch: u64, effects: &[Effect]) -> Self {
        let mut change = Self::default();
        let holders = known.map(|known| &known.holders);
        for effect in effects {
            match effect {
                Effect::Save => change.save = true,
                Effect::Forget => change.forget = true,
                Effect::SaveHolder(id) => {
                    let times = holders.and_then(|holders| holders.get(id));
                    change
                        .put
                        .extend(times.map(|times| (id.clone(), times.clone())));
                }
                Effect::DropHolder(id) => change.strike.push(id.clone()),
                Effect::Search | Effect::Recheck | Effect::LookAgain(_) | Effect::Delete(_) => {}
            }
        }
        if change.save || change.forget || !change.strike.is_empty() {
            change.epoch = Some(epoch);
        }
        change
    }

    pub(super) fn doubts(&self) -> Doubts {
        let put = self.put.iter().map(|(id, _)| id);
        Doubts {
            holders: put.chain(&self.strike).cloned().collect(),
            names: BTreeSet::new(),
            state: self.save || self.forget,
        }
    }

    /// Whether it may still be written.
    pub(super) fn holds(&self, epoch: u64) -> bool {
        self.epoch.is_none_or(|decided| decided == epoch)
    }
}
