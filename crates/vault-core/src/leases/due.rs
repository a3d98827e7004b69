//! The queue of leases by due time: one ordered set instead of a timer per
//! lease.
//!
//! An entry is only an id and a time, so that a million leases fit in memory.
//! An entry may be earlier than its lease is due, never later: read the lease
//! before acting on an entry.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

/// Lease ids by due time.
#[derive(Default)]
pub(super) struct DueQueue {
    /// Milliseconds since 1970, rounded up, so that nothing is due early.
    entries: Mutex<BTreeSet<(i64, Box<str>)>>,
    sooner: Notify,
}

impl DueQueue {
    /// Adds a lease.
    pub(super) fn insert(&self, id: &str, due: Timestamp) {
        let entry = (milliseconds(due), id.into());
        let mut entries = self.lock();
        let first = entries.first().is_none_or(|first| entry < *first);
        entries.insert(entry);
        drop(entries);
        if first {
            self.sooner.notify_one();
        }
    }

    /// Removes the entry of a lease at this time.
    pub(super) fn remove(&self, id: &str, due: Timestamp) {
        self.lock().remove(&(milliseconds(due), id.into()));
    }

    /// Takes the most overdue lease.
    pub(super) fn pop_due(&self, now: Timestamp) -> Option<Box<str>> {
        let mut entries = self.lock();
        let (due, _) = entries.first()?;
        if *due > now.as_millisecond() {
            return None;
        }
        entries.pop_first().map(|(_, id)| id)
    }

    /// When the next lease is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let due = self.lock().first().map(|(due, _)| *due)?;
        Timestamp::from_millisecond(due).ok()
    }

    /// Resolves when an entry becomes the new first one.
    pub(super) async fn sooner(&self) {
        self.sooner.notified().await;
    }

    /// The number of entries.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<(i64, Box<str>)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn milliseconds(time: Timestamp) -> i64 {
    let floor = time.as_millisecond();
    let exact = time.subsec_nanosecond() % 1_000_000 == 0;
    if exact {
        floor
    } else {
        floor.saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanosecond: i128) -> Timestamp {
        Timestamp::from_nanosecond(nanosecond).unwrap()
    }

    #[test]
    fn leases_leave_in_the_order_in_which_they_are_due() {
        let queue = DueQueue::default();
        queue.insert("late", at(3_000_000_000));
        queue.insert("early", at(1_000_000_000));
        assert_eq!(queue.next_due(), Some(at(1_000_000_000)));
        assert_eq!(queue.pop_due(at(999_999_999)), None);
        assert_eq!(queue.pop_due(at(2_000_000_000)).as_deref(), Some("early"));
        assert_eq!(queue.pop_due(at(2_000_000_000)), None);
        queue.remove("late", at(3_000_000_000));
        assert_eq!(queue.next_due(), None);
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_due_before_its_time(due in 0_i128..10_000_000_000, early in 1_i128..10_000_000) {
            let queue = DueQueue::default();
            queue.insert("lease", at(due));
            proptest::prop_assert!(queue.pop_due(at(due - early)).is_none());
            proptest::prop_assert!(queue.pop_due(at(due + 1_000_000)).is_some());
        }
    }
}
