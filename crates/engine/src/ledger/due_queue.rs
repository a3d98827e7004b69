//! The due queue: when to look at which entry again, and the stage that each had
//! when it was last seen. It is memory only; the sweep's first look fills it.
//!
//! It is ordered by time, so that taking what is due costs as much as there is
//! due, and it counts its stages as they change: a mount has some hundred
//! thousand entries, and every write of one takes this lock.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::credential::{Credential, State, later};
use crate::ids::CredentialId;

/// When entries that were taken come up again, should their taker be cut off
/// before it schedules them.
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
    /// Since when it is known to be an intent, in monotonic time.
    intended_since: Option<Duration>,
}

/// Entries that somebody still has to look at.
#[derive(Default)]
pub(crate) struct DueQueue {
    items: HashMap<CredentialId, Item>,
    by_time: BTreeSet<(Timestamp, CredentialId)>,
    stages: BTreeMap<Option<Stage>, usize>,
}

impl DueQueue {
    /// Schedules an entry for when it is due by itself. Nobody looks at
    /// tombstones.
    pub(crate) fn schedule(&mut self, credential: &Credential) {
        match Stage::of(credential) {
            None => self.remove(&credential.id),
            stage => self.put(&credential.id, credential.due(), stage),
        }
    }

    /// Updates the stage of an entry, and leaves alone when it is due.
    pub(crate) fn update_stage(&mut self, credential: &Credential) {
        match self.items.get(&credential.id).map(|item| item.due) {
            Some(due) => self.put(&credential.id, due, Stage::of(credential)),
            None => self.schedule(credential),
        }
    }

    /// Schedules an entry for this time, whatever its stage.
    pub(crate) fn schedule_at(&mut self, id: &CredentialId, due: Timestamp) {
        let stage = self.items.get(id).and_then(|item| item.stage);
        self.put(id, due, stage);
    }

    /// Since when an intent is known, in monotonic time; since now if it was not
    /// known. By the wall clock it may seem older than it is, since that jumps.
    pub(crate) fn intended_since(&mut self, id: &CredentialId, now: Duration) -> Duration {
        match self.items.get_mut(id) {
            Some(item) => *item.intended_since.get_or_insert(now),
            None => now,
        }
    }

    /// Nothing is left to do.
    pub(crate) fn remove(&mut self, id: &CredentialId) {
        if let Some(item) = self.items.remove(id) {
            self.by_time.remove(&(item.due, id.clone()));
            if let Some(count) = self.stages.get_mut(&item.stage) {
                *count -= 1;
            }
        }
    }

    /// Entries that are due, the earliest first. They stay, for the count, and
    /// their taker schedules them again.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Vec<CredentialId> {
        let mut due = Vec::new();
        while self.by_time.first().is_some_and(|(time, _)| *time <= now) {
            due.extend(self.by_time.pop_first().map(|(_, id)| id));
        }
        for id in &due {
            if let Some(item) = self.items.get_mut(id) {
                item.due = later(now, TAKEN_FOR);
                self.by_time.insert((item.due, id.clone()));
            }
        }
        due
    }

    /// When an entry is due.
    pub(crate) fn due(&self, id: &CredentialId) -> Option<Timestamp> {
        self.items.get(id).map(|item| item.due)
    }

    /// How many entries are at a stage; `None` for those not seen yet.
    pub(crate) fn count(&self, stage: Option<Stage>) -> usize {
        self.stages.get(&stage).copied().unwrap_or_default()
    }

    fn put(&mut self, id: &CredentialId, due: Timestamp, stage: Option<Stage>) {
        let known = self.items.get(id).and_then(|item| item.intended_since);
        self.remove(id);
        let item = Item {
            due,
            stage,
            intended_since: known.filter(|_| matches!(stage, None | Some(Stage::Intended))),
        };
        self.items.insert(id.clone(), item);
        self.by_time.insert((due, id.clone()));
        *self.stages.entry(stage).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn id(number: u8) -> CredentialId {
        let letter = char::from(b'A' + number % 26);
        CredentialId::parse(&letter.to_string().repeat(13)).unwrap_or_else(|| id(0))
    }

    #[test]
    fn entries_that_are_due_are_taken_once_the_earliest_first() {
        let mut queue = DueQueue::default();
        for (number, due) in [(0, 30), (1, 10), (2, 20), (3, 40)] {
            queue.schedule_at(&id(number), at(due));
        }
        assert_eq!(queue.take_due(at(30)), [id(1), id(2), id(0)]);
        assert_eq!(queue.take_due(at(39)), []);
        assert_eq!(queue.count(None), 4);
        assert_eq!(queue.take_due(at(30 + 600)), [id(3), id(0), id(1), id(2)]);
    }

    proptest! {
        /// The order and the counts say the same as a scan of all entries.
        #[test]
        fn order_and_counts_agree_with_the_entries(
            steps in prop::collection::vec((0..12_u8, 0..100_i64, 0..3_u8), 0..60),
        ) {
            let mut queue = DueQueue::default();
            for (number, time, what) in steps {
                match what {
                    0 => queue.remove(&id(number)),
                    1 => queue.schedule_at(&id(number), at(time)),
                    _ => {
                        let mut due: Vec<_> = queue.items.iter()
                            .filter(|(_, item)| item.due <= at(time))
                            .map(|(id, _)| id.clone())
                            .collect();
                        let mut taken = queue.take_due(at(time));
                        due.sort();
                        taken.sort();
                        prop_assert_eq!(taken, due);
                    }
                }
                let times = queue.items.iter().map(|(id, item)| (item.due, id.clone()));
                prop_assert_eq!(times.collect::<BTreeSet<_>>(), queue.by_time.clone());
                prop_assert_eq!(queue.count(None), queue.items.len());
            }
        }
    }
}
