//! A coalescer: callers that arrive while a call is in flight share the next
//! one. In a plugin each call to the host costs as much as a good part of a
//! request.
//!
//! No caller gets the result of a call that began before it arrived.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::sync::OnceCell;

/// Calls of one kind, each made for a batch of callers.
pub(crate) struct Coalescer<I, T> {
    /// The batch that callers join until its call begins.
    open: Mutex<Option<Arc<Batch<I, T>>>>,
    /// Held during a call. Whether the last was for a batch of one.
    in_flight: tokio::sync::Mutex<bool>,
    max_batch: usize,
}

/// Callers that share a call.
pub(crate) struct Batch<I, T> {
    items: Mutex<Vec<I>>,
    /// The result of the call. When the caller that makes it is dropped, the
    /// next one of the batch makes the same call again.
    outcome: OnceCell<T>,
}

impl<I: Clone, T: Clone> Coalescer<I, T> {
    /// Calls that are each made for this many callers at most.
    pub(crate) fn new(max_batch: usize) -> Self {
        Self {
            open: Mutex::default(),
            in_flight: tokio::sync::Mutex::default(),
            max_batch,
        }
    }

    /// The result of a call for this item and those of all callers that share
    /// it, in the order in which they arrived.
    pub(crate) async fn call<F: Future<Output = T>>(
        &self,
        item: I,
        make: impl FnOnce(Vec<I>) -> F,
    ) -> T {
        let batch = self.join(item);
        self.outcome(&batch, make).await
    }

    /// The result of the call of a batch.
    pub(crate) async fn outcome<F: Future<Output = T>>(
        &self,
        batch: &Arc<Batch<I, T>>,
        make: impl FnOnce(Vec<I>) -> F,
    ) -> T {
        let call = || async {
            let mut was_alone = self.in_flight.lock().await;
            // Skip the yield after a batch of one: it only causes a spurious
            // wake-up.
            if !*was_alone {
                yield_once().await;
            }
            self.close(batch);
            let items = lock(&batch.items).clone();
            *was_alone = items.len() == 1;
            make(items).await
        };
        batch.outcome.get_or_init(call).await.clone()
    }

    /// Joins the next batch. It is called after all batches that were opened
    /// before, unless one of them is full.
    pub(crate) fn join(&self, item: I) -> Arc<Batch<I, T>> {
        let mut open = lock(&self.open);
        if let Some(batch) = &*open {
            let mut items = lock(&batch.items);
            if items.len() < self.max_batch {
                items.push(item);
                return Arc::clone(batch);
            }
        }
        let batch = Arc::new(Batch {
            items: Mutex::new(vec![item]),
            outcome: OnceCell::new(),
        });
        *open = Some(Arc::clone(&batch));
        batch
    }

    /// No further caller joins.
    fn close(&self, batch: &Arc<Batch<I, T>>) {
        lock(&self.open).take_if(|open| Arc::ptr_eq(open, batch));
    }
}

/// Lets callers that are ready to run join first.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
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

    async fn call(coalescer: &Coalescer<u32, Vec<u32>>, calls: &Calls, item: u32) -> Vec<u32> {
        coalescer.call(item, |items| calls.make(items)).await
    }

    #[tokio::test(start_paused = true)]
    async fn callers_that_arrive_during_a_call_share_the_next_one() {
        let (coalescer, calls) = (Coalescer::new(9), Calls::default());
        let first = call(&coalescer, &calls, 1);
        let others = async {
            sleep(Duration::from_millis(500)).await;
            join_all((2..=4).map(|item| call(&coalescer, &calls, item))).await
        };
        let (first, others) = futures_util::join!(first, others);
        assert_eq!(first, [1]);
        assert_eq!(others, [[2, 3, 4], [2, 3, 4], [2, 3, 4]]);
        assert_eq!(*lock(&calls.0), [vec![1], vec![2, 3, 4]]);
    }

    #[tokio::test(start_paused = true)]
    async fn callers_that_arrive_at_one_time_share_one_call() {
        let (coalescer, calls) = (Coalescer::new(9), Calls::default());
        join_all((1..=4).map(|item| call(&coalescer, &calls, item))).await;
        assert_eq!(*lock(&calls.0), [[1, 2, 3, 4]]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_after_a_batch_of_one_begins_at_once() {
        let (coalescer, calls) = (Coalescer::new(9), Calls::default());
        call(&coalescer, &calls, 1).await;
        join_all((2..=4).map(|item| call(&coalescer, &calls, item))).await;
        join_all((5..=7).map(|item| call(&coalescer, &calls, item))).await;
        let made = [vec![1], vec![2], vec![3, 4], vec![5, 6, 7]];
        assert_eq!(*lock(&calls.0), made);
    }

    #[tokio::test(start_paused = true)]
    async fn no_batch_is_larger_than_allowed() {
        let (coalescer, calls) = (Coalescer::new(2), Calls::default());
        join_all((1..=5).map(|item| call(&coalescer, &calls, item))).await;
        assert_eq!(*lock(&calls.0), [vec![1, 2], vec![3, 4], vec![5]]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_call_of_a_dropped_caller_is_made_again_by_the_next() {
        let (coalescer, calls) = (Coalescer::new(9), Calls::default());
        let first = call(&coalescer, &calls, 1);
        let first = timeout(Duration::from_millis(500), first);
        let second = call(&coalescer, &calls, 2);
        let third = call(&coalescer, &calls, 3);
        let (first, second, third) = futures_util::join!(first, second, third);
        assert!(first.is_err());
        assert_eq!([second, third], [[1, 2, 3], [1, 2, 3]]);
        assert_eq!(*lock(&calls.0), [[1, 2, 3]]);
    }
}
