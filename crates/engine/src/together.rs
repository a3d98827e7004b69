//! What waits together is done together: who comes while a call is under way
//! waits, and one more call then serves all who wait. In a plugin each call to
//! the host costs as much as a good part of a request.
//!
//! Nobody gets what came of a call that began before they came.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Calls of one kind, each made for all who wait for it.
pub(crate) struct Together<I, T> {
    /// What is joined by who comes now, until its call begins.
    open: Mutex<Option<Arc<Party<I, T>>>>,
    /// Held by whoever makes the call.
    turn: tokio::sync::Mutex<()>,
    most: usize,
}

/// Those who wait for one call.
struct Party<I, T> {
    items: Mutex<Vec<I>>,
    /// What came of the call. A caller who was dropped leaves none, and the
    /// next of those who wait makes the same call again.
    outcome: OnceLock<T>,
}

impl<I: Clone, T: Clone> Together<I, T> {
    /// Calls that are each made for so many at most.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            open: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            most,
        }
    }

    /// What came of a call for this item and those of all who waited. They are
    /// in the order in which they came.
    pub(crate) async fn call<F: Future<Output = T>>(
        &self,
        item: I,
        make: impl FnOnce(Vec<I>) -> F,
    ) -> T {
        let party = self.join(item);
        let _turn = self.turn.lock().await;
        if let Some(outcome) = party.outcome.get() {
            return outcome.clone();
        }
        self.close(&party);
        let items = lock(&party.items).clone();
        let outcome = make(items).await;
        let _ = party.outcome.set(outcome.clone());
        outcome
    }

    fn join(&self, item: I) -> Arc<Party<I, T>> {
        let mut open = lock(&self.open);
        if let Some(party) = &*open {
            let mut items = lock(&party.items);
            if items.len() < self.most {
                items.push(item);
                return Arc::clone(party);
            }
        }
        let party = Arc::new(Party {
            items: Mutex::new(vec![item]),
            outcome: OnceLock::new(),
        });
        *open = Some(Arc::clone(&party));
        party
    }

    /// Nobody joins any more.
    fn close(&self, party: &Arc<Party<I, T>>) {
        lock(&self.open).take_if(|open| Arc::ptr_eq(open, party));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join_all;
    use tokio::time::{sleep, timeout};

    use super::*;

    /// The items of every call that ended, each of which takes a second.
    #[derive(Default)]
    struct Calls(Mutex<Vec<Vec<u32>>>);

    impl Calls {
        async fn make(&self, items: Vec<u32>) -> Vec<u32> {
            sleep(Duration::from_secs(1)).await;
            lock(&self.0).push(items.clone());
            items
        }
    }

    async fn come(together: &Together<u32, Vec<u32>>, calls: &Calls, item: u32) -> Vec<u32> {
        together.call(item, |items| calls.make(items)).await
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_during_a_call_waits_for_the_next_with_all_others() {
        let (together, calls) = (Together::new(9), Calls::default());
        let come = (1..=4).map(|item| come(&together, &calls, item));
        let outcomes = join_all(come).await;
        let rest = vec![2, 3, 4];
        assert_eq!(outcomes, [&[1][..], &rest, &rest, &rest]);
        assert_eq!(*lock(&calls.0), [vec![1], rest]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_call_is_made_for_more_than_there_is_room_for() {
        let (together, calls) = (Together::new(2), Calls::default());
        join_all((1..=6).map(|item| come(&together, &calls, item))).await;
        assert_eq!(*lock(&calls.0), [vec![1], vec![2, 3], vec![4, 5], vec![6]]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_call_of_one_who_is_gone_is_made_again_by_the_next() {
        let (together, calls) = (Together::new(9), Calls::default());
        let first = come(&together, &calls, 1);
        let second = async {
            let second = come(&together, &calls, 2);
            timeout(Duration::from_millis(1500), second).await
        };
        let third = come(&together, &calls, 3);
        let (_, second, third) = futures_util::join!(first, second, third);
        assert!(second.is_err());
        assert_eq!(third, [2, 3]);
        assert_eq!(*lock(&calls.0), [vec![1], vec![2, 3]]);
    }
}
