//! Due leases in one queue per mount, so that a slow or hanging engine does not
//! delay the leases of other mounts.
//!
//! This module assigns workers to queues; the workers themselves are in
//! `expiry`.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Number of leases of one mount that are revoked concurrently.
const WORKERS: usize = 16;

/// Due leases by mount path.
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
    /// Adds a lease to the queue of its mount. Returns whether the caller must
    /// start another worker for that queue.
    #[must_use]
    pub(super) fn push(&self, mount: &str, lease: Box<str>) -> bool {
        let mut mounts = self.lock();
        let due = mounts.entry(mount.to_owned()).or_default();
        due.leases.push_back(lease);
        let starts = due.workers < WORKERS;
        due.workers += usize::from(starts);
        starts
    }

    /// The next lease for a worker of a mount. A worker that gets `None` must
    /// stop.
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
