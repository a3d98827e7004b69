//! Leases that are due, one queue for each mount, so that an engine which is
//! slow or hangs delays nobody else's leases.
//!
//! This decides who works on which queue and does none of the work.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many leases of one mount end at a time.
const WORKERS: usize = 16;

/// Due leases by the path of their mount.
#[derive(Default)]
pub(super) struct FairQueue {
    mounts: Mutex<HashMap<String, Due>>,
}

#[derive(Default)]
struct Due {
    leases: VecDeque<Box<str>>,
    workers: usize,
}

impl FairQueue {
    /// Adds a lease to the queue of its mount, and says whether the caller has
    /// to start one more worker for that queue.
    #[must_use]
    pub(super) fn push(&self, mount: &str, lease: Box<str>) -> bool {
        let mut mounts = self.lock();
        let due = mounts.entry(mount.to_owned()).or_default();
        due.leases.push_back(lease);
        let starts = due.workers < WORKERS;
        due.workers += usize::from(starts);
        starts
    }

    /// The next lease for a worker of a mount. After `None` the worker counts
    /// as ended.
    pub(super) fn next(&self, mount: &str) -> Option<Box<str>> {
        let mut mounts = self.lock();
        let due = mounts.get_mut(mount)?;
        let lease = due.leases.pop_front();
        if lease.is_none() {
            due.workers = due.workers.saturating_sub(1);
            if due.workers == 0 {
                mounts.remove(mount);
            }
        }
        lease
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Due>> {
        self.mounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_gets_no_more_workers_than_there_may_be_and_others_get_theirs() {
        let queue = FairQueue::default();
        let started = (0..100).filter(|number| queue.push("slow/", format!("{number}").into()));
        assert_eq!(started.count(), WORKERS);
        assert!(queue.push("other/", "lease".into()));
    }

    #[test]
    fn a_worker_takes_leases_in_their_order_and_ends_with_the_last() {
        let queue = FairQueue::default();
        assert!(queue.push("mount/", "first".into()));
        assert!(queue.push("mount/", "second".into()));
        assert_eq!(queue.next("mount/").as_deref(), Some("first"));
        assert_eq!(queue.next("mount/").as_deref(), Some("second"));
        assert_eq!(queue.next("mount/"), None);
        assert_eq!(queue.next("mount/"), None);
        assert!(queue.lock().is_empty());
        assert!(
            queue.push("mount/", "third".into()),
            "a new worker is needed"
        );
    }
}
