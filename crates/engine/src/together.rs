//! What waits together is done together: who comes while a call is under way
//! waits, and one more call then serves all who wait. In a plugin each call to
//! the host costs as much as a good part of a request.
//!
//! Nobody gets what came of a call that began before they came.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::sync::OnceCell;

/// Calls of one kind, each made for all who wait for it.
pub(crate) struct Together<I, T> {
    /// What is joined by who comes now, until its call begins.
    open: Mutex<Option<Arc<Party<I, T>>>>,
    /// Held by whoever makes the call. Whether the last was for one alone.
    turn: tokio::sync::Mutex<bool>,
    most: usize,
}

/// Those who wait for one call.
pub(crate) struct Party<I, T> {
    items: Mutex<Vec<I>>,
    /// What came of the call. When who makes it is dropped, the next of those
    /// who wait makes the same call again.
    outcome: OnceCell<T>,
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
        self.outcome(&party, make).await
    }

    /// What came of the call that a party waits for.
    pub(crate) async fn outcome<F: Future<Output = T>>(
        &self,
        party: &Arc<Party<I, T>>,
        make: impl FnOnce(Vec<I>) -> F,
    ) -> T {
        let call = || async {
            let mut for_one = self.turn.lock().await;
            // Who goes on to be alone would only wake a thread for nobody.
            if !*for_one {
                let_others_come().await;
            }
            self.close(party);
            let items = lock(&party.items).clone();
            *for_one = items.len() == 1;
            make(items).await
        };
        party.outcome.get_or_init(call).await.clone()
    }

    /// Joins those who wait for the next call. It is made after all calls that
    /// others wait for already, unless one of them is for as many as there may be.
    pub(crate) fn join(&self, item: I) -> Arc<Party<I, T>> {
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
            outcome: OnceCell::new(),
        });
        *open = Some(Arc::clone(&party));
        party
    }

    /// Nobody joins any more.
    fn close(&self, party: &Arc<Party<I, T>>) {
        lock(&self.open).take_if(|open| Arc::ptr_eq(open, party));
    }
}

/// Lets go first whoever is about to come.
async fn let_others_come() {
    let mut went = false;
    poll_fn(|context| {
        if std::mem::replace(&mut went, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
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
        let first = come(&together, &calls, 1);
        let others = async {
            sleep(Duration::from_millis(500)).await;
            join_all((2..=4).map(|item| come(&together, &calls, item))).await
        };
        let (first, others) = futures_util::join!(first, others);
        assert_eq!(first, [1]);
        assert_eq!(others, [[2, 3, 4], [2, 3, 4], [2, 3, 4]]);
        assert_eq!(*lock(&calls.0), [vec![1], vec![2, 3, 4]]);
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_come_at_one_time_wait_for_one_call() {
        let (together, calls) = (Together::new(9), Calls::default());
        join_all((1..=4).map(|item| come(&together, &calls, item))).await;
        assert_eq!(*lock(&calls.0), [[1, 2, 3, 4]]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_after_one_that_was_alone_waits_for_nobody() {
        let (together, calls) = (Together::new(9), Calls::default());
        come(&together, &calls, 1).await;
        join_all((2..=4).map(|item| come(&together, &calls, item))).await;
        join_all((5..=7).map(|item| come(&together, &calls, item))).await;
        let made = [vec![1], vec![2], vec![3, 4], vec![5, 6, 7]];
        assert_eq!(*lock(&calls.0), made);
    }

    #[tokio::test(start_paused = true)]
    async fn no_call_is_made_for_more_than_there_is_room_for() {
        let (together, calls) = (Together::new(2), Calls::default());
        join_all((1..=5).map(|item| come(&together, &calls, item))).await;
        assert_eq!(*lock(&calls.0), [vec![1, 2], vec![3, 4], vec![5]]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_call_of_one_who_is_gone_is_made_again_by_the_next() {
        let (together, calls) = (Together::new(9), Calls::default());
        let first = come(&together, &calls, 1);
        let first = timeout(Duration::from_millis(500), first);
        let second = come(&together, &calls, 2);
        let third = come(&together, &calls, 3);
        let (first, second, third) = futures_util::join!(first, second, third);
        assert!(first.is_err());
        assert_eq!([second, third], [[1, 2, 3], [1, 2, 3]]);
        assert_eq!(*lock(&calls.0), [[1, 2, 3]]);
    }
}
