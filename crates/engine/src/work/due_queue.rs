//! The due queue: when to look at what again, and the stage that each had when it
//! was last seen. It is memory only: the first look at storage fills it.
//!
//! It is ordered by time, so that taking what is due costs as much as there is
//! due, and it counts its stages as they change: a mount has some hundred
//! thousand keys, and every write of one takes this lock.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use jiff::{SignedDuration, Timestamp};

use crate::credential::later;

/// When items that were taken come up again, should their taker be cut off
/// before it schedules them.
const TAKEN_FOR: SignedDuration = SignedDuration::from_mins(10);

struct Item<S> {
    due: Timestamp,
    /// None until it was seen.
    stage: Option<S>,
}

/// Items that somebody still has to look at, by their ids `K`, each at a stage
/// `S`.
pub(crate) struct DueQueue<K, S> {
    items: HashMap<K, Item<S>>,
    by_time: BTreeSet<(Timestamp, K)>,
    stages: BTreeMap<Option<S>, usize>,
}

impl<K, S> Default for DueQueue<K, S> {
    fn default() -> Self {
        Self {
            items: HashMap::new(),
            by_time: BTreeSet::new(),
            stages: BTreeMap::new(),
        }
    }
}

impl<K: Clone + Eq + Hash + Ord, S: Copy + Ord> DueQueue<K, S> {
    /// Schedules an item for a time, at a stage.
    pub(crate) fn schedule(&mut self, id: &K, due: Timestamp, stage: S) {
        self.put(id, due, Some(stage));
    }

    /// Schedules an item for this time, whatever its stage.
    pub(crate) fn schedule_at(&mut self, id: &K, due: Timestamp) {
        let stage = self.items.get(id).and_then(|item| item.stage);
        self.put(id, due, stage);
    }

    /// Nothing is left to do.
    pub(crate) fn remove(&mut self, id: &K) {
        if let Some(item) = self.items.remove(id) {
            self.by_time.remove(&(item.due, id.clone()));
            if let Some(count) = self.stages.get_mut(&item.stage) {
                *count -= 1;
            }
        }
    }

    /// Items that are due, the earliest first. They stay, for the count, and
    /// their taker schedules them again.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Vec<K> {
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

    /// When an item is due.
    pub(crate) fn due(&self, id: &K) -> Option<Timestamp> {
        self.items.get(id).map(|item| item.due)
    }

    /// When the next item is due.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(due, _)| *due)
    }

    /// How many items are at a stage; `None` for those not seen yet.
    pub(crate) fn count(&self, stage: Option<S>) -> usize {
        self.stages.get(&stage).copied().unwrap_or_default()
    }

    fn put(&mut self, id: &K, due: Timestamp, stage: Option<S>) {
        self.remove(id);
        self.items.insert(id.clone(), Item { due, stage });
        self.by_time.insert((due, id.clone()));
        *self.stages.entry(stage).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Numbers = DueQueue<u8, ()>;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn items_that_are_due_are_taken_once_the_earliest_first() {
        let mut queue = Numbers::default();
        for (number, due) in [(0, 30), (1, 10), (2, 20), (3, 40)] {
            queue.schedule_at(&number, at(due));
        }
        assert_eq!(queue.take_due(at(30)), [1, 2, 0]);
        assert!(queue.take_due(at(39)).is_empty());
        assert_eq!(queue.count(None), 4);
        assert_eq!(queue.take_due(at(30 + 600)), [3, 0, 1, 2]);
    }

    proptest! {
        /// The order and the counts say the same as a scan of all items.
        #[test]
        fn order_and_counts_agree_with_the_items(
            steps in prop::collection::vec((0..12_u8, 0..100_i64, 0..3_u8), 0..60),
        ) {
            let mut queue = Numbers::default();
            for (number, time, what) in steps {
                match what {
                    0 => queue.remove(&number),
                    1 => queue.schedule_at(&number, at(time)),
                    _ => {
                        let mut due: Vec<_> = queue.items.iter()
                            .filter(|(_, item)| item.due <= at(time))
                            .map(|(id, _)| *id)
                            .collect();
                        let mut taken = queue.take_due(at(time));
                        due.sort_unstable();
                        taken.sort_unstable();
                        prop_assert_eq!(taken, due);
                    }
                }
                let times = queue.items.iter().map(|(id, item)| (item.due, *id));
                prop_assert_eq!(times.collect::<BTreeSet<_>>(), queue.by_time.clone());
                prop_assert_eq!(queue.count(None), queue.items.len());
            }
        }
    }
}
